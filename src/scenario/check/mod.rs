//! From what a file says to what it means, or every reason why it means nothing.
//!
//! What is configured is realised or it is an error: unknown names, times outside the window, shares that do not add up and effects on
//! nothing are reported with their place, all of a file at once.

mod activity;
mod attributes;
mod benign;
mod calendar;
mod changes;
mod faults;
mod question;
pub(super) mod variant;

use serde_yaml::Location;

use super::Question;
use super::case::{Activity, Case, Days, Watched};
use super::dimension::{Dimension, Filter, Leaves};
use super::spec::{NumberDraw, OnsetDraw, Shares, SpanDraw, Spec};
use super::value::{Draw, Metric, Scope, ScopeDraw};
use crate::name::known_names;
use crate::time::Span;
use crate::yaml::{Spanned, YamlError};

/// More combinations than this are a mistake: expectations are computed for each of them in every bucket.
const MAX_LEAVES: usize = 2_000;

/// The meaning of a parsed file.
pub(super) fn check(spec: &Spec, text: &str, file: &str) -> Result<(Case, Vec<Question>), Vec<YamlError>> {
    let mut checker = Checker { text, file, errors: Vec::new() };
    let case = checker.case(spec).map(|case| {
        let questions = checker.questions(spec, &case);
        (case, questions)
    });
    match case {
        Some(case) if checker.errors.is_empty() => Ok(case),
        _ => Err(checker.errors),
    }
}

struct Checker<'a> {
    text: &'a str,
    file: &'a str,
    errors: Vec<YamlError>,
}

