//! The plant in real time, over real sockets, with a controller as simple as one can be.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::SocketAddr;
    use std::time::Duration;

    use sortline_core::ChuteId;
    use sortline_core::topology::LineConfig;
    use sortline_regmap as map;
    use sortline_sim::plant::PlantConfig;
    use sortline_sim::render::Shipment;
    use sortline_sim::serve::plant::{Options, PlantError, plant};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_mins(1);

    fn options(parcels: u64) -> Options {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let text = include_str!("../../config/bench/line.toml");
        let mut line: LineConfig = toml::from_str(text).unwrap();
        // Faster than a bench, so that nobody waits.
        line.belt.speed_mm_per_s = 3_000;
        let mut config = PlantConfig::default();
        config.feeder.parcels_per_hour = 9_000;
        config.feeder.length_mm_max = 320;
        config.feeder.gap_mm_min = 300;
        let shipment = |i| Shipment {
            code: format!("RR{i:09}DE"),
            country: "DE".to_owned(),
            postcode: "10115".to_owned(),
            city: "Berlin".to_owned(),
            service: "standard".to_owned(),
        };
        Options {
            line,
            plant: config,
            manifest: (0..10).map(shipment).collect(),
            right: vec![BTreeSet::from([ChuteId(1)]); 10],
            modbus: any,
            cameras: None,
            seed: 3,
            parcels: Some(parcels),
        }
    }

    /// One Modbus TCP request; the answer without its header.
    async fn ask(stream: &mut TcpStream, pdu: &[u8]) -> Vec<u8> {
        let length = u8::try_from(pdu.len() + 1).unwrap_or(0);
        let frame = [&[0, 1, 0, 0, 0, length, 1], pdu].concat();
        let mut head = [0; 7];
        let exchange = async {
            stream.write_all(&frame).await?;
            stream.read_exact(&mut head).await?;
            let mut body = vec![0; usize::from(head[5]) - 1];
            stream.read_exact(&mut body).await?;
            std::io::Result::Ok(body)
        };
        match timeout(PATIENCE, exchange).await {
            Ok(Ok(body)) => body,
            failed => panic!("{failed:?}"),
        }
    }

    async fn read(stream: &mut TcpStream, address: u16, words: u16) -> Vec<u16> {
        let [high, low] = address.to_be_bytes();
        let answer = ask(stream, &[3, high, low, 0, u8::try_from(words).unwrap()]).await;
        let words = answer[2..].chunks_exact(2);
        words
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect()
    }

    async fn status(stream: &mut TcpStream) -> map::Status {
        let words = read(stream, map::STATUS.start, map::STATUS.words).await;
        map::Status::decode(&words.try_into().unwrap()).unwrap()
    }

    /// Presses a button of the belt at the machine.
    async fn press(machine: SocketAddr, button: &str) {
        let mut stream = TcpStream::connect(machine).await.unwrap();
        let text = format!("POST /belt/{button} HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_diverter_is_jogged_while_the_belt_stands_and_lets_go_when_it_starts() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let handle = plant(Options {
            cameras: Some(any),
            ..options(0)
        });
        let handle = handle.await.unwrap();
        let machine = handle.cameras().unwrap();
        press(machine, "stop").await;
        let mut stream = TcpStream::connect(handle.modbus()).await.unwrap();
        let arm = map::Control {
            owner: 7,
            watchdog_ms: 100,
            request: map::ControlRequest::Arm,
        };
        write(&mut stream, map::CONTROL.start, &arm.encode()).await;
        let mut beats = tokio::time::interval(Duration::from_millis(20));
        let stands_at = status(&mut stream).await.clock.ticks;
        let (mut held, mut let_go) = (0, None);
        for counter in 1..=500_u16 {
            beats.tick().await;
            let beat = map::Heartbeat { owner: 7, counter };
            write(&mut stream, map::HEARTBEAT.start, &beat.encode()).await;
            let status = status(&mut stream).await;
            // A hand that holds on for half a second, three times; the third time the belt starts.
            if counter < 120 && counter % 50 < 20 && counter % 10 == 1 {
                let jog = map::Command {
                    kind: map::CommandKind::Jog,
                    seq: counter,
                    epoch: status.health.epoch,
                    device: 0,
                    at: status.clock.ticks,
                    hold: 0,
                    hold_ms_max: 400,
                    number: 0,
                };
                write(&mut stream, map::COMMAND.start, &jog.encode()).await;
            }
            held += u16::from(status.levels.actual == 1);
            if counter == 115 {
                press(machine, "start").await;
            }
            if status.clock.ticks != stands_at {
                assert_eq!(status.levels.actual, 0, "the belt moves");
                let_go.get_or_insert(counter);
            }
        }
        assert!(held > 60, "held for {held} polls");
        assert!(let_go.is_some_and(|polls| polls >= 115), "{let_go:?}");
        let truth = timeout(PATIENCE, handle.stop()).await.unwrap().unwrap();
        assert_eq!(truth.violations, Vec::<String>::new());
    }

    async fn write(stream: &mut TcpStream, address: u16, words: &[u16]) {
        let count = u8::try_from(words.len()).unwrap_or(0);
        let mut pdu = vec![16];
        pdu.extend(address.to_be_bytes());
        pdu.extend([0, count, count * 2]);
        pdu.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        assert_eq!(ask(stream, &pdu).await.first(), Some(&16));
    }

    #[tokio::test]
    async fn the_belt_runs_once_a_controller_has_armed_the_node_and_every_parcel_comes_out() {
        let handle = plant(options(2)).await.unwrap();
        let mut stream = TcpStream::connect(handle.modbus()).await.unwrap();
        let ident = ask(&mut stream, &[3, 0, 0, 0, 2]).await;
        assert_eq!(ident, [3, 4, b'S', b'O', b'R', b'T']);
        assert!(!handle.truth().borrow().done, "the belt stands");
        let arm = map::Control {
            owner: 7,
            watchdog_ms: 100,
            request: map::ControlRequest::Arm,
        }
        .encode();
        write(&mut stream, map::CONTROL.start, &arm).await;
        let mut beats = tokio::time::interval(Duration::from_millis(20));
        for counter in 1..=u16::MAX {
            tokio::select! {
                () = handle.finished() => break,
                _ = beats.tick() => {}
            }
            let beat = map::Heartbeat { owner: 7, counter };
            write(&mut stream, map::HEARTBEAT.start, &beat.encode()).await;
        }
        let truth = timeout(PATIENCE, handle.stop()).await.unwrap().unwrap();
        // Nothing was commanded: both are in the reject chute, and the physics knows whose they are.
        assert_eq!((truth.inducted, truth.rejected, truth.on_belt), (2, 2, 0));
        assert_eq!((truth.sorted, truth.missort), (0, 0));
        assert_eq!(truth.violations, Vec::<String>::new());
        let chutes: Vec<_> = truth.ends.iter().map(|end| end.chute).collect();
        assert_eq!(chutes, [Some(ChuteId(99)); 2]);
        assert!(truth.ends.iter().all(|end| end.code.is_some()));
    }

    #[tokio::test]
    async fn an_address_in_use_is_refused_by_name() {
        let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = plant(Options {
            modbus: address,
            ..options(1)
        })
        .await
        .unwrap_err();
        assert!(matches!(error, PlantError::Listen { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("cannot listen on {address} for Modbus TCP")
        );
    }
}
