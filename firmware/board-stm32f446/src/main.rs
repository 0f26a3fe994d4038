//! The field node on an STM32F446, for instance a Nucleo-F446RE with an RS-485 transceiver: RTIC
//! tasks around `sortline-logic`.
//!
//! Compiled in every test run and never yet run: no emulator has this chip's timers, and no board
//! was at hand. What differs from `board-lm3s6965`, which is run, is in this crate alone: the
//! timer counts the encoder by itself and compares, and there is no Ethernet.
//!
//! | priority | task |
//! |---|---|
//! | 7 | the timer reached the next edge's count: move the pins |
//! | 6 | photo-eyes and stop circuit |
//! | 5 | millisecond tick |
//! | 3 | Modbus RTU on USART1 |
#![no_std]
#![no_main]

mod field;
mod pins;
mod registers;
mod serial;

use core::panic::PanicInfo;
use core::sync::atomic::AtomicU32;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};
use sortline_cortex::Rounds;
use sortline_regmap::ResetCause;

/// Milliseconds since start; wraps.
static UPTIME_MS: AtomicU32 = AtomicU32::new(0);
/// Counted by what runs when nothing else does.
static ROUNDS: Rounds = Rounds::new();

#[rtic::app(device = stm32f4::stm32f446, peripherals = false)]
mod app {
    use core::sync::atomic::Ordering;

    use cortex_m::peripheral::syst::SystClkSource;
    use sortline_cortex::Watch;
    use stm32f4::stm32f446::Interrupt;

    use crate::field::Field;
    use crate::registers::watchdog;
    use crate::serial::Serial;
    use crate::{ROUNDS, UPTIME_MS, pins};

    #[shared]
    struct Shared {
        field: Field,
    }

    #[local]
    struct Local {
        serial: Serial,
        watch: Watch,
    }

    #[init]
    fn init(cx: init::Context) -> (Shared, Local) {
        pins::begin();
        let mut field = Field::new();
        field.with_node(|node| {
            node.millis(0);
            pins::eyes(node);
            pins::stop(node);
        });
        let mut clock = cx.core.SYST;
        clock.set_clock_source(SystClkSource::Core);
        clock.set_reload(pins::CLOCK_PER_MS - 1);
        clock.clear_current();
        clock.enable_counter();
        clock.enable_interrupt();
        // Its oscillator of about 32 kHz divided by 4: 400 steps are 50 ms.
        watchdog::KEY.write(0xCCCC);
        watchdog::KEY.write(0x5555);
        watchdog::RELOAD.write(400);
        let local = Local {
            serial: Serial::new(),
            watch: Watch::default(),
        };
        (Shared { field }, local)
    }

    #[idle]
    fn idle(_: idle::Context) -> ! {
        loop {
            ROUNDS.count();
            cortex_m::asm::wfi();
        }
    }

    #[task(binds = TIM2, priority = 7, shared = [field])]
    fn compare(mut cx: compare::Context) {
        cx.shared.field.lock(Field::catch_up);
        // The node hears of it at once, below.
        rtic::pend(Interrupt::SPI1);
    }

    /// The interrupt of a peripheral that this board does not use, raised by the timer's.
    #[task(binds = SPI1, priority = 5, shared = [field])]
    fn follow(mut cx: follow::Context) {
        cx.shared.field.lock(|field| field.with_node(|_| {}));
    }

    #[task(binds = EXTI9_5, priority = 6, shared = [field])]
    fn eyes_low(mut cx: eyes_low::Context) {
        cx.shared.field.lock(|field| field.with_node(pins::eyes));
    }

    #[task(binds = EXTI15_10, priority = 6, shared = [field])]
    fn eyes_high(mut cx: eyes_high::Context) {
        cx.shared.field.lock(|field| field.with_node(pins::eyes));
    }

    #[task(binds = EXTI4, priority = 6, shared = [field])]
    fn stop(mut cx: stop::Context) {
        cx.shared.field.lock(|field| field.with_node(pins::stop));
    }

    #[task(binds = SysTick, priority = 5, shared = [field], local = [watch])]
    fn tick(mut cx: tick::Context) {
        /// Longer than any work of the lower levels takes.
        const STALE_MS: u32 = 200;

        let now = UPTIME_MS.load(Ordering::Relaxed).wrapping_add(1);
        UPTIME_MS.store(now, Ordering::Relaxed);
        cx.shared.field.lock(|field| field.tick(now));
        if cx.local.watch.look(&ROUNDS) < STALE_MS {
            watchdog::KEY.write(0xAAAA);
        }
        // It watches for silence.
        rtic::pend(Interrupt::USART1);
    }

    #[task(binds = USART1, priority = 3, shared = [field], local = [serial])]
    fn serial(cx: serial::Context) {
        let mut field = cx.shared.field;
        let now = UPTIME_MS.load(Ordering::Relaxed);
        cx.local.serial.serve(now, |request, reply| {
            field.lock(|field| field.answer(request, reply))
        });
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    field::give_up(ResetCause::Panic);
    SCB::sys_reset()
}

#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    field::give_up(ResetCause::Panic);
    SCB::sys_reset()
}
