//! `/metrics` in the Prometheus text format, and `/readyz`.

use std::fmt::{self, Write};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sortline_fieldbus::Statistics;

use super::Web;
use super::api::problem;
use crate::engine::Picture;
use crate::latency::Latency;
use crate::live::{Counts, View};
use crate::uplink::Counters;

/// Whether the line can be used: its field node is.
pub(super) async fn ready(State(web): State<Web>) -> Response {
    if web.ends.views.borrow().node_up {
        (
            StatusCode::OK,
            axum::Json(serde_json::json!({ "status": "ready" })),
        )
            .into_response()
    } else {
        problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the field node is not usable",
        )
        .into_response()
    }
}

/// Metrics.
pub(super) async fn metrics(State(web): State<Web>) -> Response {
    let view = web.ends.views.borrow().clone();
    let (picture, uplink) = (web.ends.picture.borrow().clone(), *web.ends.uplink.borrow());
    let links = Links {
        uplink,
        buses: web.ends.statistics(),
    };
    match text(&web.line, &view, &picture, &links) {
        Ok(text) => (
            [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(error) => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()).into_response()
        }
    }
}

/// What goes out of the controller: to the host, and to the field.
struct Links {
    uplink: Counters,
    buses: Vec<(String, Statistics)>,
}

fn text(line: &str, view: &View, picture: &Picture, links: &Links) -> Result<String, fmt::Error> {
    let mut out = Text {
        line,
        out: String::new(),
    };
    parcels(&mut out, &view.counts)?;
    out.gauge(
        "node_up",
        "1 while the field node is usable",
        u64::from(view.node_up),
    )?;
    out.gauge(
        "parcels_on_belt",
        "Parcels on the belt",
        picture.parcels.len() as u64,
    )?;
    out.gauge(
        "belt_speed_mm_per_s",
        "Belt speed",
        picture.speed_mm_per_s.into(),
    )?;
    out.head(
        "stroke_latency_us",
        "gauge",
        "From induction to the stroke command",
    )?;
    quantiles(&mut out, "stroke_latency_us", &picture.latency)?;
    out.head(
        "step_us",
        "gauge",
        "From the moment a step of the control loop is due to its commands handed over",
    )?;
    quantiles(&mut out, "step_us", &picture.steps)?;
    cameras(&mut out, view)?;
    mqtt(&mut out, links.uplink)?;
    buses(&mut out, &links.buses)?;
    Ok(out.out)
}

fn quantiles(out: &mut Text<'_>, name: &str, of: &Latency) -> fmt::Result {
    for (quantile, permille) in [("0.5", 500), ("0.99", 990), ("0.999", 999)] {
        if let Some(micros) = of.percentile(permille) {
            out.value(name, &[("quantile", quantile)], micros)?;
        }
    }
    Ok(())
}

/// One figure of a bus.
type Counter = fn(&Statistics) -> u64;

/// The fieldbus, bus by bus.
fn buses(out: &mut Text<'_>, buses: &[(String, Statistics)]) -> fmt::Result {
    let counters: [(&str, &str, Counter); 5] = [
        ("bus_connections", "Connections made", |bus| bus.connections),
        ("bus_calls", "Calls begun", |bus| bus.calls),
        ("bus_errors", "Calls without a clean reply in time", |bus| {
            bus.errors
        }),
        ("bus_exceptions", "Calls that the device refused", |bus| {
            bus.exceptions
        }),
        (
            "bus_overruns",
            "Polls that took longer than there is time",
            |bus| bus.overruns,
        ),
    ];
    for (name, help, of) in counters {
        out.head(name, "counter", help)?;
        for (bus, statistics) in buses {
            out.value(name, &[("bus", bus)], of(statistics))?;
        }
    }
    out.head(
        "bus_call_us",
        "gauge",
        "Time of clean calls, to the next power of two",
    )?;
    for (bus, statistics) in buses {
        for (quantile, permille) in [("0.5", 500), ("0.99", 990)] {
            let us = statistics.times.within_us(permille);
            out.value("bus_call_us", &[("bus", bus), ("quantile", quantile)], us)?;
        }
    }
    Ok(())
}

