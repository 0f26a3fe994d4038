//! Where a Modbus bus is, and how a connection to it is made.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use rustix::net::sockopt;
use serial2_tokio::{CharSize, FlowControl, Parity, SerialPort, Settings as Serial, StopBits};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::frame::Framing;
use crate::mqtt;
use crate::tls::Tls;

/// A connection as Modbus needs it: bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection being made.
pub type Opening = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// Where a bus is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `host:port` or `tcp://host:port`: Modbus TCP.
    Tcp(String),
    /// `tls://host:port`: Modbus/TCP Security, port 802 by the standard.
    Tls(String),
    /// `rtu+tcp://host:port`: RTU frames through a serial device server.
    RtuOverTcp(String),
    /// `rtu:///dev/ttyS0?19200-8E1`, or `serial://` for what is no Modbus: a serial line.
    Serial(SerialLine),
}

/// A serial line: device, speed and form of a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialLine {
    /// Device file.
    pub path: PathBuf,
    /// Bits per second, 1,200 to 921,600.
    pub baud: u32,
    /// Check bit.
    pub parity: LineParity,
    /// Stop bits, 1 or 2.
    pub stop_bits: u8,
}

/// Check bit of a character of eight bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineParity {
    /// `N`.
    None,
    /// `E`.
    Even,
    /// `O`.
    Odd,
}

/// Where a field node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeAddress {
    /// On a bus.
    Bus(Address),
    /// At an MQTT broker.
    Mqtt(mqtt::Address),
}

/// Text that is no address of a field node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeAddressError {
    /// It means to be an address at a broker.
    #[error(transparent)]
    Mqtt(#[from] mqtt::AddressError),
    /// It is no address at all.
    #[error("{0}; or `mqtt://host:port/node`")]
    Bus(AddressError),
}

impl FromStr for NodeAddress {
    type Err = NodeAddressError;

    fn from_str(text: &str) -> Result<Self, NodeAddressError> {
        if mqtt::Address::is_meant(text) {
            return Ok(Self::Mqtt(text.parse()?));
        }
        let address = text.parse().map_err(NodeAddressError::Bus)?;
        Ok(Self::Bus(address))
    }
}

/// Text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "found `{0}`, allowed is `host:port`, `tls://host:port`, `rtu+tcp://host:port` or a serial \
     line like `rtu:///dev/ttyS0?19200-8E1`"
)]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError(text.to_owned());
        let Some((scheme, rest)) = text.split_once("://") else {
            return is_host_port(text)
                .then(|| Self::Tcp(text.to_owned()))
                .ok_or_else(wrong);
        };
        if matches!(scheme, "rtu" | "serial") {
            return serial_line(rest).map(Self::Serial).ok_or_else(wrong);
        }
        let make = match scheme {
            "tcp" => Self::Tcp,
            "tls" => Self::Tls,
            "rtu+tcp" => Self::RtuOverTcp,
            _ => return Err(wrong()),
        };
        is_host_port(rest)
            .then(|| make(rest.to_owned()))
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host) => write!(out, "{host}"),
            Self::Tls(host) => write!(out, "tls://{host}"),
            Self::RtuOverTcp(host) => write!(out, "rtu+tcp://{host}"),
            Self::Serial(line) => {
                let parity = match line.parity {
                    LineParity::None => 'N',
                    LineParity::Even => 'E',
                    LineParity::Odd => 'O',
                };
                let (path, baud, stop) = (line.path.display(), line.baud, line.stop_bits);
                write!(out, "rtu://{path}?{baud}-8{parity}{stop}")
            }
        }
    }
}

fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    !host.is_empty() && !host.contains('/') && port.parse().is_ok_and(|port: u16| port > 0)
}

fn serial_line(text: &str) -> Option<SerialLine> {
    let (path, form) = text.split_once('?')?;
    let (baud, form) = form.split_once('-')?;
    let baud = baud
        .parse()
        .ok()
        .filter(|baud| (1_200..=921_600).contains(baud))?;
    let (parity, stop_bits) = match form {
        "8N1" => (LineParity::None, 1),
        "8N2" => (LineParity::None, 2),
        "8E1" => (LineParity::Even, 1),
        "8O1" => (LineParity::Odd, 1),
        _ => return None,
    };
    let path = PathBuf::from(path);
    path.is_absolute().then_some(SerialLine {
        path,
        baud,
        parity,
        stop_bits,
    })
}

/// Silence between two frames on a serial line: 3.5 characters of 11 bits, and 1.75 ms at least
/// (MODBUS over Serial Line V1.02, section 2.5.1.1).
fn silence(baud: u32) -> Duration {
    Duration::from_micros(38_500_000 / u64::from(baud.max(1))).max(Duration::from_micros(1_750))
}

