//! The case a seed draws from a scenario: when and where each fault and harmless event acts, and the change log.
//!
//! Every field has a stream of its own, so that a new event leaves the others where they were.

use super::changes::Log;
use super::sample::{below, number, whole};
use crate::data::{Change, ChangeKind};
use crate::scenario::case::{Case, DecoyTime, Event, Fault, Label, Start, Time};
use crate::scenario::dimension::Filter;
use crate::scenario::value::Draw;
use crate::seed::Seed;

/// Buckets `first..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: usize,
    pub(super) end: usize,
}

/// A fault of one seed.
#[derive(Debug)]
pub(super) struct DrawnFault<'a> {
    pub(super) fault: &'a Fault,
    /// The seed of what it draws.
    pub(super) seed: Seed,
    pub(super) scope: &'a Filter,
    /// Where it acts on tickets.
    pub(super) active: Run,
    /// Where it acts on activity, if it does.
    pub(super) usage: Option<Run>,
    /// The change that caused it.
    pub(super) change: Option<String>,
    /// Seconds into the first bucket before which it cannot have caused a ticket.
    pub(super) not_before: u32,
}

/// A harmless event of one seed.
#[derive(Debug)]
pub(super) struct DrawnEvent<'a> {
    pub(super) kind: &'static str,
    pub(super) active: Run,
    pub(super) change: Option<String>,
    pub(super) effect: Effect<'a>,
}

/// What a harmless event does to expectations.
#[derive(Debug)]
pub(super) enum Effect<'a> {
    None,
    /// Tickets of a scope, and factors on its signups and on the share of its users who come.
    Times {
        scope: &'a Filter,
        factor: f64,
        marketing: Option<(f64, f64)>,
    },
    /// Tickets, and users who come, by the codes of a dimension.
    Mix {
        dim: usize,
        factors: &'a [f64],
        usage: Option<&'a [f64]>,
    },
    Growth {
        per_bucket: f64,
    },
    Missing,
    Relabel {
        dim: usize,
        from: u16,
        to: u16,
        share: f64,
    },
}

/// Everything a seed draws before counts.
#[derive(Debug)]
pub(super) struct Drawn<'a> {
    pub(super) faults: Vec<DrawnFault<'a>>,
    pub(super) events: Vec<DrawnEvent<'a>>,
    pub(super) changes: Vec<Change>,
}

/// Draws the case of a seed.
pub(super) fn draw(case: &Case, seed: Seed) -> Drawn<'_> {
    let mut drawing = Drawing { case, seed, log: Log::new(&case.days, seed) };
    let logged = drawing.logged();
    let onsets: Vec<usize> = (0..case.faults.len()).map(|number| drawing.onset(number, &logged)).collect();
    let faults: Vec<DrawnFault<'_>> = (0..case.faults.len()).map(|number| drawing.fault(number, onsets[number], &logged)).collect();
    let first = onsets.first().zip(faults.first()).map(|(&onset, fault)| FirstFault { onset, acts: fault.active.first });
    let events = (0..case.benign.len()).flat_map(|number| drawing.event(number, first)).collect();
    Drawn { faults, events, changes: drawing.log.finish() }
}

/// What decoys are placed by.
#[derive(Clone, Copy)]
struct FirstFault {
    /// The bucket in which it begins, which is that of its release.
    onset: usize,
    /// The first bucket in which it acts on tickets.
    acts: usize,
}

/// A change of the file: its bucket and its id in the log.
struct Logged {
    at: usize,
    id: String,
}

struct Drawing<'a> {
    case: &'a Case,
    seed: Seed,
    log: Log<'a>,
}

impl DrawnFault<'_> {
    /// Where it acts at all.
    pub(super) fn acts(&self) -> Run {
        let usage = self.usage.unwrap_or(self.active);
        Run { first: self.active.first.min(usage.first), end: self.active.end.max(usage.end) }
    }
}

impl<'a> Drawing<'a> {
    fn len(&self) -> usize {
        self.case.days.grid.len()
    }

    /// The changes of the file; of one that repeats, its first time.
    fn logged(&mut self) -> Vec<Logged> {
        let mut all = Vec::new();
        for (number, change) in self.case.changes.iter().enumerate() {
            let seed = self.seed.child(&format!("change/{number}"));
            let at = whole(&change.at, seed, "at");
            let duration = change.duration.as_ref().map(|duration| whole(duration, seed, "duration"));
            let mut first = None;
            for (time, bucket) in (at..self.len()).step_by(change.every.unwrap_or(self.len())).enumerate() {
                let id = self.log.add(&format!("file/{number}/{time}"), change.kind, bucket, duration, &change.label);
                first.get_or_insert(id);
            }
            all.push(Logged { at, id: first.unwrap_or_default() });
        }
        all
    }

    fn fault_seed(&self, number: usize) -> Seed {
        self.seed.child(&format!("fault/{number}"))
    }

    fn onset(&self, number: usize, logged: &[Logged]) -> usize {
        match &self.case.faults[number].start {
            Start::At(at) => whole(at, self.fault_seed(number), "onset"),
            Start::Change(index) => logged[*index].at,
        }
    }