fn parcels(out: &mut Text<'_>, counts: &Counts) -> fmt::Result {
    out.counter("parcels_inducted", "Parcels inducted", counts.inducted)?;
    out.head("parcels_ended", "counter", "Parcels by outcome")?;
    let outcomes = [
        ("sorted", counts.sorted),
        ("rejected", counts.rejected),
        ("lost", counts.lost),
        ("missort", counts.missort),
    ];
    for (outcome, count) in outcomes {
        out.value("parcels_ended", &[("outcome", outcome)], count)?;
    }
    out.head("parcels_rejected", "counter", "Parcels rejected by cause")?;
    for (cause, &count) in &counts.reject_causes {
        out.value("parcels_rejected", &[("cause", cause)], count)?;
    }
    let rest = [
        ("recirculations", "Laps taken", counts.recirculations),
        ("no_reads", "Parcels that were not read", counts.no_read),
        (
            "late_readings",
            "Readings after the commit position",
            counts.late_readings,
        ),
        (
            "strokes_commanded",
            "Strokes commanded",
            counts.strokes_commanded,
        ),
        ("strokes_fired", "Strokes executed", counts.strokes_fired),
        (
            "strokes_aborted",
            "Strokes withheld or refused",
            counts.strokes_aborted,
        ),
    ];
    rest.into_iter()
        .try_for_each(|(name, help, value)| out.counter(name, help, value))
}

fn cameras(out: &mut Text<'_>, view: &View) -> fmt::Result {
    out.head("camera_faults", "counter", "Frames with a fault by camera")?;
    for (camera, faults) in &view.camera_faults {
        let camera = camera.to_string();
        for (fault, count) in faults {
            let labels = [("camera", camera.as_str()), ("fault", *fault)];
            out.value("camera_faults", &labels, *count)?;
        }
    }
    Ok(())
}

fn mqtt(out: &mut Text<'_>, uplink: Counters) -> fmt::Result {
    out.gauge(
        "mqtt_connected",
        "1 while the broker is connected",
        uplink.connected.into(),
    )?;
    out.gauge("mqtt_waiting", "Messages waiting", uplink.waiting)?;
    let rest = [
        (
            "mqtt_published",
            "Messages handed to the broker",
            uplink.published,
        ),
        ("mqtt_dropped", "Messages dropped", uplink.dropped),
        (
            "mqtt_refused",
            "Messages the broker refused",
            uplink.refused,
        ),
        (
            "commands_accepted",
            "Commands accepted over MQTT",
            uplink.commands_accepted,
        ),
        (
            "commands_refused",
            "Commands refused over MQTT",
            uplink.commands_refused,
        ),
    ];
    rest.into_iter()
        .try_for_each(|(name, help, value)| out.counter(name, help, value))
}

struct Text<'a> {
    line: &'a str,
    out: String,
}

impl Text<'_> {
    fn head(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        let name = full(name, kind);
        writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: u64) -> fmt::Result {
        let kind = if labels.iter().any(|(key, _)| *key == "quantile") {
            "gauge"
        } else {
            "counter"
        };
        write!(self.out, "{}{{line=\"{}\"", full(name, kind), self.line)?;
        for (key, label) in labels {
            write!(self.out, ",{key}=\"{label}\"")?;
        }
        writeln!(self.out, "}} {value}")
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.head(name, "counter", help)?;
        self.value(name, &[], value)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.head(name, "gauge", help)?;
        writeln!(
            self.out,
            "{}{{line=\"{}\"}} {value}",
            full(name, "gauge"),
            self.line
        )
    }
}

fn full(name: &str, kind: &str) -> String {
    let suffix = if kind == "counter" { "_total" } else { "" };
    format!("sortline_{name}{suffix}")
}
