//! Where a fault can be seen on a series of users, from expectations alone.
//!
//! Given the users, every one of a leaf and cohort comes on a day with a known probability p, so that dau is a sum of Bernoulli
//! numbers: mean Σ n·p, variance Σ n·p(1 − p), with expected numbers of users n. A version is one more class: its share on the day. Of
//! wau, p is the probability of coming on at least one of seven days, taken as independent; only for a class of users who change
//! version within the week is that an approximation. events_per_user is a ratio of sums E/D; its moments are those of the first-order
//! expansion, mean ρ = E[E]/E[D] and variance Var(E − ρD)/E[D]² (the delta method; Cochran, *Sampling Techniques*, §2.11).

use super::model::{Acting, HISTORY, Model};
use super::tally::{WEEK, whole_week};
use crate::data::truth::Window;
use crate::scenario::case::Watched;
use crate::scenario::value::Metric;
use crate::synth::plan::{Moments, shows};

/// A watched series while its moments are computed.
struct Seen<'a> {
    model: &'a Model<'a>,
    metric: Metric,
    leaf: Vec<bool>,
    version: Vec<bool>,
}

/// Users of one leaf who share what a fault does to them.
struct Class {
    /// Σ n·p and Σ n·p² over cohorts, p being the probability of coming back at all.
    sum: f64,
    squares: f64,
    /// Probability of at least one session of those who come.
    kept: f64,
    /// First and second moment of the events of those who come.
    first: f64,
    second: f64,
}

pub(super) fn effect(model: &Model<'_>, fault: usize, watched: &Watched) -> (Option<Window>, f64) {
    let Some(acting) = &model.faults[fault] else { return (None, 0.0) };
    let (leaf, version) = model.mask(&watched.filter);
    let seen = Seen { model, metric: watched.metric, leaf, version };
    let trailing = if watched.metric == Metric::Wau { WEEK - 1 } else { 0 };
    let window = acting.window(trailing, model.days);
    shows((window.first..=window.last).filter(|&day| model.recorded(day)).filter_map(|day| {
        let (twin, with) = (seen.moments(day, None)?, seen.moments(day, Some(acting))?);
        Some((day, twin, with))
    }))
}

/// The expected values of a watched series over its recorded days, added up, without any fault.
pub(super) fn expected_total(model: &Model<'_>, watched: &Watched) -> f64 {
    let (leaf, version) = model.mask(&watched.filter);
    let seen = Seen { model, metric: watched.metric, leaf, version };
    (0..model.days).filter(|&day| model.recorded(day)).filter_map(|day| seen.moments(day, None)).map(|moments| moments.mean).sum()
}

