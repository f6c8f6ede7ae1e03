//! The text of a scenario file as types: what may be written, not yet what it means.
//!
//! Every struct denies unknown fields; faults and benign events are externally tagged (`- deployment: {…}`), so that an error points at
//! the key itself. `check` turns this into a [`Case`](super::case::Case).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::value::{Draw, Onset, Pairs, ScopeDraw, Watch};
use crate::data::ChangeKind;
use crate::name::ScenarioId;
use crate::time::{Span, Step};
use crate::yaml::Spanned;

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

/// One item of `faults:`. Each kind has its mechanism in a file of `synth/fault/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultSpec {
    /// A release that breaks something.
    Deployment(Acting),
    /// A setting that breaks something.
    ConfigChange(Acting),
    /// A part of the users cannot work; nothing in the log.
    SegmentOutage(Acting),
    /// Something the product relies on fails; nothing in the log.
    DependencyFailure(Acting),
    /// Records of a scope stop arriving.
    DataPipelineGap(Gap),
    /// A new rule that customers complain about.
    PolicyChange(Acting),
    /// Automated tickets at a constant rate.
    BotBurst(Burst),
}

/// Fields of a fault that scales the tickets of its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acting {
    /// When it happens; absent only with `change`.
    pub onset: Option<OnsetDraw>,
    /// The entry of `changes:` that causes it, by id.
    pub change: Option<Spanned<String>>,
    /// From onset to the first tickets; absent: none.
    pub lag: Option<SpanDraw>,
    /// How long it acts; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Its course over that time.
    pub shape: Spanned<Shape>,
    /// Which tickets; absent: all.
    pub scope: Option<ScopeDraw>,
    /// Expected tickets at its height, in multiples of the normal.
    pub multiplier: Option<NumberDraw>,
    /// Shares among the tickets it causes, by dimension.
    #[serde(default)]
    pub attributes: Pairs<Shares>,
    /// Tags of the tickets it causes.
    pub tags: Option<Shares>,
    /// The version that the log shows.
    pub version: Option<Spanned<String>>,
}

/// Fields of a pipeline gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Whose records; absent: all.
    pub scope: Option<ScopeDraw>,
    /// Share of the records that do not arrive.
    pub loss: NumberDraw,
}

/// Fields of a burst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Where the tickets land; absent: as all tickets do.
    pub scope: Option<ScopeDraw>,
    /// Expected extra tickets per day, at all hours alike.
    pub per_day: NumberDraw,
    /// Shares among them, by dimension.
    #[serde(default)]
    pub attributes: Pairs<Shares>,
    /// Their tags.
    pub tags: Option<Shares>,
}

/// The course of a fault over the time it acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Up at once, for a short time.
    Spike,
    /// To another level at once.
    Shift,
    /// Linearly up (or down) to its height at the end.
    Ramp,
    /// At once, then fading: e⁻³ of the height is left at the end.
    Transient,
    /// Down at once, for a short time.
    Dip,
    /// The same mean, but the sd of a bucket is this many times the normal.
    Variance(NumberDraw),
    /// The same week, but spread over the weekdays by these seven weights, Monday first.
    Pattern(Spanned<Vec<f64>>),
}

/// One item of `benign:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BenignSpec {
    /// The public holidays in test.
    Holiday(HolidaySpec),
    /// A campaign, listed in the log, that brings tickets.
    Campaign(Campaign),
    /// Shares of a dimension move, the total stays.
    MixShift(MixShift),
    /// The desk grows.
    SlowGrowth(SlowGrowth),
    /// A release that does nothing.
    DecoyDeployment(Decoy),
    /// Nothing is recorded; listed in the log as maintenance.
    LoggingOutage(Outage),
    /// Tickets of one value are filed under another.
    TaxonomyChange(Taxonomy),
}

/// Fields of `holiday`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolidaySpec {
    /// Only the holidays of this name; absent: all in test.
    pub name: Option<Spanned<String>>,
}

/// Fields of `campaign`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long.
    pub duration: SpanDraw,
    /// Whose tickets; absent: all.
    pub scope: Option<ScopeDraw>,
    /// Expected tickets in multiples of the normal.
    pub multiplier: NumberDraw,
}

/// Fields of `mix_shift`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixShift {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Which dimension.
    pub dimension: Spanned<String>,
    /// The shares from then on.
    pub shares: Shares,
}

/// Fields of `slow_growth`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowGrowth {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Growth per week as a share of the level at its onset.
    pub per_week: NumberDraw,
}

/// Fields of `decoy_deployment`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoy {
    /// When; absent only with `lag`.
    pub onset: Option<OnsetDraw>,
    /// The onset of the first fault comes this long after it.
    pub lag: Option<SpanDraw>,
    /// The platform it touches.
    pub platform: Option<String>,
    /// The version that the log shows.
    pub version: Option<String>,
}

/// Fields of `logging_outage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long.
    pub duration: SpanDraw,
}

/// Fields of `taxonomy_change`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taxonomy {
    /// When it begins; it lasts to the end.
    pub onset: OnsetDraw,
    /// Which dimension.
    pub dimension: Spanned<String>,
    /// The value tickets had.
    pub from: Spanned<String>,
    /// The value they get.
    pub to: Spanned<String>,
    /// The share of them that moves; absent: all.
    pub share: Option<NumberDraw>,
}

/// `protocol:`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// A page later than this after the start of an effect is late; absent: 3 d on daily data, 12 h below.
    pub deadline: Option<Span>,
}

impl FaultSpec {
    /// The key in the file.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Deployment(_) => "deployment",
            Self::ConfigChange(_) => "config_change",
            Self::SegmentOutage(_) => "segment_outage",
            Self::DependencyFailure(_) => "dependency_failure",
            Self::DataPipelineGap(_) => "data_pipeline_gap",
            Self::PolicyChange(_) => "policy_change",
            Self::BotBurst(_) => "bot_burst",
        }
    }

    /// Which tickets it touches, as written.
    #[must_use]
    pub const fn scope(&self) -> Option<&ScopeDraw> {
        match self {
            Self::Deployment(fault)
            | Self::ConfigChange(fault)
            | Self::SegmentOutage(fault)
            | Self::DependencyFailure(fault)
            | Self::PolicyChange(fault) => fault.scope.as_ref(),
            Self::DataPipelineGap(fault) => fault.scope.as_ref(),
            Self::BotBurst(fault) => fault.scope.as_ref(),
        }
    }
}

impl BenignSpec {
    /// The key in the file.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Holiday(_) => "holiday",
            Self::Campaign(_) => "campaign",
            Self::MixShift(_) => "mix_shift",
            Self::SlowGrowth(_) => "slow_growth",
            Self::DecoyDeployment(_) => "decoy_deployment",
            Self::LoggingOutage(_) => "logging_outage",
            Self::TaxonomyChange(_) => "taxonomy_change",
        }
    }
}
