//! The model: how likely a user of a leaf and cohort is to come on a day, which version they run, and what each fault does to that.

use super::count::Count;
use crate::data::truth::Window;
use crate::scenario::case::{Activity, Course, Events, Profile};
use crate::scenario::dimension::{Dimension, Filter, Leaves};
use crate::seed::Seed;
use crate::synth::Synthesis;
use crate::synth::drawn::{DrawnFault, Effect};
use crate::synth::release::Release;
use crate::synth::sample::number;

/// Users of before the first day signed up within so many days, as many on each.
pub(super) const HISTORY: i32 = 60;

/// Everything about users that follows from a drawn case.
pub(in crate::synth) struct Model<'a> {
    pub(super) synthesis: &'a Synthesis<'a>,
    pub(super) activity: &'a Activity,
    pub(super) seed: Seed,
    /// Number of days.
    pub(super) days: usize,
    /// Combinations of the attributes of users by which expectations differ; the version is none of them.
    pub(super) leaves: Leaves,
    /// Per leaf, the shares of versions before any release.
    pub(super) versions: Vec<Vec<f64>>,
    /// Per leaf, the releases that reach it.
    pub(super) reached: Vec<Vec<bool>>,
    /// Per release, the code of its version.
    pub(super) codes: Vec<u16>,
    /// Share of a cohort that is active, by days since signup.
    retention: Vec<f64>,
    /// Per day and leaf, the factor on that share.
    pull: Vec<f64>,
    /// Per day and leaf, expected signups.
    pub(super) signups: Vec<f64>,
    /// Sessions of a user on a day with any.
    pub(super) sessions: Count,
    /// Events of a session: per leaf, which of the counts.
    pub(super) events: (Vec<usize>, Vec<Count>),
    /// What faults do; `None` for one that leaves activity alone.
    pub(super) faults: Vec<Option<Acting>>,
}

/// What a fault does to activity.
pub(super) struct Acting {
    pub(super) first: usize,
    pub(super) end: usize,
    pub(super) seed: Seed,
    /// Per leaf, whether it lies in the scope.
    pub(super) leaf: Vec<bool>,
    /// Per version, whether it lies in the scope.
    pub(super) version: Vec<bool>,
    /// Factor on sessions, by day of the fault.
    pub(super) sessions: Option<Vec<f64>>,
    retention: Option<Return>,
    pub(super) bots: Option<Accounts>,
}

/// What happens to the share that comes back.
enum Return {
    /// Times this, by day of the fault.
    Factor(Vec<f64>),
    /// Times this after every seven days since signup, or since the fault began.
    Decline(f64),
}

/// Accounts that are no users.
pub(super) struct Accounts {
    pub(super) many: usize,
    pub(super) sessions: Count,
    pub(super) events: Count,
    /// Share of each leaf.
    pub(super) leaf: Vec<f64>,
}

/// A decline stops after four weeks.
const DECLINE_DAYS: f64 = 28.0;

