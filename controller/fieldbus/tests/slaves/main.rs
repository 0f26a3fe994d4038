//! The session against slaves that misbehave, and over every kind of link.
#![cfg(test)]

mod hostile;
mod links;
mod support;
