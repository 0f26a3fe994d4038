//! What runs on the node and why it started.

/// Registers of [`Image`].
pub const IMAGE_WORDS: usize = 8;

/// What the node runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Board {
    /// 0: a process, not a microcontroller.
    #[default]
    Process,
    /// 1: LM3S6965, as QEMU emulates it.
    Lm3s6965,
    /// 2: STM32F446.
    Stm32f446,
}

impl Board {
    /// Code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Process => 0,
            Self::Lm3s6965 => 1,
            Self::Stm32f446 => 2,
        }
    }

    /// The board of a code.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0 => Self::Process,
            1 => Self::Lm3s6965,
            2 => Self::Stm32f446,
            _ => return None,
        })
    }
}

/// Why the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetCause {
    /// 0: switched on, or reset from outside.
    #[default]
    Power,
    /// 1: the program hung and the hardware watchdog reset it.
    Watchdog,
    /// 2: the program found itself in a state that must not be, and reset itself.
    Panic,
}

impl ResetCause {
    /// Code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Power => 0,
            Self::Watchdog => 1,
            Self::Panic => 2,
        }
    }

    /// The cause of a code.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0 => Self::Power,
            1 => Self::Watchdog,
            2 => Self::Panic,
            _ => return None,
        })
    }
}

/// What runs on the node and why it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Version of the program: major, minor, patch.
    pub version: [u16; 3],
    /// What it runs on.
    pub board: Board,
    /// Why it started.
    pub reset: ResetCause,
}

impl Image {
    /// As registers.
    #[must_use]
    pub const fn encode(self) -> [u16; IMAGE_WORDS] {
        let [major, minor, patch] = self.version;
        let (board, reset) = (self.board.code(), self.reset.code());
        [major, minor, patch, board, reset, 0, 0, 0]
    }

    /// From registers; `None` for a board or cause that this version does not know.
    #[must_use]
    pub fn decode(words: &[u16; IMAGE_WORDS]) -> Option<Self> {
        let [major, minor, patch, board, reset, ..] = *words;
        Some(Self {
            version: [major, minor, patch],
            board: Board::from_code(board)?,
            reset: ResetCause::from_code(reset)?,
        })
    }
}
