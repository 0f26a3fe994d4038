//! The camera server over a real socket, as the controller sees it.

#[cfg(test)]
mod over_http {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use sortline_core::{CameraId, Ticks, TriggerId};
    use sortline_sim::render::{ParcelLook, PlacedParcel, Scene, Shipment, Tier, View};
    use sortline_sim::serve::cameras::{CameraFault, Cameras, Options, serve_cameras};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::{mpsc, watch};

    /// Longest that anything may take before a test fails.
    const LIMIT: Duration = Duration::from_mins(1);

    struct Rig {
        cameras: Cameras,
        scenes: mpsc::Sender<Scene>,
        faults: watch::Sender<BTreeMap<CameraId, CameraFault>>,
        _truth: watch::Sender<String>,
        belt: watch::Sender<bool>,
    }

    async fn rig() -> Rig {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (scenes, scenes_in) = mpsc::channel(8);
        let (faults, faults_in) = watch::channel(BTreeMap::new());
        let (truth, truth_in) = watch::channel(r#"{"sorted":3}"#.to_owned());
        let (belt, _) = watch::channel(true);
        let options = Options {
            cameras: vec![CameraId(0), CameraId(1)],
            view: View {
                width: 320,
                height: 256,
                px_per_mm: 1.5,
            },
            tier: Tier::T1,
            seed: 1,
            faults: faults_in,
            belt: belt.clone(),
        };
        let cameras = serve_cameras(listener, scenes_in, options, truth_in)
            .await
            .expect("served");
        Rig {
            cameras,
            scenes,
            faults,
            _truth: truth,
            belt,
        }
    }

    fn scene(trigger: u32) -> Scene {
        let shipment = Shipment {
            code: "RR473124829CN".to_owned(),
            country: "DE".to_owned(),
            postcode: "10115".to_owned(),
            city: "Berlin".to_owned(),
            service: "PRIORITY".to_owned(),
        };
        let parcel = PlacedParcel {
            look: ParcelLook::new(&shipment, 200.0, 150.0, u64::from(trigger)),
            length_mm: 200.0,
            width_mm: 150.0,
            offset_mm: 0.0,
            lateral_mm: 0.0,
            rotation_deg: 3.0,
        };
        let ticks = Ticks(trigger * 500);
        Scene {
            camera: CameraId(0),
            trigger: TriggerId(trigger),
            ticks,
            parcels: vec![parcel],
        }
    }

    /// A connection on which a request was sent: a path, or a method and a path.
    async fn request(rig: &Rig, path: &str) -> BufReader<TcpStream> {
        let mut socket = TcpStream::connect(rig.cameras.address())
            .await
            .expect("connected");
        let (method, path) = path.split_once(' ').unwrap_or(("GET", path));
        let text = format!("{method} {path} HTTP/1.1\r\nHost: line\r\nConnection: close\r\n\r\n");
        socket.write_all(text.as_bytes()).await.expect("sent");
        BufReader::new(socket)
    }

    /// Everything the server sends until it closes.
    async fn answer(rig: &Rig, path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut socket = request(rig, path).await;
        tokio::time::timeout(LIMIT, socket.read_to_end(&mut bytes))
            .await
            .expect("in time")
            .expect("read");
        bytes
    }

    /// Reads until `end` has come.
    async fn read_until(socket: &mut BufReader<TcpStream>, end: &str) -> String {
        let mut bytes = Vec::new();
        tokio::time::timeout(LIMIT, async {
            while !bytes.ends_with(end.as_bytes()) {
                bytes.push(socket.read_u8().await.expect("more"));
            }
        })
        .await
        .expect("in time");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads one part of a stream: its headers and its file.
    async fn part(socket: &mut BufReader<TcpStream>) -> (String, Vec<u8>) {
        read_until(socket, "--sortline-frame\r\n").await;
        let head = read_until(socket, "\r\n\r\n").await;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .and_then(|n| n.parse().ok())
            .expect("a length");
        let mut file = vec![0; length];
        tokio::time::timeout(LIMIT, socket.read_exact(&mut file))
            .await
            .expect("in time")
            .expect("read");
        (head, file)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stream_carries_frames_with_their_triggers() {
        let rig = rig().await;
        let mut stream = request(&rig, "/camera/0").await;
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(
            head.to_lowercase()
                .contains("multipart/x-mixed-replace; boundary=sortline-frame"),
            "{head}"
        );
        for trigger in [7, 8] {
            rig.scenes.send(scene(trigger)).await.expect("taken");
            let (head, file) = part(&mut stream).await;
            assert!(
                head.contains(&format!("X-Sortline-Trigger: {trigger}\r\n")),
                "{head}"
            );
            assert!(
                head.contains(&format!("X-Sortline-Ticks: {}\r\n", trigger * 500)),
                "{head}"
            );
            assert!(head.contains("X-Sortline-Camera: 0\r\n"), "{head}");
            assert!(
                file.starts_with(&[0xff, 0xd8]) && file.ends_with(&[0xff, 0xd9]),
                "a JPEG file"
            );
        }
        let latest = answer(&rig, "/camera/0/latest.jpg").await;
        assert!(String::from_utf8_lossy(&latest).contains("x-sortline-trigger: 8"));
        rig.cameras.stop().await.expect("stopped");
        let mut rest = Vec::new();
        tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest))
            .await
            .expect("ended")
            .expect("read");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn other_requests_are_answered_or_refused() {
        let rig = rig().await;
        for (path, status, text) in [
            ("/truth", "200", r#"{"sorted":3}"#),
            (
                "/camera/0/latest.jpg",
                "404",
                "the camera has not taken a frame",
            ),
            ("/camera/9", "404", "there is no such camera"),
            ("/camera/top", "400", ""),
            ("/nothing", "404", ""),
            ("POST /belt/stop", "204", ""),
            ("POST /belt/faster", "404", ""),
            ("/belt/stop", "405", ""),
        ] {
            let answer = String::from_utf8_lossy(&answer(&rig, path).await).into_owned();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{path}: {answer}"
            );
            assert!(answer.contains(text), "{path}: {answer}");
        }
        assert!(!*rig.belt.borrow(), "the button was pressed");
        rig.cameras.stop().await.expect("stopped");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn faults_freeze_blacken_stall_and_hang_up() {
        let rig = rig().await;
        let mut stream = request(&rig, "/camera/0").await;
        read_until(&mut stream, "\r\n\r\n").await;
        rig.scenes.send(scene(1)).await.expect("taken");
        let (_, first) = part(&mut stream).await;

        let set = |fault| {
            rig.faults
                .send_replace(BTreeMap::from([(CameraId(0), fault)]))
        };
        set(CameraFault::Freeze);
        rig.scenes.send(scene(2)).await.expect("taken");
        let (head, frozen) = part(&mut stream).await;
        assert!(head.contains("X-Sortline-Trigger: 2\r\n"), "{head}");
        assert_eq!(frozen, first);

        set(CameraFault::Black);
        rig.scenes.send(scene(3)).await.expect("taken");
        let (_, black) = part(&mut stream).await;
        assert!(black.len() * 3 < first.len(), "{} bytes", black.len());

        // A camera that stalls takes no frame; the next one after the fault is seen.
        set(CameraFault::Stall);
        rig.scenes.send(scene(4)).await.expect("taken");
        rig.scenes
            .send(Scene {
                camera: CameraId(1),
                ..scene(4)
            })
            .await
            .expect("taken");
        let mut other = rig
            .scenes
            .reserve_many(8)
            .await
            .expect("all scenes were dispatched");
        drop(other.next());
        drop(other);

        set(CameraFault::Drop);
        let mut rest = Vec::new();
        tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest))
            .await
            .expect("ended")
            .expect("read");
        let refusal = String::from_utf8_lossy(&answer(&rig, "/camera/0").await).into_owned();
        assert!(refusal.starts_with("HTTP/1.1 503"), "{refusal}");
        rig.cameras.stop().await.expect("stopped");
    }
}
