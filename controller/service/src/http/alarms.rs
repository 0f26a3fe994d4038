//! Alarms: the list, what people do about them, their history and their own figures.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Web;
use super::api::{answer, csv, done, problem};
use super::auth::{Who, refuse};
use crate::clock;
use crate::live::{Act, Order, Refused, SHELF_MINUTES_MAX};
use crate::office::{AlarmChange, AlarmRow, Entry, FindAlarms, Office};
use crate::people::Right;
use crate::words;

/// Longest alarm id, and longest reason.
const ID_MAX: usize = 64;
const REASON_MAX: usize = 500;
/// Rows of the history answered at most.
const ROWS_MAX: u32 = 10_000;
/// Rows that figures are taken from at most: a flood of 10 a minute for a week.
const FIGURES_MAX: u32 = 100_000;

/// The language asked for, as `?language=` or by the browser.
#[derive(Deserialize, utoipa::IntoParams)]
pub(super) struct Language {
    /// One of `en zh de es ja ar`; else what the browser asks for.
    language: Option<String>,
}

impl Language {
    fn of(&self, headers: &HeaderMap) -> &'static str {
        let asked = headers.get(ACCEPT_LANGUAGE);
        let asked = asked.and_then(|value| value.to_str().ok());
        words::wanted(self.language.as_deref().or(asked).unwrap_or_default())
    }
}

/// Alarms that are not normal, in the language asked for.
#[utoipa::path(
    get, path = "/api/v1/alarms", params(Language),
    responses((status = 200, description = "Alarms"))
)]
pub(super) async fn alarms(
    State(web): State<Web>,
    Query(language): Query<Language>,
    headers: HeaderMap,
) -> Response {
    let view = web.ends.views.borrow().clone();
    let alarms = view.member("alarms").unwrap_or("[]");
    let mut alarms: Vec<Value> = serde_json::from_str(alarms).unwrap_or_default();
    let language = language.of(&headers);
    for alarm in &mut alarms {
        translate(alarm, language);
    }
    Json(alarms).into_response()
}

/// Puts an alarm's words into another language.
fn translate(alarm: &mut Value, language: &str) {
    let text = |alarm: &Value, key: &str| alarm.get(key)?.as_str().map(str::to_owned);
    let words = words::words(language);
    let kind = text(alarm, "kind").unwrap_or_default();
    let (name, fault) = (
        text(alarm, "name"),
        text(alarm, "fault").unwrap_or_default(),
    );
    let (Some(members), Some(said)) = (alarm.as_object_mut(), words.alarm.get(&kind)) else {
        return;
    };
    let fault = words.fault.get(&fault).unwrap_or(&fault);
    let filled = words::fill(&said.text, name.as_deref().unwrap_or_default(), fault);
    members.insert("text".to_owned(), filled.into());
    members.insert("consequence".to_owned(), said.consequence.clone().into());
    members.insert("remedy".to_owned(), said.remedy.clone().into());
}

/// Why and for how long.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Why {
    /// In the person's words; needed to shelve and to take out of service.
    reason: String,
    /// Minutes on the shelf, 1 to 480.
    minutes: Option<u32>,
}

