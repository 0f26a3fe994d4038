//! What lies before a camera, and what is true about the frame made of it.

use serde::{Deserialize, Serialize};
use sortline_core::{CameraId, Ticks, TriggerId};

use super::address;
use super::geometry::Point;
use super::look::{self, Tape, Warning};
use super::rng::Rng;
use super::symbol::SymbolKind;

/// What a manifest knows about a parcel that its label shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// The code on the label: a tracking number (UPU S10) or an SSCC of 18 digits.
    pub code: String,
    /// Country of destination, ISO 3166-1 alpha-2.
    pub country: String,
    /// Postcode of destination, in the country's own form.
    pub postcode: String,
    /// City of destination.
    pub city: String,
    /// Service word printed in the label's head.
    pub service: String,
}

/// Which symbols share a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// QR code and `DataMatrix`.
    Core,
    /// PDF417.
    Pdf,
    /// `MaxiCode` and QR code.
    Maxi,
    /// Aztec and `DataMatrix`.
    Aztec,
    /// As core, the second linear symbol being an ITF-14.
    Itf,
}

impl Template {
    /// All templates, in the order in which reference frames take turns.
    pub const ALL: [Self; 5] = [Self::Core, Self::Pdf, Self::Maxi, Self::Aztec, Self::Itf];
}

/// The make of labels and parcels: faces, layouts, backgrounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// What the reader was tuned on, and what the simulated line carries.
    #[default]
    A,
    /// Held out: nothing may be tuned on it, so that what is measured on it holds elsewhere.
    B,
}

impl std::str::FromStr for Design {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "a" | "A" => Ok(Self::A),
            "b" | "B" => Ok(Self::B),
            _ => Err(format!("unknown design {text:?}; one of a, b")),
        }
    }
}

/// Format of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSize {
    /// 76 x 76 mm, for parcels too narrow for the others.
    Compact,
    /// 100 x 100 mm.
    Small,
    /// 100 x 150 mm, with a second linear symbol.
    Large,
}

impl LabelSize {
    /// Width and height, mm.
    pub const fn millimetres(self) -> Point {
        match self {
            Self::Compact => [76.0, 76.0],
            Self::Small => [100.0, 100.0],
            Self::Large => [100.0, 150.0],
        }
    }
}

/// One symbol to print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolText {
    /// Its symbology.
    pub kind: SymbolKind,
    /// Its content; GS1 element strings with the identifiers in parentheses.
    pub text: String,
}

/// Everything printed on one label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelData {
    /// The tracking number or other code that identifies the parcel.
    pub tracking: String,
    /// The serial shipping container code, 18 digits.
    pub sscc: String,
    /// Address lines from name to country.
    pub address: Vec<String>,
    /// Country of destination, ISO 3166-1 alpha-2.
    pub country: String,
    /// Postcode of destination.
    pub postcode: String,
    /// Service word of the head.
    pub service: String,
    /// Routing code of the head, e.g. `DE 101`.
    pub route: String,
    /// Format of the paper.
    pub size: LabelSize,
    /// Matrix and stacked symbols, from the left.
    pub matrices: Vec<SymbolText>,
    /// Linear symbols from the top; a small label shows the first only.
    pub linears: Vec<SymbolText>,
    /// Faces and layout.
    #[serde(default)]
    pub design: Design,
    /// Chooses among the faces and small shifts of the layout.
    pub style: u64,
}

