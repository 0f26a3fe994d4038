//! A queue for searches whose keys never go back: one bucket for each minute.
//!
//! After Dial: Algorithm 360, shortest-path forest with topological ordering, Communications of
//! the ACM 12(11), 1969. A bit for each bucket tells which are in use.

/// End of a bucket.
const END: u32 = u32::MAX;

/// Nodes by minute.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    /// By minute: its last entry.
    heads: Vec<u32>,
    /// 64 minutes a word: which buckets hold something.
    used: Vec<u64>,
    /// Node, and the entry before it in the bucket.
    entries: Vec<(u32, u32)>,
    /// Word of the earliest bucket in use.
    at: usize,
}

impl Queue {
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.used.fill(0);
        self.at = 0;
    }

    /// Adds a node. The minute is not before the last one popped.
    #[inline]
    pub(crate) fn push(&mut self, minute: i32, node: u32) {
        let minute = minute.unsigned_abs() as usize;
        if minute >= self.heads.len() {
            self.heads.resize(minute + 1, END);
            self.used.resize(minute / 64 + 1, 0);
        }
        let number = u32::try_from(self.entries.len()).unwrap_or(END);
        let bit = 1u64 << (minute % 64);
        let (Some(head), Some(word)) = (self.heads.get_mut(minute), self.used.get_mut(minute / 64))
        else {
            return;
        };
        let before = if *word & bit == 0 { END } else { *head };
        *word |= bit;
        *head = number;
        self.entries.push((node, before));
    }

    /// Takes a node of the earliest minute.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(i32, u32)> {
        while *self.used.get(self.at)? == 0 {
            self.at += 1;
        }
        let word = self.used.get_mut(self.at)?;
        let low = word.trailing_zeros();
        let minute = self.at * 64 + low as usize;
        let head = self.heads.get_mut(minute)?;
        let (node, before) = *self.entries.get(*head as usize)?;
        *head = before;
        if before == END {
            *word &= *word - 1;
        }
        Some((i32::try_from(minute).ok()?, node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Draw;

    #[test]
    fn it_gives_what_a_heap_gives() {
        let mut draw = Draw::new(3);
        let mut queue = Queue::default();
        for _ in 0..50 {
            queue.clear();
            let mut heap = std::collections::BTreeSet::new();
            let mut now = 0;
            for node in 0..400u32 {
                let minute = now + i32::try_from(draw.below(300)).unwrap();
                queue.push(minute, node);
                heap.insert((minute, node));
                if draw.below(3) == 0 {
                    let (minute, node) = queue.pop().unwrap();
                    assert_eq!(heap.first().map(|first| first.0), Some(minute));
                    assert!(heap.remove(&(minute, node)));
                    now = minute;
                }
            }
            while let Some(popped) = queue.pop() {
                assert!(heap.remove(&popped) && popped.0 >= now);
                now = popped.0;
            }
            assert!(heap.is_empty());
        }
    }
}
