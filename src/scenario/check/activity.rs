//! Checks of `activity:` and of what faults and campaigns do to it.

use serde_yaml::Location;

use super::Checker;
use super::attributes::built_in;
use crate::name::known_names;
use crate::scenario::case::{Activity, Bots, Days, Events, Marketing, Usage};
use crate::scenario::dimension::{Dimension, Filter};
use crate::scenario::spec::{BenignSpec, BotSpec, FaultSpec, Level, MarketingSpec, Spec, UsageSpec};
use crate::scenario::value::Draw;
use crate::time::Step;
use crate::yaml::Spanned;

/// The dimension of users that changes.
const VERSION: &str = "app_version";
/// Half of the users of a release have it on the third day.
const ROLLOUT: [f64; 7] = [0.15, 0.35, 0.55, 0.70, 0.80, 0.88, 0.93];

impl Checker<'_> {
    /// The activity of a file that has any.
    pub(super) fn activity(&mut self, spec: &Spec, days: Option<&Days>) -> Option<Option<Activity>> {
        let Some(written) = &spec.activity else { return Some(None) };
        let (at, written) = (written.referenced, &written.value);
        let before = self.errors.len();
        if days.is_some_and(|days| days.grid.step() != Step::DAY) {
            self.report(at, "`activity` is counted by day: needs `step: 1d`");
        }
        let users = written.users.value;
        if !(1..=2_000_000).contains(&users) {
            self.report(written.users.referenced, format!("users lie between 1 and 2000000, got {users}"));
        }
        let signups = self.bounded(written.signups.as_ref(), "signups", 0.0, 1e5).unwrap_or(0.0);
        let share = |day: &Spanned<f64>, checker: &mut Self| checker.share(day).unwrap_or(0.0);
        let curve = &written.retention;
        let retention = [share(&curve.day_1, self), share(&curve.day_7, self), share(&curve.day_30, self)];
        if !retention.is_sorted_by(|a, b| a >= b) {
            self.report(curve.day_1.referenced, "retention does not rise: day_1 ≥ day_7 ≥ day_30");
        }
        let weekday = self.weights(written.weekday.as_ref(), "weekday");
        let sessions = self.bounded(Some(&written.sessions), "sessions", 1.0, 100.0).unwrap_or(1.0);
        let rollout = self.rollout(written.rollout.as_ref());
        let mut dimensions = self.dimensions(&written.attributes, &built_in().activity)?;
        add_versions(&mut dimensions, spec);
        let version = dimensions.iter().position(|dimension| dimension.name == VERSION)?;
        let events = self.events(&written.events, &dimensions, version, at);
        self.releases(spec);
        let events = events?;
        let activity = Activity { users, signups, retention, weekday: weekday?, sessions, events, dimensions, version, rollout: rollout? };
        (self.errors.len() == before).then_some(Some(activity))
    }

    fn bounded(&mut self, number: Option<&Spanned<f64>>, what: &str, low: f64, high: f64) -> Option<f64> {
        number.and_then(|number| self.in_range(number.value, number.referenced, what, low, high))
    }

    fn rollout(&mut self, written: Option<&Spanned<Vec<f64>>>) -> Option<Vec<f64>> {
        let Some(written) = written else { return Some(ROLLOUT.to_vec()) };
        let shares = &written.value;
        if shares.is_empty() || !shares.is_sorted() || shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            self.report(written.referenced, "`rollout` needs shares between 0 and 1 that do not fall");
            return None;
        }
        Some(shares.clone())
    }

    fn events(&mut self, written: &Level, dimensions: &[Dimension], version: usize, at: Location) -> Option<Events> {
        let given = match written {
            Level::All(events) => return self.in_range(*events, at, "events", 1.0, 1000.0).map(Events::All),
            Level::Given(given) => given,
        };
        let [(name, rows)] = given.0.as_slice() else {
            self.report(at, format!("`given` of `events` names {} dimensions, not one", given.0.len()));
            return None;
        };
        let dim = self.dimension(name, dimensions)?;
        if dim == version {
            self.report(name.referenced, "events depend on an attribute of users that stays");
            return None;
        }
        let mut by_code = Vec::new();
        for value in &dimensions[dim].values {
            match rows.0.iter().find(|(key, _)| key.value == *value) {
                Some((_, events)) => by_code.extend(self.bounded(Some(events), "events", 1.0, 1000.0)),
                None => self.report(name.referenced, format!("`events` has no number for {} `{value}`", name.value)),
            }
        }
        for (key, _) in &rows.0 {
            self.code(key, &dimensions[dim]);
        }
        (by_code.len() == dimensions[dim].values.len()).then_some(Events::Given(dim, by_code))
    }

    /// With users, a release brings a version that they run from then on.
    fn releases(&mut self, spec: &Spec) {
        let unnamed = |what: &str| format!("with `activity` a {what} names the `version` that users get");
        for change in &spec.changes {
            let (kind, entry) = change.value.parts();
            if kind == crate::data::ChangeKind::Deployment && entry.version.is_none() {
                self.report(change.referenced, unnamed("deployment"));
            }
        }
        for fault in &spec.faults {
            if let FaultSpec::Deployment(acting) = &fault.value
                && acting.change.is_none()
                && acting.version.is_none()
            {
                self.report(fault.referenced, unnamed("deployment"));
            }
        }
        for event in &spec.benign {
            if let BenignSpec::DecoyDeployment(decoy) = &event.value
                && decoy.version.is_none()
            {
                self.report(event.referenced, unnamed("decoy_deployment"));
            }
        }
    }

    /// Attributes of tickets: those of the users who write them, and what the file gives for tickets alone.
    pub(super) fn ticket_dimensions(&mut self, spec: &Spec) -> Option<Vec<Dimension>> {
        let mut desk = built_in();
        let Some(activity) = &spec.activity else { return self.dimensions(&spec.tickets.attributes, &desk.attributes) };
        let mut own = spec.tickets.attributes.clone();
        for (name, attribute) in activity.value.attributes.0.iter().chain(&desk.activity.0) {
            if !own.0.iter().any(|(known, _)| known.value == name.value) {
                own.0.push((name.clone(), attribute.clone()));
            }
        }
        // The tier of users stands in its place.
        desk.attributes.0.retain(|(name, _)| name.value != "plan");
        let mut dimensions = self.dimensions(&own, &desk.attributes)?;
        add_versions(&mut dimensions, spec);
        Some(dimensions)
    }

    /// Whether a scope or filter is one of users: each of its dimensions is theirs.
    pub(super) fn of_users(&mut self, at: Location, filter: &Filter, dimensions: &[Dimension], activity: &Activity) {
        let names = || activity.dimensions.iter().map(|dimension| dimension.name.as_str());
        for (dim, _) in filter {
            let name = &dimensions[*dim].name;
            if !names().any(|known| known == name) {
                self.report(at, format!("`{name}` is an attribute of tickets, not of users {}", known_names(name, names())));
            }
        }
    }

    fn usable<'a>(
        &mut self,
        at: Location,
        scopes: Option<&Vec<Filter>>,
        dimensions: &[Dimension],
        activity: Option<&'a Activity>,
    ) -> Option<&'a Activity> {
        let Some(activity) = activity else {
            self.report(at, "there are no users here: give the section `activity:`, or drop this");
            return None;
        };
        for filter in scopes.into_iter().flatten() {
            self.of_users(at, filter, dimensions, activity);
        }
        Some(activity)
    }

    /// What a fault does to activity.
    pub(super) fn usage(
        &mut self,
        written: Option<&Spanned<UsageSpec>>,
        scopes: Option<&Vec<Filter>>,
        dimensions: &[Dimension],
        activity: Option<&Activity>,
    ) -> Option<Option<Usage>> {
        let Some(written) = written else { return Some(None) };
        let before = self.errors.len();
        self.usable(written.referenced, scopes, dimensions, activity)?;
        let usage = &written.value;
        if usage.sessions.is_none() && usage.retention.is_none() {
            self.report(written.referenced, "`activity` of a fault needs `sessions` or `retention`");
        }
        let sessions = usage.sessions.as_ref().and_then(|factor| {
            self.number(factor, |factor| (0.0..=100.0).contains(&factor) && factor != 1.0, "sessions lie between 0 and 100, not at 1")
        });
        let retention = usage
            .retention
            .as_ref()
            .and_then(|factor| self.number(factor, |factor| (0.0..1.0).contains(&factor), "retention lies from 0 to below 1"));
        (self.errors.len() == before).then_some(Some(Usage { sessions, retention, bots: None }))
    }

    /// The accounts behind a burst.
    pub(super) fn bots(
        &mut self,
        written: Option<&Spanned<BotSpec>>,
        scopes: Option<&Vec<Filter>>,
        dimensions: &[Dimension],
        activity: Option<&Activity>,
    ) -> Option<Option<Usage>> {
        let Some(written) = written else { return Some(None) };
        let before = self.errors.len();
        self.usable(written.referenced, scopes, dimensions, activity)?;
        let bots = &written.value;
        let users = self.number(&bots.users, |users| (1.0..=1e6).contains(&users), "users lie between 1 and 1000000");
        let sessions = self.number(&bots.sessions, |count| count > 0.0 && count <= 1000.0, "sessions lie above 0 and up to 1000");
        let events = self.number(&bots.events, |count| (1.0..=10_000.0).contains(&count), "events lie between 1 and 10000");
        let bots = Bots { users: users?, sessions: sessions?, events: events? };
        (self.errors.len() == before).then_some(Some(Usage { sessions: None, retention: None, bots: Some(bots) }))
    }

    /// What a campaign does to activity.
    pub(super) fn marketing(
        &mut self,
        written: Option<&Spanned<MarketingSpec>>,
        scopes: Option<&Vec<Filter>>,
        dimensions: &[Dimension],
        activity: Option<&Activity>,
    ) -> Option<Option<Marketing>> {
        let Some(written) = written else { return Some(None) };
        let activity = self.usable(written.referenced, scopes, dimensions, activity)?;
        let version = &activity.dimensions[activity.version].name;
        if scopes.into_iter().flatten().flatten().any(|(dim, _)| dimensions[*dim].name == *version) {
            self.report(written.referenced, format!("a campaign reaches users, whatever their `{version}`: leave it out of `scope`"));
        }
        let factor = |draw: Option<&crate::scenario::spec::NumberDraw>, checker: &mut Self| {
            draw.map_or(Some(Draw::Literal(1.0)), |draw| {
                checker.number(draw, |factor| (0.0..=1000.0).contains(&factor), "a factor lies between 0 and 1000")
            })
        };
        let (signups, active) = (factor(written.value.signups.as_ref(), self), factor(written.value.active.as_ref(), self));
        Some(Some(Marketing { signups: signups?, active: active? }))
    }
}

