//! What others ask of the live task.

use jiff::Timestamp;
use sortline_core::commission::{DiverterTimes, Finding};
use sortline_core::{ChuteId, ParcelId};
use tokio::sync::{mpsc, oneshot};

use super::alarms::{Act, Refused};
use super::bags::Bag;
use super::chutes::Note;
use super::coding::{Answer, Wish};
use super::reports::Report;
use crate::office::AlarmRow;

/// One request with the way for its answer.
#[derive(Debug)]
pub enum Order {
    /// A person's act on an alarm, or whether it may be done.
    Act {
        /// What is to be put on record.
        row: AlarmRow,
        /// What.
        act: Act,
        /// Do it, not only ask.
        really: bool,
        /// State before, or why not.
        reply: oneshot::Sender<Result<&'static str, Refused>>,
    },
    /// A coder's wish.
    Code {
        /// Parcel.
        parcel: ParcelId,
        /// Coder.
        person: String,
        /// Wish.
        wish: Wish,
        /// Answer.
        reply: oneshot::Sender<Answer>,
    },
    /// Why a chute is switched off.
    Explain {
        /// Chute.
        chute: ChuteId,
        /// Reason.
        note: Note,
        /// Taken in.
        reply: oneshot::Sender<()>,
    },
    /// Closed bags.
    Bags {
        /// Answer.
        reply: oneshot::Sender<Vec<Bag>>,
    },
    /// What changes on the line's parts.
    Wear {
        /// Answer.
        reply: oneshot::Sender<(Vec<Finding>, Vec<DiverterTimes>)>,
    },
    /// A report.
    Report {
        /// From and to.
        time: (Timestamp, Timestamp),
        /// Quarters of an hour in a part.
        part: u32,
        /// Answer.
        reply: oneshot::Sender<Report>,
    },
}

/// The way to the live task.
#[derive(Clone, Debug)]
pub struct Desk(mpsc::Sender<Order>);

impl Desk {
    /// A desk at the end of a channel.
    pub const fn new(orders: mpsc::Sender<Order>) -> Self {
        Self(orders)
    }

    /// Asks, without waiting for a place in the queue; `None` when there is none, or when the
    /// service ends.
    pub async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(order(reply)).ok()?;
        answer.await.ok()
    }
}
