//! System packages: what is needed, why, and installing what is missing.
//!
//! Written for Debian 12 and Ubuntu 24.04. On other systems the list is printed with the reasons;
//! `docs/how-to/install.md` names the equivalents.

use std::io::IsTerminal as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::firmware::{self, Toolchain};
use crate::say;
use crate::steps;

/// What a set of packages is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Compiling the controller with OpenCV, zxing-cpp and Tesseract.
    Build,
    /// Building the dashboard.
    Dashboard,
    /// Drawing labels in the simulator.
    Fonts,
    /// Independent programs that the tests talk to.
    Test,
    /// Running the microcontroller's image.
    Firmware,
    /// Building it where rustup cannot: about 150 MB to fetch and 400 MB installed.
    FirmwareCompiler,
}

/// What the programs are built with.
const BUILD: &[(&str, &str)] = &[
    ("g++", "compiles zxing-cpp"),
    ("cmake", "builds zxing-cpp"),
    ("make", "builds zxing-cpp"),
    ("pkg-config", "finds Tesseract and Leptonica"),
    ("clang", "reads OpenCV's headers for the Rust binding"),
    (
        "libclang-dev",
        "reads OpenCV's headers for the Rust binding",
    ),
    ("libopencv-core-dev", "images"),
    (
        "libopencv-imgproc-dev",
        "rotating, scaling and measuring images",
    ),
    ("libopencv-imgcodecs-dev", "JPEG, PNG, WebP and TIFF"),
    (
        "libopencv-videoio-dev",
        "video files, RTSP streams, V4L2 cameras",
    ),
    ("libaravis-dev", "GigE Vision and USB3 Vision cameras"),
    ("libusb-1.0-0-dev", "asked for by Aravis"),
    ("libtesseract-dev", "text recognition"),
    ("libleptonica-dev", "images for text recognition"),
    ("tesseract-ocr-eng", "text recognition: Latin script"),
    (
        "tesseract-ocr-chi-sim",
        "text recognition: simplified Chinese",
    ),
];

impl Group {
    /// Everything that does not depend on the toolchain.
    pub(crate) const ALL: [Self; 5] = [
        Self::Build,
        Self::Dashboard,
        Self::Fonts,
        Self::Test,
        Self::Firmware,
    ];

    /// Packages and the reason for each.
    const fn packages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Build => BUILD,
            Self::Dashboard => &[
                ("nodejs", "builds the dashboard"),
                ("npm", "fetches the dashboard's tools"),
            ],
            Self::Fonts => &[
                ("fonts-dejavu-core", "label text in the simulator"),
                ("fonts-liberation", "label text in the simulator"),
                (
                    "fonts-droid-fallback",
                    "Chinese label text in the simulator",
                ),
            ],
            Self::Test => &[
                ("chromium", "drives the dashboard as a person would"),
                ("mosquitto", "a second MQTT broker"),
                ("mosquitto-clients", "a second MQTT client"),
                ("mbpoll", "a second Modbus client"),
            ],
            Self::Firmware => &[(
                "qemu-system-arm",
                "runs the microcontroller's image (16 MB)",
            )],
            Self::FirmwareCompiler => &[
                ("rustc-web", "compiles the image (about 100 MB)"),
                ("cargo-web", "compiles the image"),
                (
                    "rust-web-src",
                    "core library for the microcontroller, as source (45 MB)",
                ),
            ],
        }
    }
}

/// Installs the packages of `groups` that are missing. Does nothing, and asks nothing, when all
/// are there.
pub(crate) fn install(groups: &[Group]) -> Result<()> {
    if !on_path("dpkg-query") {
        return not_debian(groups);
    }
    add(&missing(groups)?)
}

/// Makes sure that the microcontroller's image can be built and run: by the toolchain that is
/// there, by rustup where it can add the target, else by Debian's compiler.
///
/// # Errors
/// When none of them can.
pub(crate) fn install_firmware() -> Result<()> {
    install(&[Group::Firmware])?;
    if Toolchain::find().is_some() || on_path("rustup") && firmware::add_target() {
        return firmware::ensure_found();
    }
    if on_path("dpkg-query") && is_known("rustc-web")? {
        install(&[Group::FirmwareCompiler])?;
        if let Some(linker) = firmware::debian_linker_name()
            && !installed(&linker)?
        {
            add(&[(&linker, "links the image")])?;
        }
    }
    firmware::ensure_found()
}

/// True when the system's archive has a package of this name.
fn is_known(package: &str) -> Result<bool> {
    let output = Command::new("apt-cache")
        .args(["show", package])
        .output()
        .context("asking apt-cache")?;
    Ok(output.status.success())
}

fn add(missing: &[(&str, &str)]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    say("these system packages are missing and will be installed:");
    for (package, reason) in missing {
        say(&format!("  {package:<26} {reason}"));
    }
    // A log is no place for thousands of lines of unpacking; a terminal shows apt's own progress.
    let quiet = if std::io::stderr().is_terminal() {
        "--quiet=0"
    } else {
        "--quiet=2"
    };
    apt(&["update", quiet])?;
    let mut arguments = vec![
        "install",
        "--yes",
        quiet,
        "--no-install-recommends",
        "--option=Dpkg::Use-Pty=0",
    ];
    arguments.extend(missing.iter().map(|(package, _)| *package));
    apt(&arguments)
}

fn missing(groups: &[Group]) -> Result<Vec<(&'static str, &'static str)>> {
    let mut missing = Vec::new();
    for &group in groups {
        // A Node that was installed in another way brings npm along; Debian's would clash.
        if group == Group::Dashboard && on_path("node") && on_path("npm") {
            continue;
        }
        for &(package, reason) in group.packages() {
            if !installed(package)? {
                missing.push((package, reason));
            }
        }
    }
    Ok(missing)
}

fn installed(package: &str) -> Result<bool> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output()
        .context("asking dpkg-query")?;
    Ok(output.stdout == b"installed")
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut command = if is_root()? {
        Command::new("apt-get")
    } else if on_path("sudo") {
        say(&format!("sudo apt-get {}", arguments.join(" ")));
        let mut command = Command::new("sudo");
        command.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        command
    } else {
        bail!(
            "run this as root, or install sudo: apt-get {}",
            arguments.join(" ")
        );
    };
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    steps::status(&mut command)
}

fn is_root() -> Result<bool> {
    let output = Command::new("id").arg("-u").output().context("asking id")?;
    Ok(output.stdout.trim_ascii() == b"0")
}

fn on_path(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn not_debian(groups: &[Group]) -> Result<()> {
    say("this system has no dpkg; these Debian packages have equivalents elsewhere:");
    for group in groups {
        for (package, reason) in group.packages() {
            say(&format!("  {package:<26} {reason}"));
        }
    }
    say("docs/how-to/install.md names them; the build goes on and fails where one is missing");
    if !on_path("cmake") || !on_path("clang") {
        bail!("cmake and clang are needed");
    }
    Ok(())
}
