//! Counts of watched series from the walk: observed and twin at once, without a table.

use super::model::Model;
use super::people::People;
use super::walk::{State, UserDay, walk};
use crate::scenario::case::Watched;
use crate::scenario::value::Metric;

/// Length of the window of wau.
pub(super) const WEEK: usize = 7;

/// A series by day; `None` where nothing was recorded or nothing can be said.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::synth) struct Tally {
    pub(in crate::synth) observed: Vec<Option<f64>>,
    pub(in crate::synth) twin: Vec<Option<f64>>,
}

/// Users, users of the week and events of each day.
#[derive(Clone)]
struct Days {
    users: Vec<u64>,
    week: Vec<u64>,
    events: Vec<u64>,
    /// The user counted last, and the day up to which their last session counts for the week.
    covered: (usize, usize),
}

impl Days {
    fn new(days: usize) -> Self {
        Self { users: vec![0; days], week: vec![0; days], events: vec![0; days], covered: (usize::MAX, 0) }
    }

    fn add(&mut self, user: usize, day: usize, events: u64) {
        self.users[day] += 1;
        self.events[day] += events;
        let known = if self.covered.0 == user { self.covered.1 } else { 0 };
        let end = (day + WEEK).min(self.week.len());
        for count in &mut self.week[known.max(day)..end] {
            *count += 1;
        }
        self.covered = (user, end);
    }
}

struct Counter {
    metric: Metric,
    leaf: Vec<bool>,
    version: Vec<bool>,
    observed: Days,
    twin: Days,
}

impl Counter {
    fn see(&mut self, visit: &UserDay<'_>) {
        if !self.leaf[visit.leaf] || !self.version[usize::from(visit.version)] {
            return;
        }
        let sum = |keep: fn(State) -> bool| {
            let kept = visit.sessions.iter().filter(|session| keep(session.state));
            kept.fold(None, |sum, session| Some(sum.unwrap_or(0) + u64::from(session.events)))
        };
        if let Some(events) = sum(|state| state != State::Extra) {
            self.twin.add(visit.user, visit.day, events);
        }
        if let Some(events) = sum(|state| state != State::Lost) {
            self.observed.add(visit.user, visit.day, events);
        }
    }
}

pub(super) fn tallies(model: &Model<'_>, people: &People, watched: &[&Watched]) -> Vec<Tally> {
    let mut counters: Vec<Counter> = (watched.iter())
        .map(|watched| {
            let (leaf, version) = model.mask(&watched.filter);
            Counter { metric: watched.metric, leaf, version, observed: Days::new(model.days), twin: Days::new(model.days) }
        })
        .collect();
    walk(model, people, |visit| {
        if model.recorded(visit.day) {
            counters.iter_mut().for_each(|counter| counter.see(visit));
        }
    });
    let series = |metric, days: &Days| (0..model.days).map(|day| value(model, metric, days, day)).collect();
    counters
        .iter()
        .map(|counter| Tally { observed: series(counter.metric, &counter.observed), twin: series(counter.metric, &counter.twin) })
        .collect()
}

fn value(model: &Model<'_>, metric: Metric, days: &Days, day: usize) -> Option<f64> {
    if !model.recorded(day) {
        return None;
    }
    match metric {
        Metric::EventsPerUser => (days.users[day] > 0).then(|| days.events[day] as f64 / days.users[day] as f64),
        Metric::Wau => whole_week(model, day).then(|| days.week[day] as f64),
        Metric::Dau | Metric::Tickets => Some(days.users[day] as f64),
    }
}

/// Whether all seven days were recorded: a shorter week would look like fewer users.
pub(super) fn whole_week(model: &Model<'_>, day: usize) -> bool {
    day + 1 >= WEEK && (day + 1 - WEEK..=day).all(|day| model.recorded(day))
}
