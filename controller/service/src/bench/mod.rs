//! Measuring the label reader beside other decoders, on the same frames and the same thread.
//!
//! Terms: a *contender* is a decoder under test; a *frame's truth* is what was drawn or what is known
//! about a photograph; a *wrong read* is a text that is on nothing in the frame.
//! Texts are compared without parentheses, blanks at the ends and control characters, since decoders
//! disagree about these. Frames are drawn or loaded one at a time and forgotten at once.

mod contender;
mod report;
mod run;
mod score;
mod search;
mod set;
mod table;

pub use contender::{Contender, Who, contenders};
pub use report::{Report, Section};
pub use run::{Part, Plan, Size, run};
pub use search::{Proposal, search};
pub use set::Set;
pub use table::table;
