//! The uplink against brokers and clients that are not ours.

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use crate::support::{PATIENCE, Process};

    const BENCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/bench");
    const BASE: &str = "sortline/v1/bench/bench";

    /// Time between two looks.
    const LOOK: Duration = Duration::from_millis(200);

    /// Attempts to reach a broker that is starting, and looks at a journal.
    const ATTEMPTS: u32 = 500;

    /// A bench site with a broker, in a directory of its own.
    struct Site(PathBuf);

    impl Site {
        fn new(name: &str, mqtt: &str) -> Self {
            let folder = format!("{name}-{}", std::process::id());
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
            std::fs::create_dir_all(&path).unwrap();
            for file in ["line.toml", "plan.toml", "plant.toml", "site.toml"] {
                let text = std::fs::read_to_string(Path::new(BENCH).join(file)).unwrap();
                let text = text.replace("broker = \"off\"", mqtt);
                std::fs::write(path.join(file), text).unwrap();
            }
            Self(path)
        }

        fn serve(&self) -> Process {
            let data = self.0.join("data");
            let paths = [self.0.to_str().unwrap(), data.to_str().unwrap()];
            Process::sortline(&[
                "serve",
                "--config",
                paths[0],
                "--data",
                paths[1],
                "--http",
                "127.0.0.1:0",
            ])
        }
    }

    impl Drop for Site {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// Whether Mosquitto and its clients are installed; says so when a test is skipped.
    fn third_parties() -> bool {
        let there = |program: &str| Command::new(program).arg("-h").output().is_ok();
        let all = ["mosquitto", "mosquitto_sub", "mosquitto_pub"]
            .into_iter()
            .all(there);
        if !all {
            let text = "skipped: mosquitto or mosquitto-clients is not installed";
            writeln!(std::io::stdout(), "{text}").unwrap();
        }
        all
    }

    fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    }

    /// A Mosquitto that takes connections.
    fn mosquitto(site: &Path, port: u16) -> Process {
        mosquitto_with(site, port, "allow_anonymous true")
    }

    fn mosquitto_with(site: &Path, port: u16, access: &str) -> Process {
        let file = site.join("mosquitto.conf");
        let text =
            format!("listener {port} 127.0.0.1\n{access}\nlog_dest stderr\nlog_timestamp false\n");
        std::fs::write(&file, text).unwrap();
        // Only its stderr is not held back in a buffer.
        let mut command = Command::new("sh");
        command.args(["-c", "exec mosquitto -c $0 2>&1"]).arg(file);
        let broker = Process::start(&mut command);
        while !broker.told("mosquitto version ").ends_with("running") {}
        broker
    }

    /// Prints `topic payload` for everything below `topic`, from when this returns.
    fn listen(port: u16, topic: &str) -> Process {
        listen_as(port, topic, &[])
    }

    fn listen_as(port: u16, topic: &str, access: &[&str]) -> Process {
        let topic = format!("{BASE}/{topic}");
        let port = port.to_string();
        let arguments = ["-d", "-v", "-V", "5", "-q", "1", "-p", &port, "-t", &topic];
        for _ in 0..ATTEMPTS {
            // Else what it prints is held back in a buffer.
            let mut command = Command::new("stdbuf");
            command.args(["-oL", "mosquitto_sub"]).args(arguments);
            command.args(access);
            let listener = Process::start(&mut command);
            // It ends at once when the broker is not there yet.
            while let Ok(line) = listener.lines.recv_timeout(PATIENCE) {
                if line.starts_with("Subscribed") {
                    return listener;
                }
            }
        }
        panic!("no broker at port {port}");
    }

    fn publish(port: u16, topic: &str, payload: &str, more: &[&str]) {
        let topic = format!("{BASE}/{topic}");
        let port = port.to_string();
        let mut command = Command::new("mosquitto_pub");
        command.args([
            "-V", "5", "-q", "1", "-p", &port, "-t", &topic, "-m", payload,
        ]);
        assert!(command.args(more).status().unwrap().success());
    }

    fn command(id: &str) -> String {
        let deadline = Timestamp::now() + SignedDuration::from_secs(20);
        format!(r#"{{"id":"{id}","deadline":"{deadline}"}}"#)
    }

    /// The answer to a command under its id.
    fn answer(listener: &Process, id: &str) -> serde_json::Value {
        let payload = listener.told(&format!("{BASE}/ack/{id} "));
        serde_json::from_str(&payload).unwrap()
    }

    fn commands_are_judged(port: u16, acks: &Process, prefix: &str) {
        let id = |n: u32| format!("{prefix}-{n}");
        publish(port, "cmd/reset", &command(&id(1)), &[]);
        assert_eq!(answer(acks, &id(1))["result"], "accepted");
        publish(port, "cmd/reset", &command(&id(1)), &[]);
        assert_eq!(answer(acks, &id(1))["reason"], "duplicate");
        let late = format!(r#"{{"id":"{}","deadline":"2020-01-01T00:00:00Z"}}"#, id(2));
        publish(port, "cmd/reset", &late, &[]);
        assert_eq!(answer(acks, &id(2))["reason"], "expired");
        publish(port, "cmd/reset", "{", &[]);
        assert_eq!(answer(acks, "unknown")["reason"], "malformed");
    }

    #[test]
    fn a_broker_that_is_killed_and_comes_back_is_served_again() {
        if !third_parties() {
            return;
        }
        let port = free_port();
        let site = Site::new("mosquitto", &format!("broker = \"127.0.0.1:{port}\""));
        let mut broker = mosquitto(&site.0, port);
        let mut service = site.serve();
        let connection = listen(port, "connection");
        let online = connection.told(&format!("{BASE}/connection "));
        assert!(online.contains("ONLINE"), "{online}");
        let acks = listen(port, "ack/+");
        commands_are_judged(port, &acks, "before");

        broker.child.kill().unwrap();
        broker.child.wait().unwrap();
        let _broker = mosquitto(&site.0, port);
        let acks = listen(port, "ack/+");
        let connection = listen(port, "connection");
        let online = connection.told(&format!("{BASE}/connection "));
        assert!(online.contains("ONLINE"), "{online}");
        commands_are_judged(port, &acks, "after");

        assert_eq!(service.end(), 0);
        let offline = connection.told(&format!("{BASE}/connection "));
        assert!(offline.contains("OFFLINE"), "{offline}");
    }

    /// Runs parcels through the bench line until each has its outcome in the journal.
    fn sort(site: &Site, parcels: usize) {
        let (path, any) = (site.0.to_str().unwrap(), "127.0.0.1:0");
        let amount = parcels.to_string();
        let file = site.0.join("plant.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, text.replace("= 900", "= 3600")).unwrap();
        let sockets = ["--modbus", any, "--cameras", any, "--parcels", &amount];
        let mut plant = Process::sortline(&[&["plant", "--config", path][..], &sockets].concat());
        let (node, camera) = (plant.told("modbus "), plant.told("cameras "));
        let file = site.0.join("site.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("http://127.0.0.1:5081/camera/0", &camera);
        std::fs::write(file, text.replace("127.0.0.1:5021", &node)).unwrap();
        let mut service = site.serve();
        service.told("dashboard at ");
        let data = site.0.join("data");
        let rows = || {
            let mut export = Command::new(env!("CARGO_BIN_EXE_sortline"));
            let output = export.args(["export", "csv"]).arg(&data).output().unwrap();
            String::from_utf8(output.stdout).unwrap().lines().count()
        };
        // A headline stands above the rows.
        let all = (0..ATTEMPTS).any(|_| {
            drop(service.lines.recv_timeout(LOOK));
            rows() > parcels
        });
        assert!(all, "{} rows", rows());
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        assert_eq!(plant.end(), 0);
    }

    #[test]
    fn outcomes_of_a_time_without_broker_and_of_a_killed_service_are_told_once_it_is_there() {
        if !third_parties() {
            return;
        }
        let (port, parcels) = (free_port(), 4);
        let site = Site::new("spool", &format!("broker = \"127.0.0.1:{port}\""));
        sort(&site, parcels);

        let _broker = mosquitto(&site.0, port);
        let told = listen(port, "parcel/#");
        let mut service = site.serve();
        let mut ended = Vec::new();
        while ended.len() < parcels {
            let payload = told.told(&format!("{BASE}/parcel/"));
            let (parcel, payload) = payload.split_once(' ').unwrap();
            let step: serde_json::Value = serde_json::from_str(payload).unwrap();
            assert_eq!(step["step"], "ended", "{payload}");
            assert_eq!(format!("{}/event", step["parcel"]), parcel);
            ended.push(parcel.to_owned());
        }
        ended.sort();
        ended.dedup();
        assert_eq!(ended.len(), parcels, "each of them");
        // What was acknowledged is on record, and not told again.
        let acks = listen(port, "ack/+");
        commands_are_judged(port, &acks, "first");
        assert_eq!(service.end(), 0);
        let mut service = site.serve();
        let connection = listen(port, "connection");
        while !connection
            .told(&format!("{BASE}/connection "))
            .contains("ONLINE")
        {}
        commands_are_judged(port, &acks, "second");
        assert_eq!(service.end(), 0);
        let again: Vec<String> = told.lines.try_iter().collect();
        let outcome = |line: &&String| line.contains(r#""step":"ended""#);
        assert_eq!(again.iter().filter(outcome).count(), 0, "{again:?}");
    }

    /// PEM files of an authority, and of a certificate for `localhost` that it has signed, with its
    /// key.
    fn sign(folder: &Path) -> [String; 3] {
        let own = KeyPair::generate().unwrap();
        let mut root = CertificateParams::new(Vec::<String>::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = root.self_signed(&own).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        // A name of its own: else it looks like one that signed itself.
        leaf.distinguished_name
            .push(DnType::CommonName, "localhost");
        let leaf = leaf
            .signed_by(&key, &Issuer::from_params(&root, own))
            .unwrap();
        let files = [
            ("authority.pem", authority.pem()),
            ("certificate.pem", leaf.pem()),
            ("key.pem", key.serialize_pem()),
        ];
        files.map(|(name, text)| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        })
    }

    #[test]
    fn a_broker_behind_tls_and_a_password_lets_the_service_in() {
        if !third_parties() {
            return;
        }
        let port = free_port();
        let mqtt = format!(
            "broker = \"localhost:{port}\"\nuser = \"line\"\npassword_file = \"password\"\n\
             \n[mqtt.tls]\nauthority = \"authority.pem\"\n"
        );
        let site = Site::new("access", &mqtt);
        let [authority, certificate, key] = sign(&site.0);
        let users = site.0.join("users");
        for (user, password) in [("line", "s3cret"), ("host", "other")] {
            let mut command = Command::new("mosquitto_passwd");
            if !users.exists() {
                command.arg("-c");
            }
            command.arg("-b").arg(&users).args([user, password]);
            assert!(command.status().unwrap().success());
        }
        let access = format!(
            "allow_anonymous false\npassword_file {}\ncertfile {certificate}\nkeyfile {key}",
            users.display()
        );
        let _broker = mosquitto_with(&site.0, port, &access);
        let host = [
            "-h",
            "localhost",
            "-u",
            "host",
            "-P",
            "other",
            "--cafile",
            &authority,
        ];
        let connection = listen_as(port, "connection", &host);

        std::fs::write(site.0.join("password"), "wrong\n").unwrap();
        let mut service = site.serve();
        let started = service.told("dashboard at ");
        assert_eq!(service.end(), 0, "{started}");
        std::fs::write(site.0.join("password"), "s3cret\n").unwrap();
        let mut service = site.serve();
        let online = connection.told(&format!("{BASE}/connection "));
        assert!(
            online.contains("ONLINE"),
            "the wrong password told nothing: {online}"
        );
        assert_eq!(service.end(), 0);
        let offline = connection.told(&format!("{BASE}/connection "));
        assert!(offline.contains("OFFLINE"), "{offline}");
    }

    #[test]
    fn the_embedded_broker_with_a_user_takes_nobody_else() {
        if !third_parties() {
            return;
        }
        let mqtt = "broker = \"embedded\"\nlisten = \"127.0.0.1:0\"\nuser = \"line\"\n\
                    password_file = \"password\"";
        let site = Site::new("embedded-access", mqtt);
        std::fs::write(site.0.join("password"), "s3cret").unwrap();
        let mut service = site.serve();
        let address = service.told("MQTT 5 broker at ");
        let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
        let line = ["-u", "line", "-P", "s3cret"];
        let connection = listen_as(port, "connection", &line);
        let online = connection.told(&format!("{BASE}/connection "));
        assert!(online.contains("ONLINE"), "{online}");
        for wrong in [&[][..], &["-u", "line", "-P", "guess"]] {
            let mut command = Command::new("mosquitto_pub");
            let port = port.to_string();
            let topic = format!("{BASE}/cmd/reset");
            command.args(["-V", "5", "-q", "1", "-p", &port, "-t", &topic, "-m", "{}"]);
            let pushed = command.args(wrong).output().unwrap();
            assert!(!pushed.status.success(), "{wrong:?}");
        }
        assert_eq!(service.end(), 0);
    }

    #[test]
    fn a_command_that_the_broker_kept_is_refused() {
        if !third_parties() {
            return;
        }
        let port = free_port();
        let site = Site::new("retained", &format!("broker = \"127.0.0.1:{port}\""));
        let _broker = mosquitto(&site.0, port);
        let acks = listen(port, "ack/+");
        publish(port, "cmd/reset", &command("kept"), &["-r"]);
        let _service = site.serve();
        assert_eq!(answer(&acks, "kept")["reason"], "retained");
    }

    #[test]
    fn the_embedded_broker_serves_other_clients() {
        if !third_parties() {
            return;
        }
        let mqtt = "broker = \"embedded\"\nlisten = \"127.0.0.1:0\"";
        let site = Site::new("embedded", mqtt);
        let mut service = site.serve();
        let address = service.told("MQTT 5 broker at ");
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        let acks = listen(port, "ack/+");
        let connection = listen(port, "connection");
        let online = connection.told(&format!("{BASE}/connection "));
        assert!(online.contains("ONLINE"), "{online}");
        commands_are_judged(port, &acks, "embedded");
        assert_eq!(service.end(), 0);
    }
}
