//! Modbus RTU on USART1, half duplex: the transceiver is driven while a reply goes out.

use sortline_logic::PDU_MAX;
use sortline_logic::rtu::Line;

use crate::pins;
use crate::registers::usart1;

/// Address on the line.
const UNIT: u8 = 1;

const RECEIVED: u32 = 1 << 5;
const SENT: u32 = 1 << 6;
const EMPTY: u32 = 1 << 7;

/// The line behind the USART.
pub struct Serial(Line);

impl Serial {
    pub(crate) const fn new() -> Self {
        Self(Line::new(UNIT))
    }

    /// Takes and gives a byte. `answer` puts the reply to a request into the buffer and gives its
    /// length.
    pub(crate) fn serve(
        &mut self,
        now_ms: u32,
        answer: impl FnOnce(&[u8], &mut [u8; PDU_MAX]) -> usize,
    ) {
        let status = usart1::STATUS.read();
        if !self.0.is_done() {
            self.send(status);
            return;
        }
        if status & SENT != 0 && usart1::CONTROL.read() & SENT != 0 {
            // The last bit has left the wire.
            usart1::CONTROL.clear(SENT);
            pins::drive_line(false);
        }
        if status & RECEIVED != 0 {
            let [.., byte] = usart1::DATA.read().to_be_bytes();
            self.0.hear(byte, now_ms, answer);
        } else {
            self.0.wait(now_ms, answer);
        }
        if !self.0.is_done() {
            pins::drive_line(true);
            usart1::CONTROL.set(EMPTY);
        }
    }

    fn send(&mut self, status: u32) {
        if status & EMPTY == 0 {
            return;
        }
        if let Some(byte) = self.0.take() {
            usart1::DATA.write(byte.into());
        }
        if self.0.is_done() {
            usart1::CONTROL.clear(EMPTY);
            usart1::CONTROL.set(SENT);
        }
    }
}
