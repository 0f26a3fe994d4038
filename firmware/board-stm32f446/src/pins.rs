//! What is connected where, and the pins themselves.
//!
//! | pin | what |
//! |---|---|
//! | A0, A1 | encoder, channels A and B: timer 2, four counts a period |
//! | A4 | stop circuit, high is closed: a broken wire stops |
//! | A8 | driver enable of the RS-485 transceiver |
//! | A9, A10 | Modbus RTU, USART1, 115200 baud, 8N1 |
//! | B5 to B9 | photo-eyes 0 to 4, high is blocked |
//! | B10, B12 to B15 | photo-eyes 5 to 9 |
//! | C0 to C5 | diverters 0 to 5, high is out; pulled down outside |
//! | C6 | camera 0, a pulse of 1 to 2 ms |

use sortline_logic::{Edge, Node};

use crate::registers::{Port, exti, rcc, tim2, usart1};

const DIVERTERS: u32 = 0b0011_1111;
const CAMERA: u32 = 0b0100_0000;
const STOP: u32 = 1 << 4;
const DRIVER: u32 = 1 << 8;
/// Photo-eyes, lowest first.
const EYES: [u8; 10] = [5, 6, 7, 8, 9, 10, 12, 13, 14, 15];
const EYE_LINES: u32 = 0b1111_0111_1110_0000;

/// The internal oscillator, as after reset.
pub(crate) const CLOCK_HZ: u32 = 16_000_000;
pub(crate) const CLOCK_PER_MS: u32 = CLOCK_HZ / 1_000;

/// Outputs first of all: low, and driven.
pub(crate) fn begin() {
    rcc::GATE_PORTS.set(0b111);
    // Timer 2 and power control; USART 1 and the external interrupts' multiplexer.
    rcc::GATE_1.set(1 << 28 | 1);
    rcc::GATE_2.set(1 << 14 | 1 << 4);
    // The gates' clocks need a few cycles; a read of the register takes them.
    let _ = rcc::GATE_2.read();
    Port::C.set_and_clear().write((DIVERTERS | CAMERA) << 16);
    Port::C.mode().write(0b01_0101_0101_0101);

    // A0, A1, A9, A10 alternate; A8 output; A13, A14 stay with the debugger.
    Port::A.mode().set(0b10_10_01 << 16 | 0b10_10);
    Port::A.alternate_low().write(0x11);
    Port::A.alternate_high().write(0x770);
    Port::A.pull().set(0b10 << 8);
    Port::B
        .pull()
        .write(0b1010_1010_0010_1010_1010_1000_0000_0000);

    exti::PORT_OF_4.write(0x1110);
    exti::PORT_OF_8.write(0x1111);
    exti::PORT_OF_12.write(0x1111);
    exti::RISING.write(EYE_LINES | STOP);
    exti::FALLING.write(EYE_LINES | STOP);
    exti::MASK.write(EYE_LINES | STOP);

    // Channels 1 and 2 are inputs with a filter of eight samples; both edges of both count.
    tim2::CHANNELS.write(0x3131);
    tim2::RELOAD.write(u32::MAX);
    tim2::SLAVE.write(3);
    tim2::INTERRUPTS.write(1 << 3);
    tim2::CONTROL.write(1);

    usart1::BAUD.write(CLOCK_HZ / 115_200);
    // On, both ways, an interrupt for each byte received.
    usart1::CONTROL.write(1 << 13 | 1 << 5 | 1 << 3 | 1 << 2);
}

/// Everything off, whatever the program thinks.
pub(crate) fn all_off() {
    Port::C.set_and_clear().write((DIVERTERS | CAMERA) << 16);
}

/// Does what an edge asks for, in one write.
pub(crate) fn edge(edge: &Edge) {
    let camera = if edge.cameras & 1 == 0 { 0 } else { CAMERA };
    let on = edge.outputs & DIVERTERS | camera;
    Port::C.set_and_clear().write((DIVERTERS & !on) << 16 | on);
}

pub(crate) fn diverters(outputs: u32) {
    let on = outputs & DIVERTERS;
    Port::C.set_and_clear().write((DIVERTERS & !on) << 16 | on);
}

/// The diverter pins as they are.
pub(crate) fn read_back() -> u32 {
    Port::C.input().read() & DIVERTERS
}

pub(crate) fn is_camera_on() -> bool {
    Port::C.output().read() & CAMERA != 0
}

/// The camera's pulse is over.
pub(crate) fn camera_off() {
    Port::C.set_and_clear().write(CAMERA << 16);
}

/// Tells the node its photo-eyes.
pub(crate) fn eyes(node: &mut Node) {
    exti::PENDING.write(EYE_LINES);
    let levels = Port::B.input().read();
    for (eye, pin) in (0_u8..).zip(EYES) {
        node.eye(eye, levels >> pin & 1 == 1);
    }
}

/// Tells the node the stop circuit.
pub(crate) fn stop(node: &mut Node) {
    exti::PENDING.write(STOP);
    node.stop(Port::A.input().read() & STOP == 0);
}

/// Takes the line, or leaves it to the master.
pub(crate) fn drive_line(on: bool) {
    Port::A
        .set_and_clear()
        .write(if on { DRIVER } else { DRIVER << 16 });
}
