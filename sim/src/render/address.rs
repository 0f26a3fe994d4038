//! Who the parcels go to: invented recipients in real places, and the numbers on their labels.

use super::rng::Rng;
use super::scene::Shipment;

/// A country the labels can name.
#[derive(Debug)]
struct Country {
    /// ISO 3166-1 alpha-2.
    alpha: &'static str,
    /// ISO 3166-1 numeric, as (421) carries it.
    numeric: &'static str,
    name: &'static str,
}

const fn country(alpha: &'static str, numeric: &'static str, name: &'static str) -> Country {
    Country {
        alpha,
        numeric,
        name,
    }
}

const COUNTRIES: [Country; 40] = [
    country("AT", "040", "AUSTRIA"),
    country("AU", "036", "AUSTRALIA"),
    country("BE", "056", "BELGIUM"),
    country("BG", "100", "BULGARIA"),
    country("BR", "076", "BRAZIL"),
    country("CA", "124", "CANADA"),
    country("CH", "756", "SWITZERLAND"),
    country("CN", "156", "中国 CHINA"),
    country("CZ", "203", "CZECHIA"),
    country("DE", "276", "GERMANY"),
    country("DK", "208", "DENMARK"),
    country("EE", "233", "ESTONIA"),
    country("ES", "724", "SPAIN"),
    country("FI", "246", "FINLAND"),
    country("FR", "250", "FRANCE"),
    country("GB", "826", "UNITED KINGDOM"),
    country("GR", "300", "GREECE"),
    country("HR", "191", "CROATIA"),
    country("HU", "348", "HUNGARY"),
    country("IE", "372", "IRELAND"),
    country("IL", "376", "ISRAEL"),
    country("IT", "380", "ITALY"),
    country("JP", "392", "JAPAN"),
    country("KR", "410", "KOREA, REPUBLIC OF"),
    country("LT", "440", "LITHUANIA"),
    country("LU", "442", "LUXEMBOURG"),
    country("LV", "428", "LATVIA"),
    country("MX", "484", "MEXICO"),
    country("NL", "528", "NETHERLANDS"),
    country("NO", "578", "NORWAY"),
    country("PL", "616", "POLAND"),
    country("PT", "620", "PORTUGAL"),
    country("RO", "642", "ROMANIA"),
    country("RS", "688", "SERBIA"),
    country("SE", "752", "SWEDEN"),
    country("SG", "702", "SINGAPORE"),
    country("SI", "705", "SLOVENIA"),
    country("SK", "703", "SLOVAKIA"),
    country("TR", "792", "TURKIYE"),
    country("US", "840", "UNITED STATES"),
];

/// Countries of the reference frames, with equal chance.
pub(super) const REFERENCE_COUNTRIES: [&str; 8] = ["DE", "FR", "US", "GB", "NL", "ES", "PL", "CN"];

/// The ISO 3166-1 numeric code of a country, when it is known here.
pub(super) fn numeric_code(alpha: &str) -> Option<&'static str> {
    COUNTRIES
        .iter()
        .find(|c| c.alpha == alpha)
        .map(|c| c.numeric)
}

/// The country's name as a label prints it; the code itself when it is not known here.
pub(super) fn country_name(alpha: &str) -> &str {
    COUNTRIES
        .iter()
        .find(|c| c.alpha == alpha)
        .map_or(alpha, |c| c.name)
}

/// The four lines of an address: name, street, postcode and city, country.
pub(super) fn lines(shipment: &Shipment, rng: &mut Rng) -> Vec<String> {
    let (name, street) = recipient(&shipment.country, rng);
    let Shipment {
        postcode,
        city,
        country,
        ..
    } = shipment;
    let place = match country.as_str() {
        "US" | "CA" | "AU" => format!("{city} {postcode}"),
        "GB" | "IE" => format!("{city}  {postcode}"),
        _ => format!("{postcode} {city}"),
    };
    vec![
        name,
        street,
        place.trim().to_owned(),
        country_name(country).to_owned(),
    ]
}

fn recipient(country: &str, rng: &mut Rng) -> (String, String) {
    let number = rng.between(1, 240);
    match country {
        "CN" => {
            let name = format!(
                "{}{}",
                rng.pick(&["王", "李", "张", "刘", "陈", "杨", "赵", "黄"]),
                rng.pick(&["伟", "秀英", "小明", "丽娜", "建国", "晓东", "芳"])
            );
            let road = rng.pick(&[
                "建国路",
                "人民南路",
                "中山东路",
                "解放大道",
                "长江路",
                "学院路",
            ]);
            let door = rng.between(101, 2_908);
            (format!("{name} 收"), format!("{road}{number}号 {door}室"))
        }
        "US" | "CA" | "AU" | "GB" | "IE" => {
            let name = latin_name(rng);
            let street = rng.pick(&["Maple Street", "Church Road", "Oak Avenue", "Station Lane"]);
            (name, format!("{number} {street}"))
        }
        "FR" | "BE" | "LU" => {
            let street = rng.pick(&["rue de la Gare", "avenue Victor Hugo", "rue des Écoles"]);
            (latin_name(rng), format!("{number} {street}"))
        }
        "ES" | "PT" | "MX" | "IT" => {
            let street = rng.pick(&[
                "Calle Mayor",
                "Avenida del Puerto",
                "Plaza Nueva",
                "Via Roma",
            ]);
            (latin_name(rng), format!("{street} {number}"))
        }
        "PL" | "CZ" | "SK" => {
            let street = rng.pick(&["ul. Długa", "ul. Mickiewicza", "ul. Krótka", "ul. Polna"]);
            (latin_name(rng), format!("{street} {number}"))
        }
        "NL" => {
            let street = rng.pick(&["Kerkstraat", "Molenweg", "Prinsengracht", "Stationsplein"]);
            (latin_name(rng), format!("{street} {number}"))
        }
        _ => {
            let street = rng.pick(&["Hauptstraße", "Bahnhofstr.", "Gartenweg", "Lindenallee"]);
            (latin_name(rng), format!("{street} {number}"))
        }
    }
}