impl<'a> Model<'a> {
    pub(super) fn new(synthesis: &'a Synthesis<'a>, activity: &'a Activity) -> Self {
        let case = &synthesis.scenario.case;
        let dimensions = &activity.dimensions;
        let of_users = |filter: &Filter| translate(filter, &case.dimensions, dimensions);
        let events = match &activity.events {
            Events::All(_) => None,
            Events::Given(dim, _) => Some(*dim),
        };
        let watched = case.watch.iter().map(|(_, watched)| &watched.filter);
        let scopes = case.faults.iter().flat_map(|fault| &fault.scopes);
        let named = watched.chain(scopes).flat_map(of_users).map(|(dim, _)| dim);
        // Shifts and campaigns of any seed: the leaves do not depend on it.
        let of_tickets = case.leaves.dims.iter().filter_map(|&dim| dimensions.iter().position(|own| own.name == case.dimensions[dim].name));
        let parent = dimensions[activity.version].parent;
        let named = named.chain(of_tickets).chain(events).chain(parent).filter(|&dim| dim != activity.version);
        let leaves = Leaves::over(dimensions, named);
        let row = |codes: &[u16]| {
            let at = parent.and_then(|parent| leaves.position(parent)).map_or(0, |at| usize::from(codes[at]));
            dimensions[activity.version].shares[at].clone()
        };
        let versions = leaves.all.iter().map(|leaf| row(&leaf.codes)).collect();
        let releases: Vec<(&Release, u16)> =
            synthesis.releases.iter().filter_map(|release| Some((release, release.code(&dimensions[activity.version])?))).collect();
        let reached = |codes: &[u16]| releases.iter().map(|(release, _)| release.reaches(dimensions, &leaves.dims, codes)).collect();
        let mut model = Self {
            synthesis,
            activity,
            seed: synthesis.seed.child("activity"),
            days: case.days.grid.len(),
            versions,
            reached: leaves.all.iter().map(|leaf| reached(&leaf.codes)).collect(),
            codes: releases.iter().map(|(_, code)| *code).collect(),
            retention: (0..=i32::try_from(case.days.grid.len()).unwrap_or(i32::MAX) + HISTORY)
                .map(|age| retention(&activity.retention, age))
                .collect(),
            pull: Vec::new(),
            signups: Vec::new(),
            sessions: Count::at_least_one(activity.sessions),
            events: counts(activity, &leaves),
            faults: Vec::new(),
            leaves,
        };
        model.normal_days();
        model.harmless_events();
        model.faults = synthesis.drawn.faults.iter().map(|fault| model.acting(fault)).collect();
        model
    }

    fn normal_days(&mut self) {
        let starts = &self.synthesis.scenario.case.days.starts;
        for start in starts {
            let weight = self.activity.weekday[usize::try_from(start.weekday().to_monday_zero_offset()).unwrap_or(0)];
            self.pull.extend(self.leaves.all.iter().map(|_| weight));
            self.signups.extend(self.leaves.all.iter().map(|leaf| self.activity.signups * leaf.share));
        }
    }

    fn harmless_events(&mut self) {
        let leaves = self.leaves.all.len();
        for event in &self.synthesis.drawn.events {
            let days = event.active.first * leaves..event.active.end * leaves;
            match &event.effect {
                Effect::Times { scope, marketing: Some((signups, active)), .. } => {
                    let scope = self.mask(scope).0;
                    let factor = |factor: f64, at: usize| if scope[at % leaves] { factor } else { 1.0 };
                    self.pull[days.clone()].iter_mut().enumerate().for_each(|(at, pull)| *pull *= factor(*active, at));
                    self.signups[days].iter_mut().enumerate().for_each(|(at, expected)| *expected *= factor(*signups, at));
                }
                Effect::Mix { dim, usage: Some(factors), .. } => {
                    let name = &self.synthesis.scenario.case.dimensions[*dim].name;
                    let own = self.activity.dimensions.iter().position(|dimension| dimension.name == *name);
                    let Some(place) = own.and_then(|dim| self.leaves.position(dim)) else { continue };
                    for (at, pull) in self.pull[days].iter_mut().enumerate() {
                        *pull *= factors[usize::from(self.leaves.all[at % leaves].codes[place])];
                    }
                }
                _ => {}
            }
        }
    }

    /// Per leaf and per version, whether a filter matches.
    pub(super) fn mask(&self, filter: &Filter) -> (Vec<bool>, Vec<bool>) {
        let own = translate(filter, &self.synthesis.scenario.case.dimensions, &self.activity.dimensions);
        let (version, stays): (Filter, Filter) = own.into_iter().partition(|(dim, _)| *dim == self.activity.version);
        let leaf = self.leaves.all.iter().map(|leaf| self.leaves.matches(leaf, &stays)).collect();
        let versions = 0..self.activity.dimensions[self.activity.version].values.len();
        let matches = |code: usize| version.iter().all(|(_, codes)| codes.iter().any(|known| usize::from(*known) == code));
        (leaf, versions.map(matches).collect())
    }

