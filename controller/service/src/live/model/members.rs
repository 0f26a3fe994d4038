//! The members of a view, made from the model.

use jiff::{SignedDuration, Timestamp};
use serde_json::value::to_raw_value;

use super::{Model, RATE_WINDOW};
use crate::engine::Picture;
use crate::live::counts::to_f64;
use crate::live::view::View;
use crate::live::wire;

impl Model {
    /// The next view.
    pub(in crate::live) fn view(
        &mut self,
        before: &View,
        picture: &Picture,
        at: Timestamp,
    ) -> View {
        self.forget_frames(at);
        let floor = at.checked_sub(RATE_WINDOW).unwrap_or(at);
        while self.inducted.front().is_some_and(|&then| then < floor) {
            self.inducted.pop_front();
        }
        self.belt(picture.ticks.0, at);
        let parts = [
            ("line", to_raw_value(&self.line_member(picture, at))),
            ("rates", to_raw_value(&self.rates(at))),
            ("parcels", to_raw_value(&wire::parcels(&picture.parcels))),
            ("chutes", to_raw_value(&self.chute_members())),
            ("cameras", to_raw_value(&self.camera_members())),
            ("alarms", to_raw_value(&self.alarms.wire())),
            ("coding", to_raw_value(&self.coding_member())),
        ];
        let members = parts
            .into_iter()
            .filter_map(|(name, json)| Some((name, json.ok()?)));
        let mut view = before.next(members.collect(), std::mem::take(&mut self.fresh));
        view.at = at;
        view.counts.clone_from(&self.counts);
        view.node_up = self.node_up;
        view.frames = self.frames.iter().cloned().collect();
        let medians = self.cameras.iter().filter_map(|(id, camera)| {
            Some((id.0, wire::milliseconds(camera.times.percentile(500)?)))
        });
        view.read_ms_p50 = medians.collect();
        let faults = self.cameras.iter().filter_map(|(id, camera)| {
            let report = camera.health.as_ref()?;
            Some((id.0, report.faults.clone()))
        });
        view.camera_faults = faults.collect();
        view
    }

    fn line_member(&self, picture: &Picture, at: Timestamp) -> wire::Line<'_> {
        wire::Line {
            id: &self.line.id,
            name: &self.line.name,
            state: self.state(at).name(),
            speed_mm_per_s: picture.speed_mm_per_s,
            ticks: picture.ticks.0,
            um_per_tick: self.line.belt.um_per_tick,
            node: if self.node_up { "up" } else { "down" },
            plan: &self.plan.version,
            jog: self.jog.map(|(diverter, jog)| wire::Jog { diverter, jog }),
        }
    }

    fn coding_member(&self) -> wire::Coding<'_> {
        wire::Coding {
            limits: &self.limits,
            waiting: self.coding.wire(),
        }
    }

    fn rates(&self, at: Timestamp) -> wire::Rates<'_> {
        let since = self
            .inducted
            .front()
            .map_or(SignedDuration::ZERO, |&then| at.duration_since(then));
        let seconds = since.as_secs_f64();
        let count = to_f64(self.inducted.len() as u64);
        let per_hour = if seconds >= 1.0 {
            (count * 3_600.0 / seconds).round()
        } else {
            0.0
        };
        wire::Rates {
            parcels_per_hour: per_hour,
            target_per_hour: self.target_per_hour,
            on_belt: self.tracks.len(),
            read_rate: self.counts.read_rate(),
            counts: &self.counts,
        }
    }

    fn chute_members(&self) -> Vec<wire::Chute<'_>> {
        let lives = self.line.chutes.iter().filter_map(|chute| {
            let life = self.chutes.get(&chute.id)?;
            Some((chute, life))
        });
        lives
            .map(|(chute, life)| wire::Chute {
                id: chute.id,
                name: &chute.name,
                kind: chute.kind,
                state: life.state,
                count: life.count,
                serves: wire::serves(&self.plan, chute.id),
                last: life.last.map(|at| format!("{at:.3}")),
                bag: {
                    let (state, sscc) = self.bags.at(chute.id);
                    wire::HangingBag { state, sscc }
                },
                taken: self.bags.before(chute.id).map(|taken| wire::TakenBag {
                    at: format!("{:.3}", taken.at),
                    parcels: taken.parcels,
                    sscc: taken.sscc.as_deref(),
                }),
                off: life.note().map(|note| wire::Off {
                    since: format!("{:.3}", note.at),
                    reason: &note.reason,
                }),
            })
            .collect()
    }

    fn camera_members(&self) -> Vec<wire::Camera<'_>> {
        let known = self.line.cameras.iter();
        known
            .filter_map(|camera| {
                let life = self.cameras.get(&camera.id)?;
                Some(wire::Camera {
                    id: camera.id,
                    name: &camera.name,
                    healthy: life.healthy,
                    frames: life.frames,
                    read_ms_p50: life.times.percentile(500).map(wire::milliseconds),
                    health: life.health.as_ref(),
                })
            })
            .collect()
    }
}