/// Versions that releases bring are values of the version; nobody has them before.
fn add_versions(dimensions: &mut [Dimension], spec: &Spec) {
    let Some(dimension) = dimensions.iter_mut().find(|dimension| dimension.name == VERSION) else { return };
    for version in released(spec) {
        if !dimension.values.contains(&version) {
            dimension.values.push(version);
            dimension.shares.iter_mut().for_each(|row| row.push(0.0));
        }
    }
}

/// Versions that releases of a file bring, in the order of the file.
fn released(spec: &Spec) -> Vec<String> {
    let of_change = spec.changes.iter().filter_map(|change| match change.value.parts() {
        (crate::data::ChangeKind::Deployment, entry) => entry.version.clone(),
        _ => None,
    });
    let of_fault = spec.faults.iter().filter_map(|fault| match &fault.value {
        FaultSpec::Deployment(acting) => acting.version.as_ref().map(|version| version.value.clone()),
        _ => None,
    });
    let of_decoy = spec.benign.iter().filter_map(|event| match &event.value {
        BenignSpec::DecoyDeployment(decoy) => decoy.version.clone(),
        _ => None,
    });
    of_change.chain(of_fault).chain(of_decoy).collect()
}

/// The dimensions by which releases of a file tell users apart, as positions among some dimensions.
pub(super) fn release_dimensions(spec: &Spec, dimensions: &[Dimension]) -> Vec<usize> {
    if spec.activity.is_none() || released(spec).is_empty() {
        return Vec::new();
    }
    // Which platforms and countries a release reaches can depend on the scope that a seed draws.
    let names = [VERSION, "platform", "country"];
    names.iter().filter_map(|name| dimensions.iter().position(|dimension| dimension.name == **name)).collect()
}

/// Whether a filter only matches versions that come with a release, so that nothing of it exists before.
pub(super) fn comes_with_a_release(spec: &Spec, filter: &Filter, dimensions: &[Dimension]) -> bool {
    let released = released(spec);
    spec.activity.is_some()
        && filter.iter().any(|(dim, codes)| {
            let dimension = &dimensions[*dim];
            dimension.name == VERSION && codes.iter().any(|code| released.contains(&dimension.values[usize::from(*code)]))
        })
}
