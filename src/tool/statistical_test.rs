//! `statistical_test`: whether the daily values of two groups over a range differ by more than chance.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::{Filters, lists, read, schema};
use super::metric::Cut;
use super::rejection::{Rejection, answer};
use super::reply::{Range, Sample, StatisticalTest as Reply};
use super::summary::values;
use super::{AsOf, Tool, ToolReply};
use crate::seed::Seed;
use crate::stats::two_samples::{mann_whitney, mean, sd, welch};

/// The tool.
pub(super) struct StatisticalTest;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Name of the metric, for example `tickets`.
    metric: String,
    /// The group to compare with: dimension → value or list of values; `{}` is everything.
    control_filters: Filters,
    /// The group in question.
    treatment_filters: Filters,
    range: Range,
    #[serde(default)]
    test: Test,
}

/// Which test.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Test {
    /// Welch's t: means, with unequal variances.
    #[default]
    Welch,
    /// Mann–Whitney U: ranks, robust to outliers.
    MannWhitney,
}

impl Tool for StatisticalTest {
    fn name(&self) -> &'static str {
        "statistical_test"
    }
    fn about(&self) -> &'static str {
        "Compares the daily values of two groups over a range: Welch's t or Mann-Whitney U, two-sided."
    }
    fn schema(&self) -> Value {
        schema::<Arguments>()
    }
    fn call(&self, seen: &AsOf<'_>, arguments: &Value, _seed: Seed) -> ToolReply {
        answer(read(arguments).and_then(|arguments| test(seen, &arguments)))
    }
}

fn test(seen: &AsOf<'_>, arguments: &Arguments) -> Result<Reply, Rejection> {
    let control = Cut::new(seen, &arguments.metric, [], lists(&arguments.control_filters))?;
    let treatment = Cut::new(seen, &arguments.metric, [], lists(&arguments.treatment_filters))?;
    let (days, range) = seen.range(&arguments.range)?;
    let metric = control.metric;
    let daily = |cut: &Cut<'_>| values(metric, &cut.total(seen, &days)).collect::<Vec<f64>>();
    let (control, treatment) = (daily(&control), daily(&treatment));
    let (name, outcome) = match arguments.test {
        Test::Welch => ("welch", welch(&treatment, &control)),
        Test::MannWhitney => ("mann_whitney", mann_whitney(&treatment, &control)),
    };
    let relative = mean(&control).filter(|mean| *mean != 0.0).zip(mean(&treatment)).map(|(control, treatment)| treatment / control - 1.0);
    Ok(Reply {
        test: name.to_owned(),
        metric: metric.name().to_owned(),
        range,
        control: sample(&control),
        treatment: sample(&treatment),
        statistic: outcome.map(|outcome| outcome.statistic),
        p_value: outcome.map(|outcome| outcome.p_value),
        relative_difference: relative,
    })
}

fn sample(values: &[f64]) -> Sample {
    Sample { n: values.len(), mean: mean(values), sd: sd(values) }
}
