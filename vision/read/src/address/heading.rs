//! What stands above or in front of an address: whose it is, and lines that are none.

use super::Role;

/// Headings of the recipient, as [`crate::folded`] makes them.
#[rustfmt::skip]
const TO: &[&str] = &[
    "TO", "SHIP TO", "DELIVER TO", "DELIVERY ADDRESS", "DELIVERY TO", "CONSIGNEE", "RECIPIENT",
    "RECEIVER", "ADDRESSEE", "DESTINATION", "DEST", "SEND TO", "SHIPPING ADDRESS", "ATTENTION", "ATTN",
    "EMPFANGER", "EMPFAENGER", "AN", "LIEFERADRESSE", "LIEFERANSCHRIFT", "ZUSTELLADRESSE",
    "DESTINATAIRE", "LIVRER A", "ADRESSE DE LIVRAISON", "A L ATTENTION DE", "A",
    "DESTINATARIO", "ENTREGAR A", "DIRECCION DE ENTREGA", "PARA", "ENDERECO DE ENTREGA", "CONSEGNARE A",
    "INDIRIZZO DI CONSEGNA", "SPETT LE", "ODBIORCA", "ADRESAT", "ADRES DOSTAWY", "DO",
    "ONTVANGER", "AAN", "GEADRESSEERDE", "AFLEVERADRES", "MOTTAGARE", "TILL", "MODTAGER", "TIL",
    "MOTTAKER", "VASTAANOTTAJA", "SAAJA", "SANEMEJS", "GAVEJAS", "PRIJEMCE", "PRIJEMCA", "KOMU",
    "CIMZETT", "DESTINATAR", "PRIMATELJ", "PRIMALAC", "PREJEMNIK", "ALICI", "KIME", "TESLIMAT ADRESI",
    "NGUOI NHAN", "PENERIMA", "KEPADA", "ПОЛУЧАТЕЛЬ", "КОМУ", "КУДА", "ОДЕРЖУВАЧ", "ПОЛУЧАТЕЛ",
    "ΠΑΡΑΛΗΠΤΗΣ", "ΠΡΟΣ", "受取人", "お届け先", "宛先", "收件人", "收货人", "收貨人", "目的地", "收件",
    "收方", "送达", "寄达", "寄達", "收件地址", "收货地址", "받는사람", "받는분", "수취인", "ผู้รับ", "المستلم",
    "المرسل إليه", "נמען",
];

/// Headings of the sender.
#[rustfmt::skip]
const FROM: &[&str] = &[
    "FROM", "SHIP FROM", "SHIPPED FROM", "SENDER", "SHIPPER", "CONSIGNOR", "EXPORTER", "RETURN TO",
    "RETURN ADDRESS", "RETURNS", "IF UNDELIVERED", "IF UNDELIVERED RETURN TO",
    "IF UNDELIVERED PLEASE RETURN TO", "UNDELIVERED RETURN TO", "PLEASE RETURN TO", "ABSENDER",
    "VON", "ABS", "RUCKSENDEADRESSE", "RUECKSENDEADRESSE", "RETOURE AN", "BEI UNZUSTELLBARKEIT ZURUCK AN",
    "EXPEDITEUR", "DE", "RETOUR A", "ADRESSE DE RETOUR", "REMITENTE", "REMITE", "DEVOLVER A",
    "REMETENTE", "MITTENTE", "NADAWCA", "ADRES ZWROTNY", "AFZENDER", "RETOURADRES", "AVSANDARE",
    "AFSENDER", "AVSENDER", "LAHETTAJA", "SAATJA", "SUTITAJS", "SIUNTEJAS", "ODESILATEL", "ODOSIELATEL",
    "FELADO", "EXPEDITOR", "POSILJATELJ", "POSILJALAC", "GONDERICI", "GONDEREN", "NGUOI GUI", "PENGIRIM",
    "ОТПРАВИТЕЛЬ", "ОТ КОГО", "ОТКУДА", "ВІДПРАВНИК", "ПОДАТЕЛ", "ΑΠΟΣΤΟΛΕΑΣ", "差出人", "ご依頼主", "寄件人",
    "发件人", "發件人", "寄件", "寄方", "退件地址", "退回", "寄件地址", "发货人", "보내는사람", "보내는분", "ผู้ส่ง", "المرسل",
    "שולח",
];

/// Beginnings of lines that hold numbers but no address.
#[rustfmt::skip]
const NO_ADDRESS: &[&str] = &[
    "TEL", "PHONE", "TELEPHONE", "MOBILE", "FAX", "TELEFON", "MOBIL", "HANDY", "PH", "MOB", "CONTACT",
    "电话", "手机", "電話", "TELEFONE", "TELEFONO", "REF", "REFERENCE", "ORDER", "INVOICE", "PO", "WEIGHT",
    "DATE", "DATUM", "GEWICHT", "POIDS", "PESO", "VAT", "EORI", "IOSS", "HS", "TARIFF", "VALUE", "QTY",
    "MADE IN", "PRODUCT OF", "COUNTRY OF ORIGIN", "ORIGIN", "ASSEMBLED IN", "FABRIQUE EN", "HERGESTELLT IN",
    "原产", "原產", "中国制造", "中國製造", "订单", "訂單", "重量", "日期", "单号", "运单", "TRACKING", "AWB", "WAYBILL",
    "SHIPMENT", "PARCEL", "BATCH", "LOT", "SKU", "CUSTOMER", "ACCOUNT", "DEPOT", "ROUTE", "CN22", "CN23",
];

/// Headings of one letter or a common word are believed only in front of a colon or alone.
const SHORT: usize = 4;

/// Whether the folded line holds numbers of another kind than an address.
pub(super) fn is_no_address(folded: &str) -> bool {
    NO_ADDRESS.iter().any(|word| begins(folded, word).is_some())
}

/// Role that a heading at the beginning of the line gives, and how many folded characters of the line
/// it takes. `written` is the line as it was read.
pub(super) fn heading(folded: &str, written: &str) -> Option<(Role, usize)> {
    let best = |headings: &[&str]| {
        let fitting = headings.iter().filter(|heading| {
            let alone = folded == **heading;
            let colon = alone || colon_after(written, heading);
            begins(folded, heading).is_some() && (heading.len() >= SHORT || colon)
        });
        fitting.map(|heading| heading.len()).max()
    };
    match (best(TO), best(FROM)) {
        (Some(to), from) if from.is_none_or(|from| from <= to) => Some((Role::To, to)),
        (_, Some(from)) => Some((Role::From, from)),
        _ => None,
    }
}

/// What follows the word where the line begins with it. Ideographs need no blank behind them.
fn begins<'a>(folded: &'a str, word: &str) -> Option<&'a str> {
    let rest = folded.strip_prefix(word)?;
    let apart = rest.is_empty() || rest.starts_with(' ') || !word.is_ascii();
    apart.then_some(rest)
}

/// Whether a colon stands behind as many letters as the heading has.
fn colon_after(written: &str, heading: &str) -> bool {
    let letters = heading.chars().filter(|c| *c != ' ').count();
    let head = written.split([':', '：', '/']).next().unwrap_or("");
    let found = head.chars().filter(|c| c.is_alphanumeric()).count();
    head.len() < written.len() && found == letters
}
