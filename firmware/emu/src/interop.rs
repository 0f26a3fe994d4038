//! Masters that this project did not write: tokio-modbus and mbpoll, over both transports.

use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use sortline_regmap as map;
use tokio_modbus::client::{Context as Client, Reader as _, Writer as _};
use tokio_modbus::slave::Slave;

use crate::image::Image;
use crate::machine::{Machine, Pace};

/// Both masters over both transports.
pub(crate) fn run(image: &Image) -> Result<String> {
    let machine = Machine::start(image, Pace::Free)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(machine.modbus).await?;
        let tcp = tokio_modbus::client::tcp::attach_slave(stream, Slave(1));
        converse(tcp).await.context("tokio-modbus over TCP")?;
        let serial = machine.serial()?;
        serial.set_nonblocking(true)?;
        let serial = tokio::net::UnixStream::from_std(serial)?;
        let rtu = tokio_modbus::client::rtu::attach_slave(serial, Slave(1));
        converse(rtu).await.context("tokio-modbus over RTU")
    })?;
    let port = machine.modbus.port().to_string();
    mbpoll(&["-m", "tcp", "-p", &port], "127.0.0.1").context("mbpoll over TCP")?;
    let other = Machine::start_on_terminal(image)?;
    let line = other
        .terminal
        .as_deref()
        .context("QEMU names no device file")?;
    let rtu = ["-m", "rtu", "-b", "115200", "-P", "none"];
    mbpoll(&rtu, line).context("mbpoll over RTU")?;
    Ok("tokio-modbus and mbpoll understand it over RTU and over TCP".to_owned())
}

/// Every function code that the board knows.
async fn converse(mut client: Client) -> Result<()> {
    let magic = [0x534F, 0x5254];
    ensure!(client.read_holding_registers(map::IDENT.start, 2).await?? == magic);
    ensure!(client.read_input_registers(map::IDENT.start, 2).await?? == magic);
    let bits = [true, true, true, true, false, false, true, false];
    ensure!(client.read_coils(map::IDENT.start, 8).await?? == bits);
    ensure!(client.read_discrete_inputs(map::IDENT.start, 8).await?? == bits);
    let mailbox = map::COMMAND.start;
    client.write_single_register(mailbox, 0).await??;
    client.write_single_coil(mailbox * 16 + 3, true).await??;
    client
        .write_multiple_coils(mailbox * 16 + 4, &[true; 4])
        .await??;
    client
        .write_multiple_registers(mailbox + 1, &[7, 8])
        .await??;
    let both = client
        .read_write_multiple_registers(mailbox, 4, mailbox + 3, &[9])
        .await??;
    ensure!(both == [0xF8, 7, 8, 9], "{both:?}");
    let refused = client.write_single_register(map::IDENT.start, 1).await?;
    ensure!(refused == Err(tokio_modbus::ExceptionCode::IllegalDataAddress));
    let refused = client.read_holding_registers(map::EVENTS.end(), 1).await?;
    ensure!(refused == Err(tokio_modbus::ExceptionCode::IllegalDataAddress));
    Ok(())
}

/// Reads the magic with mbpoll.
fn mbpoll(transport: &[&str], device: &str) -> Result<()> {
    let output = Command::new("mbpoll")
        .args(transport)
        .args([
            "-a", "1", "-t", "4:hex", "-0", "-r", "0", "-c", "2", "-1", device,
        ])
        .output()
        .context("starting mbpoll; `cargo xtask setup` installs it")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !text.contains("0x534F") || !text.contains("0x5254") {
        bail!("{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
