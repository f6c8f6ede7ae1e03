//! Checks of `benign:`.

use super::{Checker, largest, smallest};
use crate::name::known_names;
use crate::scenario::case::{Activity, Benign, Days, DecoyTime, Event, Fault, Label, Start, Time};
use crate::scenario::dimension::{Dimension, Leaves};
use crate::scenario::spec::{BenignSpec, Decoy, HolidaySpec, MixShift, OnsetDraw, SpanDraw, Spec, Taxonomy};
use crate::scenario::value::Draw;
use crate::yaml::Spanned;

impl Checker<'_> {
    pub(super) fn benign(
        &mut self,
        spec: &Spec,
        days: &Days,
        dimensions: &[Dimension],
        faults: &[Fault],
        activity: Option<&Activity>,
    ) -> Vec<Benign> {
        spec.benign
            .iter()
            .filter_map(|item| {
                let event = match &item.value {
                    BenignSpec::Holiday(holiday) => self.holiday(item, holiday, spec, days),
                    BenignSpec::Campaign(campaign) => self.campaign(campaign, days, dimensions, activity),
                    BenignSpec::MixShift(shift) => self.mix_shift(shift, days, dimensions, activity),
                    BenignSpec::SlowGrowth(growth) => {
                        let time = self.time(&growth.onset, growth.duration.as_ref(), days);
                        let rule = "per_week lies above 0 and up to 1";
                        let per_week = self.number(&growth.per_week, |share| share > 0.0 && share <= 1.0, rule);
                        time.zip(per_week).map(|(time, per_week)| Event::Growth { time, per_week })
                    }
                    BenignSpec::DecoyDeployment(decoy) => self.decoy(item, decoy, spec, days, faults),
                    BenignSpec::LoggingOutage(outage) => self.time(&outage.onset, Some(&outage.duration), days).map(Event::Outage),
                    BenignSpec::TaxonomyChange(change) => self.taxonomy(change, days, dimensions),
                };
                event.map(|event| Benign { kind: item.value.kind(), event })
            })
            .collect()
    }

    /// When something happens in test, and for how long.
    pub(super) fn time(&mut self, onset: &OnsetDraw, duration: Option<&SpanDraw>, days: &Days) -> Option<Time> {
        let onset = self.onset(onset, days, days.train..days.grid.len());
        let place = duration.map(|duration| duration.referenced);
        let duration = self.optional_buckets(duration, days)?;
        let onset = onset?;
        self.fits(largest(&onset), duration.as_ref().zip(place), days);
        Some(Time { onset, duration })
    }

    fn holiday(&mut self, item: &Spanned<BenignSpec>, holiday: &HolidaySpec, spec: &Spec, days: &Days) -> Option<Event> {
        if spec.tickets.holiday.as_ref().is_none_or(|factor| factor.value == 1.0) {
            self.report(item.referenced, "holidays have no effect here: give `tickets.holiday`, the factor on those days");
            return None;
        }
        let in_test: Vec<u16> = days.holidays[days.train..].iter().flatten().copied().collect();
        if in_test.is_empty() {
            self.report(item.referenced, "no public holiday lies in the test window");
            return None;
        }
        let Some(name) = &holiday.name else { return Some(Event::Holidays(None)) };
        let found = in_test.iter().copied().find(|&code| days.holiday_names[usize::from(code)] == name.value);
        if found.is_none() {
            let mut names: Vec<&str> = in_test.iter().map(|&code| days.holiday_names[usize::from(code)].as_str()).collect();
            names.dedup();
            self.report(name.referenced, format!("no holiday `{}` in the test window {}", name.value, known_names(&name.value, names)));
        }
        found.map(|code| Event::Holidays(Some(code)))
    }

    fn campaign(
        &mut self,
        campaign: &crate::scenario::spec::Campaign,
        days: &Days,
        dimensions: &[Dimension],
        activity: Option<&Activity>,
    ) -> Option<Event> {
        let time = self.time(&campaign.onset, Some(&campaign.duration), days);
        let scopes = self.scopes(campaign.scope.as_ref(), dimensions);
        let rule = "the multiplier of a campaign lies above 0 and is not 1";
        let multiplier = self.number(&campaign.multiplier, |factor| factor > 0.0 && factor != 1.0 && factor <= 1000.0, rule);
        let marketing = self.marketing(campaign.activity.as_ref(), scopes.as_ref(), dimensions, activity);
        Some(Event::Campaign { time: time?, scopes: scopes?, multiplier: multiplier?, marketing: marketing? })
    }

    fn mix_shift(&mut self, shift: &MixShift, days: &Days, dimensions: &[Dimension], activity: Option<&Activity>) -> Option<Event> {
        let time = self.time(&shift.onset, shift.duration.as_ref(), days);
        let dim = self.dimension(&shift.dimension, dimensions)?;
        let new = self.shares(&shift.dimension, &shift.shares, &dimensions[dim].values)?;
        let old = marginal(dimensions, dim);
        if let Some(code) = (0..new.len()).find(|&code| old[code] == 0.0 && new[code] > 0.0) {
            let value = &dimensions[dim].values[code];
            self.report(shift.dimension.referenced, format!("normal tickets never have `{value}`: a mix shift cannot raise its share"));
            return None;
        }
        let factors = over(&new, &old);
        if factors.iter().all(|factor| (factor - 1.0).abs() < 1e-9) {
            self.report(shift.dimension.referenced, "these are the shares of a normal day: nothing shifts");
            return None;
        }
        let usage = activity.and_then(|activity| users_shift(&dimensions[dim], &new, activity));
        Some(Event::MixShift { time: time?, dim, factors, usage })
    }

    fn decoy(&mut self, item: &Spanned<BenignSpec>, decoy: &Decoy, spec: &Spec, days: &Days, faults: &[Fault]) -> Option<Event> {
        let label = Label { platform: decoy.platform.clone(), version: decoy.version.clone(), ..Label::default() };
        let at = match (&decoy.onset, &decoy.lag) {
            (Some(onset), None) => DecoyTime::At(self.onset(onset, days, days.train..days.grid.len())?),
            (None, Some(lag)) => DecoyTime::Before(self.decoy_lag(lag, spec, days, faults)?),
            _ => {
                self.report(item.referenced, "a decoy needs either an `onset` or a `lag` to the first fault");
                return None;
            }
        };
        Some(Event::Decoy { at, label })
    }

    fn decoy_lag(&mut self, lag: &SpanDraw, spec: &Spec, days: &Days, faults: &[Fault]) -> Option<Draw<usize>> {
        let buckets = self.buckets("lag", lag, days, 0)?;
        if spec.faults.is_empty() {
            self.report(lag.referenced, "`lag` counts to the first tickets of the first fault, and there is none: give an `onset`");
            return None;
        }
        // With a fault that was refused there is an error already.
        if let Some((Start::At(onset), lag_of_fault)) = faults.first().map(|fault| (&fault.start, &fault.lag))
            && smallest(onset) + smallest(lag_of_fault) < days.train + largest(&buckets)
        {
            self.report(lag.referenced, "with this lag the decoy can lie before the test window");
            return None;
        }
        Some(buckets)
    }

    fn taxonomy(&mut self, change: &Taxonomy, days: &Days, dimensions: &[Dimension]) -> Option<Event> {
        let onset = self.onset(&change.onset, days, days.train..days.grid.len());
        let dim = self.dimension(&change.dimension, dimensions)?;
        let (from, to) = (self.code(&change.from, &dimensions[dim]), self.code(&change.to, &dimensions[dim]));
        let share = change.share.as_ref().map_or(Some(Draw::Literal(1.0)), |share| {
            self.number(share, |share| share > 0.0 && share <= 1.0, "a share lies above 0 and up to 1")
        });
        let (from, to) = (from?, to?);
        if from == to || marginal(dimensions, dim)[usize::from(from)] == 0.0 {
            self.report(change.from.referenced, format!("no ticket moves from `{}` to `{}`", change.from.value, change.to.value));
            return None;
        }
        Some(Event::Relabel { onset: onset?, dim, from, to, share: share? })
    }
}

