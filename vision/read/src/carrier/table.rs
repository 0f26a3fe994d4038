//! The formats, by carrier. Functions beside the rows keep what a pattern cannot say.

use super::{
    Format, any, check, dpd_destination, fedex, impb, nowhere, ontrac, tail, usps_legacy, usps_zip,
};

const PREFIX: &str = "prefix and length";
const LENGTH: &str = "length only";
const CHECKED: &str = "length and check digit";
const BOTH: &str = "prefix, length and check digit";

/// A format without destination.
const fn row(
    id: &'static str,
    kind: &'static str,
    pattern: &'static str,
    (confidence, why): (u8, &'static str),
    check: fn(&str) -> bool,
) -> Format {
    Format {
        id,
        kind,
        pattern,
        confidence,
        why,
        check,
        destination: nowhere,
    }
}

const FEDEX_12: &[u32] = &[3, 1, 7];
const FEDEX_13: &[u32] = &[1, 7, 3];

/// All formats. Sources other than the public collection: `cainiao`, `sf_express`, `yto` and
/// `jt_express` are the forms printed on labels; they have no public check digit.
#[rustfmt::skip]
pub(super) const FORMATS: &[Format] = &[
    row("ups", "ups_1z", "1Z*{15}#", (98, BOTH), |n| check::alternating(tail(n, 2, 0), [1, 2])),
    row("ups_waybill", "ups", "[AHJKTV]#{10}", (85, BOTH), |n| check::alternating(tail(n, 1, 0), [1, 2])),
    row("amazon_logistics", "amazon", "TB[ACM]#{12}", (95, PREFIX), any),
    row("amazon_international", "amazon", "[AFC]#{10}", (40, PREFIX), any),
    row("canada_post", "canada_post", "#{16}", (70, CHECKED), |n| check::gs1(n.as_bytes())),
    row("canpar_22", "canpar", "[CDKLSUXZ]#{21}", (80, PREFIX), any),
    row("dhl_express", "dhl", "#{10,11}", (60, CHECKED), |n| check::seven(n.as_bytes())),
    row("dhl_express_piece_id", "dhl", "J@{2,3}#{9,10}", (75, PREFIX), any),
    row("dhl_ecommerce", "dhl", "GM#*{9,38}|LX#*{9,38}|RX#*{9,38}|UV#*{9,38}|CN#*{9,38}|SG#*{9,38}\
        |TH#*{9,38}|IN#*{9,38}|HK#*{9,38}|MY#*{9,38}", (50, PREFIX), any),
    row("dhl_ecommerce_14", "dhl", "#{14}", (25, LENGTH), any),
    Format { destination: dpd_destination,
        ..row("dpd", "dpd", "#{27}*", (95, CHECKED), |n| check::mod_37_36(n.as_bytes())) },
    row("dpd_14", "dpd", "#{14}*", (75, CHECKED), |n| check::mod_37_36(n.as_bytes())),
    row("fedex_12", "fedex", "#{12}", (70, CHECKED), |n| fedex(n, 12, FEDEX_12, 0)),
    Format { destination: fedex_zip,
        ..row("fedex_34", "fedex", "[012345678]#{33}", (90, CHECKED), |n| fedex(n, 14, FEDEX_13, 0)) },
    row("fedex_astra_32", "fedex", "3#{31}", (75, BOTH), |n| fedex(n, 12, FEDEX_12, 4)),
    row("fedex_ground", "fedex", "#{15}", (65, CHECKED), |n| check::alternating(n.as_bytes(), [1, 3])),
    row("fedex_ground_sscc_18", "fedex", "#{18}", (45, CHECKED), |n| check::gs1(tail(n, 2, 0))),
    row("fedex_ground_96", "fedex", "96#{20}", (90, BOTH), |n| check::alternating(tail(n, 7, 0), [1, 3])),
    row("fedex_ground_gsn", "fedex", "96#{32}", (95, BOTH), |n| fedex(n, 14, FEDEX_13, 0)),
    row("gofo_us", "gofo", "GFUS#{14}", (97, PREFIX), any),
    row("landmark_global", "landmark", "LTN#{8}N1", (97, PREFIX), any),
    row("lasership_lx", "lasership", "L[AIEHNX][123]#{7}", (70, PREFIX), any),
    row("lasership_1ls7", "lasership", "1LS7[12]#{10}", (97, PREFIX), any),
    row("lasership_1ls7_18", "lasership", "1LS7[12]##01[1234]#{6}-1", (97, PREFIX), any),
    row("lasership_1lscx", "lasership", "1LSCX*{10}", (97, PREFIX), any),
    row("old_dominion", "old_dominion", "77[78]#{8}|072#{8}|780#{8}", (65, BOTH), |n| check::luhn(n.as_bytes())),
    row("old_dominion_guaranteed", "old_dominion", "80#{9}", (55, BOTH), |n| check::luhn(n.as_bytes())),
    row("ontrac_c", "ontrac", "C#{14}", (85, BOTH), |n| ontrac(n, b'4')),
    row("ontrac_d", "ontrac", "D#{14}", (85, BOTH), |n| ontrac(n, b'5')),
    row("purolator_numeric", "purolator", "[012345]#{11}", (60, CHECKED), |n| check::luhn(n.as_bytes())),
    row("purolator_alpha", "purolator", "@{3}#{9}", (45, PREFIX), any),
    row("speedee", "speedee", "SP#{18}", (90, PREFIX), any),
    row("usps_20", "usps", "#{20}", (55, CHECKED), |n| check::gs1(n.as_bytes())),
    Format { destination: usps_zip,
        ..row("usps_impb_n", "usps", "#{22,34}", (95, BOTH), |n| impb(n, &["94"], 30)) },
    Format { destination: usps_zip,
        ..row("usps_legacy", "usps", "#{20,34}", (60, CHECKED), usps_legacy) },
    Format { destination: usps_zip,
        ..row("usps_impb_c", "usps", "#{22,34}", (95, BOTH), |n| impb(n, &["92", "93", "95"], 26)) },
    row("yodel", "yodel", "JD#{16}|JJD#{16}", (93, PREFIX), any),
    row("yunexpress", "yunexpress", "YT#{16}", (93, PREFIX), any),
    row("cainiao", "cainiao", "LP#{14}", (90, PREFIX), any),
    row("sf_express", "sf_express", "SF#{12,13}", (90, PREFIX), any),
    row("yto", "yto", "YT#{13}", (90, PREFIX), any),
    row("jt_express", "jt_express", "JT#{13}", (90, PREFIX), any),
];

/// The ZIP in the digits 16 to 20 of the `fedex_34` number of 34 digits.
fn fedex_zip(number: &str) -> Option<(crate::Country, String)> {
    super::zip(number.get(15..20)?)
}
