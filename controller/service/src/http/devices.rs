//! Inputs, outputs, buses and their telegrams, for maintainers.

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sortline_core::commission::CLASS_MS;
use sortline_fieldbus::Statistics;
use sortline_fieldbus::device::driver::{DeviceSettings, DeviceView};
use sortline_fieldbus::tap::{Direction, Telegram};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::Web;
use super::api::problem;
use crate::clock;
use crate::live::Order;

/// Longest capture.
const SECONDS_MAX: u16 = 30;
/// Telegrams in one capture; it ends with the last of them.
const TELEGRAMS_MAX: usize = 20_000;

/// Inputs and outputs as the field node reported them at the last poll.
#[utoipa::path(
    get, path = "/api/v1/points",
    responses((status = 200, description = "Photo-eyes, diverters, counters of the bus"))
)]
pub(super) async fn points(State(web): State<Web>) -> Response {
    let field = *web.ends.field.borrow();
    let up = web.ends.views.borrow().node_up;
    let (line, points) = (web.topology.config(), field.points);
    let on = |bits: u64, bit: u16| bits.checked_shr(bit.into()).unwrap_or(0) & 1 == 1;
    let eyes = line.eyes.iter().map(|eye| {
        json!({ "id": eye.id, "blocked": on(points.eyes, eye.id.0), "jammed": on(points.jams, eye.id.0) })
    });
    let diverters = line.diverters.iter().map(|diverter| {
        let bit = diverter.id.0;
        json!({
            "id": diverter.id,
            "wanted": on(points.desired.into(), bit),
            "on": on(points.actual.into(), bit),
        })
    });
    Json(json!({
        "up": up,
        "eyes": eyes.collect::<Vec<_>>(),
        "diverters": diverters.collect::<Vec<_>>(),
        "node": {
            "uptime_ms": points.uptime_ms,
            "trips": points.trips,
            "refused": points.refused,
            "jumped": points.jumped,
        },
        "bus": calls(&field),
    }))
    .into_response()
}

/// What a bus did, in numbers. `times` counts calls by their duration: each class holds those up to
/// its `us_max`.
fn calls(bus: &Statistics) -> Value {
    let mean = bus
        .call_us_total
        .checked_div(bus.calls.saturating_sub(bus.errors));
    let times = bus
        .times
        .classes()
        .map(|(us_max, calls)| json!({ "us_max": us_max, "calls": calls }));
    json!({
        "connections": bus.connections,
        "calls": bus.calls,
        "errors": bus.errors,
        "exceptions": bus.exceptions,
        "overruns": bus.overruns,
        "call_us_mean": mean,
        "call_us_max": bus.call_us_max,
        "call_us_p50": bus.times.within_us(500),
        "call_us_p99": bus.times.within_us(990),
        "times": times.collect::<Vec<_>>(),
    })
}

/// Devices of which the field node is made, with every point that the line uses: its value, and
/// the age of that value. None where the field node is a board.
#[utoipa::path(
    get, path = "/api/v1/devices",
    responses((status = 200, description = "Buses, their devices and points"))
)]
pub(super) async fn devices(State(web): State<Web>) -> Response {
    let buses = web.ends.buses.iter().map(|(bus, view)| {
        let view = view.borrow().clone();
        let named = bus.devices.iter().zip(&bus.settings.devices).enumerate();
        let devices = named.map(|(n, (id, settings))| device(id, settings, view.devices.get(n)));
        json!({
            "id": bus.id,
            "address": bus.address.to_string(),
            "poll_ms": bus.settings.poll_ms,
            "bus": calls(&view.statistics),
            "devices": devices.collect::<Vec<_>>(),
        })
    });
    Json(json!({ "buses": buses.collect::<Vec<_>>() })).into_response()
}

fn device(id: &str, settings: &DeviceSettings, view: Option<&DeviceView>) -> Value {
    let age = view
        .and_then(|view| view.polled)
        .map(|polled| polled.elapsed().as_millis());
    let point = |name: &str, value: Option<i64>| {
        let unit = settings
            .profile
            .points
            .get(name)
            .map_or("", |point| point.unit.as_str());
        json!({ "point": name, "value": value, "unit": unit })
    };
    let value =
        |values: Option<&Vec<Option<i64>>>, n: usize| values.and_then(|v| v.get(n).copied()?);
    let inputs = settings.inputs.iter().enumerate();
    let outputs = settings.outputs.iter().enumerate();
    json!({
        "id": id,
        "profile": settings.profile.id,
        "name": settings.profile.name,
        "unit": settings.unit,
        "fault": view.and_then(|view| view.fault).map(|fault| fault.to_string()),
        "age_ms": age.and_then(|age| u64::try_from(age).ok()),
        "inputs": inputs.map(|(n, name)| point(name, value(view.map(|v| &v.inputs), n))).collect::<Vec<_>>(),
        "outputs": outputs
            .map(|(n, output)| point(&output.point, value(view.map(|v| &v.outputs), n)))
            .collect::<Vec<_>>(),
    })
}

