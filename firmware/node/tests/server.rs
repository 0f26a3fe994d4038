//! The node behind real sockets: a public Modbus client understands it, and hostile peers do not
//! disturb it.
#![cfg(test)]

use std::time::Duration;

use sortline_logic::{Limits, Node};
use sortline_node::{Field, serve};
use sortline_regmap as map;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_modbus::client::{Context, Reader, Writer};
use tokio_modbus::slave::Slave;

/// A belt that moves one tick a call.
struct Ticking(u32);

impl Field for Ticking {
    fn advance(&mut self, node: &mut Node, now_us: u64) {
        node.millis(u32::try_from(now_us / 1_000).unwrap());
        self.0 += 1;
        node.encoder(self.0);
    }
}

struct Server {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<Ticking>>,
}

async fn start() -> Server {
    let limits = Limits {
        eyes: 8,
        diverters: 4,
        cameras: 2,
        opposite: [None; 32],
        hold_ms_max: 500,
        hold_ticks_max: 500,
        lead_ticks_min: 10,
        ahead_ticks_max: 10_000,
        heartbeat_ms: 100,
        jam_ms: 1_000,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let node = Node::new(limits, 3).with_id(12);
    let task = tokio::spawn(serve(listener, node, Ticking(0), async {
        drop(stopped.await);
    }));
    Server {
        address,
        stop,
        task,
    }
}

async fn client(server: &Server) -> Context {
    let stream = TcpStream::connect(server.address).await.unwrap();
    tokio_modbus::client::tcp::attach_slave(stream, Slave(1))
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("within 20 s")
}

#[tokio::test]
async fn public_client_reads_and_writes() {
    let server = start().await;
    let mut client = client(&server).await;
    let ident = soon(client.read_holding_registers(0, 8))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ident, map::Ident::new(12, 3).encode());
    let same = soon(client.read_input_registers(0, 8))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(same, ident);
    soon(client.write_single_register(180, 5))
        .await
        .unwrap()
        .unwrap();
    soon(client.write_multiple_registers(181, &[6, 7]))
        .await
        .unwrap()
        .unwrap();
    let mailbox = soon(client.read_holding_registers(180, 3))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(mailbox, [5, 6, 7]);
    let refused = soon(client.read_holding_registers(90, 1)).await.unwrap();
    assert_eq!(
        refused,
        Err(tokio_modbus::ExceptionCode::IllegalDataAddress)
    );
    let refused = soon(client.write_single_register(0, 1)).await.unwrap();
    assert_eq!(
        refused,
        Err(tokio_modbus::ExceptionCode::IllegalDataAddress)
    );
}

#[tokio::test]
async fn public_client_reads_and_writes_bits() {
    let server = start().await;
    let mut client = client(&server).await;
    // The magic's first bits, as coils and as discrete inputs.
    let bits = [
        soon(client.read_coils(0, 8)).await.unwrap().unwrap(),
        soon(client.read_discrete_inputs(0, 8))
            .await
            .unwrap()
            .unwrap(),
    ];
    let magic = [true, true, true, true, false, false, true, false];
    assert_eq!(bits, [magic, magic]);
    soon(client.write_multiple_registers(180, &[5, 6, 7]))
        .await
        .unwrap()
        .unwrap();
    soon(client.write_single_coil(180 * 16 + 1, true))
        .await
        .unwrap()
        .unwrap();
    soon(client.write_multiple_coils(180 * 16 + 4, &[true; 20]))
        .await
        .unwrap()
        .unwrap();
    let mailbox = soon(client.read_write_multiple_registers(180, 3, 182, &[9]))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(mailbox, [0xFFF7, 0x00FF, 9]);
    let refused = soon(client.read_coils(90 * 16, 1)).await.unwrap();
    assert_eq!(
        refused,
        Err(tokio_modbus::ExceptionCode::IllegalDataAddress)
    );
}

#[tokio::test]
async fn shutdown_gives_the_field_back() {
    let server = start().await;
    let mut client = client(&server).await;
    soon(client.read_holding_registers(0, 8))
        .await
        .unwrap()
        .unwrap();
    server.stop.send(()).unwrap();
    let field = soon(server.task).await.unwrap().unwrap();
    assert!(field.0 > 0);
    assert!(soon(client.read_holding_registers(0, 8)).await.is_err());
}

#[tokio::test]
async fn nonsense_closes_only_its_own_connection() {
    let server = start().await;
    let mut good = client(&server).await;
    let nonsense: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 1, 0, 1, 0, 6, 1, 3, 0, 0, 0, 8], // protocol id
        &[0, 1, 0, 0, 0, 0, 1, 3, 0, 0, 0, 8], // length 0
        &[0, 1, 0, 0, 0, 1, 1],                // no function code
        &[0, 1, 0, 0, 0xFF, 0xFF, 1, 3],       // length 65535
        &[0, 1, 0, 0, 0, 255, 1, 3],           // one byte too long
    ];
    for bytes in nonsense {
        let mut bad = TcpStream::connect(server.address).await.unwrap();
        bad.write_all(bytes).await.unwrap();
        let mut reply = Vec::new();
        // Closed or reset, but without an answer.
        drop(soon(bad.read_to_end(&mut reply)).await);
        assert!(reply.is_empty(), "{bytes:02x?} was answered: {reply:02x?}");
        soon(good.read_holding_registers(0, 8))
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn request_may_arrive_byte_by_byte() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in [0x12, 0x34, 0, 0, 0, 6, 9, 3, 0, 0, 0, 2] {
        stream.write_all(&[byte]).await.unwrap();
    }
    let mut reply = [0; 13];
    soon(stream.read_exact(&mut reply)).await.unwrap();
    assert_eq!(
        reply,
        [0x12, 0x34, 0, 0, 0, 7, 9, 3, 4, 0x53, 0x4F, 0x52, 0x54]
    );
    // A quantity whose byte count overflows 16 bits.
    let request = [0, 1, 0, 0, 0, 7, 9, 16, 0, 180, 0x80, 0, 0];
    stream.write_all(&request).await.unwrap();
    let mut reply = [0; 9];
    soon(stream.read_exact(&mut reply)).await.unwrap();
    assert_eq!(reply, [0, 1, 0, 0, 0, 3, 9, 0x90, 3]);
}

#[tokio::test]
async fn connections_are_limited() {
    let server = start().await;
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut client = client(&server).await;
        soon(client.read_holding_registers(0, 8))
            .await
            .unwrap()
            .unwrap();
        held.push(client);
    }
    let mut one_too_many = client(&server).await;
    assert!(
        soon(one_too_many.read_holding_registers(0, 8))
            .await
            .is_err()
    );
    for client in &mut held {
        soon(client.read_holding_registers(0, 8))
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn idle_connection_is_closed() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut reply = Vec::new();
    // Half a request, then nothing. Paused time runs as soon as everybody waits.
    stream.write_all(&[0, 1, 0]).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut reply));
    assert_eq!(closed.await.expect("closed in time").unwrap_or(0), 0);
}
