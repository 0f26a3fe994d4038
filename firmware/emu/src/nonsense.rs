//! Requests that mostly make no sense.

use sortline_regmap as map;
use sortline_sim::plant::Rng;

use crate::garbage::Transport;

/// Makes requests for a transport.
#[derive(Debug)]
pub(crate) struct Nonsense {
    rng: Rng,
    transport: Transport,
}

impl Nonsense {
    pub(crate) fn new(transport: Transport, seed: u64) -> Self {
        Self {
            rng: Rng::new(seed, 2),
            transport,
        }
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.rng.below(end)
    }

    /// Function code and data that a sound frame can carry, and mostly makes no sense.
    pub(crate) fn request(&mut self) -> Vec<u8> {
        let functions = [1, 2, 3, 4, 5, 6, 15, 16, 23];
        let pick = usize::try_from(self.rng.below(9)).unwrap_or(0);
        let mut request = vec![functions.get(pick).copied().unwrap_or(3)];
        match self.rng.below(4) {
            // Near to a real one: addresses of the map, small counts, then damage.
            0 | 1 => {
                let address = self.address();
                request.extend(address.to_be_bytes());
                // Mostly few registers: long answers take long on the line and say no more.
                let most = if self.rng.below(8) == 0 { 130 } else { 6 };
                let count = u16::try_from(self.rng.below(most)).unwrap_or(0);
                request.extend(count.to_be_bytes());
                if matches!(request.first(), Some(15 | 16 | 23)) {
                    self.add_data(&mut request);
                }
                if self.rng.below(3) == 0 {
                    self.damage(&mut request);
                }
            }
            // A sound function code with anything behind it.
            2 => self.add_anything(&mut request),
            // Anything at all.
            _ => {
                request.clear();
                request.push(self.byte());
                self.add_anything(&mut request);
            }
        }
        request.truncate(253);
        if self.transport == Transport::Rtu {
            fit_to_line(&mut request);
        }
        request
    }

    fn address(&mut self) -> u16 {
        // The blocks that a write can be for come most often.
        let starts = [0, 16, 100, 160, 170, 180, 1_000, 2_000, 2_880, 60_000];
        let pick = usize::try_from(self.rng.below(10)).unwrap_or(0);
        let start: u16 = starts.get(pick).copied().unwrap_or(0);
        start.wrapping_add(u16::try_from(self.rng.below(50)).unwrap_or(0))
    }

    fn add_data(&mut self, request: &mut Vec<u8>) {
        let bytes = self.rng.below(60);
        request.push(u8::try_from(bytes).unwrap_or(0));
        for _ in 0..bytes {
            let byte = self.byte();
            request.push(byte);
        }
    }

    fn add_anything(&mut self, request: &mut Vec<u8>) {
        for _ in 0..self.rng.below(40) {
            let byte = self.byte();
            request.push(byte);
        }
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        match self.rng.below(3) {
            0 => {
                bytes.pop();
            }
            1 => {
                let byte = self.byte();
                bytes.push(byte);
            }
            _ => {
                let length = u64::try_from(bytes.len()).unwrap_or(1).max(1);
                let at = usize::try_from(self.rng.below(length)).unwrap_or(0);
                let flip = 1_u8 << self.rng.below(8);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= flip;
                }
            }
        }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let [byte, ..] = self.rng.bits().to_le_bytes();
        byte
    }
}

/// True when a request writes the last register of `CONTROL`, which is what executes it: by chance
/// garbage says no more than "disarm", and then that is what has to be done.
pub(crate) fn writes_control(request: &[u8]) -> bool {
    let word = |at: usize| match request.get(at..at + 2) {
        Some(&[high, low]) => u32::from(u16::from_be_bytes([high, low])),
        _ => 0,
    };
    let (first, count) = match request.first() {
        Some(5) => (word(1) / 16, 1),
        Some(6) => (word(1), 1),
        Some(15) => (word(1) / 16, word(3) / 16 + 2),
        Some(16) => (word(1), word(3)),
        Some(23) => (word(5), word(7)),
        _ => return false,
    };
    let last = u32::from(map::CONTROL.end()) - 1;
    (first..first + count).contains(&last)
}

/// On the line a frame ends where its function code says: data of another length would be two
/// frames, or half a one. Makes the bytes as long as they say.
pub(crate) fn fit_to_line(request: &mut Vec<u8>) {
    let counted = |request: &[u8], at: usize| request.get(at).map_or(0, |byte| usize::from(*byte));
    let length = match request.first() {
        Some(1..=6) => 5,
        Some(15 | 16) => 6 + counted(request, 5),
        Some(23) => 10 + counted(request, 9),
        // Known by the silence behind it, which a batch does not have.
        _ => {
            if let Some(first) = request.first_mut() {
                *first = 3;
            }
            5
        }
    };
    request.resize(length, 0);
    if request.len() > 253 {
        request.truncate(253);
        let (count, fixed) = if request.first() == Some(&23) {
            (9, 10)
        } else {
            (5, 6)
        };
        if let Some(place) = request.get_mut(count) {
            *place = u8::try_from(253 - fixed).unwrap_or(0);
        }
    }
}
