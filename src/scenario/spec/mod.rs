//! The text of a scenario file as types: what may be written, not yet what it means.
//!
//! Every struct denies unknown fields; faults and benign events are externally tagged (`- deployment: {…}`), so that an error points at
//! the key itself. `check` turns this into a [`Case`](super::case::Case).

mod activity;
mod benign;
mod fault;
mod question;
mod variant;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::value::{Draw, Onset, Pairs, Watch};
use crate::data::ChangeKind;
use crate::name::ScenarioId;
use crate::time::{Span, Step};
use crate::yaml::Spanned;

pub use activity::{Activity, BotSpec, Level, MarketingSpec, Retention, UsageSpec};
pub use benign::{BenignSpec, Campaign, Decoy, HolidaySpec, MixShift, Outage, SlowGrowth, Taxonomy};
pub use fault::{Acting, Burst, Decline, FaultSpec, Gap, Shape};
pub use question::{QuestionKind, QuestionSpec};
pub use variant::{InjectedSpec, Place, TextSpec, VariantSpec, When};

/// A place on the calendar, or how a seed draws one.
pub type OnsetDraw = Spanned<Draw<Onset>>;
/// A length of time, or how a seed draws one.
pub type SpanDraw = Spanned<Draw<Span>>;
/// A number, or how a seed draws one.
pub type NumberDraw = Spanned<Draw<f64>>;
/// Value → share, sums to 1.
pub type Shares = Pairs<Spanned<f64>>;

/// A whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of the format: 1.
    pub format: Spanned<u32>,
    /// Unique in a run.
    pub id: Spanned<ScenarioId>,
    /// One line for people.
    pub title: String,
    /// Which buckets there are.
    pub calendar: Calendar,
    /// The tickets of a normal day.
    pub tickets: Tickets,
    /// Users and what they do on a normal day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Spanned<Activity>>,
    /// Entries of the change log that have no effect, or that a fault refers to.
    #[serde(default)]
    pub changes: Vec<Spanned<ChangeSpec>>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<Spanned<FaultSpec>>,
    /// What happens and must not be blamed.
    #[serde(default)]
    pub benign: Vec<Spanned<BenignSpec>>,
    /// The series that detectors run on.
    pub watch: Vec<Spanned<Watch>>,
    /// What people ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<QuestionSpec>,
    /// Where the protocol of a run differs for this file.
    #[serde(default)]
    pub protocol: Protocol,
}

/// `calendar:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// First day.
    pub start: Spanned<Date>,
    /// Train and test together.
    pub length: Spanned<Span>,
    /// The part before test.
    pub train: Spanned<Span>,
    /// Width of a bucket.
    pub step: Step,
    /// IANA zone; UTC when absent.
    pub zone: Option<Spanned<String>>,
    /// Country whose public holidays are known to forecasters and dampen the desk by `tickets.holiday`.
    pub holidays: Option<Spanned<String>>,
}

/// `tickets:`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tickets {
    /// Expected tickets per day, over a week without holidays, trend and season.
    pub rate: Spanned<f64>,
    /// Spread of a bucket around its expectation.
    pub dispersion: Spanned<Dispersion>,
    /// Seven weights, Monday first; only their ratios matter.
    pub weekday: Option<Spanned<Vec<f64>>>,
    /// 24 weights from midnight; only their ratios matter.
    pub hour: Option<Spanned<Vec<f64>>>,
    /// A wave over the year.
    pub yearly: Option<Yearly>,
    /// Growth per year as a share of the first day, linear.
    pub trend: Option<Spanned<f64>>,
    /// Factor on public holidays.
    pub holiday: Option<Spanned<f64>>,
    /// Dimension → shares; dimensions not named keep those of the built-in desk.
    #[serde(default)]
    pub attributes: Pairs<Attribute>,
    /// Tag → share of tickets that carry it; absent: those of the built-in desk.
    pub tags: Option<Shares>,
}

/// How counts spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dispersion {
    /// Variance = mean.
    Poisson,
    /// Variance = mean + φ·mean²: every bucket has one factor of mean 1 and variance φ, shared by all tickets in it.
    NegativeBinomial(f64),
}

/// A wave over the year: 1 + amplitude · cos(2π (day − peak) / 365.25).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Yearly {
    /// Height, in 0..1.
    pub amplitude: Spanned<f64>,
    /// Day of the year of the crest, 1 to 366.
    pub peak: Spanned<u16>,
}

/// Shares of one dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// The same for every ticket.
    Shares(Shares),
    /// For each value of one other dimension: `given: {type: {incident: {high: 0.6, low: 0.4}, …}}`.
    Given(Pairs<Pairs<Shares>>),
}

/// One item of `changes:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeSpec {
    /// A release.
    Deployment(Entry),
    /// A setting.
    ConfigChange(Entry),
    /// A controlled trial.
    Experiment(Entry),
    /// A marketing campaign.
    Campaign(Entry),
    /// Planned work.
    Maintenance(Entry),
    /// A rule of the business.
    Policy(Entry),
}

impl ChangeSpec {
    /// Its kind and its fields.
    #[must_use]
    pub const fn parts(&self) -> (ChangeKind, &Entry) {
        match self {
            Self::Deployment(entry) => (ChangeKind::Deployment, entry),
            Self::ConfigChange(entry) => (ChangeKind::ConfigChange, entry),
            Self::Experiment(entry) => (ChangeKind::Experiment, entry),
            Self::Campaign(entry) => (ChangeKind::Campaign, entry),
            Self::Maintenance(entry) => (ChangeKind::Maintenance, entry),
            Self::Policy(entry) => (ChangeKind::Policy, entry),
        }
    }
}

/// Fields of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// How faults of this file refer to it; the log shows another one, drawn per seed.
    pub id: Option<Spanned<String>>,
    /// When.
    pub at: OnsetDraw,
    /// Again and again at this distance, to the end of the calendar.
    pub every: Option<Spanned<Span>>,
    /// How long, where it has an end.
    pub duration: Option<SpanDraw>,
    /// One line for people; absent: a plain one for its kind.
    pub title: Option<String>,
    /// The platform it touches.
    pub platform: Option<String>,
    /// The version it brings.
    pub version: Option<String>,
    /// The countries it touches.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Share of users it reaches; absent: all.
    pub rollout: Option<Spanned<f64>>,
}

/// `protocol:`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// A page later than this after the start of an effect is late; absent: 3 d on daily data, 12 h below.
    pub deadline: Option<Span>,
}
