//! The field node on an LM3S6965: RTIC tasks around `sortline-logic`.
//!
//! | priority | task |
//! |---|---|
//! | 8 | the watchdog's first bark: outputs off, the reset follows |
//! | 7 | encoder: count, compare, move the pins |
//! | 6 | photo-eyes and stop circuit |
//! | 5 | millisecond tick; what the encoder left to be told to the node |
//! | 3 | Modbus RTU on UART1 |
//! | 2 | Modbus TCP on Ethernet |
//!
//! The tick is above both fieldbuses, so no flood of requests delays the heartbeat's watchdog.
//! The node is locked at the encoder's priority; what only reads bytes or makes frames is done
//! outside the lock.
#![no_std]
#![no_main]

mod field;
mod network;
mod pins;
mod registers;
mod serial;

use core::panic::PanicInfo;
use core::sync::atomic::AtomicU32;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};
use sortline_cortex::Rounds;
use sortline_regmap::ResetCause;

use registers::watchdog;

/// Milliseconds since start; wraps. Read by the test harness.
#[used]
static UPTIME_MS: AtomicU32 = AtomicU32::new(0);
/// Ticks that came more than 3 ms late: nothing that the program does takes as long. Read by the
/// test harness.
#[used]
static STALLS: AtomicU32 = AtomicU32::new(0);
/// Counted by what runs when nothing else does.
static ROUNDS: Rounds = Rounds::new();

/// The hardware watchdog: 400 ms to the bark, as many to the reset. An emulator on a busy machine
/// may stand still for a long time, which is no fault of the program.
///
/// Its counter is the board's clock as well: ticks that come late or merge do not slow it.
pub struct Dog {
    /// Counter when it was looked at last; it counts down.
    seen: u32,
    /// Clocks that have not made a millisecond yet.
    rest: u32,
}

impl Dog {
    const LOAD: u32 = 400 * pins::CLOCK_PER_MS;

    fn release() -> Self {
        watchdog::LOAD.write(Self::LOAD);
        // Interrupt, then reset; not to be undone.
        watchdog::CONTROL.write(0b11);
        Self {
            seen: Self::LOAD,
            rest: 0,
        }
    }

    /// Milliseconds since the last call.
    fn elapsed_ms(&mut self) -> u32 {
        let now = watchdog::VALUE.read();
        let clocks = self.seen.wrapping_sub(now).wrapping_add(self.rest);
        self.seen = now;
        self.rest = clocks.wrapping_rem(pins::CLOCK_PER_MS);
        clocks.wrapping_div(pins::CLOCK_PER_MS)
    }

    fn feed(&mut self) {
        watchdog::CLEAR.write(1);
        self.seen = Self::LOAD;
    }
}

#[rtic::app(device = lm3s6965, peripherals = false)]
mod app {
    use core::sync::atomic::Ordering;

    use cortex_m::peripheral::SYST;
    use cortex_m::peripheral::syst::SystClkSource;
    use lm3s6965::Interrupt;
    use sortline_cortex::Watch;
    use sortline_regmap::ResetCause;

    use crate::field::{ENCODER_CLOCKS_MAX, Field, HANDLED, clocks_since, leave, note};
    use crate::network::{MEMORY, Memory, Network, Sockets};
    use crate::registers::stays_awake;
    use crate::serial::Serial;
    use crate::{Dog, ROUNDS, STALLS, UPTIME_MS, pins};

    #[shared]
    struct Shared {
        field: Field,
    }

    #[local]
    struct Local {
        serial: Serial,
        network: Network,
        dog: Dog,
        watch: Watch,
    }

    #[init(local = [memory: Memory = MEMORY, sockets: Sockets = Sockets::uninit()])]
    fn init(cx: init::Context) -> (Shared, Local) {
        pins::begin();
        let mut field = Field::new();
        field.with_node(|node| {
            node.millis(0);
            pins::eyes_on_a(node);
            pins::eyes_on_d(node);
            pins::stop(node);
        });
        let mut clock = cx.core.SYST;
        clock.set_clock_source(SystClkSource::Core);
        clock.set_reload(pins::CLOCK_PER_MS - 1);
        clock.clear_current();
        clock.enable_counter();
        clock.enable_interrupt();
        let network = Network::new(cx.local.memory, cx.local.sockets);
        pins::print(concat!(
            "sortline field node ",
            env!("CARGO_PKG_VERSION"),
            " on lm3s6965, after "
        ));
        pins::print(match field.cause() {
            ResetCause::Power => "power-up\r\n",
            ResetCause::Watchdog => "watchdog\r\n",
            ResetCause::Panic => "panic\r\n",
        });
        let local = Local {
            dog: Dog::release(),
            serial: Serial::new(),
            network,
            watch: Watch::default(),
        };
        (Shared { field }, local)
    }