fn latin_name(rng: &mut Rng) -> String {
    let first = rng.pick(&[
        "Anna", "Jonas", "Marie", "Luca", "Zofia", "Pieter", "Elena", "Thomas", "Sofia", "Karl",
    ]);
    let last = rng.pick(&[
        "Schneider",
        "Martin",
        "Kowalska",
        "Jansen",
        "Garcia",
        "Walker",
        "Novak",
        "Rossi",
        "Baker",
    ]);
    format!("{first} {last}")
}

/// A shipment to a random place of one of the reference countries.
pub(super) fn random_shipment(rng: &mut Rng) -> Shipment {
    let country = rng.pick(&REFERENCE_COUNTRIES);
    let (city, prefix) = rng.pick(places(country));
    Shipment {
        code: s10(rng),
        country: country.to_owned(),
        postcode: complete_postcode(country, prefix, rng),
        city: city.to_owned(),
        service: rng
            .pick(&["PRIORITY", "EXPRESS", "ECONOMY", "TRACKED"])
            .to_owned(),
    }
}

/// Cities with the beginning of their postcodes.
fn places(country: &str) -> &'static [(&'static str, &'static str)] {
    match country {
        "FR" => &[
            ("PARIS", "750"),
            ("LYON", "690"),
            ("MARSEILLE", "130"),
            ("LILLE", "590"),
        ],
        "US" => &[
            ("SEATTLE WA", "981"),
            ("AUSTIN TX", "787"),
            ("CHICAGO IL", "606"),
        ],
        "GB" => &[
            ("LONDON", "SW"),
            ("LEEDS", "LS"),
            ("BRISTOL", "BS"),
            ("GLASGOW", "G"),
        ],
        "NL" => &[("AMSTERDAM", "10"), ("UTRECHT", "35"), ("EINDHOVEN", "56")],
        "ES" => &[("MADRID", "280"), ("VALENCIA", "460"), ("SEVILLA", "410")],
        "PL" => &[("WARSZAWA", "00"), ("KRAKÓW", "30"), ("ŁÓDŹ", "90")],
        "CN" => &[
            ("北京市", "1000"),
            ("上海市", "2000"),
            ("广州市", "5100"),
            ("成都市", "6100"),
        ],
        _ => &[
            ("Berlin", "101"),
            ("Hamburg", "204"),
            ("München", "803"),
            ("Köln", "506"),
        ],
    }
}

fn complete_postcode(country: &str, prefix: &str, rng: &mut Rng) -> String {
    let letter = |rng: &mut Rng| rng.pick(&['A', 'B', 'D', 'E', 'H', 'J', 'L', 'N', 'P', 'R']);
    match country {
        "GB" => {
            let (area, sector) = (rng.between(1, 20), rng.below(10));
            format!("{prefix}{area} {sector}{}{}", letter(rng), letter(rng))
        }
        "NL" => format!("{prefix}{} {}{}", rng.digits(2), letter(rng), letter(rng)),
        "PL" => format!("{prefix}-{}", rng.digits(3)),
        _ => format!("{prefix}{}", rng.digits(2)),
    }
}

/// A tracking number of the form of UPU standard S10, sent from China.
pub(super) fn s10(rng: &mut Rng) -> String {
    let service = rng.pick(&["RR", "LX", "CP", "EE", "LZ"]);
    let serial = rng.digits(8);
    let check = s10_check_digit(&serial);
    format!("{service}{serial}{check}CN")
}

/// Check digit of eight digits: UPU S10-12, section 5.
fn s10_check_digit(serial: &str) -> u32 {
    let weights = [8, 6, 4, 2, 3, 5, 9, 7];
    let sum: u32 = serial
        .bytes()
        .zip(weights)
        .map(|(d, w)| u32::from(d - b'0') * w)
        .sum();
    match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    }
}

/// A serial shipping container code under an invented company prefix.
pub(super) fn sscc(rng: &mut Rng) -> String {
    let body = format!("3401234{}", rng.digits(10));
    format!("{body}{}", gs1_check_digit(&body))
}

/// Check digit of GS1 General Specifications, section 7.9.
pub(super) fn gs1_check_digit(body: &str) -> u32 {
    let sum: u32 = body
        .bytes()
        .rev()
        .zip([3, 1].into_iter().cycle())
        .map(|(d, w)| u32::from(d.wrapping_sub(b'0')) * w)
        .sum();
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_follow_the_standards() {
        assert_eq!(s10_check_digit("47312482"), 9); // the example of UPU S10
        assert_eq!(gs1_check_digit("10614141234567890"), 8); // the SSCC example of GS1
        let mut rng = Rng::new(3);
        let code = sscc(&mut rng);
        assert_eq!(code.len(), 18);
        assert_eq!(gs1_check_digit(&code[..17]).to_string(), code[17..]);
    }

    #[test]
    fn addresses_hold_postcode_and_country() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let shipment = random_shipment(&mut rng);
            let lines = lines(&shipment, &mut rng);
            assert_eq!(lines.len(), 4, "{lines:?}");
            assert!(lines[2].contains(&shipment.postcode), "{lines:?}");
            assert_eq!(lines[3], country_name(&shipment.country));
            assert!(
                numeric_code(&shipment.country).is_some(),
                "{}",
                shipment.country
            );
        }
    }
}
