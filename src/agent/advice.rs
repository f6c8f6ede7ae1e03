//! Kinds in plain words, and what to do about each.

use super::report::{Benign, Cause, Verdict};
use super::writing::name;

/// A kind in plain words.
pub(super) fn plain(kind: &str) -> &str {
    match kind {
        "deployment" => "release that breaks something",
        "config_change" => "setting that breaks something",
        "segment_outage" => "outage of one segment",
        "dependency_failure" => "failure of a dependency",
        "retention_decline" => "decline of retention",
        "data_pipeline_gap" => "gap in the recorded data",
        "bot_burst" => "burst of automated tickets",
        "policy_change" => "new rule that customers dislike",
        "holiday" => "public holiday",
        "campaign" => "campaign",
        "mix_shift" => "shift in the mix of users",
        "slow_growth" => "steady rise of everything",
        "decoy_deployment" => "release that did no harm",
        "logging_outage" => "planned pause of the log",
        "taxonomy_change" => "change in how tickets are filed",
        other => other,
    }
}

/// What to do next, by the kind of the first cause or of the harmless explanation.
pub(super) fn recommendations(verdict: Verdict, top: Option<&Cause>, benign: Option<&Benign>) -> Vec<String> {
    let Some(cause) = top.filter(|_| verdict == Verdict::Fault) else {
        let first = match benign.map(|benign| benign.kind.as_str()) {
            Some("taxonomy_change") => "Rename the series in dashboards, so that they count what they counted before.",
            Some("logging_outage") => "Fill the missing days in once the log is back.",
            Some("slow_growth") => "Plan staff for the new level.",
            _ => "Do nothing; look again if the numbers stay away from their level for two more days.",
        };
        return vec![first.to_owned()];
    };
    let place = name(&cause.scope);
    let of_place = |word: &str| if cause.scope.is_empty() { String::new() } else { format!(" {word} {place}") };
    let change = cause.change.as_deref().unwrap_or("the change");
    let texts: [String; 2] = match cause.kind.as_str() {
        "deployment" => [
            format!("Roll {change} back{}, or stop its rollout.", of_place("for")),
            format!("Reproduce the failure{} before it is released again.", of_place("in")),
        ],
        "config_change" => [format!("Set {change} back."), format!("Compare requests{} before and after it.", of_place("of"))],
        "policy_change" => [
            format!("Explain {change} to customers, with an answer ready for agents."),
            "Review the rule with those who decided it.".to_owned(),
        ],
        "segment_outage" => [
            format!("Check what only {place} depends on: routes, providers, queues."),
            format!("Tell customers of {place} that the problem is known."),
        ],
        "dependency_failure" => {
            ["Check the status of external services and of shared ones.".to_owned(), "Post the problem on the status page.".to_owned()]
        }
        "data_pipeline_gap" => [
            format!("Check the pipeline that records {place}; the customers are still there."),
            "Fill the lost records in before anyone reads trends from them.".to_owned(),
        ],
        "bot_burst" => [format!("Rate-limit or block the senders{}.", of_place("in")), "Leave these tickets out of reports.".to_owned()],
        "retention_decline" => {
            [format!("Ask users{} who left what they missed.", of_place("of")), "Compare cohorts before and after the onset.".to_owned()]
        }
        _ => [format!("Look into {place}."), String::new()],
    };
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}
