//! Checks of `faults:`.

use serde_yaml::Location;

use super::activity::comes_with_a_release;
use super::{Checker, join, largest, smallest};
use crate::data::ChangeKind;
use crate::name::known_names;
use crate::scenario::case::{Activity, Course, Days, Fault, LoggedChange, Profile, Start, Time, Usage};
use crate::scenario::dimension::{Dimension, Filter, Leaves};
use crate::scenario::spec::{Acting, Burst, Decline, FaultSpec, Gap, Shape, Shares, Spec};
use crate::scenario::value::{Draw, Pairs, Scope};
use crate::yaml::Spanned;

/// What the checks of a fault look things up in.
struct Known<'a> {
    spec: &'a Spec,
    days: &'a Days,
    dimensions: &'a [Dimension],
    tags: &'a [(String, f64)],
    changes: &'a [LoggedChange],
    activity: Option<&'a Activity>,
}

impl Checker<'_> {
    pub(super) fn faults(
        &mut self,
        spec: &Spec,
        days: &Days,
        dimensions: &[Dimension],
        tags: &[(String, f64)],
        changes: &[LoggedChange],
        activity: Option<&Activity>,
    ) -> Vec<Fault> {
        let known = Known { spec, days, dimensions, tags, changes, activity };
        spec.faults
            .iter()
            .filter_map(|item| {
                let kind = item.value.kind();
                match &item.value {
                    FaultSpec::DataPipelineGap(gap) => self.gap(kind, gap, &known),
                    FaultSpec::BotBurst(burst) => self.burst(kind, burst, &known),
                    FaultSpec::RetentionDecline(decline) => self.decline(kind, decline, &known),
                    FaultSpec::Deployment(fault)
                    | FaultSpec::ConfigChange(fault)
                    | FaultSpec::SegmentOutage(fault)
                    | FaultSpec::DependencyFailure(fault)
                    | FaultSpec::PolicyChange(fault) => self.acting(kind, item, fault, &known),
                }
            })
            .collect()
    }

    fn acting(&mut self, kind: &'static str, item: &Spanned<FaultSpec>, fault: &Acting, known: &Known<'_>) -> Option<Fault> {
        let before = self.errors.len();
        if kind == "segment_outage" && fault.scope.is_none() {
            self.report(item.referenced, "`segment_outage` needs a `scope`: the segment that is out");
        }
        if let Some(version) = fault.version.as_ref().filter(|_| kind != "deployment") {
            self.report(version.referenced, format!("`version` stands in the log of a deployment; `{kind}` has none"));
        }
        let start = self.start(item, fault, known);
        let lag = fault.lag.as_ref().map_or(Some(Draw::Literal(0)), |lag| self.buckets("lag", lag, known.days, 0));
        let duration = self.optional_buckets(fault.duration.as_ref(), known.days);
        let scopes = self.scopes(fault.scope.as_ref(), known.dimensions);
        let course = self.course(fault, known);
        let adds = matches!(&course, Some(Course::Scale { multiplier, .. }) if multiplier.extremes().iter().all(|factor| **factor > 1.0));
        if !adds && course.is_some() {
            let given = fault.attributes.0.first().map(|(name, _)| name.referenced);
            let given = given.or_else(|| fault.tags.as_ref().and_then(|tags| tags.0.first()).map(|(name, _)| name.referenced));
            if let Some(at) = given {
                self.report(at, "attributes and tags describe the tickets a fault adds; this one adds none: needs a multiplier above 1");
            }
        }
        let skew = self.skew(&fault.attributes, scopes.as_ref(), known);
        let tags = self.caused_tags(fault.tags.as_ref(), known.tags);
        let usage = self.usage(fault.activity.as_ref(), scopes.as_ref(), known.dimensions, known.activity);
        let (start, lag) = (start?, lag?);
        let at = match &start {
            Start::At(at) => at,
            Start::Change(index) => &known.changes[*index].at,
        };
        if largest(at) + largest(&lag) >= known.days.grid.len() {
            let place = fault.lag.as_ref().map_or(item.referenced, |lag| lag.referenced);
            self.report(place, format!("with this lag the first tickets come after the end of the calendar, {}", known.days.last()));
        }
        let (duration, place) = (duration?, fault.duration.as_ref().map(|duration| duration.referenced));
        if self.errors.len() == before {
            self.fits(largest(at) + largest(&lag), duration.as_ref().zip(place), known.days);
        }
        let version = fault.version.as_ref().map(|version| version.value.clone());
        let (scopes, course, skew, tags, usage) = (scopes?, course?, skew?, tags?, usage?);
        let fault = Fault { kind, cause: cause(kind), start, lag, duration, scopes, course, skew, tags, version, usage };
        (self.errors.len() == before).then_some(fault)
    }

    /// When a fault happens: by itself, or with a change of the log.
    fn start(&mut self, item: &Spanned<FaultSpec>, fault: &Acting, known: &Known<'_>) -> Option<Start> {
        let test = known.days.train..known.days.grid.len();
        match (&fault.onset, &fault.change) {
            (Some(onset), None) => self.onset(onset, known.days, test).map(Start::At),
            (None, Some(id)) => self.caused_by(item.value.kind(), id, known),
            (None, None) => {
                self.report(item.referenced, format!("`{}` needs an `onset`", item.value.kind()));
                None
            }
            (Some(onset), Some(_)) => {
                self.report(onset.referenced, "`onset` and `change` both say when: give one of them");
                None
            }
        }
    }

    fn caused_by(&mut self, kind: &str, id: &Spanned<String>, known: &Known<'_>) -> Option<Start> {
        let Some(wanted) = cause(kind) else {
            self.report(id.referenced, format!("`{kind}` has no change in the log: give an `onset` instead"));
            return None;
        };
        let ids: Vec<Option<&str>> =
            known.spec.changes.iter().map(|change| change.value.parts().1.id.as_ref().map(|id| id.value.as_str())).collect();
        let Some(index) = ids.iter().position(|known| *known == Some(&id.value)) else {
            self.report(id.referenced, format!("unknown change `{}` {}", id.value, known_names(&id.value, ids.into_iter().flatten())));
            return None;
        };
        let change = &known.changes[index];
        let problem = if change.kind != wanted {
            format!("change `{}` is a {}, `{kind}` is caused by a {wanted}", id.value, change.kind)
        } else if change.every.is_some() {
            format!("change `{}` happens again and again: a fault needs one of its own", id.value)
        } else if smallest(&change.at) < known.days.train {
            format!("change `{}` can lie before the test window, which starts at {}", id.value, known.days.grid.label(known.days.train))
        } else {
            return Some(Start::Change(index));
        };
        self.report(id.referenced, problem);
        None
    }

    /// Shape and multiplier together.
    fn course(&mut self, fault: &Acting, known: &Known<'_>) -> Option<Course> {
        let shape = &fault.shape;
        match &shape.value {
            Shape::Variance(_) | Shape::Pattern(_) if fault.multiplier.is_some() => {
                self.report(shape.referenced, "this shape keeps the mean: drop `multiplier`");
                None
            }
            Shape::Variance(sd) => {
                self.number(sd, |sd| sd > 1.0 && sd <= 20.0, "variance needs a factor on the sd above 1, up to 20").map(Course::Spread)
            }
            Shape::Pattern(weights) => self.pattern(weights, known),
            Shape::Spike => self.scale(fault, Profile::Flat, |factor| factor > 1.0, "a spike needs a multiplier above 1"),
            Shape::Dip => self.scale(fault, Profile::Flat, |factor| factor < 1.0, "a dip needs a multiplier below 1"),
            Shape::Shift => self.scale(fault, Profile::Flat, |_| true, ""),
            Shape::Ramp => self.scale(fault, Profile::Rising, |_| true, ""),
            Shape::Transient => self.scale(fault, Profile::Fading, |_| true, ""),
        }
    }

    fn pattern(&mut self, weights: &Spanned<Vec<f64>>, known: &Known<'_>) -> Option<Course> {
        let new: [f64; 7] = self.weights(Some(weights), "pattern")?;
        // A desk whose own weights are wrong has been reported.
        let normal: [f64; 7] = self.weights(known.spec.tickets.weekday.as_ref(), "weekday")?;
        if new.iter().zip(normal).all(|(new, normal)| (new - normal).abs() < 1e-9) {
            self.report(weights.referenced, "this is the week of a normal desk: nothing changes");
            return None;
        }
        Some(Course::Pattern(new))
    }

    fn scale(&mut self, fault: &Acting, profile: Profile, allowed: impl Fn(f64) -> bool, rule: &str) -> Option<Course> {
        let name = shape_name(&fault.shape.value);
        if fault.duration.is_none() && matches!(fault.shape.value, Shape::Spike | Shape::Dip | Shape::Transient) {
            self.report(fault.shape.referenced, format!("a {name} needs a `duration`"));
            return None;
        }
        let Some(multiplier) = &fault.multiplier else {
            self.report(fault.shape.referenced, format!("a {name} needs a `multiplier`"));
            return None;
        };
        let drawn = self.number(multiplier, |factor| (0.0..=1000.0).contains(&factor), "a multiplier lies between 0 and 1000")?;
        let drawn = self.number(&Spanned::new(drawn, multiplier.referenced, multiplier.defined), allowed, rule)?;
        let extremes = drawn.extremes();
        if !(extremes.iter().all(|factor| **factor > 1.0) || extremes.iter().all(|factor| **factor < 1.0)) {
            self.report(multiplier.referenced, "a multiplier of 1 changes nothing: all draws must lie on one side of it");
            return None;
        }
        Some(Course::Scale { profile, multiplier: drawn })
    }

    /// Shares among caused tickets, of dimensions that the scope leaves open.
    fn skew(&mut self, given: &Pairs<Shares>, scopes: Option<&Vec<Filter>>, known: &Known<'_>) -> Option<Vec<(usize, Vec<f64>)>> {
        let before = self.errors.len();
        let mut skew = Vec::new();
        for (name, shares) in &given.0 {
            let Some(dim) = self.dimension(name, known.dimensions) else { continue };
            if scopes.is_some_and(|scopes| scopes.iter().flatten().any(|(scoped, _)| *scoped == dim)) {
                self.report(name.referenced, format!("`{}` is fixed by the scope already", name.value));
            }
            skew.extend(self.shares(name, shares, &known.dimensions[dim].values).map(|row| (dim, row)));
        }
        (self.errors.len() == before).then_some(skew)
    }

    fn gap(&mut self, kind: &'static str, gap: &Gap, known: &Known<'_>) -> Option<Fault> {
        let time = self.time(&gap.onset, gap.duration.as_ref(), known.days);
        let scopes = self.scopes(gap.scope.as_ref(), known.dimensions);
        let loss = self.number(&gap.loss, |loss| loss > 0.0 && loss <= 1.0, "a loss lies above 0 and up to 1");
        let usage = self.usage(gap.activity.as_ref(), scopes.as_ref(), known.dimensions, known.activity);
        Some(plain(kind, time?, scopes?, Course::Lose(loss?), usage?))
    }

    fn decline(&mut self, kind: &'static str, decline: &Decline, known: &Known<'_>) -> Option<Fault> {
        let time = self.time(&decline.onset, decline.duration.as_ref(), known.days);
        let scopes = self.scopes(decline.scope.as_ref(), known.dimensions);
        let usage = self.usage(Some(&decline.activity), scopes.as_ref(), known.dimensions, known.activity);
        if decline.activity.value.retention.is_none() || decline.activity.value.sessions.is_some() {
            self.report(decline.activity.referenced, "`retention_decline` needs `retention` and nothing else");
        }
        Some(plain(kind, time?, scopes?, Course::Keep, usage?))
    }

    fn burst(&mut self, kind: &'static str, burst: &Burst, known: &Known<'_>) -> Option<Fault> {
        let time = self.time(&burst.onset, burst.duration.as_ref(), known.days);
        let scopes = self.scopes(burst.scope.as_ref(), known.dimensions);
        let per_day = self.number(&burst.per_day, |count| count > 0.0 && count <= 1e6, "per_day lies above 0 and up to 1000000");
        let skew = self.skew(&burst.attributes, scopes.as_ref(), known);
        let tags = self.caused_tags(burst.tags.as_ref(), known.tags);
        let usage = self.bots(burst.activity.as_ref(), scopes.as_ref(), known.dimensions, known.activity);
        let fault = plain(kind, time?, scopes?, Course::Add(per_day?), usage?);
        Some(Fault { skew: skew?, tags: tags?, ..fault })
    }

    /// Scopes that hold no normal tickets: nothing could be scaled there.
    pub(super) fn effects(&mut self, spec: &Spec, dimensions: &[Dimension], leaves: &Leaves, faults: &[Fault]) {
        if faults.len() < spec.faults.len() {
            return; // One of them was refused, and that has been reported.
        }
        let scoped = spec.faults.iter().map(|fault| fault.value.scope()).zip(faults.iter().map(|fault| &fault.scopes));
        for (written, filters) in scoped {
            let written: Vec<&Scope> = written.map_or_else(Vec::new, |scope| scope.0.iter().collect());
            for (scope, filter) in written.into_iter().zip(filters) {
                let share: f64 = leaves.all.iter().filter(|leaf| leaves.matches(leaf, filter)).map(|leaf| leaf.share).sum();
                if share <= 0.0 && !comes_with_a_release(spec, filter, dimensions) {
                    let at = scope.0.first().map_or(Location::UNKNOWN, |(name, _)| name.referenced);
                    let parts: Vec<String> = scope.0.iter().map(|(dim, values)| format!("{}={}", dim.value, join(&values.0))).collect();
                    self.report(at, format!("no ticket has {}: a fault there changes nothing", parts.join(" and ")));
                }
            }
        }
    }
}

