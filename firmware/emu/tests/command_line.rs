//! The harness says what is wrong before it starts anything.
#![cfg(test)]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sortline-emu"));
    command.args(arguments).output().unwrap()
}

#[test]
fn an_image_that_is_none_is_refused() {
    let output = run(&["--image", "Cargo.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("reading the image as ELF"), "{text}");
    let output = run(&["--image", "/nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[test]
fn help_names_the_command_that_builds_the_images() {
    let output = run(&["--help"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("cargo xtask firmware"),
        "{text}"
    );
}