fn over(new: &[f64], old: &[f64]) -> Vec<f64> {
    new.iter().zip(old).map(|(new, old)| if *old > 0.0 { new / old } else { 1.0 }).collect()
}

/// New share over old share among users, by their codes, if they have the dimension and it stays with them.
fn users_shift(dimension: &Dimension, new: &[f64], activity: &Activity) -> Option<Vec<f64>> {
    let dim = activity.dimensions.iter().position(|known| known.name == dimension.name).filter(|&dim| dim != activity.version)?;
    let share = |value: &String| dimension.code(value).map_or(0.0, |code| new[usize::from(code)]);
    let new: Vec<f64> = activity.dimensions[dim].values.iter().map(share).collect();
    Some(over(&new, &marginal(&activity.dimensions, dim)))
}

/// Shares of a dimension among all normal tickets, or users.
fn marginal(dimensions: &[Dimension], dim: usize) -> Vec<f64> {
    let leaves = Leaves::over(dimensions, [dim]);
    let mut shares = vec![0.0; dimensions[dim].values.len()];
    if let Some(at) = leaves.position(dim) {
        for leaf in &leaves.all {
            shares[usize::from(leaf.codes[at])] += leaf.share;
        }
    }
    shares
}

impl Event {
    /// The dimensions by which it tells tickets apart.
    pub(super) fn dimensions(&self) -> Vec<usize> {
        match self {
            Self::Campaign { scopes, .. } => scopes.iter().flatten().map(|(dim, _)| *dim).collect(),
            Self::MixShift { dim, .. } | Self::Relabel { dim, .. } => vec![*dim],
            Self::Holidays(_) | Self::Growth { .. } | Self::Decoy { .. } | Self::Outage(_) => Vec::new(),
        }
    }
}