impl Seen<'_> {
    fn moments(&self, day: usize, acting: Option<&Acting>) -> Option<Moments> {
        if self.metric == Metric::Wau {
            return whole_week(self.model, day).then(|| self.week(day, acting));
        }
        let classes = self.classes(day, acting.filter(|acting| acting.acts_on(day)));
        let users: f64 = classes.iter().map(|class| class.sum * class.kept).sum();
        if self.metric == Metric::Dau {
            let squares: f64 = classes.iter().map(|class| class.squares * class.kept * class.kept).sum();
            return Some(Moments { mean: users, variance: users - squares });
        }
        if users <= 0.0 {
            return None;
        }
        let ratio = classes.iter().map(|class| class.sum * class.first).sum::<f64>() / users;
        let spread = |class: &Class| {
            let apart = class.first - ratio * class.kept;
            class.sum * (class.second - 2.0 * ratio * class.first + ratio * ratio * class.kept) - class.squares * apart * apart
        };
        Some(Moments { mean: ratio, variance: classes.iter().map(spread).sum::<f64>() / (users * users) })
    }

    /// Shares of a leaf's users on a day whom the series counts: outside the fault's scope, and inside.
    fn shares(&self, leaf: usize, day: usize, acting: Option<&Acting>) -> (f64, f64) {
        let scope = acting.filter(|acting| acting.leaf[leaf]);
        let mut shares = (0.0, 0.0);
        for (version, share) in self.model.versions_on(leaf, day).into_iter().enumerate().filter(|(version, _)| self.version[*version]) {
            if scope.is_some_and(|acting| acting.version[version]) { shares.1 += share } else { shares.0 += share }
        }
        shares
    }

    fn classes(&self, day: usize, acting: Option<&Acting>) -> Vec<Class> {
        let model = self.model;
        let mut classes = Vec::new();
        for leaf in (0..model.leaves.all.len()).filter(|&leaf| self.leaf[leaf]) {
            let (outside, inside) = self.shares(leaf, day, acting);
            let class = |share: f64, acting: Option<&Acting>| {
                let (mut sum, mut squares) = (0.0, 0.0);
                for (users, age) in cohorts(model, leaf, day) {
                    let comes = model.comes(leaf, age, day) * acting.and_then(|acting| acting.stays(age, day)).unwrap_or(1.0);
                    sum += share * users * comes;
                    squares += share * users * comes * comes;
                }
                let (kept, first, second) = sessions(model, leaf, day, acting);
                Class { sum, squares, kept, first, second }
            };
            if outside > 0.0 {
                classes.push(class(outside, None));
            }
            if inside > 0.0 {
                classes.push(class(inside, acting));
            }
        }
        classes.extend(acting.and_then(|acting| self.accounts(acting)));
        classes
    }

    /// Accounts of a burst that the series counts.
    fn bots(&self, acting: &Acting) -> Option<f64> {
        let accounts = acting.bots.as_ref()?;
        let share = |leaf: usize| -> f64 {
            let versions = self.model.versions[leaf].iter().zip(&self.version);
            accounts.leaf[leaf] * versions.filter(|(_, seen)| **seen).map(|(share, _)| share).sum::<f64>()
        };
        let seen = (0..self.leaf.len()).filter(|&leaf| self.leaf[leaf]);
        Some(accounts.many as f64 * seen.map(share).sum::<f64>())
    }

    fn accounts(&self, acting: &Acting) -> Option<Class> {
        let (many, accounts) = (self.bots(acting)?, acting.bots.as_ref()?);
        let (sessions, events) = (&accounts.sessions, &accounts.events);
        let first = sessions.mean() * events.mean();
        let second = total(sessions.mean(), sessions.variance(), events.mean(), events.variance());
        Some(Class { sum: many, squares: many, kept: -libm::expm1(-sessions.mean()), first, second })
    }

    fn week(&self, day: usize, acting: Option<&Acting>) -> Moments {
        let model = self.model;
        let (mut mean, mut squares) = (0.0, 0.0);
        let week = day + 1 - WEEK..=day;
        for leaf in (0..model.leaves.all.len()).filter(|&leaf| self.leaf[leaf]) {
            let of_day = |day: usize| {
                let acting = acting.filter(|acting| acting.acts_on(day));
                let (outside, inside) = self.shares(leaf, day, acting);
                (day, acting, outside, inside * sessions(model, leaf, day, acting).0)
            };
            let days: Vec<_> = week.clone().map(of_day).collect();
            for (users, last_age) in cohorts(model, leaf, day) {
                let mut away = 1.0;
                for &(at, acting, outside, inside) in &days {
                    let Some(age) = last_age.checked_sub(day - at) else { continue };
                    let stays = acting.and_then(|acting| acting.stays(age, at)).unwrap_or(1.0);
                    away *= 1.0 - model.comes(leaf, age, at) * (outside + inside * stays);
                }
                mean += users * (1.0 - away);
                squares += users * (1.0 - away) * (1.0 - away);
            }
        }
        if let Some((acting, many)) = acting.and_then(|acting| Some((acting, self.bots(acting)?))) {
            let days = week.filter(|&day| acting.acts_on(day)).count() as f64;
            let rate = acting.bots.as_ref().map_or(0.0, |accounts| accounts.sessions.mean());
            let seen = -libm::expm1(-rate * days);
            mean += many * seen;
            squares += many * seen * seen;
        }
        Moments { mean, variance: mean - squares }
    }
}

/// Expected users of a leaf, and how many days ago they signed up.
fn cohorts<'a>(model: &'a Model<'_>, leaf: usize, day: usize) -> impl Iterator<Item = (f64, usize)> + 'a {
    let leaves = model.leaves.all.len();
    let history = usize::try_from(HISTORY).unwrap_or(1);
    let before = f64::from(model.activity.users) * model.leaves.all[leaf].share / f64::from(HISTORY);
    let old = (1..=history).map(move |age| (before, day + age));
    old.chain((0..=day).map(move |signup| (model.signups[signup * leaves + leaf], day - signup)))
}

