//! The generated manual page is current, and the register list covers every block exactly.

use sortline_regmap::{ACK_WORDS, BLOCKS, EVENT_WORDS, REGISTERS, write_manual};

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/registers.md"
);

#[test]
fn page_is_current() {
    let mut page = String::new();
    write_manual(&mut page).expect("writing to a string");
    let found = std::fs::read_to_string(PAGE).expect("docs/reference/registers.md");
    assert_eq!(
        found, page,
        "generate it: cargo run -p sortline-regmap --example manual > docs/reference/registers.md"
    );
}

#[test]
fn list_covers_every_word_once() {
    for block in BLOCKS {
        let size = match block.name {
            "ACK" => ACK_WORDS,
            "EVENTS" => EVENT_WORDS,
            _ => usize::from(block.words),
        };
        let mut next = 0;
        for register in REGISTERS.iter().filter(|register| register.block == block) {
            assert_eq!(
                usize::from(register.offset),
                next,
                "{} {}",
                block.name,
                register.name
            );
            next += usize::from(register.words);
        }
        assert_eq!(next, size, "{}", block.name);
    }
}
