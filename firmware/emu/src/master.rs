//! A Modbus master of its own, for both transports: it says exactly which bytes go out, and holds
//! every answer to the shape that the request demands.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use sortline_regmap as map;
use sortline_regmap::{Ack, Command, Control, ControlRequest, Heartbeat, Status};

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// On the serial line a request is repeated after this.
const REPEAT: Duration = Duration::from_millis(400);
/// A pause that ends every frame on the serial line, with room for the host.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);
/// Unit of the board on the serial line.
pub(crate) const UNIT: u8 = 1;

/// A line to the board.
#[derive(Debug)]
pub(crate) enum Line {
    /// Modbus RTU.
    Rtu(UnixStream),
    /// Modbus TCP, with the number of the last transaction.
    Tcp(TcpStream, u16),
}

/// The master.
#[derive(Debug)]
pub(crate) struct Master {
    pub(crate) line: Line,
    owner: u32,
    beats: u16,
    /// Requests that had to be repeated.
    pub(crate) repeated: u32,
}

impl Master {
    pub(crate) fn rtu(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(ANSWER))?;
        Ok(Self::new(Line::Rtu(stream)))
    }

    pub(crate) fn tcp(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, ANSWER).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER))?;
        Ok(Self::new(Line::Tcp(stream, 0)))
    }

    const fn new(line: Line) -> Self {
        Self {
            line,
            owner: 0x0102_0304,
            beats: 0,
            repeated: 0,
        }
    }

    /// One request, function code and data; its answer, whatever it is.
    ///
    /// On the serial line a request is repeated when no answer comes, as every master does: on a
    /// slow host its bytes may arrive with a pause within, which ends a frame.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>> {
        if matches!(self.line, Line::Rtu(_)) {
            let answer = self.ask_patiently(request, REPEAT)?;
            return answer.context("the board does not answer");
        }
        self.send(request)?;
        self.hear()
    }

    /// Sends a request in a sound frame.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        match &mut self.line {
            Line::Rtu(stream) => stream.write_all(&rtu_frame(UNIT, request)),
            Line::Tcp(stream, transaction) => {
                *transaction = transaction.wrapping_add(1);
                stream.write_all(&tcp_frame(*transaction, request))
            }
        }
        .context("sending")
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.line {
            Line::Rtu(stream) => stream.write_all(bytes),
            Line::Tcp(stream, _) => stream.write_all(bytes),
        }
        .context("sending")
    }

    /// The next answer.
    pub(crate) fn hear(&mut self) -> Result<Vec<u8>> {
        match &mut self.line {
            Line::Rtu(stream) => hear_rtu(stream),
            Line::Tcp(stream, transaction) => {
                let (number, answer) = hear_tcp(stream)?;
                ensure!(number == *transaction, "answer {number} to {transaction}");
                Ok(answer)
            }
        }
    }

    /// Asks, and asks again when nothing comes within a time: `None` when nothing ever does.
    pub(crate) fn ask_patiently(
        &mut self,
        request: &[u8],
        patience: Duration,
    ) -> Result<Option<Vec<u8>>> {
        const TIMES: u32 = 5;
        for time in 0..TIMES {
            if time > 0 {
                self.discard()?;
                self.repeated += 1;
            }
            self.send(request)?;
            self.be_patient_for(patience)?;
            let heard = self.hear();
            self.be_patient_for(ANSWER)?;
            match heard {
                Err(error) if is_late(&error) => {}
                heard => return heard.map(Some),
            }
        }
        Ok(None)
    }

    /// Discards what has come.
    pub(crate) fn discard(&mut self) -> Result<()> {
        self.be_patient_for(PAUSE)?;
        let mut bytes = [0; 512];
        let read = match &mut self.line {
            Line::Rtu(stream) => stream.read(&mut bytes),
            Line::Tcp(stream, _) => stream.read(&mut bytes),
        };
        self.be_patient_for(ANSWER)?;
        match read {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error).context("hearing"),
            _ => Ok(()),
        }
    }

    fn be_patient_for(&self, time: Duration) -> Result<()> {
        match &self.line {
            Line::Rtu(stream) => stream.set_read_timeout(Some(time)),
            Line::Tcp(stream, _) => stream.set_read_timeout(Some(time)),
        }
        .context("setting a deadline")
    }

    pub(crate) fn read(&mut self, address: u16, words: u16) -> Result<Vec<u16>> {
        let [a, b] = address.to_be_bytes();
        let [c, d] = words.to_be_bytes();
        let answer = self.ask(&[3, a, b, c, d])?;
        let data = match answer.as_slice() {
            [3, length, data @ ..] if usize::from(*length) == data.len() => data,
            other => bail!("reading {words} from {address}: {other:02x?}"),
        };
        ensure!(data.len() == 2 * usize::from(words), "{} bytes", data.len());
        let word = |bytes: &[u8]| match *bytes {
            [high, low] => u16::from_be_bytes([high, low]),
            _ => 0,
        };
        Ok(data.chunks(2).map(word).collect())
    }

    pub(crate) fn write(&mut self, address: u16, words: &[u16]) -> Result<()> {
        let request = write_request(address, words)?;
        let answer = self.ask(&request)?;
        ensure!(
            Some(answer.as_slice()) == request.get(..5),
            "writing {words:?} to {address}: {answer:02x?}"
        );
        Ok(())
    }

    pub(crate) fn status(&mut self) -> Result<Status> {
        let words = self.read(map::STATUS.start, map::STATUS.words)?;
        let words = words.try_into().ok().context("length of the status")?;
        Status::decode(&words).context("a status that makes no sense")
    }

    pub(crate) fn control(&mut self, request: ControlRequest, watchdog_ms: u16) -> Result<()> {
        let control = Control {
            owner: self.owner,
            watchdog_ms,
            request,
        };
        self.write(map::CONTROL.start, &control.encode())
    }

    /// Resets latches and arms; gives the new epoch. Again when the host was so slow that the
    /// watchdog tripped before the board was looked at.
    pub(crate) fn arm(&mut self, watchdog_ms: u16) -> Result<u16> {
        const TIMES: u32 = 20;
        for _ in 0..TIMES {
            self.control(ControlRequest::Reset, watchdog_ms)?;
            self.control(ControlRequest::Arm, watchdog_ms)?;
            self.beats = 0;
            let status = self.status()?;
            if status.health.flags.has(map::Flags::ARMED) {
                return Ok(status.health.epoch);
            }
            let tripped = status.health.flags.has(map::Flags::TRIPPED);
            ensure!(tripped, "not armed: {status:?}");
        }
        bail!("the board does not stay armed")
    }

    /// A sign of life that counts.
    pub(crate) fn beat(&mut self) -> Result<()> {
        self.beats = self.beats.wrapping_add(1);
        self.beat_as(self.owner, self.beats)
    }

    /// The last sign of life again: it does not count.
    pub(crate) fn stale_beat(&mut self, back: u16) -> Result<()> {
        self.beat_as(self.owner, self.beats.wrapping_sub(back))
    }

    /// A sign of life of somebody else: it does not count.
    pub(crate) fn foreign_beat(&mut self) -> Result<()> {
        self.beat_as(self.owner ^ 1, self.beats.wrapping_add(1))
    }

    fn beat_as(&mut self, owner: u32, counter: u16) -> Result<()> {
        let beat = Heartbeat { owner, counter };
        self.write(map::HEARTBEAT.start, &beat.encode())
    }

    /// Sends a sign of life that counts; the answer is for [`Self::hear_beat`].
    pub(crate) fn send_beat(&mut self) -> Result<()> {
        self.beats = self.beats.wrapping_add(1);
        let beat = Heartbeat {
            owner: self.owner,
            counter: self.beats,
        };
        self.send(&write_request(map::HEARTBEAT.start, &beat.encode())?)
    }

    /// Hears the answer to [`Self::send_beat`].
    pub(crate) fn hear_beat(&mut self) -> Result<()> {
        let answer = self.hear()?;
        ensure!(answer.first() == Some(&16), "a heartbeat: {answer:02x?}");
        Ok(())
    }

    /// Writes a command and reads what became of it.
    pub(crate) fn command(&mut self, command: &Command) -> Result<Ack> {
        self.write(map::COMMAND.start, &command.encode())?;
        self.result(command.seq)
    }

    /// What became of a command.
    pub(crate) fn result(&mut self, seq: u16) -> Result<Ack> {
        let words = self.read(map::ack_address(seq), 4)?;
        let words = words.try_into().ok().context("length of an answer")?;
        let ack = Ack::decode(words).context("no answer")?;
        ensure!(ack.seq == seq, "answer {} instead of {seq}", ack.seq);
        Ok(ack)
    }
}

