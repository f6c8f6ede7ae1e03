//! One scope for all metrics: the likelihoods of tickets and of users add up, and a release in the log proposes the scope it reached.

use super::super::Halt;
use super::super::likelihood::{Cell, mixed};
use super::super::look::Look;
use super::counts::{Counts, LAYER, VERSION};
use super::search::{self, Candidate, DEEPEST, SYMPTOMS};
use super::suspects::stated;
use crate::tool::reply::{Deployment, Scope};

/// Candidates of each metric that are weighed together.
const WEIGHED: usize = 10;
/// Cost of leaving out the version that a suspected release brought.
const VERSIONLESS: f64 = 1.0;
/// What a proposal costs that is one of few: a release of the log, a dimension whose shares moved.
const PROPOSED: f64 = 1.0;
/// What a day between a release and the onset costs it as a proposal.
const PER_DAY: f64 = 0.4;
/// Hypotheses whose tickets may have changed in kind too.
const SKEWED: usize = 6;
/// What each share that moved freely costs such a hypothesis.
const SKEW_FREEDOM: f64 = 1.5;
/// Log likelihood ratio from which on tickets of a scope have moved.
const LEAST_MOVED: f64 = 2.0;

/// A scope on all metrics.
#[derive(Debug, Clone)]
pub(super) struct Hypothesis {
    pub(super) scope: Scope,
    /// Sum of log likelihood ratios, less what the conditions cost.
    pub(super) score: f64,
    /// Per metric, its counts there and its log likelihood ratio; nothing where the metric does not know the scope.
    pub(super) cells: Vec<Option<(Cell, f64)>>,
}

/// Shares of a dimension that moved while totals stayed.
#[derive(Debug, Clone)]
pub(super) struct Mix {
    pub(super) dimension: String,
    pub(super) score: f64,
}

/// What was found on all metrics.
pub(super) struct Found {
    /// Best first, at least one.
    pub(super) ranked: Vec<Hypothesis>,
    pub(super) mix: Option<Mix>,
}

/// Weighs every scope that some metric or some release proposes.
pub(super) fn find(all: &mut [Counts], look: &mut Look<'_, '_>, releases: &[(Deployment, i64)]) -> Result<Found, Halt> {
    let wanted: &[&str] = if releases.is_empty() { &[] } else { &["platform", VERSION, "country"] };
    let mut pools: Vec<Vec<Candidate>> = Vec::new();
    for counts in all.iter_mut() {
        let mut pool = search::candidates(counts, look, wanted)?;
        let best = search::descend(counts, look, &pool[0].clone())?;
        pool.truncate(WEIGHED);
        pool.insert(0, best);
        pools.push(pool);
    }
    let mut scopes: Vec<Scope> = vec![Scope::new()];
    let mut add = |scope: Scope| {
        if scope.len() <= DEEPEST && !scopes.contains(&scope) {
            scopes.push(scope);
        }
    };
    for pool in &pools {
        pool.iter().for_each(|candidate| add(candidate.scope.clone()));
    }
    if let [first, second] = pools.as_slice() {
        for a in first.iter().take(WEIGHED / 2) {
            second.iter().take(WEIGHED / 2).filter_map(|b| union(&a.scope, &b.scope)).for_each(&mut add);
        }
    }
    let proposed: Vec<Scope> = pools.iter().flatten().map(|candidate| candidate.scope.clone()).chain([Scope::new()]).collect();
    for (release, _) in releases {
        let said = stated(release);
        proposed.iter().filter_map(|scope| union(scope, &said)).for_each(&mut add);
    }
    let mut ranked = Vec::new();
    for scope in scopes {
        ranked.extend(weigh(all, look, scope, releases)?);
    }
    sort(&mut ranked);
    let everything = ranked.iter().position(|hypothesis| hypothesis.scope.is_empty()).filter(|at| *at >= SKEWED);
    for at in (0..ranked.len().min(SKEWED)).chain(everything) {
        ranked[at].score += skew(all, look, &ranked[at])?;
    }
    sort(&mut ranked);
    Ok(Found { ranked, mix: mix(all) })
}

fn sort(ranked: &mut [Hypothesis]) {
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.scope.cmp(&b.scope)));
}

/// How much more likely a scope is if what its users write about may have changed too: a fault fills some queues more than others. What
/// is scaled is then the users, and the queue a symptom; a queue that alone is scaled needs fewer words.
fn skew(all: &mut [Counts], look: &mut Look<'_, '_>, hypothesis: &Hypothesis) -> Result<f64, Halt> {
    // A form that changed moves queues too, and nothing else.
    let moved = |(at, counts): &(usize, &mut Counts)| {
        let likelihood = hypothesis.cells[*at].map_or(0.0, |(_, likelihood)| likelihood);
        counts.metric == "tickets" && (likelihood > LEAST_MOVED || hypothesis.scope.is_empty() && counts.signs() > 0.0)
    };
    let mut best: f64 = 0.0;
    for (_, counts) in all.iter_mut().enumerate().filter(moved) {
        for dimension in SYMPTOMS.into_iter().filter(|dimension| !hypothesis.scope.contains_key(*dimension)) {
            let values = counts.values(look, &hypothesis.scope, dimension)?;
            let cells: Vec<Cell> = values.into_iter().map(|(_, cell)| cell).collect();
            if cells.len() > 1 {
                best = best.max(
                    mixed(&cells, counts.noise(&super::counts::one(dimension, ""))) - SKEW_FREEDOM * (cells.len() - 1) as f64 - PROPOSED,
                );
            }
        }
    }
    Ok(best)
}