impl LabelData {
    /// The label of a shipment. The same shipment, template, size and seed give the same label.
    pub fn new(shipment: &Shipment, template: Template, size: LabelSize, seed: u64) -> Self {
        let mut rng = Rng::named(seed, &shipment.code);
        let is_sscc =
            shipment.code.len() == 18 && shipment.code.bytes().all(|b| b.is_ascii_digit());
        let sscc = if is_sscc {
            shipment.code.clone()
        } else {
            address::sscc(&mut rng)
        };
        let postcode: String = shipment
            .postcode
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect();
        let linears = vec![
            first_linear(shipment, is_sscc, &postcode),
            second_linear(template, is_sscc, shipment, &sscc, &postcode, &mut rng),
        ];
        let head: String = postcode
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(3)
            .collect();
        Self {
            tracking: shipment.code.clone(),
            address: address::lines(shipment, &mut rng),
            country: shipment.country.clone(),
            postcode: shipment.postcode.clone(),
            service: shipment.service.clone(),
            route: format!("{} {head}", shipment.country),
            size,
            matrices: matrices(shipment, template, &mut rng),
            linears,
            design: Design::A,
            style: rng.bits(),
            sscc,
        }
    }
}

fn symbol(kind: SymbolKind, text: String) -> SymbolText {
    SymbolText { kind, text }
}

fn first_linear(shipment: &Shipment, is_sscc: bool, postcode: &str) -> SymbolText {
    if is_sscc {
        let text = format!("(00){}{}", shipment.code, ship_to(shipment, postcode));
        symbol(SymbolKind::Gs1128, text)
    } else {
        symbol(SymbolKind::Code128, shipment.code.clone())
    }
}

/// (421) carries the country beside the postcode; (420) serves where the country has no known code.
fn ship_to(shipment: &Shipment, postcode: &str) -> String {
    let plain = postcode.bytes().all(|b| b.is_ascii_alphanumeric()) && !postcode.is_empty();
    match address::numeric_code(&shipment.country) {
        Some(numeric) if plain && postcode.len() <= 9 => format!("(421){numeric}{postcode}"),
        _ if plain && postcode.len() <= 20 => format!("(420){postcode}"),
        _ => String::new(),
    }
}

fn second_linear(
    template: Template,
    is_sscc: bool,
    shipment: &Shipment,
    sscc: &str,
    postcode: &str,
    rng: &mut Rng,
) -> SymbolText {
    if template == Template::Itf {
        let body = format!("1{}", rng.digits(12));
        let check = address::gs1_check_digit(&body);
        return symbol(SymbolKind::Itf, format!("{body}{check}"));
    }
    if is_sscc {
        return symbol(SymbolKind::Code128, address::s10(rng));
    }
    let plain = postcode.bytes().all(|b| b.is_ascii_alphanumeric());
    let to = match rng.below(4) {
        0 => ship_to(shipment, postcode),
        1 if plain && !postcode.is_empty() => format!("(420){postcode}"),
        _ => String::new(),
    };
    symbol(SymbolKind::Gs1128, format!("(00){sscc}{to}"))
}

fn matrices(shipment: &Shipment, template: Template, rng: &mut Rng) -> Vec<SymbolText> {
    let Shipment {
        code,
        postcode,
        country,
        ..
    } = shipment;
    let json = serde_json::json!({"tracking": code, "postcode": postcode, "country": country});
    let json = json.to_string();
    let digits = rng.between(12, 20);
    let data = symbol(
        SymbolKind::DataMatrix,
        format!("{code} {postcode} {}", rng.digits(digits)),
    );
    let qr = symbol(SymbolKind::QrCode, json.clone());
    match template {
        Template::Core | Template::Itf => vec![qr, data],
        Template::Pdf => {
            let text = format!(
                "{code}|{country}|{postcode}|{}|{}",
                shipment.city, shipment.service
            );
            vec![symbol(SymbolKind::Pdf417, text)]
        }
        Template::Maxi => vec![
            symbol(SymbolKind::MaxiCode, format!("{code} {postcode}")),
            qr,
        ],
        Template::Aztec => vec![symbol(SymbolKind::Aztec, json), data],
    }
}

/// What a parcel is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrapping {
    /// A brown carton.
    Cardboard,
    /// A carton with a white outer face.
    WhiteBoard,
    /// A bag of grey or dark film.
    PolyBag,
}

/// A label stuck on a face.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StuckLabel {
    /// The camera that sees this face.
    pub camera: CameraId,
    /// Middle of the label from the middle of the face: along the belt's travel, across it; mm.
    pub middle_mm: Point,
    /// Turn against the face, degrees.
    pub rotation_deg: f32,
    /// What is printed on it.
    pub data: LabelData,
}