    #[idle]
    fn idle(_: idle::Context) -> ! {
        loop {
            ROUNDS.count();
            if !stays_awake() {
                cortex_m::asm::wfi();
            }
        }
    }

    #[task(binds = WATCHDOG_TIMER_0, priority = 8)]
    fn bark(_: bark::Context) {
        // Something hangs and will not be waited for.
        leave(ResetCause::Watchdog);
        loop {
            cortex_m::asm::nop();
        }
    }

    #[task(binds = GPIOC, priority = 7, shared = [field])]
    fn encoder(mut cx: encoder::Context) {
        let begun = SYST::get_current();
        if let Some(forwards) = pins::take_encoder()
            && cx.shared.field.lock(|field| field.count(forwards))
        {
            rtic::pend(Interrupt::SSI0);
        }
        note(&ENCODER_CLOCKS_MAX, clocks_since(begun));
        // Last of all: whoever sees it sees the pins moved.
        HANDLED.store(
            HANDLED.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
    }

    #[task(binds = GPIOA, priority = 6, shared = [field])]
    fn eyes_on_a(mut cx: eyes_on_a::Context) {
        cx.shared
            .field
            .lock(|field| field.with_node(pins::eyes_on_a));
    }

    #[task(binds = GPIOD, priority = 6, shared = [field])]
    fn eyes_on_d(mut cx: eyes_on_d::Context) {
        cx.shared
            .field
            .lock(|field| field.with_node(pins::eyes_on_d));
    }

    #[task(binds = GPIOE, priority = 6, shared = [field])]
    fn stop(mut cx: stop::Context) {
        cx.shared.field.lock(|field| field.with_node(pins::stop));
    }

    /// The interrupt of a peripheral that this board does not use, raised by the encoder's.
    #[task(binds = SSI0, priority = 5, shared = [field])]
    fn follow(mut cx: follow::Context) {
        cx.shared.field.lock(|field| field.with_node(|_| {}));
    }

    #[task(binds = SysTick, priority = 5, shared = [field], local = [dog, watch])]
    fn tick(mut cx: tick::Context) {
        /// Longer than any work of the lower levels takes.
        const STALE_MS: u32 = 300;

        let elapsed = cx.local.dog.elapsed_ms();
        if elapsed > 3 {
            STALLS.store(
                STALLS.load(Ordering::Relaxed).wrapping_add(1),
                Ordering::Relaxed,
            );
        }
        let now = UPTIME_MS.load(Ordering::Relaxed).wrapping_add(elapsed);
        UPTIME_MS.store(now, Ordering::Relaxed);
        cx.shared.field.lock(|field| field.tick(now));
        if cx.local.watch.look(&ROUNDS) < STALE_MS {
            cx.local.dog.feed();
        }
        // Both watch for silence.
        rtic::pend(Interrupt::UART1);
        rtic::pend(Interrupt::ETHERNET);
    }

    #[task(binds = UART1, priority = 3, shared = [field], local = [serial])]
    fn serial(cx: serial::Context) {
        let mut field = cx.shared.field;
        let now = UPTIME_MS.load(Ordering::Relaxed);
        cx.local.serial.serve(now, |request, reply| {
            field.lock(|field| field.answer(request, reply))
        });
    }

    #[task(binds = ETHERNET, priority = 2, shared = [field], local = [network])]
    fn network(cx: network::Context) {
        let mut field = cx.shared.field;
        let now = UPTIME_MS.load(Ordering::Relaxed);
        let more = cx.local.network.serve(now, |request, reply| {
            field.lock(|field| field.answer(request, reply))
        });
        if more {
            // A flood is no hang.
            ROUNDS.count();
            rtic::pend(Interrupt::ETHERNET);
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    field::leave(ResetCause::Panic);
    SCB::sys_reset()
}

#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    field::leave(ResetCause::Panic);
    SCB::sys_reset()
}