/// Does something about an alarm: `acknowledge`, `silence`, `shelve`, `unshelve`, `remove` (out of
/// service) or `restore`.
#[utoipa::path(
    post, path = "/api/v1/alarms/{id}/{act}",
    params(("id" = String, Path), ("act" = String, Path)), request_body = Why,
    responses((status = 204), (status = 404), (status = 409), (status = 422), (status = 503))
)]
pub(super) async fn act(
    State(web): State<Web>,
    who: Who,
    Path((id, kind)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let removes = matches!(kind.as_str(), "remove" | "restore");
    if removes && !who.may(Right::Supervise) {
        return refuse(true);
    }
    let unusable = |text: &str| problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    let why = if body.is_empty() {
        Ok(Why::default())
    } else {
        serde_json::from_slice::<Why>(&body)
    };
    let why = match why {
        Ok(why) if why.reason.len() <= REASON_MAX && id.len() <= ID_MAX => why,
        Ok(_) => return unusable("the reason is longer than 500 bytes"),
        Err(error) => return unusable(&error.to_string()),
    };
    let (act, change) = match of_kind(&kind, &why) {
        Ok(found) => found,
        Err(text) => return unusable(text),
    };
    let at = clock::wall();
    let minutes = SignedDuration::from_mins(why.minutes.unwrap_or_default().into());
    let row = AlarmRow {
        journal: None,
        at,
        alarm: id,
        change,
        who: who.id(),
        reason: why.reason,
        until: why.minutes.and_then(|_| at.checked_add(minutes).ok()),
    };
    let before = match decide(&web, &row, act, false).await {
        Ok(before) => before,
        Err(response) => return response,
    };
    let entry = Entry {
        at,
        who: row.who.clone(),
        action: action(change),
        target: row.alarm.clone(),
        before: json!({ "state": before }),
        after: json!({ "change": change, "reason": row.reason, "minutes": why.minutes }),
    };
    // On record first, and only then told.
    let kept = row.clone();
    let keep = move |office: &Office| office.log_act(&kept, entry);
    if let Err(response) = web.in_office(keep).await {
        return response;
    }
    done(decide(&web, &row, act, true).await.map(drop))
}

fn of_kind(kind: &str, why: &Why) -> Result<(Act, AlarmChange), &'static str> {
    let reasoned = |found| {
        if why.reason.trim().is_empty() {
            Err("say why: `reason` is empty")
        } else {
            Ok(found)
        }
    };
    match kind {
        "acknowledge" => Ok((Act::Acknowledge, AlarmChange::Acknowledged)),
        "silence" => Ok((Act::Silence, AlarmChange::Silenced)),
        "shelve" => {
            let minutes = why.minutes.unwrap_or_default();
            if !(1..=SHELF_MINUTES_MAX).contains(&minutes) {
                return Err("`minutes` must be 1 to 480");
            }
            reasoned((Act::Shelve { minutes }, AlarmChange::Shelved))
        }
        "unshelve" => Ok((Act::Unshelve, AlarmChange::Unshelved)),
        "remove" => reasoned((Act::Remove, AlarmChange::OutOfService)),
        "restore" => Ok((Act::Restore, AlarmChange::InService)),
        _ => Err("allowed are acknowledge, silence, shelve, unshelve, remove, restore"),
    }
}

const fn action(change: AlarmChange) -> &'static str {
    match change {
        AlarmChange::Acknowledged => "alarm.acknowledge",
        AlarmChange::Silenced => "alarm.silence",
        AlarmChange::Shelved => "alarm.shelve",
        AlarmChange::Unshelved => "alarm.unshelve",
        AlarmChange::OutOfService => "alarm.remove",
        AlarmChange::InService => "alarm.restore",
        AlarmChange::Raised | AlarmChange::Suppressed | AlarmChange::Cleared => "alarm",
    }
}

async fn decide(
    web: &Web,
    row: &AlarmRow,
    act: Act,
    really: bool,
) -> Result<&'static str, Response> {
    let row = row.clone();
    let asked = web.ends.desk.ask(|reply| Order::Act {
        row,
        act,
        really,
        reply,
    });
    let refuse = |status, text: &str| problem(status, text).into_response();
    match asked.await {
        Some(Ok(before)) => Ok(before),
        Some(Err(Refused::Unknown)) => Err(refuse(StatusCode::NOT_FOUND, "there is no such alarm")),
        Some(Err(Refused::State)) => Err(refuse(
            StatusCode::CONFLICT,
            "somebody was faster: this is done already",
        )),
        None => Err(refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "alarms cannot be answered at the moment; try again",
        )),
    }
}

/// What to look for in the history.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct FindHistory {
    /// Part of an id, a person, a change or a reason.
    #[serde(default)]
    query: String,
    /// RFC 3339; a week ago when absent.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// RFC 3339; now when absent.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// Rows, 1 to 10,000; 500 when absent.
    limit: Option<u32>,
    /// `json` or `csv`.
    format: Option<String>,
    /// One of `en zh de es ja ar`, for the words of the CSV.
    language: Option<String>,
}