/// A fault that acts at once and leaves attributes as they are.
fn plain(kind: &'static str, time: Time, scopes: Vec<Filter>, course: Course, usage: Option<Usage>) -> Fault {
    let (start, lag) = (Start::At(time.onset), Draw::Literal(0));
    Fault {
        kind,
        cause: cause(kind),
        start,
        lag,
        duration: time.duration,
        scopes,
        course,
        skew: Vec::new(),
        tags: None,
        version: None,
        usage,
    }
}

/// The kind of change that causes a kind of fault.
fn cause(kind: &str) -> Option<ChangeKind> {
    match kind {
        "deployment" => Some(ChangeKind::Deployment),
        "config_change" => Some(ChangeKind::ConfigChange),
        "policy_change" => Some(ChangeKind::Policy),
        _ => None,
    }
}

const fn shape_name(shape: &Shape) -> &'static str {
    match shape {
        Shape::Spike => "spike",
        Shape::Shift => "shift",
        Shape::Ramp => "ramp",
        Shape::Transient => "transient",
        Shape::Dip => "dip",
        Shape::Variance(_) => "variance",
        Shape::Pattern(_) => "pattern",
    }
}

impl Days {
    fn last(&self) -> String {
        self.grid.label(self.grid.len() - 1)
    }
}
