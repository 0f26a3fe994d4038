//! Tracking, sort plan, decision and divert schedule of one sorting line, without any IO.
//!
//! The core has no clock, no socket, no file, no random numbers and no async. Everything that can
//! happen is an [`Event`]; everything it can want is an [`Action`]. The same events give the same
//! actions: live, in the simulator and in replay.
//!
//! ```text
//! line.handle_event(now, &event);      // something happened
//! line.handle_timeout(now);            // the time asked for has come
//! line.poll_timeout()                  // when to wake it next, and why
//! line.poll_action()                   // what it wants, until `None`
//! ```
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod action;
pub mod commission;
mod disposition;
mod event;
mod ids;
mod line;
mod plan;
pub mod planted;
mod reading;
pub mod topology;
mod units;

pub use action::{
    Action, AlarmChange, AlarmKind, Alternative, Command, InductionLevel, JogRefusal, JogState,
    Obstacle, Outcome, RejectCause, Step,
};
pub use disposition::{Decision, Disposition, Ending, Physical, causes};
pub use event::{
    ChuteState, Edge, Event, NodeFault, OperatorCommand, Refusal, Resolution, StrokeResult,
};
pub use ids::{CameraId, ChuteId, DiverterId, Epoch, EyeId, ParcelId, Seq, TriggerId};
pub use line::{ChuteView, Counters, Line, ParcelView, Status};
pub use plan::{Everything, PlanError, PlanMatch, Rule, SortPlan};
pub use reading::{Code, Destination, DestinationSource, NoRead, Reading};
pub use units::{LineTime, Millimetres, MillimetresPerSecond, Permille, Ticks};