#[derive(Serialize)]
struct HistoryRow {
    at: String,
    alarm: String,
    kind: String,
    place: String,
    change: AlarmChange,
    who: String,
    reason: String,
    until: Option<String>,
}

impl From<AlarmRow> for HistoryRow {
    fn from(row: AlarmRow) -> Self {
        let (kind, place) = row.alarm.rsplit_once('-').unwrap_or((&row.alarm, ""));
        Self {
            at: format!("{:.3}", row.at),
            kind: kind.to_owned(),
            place: place.to_owned(),
            change: row.change,
            who: row.who,
            reason: row.reason,
            until: row.until.map(|until| format!("{until:.0}")),
            alarm: row.alarm,
        }
    }
}

fn week(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(24 * 7))
        .unwrap_or(now)
}

/// The history of alarms, newest first.
#[utoipa::path(
    get, path = "/api/v1/alarms/history", params(FindHistory),
    responses((status = 200, description = "Rows, or CSV"))
)]
pub(super) async fn history(
    State(web): State<Web>,
    Query(find): Query<FindHistory>,
    headers: HeaderMap,
) -> Response {
    let now = clock::wall();
    let look = FindAlarms {
        text: find.query,
        from: find.from.unwrap_or_else(|| week(now)),
        to: find.to.unwrap_or(now),
        limit: find.limit.unwrap_or(500).clamp(1, ROWS_MAX),
    };
    let rows = web.in_office(move |office| office.alarms(&look)).await;
    let rows = rows.map(|rows| rows.into_iter().map(HistoryRow::from).collect::<Vec<_>>());
    if find.format.as_deref() != Some("csv") {
        return answer(rows);
    }
    let language = Language {
        language: find.language,
    };
    let words = words::words(language.of(&headers));
    let table = rows.map(|rows| {
        let lines = rows.into_iter().map(|row| {
            let said = words.alarm.get(&row.kind);
            let said = said.map(|alarm| words::fill(&alarm.text, &row.place, ""));
            let change = row.change.name().to_owned();
            let until = row.until.unwrap_or_default();
            let text = said.unwrap_or_default();
            vec![row.at, row.alarm, text, change, row.who, row.reason, until]
        });
        let head = ["at", "alarm", "text", "change", "who", "reason", "until"];
        (head.to_vec(), lines.collect::<Vec<_>>())
    });
    match table {
        Ok((head, lines)) => csv("alarms.csv", &head, lines),
        Err(response) => response,
    }
}

/// Figures of the alarm system itself (ISA-18.2, EEMUA 191), over a week.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Figures {
    /// Hours looked at: since the first row, a week at most.
    hours: f64,
    /// Alarms that called somebody.
    raised: usize,
    /// Consequences that called nobody.
    suppressed: usize,
    /// Raised in ten minutes, on average.
    per_ten_minutes: f64,
    /// Most raised in ten minutes.
    worst_ten_minutes: usize,
    /// Share of ten-minute spans with more than ten.
    flood_share: f64,
    /// Median seconds from raised to acknowledged.
    answer_s_p50: Option<f64>,
    /// Alarms raised most often, with how often.
    worst: Vec<(String, usize)>,
    /// Alarms raised three times or more within one minute.
    chattering: Vec<String>,
}

/// Figures of the alarm system over the last week.
#[utoipa::path(
    get, path = "/api/v1/alarms/figures",
    responses((status = 200, description = "Rates, floods, bad actors"))
)]
pub(super) async fn figures(State(web): State<Web>) -> Response {
    let now = clock::wall();
    let look = FindAlarms {
        text: String::new(),
        from: week(now),
        to: now,
        limit: FIGURES_MAX,
    };
    let rows = web.in_office(move |office| office.alarms(&look)).await;
    answer(rows.map(|mut rows| {
        rows.reverse();
        figures_of(&rows, now)
    }))
}

const TEN_MINUTES: i64 = 600;
const FLOOD: usize = 10;

