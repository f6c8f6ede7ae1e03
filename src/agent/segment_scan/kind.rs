//! What kind of fault a scaled scope is: by the direction, by the change that fits, and by what else moved.

use super::super::culprit::kind_of;
use super::suspects::Suspect;
use super::voices::Voices;
use crate::tool::reply::{Scope, TicketStats};

/// What the kind is decided by.
pub(super) struct Signs<'a> {
    /// The metric on which the scope was found.
    pub(super) metric: &'a str,
    pub(super) scope: &'a Scope,
    /// Relative change in the scope.
    pub(super) change: f64,
    /// Relative change of the other metric in the same scope, if there is one.
    pub(super) other: Option<f64>,
    pub(super) suspect: Option<&'a Suspect>,
    /// Relative change of the events of a user in the scope, if there are users.
    pub(super) events_per_user: Option<f64>,
    /// Dimensions in which one value alone holds the excess.
    pub(super) single_handed: &'a [String],
    pub(super) stats: Option<&'a TicketStats>,
    /// What tickets of the scope say.
    pub(super) voices: &'a Voices,
}

/// A kind, and how sure it is given the scope.
pub(super) struct Named {
    pub(super) kind: &'static str,
    pub(super) sure: f64,
}

const fn named(kind: &'static str, sure: f64) -> Named {
    Named { kind, sure }
}

/// Dimensions that scripts have in common and people of one place do not.
const OF_SCRIPTS: [&str; 3] = ["plan", "tier", "device"];
/// Dimensions whose tickets nobody can lose on the way without losing users: what is written down, not where it comes from.
const OF_DESKS: [&str; 2] = ["queue", "product"];

/// Names the kind.
pub(super) fn kind(signs: &Signs<'_>) -> Named {
    match (signs.metric, signs.change >= 0.0) {
        ("tickets", true) => rise(signs),
        ("tickets", false) => fall(signs),
        (_, true) => named("bot_burst", 0.7),
        (_, false) => users_lost(signs),
    }
}

fn rise(signs: &Signs<'_>) -> Named {
    if signs.events_per_user.is_some_and(|change| change > 0.3) && signs.other.is_some_and(|change| change > -0.05) {
        return named("bot_burst", 0.9);
    }
    let scripted = signs.single_handed.iter().any(|name| OF_SCRIPTS.contains(&name.as_str())) && !speaks_of_trouble(signs);
    if let Some(suspect) = signs.suspect.filter(|suspect| !scripted || suspect.weight > 2.5) {
        return named(kind_of(&suspect.change).unwrap_or("deployment"), if suspect.weight > 1.5 { 0.95 } else { 0.7 });
    }
    if scripted {
        return named("bot_burst", 0.85);
    }
    if signs.scope.is_empty() { named("dependency_failure", 0.85) } else { named("segment_outage", 0.85) }
}

/// Fewer tickets: users who cannot reach one desk, or records that are lost wherever they come from.
fn fall(signs: &Signs<'_>) -> Named {
    let of_desk = signs.scope.keys().any(|name| OF_DESKS.contains(&name.as_str()));
    let users_gone = signs.other.is_some_and(|change| change < -0.2);
    match (of_desk, users_gone) {
        (true, _) => named("segment_outage", 0.75),
        (false, true) if !signs.scope.is_empty() => named("segment_outage", 0.6),
        _ => named("data_pipeline_gap", 0.85),
    }
}

/// Fewer users: those who complain were hurt, those who do not stay away.
fn users_lost(signs: &Signs<'_>) -> Named {
    let complaints = signs.other.is_some_and(|change| change > 0.2);
    if let Some(suspect) = signs.suspect.filter(|suspect| suspect.weight > 0.5 || complaints) {
        return named(kind_of(&suspect.change).unwrap_or("deployment"), if suspect.weight > 1.5 { 0.95 } else { 0.7 });
    }
    match complaints {
        true if signs.scope.is_empty() => named("dependency_failure", 0.8),
        true => named("segment_outage", 0.8),
        false => named("retention_decline", 0.8),
    }
}

/// Whether tickets of the day speak of trouble more than before.
fn speaks_of_trouble(signs: &Signs<'_>) -> bool {
    let stats = signs.stats;
    const TAGS: [&str; 5] = ["outage", "crash", "performance", "login", "payment"];
    let risen = |tag: &str| {
        let share = stats.and_then(|stats| stats.tags.iter().find(|share| share.value == tag));
        share.is_some_and(|share| share.share > 2.0 * share.baseline_share.unwrap_or(0.0) + 0.05)
    };
    signs.voices.of_trouble() || TAGS.into_iter().any(risen)
}
