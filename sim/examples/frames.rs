//! Renders reference frames of a tier into a folder, with the ground truth of each beside it:
//!
//! ```text
//! cargo run --release -p sortline-sim --example frames -- --tier T2 --count 20 --out frames
//! ```

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use sortline_core::{CameraId, Ticks, TriggerId};
use sortline_sim::render::{
    BURST, Design, Gray, ParcelLook, Picture, PlacedParcel, Renderer, Scene, Series, Shipment,
    Tier, View,
};

/// Which frames to draw.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Size {
    /// 1280 x 1024 pixels, label of 100 x 100 mm.
    Small,
    /// 2448 x 2048 pixels, label of 100 x 150 mm.
    Large,
    /// Scenes as the demonstration's cameras see them.
    Demo,
}

/// What frames show.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// One parcel with one label.
    Graded,
    /// A parcel without symbols, full of stripes and prints.
    Negative,
    /// Five frames of each passing parcel.
    Burst,
}

/// Renders frames with ground truth.
#[derive(Debug, Parser)]
struct Arguments {
    /// Difficulty, T1 to T5.
    #[arg(long, default_value = "T1")]
    tier: Tier,
    /// Number of frames.
    #[arg(long, default_value_t = 20)]
    count: u32,
    /// Kind of frames.
    #[arg(long, value_enum, default_value = "small")]
    size: Size,
    /// Seed; the same seed draws the same frames.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Make of labels and parcels, a or b.
    #[arg(long, default_value = "a")]
    design: Design,
    /// What the frames show.
    #[arg(long, value_enum, default_value = "graded")]
    kind: Kind,
    /// Write JPEG files as the cameras do, instead of PNG.
    #[arg(long)]
    jpeg: bool,
    /// Folder to write to; it is made when it does not exist.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("making the folder {}", arguments.out.display()))?;
    let renderer = Renderer::new()?;
    for number in 0..arguments.count {
        let name = format!("{:?}-{:?}-{number:04}", arguments.tier, arguments.size).to_lowercase();
        let picture = draw(&renderer, &arguments, number)?;
        write(&arguments, &name, &picture).with_context(|| format!("writing frame {name}"))?;
    }
    Ok(())
}

fn draw(renderer: &Renderer, arguments: &Arguments, number: u32) -> anyhow::Result<Picture> {
    let Arguments {
        tier, seed, design, ..
    } = *arguments;
    let view = match arguments.size {
        Size::Small => View::SMALL,
        Size::Large => View::LARGE,
        Size::Demo => {
            return Ok(renderer.scene(&scene(number, seed), View::DEMO, tier, seed)?);
        }
    };
    let series = Series { view, design, seed };
    let index = usize::try_from(number)?;
    Ok(match arguments.kind {
        Kind::Graded => renderer.graded(series, tier, index)?,
        Kind::Negative => renderer.negative(series, tier, index)?,
        Kind::Burst => renderer.burst(series, tier, index / BURST, index % BURST)?,
    })
}

/// One parcel under the camera, every fourth time with a neighbor close behind it.
fn scene(number: u32, seed: u64) -> Scene {
    let count = if number % 4 == 3 { 2 } else { 1 };
    Scene {
        camera: CameraId(0),
        trigger: TriggerId(number + 1),
        ticks: Ticks(number * 731),
        parcels: (0..count)
            .map(|behind| parcel(number, behind, seed))
            .collect(),
    }
}

fn parcel(number: u32, behind: u8, seed: u64) -> PlacedParcel {
    let (country, postcode, city) = match (number + u32::from(behind)) % 3 {
        0 => ("DE", "10115", "Berlin"),
        1 => ("PL", "00-950", "WARSZAWA"),
        _ => ("CN", "100022", "北京市"),
    };
    let shipment = Shipment {
        code: "RR473124829CN".to_owned(),
        country: country.to_owned(),
        postcode: postcode.to_owned(),
        city: city.to_owned(),
        service: "PRIORITY".to_owned(),
    };
    // Any spread over 0 to 1 that differs from parcel to parcel.
    let spread = |k: u32| {
        let part = (number * 37 + k * 53 + u32::from(behind) * 11) % 100;
        u8::try_from(part).map_or(0.0, |part| f32::from(part) / 100.0)
    };
    let (length_mm, width_mm) = (130.0 + 270.0 * spread(1), 110.0 + 200.0 * spread(2));
    let look_seed = seed * 1_000 + u64::from(number * 10) + u64::from(behind);
    PlacedParcel {
        look: ParcelLook::new(&shipment, length_mm, width_mm, look_seed),
        length_mm,
        width_mm,
        offset_mm: if behind == 0 {
            4.0
        } else {
            -length_mm / 2.0 - 150.0
        },
        lateral_mm: 30.0 * spread(3) - 15.0,
        rotation_deg: 16.0 * spread(4) - 8.0,
    }
}

fn write(arguments: &Arguments, name: &str, picture: &Picture) -> anyhow::Result<()> {
    let truth = arguments.out.join(format!("{name}.json"));
    serde_json::to_writer_pretty(BufWriter::new(File::create(truth)?), &picture.truth)?;
    if arguments.jpeg {
        std::fs::write(
            arguments.out.join(format!("{name}.jpg")),
            picture.frame.jpeg()?,
        )?;
        return Ok(());
    }
    write_png(&arguments.out.join(format!("{name}.png")), &picture.frame)
}

fn write_png(path: &Path, frame: &Gray) -> anyhow::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    let mut encoder = png::Encoder::new(
        file,
        u32::try_from(frame.width)?,
        u32::try_from(frame.height)?,
    );
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header()?.write_image_data(&frame.pixels)?;
    Ok(())
}
