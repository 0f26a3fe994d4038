//! Networks brought in, asked and spoilt, by the command line alone.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use serde_json::Value;

    const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/demo/network");
    const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("{name}-{}", std::process::id());
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            drop(fs::remove_dir_all(&path));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).to_str().unwrap().to_owned()
        }

        fn write(&self, name: &str, text: &str) -> String {
            fs::write(self.0.join(name), text).unwrap();
            self.path(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// Runs the program; what it said on both streams.
    fn said(args: &[&str], code: i32) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_sortline"))
            .args(args)
            .output()
            .unwrap();
        let all = [&output.stdout[..], &output.stderr[..]].concat();
        let text = String::from_utf8(all).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    }

    fn demo(folder: &Folder) {
        for entry in fs::read_dir(DEMO).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.0.join(entry.file_name())).unwrap();
        }
    }

    fn route<'a>(network: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let base = [
            "route",
            "--network",
            network,
            "--from",
            "DE-FRA",
            "--to",
            to,
        ];
        [&base[..], more].concat()
    }

    const READY: [&str; 2] = ["--ready", "2026-11-23T18:00+01:00"];

    #[test]
    fn every_option_is_one_line_of_json_as_the_contract_says() {
        let asked = [&READY[..], &["--options", "4", "--json"]].concat();
        let text = said(&route(DEMO, "US 90012", &asked), 0);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!((2..=4).contains(&lines.len()), "{text}");
        for (option, rank) in lines.iter().zip(1..) {
            assert_eq!(option["rank"], rank);
            for leg in option["legs"].as_array().unwrap() {
                for key in [
                    "mode", "from", "to", "depart", "arrive", "carrier", "service",
                ] {
                    assert!(leg[key].is_string(), "{key}: {leg}");
                }
            }
            let times = [
                &option["arrive_p50"],
                &option["arrive_p90"],
                &option["legs"][0]["depart"],
            ];
            for time in times {
                let text = time.as_str().unwrap();
                assert!(text.parse::<jiff::Timestamp>().is_ok(), "{text}");
                assert!(
                    text.len() == 25 || text.ends_with('Z'),
                    "{text} has its offset"
                );
            }
            let chance = option["on_time_probability"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&chance));
            assert!(option["cost"]["amount"].as_f64().unwrap() > 0.0);
            assert_eq!(option["cost"]["currency"], "EUR");
            assert!(option["co2_kg"].as_f64().unwrap() > 0.0);
            assert!(!option["customs"].as_array().unwrap().is_empty());
            assert!(!option["why"].as_array().unwrap().is_empty());
        }
    }

    #[test]
    fn a_promise_that_cannot_be_kept_and_a_long_wait_are_told() {
        let folder = Folder::new("closed");
        demo(&folder);
        folder.write(
            "conditions.toml",
            "[[condition]]\nid = \"c\"\nfrom = \"2026-11-23T00:00:00Z\"\nto = \
             \"2026-12-14T00:00:00Z\"\nreason = \"the hub burns\"\nchange = { kind = \"close\", place \
             = \"DE-FRA\" }\n",
        );
        let network = folder.path("");
        let text = said(&route(&network, "DE-10115", &READY), 0);
        for part in [
            "no route keeps the promise",
            "waits 20 d",
            "2026-12-14",
            "the hub burns",
        ] {
            assert!(text.contains(part), "`{part}` is missing in: {text}");
        }
        folder.write("conditions.toml", "[[condition]]\nid = 7\n");
        assert!(said(&route(&network, "DE-10115", &READY), 2).contains("conditions.toml"));
    }

    /// A cell of the first record of a table of the demonstration network.
    fn spoilt(file: &str, column: &str, value: &str) -> (Folder, String) {
        let folder = Folder::new(&format!("spoilt-{file}-{column}"));
        demo(&folder);
        let text = fs::read_to_string(folder.0.join(file)).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let index = lines[0].split(',').position(|name| name == column).unwrap();
        let mut cells: Vec<&str> = lines[1].split(',').collect();
        cells[index] = value;
        lines[1] = cells.join(",");
        folder.write(file, &lines.join("\n"));
        let path = folder.path("");
        (folder, path)
    }

    #[test]
    fn nonsense_is_told_with_file_line_and_column() {
        for (file, column, value) in [
            ("services.csv", "run_min", "-340"),
            ("services.csv", "run_min", "0"),
            ("services.csv", "stops", "DE-FRA>NO-SUCH"),
            ("services.csv", "stops", "DE-FRA>DE-LEJ>DE-FRA"),
            ("services.csv", "price_per_kg", "-1"),
            ("services.csv", "price_per_kg", "NaN"),
            ("services.csv", "price_per_kg", "inf"),
            ("services.csv", "departs", "25:00"),
            ("services.csv", "capacity_kg", "0"),
            ("places.csv", "lat", "NaN"),
            ("places.csv", "lon", "181"),
            ("places.csv", "time_zone", "Mars/Olympus"),
            ("places.csv", "handling_min", "1e9"),
            ("customs.csv", "p90_min", "1"),
            ("zones.csv", "depot", "DE-ZZZ"),
        ] {
            let (folder, path) = spoilt(file, column, value);
            let text = said(&route(&path, "DE-10115", &READY), 2);
            assert!(
                text.contains(&format!("{file}:2: {column}: found")),
                "{value}: {text}"
            );
            drop(folder);
        }
    }

    #[test]
    fn nonsense_in_the_settings_is_told_with_line_and_key() {
        for (from, to, expected) in [
            (
                "GBP = \"1.15\"",
                "GBP = \"NaN\"",
                "network.toml:15: rates.GBP: found `NaN`",
            ),
            (
                "horizon_days = 75",
                "horizon_days = 0",
                "network.toml:6: horizon_days: found `0`",
            ),
            (
                "p90_min = 72",
                "p90_min = 2",
                "network.toml:21: delay.air.p90_min: found `2`",
            ),
            (
                "[delay.air]",
                "[delay.rocket]",
                "network.toml:19: delay.rocket: found `rocket`",
            ),
        ] {
            let folder = Folder::new("settings");
            demo(&folder);
            let text = fs::read_to_string(folder.0.join("network.toml")).unwrap();
            folder.write("network.toml", &text.replacen(from, to, 1));
            let text = said(&route(&folder.path(""), "DE-10115", &READY), 2);
            assert!(text.contains(expected), "{to}: {text}");
        }
    }

    #[test]
    fn a_long_cell_is_not_quoted_whole_and_a_device_is_not_read() {
        let (folder, path) = spoilt(
            "services.csv",
            "price_per_kg",
            &format!("0.{}", "1".repeat(9_000)),
        );
        let text = said(&route(&path, "DE-10115", &READY), 2);
        assert!(
            text.contains("services.csv:2: price_per_kg: found `0.111"),
            "{text}"
        );
        assert!(text.len() < 1_000, "{} bytes", text.len());
        let header = fs::read_to_string(folder.0.join("services.csv")).unwrap();
        folder.write("services.csv", header.lines().next().unwrap());
        let text = said(&route(&path, "DE-10115", &READY), 2);
        assert!(text.contains("services.csv: has no record"), "{text}");
        fs::remove_file(folder.0.join("zones.csv")).unwrap();
        // It never ends.
        std::os::unix::fs::symlink("/dev/zero", folder.0.join("zones.csv")).unwrap();
        let text = said(&route(&path, "DE-10115", &READY), 2);
        assert!(text.contains("zones.csv: is no file"), "{text}");
    }

    #[test]
    fn a_file_of_ten_gigabytes_is_refused_at_once() {
        let folder = Folder::new("huge");
        demo(&folder);
        // Sparse: takes no room on the disk.
        let file = fs::File::create(folder.0.join("services.csv")).unwrap();
        file.set_len(10 << 30).unwrap();
        let text = said(&route(&folder.path(""), "DE-10115", &READY), 2);
        assert!(
            text.contains("has 10737418240 bytes, allowed are"),
            "{text}"
        );
        let huge = folder.path("services.csv");
        let text = said(&["import", "csv", &huge, "--table", "places"], 2);
        assert!(text.contains("services.csv"), "{text}");
    }

    const FEED: [(&str, &str); 7] = [
        (
            "agency.txt",
            "agency_name,agency_url,agency_timezone\nA,http://a,Europe/Berlin\n",
        ),
        (
            "stops.txt",
            "stop_id,stop_name,stop_lat,stop_lon,parent_station\n\
             de:1,Alpha,50.0,8.0,\nde:1:a,Alpha platform 1,50.0,8.0,de:1\n\
             de:2,Beta,50.2,8.4,\nde:3,Gamma,50.5,8.9,\nde:9,Nowhere,51,9,\n",
        ),
        (
            "routes.txt",
            "route_id,agency_id,route_short_name,route_type\nr1,A,RE 5,2\nr2,A,M1,1\n",
        ),
        (
            "trips.txt",
            "route_id,service_id,trip_id\nr1,wd,t1\nr1,wd,t2\nr1,we,t3\nr2,wd,t4\n",
        ),
        (
            "stop_times.txt",
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n\
             t1,08:00:00,08:00:00,de:1:a,1\nt1,08:30:00,08:32:00,de:2,2\nt1,09:10:00,09:10:00,de:3,3\n\
             t2,10:00:00,10:00:00,de:1,1\nt2,10:30:00,10:32:00,de:2,2\nt2,11:10:00,11:10:00,de:3,3\n\
             t3,25:10:00,25:10:00,de:3,1\nt3,25:50:00,25:50:00,de:1,2\n\
             t4,08:00:00,08:00:00,de:1,1\nt4,08:10:00,08:10:00,de:2,2\n",
        ),
        (
            "calendar.txt",
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n\
             wd,1,1,1,1,1,0,0,20260101,20271231\n",
        ),
        (
            "calendar_dates.txt",
            "service_id,date,exception_type\nwd,20261224,2\nwe,20261225,1\nwe,20261226,1\n",
        ),
    ];

    fn feed(name: &str) -> Folder {
        let feed = Folder::new(name);
        for (name, text) in FEED {
            feed.write(name, text);
        }
        feed
    }

    /// Imports a feed of stops in Germany.
    fn gtfs(from: &str, out: &str, code: i32) -> String {
        said(
            &["import", "gtfs", from, "--country", "DE", "--out", out],
            code,
        )
    }

    #[test]
    fn a_gtfs_feed_becomes_tables() {
        let (feed, out) = (feed("feed"), Folder::new("from-gtfs"));
        let network = out.path("");
        let text = gtfs(&feed.path(""), &network, 0);
        for part in [
            "the network is sound: 3 places",
            "left out: 1 times a service of a kind that carries no freight",
        ] {
            assert!(text.contains(part), "`{part}` is missing in: {text}");
        }
        let read = |name: &str| fs::read_to_string(out.0.join(name)).unwrap();
        for (file, row) in [
            ("services.csv", "DE-1>DE-2>DE-3,12345,08:00 10:00,32>38,0"),
            // A quarter past one at night is a day after that of its service.
            ("services.csv", "DE-3>DE-1,1234567,01:10,40"),
            ("calendars.csv", "WE-1,2026-12-26,2026-12-26,yes"),
            ("calendars.csv", "WD,2026-12-24,2026-12-24,no"),
        ] {
            let text = read(file);
            assert!(text.contains(row), "`{row}` is missing in: {text}");
        }
        assert!(gtfs(&feed.path(""), &network, 2).contains("has a record"));
    }

    #[test]
    fn an_imported_network_keeps_its_holidays() {
        let (feed, out) = (feed("holidays"), Folder::new("from-holidays"));
        let network = out.path("");
        gtfs(&feed.path(""), &network, 0);
        for (ready, departs) in [
            ("2026-11-23T07:00", "2026-11-23T08:00:00+01:00"),
            ("2026-12-23T10:01", "2026-12-25T08:00:00+01:00"),
        ] {
            let args = ["route", "--network", &network, "--from", "DE-1"];
            let to = ["--to", "DE-3", "--json", "--ready", ready];
            let text = said(&[&args[..], &to].concat(), 0);
            let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
            assert_eq!(first["legs"][0]["depart"], departs, "{first}");
        }
    }

    #[test]
    fn a_zipped_feed_is_the_same() {
        let (feed, out) = (feed("zipped"), Folder::new("from-zip"));
        let zipped = feed.path("feed.zip");
        let made = Command::new("python3")
            .args(["-m", "zipfile", "-c", &zipped])
            .args(FEED.map(|(name, _)| feed.path(name)))
            .status();
        if made.is_ok_and(|status| status.success()) {
            let text = gtfs(&zipped, &out.path(""), 0);
            assert!(text.contains("is sound: 3 places"), "{text}");
        }
    }

    #[test]
    fn a_broken_feed_is_told_by_file() {
        let feed = feed("broken-feed");
        let out = feed.path("network");
        let path = feed.path("");
        let args = ["import", "gtfs", &path, "--country", "DE", "--out", &out];
        feed.write(
            "stop_times.txt",
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence\nt1,8,8,de:1,1\n",
        );
        assert!(said(&args, 2).contains("stop_times.txt:2"));
        fs::remove_file(feed.0.join("stops.txt")).unwrap();
        assert!(said(&args, 2).contains("stops.txt: is not there, but needed"));
        assert!(!Path::new(&out).exists(), "nothing is written");
        let nowhere = ["import", "gtfs", "no/such/feed", "--country", "DE"];
        assert!(said(&nowhere, 2).contains("does not exist"));
        assert!(said(&["import", "gtfs", &path], 2).contains("--country"));
        assert!(said(&["import", "gtfs", &path, "--country", "Germany"], 2).contains("ISO 3166-1"));
    }

    #[test]
    fn a_company_table_is_read_by_its_own_words() {
        let folder = Folder::new("company");
        demo(&folder);
        let lines = folder.write(
            "linien.csv",
            "Linie;Art;Weg;Tage;Abfahrt;Dauer;Preis\nX1;LKW;DE-FRA>DE-LEJ;12345;21:15;345;0,19\n",
        );
        let map = folder.write(
            "map.toml",
            "[columns]\nid = \"Linie\"\nmode = \"Art\"\nstops = \"Weg\"\ndays = \"Tage\"\ndeparts = \
             \"Abfahrt\"\nrun_min = \"Dauer\"\nprice_per_kg = \"Preis\"\n[words.mode]\nLKW = \"truck\"\n\
             [default]\ncarrier = \"Own\"\ndwell_min = \"0\"\ncutoff_min = \"30\"\ncapacity_kg = \
             \"20000\"\nprice_per_parcel = \"0.1\"\ncurrency = \"EUR\"\nco2_g_per_kg = \"30\"\n",
        );
        let network = folder.path("");
        let args = [
            "import", "csv", &lines, "--table", "services", "--map", &map, "--out", &network,
        ];
        assert!(said(&args, 0).contains("added: 0 places, 1 services"));
        let ready = ["--ready", "2026-11-23T20:40+01:00", "--options", "8"];
        let text = said(&route(&network, "DE-LEJ", &ready), 0);
        assert!(text.contains("X1"), "{text}");
        folder.write("linien.csv", "Line;Art\nX2;LKW\n");
        assert!(said(&args, 2).contains("no column"));
        let parcels = folder.write(
            "pakete.csv",
            "Nummer,Land,PLZ,Ort,Wert\nP1,DE,10115,Berlin,12.50\n",
        );
        let map = folder.write(
            "parcels.toml",
            "[columns]\ncode = \"Nummer\"\ncountry = \"Land\"\npostcode = \"PLZ\"\ncity = \"Ort\"\n\
             value = \"Wert\"\n[default]\nservice = \"standard\"\nweight_g = \"\"\ncurrency = \"EUR\"\n\
             goods = \"\"\nhs_code = \"\"\n",
        );
        let site = folder.path("site");
        let args = [
            "import", "csv", &parcels, "--table", "manifest", "--map", &map, "--out", &site,
        ];
        assert!(said(&args, 0).contains("1 parcels"));
        assert!(said(&args, 2).contains("there already"));
    }

    #[test]
    fn airports_and_routes_of_the_world_become_a_network() {
        let source = format!("{DATA}/openflights");
        if !Path::new(&source).is_dir() {
            writeln!(std::io::stderr(), "skipped: {source} is not there").unwrap();
            return;
        }
        let out = Folder::new("world");
        let text = said(
            &["import", "openflights", &source, "--out", &out.path("")],
            0,
        );
        assert!(text.contains("the network is sound"), "{text}");
        let network = out.path("");
        let args = [
            "route",
            "--network",
            &network,
            "--from",
            "FRA",
            "--to",
            "NRT",
            "--json",
        ];
        let text = said(&[&args[..], &READY].concat(), 0);
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["customs"][0]["to"], "JP", "{first}");
    }

    #[test]
    fn delays_are_learnt_from_a_file_of_runs() {
        let folder = Folder::new("runs");
        let day = |day: u32| {
            let run = |service: &str, hour: u32| {
                let late = 50 + day % 5;
                format!("{service},2026-10-{day:02}T{hour}:30:00Z,{late}\n")
            };
            [run("NG102", 16), run("NG101", 18)].concat()
        };
        let text =
            "service,departed,late_min\n".to_owned() + &(1..=28).map(day).collect::<String>();
        let runs = folder.write("runs.csv", &text);
        let args = ["route", "learn", "--network", DEMO, "--arrivals", &runs];
        let found: Value =
            serde_json::from_str(&said(&[&args[..], &["--json"]].concat(), 0)).unwrap();
        assert_eq!(
            (&found["runs"], &found["better"]),
            (&56.into(), &true.into())
        );
        assert!(found["learnt"]["loss_min"].as_f64() < found["settings"]["loss_min"].as_f64());
        folder.write("runs.csv", "service,departed,late_min\nNG101,yesterday,5\n");
        assert!(said(&args, 2).contains("runs.csv:2"));
        folder.write("runs.csv", "service,departed,late_min\n");
        assert!(said(&args, 2).contains("has no runs"));
    }
}
