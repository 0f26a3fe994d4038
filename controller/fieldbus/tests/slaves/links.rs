//! The session with a node over every kind of link: TLS with certificates, RTU frames over TCP,
//! a serial line.
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Health, Slave, Vice};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use sortline_core::{Event, NodeFault};
use sortline_fieldbus::address::{Address, Dialer};
use sortline_fieldbus::tls::Tls;
use sortline_fieldbus::{Delivery, Framing, Settings, Watch, run};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, copy_bidirectional, duplex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// A healthy node; connections to it go in here.
fn node(framing: Framing) -> mpsc::Sender<DuplexStream> {
    let (connections, incoming) = mpsc::channel(1);
    let slave = Slave::new(Vice::Silent, framing, Health::default(), Arc::default());
    tokio::spawn(slave.serve(incoming));
    connections
}

/// The first thing that a session tells of its node, besides the belt.
async fn first(dialer: Dialer, call_ms: u16) -> Event {
    let settings = Settings {
        call_ms,
        ..Settings::default()
    };
    let (_commands, inbox) = mpsc::channel(1);
    let (outbox, mut events) = mpsc::channel(64);
    tokio::spawn(run(dialer, settings, inbox, outbox, Watch::default()));
    loop {
        let Delivery { event, .. } = timeout(Duration::from_secs(20), events.recv())
            .await
            .unwrap()
            .unwrap();
        if !matches!(event, Event::Belt { .. }) {
            return event;
        }
    }
}

fn is_up(event: &Event) -> bool {
    matches!(event, Event::NodeUp { .. })
}

#[tokio::test]
async fn rtu_frames_through_a_device_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("rtu+tcp://{}", listener.local_addr().unwrap());
    let node = node(Framing::Rtu);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut near, far) = duplex(4_096);
            node.send(far).await.unwrap();
            drop(copy_bidirectional(&mut stream, &mut near).await);
        }
    });
    let dialer = Dialer::to(&address.parse().unwrap(), None);
    assert!(is_up(&first(dialer, 1_000).await));
}

/// A pseudo-terminal stands in for the line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rtu_on_a_serial_line() {
    let master =
        rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY);
    let master = master.unwrap();
    rustix::pty::grantpt(&master).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let path = rustix::pty::ptsname(&master, Vec::new())
        .unwrap()
        .into_string()
        .unwrap();
    let (near, far) = duplex(4_096);
    let node = node(Framing::Rtu);
    node.send(far).await.unwrap();
    let (mut from_node, mut to_node) = tokio::io::split(near);
    let mut reader = std::fs::File::from(master);
    let mut writer = reader.try_clone().unwrap();
    // The line is held open at this end: a terminal without any ends.
    let _held = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let (sender, mut bytes) = mpsc::channel(64);
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(bytes) = bytes.recv().await {
            to_node.write_all(&bytes).await.unwrap();
        }
    });
    tokio::spawn(async move {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = from_node.read(&mut buffer).await {
            writer.write_all(&buffer[..count]).unwrap();
        }
    });
    let address: Address = format!("rtu://{path}?115200-8N1").parse().unwrap();
    assert!(is_up(&first(Dialer::to(&address, None), 1_000).await));
}

/// An authority, and a certificate that it has signed, as PEM files.
struct Signed {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

fn sign(folder: &Path, name: &str) -> Signed {
    let write = |kind: &str, text: &str| {
        let path = folder.join(format!("{name}-{kind}.pem"));
        std::fs::write(&path, text).unwrap();
        path
    };
    let own = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::<String>::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = root.self_signed(&own).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf
        .signed_by(&key, &Issuer::from_params(&root, own))
        .unwrap();
    Signed {
        authority: write("authority", &authority.pem()),
        certificate: write("certificate", &leaf.pem()),
        key: write("key", &key.serialize_pem()),
    }
}

/// A node behind TLS that takes only controllers whose certificate `clients` has signed.
async fn secure_node(server: &Signed, clients: &Signed) -> String {
    let certificates = |path: &Path| {
        let all = CertificateDer::pem_file_iter(path).unwrap();
        all.map(Result::unwrap).collect::<Vec<_>>()
    };
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&clients.authority) {
        roots.add(certificate).unwrap();
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            certificates(&server.certificate),
            PrivateKeyDer::from_pem_file(&server.key).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let node = node(Framing::Tcp);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let (mut near, far) = duplex(4_096);
            node.send(far).await.unwrap();
            drop(copy_bidirectional(&mut stream, &mut near).await);
        }
    });
    format!("tls://localhost:{port}")
}

#[tokio::test]
async fn tls_with_certificates_on_both_sides() {
    let folder = std::env::temp_dir().join(format!("sortline-links-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (node, controller, stranger) = (
        sign(&folder, "node"),
        sign(&folder, "controller"),
        sign(&folder, "stranger"),
    );
    let tls = |authority: &Signed, own: &Signed| {
        Tls::from_files(&authority.authority, &own.certificate, &own.key).unwrap()
    };
    let address: Address = secure_node(&node, &controller).await.parse().unwrap();
    let told = async |tls: Option<Tls>| first(Dialer::to(&address, tls), 1_000).await;
    assert!(is_up(&told(Some(tls(&node, &controller))).await));
    let refused = Event::NodeDown {
        fault: NodeFault::Unreachable,
    };
    let cases = [
        (
            "a controller that another authority signed",
            Some(tls(&node, &stranger)),
        ),
        (
            "a node that another authority signed",
            Some(tls(&stranger, &controller)),
        ),
        ("no certificates", None),
    ];
    for (what, tls) in cases {
        assert_eq!(told(tls).await, refused, "{what}");
    }
    let plain = Address::Tcp(address.to_string().trim_start_matches("tls://").to_owned());
    let event = first(Dialer::to(&plain, None), 1_000).await;
    assert!(
        matches!(event, Event::NodeDown { .. }),
        "plain text is not answered"
    );
    assert!(Tls::from_files(&node.authority, &node.certificate, &controller.key).is_err());
    assert!(Tls::from_files(&folder.join("none"), &node.certificate, &node.key).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}
