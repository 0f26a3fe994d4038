//! The real service against the real simulated plant: two processes, sockets on loopback, a kill.

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};
    use std::time::Duration;

    use serde_json::Value;

    use crate::support::{PATIENCE, Process};

    const BENCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/bench");
    const SORTLINE: &str = env!("CARGO_BIN_EXE_sortline");

    /// Time between two looks.
    const LOOK: Duration = Duration::from_millis(50);

    /// Parcels of a run.
    const PARCELS: u64 = 8;

    const MANIFEST: &str = "\
        code,country,postcode,city,service,weight_g,value,currency,goods,hs_code\n\
        RR100000015DE,DE,10115,Berlin,standard,300,10,EUR,mug,691200\n\
        RR100000029DE,FR,75001,Paris,standard,300,10,EUR,mug,691200\n";

    /// A bench site with parcels in quick succession, and its data directory.
    struct Site(PathBuf);

    impl Site {
        fn new(name: &str, node: &str) -> Self {
            let folder = format!("{name}-{}", std::process::id());
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
            std::fs::create_dir_all(&path).unwrap();
            let read = |file: &str| std::fs::read_to_string(Path::new(BENCH).join(file)).unwrap();
            let plant = read("plant.toml").replace("= 900", "= 3600");
            let site = read("site.toml").replace("127.0.0.1:5021", node);
            for (file, text) in [
                ("line.toml", read("line.toml")),
                ("plan.toml", read("plan.toml")),
                ("plant.toml", plant),
                ("site.toml", site),
                ("manifest.csv", MANIFEST.to_owned()),
            ] {
                std::fs::write(path.join(file), text).unwrap();
            }
            Self(path)
        }

        fn path(&self) -> &str {
            self.0.to_str().unwrap()
        }

        fn data(&self) -> String {
            self.0.join("data").to_str().unwrap().to_owned()
        }

        fn serve(&self) -> (Process, String) {
            let http = ["--http", "127.0.0.1:0"];
            let args = ["serve", "--config", self.path(), "--data", &self.data()];
            let service = Process::sortline(&[&args[..], &http[..]].concat());
            let address = service.told("dashboard at http://");
            (service, address)
        }
    }

    impl Drop for Site {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn plant(site: &Site, modbus: &str) -> (Process, String) {
        let parcels = PARCELS.to_string();
        let (path, any) = (site.path(), "127.0.0.1:0");
        let args = [
            "plant",
            "--config",
            path,
            "--modbus",
            modbus,
            "--cameras",
            any,
        ];
        let process = Process::sortline(&[&args[..], &["--parcels", &parcels]].concat());
        let node = process.told("modbus ");
        let camera = process.told("cameras ");
        let file = site.0.join("site.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("http://127.0.0.1:5081/camera/0", &camera);
        std::fs::write(file, text.replace("127.0.0.1:5021", &node)).unwrap();
        (process, node)
    }

    fn get(address: &str, path: &str) -> String {
        ask(address, &format!("GET {path}"), "")
    }

    /// The answer to a request, `PUT /path` with a body.
    fn ask(address: &str, request: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let request = format!(
            "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn rates(address: &str) -> Value {
        let answer = get(address, "/api/v1/lines/bench/state");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let state: Value = serde_json::from_str(body).unwrap();
        state["rates"].clone()
    }

    /// Looks until `holds`, and gives what was seen then.
    fn wait(process: &Process, address: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            let seen = rates(address);
            if holds(&seen) {
                return seen;
            }
            // Nothing is printed: this is a pause that ends early when the process does.
            drop(process.lines.recv_timeout(LOOK));
        }
        panic!("never held; last seen {}", rates(address));
    }

    fn ended(rates: &Value) -> u64 {
        let outcomes = ["sorted", "rejected", "lost", "missort"];
        outcomes
            .iter()
            .map(|outcome| rates[outcome].as_u64().unwrap_or(0))
            .sum()
    }

    fn run(args: &[&str]) -> Output {
        Command::new(SORTLINE).args(args).output().unwrap()
    }

    /// Every parcel of the journal has one outcome, and a replay is equal.
    fn check_journal(site: &Site, parcels: u64) {
        let csv = String::from_utf8(run(&["export", "csv", &site.data()]).stdout).unwrap();
        let ids: Vec<&str> = csv
            .lines()
            .skip(1)
            .filter_map(|row| row.split(',').next())
            .collect();
        let different: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(
            (ids.len() as u64, different.len() as u64),
            (parcels, parcels),
            "{csv}"
        );
        let replay = run(&["replay", &site.data()]);
        let text = String::from_utf8_lossy(&replay.stdout).into_owned();
        assert_eq!(replay.status.code(), Some(0), "{text}");
    }

    #[test]
    fn two_processes_account_for_every_parcel() {
        let site = Site::new("two", "127.0.0.1:5021");
        let (plant, _) = plant(&site, "127.0.0.1:0");
        let (mut service, address) = site.serve();
        let truth: Value = serde_json::from_str(&("{".to_owned() + &plant.told("{"))).unwrap();
        assert_eq!(truth["inducted"], PARCELS, "{truth}");
        assert_eq!(truth["missort"], 0, "{truth}");
        let seen = wait(&service, &address, |rates| ended(rates) >= PARCELS);
        assert_eq!(seen["inducted"], PARCELS, "{seen}");
        assert!(get(&address, "/metrics").contains("sortline_parcels_inducted_total"));
        assert_eq!(service.end(), 0);
        check_journal(&site, PARCELS);
    }

    /// A camera between the plant's and the service that is like any other: its frames do not say
    /// which trigger took them.
    fn ordinary(camera: &str) -> String {
        const NUMBERED: &[u8] = b"X-Sortline-";
        let (host, rest) = camera
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let (host, path) = (host.to_owned(), rest.to_owned());
        let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = door.local_addr().unwrap();
        std::thread::spawn(move || {
            for viewer in door.incoming() {
                let (mut viewer, host, path) = (viewer.unwrap(), host.clone(), path.clone());
                std::thread::spawn(move || -> std::io::Result<()> {
                    let mut camera = TcpStream::connect(&host)?;
                    let request = format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
                    camera.write_all(request.as_bytes())?;
                    let (mut held, mut chunk) = (Vec::new(), [0; 8_192]);
                    loop {
                        let count = camera.read(&mut chunk)?;
                        held.extend_from_slice(&chunk[..count]);
                        while let Some(at) = held
                            .windows(NUMBERED.len())
                            .position(|window| window == NUMBERED)
                        {
                            held[at..at + NUMBERED.len()].copy_from_slice(b"X-Ordinary-");
                        }
                        // What may be the beginning of the next name waits for its end.
                        let keep = (1..NUMBERED.len())
                            .rev()
                            .find(|length| held.ends_with(&NUMBERED[..*length]))
                            .filter(|_| count > 0);
                        let sure = held.len() - keep.unwrap_or(0);
                        viewer.write_all(&held[..sure])?;
                        held.drain(..sure);
                        if count == 0 {
                            return Ok(());
                        }
                    }
                });
            }
        });
        format!("http://{address}/{rest}")
    }

    #[test]
    fn a_camera_that_numbers_nothing_sorts_by_the_time_of_its_frames() {
        let site = Site::new("ordinary", "127.0.0.1:5021");
        // Pictures are drawn and sent within the two seconds to the next parcel on any machine.
        let file = site.0.join("plant.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("= 3600", "= 1800")).unwrap();
        let (plant, _) = plant(&site, "127.0.0.1:0");
        let file = site.0.join("site.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let known = text.split('"').find(|word| word.starts_with("http://127"));
        let known = known.unwrap().to_owned();
        let patient = format!("{}\"\nanswer_ms = [0, 1800]", ordinary(&known));
        std::fs::write(&file, text.replace(&format!("{known}\""), &patient)).unwrap();
        let (mut service, address) = site.serve();
        let truth: Value = serde_json::from_str(&("{".to_owned() + &plant.told("{"))).unwrap();
        assert_eq!(truth["inducted"], PARCELS, "{truth}");
        assert_eq!(truth["missort"], 0, "{truth}");
        let seen = wait(&service, &address, |rates| ended(rates) >= PARCELS);
        // How long a frame takes depends on the machine that the test runs on.
        assert!(seen["sorted"].as_u64() >= Some(PARCELS / 2), "{seen}");
        assert_eq!(service.end(), 0);
        check_journal(&site, PARCELS);
    }

    #[test]
    fn a_killed_service_accounts_for_every_parcel_once() {
        let site = Site::new("killed", "127.0.0.1:5021");
        let (plant, _) = plant(&site, "127.0.0.1:0");
        let (mut service, address) = site.serve();
        wait(&service, &address, |rates| {
            rates["inducted"].as_u64() >= Some(3)
        });
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        let (mut service, address) = site.serve();
        let truth: Value = serde_json::from_str(&("{".to_owned() + &plant.told("{"))).unwrap();
        assert_eq!(
            (&truth["inducted"], &truth["missort"]),
            (&PARCELS.into(), &0.into())
        );
        let seen = wait(&service, &address, |rates| {
            rates["inducted"].as_u64() >= Some(PARCELS) && rates["on_belt"] == 0
        });
        let inducted = seen["inducted"].as_u64().unwrap();
        assert_eq!(
            (ended(&seen), &seen["missort"]),
            (inducted, &0.into()),
            "{seen}"
        );
        assert_eq!(service.end(), 0);
        check_journal(&site, inducted);
    }

    #[test]
    fn a_node_behind_mqtt_sorts_and_accounts_for_every_parcel() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let broker = free.local_addr().unwrap().to_string();
        drop(free);
        let site = Site::new("mqtt", "127.0.0.1:5021");
        let file = site.0.join("site.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let embedded = format!("broker = \"embedded\"\nlisten = \"{broker}\"");
        let text = text.replace("broker = \"off\"", &embedded);
        // Patient, because everything here shares one processor.
        let node = format!("mqtt://{broker}/north\"\ncall_ms = 500\nwatchdog_ms = 1000");
        std::fs::write(&file, text.replace("127.0.0.1:5021\"", &node)).unwrap();
        let parcels = PARCELS.to_string();
        let path = site.path().to_owned();
        let args = ["plant", "--config", &path, "--mqtt", &broker];
        let more = ["--cameras", "127.0.0.1:0", "--parcels", &parcels];
        let plant = Process::sortline(&[&args[..], &more[..]].concat());
        assert_eq!(plant.told("mqtt "), "sortline/v1/bench/bench/node/north");
        let camera = plant.told("cameras ");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("http://127.0.0.1:5081/camera/0", &camera);
        std::fs::write(&file, text).unwrap();

        let (mut service, address) = site.serve();
        let truth: Value = serde_json::from_str(&("{".to_owned() + &plant.told("{"))).unwrap();
        assert_eq!(truth["inducted"], PARCELS, "{truth}");
        assert_eq!(truth["missort"], 0, "{truth}");
        assert!(truth["sorted"].as_u64() > Some(0), "{truth}");
        let seen = wait(&service, &address, |rates| ended(rates) >= PARCELS);
        assert_eq!(seen["inducted"], PARCELS, "{seen}");
        assert_eq!(service.end(), 0);
        check_journal(&site, PARCELS);
    }

    #[test]
    fn the_bench_for_controllers_tries_this_one() {
        let site = Site::new("bench-line", "127.0.0.1:5021");
        let demo = Path::new(BENCH).join("../demo");
        let (config, any) = (demo.to_str().unwrap(), "127.0.0.1:0");
        let args = ["bench-line", "--target", any, "--config", config, "--json"];
        let cases = ["--cases", "E3,E7", "--parcels", "6"];
        let mut bench = Process::sortline(&[&args[..], &cases[..]].concat());
        let (node, camera) = (bench.told("modbus "), bench.told("cameras "));
        std::fs::create_dir(site.0.join("network")).unwrap();
        for folder in ["", "network"] {
            for entry in std::fs::read_dir(demo.join(folder)).unwrap() {
                let from = entry.unwrap().path();
                if from.is_file() {
                    let name = from.file_name().unwrap();
                    std::fs::copy(&from, site.0.join(folder).join(name)).unwrap();
                }
            }
        }
        let text = std::fs::read_to_string(demo.join("site.toml")).unwrap();
        let cameras = camera.trim_end_matches("/camera/0");
        let text = text
            .replace("127.0.0.1:5020", &node)
            .replace("http://127.0.0.1:5080", cameras)
            .replace("127.0.0.1:1883", any);
        std::fs::write(site.0.join("site.toml"), text).unwrap();
        let (mut service, _) = site.serve();
        let mut said = Vec::new();
        while said.len() < 3 {
            let line = bench.lines.recv_timeout(PATIENCE).unwrap();
            said.push(serde_json::from_str::<Value>(&line).unwrap());
        }
        // How many are sorted depends on the machine that the test runs on; safety does not.
        for (verdict, case) in said.iter().zip(["E3", "E7"]) {
            assert_eq!(verdict["case"], case, "{said:?}");
            assert_eq!(verdict["inducted"], 6, "{said:?}");
            for none in ["missort", "unaccounted"] {
                assert_eq!(verdict[none], 0, "{said:?}");
            }
            assert_eq!(
                verdict["violations"].as_array().unwrap().len(),
                0,
                "{said:?}"
            );
        }
        let passed = said.iter().filter(|one| one["passed"] == true).count();
        assert_eq!(
            (&said[2]["cases"], &said[2]["passed"]),
            (&2.into(), &passed.into())
        );
        assert_eq!(service.end(), 0);
        let code = i32::from(passed < 2);
        assert_eq!(bench.child.wait().unwrap().code(), Some(code));
    }

    #[test]
    fn a_second_service_on_the_same_data_is_refused() {
        let site = Site::new("second", "127.0.0.1:5021");
        let (_service, _) = site.serve();
        let (path, data) = (site.path(), site.data());
        let args = [
            "serve",
            "--config",
            path,
            "--data",
            &data,
            "--http",
            "127.0.0.1:0",
        ];
        let second = run(&args);
        let text = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!(second.status.code(), Some(1), "{text}");
        assert!(text.contains("is in use by another process"), "{text}");
    }

    #[test]
    fn an_edited_line_goes_on_with_its_journal() {
        let site = Site::new("edited", "127.0.0.1:5021");
        let (mut plant, _) = plant(&site, "127.0.0.1:0");
        let (mut service, address) = site.serve();
        wait(&service, &address, |rates| ended(rates) == PARCELS);
        assert_eq!(service.end(), 0);
        assert_eq!(plant.end(), 0);
        let file = site.0.join("line.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let edited = text.replace("name = \"", "name = \"New ");
        std::fs::write(
            &file,
            edited.replace("hold_ms_max = 1500", "hold_ms_max = 1400"),
        )
        .unwrap();

        let (mut service, address) = site.serve();
        // What was counted stays.
        wait(&service, &address, |rates| ended(rates) == PARCELS);
        let topology = get(&address, "/api/v1/lines/bench/topology");
        assert!(topology.contains("New "), "{topology}");
        assert_eq!(service.end(), 0);
        check_journal(&site, PARCELS);
    }

    #[test]
    fn a_broken_configuration_is_mended_in_the_browser() {
        let site = Site::new("safe", "127.0.0.1:5021");
        let file = |name: &str| site.0.join(name);
        let plan = std::fs::read_to_string(file("plan.toml")).unwrap();
        let line = std::fs::read_to_string(file("line.toml")).unwrap();
        std::fs::write(file("plan.toml"), format!("{plan}\nversion = 7\n")).unwrap();
        std::fs::write(file("line.toml"), line.replace("length_mm_max", "longest")).unwrap();
        let (path, data) = (site.path(), site.data());
        let any = "127.0.0.1:0";
        let args = ["serve", "--config", path, "--data", &data, "--http", any];

        let refused = run(&args);
        assert_eq!(refused.status.code(), Some(2), "without --safe-mode");

        let mut service = Process::sortline(&[&args[..], &["--safe-mode"]].concat());
        let told = service.told("safe mode: nothing runs; mend the configuration at http://");
        let address = told.trim();
        assert!(get(address, "/api/v1/session").contains(r#""safe_mode":true"#));
        assert!(get(address, "/api/v1/lines").starts_with("HTTP/1.1 503"));
        assert!(get(address, "/readyz").starts_with("HTTP/1.1 503"));
        let wrong = get(address, "/api/v1/safe-mode");
        assert!(
            wrong.contains("line.toml") && wrong.contains("plan.toml"),
            "{wrong}"
        );
        let start = "POST /api/v1/safe-mode";
        assert!(ask(address, start, "").starts_with("HTTP/1.1 422"));

        for (name, text) in [("line.toml", &line), ("plan.toml", &plan)] {
            let was = std::fs::read_to_string(file(name)).unwrap();
            let put = format!("PUT /api/v1/system/files/{name}");
            let broken = serde_json::json!({ "text": format!("{text}\n="), "was": was });
            let answer = ask(address, &put, &broken.to_string());
            assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
            let mended = serde_json::json!({ "text": text, "was": was });
            let answer = ask(address, &put, &mended.to_string());
            assert!(answer.starts_with("HTTP/1.1 204"), "{name}: {answer}");
        }
        assert!(ask(address, start, "").starts_with("HTTP/1.1 202"));
        let address = service.told("dashboard at http://");
        assert!(get(&address, "/api/v1/session").contains(r#""safe_mode":false"#));
        assert_eq!(service.end(), 0);
    }

    #[test]
    fn a_taken_port_is_named_with_its_flag() {
        let site = Site::new("port", "127.0.0.1:5021");
        let (_service, address) = site.serve();
        let data = site.0.join("other");
        let args = [
            "serve",
            "--config",
            site.path(),
            "--data",
            data.to_str().unwrap(),
        ];
        let second = run(&[&args[..], &["--http", &address]].concat());
        let text = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!(second.status.code(), Some(1), "{text}");
        assert!(text.contains(&address) && text.contains("--http"), "{text}");
    }
}