    fn fault(&mut self, number: usize, onset: usize, logged: &[Logged]) -> DrawnFault<'a> {
        let fault = &self.case.faults[number];
        let seed = self.fault_seed(number);
        let scope = choose(&fault.scopes, seed);
        let lag = whole(&fault.lag, seed, "lag");
        let change = match (&fault.start, fault.cause) {
            (Start::Change(index), _) => Some(logged[*index].id.clone()),
            (Start::At(_), Some(kind)) => {
                let label = self.label(scope, fault.version.clone());
                Some(self.log.add(&format!("fault/{number}"), kind, onset, None, &label))
            }
            (Start::At(_), None) => None,
        };
        let active = self.run(onset + lag, fault.duration.as_ref(), seed);
        let usage = fault.usage.as_ref().map(|_| self.run(onset, fault.duration.as_ref(), seed));
        let at = change.as_deref().filter(|_| lag == 0).and_then(|id| self.log.instant(id));
        let start = self.case.days.grid.stamp(active.first).timestamp().as_second();
        let not_before = at.map_or(0, |at| u32::try_from(at.timestamp().as_second() - start).unwrap_or(0));
        DrawnFault { fault, seed, scope, active, usage, change, not_before }
    }

    /// What the log shows of a change that touches a scope.
    fn label(&self, scope: &Filter, version: Option<String>) -> Label {
        let values = |name: &str| {
            let found = scope.iter().find(|(dim, _)| self.case.dimensions[*dim].name == name);
            found.map_or_else(Vec::new, |(dim, codes)| {
                codes.iter().map(|code| self.case.dimensions[*dim].values[usize::from(*code)].clone()).collect::<Vec<_>>()
            })
        };
        let mut platforms = values("platform");
        let platform = if platforms.len() == 1 { platforms.pop() } else { None };
        Label { platform, version, regions: values("country"), ..Label::default() }
    }

    fn run(&self, first: usize, duration: Option<&Draw<usize>>, seed: Seed) -> Run {
        let duration = duration.map_or(self.len(), |duration| whole(duration, seed, "duration"));
        Run { first, end: (first + duration).min(self.len()) }
    }

    fn time(&self, time: &Time, seed: Seed) -> Run {
        self.run(whole(&time.onset, seed, "onset"), time.duration.as_ref(), seed)
    }

    /// The drawn events of one item: one, or one per holiday.
    fn event(&mut self, at: usize, first_fault: Option<FirstFault>) -> Vec<DrawnEvent<'a>> {
        let case = self.case;
        let benign = &case.benign[at];
        let kind = benign.kind;
        let seed = self.seed.child(&format!("benign/{at}"));
        let key = format!("benign/{at}");
        let no_label = Label::default();
        let (active, change, effect) = match &benign.event {
            Event::Holidays(name) => return self.holidays(kind, *name),
            Event::Campaign { time, scopes, multiplier, marketing } => {
                let active = self.time(time, seed);
                let marketing = marketing.as_ref().map(|marketing| {
                    (number(&marketing.signups, seed, "activity/signups"), number(&marketing.active, seed, "activity/active"))
                });
                let (scope, factor) = (choose(scopes, seed), number(multiplier, seed, "multiplier"));
                let label = Label { version: None, ..self.label(scope, None) };
                let id = self.log.add(&key, ChangeKind::Campaign, active.first, Some(active.end - active.first), &label);
                (active, Some(id), Effect::Times { scope, factor, marketing })
            }
            Event::MixShift { time, dim, factors, usage } => {
                (self.time(time, seed), None, Effect::Mix { dim: *dim, factors, usage: usage.as_deref() })
            }
            Event::Growth { time, per_week } => {
                let days = case.days.grid.step().seconds() as f64 / 86_400.0;
                let per_bucket = number(per_week, seed, "per_week") * days / 7.0;
                (self.time(time, seed), None, Effect::Growth { per_bucket })
            }
            Event::Decoy { at, label } => {
                let at = match at {
                    DecoyTime::At(at) => whole(at, seed, "onset"),
                    DecoyTime::Before(lag) => {
                        first_fault.map_or(case.days.train, |fault| fault.acts).saturating_sub(whole(lag, seed, "lag"))
                    }
                };
                let id = self.log.add(&key, ChangeKind::Deployment, at, None, label);
                if first_fault.is_some_and(|fault| fault.onset == at) {
                    self.log.delay(&key, &id, at);
                }
                (Run { first: at, end: at + 1 }, Some(id), Effect::None)
            }
            Event::Outage(time) => {
                let active = self.time(time, seed);
                let id = self.log.add(&key, ChangeKind::Maintenance, active.first, Some(active.end - active.first), &no_label);
                (active, Some(id), Effect::Missing)
            }
            Event::Relabel { onset, dim, from, to, share } => {
                let active = self.run(whole(onset, seed, "onset"), None, seed);
                let label = Label { title: Some("Ticket form changed".to_owned()), ..Label::default() };
                let id = self.log.add(&key, ChangeKind::ConfigChange, active.first, None, &label);
                let share = number(share, seed, "share");
                (active, Some(id), Effect::Relabel { dim: *dim, from: *from, to: *to, share })
            }
        };
        vec![DrawnEvent { kind, active, change, effect }]
    }

    /// One event per run of buckets on the same holiday of test.
    fn holidays(&self, kind: &'static str, name: Option<u16>) -> Vec<DrawnEvent<'a>> {
        let days = &self.case.days;
        let mut events: Vec<DrawnEvent<'a>> = Vec::new();
        for bucket in days.train..self.len() {
            let Some(holiday) = days.holidays[bucket].filter(|holiday| name.is_none_or(|name| name == *holiday)) else { continue };
            match events.last_mut() {
                Some(last) if last.active.end == bucket && days.holidays[bucket - 1] == Some(holiday) => last.active.end += 1,
                _ => {
                    let active = Run { first: bucket, end: bucket + 1 };
                    events.push(DrawnEvent { kind, active, change: None, effect: Effect::None });
                }
            }
        }
        events
    }
}

fn choose(scopes: &[Filter], seed: Seed) -> &Filter {
    &scopes[below(&mut seed.child("scope").rng(), scopes.len())]
}
