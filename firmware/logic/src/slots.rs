//! A bounded bag that keeps its order of insertion.

/// Up to `N` values, oldest first.
#[derive(Debug)]
pub(crate) struct Slots<T, const N: usize> {
    /// The values are in front.
    slots: [Option<T>; N],
    held: usize,
}

impl<T: Copy, const N: usize> Slots<T, N> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [None; N],
            held: 0,
        }
    }

    /// Adds a value at the end; `false` when there is no room.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        let Some(slot) = self.slots.get_mut(self.held) else {
            return false;
        };
        *slot = Some(value);
        self.held = self.held.saturating_add(1);
        true
    }

    /// Removes the oldest value for which `wanted` holds. The values behind it move up, so that
    /// the free slots stay at the end.
    pub(crate) fn take_first(&mut self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let position = self.iter().position(wanted)?;
        let tail = self.slots.get_mut(position..self.held)?;
        let taken = tail.first_mut()?.take();
        // What stays in the last slot is beyond `held`, and nobody sees it.
        tail.copy_within(1.., 0);
        self.held = self.held.saturating_sub(1);
        taken
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let held = self.slots.get(..self.held).unwrap_or_default();
        held.iter().flatten()
    }

    pub(crate) fn len(&self) -> u16 {
        u16::try_from(self.held).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_bound() {
        let mut slots = Slots::<u8, 3>::new();
        assert!(slots.insert(1) && slots.insert(2) && slots.insert(3));
        assert!(!slots.insert(4));
        assert_eq!(slots.take_first(|value| *value == 2), Some(2));
        assert_eq!(slots.take_first(|value| *value == 2), None);
        assert!(slots.insert(5));
        assert!(slots.iter().copied().eq([1, 3, 5]));
        assert_eq!(slots.len(), 3);
        assert_eq!(slots.take_first(|_| true), Some(1));
        assert_eq!(slots.len(), 2);
    }
}
