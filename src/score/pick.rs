//! The pick: the best model by the headline, and which others cannot be told from it.

use std::fmt;

use super::sample::{Estimate, MIN_FILES, paired_drop};
use super::scorecard::{ModelRow, Role, Scorecard};
use super::{Metric, Section, Unit};
use crate::name::ConfigId;

/// How a model stands to the best one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// The interval of the difference contains zero.
    NotDistinguishable(Estimate),
    /// The interval of the difference lies wholly above zero.
    Worse(Estimate),
    /// There is a difference but no interval: too few files, or undefined in too many draws.
    Behind(Estimate),
    /// There is no number to compare.
    NoValue,
}

/// A model that is not the pick.
#[derive(Debug, Clone, PartialEq)]
pub struct Other {
    /// The model.
    pub config: ConfigId,
    /// How it stands to the pick.
    pub standing: Standing,
}

/// The best model by the headline and what can be said of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// The model with the highest headline; ties go to the first name.
    pub best: ConfigId,
    /// Its headline.
    pub value: f64,
    /// The other models, best first.
    pub others: Vec<Other>,
    /// The best floor, if any has a number.
    pub floor: Option<ConfigId>,
    /// Models whose lead over that floor could be chance, the pick among them if so.
    pub not_better_than_trivial: Vec<ConfigId>,
    /// Fewest files behind any comparison; none when there was nothing to compare.
    pub files: Option<usize>,
}

impl Scorecard {
    /// The pick among the models of this run; none when no model has a headline.
    #[must_use]
    pub fn pick(&self) -> Option<Pick> {
        self.pick_of(Section::Detection)
    }

    /// The pick among the rows of a section, in the cause section among those over all triggers; none when no row has a headline.
    #[must_use]
    pub fn pick_of(&self, section: Section) -> Option<Pick> {
        let metric = Metric::named(section.headline())?;
        let rows: Vec<&ModelRow> = self.rows(section).iter().filter(|row| row.trigger.is_none()).collect();
        let models = ranked(&rows, Role::Model, metric);
        let (&(best, value), rest) = models.split_first()?;
        let floor = ranked(&rows, Role::Floor, metric).first().map(|(row, _)| *row);
        let drops: Vec<(&ModelRow, Estimate)> = rest.iter().map(|(row, _)| (*row, paired_drop(&best.files, &row.files, metric))).collect();
        let leads: Vec<(&ModelRow, Estimate)> = floor
            .map(|floor| models.iter().map(|(row, _)| (*row, paired_drop(&row.files, &floor.files, metric))).collect())
            .unwrap_or_default();
        let without = rows.iter().copied().filter(|row| row.role == Role::Model && row.metric(metric.name).value().is_none());
        let named = |row: &ModelRow, standing| Other { config: config(row), standing };
        Some(Pick {
            best: config(best),
            value,
            others: drops
                .iter()
                .map(|(row, drop)| named(row, standing(*drop)))
                .chain(without.map(|row| named(row, Standing::NoValue)))
                .collect(),
            floor: floor.map(config),
            not_better_than_trivial: leads.iter().filter(|(_, lead)| !is_better(lead)).map(|(row, _)| config(row)).collect(),
            files: drops.iter().chain(&leads).map(|(_, estimate)| estimate.files).min(),
        })
    }
}

/// Rows of a role with a headline, best first.
fn ranked<'a>(rows: &[&'a ModelRow], role: Role, metric: &Metric) -> Vec<(&'a ModelRow, f64)> {
    let mut rows: Vec<(&ModelRow, f64)> =
        rows.iter().filter(|row| row.role == role).filter_map(|row| Some((*row, row.metric(metric.name).value()?))).collect();
    // Stable: rows of a role stand by name, and equals stay so.
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    rows
}

/// What a row is called; a model and an agent together are one configuration.
fn config(row: &ModelRow) -> ConfigId {
    let digest = row.agent.as_ref().map_or_else(|| row.config.digest.clone(), |agent| format!("{}+{}", row.config.digest, agent.digest));
    ConfigId { name: row.label(), digest }
}

fn standing(drop: Estimate) -> Standing {
    match (drop.value, drop.interval) {
        (None, _) => Standing::NoValue,
        (Some(_), None) => Standing::Behind(drop),
        (Some(_), Some(interval)) if interval.lower > 0.0 => Standing::Worse(drop),
        (Some(_), Some(_)) => Standing::NotDistinguishable(drop),
    }
}

/// With an interval the whole of it must lie above zero; without one the number alone must.
fn is_better(lead: &Estimate) -> bool {
    lead.interval.map_or_else(|| lead.value.is_some_and(|value| value > 0.0), |interval| interval.lower > 0.0)
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |estimate: &Estimate| Unit::Share.show(estimate.value.unwrap_or_default());
        match self {
            Self::NotDistinguishable(_) => f.write_str("not distinguishable"),
            Self::Worse(drop) => {
                write!(f, "worse by {}", by(drop))?;
                drop.interval
                    .map_or(Ok(()), |interval| write!(f, " [{}, {}]", Unit::Share.show(interval.lower), Unit::Share.show(interval.upper)))
            }
            Self::Behind(drop) if drop.files < MIN_FILES => write!(f, "behind by {}", by(drop)),
            Self::Behind(drop) => write!(f, "behind by {} (undefined in too many draws for an interval)", by(drop)),
            Self::NoValue => f.write_str("without a score"),
        }
    }
}

impl fmt::Display for Pick {
    /// `pick: lgbm; prophet not distinguishable; arima worse by .09 [.03, .15]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pick: {}", self.best.name)?;
        for other in &self.others {
            write!(f, "; {} {}", other.config.name, other.standing)?;
        }
        if let (Some(floor), false) = (&self.floor, self.not_better_than_trivial.is_empty()) {
            let names: Vec<&str> = self.not_better_than_trivial.iter().map(|config| config.name.as_str()).collect();
            write!(f, "; not better than trivial ({}): {}", floor.name, names.join(", "))?;
        }
        match self.files {
            Some(files) if files < MIN_FILES => write!(f, "; {files} files: no intervals below {MIN_FILES}"),
            _ => Ok(()),
        }
    }
}