/// Of a user who comes: the probability of at least one session, and two moments of the events, with what a fault does to sessions.
fn sessions(model: &Model<'_>, leaf: usize, day: usize, acting: Option<&Acting>) -> (f64, f64, f64) {
    let (normal, events) = (&model.sessions, &model.events.1[model.events.0[leaf]]);
    let factor = acting.and_then(|acting| Some(acting.sessions.as_ref()?[day - acting.first])).unwrap_or(1.0);
    let mean = normal.mean() * factor;
    // Of 1 + Poisson(m − 1) sessions, each is kept with probability f; or Poisson((f − 1)·m) are added.
    let (kept, variance) = if factor < 1.0 {
        (1.0 - (1.0 - factor) * libm::exp(-normal.variance() * factor), factor * (1.0 - factor) + normal.variance() * factor)
    } else {
        (1.0, normal.variance() + (factor - 1.0) * normal.mean())
    };
    (kept, mean * events.mean(), total(mean, variance, events.mean(), events.variance()))
}

/// Second moment of a sum of as many numbers as a count says.
fn total(count: f64, count_variance: f64, mean: f64, variance: f64) -> f64 {
    count * variance + (count_variance + count * count) * mean * mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::seed::SeedRole;
    use crate::synth::activity::tallies;

    const TEXT: &str = "format: 1
id: expect
title: expect
calendar: {start: 2024-01-01, length: 30d, train: 20d, step: 1d}
tickets: {rate: 60, dispersion: poisson}
activity:
  users: 900
  signups: 20
  retention: {day_1: 0.6, day_7: 0.4, day_30: 0.3}
  weekday: [1.2, 1, 1, 1, 1, 0.8, 0.7]
  sessions: 1.7
  events: {given: {platform: {web: 3, android: 8, ios: 9}}}
faults:
  - deployment:
      {onset: 2, shape: shift, scope: {platform: android, app_version: 6.0.0}, multiplier: 3, version: 6.0.0,
       activity: {sessions: 0.3, retention: 0.6}}
  - retention_decline: {onset: 2, scope: {platform: ios}, activity: {retention: 0.5}}
  - bot_burst: {onset: 2, per_day: 9, scope: {platform: web}, activity: {users: 60, sessions: 0.7, events: 30}}
watch: [dau, wau, events_per_user, {dau: {app_version: 6.0.0}}, {events_per_user: {platform: [ios, web]}}]
";

    #[test]
    fn realised_means_of_many_seeds_meet_the_expectations() {
        // One fault at a time, because expectations are those of one fault.
        let whole = Scenario::parse(TEXT, "x.yaml", "x.yaml").expect("good");
        for fault in 0..3 {
            let mut scenario = whole.clone();
            scenario.case.faults = vec![whole.case.faults[fault].clone()];
            let watched: Vec<&Watched> = scenario.case.watch.iter().map(|(_, watched)| watched).collect();
            let mut values = vec![[Vec::new(), Vec::new()]; watched.len()];
            let mut expected = vec![[0.0; 2]; watched.len()];
            for k in 0..150 {
                let synthesis = crate::synth::Synthesis::new(&scenario, SeedRole::Dev, k, u32::MAX).expect("small");
                let model = crate::synth::activity::model(&synthesis).expect("small").expect("it has users");
                for (at, (tally, watched)) in tallies(&model, &watched).into_iter().zip(&watched).enumerate() {
                    let (leaf, version) = model.mask(&watched.filter);
                    let seen = Seen { model: &model, metric: watched.metric, leaf, version };
                    for (twin, acting) in [(0, None), (1, model.faults[0].as_ref())] {
                        let series = if acting.is_none() { &tally.twin } else { &tally.observed };
                        // A ratio of no users is missing, with and without.
                        values[at][twin].extend(series[26]);
                        expected[at][twin] = seen.moments(26, acting).map_or(0.0, |moments| moments.mean);
                    }
                }
            }
            for (at, pair) in values.iter().enumerate() {
                for (twin, values) in pair.iter().enumerate() {
                    let n = values.len() as f64;
                    let mean = values.iter().sum::<f64>() / n;
                    let sd = (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n).sqrt();
                    // Five standard errors, and what the approximations for ratios and for changing versions cost.
                    let allowed = 5.0 * sd / n.sqrt() + 0.01 * expected[at][twin];
                    assert!((mean - expected[at][twin]).abs() <= allowed, "fault {fault}, series {at}: {mean}, {:?}", expected[at]);
                }
            }
        }
    }
}
