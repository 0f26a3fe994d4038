//! Which outcomes the broker has: the journal is their outbox.
//!
//! Outcomes are told at least once, over restarts of either side. They come as they happen; after
//! a start, after a new session at the broker and after too many waited, they are read from the
//! journal again. Up to [`Ledger::told`] all are with the broker; that mark is kept on disk.

/// The state behind it. Rows are those of the journal's events.
#[derive(Debug)]
pub(super) struct Ledger {
    told: i64,
    /// Newest outcome handed to the client library.
    handed: i64,
    /// Newest outcome that is known of.
    known: i64,
    /// Messages of any kind handed over and not acknowledged.
    outstanding: u64,
    /// Outcomes are read from the journal, not taken as they come.
    behind: bool,
    /// The broker refused a message that may have been an outcome.
    doubtful: bool,
}

impl Ledger {
    /// Goes on behind the mark `told`; the newest outcome in the journal is `last`.
    pub(super) const fn resume(told: i64, last: i64) -> Self {
        Self {
            told,
            handed: told,
            known: last,
            outstanding: 0,
            behind: last > told,
            doubtful: false,
        }
    }

    /// Every outcome up to this row is with the broker.
    pub(super) const fn told(&self) -> i64 {
        self.told
    }

    /// An outcome happened; false when it will be read from the journal.
    pub(super) fn hears(&mut self, row: i64) -> bool {
        self.known = self.known.max(row);
        !self.behind
    }

    /// Outcomes that waited are given up, and read from the journal later.
    pub(super) const fn falls_behind(&mut self) {
        self.behind = true;
    }

    /// Whether outcomes are to be read from the journal, and behind which row: once nothing is
    /// outstanding, so that a mark stands behind each batch.
    pub(super) fn wants(&self) -> Option<i64> {
        (self.behind && self.outstanding == 0).then_some(self.handed)
    }

    /// Outcomes up to this row were read, all there are if not `more`.
    pub(super) fn read(&mut self, last: i64, more: bool) {
        self.behind = more || last < self.known;
    }

    /// A message was handed to the client library.
    pub(super) fn hands(&mut self, outcome: Option<i64>) {
        self.outstanding = self.outstanding.saturating_add(1);
        self.handed = self.handed.max(outcome.unwrap_or(0));
    }

    /// The broker acknowledged a message; true when the mark moved.
    pub(super) fn acknowledged(&mut self, fine: bool) -> bool {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.doubtful |= !fine;
        let moves = self.outstanding == 0 && !self.doubtful && self.handed > self.told;
        if moves {
            self.told = self.handed;
        }
        moves
    }

    /// The broker has no session of ours: what it did not acknowledge is gone.
    pub(super) const fn session_is_new(&mut self) {
        self.outstanding = 0;
        self.tell_again();
    }

    /// Tells again what the broker may have refused. To be called now and then: it may go on
    /// refusing.
    pub(super) const fn settle_doubt(&mut self) {
        if self.doubtful && self.outstanding == 0 {
            self.tell_again();
        }
    }

    const fn tell_again(&mut self) {
        self.doubtful = false;
        if self.handed > self.told {
            self.handed = self.told;
            self.behind = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_follows_when_nothing_is_outstanding() {
        let mut ledger = Ledger::resume(10, 10);
        assert!(ledger.wants().is_none());
        assert!(ledger.hears(12) && ledger.hears(15));
        ledger.hands(Some(12));
        ledger.hands(None);
        ledger.hands(Some(15));
        assert!(!ledger.acknowledged(true) && !ledger.acknowledged(true));
        assert_eq!(ledger.told(), 10);
        assert!(ledger.acknowledged(true));
        assert_eq!(ledger.told(), 15);
        ledger.hands(None);
        assert!(!ledger.acknowledged(true), "the mark is where it was");
    }

    #[test]
    fn a_start_reads_what_was_not_told_batch_by_batch() {
        let mut ledger = Ledger::resume(10, 40);
        assert_eq!(ledger.wants(), Some(10));
        assert!(!ledger.hears(50), "it will be read");
        ledger.read(30, true);
        ledger.hands(Some(20));
        ledger.hands(Some(30));
        assert_eq!(ledger.wants(), None, "one batch at a time");
        ledger.acknowledged(true);
        ledger.acknowledged(true);
        assert_eq!((ledger.told(), ledger.wants()), (30, Some(30)));
        // Row 50 was committed after this was read.
        ledger.read(40, false);
        ledger.hands(Some(40));
        ledger.acknowledged(true);
        assert_eq!(ledger.wants(), Some(40));
        ledger.read(50, false);
        assert!(ledger.hears(51), "from here on as they happen");
    }

    #[test]
    fn a_new_session_tells_again_what_was_not_acknowledged() {
        let mut ledger = Ledger::resume(10, 10);
        ledger.hears(12);
        ledger.hands(Some(12));
        ledger.session_is_new();
        assert_eq!(ledger.wants(), Some(10));
        ledger.read(12, false);
        ledger.hands(Some(12));
        assert!(ledger.acknowledged(true));
        assert_eq!(ledger.told(), 12);
        ledger.session_is_new();
        assert_eq!(ledger.wants(), None, "all was told");
    }

    #[test]
    fn what_the_broker_refused_is_told_again() {
        let mut ledger = Ledger::resume(10, 10);
        ledger.hears(12);
        ledger.hands(Some(12));
        assert!(!ledger.acknowledged(false));
        assert_eq!((ledger.told(), ledger.wants()), (10, None));
        ledger.settle_doubt();
        assert_eq!(ledger.wants(), Some(10));
    }
}
