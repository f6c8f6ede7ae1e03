//! The oracle: the truth as a detector. What it scores is the best any detector can; anything less is a bug of the scorer.

use crate::data::observation::Observation;
use crate::data::truth::GroundTruth;
use crate::detect::page::Paging;

/// Scores strictly above it are flagged: the buckets that open an episode, and no others.
pub const THRESHOLD: f64 = 0.5;

/// Scores per test bucket of a series: 1 where the page for an effect is due, [`THRESHOLD`] in the rest of every effect window, 0 elsewhere.
///
/// The page is due at the first observed bucket of the effect. If an earlier page still keeps its episode open there, a flag would open
/// nothing: then it is due as soon as that episode is over, unless the earlier page came within this effect and so found it too.
#[must_use]
pub fn scores(truth: &GroundTruth, observed: &Observation, series: &str, paging: Paging) -> Vec<Option<f64>> {
    let values = observed.series(series).map_or(&[][..], |series| &series.values()[observed.train..]);
    let mut scores: Vec<Option<f64>> = values.iter().map(|value| value.map(|_| 0.0)).collect();
    let mut windows: Vec<(usize, usize, usize)> = Vec::new();
    for fault in &truth.faults {
        let seen = fault.effects.iter().filter(|effect| effect.series == series).filter_map(|effect| effect.window);
        let in_test = |bucket: usize| bucket.checked_sub(observed.train);
        windows.extend(
            seen.filter_map(|window| Some((in_test(window.first)?, in_test(window.last)?, fault.deadline.buckets(observed.step())))),
        );
    }
    windows.sort_unstable();
    for &(first, last, _) in &windows {
        scores.iter_mut().take(last + 1).skip(first).flatten().for_each(|score| *score = THRESHOLD);
    }
    let mut paged: Option<usize> = None;
    for (first, last, deadline) in windows {
        if paged.is_some_and(|page| first <= page && page <= first + deadline) {
            continue;
        }
        let free = paged.map_or(first, |page| first.max(page + paging.quiet + 1));
        if let Some(due) = (free..=last.max(first + deadline)).find(|&bucket| matches!(scores.get(bucket), Some(Some(_)))) {
            scores[due] = Some(1.0);
            paged = Some(due);
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Series;
    use crate::data::known::Columns;
    use crate::data::observation::Watched;
    use crate::data::truth::{Effect, FaultTruth, Window};
    use crate::name::{IncidentId, ScenarioId};
    use crate::seed::SeedRole;
    use crate::time::{Grid, Span, Step};

    const PAGING: Paging = Paging { quiet: 2, renotify: 7 };

    /// Twenty days of test after ten of train; windows count from the start of test.
    fn case(windows: &[(usize, usize)], missing: &[usize]) -> Vec<Option<f64>> {
        let grid = Grid::new("2024-01-01T00:00:00[UTC]".parse().expect("a time"), Step::DAY, 30);
        let values = (0..30).map(|bucket| (!missing.iter().any(|gap| gap + 10 == bucket)).then_some(5.0)).collect();
        let fault = |&(first, last): &(usize, usize)| {
            let window = Window { first: first + 10, last: last + 10 };
            FaultTruth {
                kind: "deployment".into(),
                change: None,
                scope: std::collections::BTreeMap::new(),
                active: window,
                deadline: Span::days(3),
                effects: vec![Effect { series: "tickets".into(), window: Some(window), peak_sd: 9.0 }],
            }
        };
        let truth = GroundTruth {
            variant_of: None,
            leaves: Vec::new(),
            dimensions: std::collections::BTreeMap::new(),
            scenario: ScenarioId::new("x").expect("a name"),
            title: "x".into(),
            file: "x.yaml".into(),
            role: SeedRole::Dev,
            replicate: 0,
            faulted: true,
            faults: windows.iter().map(fault).collect(),
            benign: vec![],
        };
        let observed = Observation {
            id: IncidentId::new("inc-0").expect("a name"),
            train: 10,
            known: Columns { grid: grid.clone(), holiday_names: vec![], holidays: vec![None; 30], regressors: vec![] },
            watched: vec![Watched { name: "tickets".into(), series: Series::new(grid, values) }],
            changes: vec![],
        };
        scores(&truth, &observed, "tickets", PAGING)
    }

    fn pages(scores: &[Option<f64>]) -> Vec<usize> {
        (0..scores.len()).filter(|&bucket| scores[bucket].is_some_and(|score| score > THRESHOLD)).collect()
    }

    #[test]
    fn the_first_bucket_of_an_effect_pages_and_the_rest_ranks_above_quiet_days() {
        let scores = case(&[(4, 6)], &[]);
        assert_eq!(scores[3..8], [Some(0.0), Some(1.0), Some(0.5), Some(0.5), Some(0.0)]);
        assert_eq!(pages(&scores), [4]);
    }

    #[test]
    fn a_missing_first_bucket_pages_at_the_next_one() {
        assert_eq!(pages(&case(&[(4, 6)], &[4, 5])), [6]);
    }

    #[test]
    fn effects_close_together_each_get_an_opening_in_time() {
        assert_eq!(pages(&case(&[(4, 9), (6, 12)], &[])), [4, 7]);
        assert_eq!(pages(&case(&[(4, 9), (4, 12)], &[])), [4]);
    }
}
