//! Modbus RTU on USART1, half duplex: the transceiver is driven while a reply goes out.

use sortline_logic::PDU_MAX;
use sortline_logic::rtu::{ADU_MAX, Receiver, frame};

use crate::pins;
use crate::registers::usart1;

/// Address on the line.
const UNIT: u8 = 1;
/// A pause that ends a frame. With 115200 baud the standard asks for 1.75 ms; a master that got no
/// answer waits far longer than this before it asks again.
const SILENCE_MS: u32 = 5;

const RECEIVED: u32 = 1 << 5;
const SENT: u32 = 1 << 6;
const EMPTY: u32 = 1 << 7;

/// The line: a request coming in, a reply going out.
pub struct Serial {
    receiver: Receiver,
    /// When the last byte came.
    heard_ms: u32,
    out: [u8; ADU_MAX],
    length: usize,
    sent: usize,
}

impl Serial {
    pub(crate) const fn new() -> Self {
        Self {
            receiver: Receiver::new(UNIT),
            heard_ms: 0,
            out: [0; ADU_MAX],
            length: 0,
            sent: 0,
        }
    }

    /// Takes and gives a byte. `answer` puts the reply to a request into the buffer and gives its
    /// length.
    pub(crate) fn serve(
        &mut self,
        now_ms: u32,
        answer: impl FnOnce(&[u8], &mut [u8; PDU_MAX]) -> usize,
    ) {
        let status = usart1::STATUS.read();
        if self.sent < self.length {
            self.send(status);
            return;
        }
        if status & SENT != 0 && usart1::CONTROL.read() & SENT != 0 {
            // The last bit has left the wire.
            usart1::CONTROL.clear(SENT);
            pins::drive_line(false);
        }
        let was_silent = now_ms.wrapping_sub(self.heard_ms) >= SILENCE_MS;
        let request = if status & RECEIVED != 0 {
            let [.., byte] = usart1::DATA.read().to_be_bytes();
            self.heard_ms = now_ms;
            self.receiver.push(byte)
        } else if was_silent && self.receiver.is_amid() {
            self.receiver.silence()
        } else {
            None
        };
        if let Some(request) = request {
            let mut reply = [0; PDU_MAX];
            let length = answer(request, &mut reply);
            self.length = frame(UNIT, reply.get(..length).unwrap_or_default(), &mut self.out);
            self.sent = 0;
            pins::drive_line(true);
            usart1::CONTROL.set(EMPTY);
        }
    }

    fn send(&mut self, status: u32) {
        if status & EMPTY == 0 {
            return;
        }
        if let Some(byte) = self.out.get(self.sent) {
            usart1::DATA.write((*byte).into());
        }
        self.sent = self.sent.saturating_add(1);
        if self.sent == self.length {
            usart1::CONTROL.clear(EMPTY);
            usart1::CONTROL.set(SENT);
        }
    }
}