/// What changes on the line's parts since the journal began: an encoder's wheel, a photo-eye's
/// mounting, a belt, a diverter; and how long each diverter's parcels take into their chute.
#[utoipa::path(
    get, path = "/api/v1/wear",
    responses((status = 200, description = "Parts that change, and times of diverters"), (status = 503))
)]
pub(super) async fn wear(State(web): State<Web>) -> Response {
    let asked = web.ends.desk.ask(|reply| Order::Wear { reply });
    let Some((findings, diverters)) = asked.await else {
        let text = "wear cannot be told at the moment; try again";
        return problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    Json(json!({ "findings": findings, "class_ms": CLASS_MS, "diverters": diverters }))
        .into_response()
}

/// What to capture.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Capture {
    /// For how long, 1 to 30; 5 when absent.
    seconds: Option<u16>,
}

/// The telegrams of the next seconds on all buses, byte by byte, as text that `text2pcap -D -t
/// "%H:%M:%S."` reads.
#[utoipa::path(
    get, path = "/api/v1/telegrams", params(Capture),
    responses((status = 200, content_type = "text/plain"), (status = 422), (status = 503))
)]
pub(super) async fn telegrams(State(web): State<Web>, Query(capture): Query<Capture>) -> Response {
    let seconds = capture.seconds.unwrap_or(5);
    if !(1..=SECONDS_MAX).contains(&seconds) {
        let text = format!("found seconds={seconds}, allowed is 1 to {SECONDS_MAX}");
        return problem(StatusCode::UNPROCESSABLE_ENTITY, &text).into_response();
    }
    let Ok(_permit) = web.limits.queries.try_acquire() else {
        let text = "too many questions at once; try again";
        return problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let mut telegrams = web.ends.telegrams.subscribe();
    let mut stop = web.ends.stop.clone();
    let end = Instant::now() + Duration::from_secs(seconds.into());
    let (mut text, mut count) = (String::new(), 0);
    while count < TELEGRAMS_MAX {
        let next = tokio::select! {
            next = timeout_at(end, telegrams.recv()) => next,
            _ = stop.wait_for(|&stop| stop) => break,
        };
        match next {
            Ok(Ok(telegram)) => {
                count += 1;
                dump(&mut text, &telegram);
            }
            Ok(Err(RecvError::Lagged(missed))) => {
                // A comment to the reader.
                text.extend(["# ", &missed.to_string(), " telegrams missed\n"]);
            }
            Ok(Err(RecvError::Closed)) | Err(_) => break,
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// One telegram: direction and time, then its bytes behind their offset, sixteen in a row.
fn dump(text: &mut String, telegram: &Telegram) {
    let way = match telegram.direction {
        Direction::Sent => 'O',
        Direction::Received => 'I',
    };
    let age = jiff::SignedDuration::try_from(telegram.at.elapsed()).unwrap_or_default();
    let at = clock::wall().checked_sub(age).unwrap_or_default();
    let at = at.strftime("%H:%M:%S%.6f");
    let mut write = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    write(format!("# bus {}", telegram.bus));
    write(format!("{way} {at}"));
    for (row, bytes) in telegram.bytes.chunks(16).enumerate() {
        let bytes: Vec<String> = bytes.iter().map(|byte| format!(" {byte:02x}")).collect();
        write(format!("{:06x}{}", row * 16, bytes.concat()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telegrams_are_dumped_as_text2pcap_reads_them() {
        let mut text = String::new();
        let telegram = Telegram {
            bus: "io".into(),
            at: Instant::now(),
            direction: Direction::Received,
            bytes: (0..18).collect(),
        };
        dump(&mut text, &telegram);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "# bus io");
        assert!(
            lines[1].starts_with("I ") && lines[1].len() == "I 00:00:00.000000".len(),
            "{text}"
        );
        assert_eq!(
            lines[2],
            "000000 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"
        );
        assert_eq!(lines[3], "000010 10 11");
    }
}
