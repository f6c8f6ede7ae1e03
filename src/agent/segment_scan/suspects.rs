//! Changes held against a scope and an onset: a culprit came first, not long before, and reached the users that are affected.

use jiff::civil::Date;

use super::super::culprit::{kind_of, scope_of};
use super::super::days::{between, day_of};
use crate::tool::reply::{Deployment, Scope};

/// A change that could have done it.
#[derive(Debug, Clone)]
pub(super) struct Suspect {
    pub(super) change: Deployment,
    /// Higher is more likely; below zero: better none.
    pub(super) weight: f64,
}

/// Days after which a change is no longer suspected.
const STALE: i64 = 7;

/// What is known of the effect.
pub(super) struct Effect<'a> {
    pub(super) scope: &'a Scope,
    /// The first affected day, and how many days around it are possible.
    pub(super) onset: Date,
    pub(super) slack: i64,
    /// Relative change in the scope.
    pub(super) change: f64,
    /// The version over-represented among the tickets of the window.
    pub(super) version: Option<&'a str>,
    /// Whether the log is all there is: then what a change touched speaks neither for nor against it.
    pub(super) alone: bool,
}

/// What a release says of whom it reaches: its platform, its version, and its region if that is one.
pub(super) fn stated(change: &Deployment) -> Scope {
    let mut scope = scope_of(change);
    if change.platform.is_none() {
        // Without a platform, a version is a word: everything has one.
        scope.remove("app_version");
    }
    scope
}

/// Whether a change that could do harm says that it reached a scope.
pub(super) fn reached(change: &Deployment, scope: &Scope) -> bool {
    let said = stated(change);
    let agrees = |(dimension, value): (&String, &String)| scope.get(dimension).is_none_or(|affected| affected == value);
    let names = said.keys().any(|dimension| scope.contains_key(dimension));
    kind_of(change).is_some() && names && said.iter().all(agrees)
}

/// The changes that could have done it, most likely first.
pub(super) fn suspects(changes: &[Deployment], effect: &Effect<'_>) -> Vec<Suspect> {
    let mut found: Vec<Suspect> = changes.iter().filter_map(|change| suspect(change, effect)).collect();
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.change.id.cmp(&b.change.id)));
    found
}

/// The weight is log odds as reasoned, not fitted: what fits adds, what does not takes away, and what contradicts the scope acquits.
fn suspect(change: &Deployment, effect: &Effect<'_>) -> Option<Suspect> {
    kind_of(change)?;
    let lag = between(day_of(&change.at)?, effect.onset);
    if lag < -effect.slack || lag > STALE {
        return None;
    }
    let reach = if effect.alone { 0.0 } else { reach(change, effect)? };
    let prior = if change.kind == "experiment" { -1.0 } else { 0.5 };
    Some(Suspect { change: change.clone(), weight: prior + reach - 0.6 * (lag.abs() as f64) })
}

fn reach(change: &Deployment, effect: &Effect<'_>) -> Option<f64> {
    Some(platform(change, effect)? + regions(change, effect)? + version(change, effect)? + rollout(change, effect)?)
}

fn platform(change: &Deployment, effect: &Effect<'_>) -> Option<f64> {
    match (&change.platform, effect.scope.get("platform")) {
        (Some(touched), Some(affected)) if touched == affected => Some(2.0),
        // What a version brings shows the platform through the version.
        (Some(_), None) if change.version.is_some() && effect.scope.get("app_version") == change.version.as_ref() => Some(0.0),
        (Some(_), _) => None,
        (None, Some(_)) => Some(-0.5),
        (None, None) => Some(0.5),
    }
}

fn regions(change: &Deployment, effect: &Effect<'_>) -> Option<f64> {
    match (change.regions.as_slice(), effect.scope.get("country")) {
        ([], None) => Some(0.0),
        ([], Some(_)) => Some(-0.3),
        (regions, Some(country)) if regions.contains(country) => Some(1.5 / regions.len() as f64 + 0.5),
        (_, Some(_)) => None,
        (_, None) => Some(-2.0),
    }
}

fn version(change: &Deployment, effect: &Effect<'_>) -> Option<f64> {
    let affected = effect.scope.get("app_version").map(String::as_str);
    match (change.version.as_deref(), affected, effect.version) {
        (Some(brought), Some(affected), _) => (brought == affected).then_some(3.0),
        (Some(brought), None, Some(shown)) => Some(if brought == shown { 2.0 } else { -0.5 }),
        (None, Some(_), _) => Some(-0.5),
        _ => Some(0.0),
    }
}

/// A change that reached a tenth of the users cannot take away half of them.
fn rollout(change: &Deployment, effect: &Effect<'_>) -> Option<f64> {
    if -effect.change > change.rollout + 0.1 {
        return None;
    }
    Some(if change.rollout < 0.2 { -1.0 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(id: &str, at: &str, platform: Option<&str>, regions: &[&str]) -> Deployment {
        Deployment {
            id: id.to_owned(),
            kind: "deployment".to_owned(),
            at: at.to_owned(),
            until: None,
            title: String::new(),
            platform: platform.map(str::to_owned),
            version: None,
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
            rollout: 1.0,
        }
    }

    fn names(changes: &[Deployment], scope: &[(&str, &str)]) -> Vec<String> {
        let scope: Scope = scope.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let effect =
            Effect { scope: &scope, onset: "2024-03-10".parse().expect("a date"), slack: 0, change: 1.0, version: None, alone: false };
        suspects(changes, &effect).into_iter().map(|suspect| suspect.change.id).collect()
    }

    #[test]
    fn a_change_after_the_onset_is_no_suspect() {
        assert!(names(&[release("later", "2024-03-11T09:00:00", None, &[])], &[]).is_empty());
    }

    #[test]
    fn the_change_that_reached_the_scope_comes_first() {
        let changes = [
            release("web", "2024-03-10T08:00:00", Some("web"), &[]),
            release("all", "2024-03-09T08:00:00", None, &[]),
            release("android", "2024-03-09T07:00:00", Some("android"), &["BR", "IN"]),
            release("elsewhere", "2024-03-10T07:00:00", Some("android"), &["DE"]),
        ];
        assert_eq!(names(&changes, &[("platform", "android"), ("country", "BR")]), ["android", "all"]);
    }
}