/// Both conditions, if they do not contradict each other.
fn union(a: &Scope, b: &Scope) -> Option<Scope> {
    let agree = a.iter().all(|(dimension, value)| b.get(dimension).is_none_or(|other| other == value));
    agree.then(|| a.iter().chain(b).map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// A scope on all metrics.
fn weigh(all: &mut [Counts], look: &mut Look<'_, '_>, scope: Scope, releases: &[(Deployment, i64)]) -> Result<Option<Hypothesis>, Halt> {
    let mut cells = Vec::new();
    for counts in all.iter_mut() {
        cells.push(on_metric(counts, look, &scope)?);
    }
    let likelihood: f64 = cells.iter().flatten().map(|(_, value)| value).sum();
    let score = likelihood - cost(&scope, releases);
    Ok(cells.iter().any(Option::is_some).then_some(Hypothesis { scope, score, cells }))
}

/// The counts of a scope on one metric, as far as it knows the dimensions. Users change their version, so that of them only tickets tell.
fn on_metric(counts: &mut Counts, look: &mut Look<'_, '_>, scope: &Scope) -> Result<Option<(Cell, f64)>, Halt> {
    let known = if counts.metric == "tickets" { scope.clone() } else { search::without_version(scope) };
    if known.keys().any(|name| !counts.parts.contains_key(name)) || known.is_empty() && !scope.is_empty() {
        return Ok(None);
    }
    let cell = counts.seen(look, &known)?;
    Ok(cell.map(|cell| (cell, if known.is_empty() { counts.volume.total_moved() } else { counts.likelihood(&known, cell) })))
}

/// Conditions cost what a search among their values does; those that a release states cost no more than choosing that release.
fn cost(scope: &Scope, releases: &[(Deployment, i64)]) -> f64 {
    let searched = LAYER * scope.len() as f64;
    let by_release = releases.iter().filter_map(|(release, lag)| {
        let said = stated(release);
        let named = said.iter().filter(|(dimension, value)| scope.get(*dimension) == Some(value)).count();
        let fits = said.iter().all(|(dimension, value)| scope.get(dimension).map_or(dimension == VERSION, |other| other == value));
        let versionless = if scope.contains_key(VERSION) || !said.contains_key(VERSION) { 0.0 } else { VERSIONLESS };
        (fits && named > 0)
            .then(|| LAYER * (scope.len() - named) as f64 + PROPOSED + versionless + PER_DAY * lag.max(&0).unsigned_abs() as f64)
    });
    by_release.fold(searched, f64::min)
}

/// The dimension whose shares moved most on all metrics while totals stayed.
fn mix(all: &[Counts]) -> Option<Mix> {
    let mut best: Option<Mix> = None;
    let names: Vec<&String> = all.iter().flat_map(|counts| counts.parts.keys()).collect();
    for name in names {
        let score = |counts: &Counts| {
            let parts = counts.parts.get(name).filter(|_| !(name == VERSION && counts.follows_versions()))?;
            let cells: Vec<Cell> = parts.iter().map(|part| part.cell).collect();
            Some(mixed(&cells, counts.noise(&super::counts::one(name, ""))) - (cells.len() - 1) as f64)
        };
        let score = all.iter().filter_map(score).sum::<f64>() - PROPOSED;
        if best.as_ref().is_none_or(|best| score > best.score) {
            best = Some(Mix { dimension: name.clone(), score });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(pairs: &[(&str, &str)]) -> Scope {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn release(platform: &str, version: &str) -> Deployment {
        Deployment {
            id: "chg-1".to_owned(),
            kind: "deployment".to_owned(),
            at: "2024-03-10T08:00:00".to_owned(),
            until: None,
            title: String::new(),
            platform: Some(platform.to_owned()),
            version: Some(version.to_owned()),
            regions: Vec::new(),
            rollout: 1.0,
        }
    }

    #[test]
    fn scopes_that_contradict_each_other_have_no_union() {
        let android = scope(&[("platform", "android")]);
        assert_eq!(union(&android, &scope(&[("country", "IN")])), Some(scope(&[("platform", "android"), ("country", "IN")])));
        assert_eq!(union(&android, &scope(&[("platform", "ios")])), None);
    }

    #[test]
    fn what_a_release_states_costs_less_than_what_was_searched_for() {
        let stated = scope(&[("app_version", "5.2"), ("platform", "android")]);
        let releases = [(release("android", "5.2"), 0)];
        assert!((cost(&stated, &[]) - 2.0 * LAYER).abs() < 1e-12);
        assert!((cost(&stated, &releases) - PROPOSED).abs() < 1e-12);
        let deeper = scope(&[("app_version", "5.2"), ("platform", "android"), ("country", "IN")]);
        assert!((cost(&deeper, &releases) - PROPOSED - LAYER).abs() < 1e-12);
    }

    #[test]
    fn a_release_proposes_less_the_longer_ago_it_was_and_nothing_of_another_platform() {
        let android = scope(&[("platform", "android")]);
        let after = |days| cost(&android, &[(release("android", "5.2"), days)]);
        assert!(after(0) < after(1) && after(1) < after(2));
        assert!((cost(&android, &[(release("ios", "5.2"), 0)]) - LAYER).abs() < 1e-12);
    }
}
