//! What happens to the controller and its link: stalls, kills, partitions, a field node that is
//! switched off, another master, other plans.

use sortline_core::{
    Action, ChuteId, Destination, DiverterId, Event, Line, LineTime, OperatorCommand, SortPlan,
};
use sortline_logic::Node;

use super::link;
use super::right::destination_of;
use super::run::Run;
use super::scenario::{Scenario, Share};
use super::trace::Trace;
use crate::plant::{Fault, millis};

/// Time from the last fault until the line must be as good as new: a bag that nobody changes for
/// ten minutes, and whoever is late for it.
const CONVALESCENCE_US: u64 = 900_000_000;

/// What the journal holds: what came, and when.
#[derive(Clone, Debug)]
enum Entry {
    Event(LineTime, Event),
    Timeout(LineTime),
}

/// State of what happens beside the belt.
#[derive(Debug)]
pub(super) struct Trouble {
    scenario: Scenario,
    /// The controller does nothing until then.
    pub(super) away_until_us: u64,
    /// It was killed, and begins anew then.
    dead: bool,
    /// Everything the core was fed; kept only where a kill can come.
    journal: Option<Vec<Entry>>,
    /// Hash over what it wanted, to compare a replay with.
    wanted: Trace,
    boots: u16,
    /// Two plans take turns.
    plans: [SortPlan; 2],
    active: usize,
    /// When faults ended.
    healed_us: Option<u64>,
}

impl Trouble {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let kills = scenario.plant.faults_ppm.controller_kill > 0;
        Self {
            away_until_us: 0,
            dead: false,
            journal: kills.then(Vec::new),
            wanted: Trace::new(),
            boots: 1,
            plans: [scenario.plan.clone(), other_plan(&scenario.plan)],
            active: 0,
            healed_us: None,
            scenario: scenario.clone(),
        }
    }

    /// Journals an event.
    pub(super) fn note(&mut self, time: LineTime, event: Event) {
        if let Some(journal) = &mut self.journal {
            journal.push(Entry::Event(time, event));
        }
    }

    /// Journals that the core was woken.
    pub(super) fn note_timeout(&mut self, time: LineTime) {
        if let Some(journal) = &mut self.journal {
            journal.push(Entry::Timeout(time));
        }
    }

    /// Journals what the core wanted.
    pub(super) fn wanted(&mut self, action: &Action) {
        if self.journal.is_some() {
            self.wanted.action(0, action);
        }
    }

    /// The core as its journal tells, the last time in it, and whether it wants the same again.
    fn replay(&self) -> (Line, LineTime, bool) {
        let mut line = Line::new(self.scenario.topology.clone(), self.scenario.plan.clone());
        let mut wanted = Trace::new();
        let mut last = LineTime::default();
        for entry in self.journal.iter().flatten() {
            match entry {
                Entry::Event(time, event) => {
                    line.handle_event(*time, event);
                    last = *time;
                }
                Entry::Timeout(time) => {
                    line.handle_timeout(*time);
                    last = *time;
                }
            }
            while let Some(action) = line.poll_action() {
                wanted.action(0, &action);
            }
        }
        let same = wanted.hash() == self.wanted.hash();
        (line, last, same)
    }
}

/// The same plan with the chutes of every rule moved on to the next rule that sorts.
fn other_plan(plan: &SortPlan) -> SortPlan {
    let mut other = plan.clone();
    other.version.push_str("-other");
    let chutes: Vec<Vec<ChuteId>> = plan.rules.iter().map(|rule| rule.chutes.clone()).collect();
    let moved = chutes.iter().cycle().skip(1);
    for (rule, chutes) in other.rules.iter_mut().zip(moved) {
        rule.chutes.clone_from(chutes);
    }
    other
}

impl Run {
    /// The controller does nothing at present.
    pub(super) const fn is_away(&self) -> bool {
        self.now_us < self.trouble.away_until_us
    }

    /// A parcel came: what goes wrong beside the belt?
    pub(super) fn draw_trouble(&mut self) {
        self.heal();
        let now = self.now_us;
        let dice = self.plant.dice();
        if dice.fires(Fault::LinkDown) {
            // From 1 ms to 30 s, every order of magnitude alike.
            let most = [20_000, 200_000, 2_000_000, 30_000_000];
            let class = usize::try_from(dice.rng().below(4)).unwrap_or(0);
            let us = dice
                .rng()
                .range(1_000, most.get(class).copied().unwrap_or(1_000));
            self.link.down_until_us = now + us.cast_unsigned();
        }
        if dice.fires(Fault::LinkSlow) {
            let us = dice.rng().range(1_000_000, 20_000_000).cast_unsigned();
            self.shell.slow_until(now + us);
        }
        if dice.fires(Fault::HeartbeatFrozen) {
            let us = dice.rng().range(100_000, 1_000_000).cast_unsigned();
            self.link.frozen_until_us = now + us;
        }
        if dice.fires(Fault::SecondMaster) {
            link::intrude(&mut self.node);
        }
        if dice.fires(Fault::NodeRestart) {
            self.restart_node();
        }
        self.draw_people();
        self.draw_controller();
    }

