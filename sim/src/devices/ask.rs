//! Requests as a device reads them.

/// A request that is well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    ReadBits {
        discrete: bool,
        first: u16,
        count: u16,
    },
    ReadWords {
        input: bool,
        first: u16,
        count: u16,
    },
    WriteBits {
        first: u16,
        bits: Vec<bool>,
    },
    WriteWords {
        first: u16,
        words: Vec<u16>,
    },
}

/// Why a device does not serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Exception(u8),
    Silence,
}

impl Refusal {
    pub(super) const FUNCTION: Self = Self::Exception(1);
    pub(super) const ADDRESS: Self = Self::Exception(2);
    pub(super) const VALUE: Self = Self::Exception(3);
    pub(super) const DEVICE: Self = Self::Exception(4);
}

impl Ask {
    /// Reads function code and data.
    pub(super) fn read(request: &[u8]) -> Result<Self, Refusal> {
        let (&function, data) = request.split_first().ok_or(Refusal::FUNCTION)?;
        let (head, rest) = data.split_first_chunk::<4>().ok_or(Refusal::VALUE)?;
        let [a, b, c, d] = *head;
        let (first, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let bare = |ask| {
            if rest.is_empty() {
                Ok(ask)
            } else {
                Err(Refusal::VALUE)
            }
        };
        match function {
            1 | 2 if (1..=2_000).contains(&second) => bare(Self::ReadBits {
                discrete: function == 2,
                first,
                count: second,
            }),
            3 | 4 if (1..=125).contains(&second) => bare(Self::ReadWords {
                input: function == 4,
                first,
                count: second,
            }),
            5 if matches!(second, 0 | 0xFF00) => bare(Self::WriteBits {
                first,
                bits: vec![second != 0],
            }),
            6 => bare(Self::WriteWords {
                first,
                words: vec![second],
            }),
            15 => write_bits(first, second, rest),
            16 => write_words(first, second, rest),
            1..=5 => Err(Refusal::VALUE),
            _ => Err(Refusal::FUNCTION),
        }
    }

    /// Elements that it is about.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::ReadBits { count, .. } | Self::ReadWords { count, .. } => usize::from(*count),
            Self::WriteBits { bits, .. } => bits.len(),
            Self::WriteWords { words, .. } => words.len(),
        }
    }

    pub(super) const fn first(&self) -> u16 {
        match self {
            Self::ReadBits { first, .. }
            | Self::ReadWords { first, .. }
            | Self::WriteBits { first, .. }
            | Self::WriteWords { first, .. } => *first,
        }
    }

    pub(super) const fn is_write(&self) -> bool {
        matches!(self, Self::WriteBits { .. } | Self::WriteWords { .. })
    }
}

fn write_bits(first: u16, count: u16, rest: &[u8]) -> Result<Ask, Refusal> {
    let (&length, bytes) = rest.split_first().ok_or(Refusal::VALUE)?;
    let fits = usize::from(length) == bytes.len() && bytes.len() == usize::from(count).div_ceil(8);
    if !fits || !(1..=1_968).contains(&count) {
        return Err(Refusal::VALUE);
    }
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).map(move |n| byte >> n & 1 == 1));
    Ok(Ask::WriteBits {
        first,
        bits: bits.take(count.into()).collect(),
    })
}

fn write_words(first: u16, count: u16, rest: &[u8]) -> Result<Ask, Refusal> {
    let (&length, bytes) = rest.split_first().ok_or(Refusal::VALUE)?;
    let fits = usize::from(length) == bytes.len() && bytes.len() == usize::from(count) * 2;
    if !fits || !(1..=123).contains(&count) {
        return Err(Refusal::VALUE);
    }
    let (words, _) = bytes.as_chunks::<2>();
    Ok(Ask::WriteWords {
        first,
        words: words.iter().map(|w| u16::from_be_bytes(*w)).collect(),
    })
}
