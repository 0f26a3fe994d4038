//! Modbus RTU on UART1.

use sortline_logic::PDU_MAX;
use sortline_logic::rtu::{ADU_MAX, Receiver, frame};

use sortline_cortex::Register;

use crate::registers::Uart;

/// Address on the line.
const UNIT: u8 = 1;
/// A pause that ends a frame. With 115200 baud the standard asks for 1.75 ms; a master that got no
/// answer waits far longer than this before it asks again.
const SILENCE_MS: u32 = 5;

const DATA: Register = Uart::FIELDBUS.data();
const RECEIVE_EMPTY: u32 = 1 << 4;
const TRANSMIT_FULL: u32 = 1 << 5;
const RECEIVE: u32 = 1 << 4 | 1 << 6;
const TRANSMIT: u32 = 1 << 5;

/// The line: a request coming in, a reply going out.
pub struct Serial {
    receiver: Receiver,
    /// When the last byte came.
    heard_ms: u32,
    sender: Sender,
}

impl Serial {
    pub(crate) fn new() -> Self {
        Uart::FIELDBUS.interrupts().write(RECEIVE);
        Self {
            receiver: Receiver::new(UNIT),
            heard_ms: 0,
            sender: Sender {
                out: [0; ADU_MAX],
                length: 0,
                sent: 0,
            },
        }
    }

    /// Takes and gives the bytes that the UART has and has room for. `answer` puts the reply to a
    /// request into the buffer and gives its length.
    pub(crate) fn serve(
        &mut self,
        now_ms: u32,
        mut answer: impl FnMut(&[u8], &mut [u8; PDU_MAX]) -> usize,
    ) {
        Uart::FIELDBUS.clear().write(RECEIVE | TRANSMIT);
        self.sender.send();
        let was_silent = now_ms.wrapping_sub(self.heard_ms) >= SILENCE_MS;
        if was_silent
            && self.receiver.is_amid()
            && let Some(request) = self.receiver.silence()
        {
            self.sender.reply(request, &mut answer);
        }
        // One request at a time: what comes before it is answered stays in the UART.
        while self.sender.is_done() && Uart::FIELDBUS.flags().read() & RECEIVE_EMPTY == 0 {
            let [.., byte] = DATA.read().to_be_bytes();
            self.heard_ms = now_ms;
            if let Some(request) = self.receiver.push(byte) {
                self.sender.reply(request, &mut answer);
            }
        }
        let sending = if self.sender.is_done() { 0 } else { TRANSMIT };
        Uart::FIELDBUS.interrupts().write(RECEIVE | sending);
    }
}

/// A reply on its way out.
struct Sender {
    out: [u8; ADU_MAX],
    length: usize,
    sent: usize,
}

impl Sender {
    fn reply(
        &mut self,
        request: &[u8],
        answer: &mut impl FnMut(&[u8], &mut [u8; PDU_MAX]) -> usize,
    ) {
        let mut reply = [0; PDU_MAX];
        let length = answer(request, &mut reply);
        let reply = reply.get(..length).unwrap_or_default();
        self.length = frame(UNIT, reply, &mut self.out);
        self.sent = 0;
        self.send();
    }

    fn send(&mut self) {
        let rest = self.out.get(self.sent..self.length).unwrap_or_default();
        for byte in rest {
            if Uart::FIELDBUS.flags().read() & TRANSMIT_FULL != 0 {
                break;
            }
            DATA.write((*byte).into());
            self.sent = self.sent.saturating_add(1);
        }
    }

    const fn is_done(&self) -> bool {
        self.sent == self.length
    }
}