/// How a parcel looks, apart from where it lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParcelLook {
    /// Seed of everything that is not stated here, such as dust and folds.
    pub seed: u64,
    /// Carton or bag.
    pub wrapping: Wrapping,
    /// Grey of the bare face, 0 to 255.
    pub grey: f32,
    /// Period and amplitude of the corrugation that shows through, mm and grey levels.
    pub flutes: Option<[f32; 2]>,
    /// Tape across the face.
    pub tape: Option<Tape>,
    /// Printed warnings and other marks.
    pub warnings: Vec<Warning>,
    /// The labels, over all faces.
    pub labels: Vec<StuckLabel>,
}

impl ParcelLook {
    /// A parcel for a shipment, `length_mm` along the belt by `width_mm` across it. The label is near
    /// the middle of the face that camera 0 sees; a fifth of the parcels show it to camera 1, too.
    pub fn new(shipment: &Shipment, length_mm: f32, width_mm: f32, seed: u64) -> Self {
        look::derive(shipment, [length_mm, width_mm], seed)
    }
}

/// A parcel before a camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlacedParcel {
    /// Its appearance.
    pub look: ParcelLook,
    /// Length along the belt at rotation 0, mm.
    pub length_mm: f32,
    /// Width across the belt at rotation 0, mm.
    pub width_mm: f32,
    /// Middle of the parcel from the view's centre along the belt's travel, mm.
    pub offset_mm: f32,
    /// Middle of the parcel from the view's centre across the belt, mm.
    pub lateral_mm: f32,
    /// Turn on the belt, degrees.
    pub rotation_deg: f32,
}

/// What lies under one camera when its trigger fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// The camera.
    pub camera: CameraId,
    /// The trigger that the frame will carry.
    pub trigger: TriggerId,
    /// Encoder count at the trigger pulse.
    pub ticks: Ticks,
    /// Parcels in or near the view; later ones lie on top.
    pub parcels: Vec<PlacedParcel>,
}

/// A symbol that is in a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrueSymbol {
    /// Its symbology.
    pub kind: SymbolKind,
    /// Its content.
    pub text: String,
    /// Its corners in the frame: top left first as printed, clockwise, pixels.
    pub quad: [Point; 4],
    /// Pixels per module at its middle.
    pub px_per_module: f32,
    /// True when all corners are inside of the frame.
    pub in_view: bool,
}

/// A line of text that is in a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrueLine {
    /// The text.
    pub text: String,
    /// Its corners in the frame: top left first as printed, clockwise, pixels.
    pub quad: [Point; 4],
}

/// What is true about one label in a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrueLabel {
    /// Country of destination.
    pub country: String,
    /// Postcode of destination.
    pub postcode: String,
    /// Corners of the paper in the frame, pixels.
    pub quad: [Point; 4],
    /// From dots of the print to pixels of the frame, row by row, wrinkles left out.
    pub dots_to_frame: [[f32; 3]; 3],
    /// The symbols printed on it.
    pub symbols: Vec<TrueSymbol>,
    /// The lines of text printed on it; the address first.
    pub lines: Vec<TrueLine>,
}

/// What is true about one parcel's upper face.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrueParcel {
    /// Length and width of the face, mm.
    pub size_mm: Point,
    /// Corners of the face in the frame, pixels; they may lie outside of it.
    pub quad: [Point; 4],
}

/// What is true about a frame: never shown to a reader.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The parcels, in the order in which they were drawn.
    #[serde(default)]
    pub parcels: Vec<TrueParcel>,
    /// The labels, in the order in which they were drawn.
    pub labels: Vec<TrueLabel>,
}

impl Truth {
    /// All symbols of all labels.
    pub fn symbols(&self) -> impl Iterator<Item = &TrueSymbol> {
        self.labels.iter().flat_map(|label| &label.symbols)
    }
}
