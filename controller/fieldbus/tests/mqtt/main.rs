//! The session against the real node, through brokers.
#![cfg(test)]

mod faults;
mod sorting;
mod support;
