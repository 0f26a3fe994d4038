//! The formats, by carrier. Functions beside the rows keep what a pattern cannot say.

use super::{
    Format, any, check, dpd_destination, fedex, impb, nowhere, ontrac, tail, usps_legacy, usps_zip,
};

const PREFIX: &str = "prefix and length";
/// Digits in front that only this carrier is known to use, but that any number may have.
pub(super) const DIGITS: &str = "first digits and length";
pub(super) const LENGTH: &str = "length only";
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

/// All formats. Sources other than the public collection: for China the forms that the open platform
/// of Taobao publishes for its carriers (`taobao.logistics.companies.get`, field `reg_mail_no`) and, for
/// those that came later, the carriers' own labels; none of them has a public check digit. DHL Paket:
/// "Paketlabel" guide of DHL, an SSCC of its company prefix. `postnl`, `inpost`: the carriers' tracking
/// pages.
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
    row("dhl_paket", "dhl", "00340434#{12}", (97, BOTH), |n| check::gs1(tail(n, 2, 0))),
    row("postnl_3s", "postnl", "3S*{11,13}", (85, PREFIX), any),
    row("inpost_24", "inpost", "#{24}", (35, LENGTH), any),
    row("cainiao", "cainiao", "LP#{14}", (90, PREFIX), any),
    row("sf_express", "sf_express", "SF#{12,13}", (90, PREFIX), any),
    row("sf_express_12", "sf_express", "#{12}", (20, LENGTH), any),
    row("yto", "yto", "YT#{13}", (90, PREFIX), any),
    row("yto_18", "yto", "8#{17}", (25, DIGITS), any),
    row("zto_14", "zto", "7[3456789]#{12}", (45, DIGITS), any),
    row("zto_12", "zto", "7[0123567]#{10}|68[089]#{9}|51#{10}|358#{9}|[12]00#{9}|118#{9}|128#{9}|852#{9}",
        (22, DIGITS), any),
    row("sto", "sto", "STO#{10}", (93, PREFIX), any),
    row("sto_15", "sto", "77#{13}", (45, DIGITS), any),
    row("sto_12", "sto", "[456789]68#{9}|[58]88#{9}|11#{10}|22#{10}|4#{11}", (21, DIGITS), any),
    row("yunda_15", "yunda", "31#{13}|43#{13}|46#{13}", (40, DIGITS), any),
    row("yunda_13", "yunda", "1#{12}|31#{11}|39#{11}|5[058]#{11}|66#{11}|77#{11}|8[08]#{11}", (25, DIGITS), any),
    row("jd_logistics", "jd", "JD@{0,2}#{11,13}|JD@{0,2}#{11,13}-#{1,2}-#{1,2}-", (88, PREFIX), any),
    row("ems_cn", "ems_cn", "1[01]#{11}|5[01]#{11}|9[5789]#{11}", (30, DIGITS), any),
    row("jt_express", "jt_express", "JT#{13}", (90, PREFIX), any),
    row("best_express", "best", "[ABCDEH][DX0123456789][A0123456789]#{10}", (30, PREFIX), any),
    row("deppon", "deppon", "DPK#{12}", (95, PREFIX), any),
    row("fourpx", "fourpx", "4PX#{13}CN", (97, PREFIX), any),
    row("yanwen", "yanwen", "U@#{9}YP", (95, PREFIX), any),
];

/// The ZIP in the digits 16 to 20 of the `fedex_34` number of 34 digits.
fn fedex_zip(number: &str) -> Option<(crate::Country, String)> {
    super::zip(number.get(15..20)?)
}