fn figures_of(rows: &[AlarmRow], now: Timestamp) -> Figures {
    let Some(first) = rows.first().map(|row| row.at) else {
        return Figures::default();
    };
    let raised = || rows.iter().filter(|row| row.change == AlarmChange::Raised);
    let mut spans: BTreeMap<i64, usize> = BTreeMap::new();
    let mut by_alarm: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for row in raised() {
        *spans
            .entry(row.at.as_second().div_euclid(TEN_MINUTES))
            .or_default() += 1;
        by_alarm.entry(&row.alarm).or_default().push(row.at);
    }
    let seconds = now.duration_since(first).as_secs_f64().max(1.0);
    let ten = seconds / 600.0;
    let number = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    let floods = spans.values().filter(|count| **count > FLOOD).count();
    let mut worst: Vec<(String, usize)> = by_alarm
        .iter()
        .map(|(alarm, times)| ((*alarm).to_owned(), times.len()))
        .collect();
    worst.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    worst.truncate(10);
    let chatters = |times: &Vec<Timestamp>| {
        let mut threes = times.windows(3);
        threes.any(|three| match three {
            [a, _, c] => c.duration_since(*a) <= SignedDuration::from_mins(1),
            _ => false,
        })
    };
    Figures {
        hours: seconds / 3_600.0,
        raised: raised().count(),
        suppressed: rows
            .iter()
            .filter(|row| row.change == AlarmChange::Suppressed)
            .count(),
        per_ten_minutes: number(raised().count()) / ten.max(1.0),
        worst_ten_minutes: spans.values().copied().max().unwrap_or_default(),
        flood_share: number(floods) / ten.max(1.0).ceil(),
        answer_s_p50: answer_time(rows),
        chattering: by_alarm
            .iter()
            .filter(|(_, times)| chatters(times))
            .map(|(alarm, _)| (*alarm).to_owned())
            .collect(),
        worst,
    }
}

fn answer_time(rows: &[AlarmRow]) -> Option<f64> {
    let mut open: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let mut times = Vec::new();
    for row in rows {
        match row.change {
            AlarmChange::Raised => {
                open.entry(&row.alarm).or_insert(row.at);
            }
            AlarmChange::Acknowledged => {
                let since = open.remove(row.alarm.as_str());
                times.extend(since.map(|since| row.at.duration_since(since).as_secs_f64()));
            }
            AlarmChange::Suppressed
            | AlarmChange::Cleared
            | AlarmChange::Silenced
            | AlarmChange::Shelved
            | AlarmChange::Unshelved
            | AlarmChange::OutOfService
            | AlarmChange::InService => {}
        }
    }
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(second: i64, alarm: &str, change: AlarmChange) -> AlarmRow {
        AlarmRow {
            journal: None,
            at: Timestamp::from_second(second).unwrap(),
            alarm: alarm.to_owned(),
            change,
            who: String::new(),
            reason: String::new(),
            until: None,
        }
    }

    #[test]
    fn floods_and_chatter_are_seen() {
        let mut rows: Vec<AlarmRow> = (0..12)
            .map(|n| row(n, &format!("eye-{n}"), AlarmChange::Raised))
            .collect();
        rows.extend((0..3).map(|n| row(700 + n * 20, "jam-1", AlarmChange::Raised)));
        rows.push(row(760, "jam-1", AlarmChange::Acknowledged));
        let figures = figures_of(&rows, Timestamp::from_second(1_200).unwrap());
        assert_eq!((figures.raised, figures.worst_ten_minutes), (15, 12));
        assert_eq!(figures.chattering, ["jam-1"]);
        assert_eq!(figures.worst.first(), Some(&("jam-1".to_owned(), 3)));
        assert!((figures.flood_share - 0.5).abs() < 1e-9);
        assert_eq!(figures.answer_s_p50, Some(60.0));
        assert_eq!(figures_of(&[], Timestamp::UNIX_EPOCH), Figures::default());
    }

    #[test]
    fn an_alarm_is_put_into_the_language_asked_for() {
        let mut alarm = json!({ "kind": "jam", "name": "track 2", "text": "Jam" });
        translate(&mut alarm, "zh");
        assert_eq!(alarm["text"], "光电 track 2 处堵塞");
        let mut unknown = json!({ "kind": "new", "text": "New" });
        translate(&mut unknown, "zh");
        assert_eq!(unknown["text"], "New");
    }
}