    /// What people do.
    fn draw_people(&mut self) {
        let now = self.now_us;
        let dice = self.plant.dice();
        if dice.fires(Fault::PlanSwap) {
            let active = 1 - self.trouble.active;
            self.trouble.active = active;
            if let Some(plan) = self.trouble.plans.get(active) {
                let plan = plan.clone();
                self.shell.push(now + 1, Event::Plan { plan });
            }
        }
        if dice.fires(Fault::ChuteDisabled) {
            let chutes = &self.trouble.scenario.topology.config().diverters;
            let index = dice.rng().below(u64::try_from(chutes.len()).unwrap_or(1));
            let chute = usize::try_from(index).ok().and_then(|at| chutes.get(at));
            if let Some(chute) = chute.map(|diverter| diverter.chute) {
                self.shell.disable(now, chute, self.plant.dice());
            }
        }
        let dice = self.plant.dice();
        if dice.drawn(Fault::Keyed)
            && let Some((parcel, serial)) = self.judge.latest()
            && let Some(destination) = self.keyed(serial)
        {
            let dice = self.plant.dice();
            dice.fired(Fault::Keyed);
            let at = now + dice.rng().range(1, 3_000_000).cast_unsigned();
            let command = OperatorCommand::Key {
                parcel,
                destination,
            };
            self.shell.operator(at, command, dice);
        }
    }

    /// Where a person who reads the label sends the parcel.
    fn keyed(&self, serial: u32) -> Option<Destination> {
        if [true, false].map(|ahead| self.plant.touched_by(serial, ahead)) != [None; 2] {
            // Whoever looks sees two.
            return None;
        }
        let shares: &[Share] = &self.trouble.scenario.config.destinations;
        let share = shares.get(self.shell.labels.destination(serial))?;
        // A person knows no route, so only plans that sort by the address can use it.
        Some(destination_of(share)).filter(|_| share.hop.is_none())
    }

    /// Someone looks at a diverter that was disabled, and enables it again.
    pub(super) fn repair(&mut self, diverter: DiverterId) {
        let dice = self.plant.dice();
        let at = self.now_us + dice.rng().range(30_000_000, 300_000_000).cast_unsigned();
        let diverters = &self.trouble.scenario.topology.config().diverters;
        let chute = diverters.iter().find(|spec| spec.id == diverter);
        if let Some(chute) = chute.map(|spec| spec.chute) {
            let enabled = true;
            let command = OperatorCommand::EnableChute { chute, enabled };
            self.shell.operator(at, command, dice);
        }
    }

    /// Nothing goes wrong any more from here on, if that was asked for.
    fn heal(&mut self) {
        let after = self.trouble.scenario.config.heal_after;
        if after.is_some_and(|after| self.plant.totals().inducted >= after) {
            self.plant.dice().heal();
            let healed_us = *self.trouble.healed_us.get_or_insert(self.now_us);
            if self.now_us > healed_us + CONVALESCENCE_US {
                self.judge.healthy_from(self.plant.totals().inducted);
            }
        }
    }

    fn draw_controller(&mut self) {
        let now = self.now_us;
        if self.is_away() {
            return;
        }
        let dice = self.plant.dice();
        if dice.fires(Fault::ControllerStall) {
            let us = dice.rng().range(50_000, 3_000_000).cast_unsigned();
            self.trouble.away_until_us = now + us;
        } else if dice.fires(Fault::ControllerKill) {
            let us = dice.rng().range(200_000, 2_000_000).cast_unsigned();
            self.trouble.away_until_us = now + us;
            self.trouble.dead = true;
            self.shell.kill();
            let on_belt: Vec<u32> = self.plant.on_belt().map(|(p, _)| p.serial).collect();
            self.judge.killed(&on_belt);
        }
    }

    /// A controller that was killed begins again from its journal.
    pub(super) fn revive(&mut self) {
        if !std::mem::take(&mut self.trouble.dead) {
            return;
        }
        let (line, last, same) = self.trouble.replay();
        if !same {
            self.judge.not_the_same(self.now_us);
        }
        self.line = line;
        self.link = self.link.reborn();
        // The controller's clock begins where the journal ends.
        self.epoch_us = self.now_us - (last.0 + 1_000).min(self.now_us);
        self.events.push(Event::Restarted);
        self.feed();
    }

    /// The node is switched off and on: outputs off, another epoch, and perhaps another count.
    fn restart_node(&mut self) {
        self.trouble.boots = self.trouble.boots.wrapping_add(7);
        self.node = Node::new(self.node.limits().clone(), self.trouble.boots);
        if self.plant.dice().rng().below(2) == 0 {
            self.plant.restart_encoder();
        }
        self.node.millis(millis(self.now_us));
        self.node.encoder(self.plant.count());
        for (eye, blocked) in self.plant.levels() {
            self.node.eye(u8::try_from(eye).unwrap_or(u8::MAX), blocked);
        }
        for (eye, serial) in self.plant.at_inductions() {
            // The new node sees it come now.
            self.judge.edge(eye, self.plant.count(), serial);
        }
        self.node.stop(self.plant.is_stopped());
        self.plant.set_outputs(self.node.outputs());
    }
}