/// Makes connections to one bus.
pub struct Dialer {
    pub(crate) framing: Framing,
    /// Silence to keep before a request.
    pub(crate) silence: Duration,
    open: Box<dyn Fn() -> Opening + Send + Sync>,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            framing, silence, ..
        } = self;
        out.debug_struct("Dialer")
            .field("framing", framing)
            .field("silence", silence)
            .finish()
    }
}

impl Dialer {
    /// Connections to an address. `tls` is needed for [`Address::Tls`] alone; without it such
    /// connections fail.
    pub fn to(address: &Address, tls: Option<Tls>) -> Self {
        match address.clone() {
            Address::Tcp(host) => Self::with(Framing::Tcp, move || Box::pin(tcp(host.clone()))),
            Address::RtuOverTcp(host) => {
                Self::with(Framing::Rtu, move || Box::pin(tcp(host.clone())))
            }
            Address::Tls(host) => Self::with(Framing::Tcp, move || {
                let (host, tls) = (host.clone(), tls.clone());
                Box::pin(async move {
                    let tls = tls.ok_or_else(|| io::Error::other("no certificates are given"))?;
                    let stream = connect(&host).await?;
                    Ok(Box::new(tls.wrap(&host, stream).await?) as Box<dyn Stream>)
                })
            }),
            Address::Serial(line) => {
                let silence = silence(line.baud);
                let open = move || -> Opening {
                    let opened = serial(&line);
                    Box::pin(async move { Ok(Box::new(opened?) as Box<dyn Stream>) })
                };
                Self {
                    silence,
                    ..Self::with(Framing::Rtu, open)
                }
            }
        }
    }

    /// Connections made by any means.
    pub fn with(framing: Framing, open: impl Fn() -> Opening + Send + Sync + 'static) -> Self {
        Self {
            framing,
            silence: Duration::ZERO,
            open: Box::new(open),
        }
    }

    /// Makes a connection.
    pub fn open(&self) -> Opening {
        (self.open)()
    }
}

async fn tcp(host: String) -> io::Result<Box<dyn Stream>> {
    Ok(Box::new(connect(&host).await?))
}

async fn connect(host: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    keep_alive(&stream)?;
    Ok(stream)
}

/// Lets the system notice within half a minute that a silent peer is gone.
///
/// # Errors
/// The system refuses.
pub fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(10))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(5))?;
    sockopt::set_tcp_keepcnt(stream, 3)?;
    Ok(())
}

fn serial(line: &SerialLine) -> io::Result<SerialPort> {
    let configure = |mut settings: Serial| {
        settings.set_raw();
        settings.set_baud_rate(line.baud)?;
        settings.set_char_size(CharSize::Bits8);
        settings.set_flow_control(FlowControl::None);
        settings.set_parity(match line.parity {
            LineParity::None => Parity::None,
            LineParity::Even => Parity::Even,
            LineParity::Odd => Parity::Odd,
        });
        settings.set_stop_bits(if line.stop_bits == 2 {
            StopBits::Two
        } else {
            StopBits::One
        });
        Ok(settings)
    };
    SerialPort::open(&line.path, configure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&Address>) {
        let found = text.parse::<Address>();
        assert_eq!(found.as_ref().ok(), expected, "{text}");
        if let Ok(address) = found {
            assert_eq!(
                address.to_string().parse(),
                Ok(address),
                "{text} there and back"
            );
        }
    }

    #[test]
    fn addresses_are_read() {
        let line = |baud, parity, stop_bits| {
            let path = PathBuf::from("/dev/ttyUSB0");
            Address::Serial(SerialLine {
                path,
                baud,
                parity,
                stop_bits,
            })
        };
        check(
            "10.0.0.5:502",
            Some(&Address::Tcp("10.0.0.5:502".to_owned())),
        );
        check("tcp://io:502", Some(&Address::Tcp("io:502".to_owned())));
        check("[::1]:502", Some(&Address::Tcp("[::1]:502".to_owned())));
        check("tls://io:802", Some(&Address::Tls("io:802".to_owned())));
        check(
            "rtu+tcp://io:4001",
            Some(&Address::RtuOverTcp("io:4001".to_owned())),
        );
        check(
            "rtu:///dev/ttyUSB0?19200-8E1",
            Some(&line(19_200, LineParity::Even, 1)),
        );
        check(
            "rtu:///dev/ttyUSB0?9600-8N2",
            Some(&line(9_600, LineParity::None, 2)),
        );
        for wrong in [
            "",
            "io",
            "io:0",
            ":502",
            "io:x",
            "udp://io:502",
            "tcp://io",
            "tcp://io:502/x",
            "rtu://ttyS0?9600-8N1",
            "rtu:///dev/ttyS0",
            "rtu:///dev/ttyS0?9600",
            "rtu:///dev/ttyS0?9600-7E1",
            "rtu:///dev/ttyS0?1-8N1",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn slow_lines_are_silent_for_longer() {
        assert_eq!(silence(9_600), Duration::from_micros(4_010));
        assert_eq!(silence(115_200), Duration::from_micros(1_750));
    }
}
