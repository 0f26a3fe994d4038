//! What is connected where, and the pins themselves.
//!
//! | pin | what |
//! |---|---|
//! | A0, A1 | console, UART0, 115200 baud |
//! | A2 to A7 | photo-eyes 0 to 5, high is blocked |
//! | B0 to B5 | diverters 0 to 5, high is out |
//! | B6 | camera 0, a pulse of 1 to 2 ms |
//! | C4, C6 | encoder, channels A and B |
//! | D0, D1, D4 to D7 | photo-eyes 6 to 11 |
//! | D2, D3 | Modbus RTU, UART1, 115200 baud, 8N1 |
//! | E0 | stop circuit, high is closed: a broken wire stops |
//!
//! JTAG keeps B7 and C0 to C3; the encoder's pins are those of the chip's own quadrature decoder.

use sortline_logic::{Edge, Node};

use crate::registers::{Port, Uart, system};

/// Outputs of the board.
const DIVERTERS: u8 = 0b0011_1111;
const CAMERA: u8 = 0b0100_0000;
const OUTPUTS: u8 = DIVERTERS | CAMERA;
/// Photo-eyes: pins and the first one's number.
const EYES_A: u8 = 0b1111_1100;
const EYES_D: u8 = 0b1111_0011;
const EYES_ON_A: u8 = 6;
const ENCODER_A: u8 = 1 << 4;
const ENCODER_B: u8 = 1 << 6;
const STOP: u8 = 1 << 0;

/// Clock of processor and timers.
pub(crate) const CLOCK_HZ: u32 = 50_000_000;
pub(crate) const CLOCK_PER_MS: u32 = CLOCK_HZ / 1_000;

/// Outputs first of all: low, and driven.
pub(crate) fn begin() {
    const CRYSTAL_8_MHZ: u32 = 0xE << 6;
    const DIVIDE_BY_4: u32 = 3 << 23 | 1 << 22;
    const BYPASS: u32 = 1 << 11;

    // Gates: all ports; both UARTs; Ethernet MAC and PHY; watchdog.
    system::GATE_2.set(0x5000_007F);
    system::GATE_1.set(0b11);
    system::GATE_0.set(1 << 3);
    // The gates' clocks need a few cycles; a read of the register takes them.
    let _ = system::GATE_2.read();
    Port::B.data(OUTPUTS).write(0);
    Port::B.direction().write(OUTPUTS.into());
    Port::B.digital().write(OUTPUTS.into());

    // 50 MHz: PLL from the 8 MHz crystal, divided by 4; the PLL must be locked before it is used.
    system::CLOCK.write(CRYSTAL_8_MHZ | DIVIDE_BY_4 | BYPASS);
    while system::INTERRUPT_STATUS.read() & 1 << 6 == 0 {}
    system::CLOCK.write(CRYSTAL_8_MHZ | DIVIDE_BY_4);

    inputs(Port::A, EYES_A);
    inputs(Port::D, EYES_D);
    // Only channel A interrupts: one count for each of its periods.
    inputs(Port::C, ENCODER_A | ENCODER_B);
    Port::C.interrupts().write(ENCODER_A.into());
    inputs(Port::E, STOP);
    Port::A.alternate().write(0b11);
    Port::A.digital().set(0b11);
    Port::D.alternate().write(0b1100);
    Port::D.digital().set(0b1100);
    for uart in [Uart::CONSOLE, Uart::FIELDBUS] {
        // 50 MHz / (16 × 115200) = 27 + 8/64; 8 bits, FIFOs; enabled both ways.
        uart.baud_integer().write(27);
        uart.baud_fraction().write(8);
        uart.line().write(0b111 << 4);
        uart.control().write(0x301);
    }
}

/// Inputs with a pull-down, an interrupt at either edge.
fn inputs(port: Port, pins: u8) {
    let pins = u32::from(pins);
    port.digital().write(pins);
    port.pull_down().write(pins);
    port.both_edges().write(pins);
    port.clear().write(pins);
    port.interrupts().write(pins);
}

/// Everything off, whatever the program thinks.
pub(crate) fn all_off() {
    Port::B.data(OUTPUTS).write(0);
}

/// Does what an edge asks for, in one write.
pub(crate) fn edge(edge: &Edge) {
    if edge.cameras & 1 == 0 {
        diverters(edge.outputs);
    } else {
        let pins = edge.outputs & u32::from(DIVERTERS) | u32::from(CAMERA);
        Port::B.data(OUTPUTS).write(pins);
    }
}

pub(crate) fn diverters(outputs: u32) {
    Port::B.data(DIVERTERS).write(outputs);
}

/// The diverter pins as they are.
pub(crate) fn read_back() -> u32 {
    Port::B.data(DIVERTERS).read()
}

/// The camera's pulse is over.
pub(crate) fn camera_off() {
    Port::B.data(CAMERA).write(0);
}

pub(crate) fn is_camera_on() -> bool {
    Port::B.data(CAMERA).read() != 0
}

/// What an edge on channel A means: a count only while B is low, up when A rises and down when it
/// falls. A belt that trembles about an edge counts to and fro, not on and on.
pub(crate) fn take_encoder() -> Option<bool> {
    Port::C.clear().write(ENCODER_A.into());
    let pins = Port::C.data(ENCODER_A | ENCODER_B).read();
    (pins & u32::from(ENCODER_B) == 0).then_some(pins & u32::from(ENCODER_A) != 0)
}

/// Tells the node the photo-eyes on port A.
pub(crate) fn eyes_on_a(node: &mut Node) {
    Port::A.clear().write(EYES_A.into());
    tell_eyes(node, Port::A.data(EYES_A).read(), EYES_A, 0);
}

/// Tells the node the photo-eyes on port D.
pub(crate) fn eyes_on_d(node: &mut Node) {
    Port::D.clear().write(EYES_D.into());
    tell_eyes(node, Port::D.data(EYES_D).read(), EYES_D, EYES_ON_A);
}

fn tell_eyes(node: &mut Node, levels: u32, pins: u8, first: u8) {
    let connected = (0..8).filter(|pin| pins >> pin & 1 == 1);
    for (eye, pin) in (first..).zip(connected) {
        node.eye(eye, levels >> pin & 1 == 1);
    }
}

/// Tells the node the stop circuit.
pub(crate) fn stop(node: &mut Node) {
    Port::E.clear().write(STOP.into());
    node.stop(Port::E.data(STOP).read() == 0);
}

/// Prints a line on the console; waits for the characters to go.
pub(crate) fn print(text: &str) {
    for byte in text.bytes() {
        while Uart::CONSOLE.flags().read() & 1 << 5 != 0 {}
        Uart::CONSOLE.data().write(byte.into());
    }
}
