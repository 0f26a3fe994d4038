//! The twin of a `ShuDiNiao` wheel diverter: bytes in, bytes out.

use std::collections::VecDeque;

/// Time that the wheels need to turn, milliseconds.
const TURN_MS: u64 = 80;

/// A wheel diverter, device 0x51.
#[derive(Clone, Debug, Default)]
pub struct WheelTwin {
    received: Vec<u8>,
    waiting: VecDeque<(u64, [u8; 7])>,
    position: u8,
}

impl WheelTwin {
    /// The telegram with which it says that it runs.
    pub const RUNNING: [u8; 7] = [0x51, 0x52, 0x57, 0x51, 0x51, 0x51, 0xFE];

    /// Takes bytes in at this time; acknowledgements are due at once, completions later.
    pub fn push(&mut self, bytes: &[u8], now_ms: u64) {
        self.received.extend_from_slice(bytes);
        while let Some((frame, rest)) = self.received.split_first_chunk::<7>() {
            let (frame, rest) = (*frame, rest.to_vec());
            let [0x51, 0x52, 0x57, 0x51, 0x52, code @ 0x53..=0x55, 0xFE] = frame else {
                self.received.remove(0);
                continue;
            };
            self.received = rest;
            self.waiting
                .push_back((now_ms, [0x51, 0x52, 0x57, 0x51, 0x53, code, 0xFE]));
            let turned = [0x51, 0x52, 0x57, 0x51, 0x53, code + 3, 0xFE];
            self.waiting.push_back((now_ms + TURN_MS, turned));
        }
    }

    /// Telegrams that are due.
    pub fn due(&mut self, now_ms: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some((_, telegram)) = self.waiting.pop_front_if(|(at, _)| *at <= now_ms) {
            let [_, _, _, _, _, code, _] = telegram;
            if code >= 0x56 {
                self.position = code - 0x56;
            }
            bytes.extend(telegram);
        }
        bytes
    }

    /// Where the wheels point: 0 left, 1 straight on, 2 right.
    pub const fn position(&self) -> u8 {
        self.position
    }
}
