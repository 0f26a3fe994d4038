//! Every file in `config/bad` is refused with the message that its first line announces.
//!
//! A file is named `FILE.CASE.EXT` and takes the place of `FILE.EXT` in the bench site.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// A copy of the bench site in a folder of its own.
    fn site(case: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("bad")
            .join(case);
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(root().join("config/bench")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
        folder
    }

    fn check(folder: &Path) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_sortline"))
            .args(["check", "--config"])
            .arg(folder)
            .output()
            .unwrap();
        let mut said = String::from_utf8(output.stderr).unwrap();
        said.push_str(&String::from_utf8(output.stdout).unwrap());
        (output.status.code(), said)
    }

    #[test]
    fn the_bench_site_itself_is_fine() {
        let (code, said) = check(&site("none"));
        assert_eq!(code, Some(0), "{said}");
    }

    #[test]
    fn every_bad_file_is_refused_by_name() {
        let mut tried = 0;
        for entry in fs::read_dir(root().join("config/bad")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let parts: Vec<&str> = name.split('.').collect();
            let [file, case, extension] = parts[..] else {
                panic!("{name}: not FILE.CASE.EXT")
            };
            let text = fs::read_to_string(&path).unwrap();
            let expected = text
                .lines()
                .next()
                .unwrap()
                .strip_prefix("# refused: ")
                .unwrap();
            let folder = site(&format!("{file}-{case}"));
            fs::write(folder.join(format!("{file}.{extension}")), &text).unwrap();

            let (code, said) = check(&folder);

            assert_eq!(code, Some(2), "{name}: {said}");
            assert!(
                said.contains(expected),
                "{name}: expected `{expected}`, got:\n{said}"
            );
            assert!(
                said.contains(&format!("{file}.{extension}")),
                "{name}: no file named in\n{said}"
            );
            assert!(!said.contains("panicked"), "{name}: {said}");
            tried += 1;
        }
        assert!(tried >= 15, "only {tried} files were tried");
    }
}
