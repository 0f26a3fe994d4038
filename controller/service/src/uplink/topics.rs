//! Topics below `{root}/v1/{site}/{line}/`.

use sortline_core::{ChuteId, ParcelId};

/// Names of the topics of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    base: String,
}

impl Topics {
    /// Topics of a line of a site.
    pub fn new(root: &str, site: &str, line: &str) -> Self {
        Self {
            base: format!("{root}/v1/{site}/{line}"),
        }
    }

    /// The whole state, retained.
    pub fn state(&self) -> String {
        format!("{}/state", self.base)
    }

    /// Whether the controller is connected, retained; the last will.
    pub fn connection(&self) -> String {
        format!("{}/connection", self.base)
    }

    /// What the line is and can do, retained.
    pub fn factsheet(&self) -> String {
        format!("{}/factsheet", self.base)
    }

    /// All commands.
    pub fn commands(&self) -> String {
        format!("{}/cmd/+", self.base)
    }

    /// Name of the command of a topic.
    pub fn command<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic
            .strip_prefix(self.base.as_str())?
            .strip_prefix("/cmd/")
    }

    /// Answer to a command.
    pub fn ack(&self, id: &str) -> String {
        format!("{}/ack/{id}", self.base)
    }

    /// Steps of a parcel.
    pub fn parcel(&self, parcel: ParcelId) -> String {
        format!("{}/parcel/{parcel}/event", self.base)
    }

    /// State of a chute, retained.
    pub fn chute(&self, chute: ChuteId) -> String {
        format!("{}/chute/{chute}/state", self.base)
    }

    /// An alarm, retained while it lasts.
    pub fn alarm(&self, id: &str) -> String {
        format!("{}/alarm/{id}", self.base)
    }
}
