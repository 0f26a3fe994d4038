//! Symbols and label text to identifiers and destination: pure.
