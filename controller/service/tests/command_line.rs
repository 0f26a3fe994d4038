//! What the command line answers to wrong input: a sentence and the right exit code.

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/demo");

    fn sortline(args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sortline"))
            .args(args)
            .output()
            .unwrap()
    }

    fn check(args: &[&str], code: i32, said: &str) {
        let output = sortline(args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(said), "{args:?} said: {text}");
    }

    /// A copy of the demonstration site in which one file is changed.
    struct Site(PathBuf);

    impl Site {
        fn new(name: &str, file: &str, change: impl FnOnce(String) -> String) -> Self {
            let folder = format!("{name}-{}", std::process::id());
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
            copy(Path::new(DEMO), &path);
            let text = std::fs::read_to_string(path.join(file)).unwrap();
            std::fs::write(path.join(file), change(text)).unwrap();
            Self(path)
        }

        fn refused(&self, said: &[&str]) {
            let output = sortline(&["check", "--config", self.0.to_str().unwrap()]);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{text}");
            for part in said {
                assert!(text.contains(part), "`{part}` is missing in: {text}");
            }
        }
    }

    impl Drop for Site {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }

    #[test]
    fn the_demonstration_site_holds() {
        check(&["check", "--config", DEMO], 0, "no problem found");
        check(
            &["check", "--json", "--config", DEMO],
            0,
            "\"line\":\"line-1\"",
        );
        check(
            &["plan", "check", "--config", DEMO],
            0,
            "rules for 14 chutes",
        );
    }

    #[test]
    fn a_day_of_parcels_is_reported_by_every_way() {
        let network = format!("{DEMO}/network");
        let report = ["route", "report", "--network", &network, "--from", "DE-FRA"];
        let small = ["--parcels", "300", "--disruptions", "4", "--json"];
        let mut args = [&report[..], &["--day", "2026-11-23"], &small].concat();
        for way in ["sortline", "static shortest path", "cheapest", "first come"] {
            check(&args, 0, &format!("\"way\":\"{way}\",\"parcels\":300"));
        }
        args[5] = "NOWHERE";
        check(&args, 2, "found `NOWHERE`");
        check(&["route", "report", "--from", "DE-FRA"], 2, "--network");
    }

    #[test]
    fn a_sort_plan_is_proposed_for_a_forecast() {
        let name = format!("volumes-{}.csv", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let rows = "rule,wave,parcels,last_wave\nvia Leipzig,1,400,2\nvia Leipzig,2,300,\n\
                    via Hamburg Billbrook,1,20,\nvia Dortmund,2,50,1\n";
        std::fs::write(&path, rows).unwrap();
        let file = path.to_str().unwrap();
        let args = ["plan", "optimise", "--config", DEMO, "--volumes", file];
        check(&[&args[..], &["--json"]].concat(), 0, "\"bound\":");
        check(
            &[&args[..], &["--changes-max", "1"]].concat(),
            0,
            "no assignment has a peak below",
        );
        std::fs::write(&path, rows.replace("via Dortmund,2", "via Dortmund,99")).unwrap();
        check(&args, 2, "wave: found 99, allowed: 1 to 24");
        std::fs::write(&path, rows.replace("via Dortmund", "via Dortmunt")).unwrap();
        check(&args, 2, ":5: rule: found `via Dortmunt`");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn wrong_usage_is_exit_code_2() {
        check(&[], 2, "Usage");
        check(&["chek"], 2, "unrecognized subcommand");
        check(&["check", "--confg", "x"], 2, "unexpected argument");
        check(&["check", "--config", "not/there"], 2, "does not exist");
        check(&["--log", "=,=", "check", "--config", DEMO], 2, "--log");
        check(
            &["serve", "--config", DEMO, "--http", "nowhere"],
            2,
            "invalid value",
        );
    }

    #[test]
    fn a_folder_without_pictures_is_exit_code_2() {
        let folder = format!("empty-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        std::fs::create_dir_all(&path).unwrap();
        check(&["read", path.to_str().unwrap()], 2, "holds no picture");
        std::fs::remove_dir(path).unwrap();
    }

    #[test]
    fn a_file_is_named_once() {
        let output = sortline(&["sim", "--scenario", DEMO]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(text.matches(DEMO).count(), 1, "{text}");
    }

    #[test]
    fn what_is_no_journal_is_exit_code_2() {
        check(
            &["replay", "not/there.db"],
            2,
            "not/there.db cannot be opened",
        );
        check(&["export", "csv", DEMO], 2, "cannot be opened");
        let plan = format!("{DEMO}/plan.toml");
        check(
            &["trace", "1", "--journal", &plan],
            2,
            "is no journal of Sortline",
        );
    }

    /// The commands that the help of `command` lists, but for `help` itself.
    fn listed(command: &[String]) -> Vec<Vec<String>> {
        let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
        args.push("--help");
        let help = sortline(&args);
        let text = String::from_utf8_lossy(&help.stdout).into_owned();
        let lines = text.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = lines.take_while(|line| !line.is_empty());
        // A description that is wrapped goes on further to the right.
        let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        let nested = |name: &str| [command, &[name.to_owned()]].concat();
        names.filter(|name| *name != "help").map(nested).collect()
    }

    #[test]
    fn every_command_has_an_example() {
        let mut commands = listed(&[]);
        assert!(commands.contains(&vec!["serve".to_owned()]), "{commands:?}");
        while let Some(command) = commands.pop() {
            let inner = listed(&command);
            if inner.is_empty() {
                let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
                args.push("--help");
                check(&args, 0, "Example: sortline");
            }
            commands.extend(inner);
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let change = |text: String| text.replace("[http]\n", "[http]\nport = 1\n");
        let site = Site::new("key", "site.toml", change);
        site.refused(&["site.toml:10: http.port: unknown field `port`, expected `bind`"]);
    }

    #[test]
    fn every_problem_of_every_file_is_told_at_once() {
        let change = |text: String| {
            text.replace("id = \"demo\"", "id = \"De mo\"")
                .replace("127.0.0.1:8080", "here")
        };
        let site = Site::new("many", "site.toml", change);
        std::fs::write(site.0.join("plan.toml"), "version = \"1\"\nhold = 77\n").unwrap();
        site.refused(&[
            "site.toml:3: id: found `De mo`, allowed are 1 to 32",
            "http.bind: found `here`, allowed is `address:port`",
            "plan.toml:2: hold: ",
        ]);
    }

    #[test]
    fn diverters_out_of_order_are_refused() {
        let change = |text: String| text.replacen("position_mm = 8000", "position_mm = 5999", 2);
        Site::new("order", "line.toml", change).refused(&["line.toml:", "diverter["]);
    }

    #[test]
    fn broken_files_are_told_by_name() {
        Site::new("broken", "line.toml", |text| text + "[[").refused(&["line.toml:"]);
        let site = Site::new("manifest", "manifest.csv", |text| {
            text + "X1,Fr,1,x,y,1,1,EUR,a,1\n"
        });
        site.refused(&[
            "manifest.csv:",
            "country: found `Fr`, allowed are two capital letters",
        ]);
        let site = Site::new("gone", "site.toml", |text| text);
        std::fs::remove_file(site.0.join("line.toml")).unwrap();
        site.refused(&["line.toml: cannot be read"]);
    }
}