fn write_request(address: u16, words: &[u16]) -> Result<Vec<u8>> {
    let count = u8::try_from(words.len()).context("too many words")?;
    let [a, b] = address.to_be_bytes();
    let mut request = vec![16, a, b, 0, count, count * 2];
    request.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    Ok(request)
}

/// True when the error is a deadline that passed.
pub(crate) fn is_late(error: &anyhow::Error) -> bool {
    let kind = error
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind);
    matches!(kind, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// CRC-16/MODBUS by the definition (MODBUS over Serial Line V1.02, section 2.5.1.2), apart from
/// the firmware's own.
fn crc(bytes: &[u8]) -> [u8; 2] {
    let step = |crc: u16| {
        if crc & 1 == 1 {
            crc >> 1 ^ 0xA001
        } else {
            crc >> 1
        }
    };
    bytes
        .iter()
        .fold(0xFFFF_u16, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte), |crc, _| step(crc))
        })
        .to_le_bytes()
}

pub(crate) fn rtu_frame(unit: u8, request: &[u8]) -> Vec<u8> {
    let mut frame = [&[unit], request].concat();
    frame.extend(crc(&frame));
    frame
}

pub(crate) fn tcp_frame(transaction: u16, request: &[u8]) -> Vec<u8> {
    let length = u16::try_from(request.len() + 1).unwrap_or(u16::MAX);
    let mut frame = Vec::with_capacity(request.len() + 7);
    frame.extend(transaction.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(length.to_be_bytes());
    frame.push(UNIT);
    frame.extend(request);
    frame
}

fn hear_rtu(stream: &mut UnixStream) -> Result<Vec<u8>> {
    let mut frame = vec![0; 3];
    stream.read_exact(&mut frame).context("hearing")?;
    let [_, function, third] = *frame.as_slice() else {
        bail!("too short");
    };
    // Unit, function and what was read already are 3; the check is 2.
    let rest = match function {
        0x80.. => 2,
        1..=4 | 23 => usize::from(third) + 2,
        _ => 5,
    };
    frame.resize(3 + rest, 0);
    let tail = frame.get_mut(3..).unwrap_or_default();
    stream.read_exact(tail).context("hearing")?;
    let (body, check) = frame.split_at(frame.len() - 2);
    ensure!(check == crc(body), "wrong check in {frame:02x?}");
    ensure!(body.first() == Some(&UNIT), "wrong unit in {frame:02x?}");
    Ok(body.get(1..).unwrap_or_default().to_vec())
}

pub(crate) fn hear_tcp(stream: &mut TcpStream) -> Result<(u16, Vec<u8>)> {
    let mut header = [0; 7];
    stream.read_exact(&mut header).context("hearing")?;
    let [number_hi, number_lo, 0, 0, length_hi, length_lo, UNIT] = header else {
        bail!("wrong header {header:02x?}");
    };
    let length = usize::from(u16::from_be_bytes([length_hi, length_lo]));
    ensure!((2..=254).contains(&length), "wrong length {length}");
    let mut answer = vec![0; length - 1];
    stream.read_exact(&mut answer).context("hearing")?;
    Ok((u16::from_be_bytes([number_hi, number_lo]), answer))
}

/// Says what is wrong with an answer to a request, by the protocol alone (Modbus Application
/// Protocol V1.1b3, section 6): `None` when nothing is.
pub(crate) fn fault(request: &[u8], answer: &[u8]) -> Option<&'static str> {
    let function = *request.first()?;
    let known = matches!(function, 1..=6 | 15 | 16 | 23);
    if let [first, code] = *answer
        && first == function | 0x80
    {
        return match (known, code) {
            (false, 1) | (true, 2 | 3) => None,
            _ => Some("wrong exception code"),
        };
    }
    if !known || answer.first() != Some(&function) {
        return Some("neither an answer nor an exception to this function");
    }
    if !is_sound(request) {
        return Some("a refusal was due");
    }
    let count = usize::from(word(request, 3));
    let data = |bytes: usize| {
        let counted = answer.get(1).map(|byte| usize::from(*byte)) == Some(bytes);
        (!counted || answer.len() != bytes + 2).then_some("wrong number of bytes")
    };
    match function {
        1 | 2 => data(count.div_ceil(8)),
        3 | 4 | 23 => data(count * 2),
        _ => (answer.get(..5) != request.get(..5) || answer.len() != 5).then_some("wrong echo"),
    }
}

/// True when lengths, counts and values of a request are what the protocol allows.
fn is_sound(request: &[u8]) -> bool {
    let count = usize::from(word(request, 3));
    let counted = |at: usize, fixed: usize, data: usize| {
        let bytes = request
            .get(at)
            .map_or(usize::MAX, |byte| usize::from(*byte));
        bytes == data && request.len() == fixed + data
    };
    match request.first() {
        Some(1 | 2) => request.len() == 5 && (1..=2_000).contains(&count),
        Some(3 | 4) => request.len() == 5 && (1..=125).contains(&count),
        Some(5) => request.len() == 5 && matches!(word(request, 3), 0 | 0xFF00),
        Some(6) => request.len() == 5,
        Some(15) => (1..=1_968).contains(&count) && counted(5, 6, count.div_ceil(8)),
        Some(16) => (1..=123).contains(&count) && counted(5, 6, count * 2),
        Some(23) => {
            let written = usize::from(word(request, 7));
            (1..=125).contains(&count)
                && (1..=121).contains(&written)
                && counted(9, 10, written * 2)
        }
        _ => false,
    }
}

fn word(request: &[u8], at: usize) -> u16 {
    match request.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}