    fn acting(&self, drawn: &DrawnFault<'_>) -> Option<Acting> {
        let (usage, run) = (drawn.fault.usage.as_ref()?, drawn.usage?);
        let (leaf, version) = self.mask(drawn.scope);
        let len = run.end - run.first;
        let profile = match &drawn.fault.course {
            Course::Scale { profile, .. } => *profile,
            _ => Profile::Flat,
        };
        let course = |factor: f64| (0..len).map(|at| 1.0 + (factor - 1.0) * profile.at(at as f64, len as f64)).collect::<Vec<_>>();
        let sessions = usage.sessions.as_ref().map(|draw| course(number(draw, drawn.seed, "activity/sessions")));
        let retention = usage.retention.as_ref().map(|draw| {
            let factor = number(draw, drawn.seed, "activity/retention");
            if drawn.fault.kind == "retention_decline" { Return::Decline(factor) } else { Return::Factor(course(factor)) }
        });
        let bots = usage.bots.as_ref().map(|bots| Accounts {
            many: number(&bots.users, drawn.seed, "activity/bots/users").round() as usize,
            sessions: Count::poisson(number(&bots.sessions, drawn.seed, "activity/bots/sessions")),
            events: Count::at_least_one(number(&bots.events, drawn.seed, "activity/bots/events")),
            leaf: self.accounts(drawn, &leaf),
        });
        Some(Acting { first: run.first, end: run.end, seed: drawn.seed.child("activity"), leaf, version, sessions, retention, bots })
    }

    /// Where the accounts of a burst seem to come from.
    fn accounts(&self, drawn: &DrawnFault<'_>, scope: &[bool]) -> Vec<f64> {
        let case = &self.synthesis.scenario.case;
        let skew: Vec<(usize, Vec<f64>)> = (drawn.fault.skew.iter())
            .filter_map(|(dim, shares)| {
                let theirs = &case.dimensions[*dim];
                let own = self.activity.dimensions.iter().position(|known| known.name == theirs.name)?;
                let share = |value: &String| theirs.code(value).map_or(0.0, |code| shares[usize::from(code)]);
                Some((own, self.activity.dimensions[own].values.iter().map(share).collect()))
            })
            .collect();
        let mut shares = self.leaves.shares_with(&self.activity.dimensions, &skew);
        shares.iter_mut().zip(scope).for_each(|(share, inside)| *share *= f64::from(u8::from(*inside)));
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= if sum > 0.0 { sum } else { 1.0 });
        shares
    }

    /// Releases in the order in which [`codes`](Self::codes) and [`reached`](Self::reached) count them.
    pub(super) fn releases(&self) -> impl Iterator<Item = &Release> {
        let version = &self.activity.dimensions[self.activity.version];
        self.synthesis.releases.iter().filter(|release| release.code(version).is_some())
    }

    /// The probability that a user comes on a day; everyone comes on the day of signup.
    pub(super) fn comes(&self, leaf: usize, age: usize, day: usize) -> f64 {
        if age == 0 {
            return 1.0;
        }
        (self.retention[age] * self.pull[day * self.leaves.all.len() + leaf]).min(1.0)
    }

    /// Shares of versions among the users of a leaf on a day.
    pub(super) fn versions_on(&self, leaf: usize, day: usize) -> Vec<f64> {
        let mut shares = self.versions[leaf].clone();
        for (number, release) in self.releases().enumerate().filter(|(number, _)| self.reached[leaf][*number]) {
            let new = usize::from(self.codes[number]);
            let share = release.share_on(day);
            for version in 0..shares.len() {
                if version != new {
                    let moved = shares[version] * share;
                    shares[version] -= moved;
                    shares[new] += moved;
                }
            }
        }
        shares
    }

    /// An upper bound on the sessions to expect.
    pub(super) fn expected_sessions(&self) -> f64 {
        let days = self.days as f64;
        let users = f64::from(self.activity.users) + self.signups.iter().sum::<f64>();
        let most = |acting: &Acting| acting.sessions.iter().flatten().fold(1.0, |most: f64, factor| most.max(*factor));
        let factor: f64 = self.faults.iter().flatten().map(most).product();
        let bots = |acting: &Acting| acting.bots.as_ref().map_or(0.0, |bots| bots.many as f64 * bots.sessions.mean() * days);
        users * days * self.sessions.mean() * factor * self.retention[1] + self.faults.iter().flatten().map(bots).sum::<f64>()
    }

    /// Whether a day was recorded.
    pub(super) fn recorded(&self, day: usize) -> bool {
        self.synthesis.plan.recorded[day]
    }
}