impl Checker<'_> {
    fn report(&mut self, at: Location, message: impl Into<String>) {
        self.errors.push(YamlError::at(at, self.text, self.file, message));
    }

    fn case(&mut self, spec: &Spec) -> Option<Case> {
        if spec.format.value != 1 {
            self.report(spec.format.referenced, format!("format {} is not known: this version reads format 1", spec.format.value));
            return None;
        }
        // Times need the calendar and scopes need the dimensions, so the rest is only looked at when both stand.
        let days = self.days(&spec.calendar);
        let activity = self.activity(spec, days.as_ref());
        // With users that are wrong, so would be the tickets that come from them.
        let dimensions = activity.as_ref().and_then(|_| self.ticket_dimensions(spec));
        let desk = self.desk(&spec.tickets, spec.calendar.holidays.is_some());
        let tags = self.tags(spec.tickets.tags.as_ref());
        let (days, dimensions, tags, activity) = (days?, dimensions?, tags?, activity?);
        let watch = self.watch(spec, &dimensions, activity.as_ref());
        let changes = self.changes(spec, &days);
        let faults = self.faults(spec, &days, &dimensions, &tags, &changes, activity.as_ref());
        let benign = self.benign(spec, &days, &dimensions, &faults, activity.as_ref());
        let filters = watch.iter().map(|(_, watched)| &watched.filter).chain(faults.iter().flat_map(|fault| &fault.scopes));
        let named: Vec<usize> =
            filters.flatten().map(|(dim, _)| *dim).chain(benign.iter().flat_map(|event| event.event.dimensions())).collect();
        let leaves = Leaves::over(&dimensions, named.into_iter().chain(activity::release_dimensions(spec, &dimensions)));
        if leaves.all.len() > MAX_LEAVES {
            let names: Vec<&str> = leaves.dims.iter().map(|&dim| dimensions[dim].name.as_str()).collect();
            let at = spec.watch.first().map_or(Location::UNKNOWN, |watch| watch.referenced);
            self.report(
                at,
                format!("scopes and filters name {}: {} combinations, at most {MAX_LEAVES}", names.join(", "), leaves.all.len()),
            );
            return None;
        }
        self.effects(spec, &dimensions, &leaves, &faults);
        let daily = days.grid.step().is_daily();
        let deadline = spec.protocol.deadline.unwrap_or(if daily { Span::days(3) } else { Span::hours(12) });
        Some(Case { days, desk: desk?, dimensions, leaves, tags, changes, faults, benign, activity, watch, deadline })
    }

    fn watch(&mut self, spec: &Spec, dimensions: &[Dimension], activity: Option<&Activity>) -> Vec<(String, Watched)> {
        if spec.watch.is_empty() && activity.is_none() && spec.questions.is_empty() {
            self.report(Location::UNKNOWN, "`watch` is empty: name at least one series, for example `- tickets`");
        }
        let mut watched: Vec<(String, Watched)> = Vec::new();
        for item in &spec.watch {
            let (metric, filters) = (item.value.metric, &item.value.filters);
            let Some(filter) = self.filter(filters, dimensions) else { continue };
            match activity {
                _ if metric == Metric::Tickets => {}
                Some(activity) => self.of_users(item.referenced, &filter, dimensions, activity),
                None => self.report(item.referenced, format!("`{}` needs users: give the section `activity:`", metric.name())),
            }
            let parts: Vec<String> = filters.0.iter().map(|(dim, values)| format!("{}={}", dim.value, join(&values.0))).collect();
            let name = if parts.is_empty() { metric.name().to_owned() } else { format!("{}{{{}}}", metric.name(), parts.join(",")) };
            if watched.iter().any(|(known, _)| *known == name) {
                self.report(item.referenced, format!("`{name}` is watched twice"));
            }
            watched.push((name, Watched { metric, filter }));
        }
        watched
    }

    /// A scope or filter as codes.
    fn filter(&mut self, scope: &Scope, dimensions: &[Dimension]) -> Option<Filter> {
        let before = self.errors.len();
        let mut filter = Filter::new();
        for (name, values) in &scope.0 {
            let Some(dim) = self.dimension(name, dimensions) else { continue };
            if values.0.is_empty() {
                self.report(name.referenced, format!("`{}` lists no value", name.value));
            }
            let mut codes: Vec<u16> = values.0.iter().filter_map(|value| self.code(value, &dimensions[dim])).collect();
            codes.sort_unstable();
            codes.dedup();
            filter.push((dim, codes));
        }
        filter.sort();
        (self.errors.len() == before).then_some(filter)
    }

    fn scopes(&mut self, scope: Option<&ScopeDraw>, dimensions: &[Dimension]) -> Option<Vec<Filter>> {
        let Some(scope) = scope else { return Some(vec![Filter::new()]) };
        scope.0.iter().map(|choice| self.filter(choice, dimensions)).collect()
    }

    fn dimension(&mut self, name: &Spanned<String>, dimensions: &[Dimension]) -> Option<usize> {
        let found = dimensions.iter().position(|dimension| dimension.name == name.value);
        if found.is_none() {
            let known = known_names(&name.value, dimensions.iter().map(|dimension| dimension.name.as_str()));
            self.report(name.referenced, format!("unknown dimension `{}` {known}", name.value));
        }
        found
    }

    fn code(&mut self, value: &Spanned<String>, dimension: &Dimension) -> Option<u16> {
        let found = dimension.code(&value.value);
        if found.is_none() {
            let known = known_names(&value.value, dimension.values.iter().map(String::as_str));
            self.report(value.referenced, format!("dimension `{}` has no value `{}` {known}", dimension.name, value.value));
        }
        found
    }

    /// Shares over known values, 0 for those not named.
    fn shares(&mut self, name: &Spanned<String>, shares: &Shares, values: &[String]) -> Option<Vec<f64>> {
        let before = self.errors.len();
        let mut row = vec![0.0; values.len()];
        for (value, share) in &shares.0 {
            match values.iter().position(|known| *known == value.value) {
                Some(at) => row[at] = self.share(share).unwrap_or(0.0),
                None => {
                    let known = known_names(&value.value, values.iter().map(String::as_str));
                    self.report(value.referenced, format!("`{}` has no value `{}` {known}", name.value, value.value));
                }
            }
        }
        let sum: f64 = row.iter().sum();
        if self.errors.len() == before && (sum - 1.0).abs() > 1e-6 {
            self.report(name.referenced, format!("shares of `{}` sum to {}, not 1", name.value, rounded(sum)));
        }
        row.iter_mut().for_each(|share| *share /= sum);
        (self.errors.len() == before).then_some(row)
    }

    fn share(&mut self, share: &Spanned<f64>) -> Option<f64> {
        self.in_range(share.value, share.referenced, "a share", 0.0, 1.0)
    }

    fn in_range(&mut self, value: f64, at: Location, what: &str, low: f64, high: f64) -> Option<f64> {
        if (low..=high).contains(&value) {
            return Some(value);
        }
        self.report(at, format!("{what} of {value} lies outside {low} to {high}"));
        None
    }

    /// A number of which every possible draw satisfies a condition.
    fn number(&mut self, draw: &NumberDraw, allowed: impl Fn(f64) -> bool, rule: &str) -> Option<Draw<f64>> {
        if let Draw::Between(low, high) = &draw.value
            && low > high
        {
            self.report(draw.referenced, format!("`between` runs backwards: {low} to {high}"));
            return None;
        }
        if let Some(wrong) = draw.value.extremes().into_iter().find(|value| !value.is_finite() || !allowed(**value)) {
            self.report(draw.referenced, format!("{rule}, got {wrong}"));
            return None;
        }
        Some(draw.value.clone())
    }

    /// A time as a bucket, every possible draw of which lies in a window.
    fn onset(&mut self, draw: &OnsetDraw, days: &Days, window: std::ops::Range<usize>) -> Option<Draw<usize>> {
        let before = self.errors.len();
        let found = draw.value.try_map(|onset| match days.bucket(onset) {
            Ok(bucket) if usize::try_from(bucket).is_ok_and(|bucket| window.contains(&bucket)) => usize::try_from(bucket).ok(),
            Ok(_) => {
                let name = if window.start == days.train { "the test window" } else { "the calendar" };
                let (first, last) = (days.grid.label(window.start), days.grid.label(window.end - 1));
                self.report(draw.referenced, format!("`{onset}` lies outside {name}, {first} to {last}"));
                None
            }
            Err(problem) => {
                self.report(draw.referenced, problem);
                None
            }
        });
        if let Some(Draw::Between(low, high)) = &found
            && low > high
        {
            self.report(draw.referenced, "`between` runs backwards: its first time is the later one");
        }
        found.filter(|_| self.errors.len() == before)
    }

    /// A length of time as buckets, at least `least` of them.
    fn buckets(&mut self, what: &str, draw: &SpanDraw, days: &Days, least: usize) -> Option<Draw<usize>> {
        let before = self.errors.len();
        let step = days.grid.step();
        let found = draw.value.try_map(|span| {
            if span.as_seconds() % step.seconds() != 0 {
                self.report(draw.referenced, format!("{what} of {span} is not a whole number of buckets of {step}"));
                return None;
            }
            let buckets = span.buckets(step);
            if buckets < least {
                self.report(draw.referenced, format!("{what} must be longer than zero"));
                return None;
            }
            Some(buckets)
        });
        if let Some(Draw::Between(low, high)) = &found
            && low > high
        {
            self.report(draw.referenced, "`between` runs backwards: its first length is the longer one");
        }
        found.filter(|_| self.errors.len() == before)
    }

    /// Whether what begins at the latest time and lasts longest still ends on the calendar: nothing is cut off silently.
    fn fits(&mut self, first: usize, duration: Option<(&Draw<usize>, Location)>, days: &Days) {
        let Some((duration, at)) = duration else { return };
        let beyond = (first + largest(duration)).saturating_sub(days.grid.len());
        if beyond > 0 {
            let last = days.grid.label(days.grid.len() - 1);
            let message = format!("with this duration it can last {beyond} buckets beyond the end of the calendar, {last}");
            self.report(at, format!("{message}: start earlier, or leave `duration` out to last to the end"));
        }
    }

    fn optional_buckets(&mut self, draw: Option<&SpanDraw>, days: &Days) -> Option<Option<Draw<usize>>> {
        draw.map_or(Some(None), |draw| self.buckets("duration", draw, days, 1).map(Some))
    }
}

fn join(values: &[Spanned<String>]) -> String {
    values.iter().map(|value| value.value.as_str()).collect::<Vec<_>>().join("|")
}

/// Without the dust of binary fractions.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The largest value a draw can take.
fn largest(draw: &Draw<usize>) -> usize {
    draw.extremes().into_iter().copied().max().unwrap_or(0)
}

/// The smallest value a draw can take.
fn smallest(draw: &Draw<usize>) -> usize {
    draw.extremes().into_iter().copied().min().unwrap_or(0)
}
