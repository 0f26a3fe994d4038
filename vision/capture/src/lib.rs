//! Frames, decoding and text recognition.
