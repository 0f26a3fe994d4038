//! A photo-eye: what covers its beam, and what it reports.

/// One photo-eye.
#[derive(Clone, Debug)]
pub(crate) struct Eye {
    /// Input number at the node.
    pub(crate) id: u16,
    /// Parcels in the beam.
    covered: u32,
    /// What it last reported.
    reported: bool,
    /// Faulty: reports this whatever is in the beam.
    stuck: Option<bool>,
}

impl Eye {
    /// A clear eye.
    pub(crate) const fn new(id: u16) -> Self {
        Self {
            id,
            covered: 0,
            reported: false,
            stuck: None,
        }
    }

    /// A parcel enters the beam (`true`) or leaves it. Returns the edge to report, if any.
    pub(crate) fn cover(&mut self, enters: bool) -> Option<bool> {
        self.covered = if enters {
            self.covered + 1
        } else {
            self.covered.saturating_sub(1)
        };
        self.settle()
    }

    /// What it last reported.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.reported
    }

    /// True while a parcel is in the beam.
    pub(crate) const fn is_covered(&self) -> bool {
        self.covered > 0
    }

    /// Sticks at a level, or works again with `None`.
    pub(crate) fn stick(&mut self, level: Option<bool>) -> Option<bool> {
        self.stuck = level;
        self.settle()
    }

    /// Reports `level` although the beam says otherwise, if a parcel is in the beam. One bounce.
    pub(crate) const fn bounce(&mut self, level: bool) -> Option<bool> {
        if self.stuck.is_some() || !self.is_covered() || self.reported == level {
            return None;
        }
        self.reported = level;
        Some(level)
    }

    /// Reports the level that is right, if it is not the one last reported.
    fn settle(&mut self) -> Option<bool> {
        let level = self.stuck.unwrap_or(self.covered > 0);
        (self.reported != level).then(|| {
            self.reported = level;
            level
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_parcels_are_one_blocking() {
        let mut eye = Eye::new(0);
        let seen: Vec<_> = [true, true, false, false].map(|e| eye.cover(e)).into();
        assert_eq!(seen, [Some(true), None, None, Some(false)]);
    }

    #[test]
    fn a_stuck_eye_reports_nothing_and_settles_afterwards() {
        let mut eye = Eye::new(0);
        assert_eq!(eye.stick(Some(true)), Some(true));
        assert_eq!((eye.cover(true), eye.cover(false)), (None, None));
        assert_eq!(eye.stick(None), Some(false));
    }

    #[test]
    fn a_bounce_needs_a_parcel_in_the_beam() {
        let mut eye = Eye::new(0);
        assert_eq!(eye.bounce(false), None);
        eye.cover(true);
        assert_eq!(eye.bounce(false), Some(false));
        assert_eq!(eye.bounce(true), Some(true));
        assert_eq!(eye.bounce(true), None);
        assert_eq!(eye.cover(false), Some(false));
    }
}
