//! The project's own rules, as far as a program can see them.
//!
//! Each rule is a function from the tree to a list of findings; [`run`] prints all of them, and
//! the tests below make `cargo test` fail on any.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{say, steps};

/// Longest source file in lines, not counting its tests.
const SOURCE_LINES_MAX: usize = 500;
/// Longest README.
const README_LINES_MAX: usize = 120;
/// Longest ARCHITECTURE.
const ARCHITECTURE_LINES_MAX: usize = 400;
/// Entries of the root directory.
const ROOT_ENTRIES_MAX: usize = 20;
/// Exceptions from lints in the whole project.
const EXPECTATIONS_MAX: usize = 9;

/// Who may depend on whom inside the workspace. A crate that is not listed may depend on nothing.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("sortline-logic", &["sortline-regmap"]),
    ("sortline-mqtt", &["sortline-regmap"]),
    (
        "sortline-node",
        &["sortline-regmap", "sortline-logic", "sortline-mqtt"],
    ),
    (
        "sortline-emu",
        &["sortline-regmap", "sortline-core", "sortline-sim"],
    ),
    (
        "sortline-fieldbus",
        &["sortline-regmap", "sortline-mqtt", "sortline-core"],
    ),
    (
        "sortline-softnode",
        &[
            "sortline-logic",
            "sortline-node",
            "sortline-core",
            "sortline-fieldbus",
        ],
    ),
    ("sortline-capture", &["sortline-read"]),
    (
        "sortline-sim",
        &[
            "sortline-regmap",
            "sortline-logic",
            "sortline-node",
            "sortline-core",
            "sortline-fieldbus",
            "sortline-softnode",
            "sortline-route",
            "sortline-read",
        ],
    ),
    (
        "sortline-service",
        &[
            "sortline-regmap",
            "sortline-node",
            "sortline-core",
            "sortline-fieldbus",
            "sortline-softnode",
            "sortline-route",
            "sortline-read",
            "sortline-capture",
            "sortline-sim",
        ],
    ),
];

/// Crates without IO, and the only libraries from outside that they may use.
const PURE: &[(&str, &[&str])] = &[
    ("sortline-regmap", &[]),
    ("sortline-logic", &[]),
    ("sortline-core", &["serde", "thiserror", "schemars"]),
    (
        "sortline-route",
        &["serde", "thiserror", "schemars", "petgraph"],
    ),
    ("sortline-read", &["serde", "thiserror", "schemars"]),
];

/// Words that have another name here (ARCHITECTURE, "Vocabulary").
const AVOIDED: &[(&str, &str)] = &[
    ("photocell", "photo-eye"),
    ("infeed", "induction"),
    ("jackpot", "reject chute"),
    ("hospital", "reject chute"),
    ("bag id", "SSCC"),
    ("mis-sort", "missort"),
];

/// Words that have no business in a repository, spelled so that this file does not hold them.
const UNFINISHED: &[&str] = &[
    "TO\u{44}O",
    "FIX\u{4d}E",
    "X\u{58}X",
    "todo\u{21}(",
    "unimplemented\u{21}(",
];

/// One thing to mend.
type Finding = String;

/// Prints every finding.
///
/// # Errors
/// When there is any.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read()?;
    let mut findings = dependency_rule(&steps::metadata()?);
    findings.extend(sizes(&tree));
    findings.extend(vocabulary(&tree));
    findings.extend(unfinished(&tree));
    findings.extend(exceptions(&tree));
    findings.extend(register_addresses(&tree));
    findings.extend(schemas(&tree));
    for finding in &findings {
        say(&format!("tidy: {finding}"));
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    Ok(())
}

/// The files that git knows or would take, as text.
struct Tree {
    files: Vec<(PathBuf, String)>,
}

impl Tree {
    fn read() -> Result<Self> {
        let mut command = Command::new("git");
        command
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(steps::root());
        let listed = String::from_utf8(steps::output_of(&mut command)?)
            .context("a file name is not UTF-8")?;
        let mut files = Vec::new();
        for name in listed.split('\0').filter(|name| !name.is_empty()) {
            // Binary files and files deleted but not yet committed have nothing to say here.
            if let Ok(text) = fs::read_to_string(steps::root().join(name)) {
                files.push((PathBuf::from(name), text));
            }
        }
        Ok(Self { files })
    }

