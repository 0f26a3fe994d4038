//! Modbus RTU on UART1.

use sortline_cortex::Register;
use sortline_logic::PDU_MAX;
use sortline_logic::rtu::Line;

use crate::registers::Uart;

/// Address on the line.
const UNIT: u8 = 1;

const DATA: Register = Uart::FIELDBUS.data();
const RECEIVE_EMPTY: u32 = 1 << 4;
const TRANSMIT_FULL: u32 = 1 << 5;
const RECEIVE: u32 = 1 << 4 | 1 << 6;
const TRANSMIT: u32 = 1 << 5;

/// The line behind the UART.
pub struct Serial(Line);

impl Serial {
    pub(crate) fn new() -> Self {
        Uart::FIELDBUS.interrupts().write(RECEIVE);
        Self(Line::new(UNIT))
    }

    /// Takes and gives the bytes that the UART has and has room for. `answer` puts the reply to a
    /// request into the buffer and gives its length.
    pub(crate) fn serve(
        &mut self,
        now_ms: u32,
        mut answer: impl FnMut(&[u8], &mut [u8; PDU_MAX]) -> usize,
    ) {
        Uart::FIELDBUS.clear().write(RECEIVE | TRANSMIT);
        self.send();
        self.0.wait(now_ms, &mut answer);
        // One request at a time: what comes before it is answered stays in the UART.
        while self.0.is_done() && Uart::FIELDBUS.flags().read() & RECEIVE_EMPTY == 0 {
            let [.., byte] = DATA.read().to_be_bytes();
            self.0.hear(byte, now_ms, &mut answer);
        }
        self.send();
        let sending = if self.0.is_done() { 0 } else { TRANSMIT };
        Uart::FIELDBUS.interrupts().write(RECEIVE | sending);
    }

    fn send(&mut self) {
        while Uart::FIELDBUS.flags().read() & TRANSMIT_FULL == 0 {
            let Some(byte) = self.0.take() else {
                return;
            };
            DATA.write(byte.into());
        }
    }
}
