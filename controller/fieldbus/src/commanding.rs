//! Commands on their way to the node, and its answers.

use crate::session::{End, Link, Phase, Session};
use crate::translate;
use sortline_core::{Command, Event, Refusal, StrokeResult};

impl Session {
    /// Writes a command and reads its answer. Without a clean reply it is not known whether the
    /// node has it: it is never written again, and looked up after the next connection.
    pub(crate) async fn command(&mut self, link: &mut Link, command: &Command) -> Result<(), End> {
        if link.phase != Phase::Up {
            return self.refuse(command).await;
        }
        self.statistics.commands += 1;
        match link.port.command(command, &mut self.statistics).await {
            Ok(Some(result)) => match translate::answer(command, result) {
                Some(event) => self.deliver(event).await,
                None => Ok(()),
            },
            Ok(None) => self.deliver_refusal(command, Refusal::Checksum).await,
            Err(error) => {
                self.doubtful = Some(*command);
                let seq = translate::seq(command);
                let result = StrokeResult::Unknown;
                self.deliver(Event::Stroke { seq, result }).await?;
                Err(error.into())
            }
        }
    }
}