impl Acting {
    /// The share of days that stays, of those on which a user would come back.
    pub(super) fn stays(&self, age: usize, day: usize) -> Option<f64> {
        let since = day - self.first;
        match self.retention.as_ref().filter(|_| age > 0)? {
            Return::Factor(factors) => Some(factors[since]),
            Return::Decline(factor) => Some(libm::pow(*factor, (age.min(since) as f64).min(DECLINE_DAYS) / 7.0)),
        }
    }

    pub(super) const fn acts_on(&self, day: usize) -> bool {
        self.first <= day && day < self.end
    }

    /// Days on which it can be seen: counts over seven days see it for six days more.
    pub(super) const fn window(&self, trailing: usize, days: usize) -> Window {
        let end = if self.end + trailing < days { self.end + trailing } else { days };
        Window { first: self.first, last: end - 1 }
    }
}

/// The same filter among other dimensions, as far as they have its names and values.
fn translate(filter: &Filter, from: &[Dimension], to: &[Dimension]) -> Filter {
    filter
        .iter()
        .filter_map(|(dim, codes)| {
            let own = to.iter().position(|dimension| dimension.name == from[*dim].name)?;
            let code = |code: &u16| to[own].code(&from[*dim].values[usize::from(*code)]);
            Some((own, codes.iter().filter_map(code).collect()))
        })
        .collect()
}

/// Between the known days by the logarithm of 1 + days.
fn retention(known: &[f64; 3], age: i32) -> f64 {
    let knots = [(0.0, 1.0), (1.0, known[0]), (7.0, known[1]), (30.0, known[2])];
    let age = f64::from(age);
    for pair in knots.windows(2) {
        let ((from, high), (to, low)) = (pair[0], pair[1]);
        if age <= to {
            let part = (libm::log1p(age) - libm::log1p(from)) / (libm::log1p(to) - libm::log1p(from));
            return high + (low - high) * part;
        }
    }
    known[2]
}

fn counts(activity: &Activity, leaves: &Leaves) -> (Vec<usize>, Vec<Count>) {
    match &activity.events {
        Events::All(mean) => (vec![0; leaves.all.len()], vec![Count::at_least_one(*mean)]),
        Events::Given(dim, means) => {
            let at = leaves.position(*dim).unwrap_or(0);
            let which = leaves.all.iter().map(|leaf| usize::from(leaf.codes[at])).collect();
            (which, means.iter().map(|mean| Count::at_least_one(*mean)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::retention;

    #[test]
    fn retention_meets_its_known_days_and_falls_between_them() {
        let known = [0.5, 0.36, 0.3];
        let curve: Vec<f64> = (0..60).map(|age| retention(&known, age)).collect();
        assert_eq!((curve[0], curve[1], curve[7], curve[30], curve[59]), (1.0, 0.5, 0.36, 0.3, 0.3));
        assert!(curve.is_sorted_by(|a, b| a >= b));
    }
}
