//! Records of the files of a feed, and their times and days.

use jiff::civil::Date;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Agency {
    #[serde(rename = "agency_timezone")]
    pub(super) timezone: String,
}

#[derive(Deserialize)]
pub(super) struct Stop {
    #[serde(rename = "stop_id")]
    pub(super) id: String,
    #[serde(rename = "stop_name", default)]
    pub(super) name: String,
    #[serde(rename = "stop_lat", default)]
    pub(super) lat: String,
    #[serde(rename = "stop_lon", default)]
    pub(super) lon: String,
    #[serde(default)]
    pub(super) parent_station: String,
    #[serde(rename = "stop_timezone", default)]
    pub(super) timezone: String,
}

#[derive(Deserialize)]
pub(super) struct Route {
    #[serde(rename = "route_id")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) agency_id: String,
    #[serde(rename = "route_short_name", default)]
    pub(super) short_name: String,
    #[serde(rename = "route_type")]
    pub(super) kind: u16,
}

#[derive(Deserialize)]
pub(super) struct Trip {
    #[serde(rename = "route_id")]
    pub(super) route: String,
    #[serde(rename = "service_id")]
    pub(super) service: String,
    #[serde(rename = "trip_id")]
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct StopTime {
    pub(super) trip_id: String,
    #[serde(default)]
    pub(super) arrival_time: String,
    #[serde(default)]
    pub(super) departure_time: String,
    pub(super) stop_id: String,
    pub(super) stop_sequence: u32,
}

#[derive(Deserialize)]
pub(super) struct Week {
    pub(super) service_id: String,
    pub(super) monday: u8,
    pub(super) tuesday: u8,
    pub(super) wednesday: u8,
    pub(super) thursday: u8,
    pub(super) friday: u8,
    pub(super) saturday: u8,
    pub(super) sunday: u8,
    pub(super) start_date: String,
    pub(super) end_date: String,
}

#[derive(Deserialize)]
pub(super) struct Exception {
    pub(super) service_id: String,
    pub(super) date: String,
    #[serde(rename = "exception_type")]
    pub(super) kind: u8,
}

#[derive(Deserialize)]
pub(super) struct Frequency {
    pub(super) trip_id: String,
    pub(super) start_time: String,
    pub(super) end_time: String,
    pub(super) headway_secs: u32,
}

/// Seconds after midnight, also beyond 24:00:00.
pub(super) fn seconds(text: &str) -> Option<i32> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else {
        return None;
    };
    let number = |part: &str, most: i32| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let value = digits.then(|| part.parse::<i32>().ok()).flatten();
        value.filter(|value| *value <= most)
    };
    Some(number(hours, 240)? * 3_600 + number(minutes, 59)? * 60 + number(seconds, 59)?)
}

/// The minute a time is in, and the first one not before it.
pub(super) fn minutes(text: &str) -> Option<(i32, i32)> {
    let seconds = seconds(text)?;
    Some((seconds.div_euclid(60), (seconds + 59).div_euclid(60)))
}

/// A day `YYYYMMDD`.
pub(super) fn date(text: &str) -> Option<Date> {
    let part = |range: core::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    if text.len() != 8 {
        return None;
    }
    let (month, day) = (
        i8::try_from(part(4..6)?).ok()?,
        i8::try_from(part(6..8)?).ok()?,
    );
    Date::new(part(0..4)?, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_beyond_midnight() {
        for (text, expected) in [
            ("08:00:00", Some((480, 480))),
            ("8:00:30", Some((480, 481))),
            ("25:10:00", Some((1_510, 1_510))),
            ("08:60:00", None),
            ("08:00", None),
            ("-8:00:00", None),
        ] {
            assert_eq!(minutes(text), expected, "{text}");
        }
    }
}
