//! Topics below `{root}/v1/{site}/{line}/node/{node}/`.

use crate::command::Name;

/// Names of the topics of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    base: String,
}

/// What a node tells on a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Whether it is connected.
    Connection,
    /// What it is and can do.
    Factsheet,
    /// Its state.
    State,
    /// An event.
    Event,
    /// The answer to the command of this id.
    Ack(u32),
}

impl Topics {
    /// Topics of a node of a line of a site.
    #[must_use]
    pub fn new(root: &str, site: &str, line: &str, node: &str) -> Self {
        Self {
            base: format!("{root}/v1/{site}/{line}/node/{node}"),
        }
    }

    /// What all of them begin with.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether the node is connected; retained, and its last will.
    #[must_use]
    pub fn connection(&self) -> String {
        self.below("connection")
    }

    /// What the node is and can do; retained.
    #[must_use]
    pub fn factsheet(&self) -> String {
        self.below("factsheet")
    }

    /// The node's state; never retained.
    #[must_use]
    pub fn state(&self) -> String {
        self.below("state")
    }

    /// The node's events.
    #[must_use]
    pub fn event(&self) -> String {
        self.below("event")
    }

    /// Answer to a command.
    #[must_use]
    pub fn ack(&self, id: u32) -> String {
        self.below(&format!("ack/{id}"))
    }

    /// Answers to all commands.
    #[must_use]
    pub fn acks(&self) -> String {
        self.below("ack/+")
    }

    /// A command.
    #[must_use]
    pub fn command(&self, name: Name) -> String {
        self.below(&format!("cmd/{}", name.word()))
    }

    /// All commands.
    #[must_use]
    pub fn commands(&self) -> String {
        self.below("cmd/+")
    }

    /// The word after `cmd/` of a command's topic.
    #[must_use]
    pub fn name<'a>(&self, topic: &'a str) -> Option<&'a str> {
        self.rest(topic)?.strip_prefix("cmd/")
    }

    /// What a topic of the node's tells.
    #[must_use]
    pub fn told(&self, topic: &str) -> Option<Told> {
        let rest = self.rest(topic)?;
        if let Some(id) = rest.strip_prefix("ack/") {
            return id.parse().ok().map(Told::Ack);
        }
        Some(match rest {
            "connection" => Told::Connection,
            "factsheet" => Told::Factsheet,
            "state" => Told::State,
            "event" => Told::Event,
            _ => return None,
        })
    }

    fn below(&self, rest: &str) -> String {
        format!("{}/{rest}", self.base)
    }

    fn rest<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(self.base.as_str())?.strip_prefix('/')
    }
}

/// Whether a text may be one level of a topic: 1 to 32 lower-case letters, digits and dashes.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=32).contains(&text.len()) && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_there_and_back() {
        let topics = Topics::new("sortline", "fra", "a", "north");
        let base = "sortline/v1/fra/a/node/north";
        assert_eq!(topics.acks(), format!("{base}/ack/+"));
        assert_eq!(topics.commands(), format!("{base}/cmd/+"));
        for (topic, told) in [
            (topics.connection(), Some(Told::Connection)),
            (topics.factsheet(), Some(Told::Factsheet)),
            (topics.state(), Some(Told::State)),
            (topics.event(), Some(Told::Event)),
            (topics.ack(17), Some(Told::Ack(17))),
            (format!("{base}/ack/x"), None),
            (format!("{base}/ack"), None),
            (format!("{base}2/state"), None),
            (topics.command(Name::Beat), None),
            (String::new(), None),
        ] {
            assert_eq!(topics.told(&topic), told, "{topic}");
        }
        assert_eq!(topics.name(&topics.command(Name::Stroke)), Some("stroke"));
        assert_eq!(topics.name(&topics.state()), None);
    }

    #[test]
    fn levels_have_no_wildcards() {
        for (text, expected) in [
            ("node-1", true),
            ("", false),
            ("+", false),
            ("a/b", false),
            ("North", false),
            ("a234567890a234567890a234567890ab", true),
            ("a234567890a234567890a234567890abc", false),
        ] {
            assert_eq!(is_slug(text), expected, "{text}");
        }
    }
}