    fn with_extension<'a>(
        &'a self,
        extensions: &'a [&str],
    ) -> impl Iterator<Item = (&'a Path, &'a str)> {
        self.files.iter().filter_map(|(path, text)| {
            let extension = path.extension()?.to_str()?;
            extensions
                .contains(&extension)
                .then_some((path.as_path(), text.as_str()))
        })
    }
}

/// A source text up to its unit tests.
fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod tests")
        .map_or(text, |end| text.get(..end).unwrap_or(text))
}

fn is_test(path: &Path) -> bool {
    let parts = ["tests", "benches", "examples", "fuzz"];
    path.components().any(|part| {
        part.as_os_str()
            .to_str()
            .is_some_and(|p| parts.contains(&p))
    })
}

fn dependency_rule(metadata: &serde_json::Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let list = |value: &serde_json::Value, key: &str| {
        value
            .get(key)
            .and_then(|v| v.as_array())
            .cloned()
            .unwrap_or_default()
    };
    for package in list(metadata, "packages") {
        let name = package
            .get("name")
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_owned();
        for dependency in list(&package, "dependencies") {
            if dependency.get("kind").is_some_and(|kind| !kind.is_null()) {
                continue; // tests, benches and build scripts may use what they need
            }
            let target = dependency
                .get("name")
                .and_then(|v| v.as_str())
                .unwrap_or_default();
            if let Some(finding) = forbidden(&name, target) {
                findings.push(finding);
            }
        }
    }
    findings
}

fn forbidden(name: &str, target: &str) -> Option<Finding> {
    if target.starts_with("sortline-") {
        let allowed = MAY_DEPEND_ON
            .iter()
            .find(|(from, _)| *from == name)
            .map(|(_, to)| *to);
        return (!allowed.unwrap_or_default().contains(&target))
            .then(|| format!("{name} must not depend on {target} (ARCHITECTURE, \"Code map\")"));
    }
    let (_, allowed) = PURE.iter().find(|(pure, _)| *pure == name)?;
    (!allowed.contains(&target))
        .then(|| format!("{name} is pure and may depend only on {allowed:?}, not on {target}"))
}

fn sizes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs", "ts", "svelte"]) {
        let lines = without_tests(text).lines().count();
        if !is_test(path) && lines > SOURCE_LINES_MAX {
            findings.push(format!(
                "{}: {lines} lines, {SOURCE_LINES_MAX} allowed",
                path.display()
            ));
        }
    }
    for (name, most) in [
        ("README.md", README_LINES_MAX),
        ("ARCHITECTURE.md", ARCHITECTURE_LINES_MAX),
    ] {
        let lines = tree
            .files
            .iter()
            .find(|(path, _)| path == Path::new(name))
            .map_or(usize::MAX, |(_, text)| text.lines().count());
        if lines > most {
            findings.push(format!("{name} is missing or longer than {most} lines"));
        }
    }
    let mut roots: Vec<_> = tree
        .files
        .iter()
        .filter_map(|(path, _)| path.components().next())
        .collect();
    roots.sort_unstable();
    roots.dedup();
    if roots.len() > ROOT_ENTRIES_MAX {
        findings.push(format!(
            "{} entries in the root, {ROOT_ENTRIES_MAX} allowed",
            roots.len()
        ));
    }
    findings
}

fn vocabulary(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["md", "toml", "svelte"]) {
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            for (avoided, instead) in AVOIDED {
                // A word shown as code is quoted, not used: the vocabulary itself, a device's token.
                if lower.contains(avoided) && !line.contains('`') {
                    let line = number.saturating_add(1);
                    findings.push(format!(
                        "{}:{line}: write `{instead}`, not `{avoided}`",
                        path.display()
                    ));
                }
            }
        }
    }
    findings
}

fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs", "ts", "svelte", "toml", "md", "csv"]) {
        for (number, line) in text.lines().enumerate() {
            if UNFINISHED.iter().any(|word| line.contains(word)) {
                let line = number.saturating_add(1);
                findings.push(format!("{}:{line}: unfinished", path.display()));
            }
        }
    }
    findings
}

fn exceptions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut expectations: usize = 0;
    for (path, text) in tree.with_extension(&["rs"]) {
        if path.starts_with("xtask/src/tidy.rs") {
            continue;
        }
        let source = without_tests(text);
        if source.contains("#[allow(") || source.contains("#![allow(") {
            findings.push(format!(
                "{}: `allow` is not used; `expect` gives a reason",
                path.display()
            ));
        }
        if !is_test(path) {
            expectations = expectations
                .saturating_add(source.matches("#[expect(").count())
                .saturating_add(source.matches("#![expect(").count());
        }
    }
    if expectations > EXPECTATIONS_MAX {
        findings.push(format!(
            "{expectations} lint exceptions, {EXPECTATIONS_MAX} allowed"
        ));
    }
    findings
}

/// Register addresses have one home: a call that carries one as a literal is a second.
fn register_addresses(tree: &Tree) -> Vec<Finding> {
    let calls = [
        "read_holding_registers(",
        "read_input_registers(",
        "write_single_register(",
        "write_multiple_registers(",
        "ReadHoldingRegisters(",
        "WriteMultipleRegisters(",
    ];
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs"]) {
        if path.starts_with("firmware/regmap") || path.starts_with("xtask") || is_test(path) {
            continue;
        }
        for (number, line) in without_tests(text).lines().enumerate() {
            let literal = calls.iter().any(|call| {
                line.split(call)
                    .skip(1)
                    .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            });
            if literal {
                let line = number.saturating_add(1);
                findings.push(format!(
                    "{}:{line}: a register address outside regmap",
                    path.display()
                ));
            }
        }
    }
    findings
}

/// Every configuration file says which schema describes it, and that schema is there.
fn schemas(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["toml"]) {
        if !path.starts_with("config") || path.starts_with("config/bad") {
            continue;
        }
        let named = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("#:schema "));
        let found = named
            .zip(path.parent())
            .is_some_and(|(name, folder)| steps::root().join(folder).join(name).exists());
        if !found {
            findings.push(format!(
                "{}: line 1 names no schema that exists",
                path.display()
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        run().unwrap();
    }

    #[test]
    fn the_dependency_rule_finds_offenders() {
        assert!(forbidden("sortline-core", "sortline-regmap").is_some());
        assert!(forbidden("sortline-core", "tokio").is_some());
        assert!(forbidden("sortline-core", "serde").is_none());
        assert!(forbidden("sortline-service", "sortline-core").is_none());
        assert!(forbidden("sortline-read", "sortline-service").is_some());
        assert!(forbidden("sortline-service", "axum").is_none());
    }

    #[test]
    fn the_rules_find_what_they_look_for() {
        let tree = |path: &str, text: &str| Tree {
            files: vec![(PathBuf::from(path), text.to_owned())],
        };
        let long = "//\n".repeat(SOURCE_LINES_MAX + 1);
        assert!(
            sizes(&tree("a/src/b.rs", &long))
                .iter()
                .any(|f| f.contains("a/src/b.rs"))
        );
        assert!(!vocabulary(&tree("docs/a.md", "the infeed belt")).is_empty());
        assert!(vocabulary(&tree("docs/a.md", "the induction belt")).is_empty());
        assert!(!unfinished(&tree("a.rs", &format!("// {} later", UNFINISHED[0]))).is_empty());
        assert!(!exceptions(&tree("a/src/b.rs", "#[allow(dead_code)]")).is_empty());
        let call = "c.read_holding_registers(100, 2)";
        assert!(!register_addresses(&tree("a/src/b.rs", call)).is_empty());
        let call = "c.read_holding_registers(block.address, 2)";
        assert!(register_addresses(&tree("a/src/b.rs", call)).is_empty());
        assert!(!schemas(&tree("config/demo/x.toml", "a = 1")).is_empty());
    }
}
