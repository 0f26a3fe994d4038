//! The committed JSON schemas are those of the code, and the committed configuration obeys them.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn schemas_are_current() {
        for (name, text) in sortline_service::schemas::all().unwrap() {
            let path = root().join("config/schema").join(name);
            let committed = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                committed == text,
                "{} is old: run `cargo xtask docs`",
                path.display()
            );
        }
    }

    #[test]
    fn every_site_obeys_its_schemas() {
        let mut checked = 0;
        for folder in [
            "config/demo",
            "config/demo/network",
            "config/bench",
            "config/scenarios",
            "config/shapes/hub",
            "config/shapes/loop",
            "config/shapes/merge",
            "config/shapes/pop-up",
            "config/shapes/pusher",
            "config/shapes/shoe",
            "config/shapes/swing-arm",
        ] {
            for entry in fs::read_dir(root().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "toml") {
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                let named = text
                    .lines()
                    .next()
                    .unwrap()
                    .strip_prefix("#:schema ")
                    .unwrap_or_else(|| {
                        panic!("{} names no schema in its first line", path.display())
                    });
                let schema = fs::read_to_string(path.parent().unwrap().join(named)).unwrap();
                let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
                let value: serde_json::Value = toml::from_str(&text).unwrap();
                let validator = jsonschema::validator_for(&schema).unwrap();
                let errors: Vec<String> = validator
                    .iter_errors(&value)
                    .map(|error| error.to_string())
                    .collect();
                assert!(errors.is_empty(), "{}: {errors:?}", path.display());
                checked += 1;
            }
        }
        assert!(checked >= 8, "only {checked} files were found");
    }
}
