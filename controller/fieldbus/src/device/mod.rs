//! Devices that are described by a file: remote IO, drives, diverters.
//!
//! A [`profile`] says which points a device has and what it needs; a [`plan`] says with which
//! requests the points that a line uses are read and written; [`driver`] keeps a bus of such
//! devices alive, its outputs as wanted and its watchdogs fed; [`wheel`] speaks to diverters that
//! have telegrams of their own.

pub mod driver;
pub mod plan;
pub mod profile;
mod raw;
mod unit;
mod watchdog;
pub mod wheel;
