//! What a scenario file means once it is checked: buckets instead of dates, codes instead of names.
//!
//! Still before any seed: what a seed draws is a [`Draw`].

use jiff::civil::DateTime;

use super::dimension::{Dimension, Filter, Leaves};
use super::spec::Dispersion;
use super::value::{Draw, Metric};
use crate::data::ChangeKind;
use crate::time::{Grid, Span};

/// A checked scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The buckets.
    pub days: Days,
    /// The tickets of a normal day.
    pub desk: Desk,
    /// Dimensions, those that others depend on first.
    pub dimensions: Vec<Dimension>,
    /// The combinations that faults, benign events and watched series tell apart.
    pub leaves: Leaves,
    /// Tags and the share of normal tickets that carries each.
    pub tags: Vec<(String, f64)>,
    /// Entries of the change log.
    pub changes: Vec<LoggedChange>,
    /// Faults.
    pub faults: Vec<Fault>,
    /// Harmless events.
    pub benign: Vec<Benign>,
    /// Users and what they do, if the file has any.
    pub activity: Option<Activity>,
    /// Watched series by name.
    pub watch: Vec<(String, Watched)>,
    /// A page later than this after the start of an effect is late.
    pub deadline: Span,
}

/// What a watched series counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// What is counted.
    pub metric: Metric,
    /// Of which tickets or users.
    pub filter: Filter,
}

/// Users and what they do on a normal day.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Users who signed up before the first day.
    pub users: u32,
    /// Expected signups per day.
    pub signups: f64,
    /// Shares of a cohort that is active 1, 7 and 30 days after signup.
    pub retention: [f64; 3],
    /// Weights of mean 1 on those shares, Monday first.
    pub weekday: [f64; 7],
    /// Expected sessions of a user on a day with any.
    pub sessions: f64,
    /// Expected events of a session.
    pub events: Events,
    /// Attributes of users and the version they run, those that others depend on first.
    pub dimensions: Vec<Dimension>,
    /// The one of them that changes: the version.
    pub version: usize,
    /// Share of a release's users that runs it, by days since the release.
    pub rollout: Vec<f64>,
}

/// Expected events of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Events {
    /// Of everyone.
    All(f64),
    /// By the codes of a dimension of users.
    Given(usize, Vec<f64>),
}

/// What a fault does to the activity of its scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Factor on sessions.
    pub sessions: Option<Draw<f64>>,
    /// Factor on the share of users who come back.
    pub retention: Option<Draw<f64>>,
    /// Accounts that are no users.
    pub bots: Option<Bots>,
}

/// Accounts that are no users.
#[derive(Debug, Clone, PartialEq)]
pub struct Bots {
    /// How many.
    pub users: Draw<f64>,
    /// Expected sessions of each per day.
    pub sessions: Draw<f64>,
    /// Expected events of each session.
    pub events: Draw<f64>,
}

/// What a campaign does to activity.
#[derive(Debug, Clone, PartialEq)]
pub struct Marketing {
    /// Factor on signups.
    pub signups: Draw<f64>,
    /// Factor on the share of users who are active.
    pub active: Draw<f64>,
}

/// The buckets of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Days {
    /// Train and test.
    pub grid: Grid,
    /// Number of buckets in train.
    pub train: usize,
    /// Wall-clock start of every bucket.
    pub starts: Vec<DateTime>,
    /// Names of the holidays that occur, sorted.
    pub holiday_names: Vec<String>,
    /// Per bucket, the holiday on its date.
    pub holidays: Vec<Option<u16>>,
}

/// The count process of a normal day.
#[derive(Debug, Clone, PartialEq)]
pub struct Desk {
    /// Expected tickets per day.
    pub rate: f64,
    /// Spread of a bucket.
    pub dispersion: Dispersion,
    /// Weights of mean 1, Monday first.
    pub weekday: [f64; 7],
    /// Weights of mean 1 by hour.
    pub hour: [f64; 24],
    /// Height of the yearly wave, and the day of its crest.
    pub yearly: (f64, f64),
    /// Growth per year.
    pub trend: f64,
    /// Factor on public holidays.
    pub holiday: f64,
}

/// An entry of the change log.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedChange {
    /// What kind.
    pub kind: ChangeKind,
    /// Bucket.
    pub at: Draw<usize>,
    /// Buckets from one to the next.
    pub every: Option<usize>,
    /// Buckets until it ends.
    pub duration: Option<Draw<usize>>,
    /// What the log shows.
    pub label: Label,
}

/// What the log shows of a change; what is absent is filled in per seed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Label {
    /// One line for people.
    pub title: Option<String>,
    /// The platform it touches.
    pub platform: Option<String>,
    /// The version it brings.
    pub version: Option<String>,
    /// The countries it touches.
    pub regions: Vec<String>,
    /// Share of users it reaches.
    pub rollout: Option<f64>,
}

/// A fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Its kind: the key in the file, and the name of its mechanism.
    pub kind: &'static str,
    /// The kind of change that causes it, and that the log shows.
    pub cause: Option<ChangeKind>,
    /// When it happens.
    pub start: Start,
    /// Buckets from there to the first tickets.
    pub lag: Draw<usize>,
    /// Buckets it acts; absent: to the end.
    pub duration: Option<Draw<usize>>,
    /// The scopes a seed chooses from.
    pub scopes: Vec<Filter>,
    /// What it does to the counts.
    pub course: Course,
    /// Shares among the tickets it causes.
    pub skew: Vec<(usize, Vec<f64>)>,
    /// Per tag, the share of the tickets it causes; absent: as normal tickets.
    pub tags: Option<Vec<f64>>,
    /// The version that the log shows.
    pub version: Option<String>,
    /// What it does to activity, from the onset on.
    pub usage: Option<Usage>,
}

/// When a fault happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// In this bucket.
    At(Draw<usize>),
    /// With this entry of the change log.
    Change(usize),
}

/// What a fault does to the counts of its scope.
#[derive(Debug, Clone, PartialEq)]
pub enum Course {
    /// Expectation times 1 + (multiplier − 1) · profile.
    Scale {
        /// Height over time.
        profile: Profile,
        /// At its height.
        multiplier: Draw<f64>,
    },
    /// The same expectation, the sd times this.
    Spread(Draw<f64>),
    /// Other weekday weights, of mean 1.
    Pattern([f64; 7]),
    /// This share of the records is lost.
    Lose(Draw<f64>),
    /// This many more per day.
    Add(Draw<f64>),
    /// Nothing.
    Keep,
}

/// Height of a fault over its time, between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// At its height all the time.
    Flat,
    /// Rising to its height at the end.
    Rising,
    /// At its height at once, then fading.
    Fading,
}

/// A harmless event.
#[derive(Debug, Clone, PartialEq)]
pub struct Benign {
    /// Its kind: the key in the file.
    pub kind: &'static str,
    /// What it does.
    pub event: Event,
}

/// What a harmless event does.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The holidays of one name, or all, in test.
    Holidays(Option<u16>),
    /// Expectation of a scope times a factor.
    Campaign {
        /// When.
        time: Time,
        /// The scopes a seed chooses from.
        scopes: Vec<Filter>,
        /// The factor.
        multiplier: Draw<f64>,
        /// What it does to activity.
        marketing: Option<Marketing>,
    },
    /// Other shares of a dimension: per code, the factor on its tickets.
    MixShift {
        /// When.
        time: Time,
        /// Which dimension.
        dim: usize,
        /// New share over old share.
        factors: Vec<f64>,
        /// The same among users.
        usage: Option<Vec<f64>>,
    },
    /// Linear growth per week.
    Growth {
        /// When.
        time: Time,
        /// Share of the level at its onset.
        per_week: Draw<f64>,
    },
    /// A release that does nothing.
    Decoy {
        /// When, or how many buckets before the first tickets of the first fault.
        at: DecoyTime,
        /// What the log shows.
        label: Label,
    },
    /// Nothing is recorded.
    Outage(Time),
    /// Tickets of one code move to another.
    Relabel {
        /// When; to the end.
        onset: Draw<usize>,
        /// Which dimension.
        dim: usize,
        /// From this code.
        from: u16,
        /// To this one.
        to: u16,
        /// This share of them.
        share: Draw<f64>,
    },
}

/// A first bucket and a number of buckets; absent: to the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    /// First bucket.
    pub onset: Draw<usize>,
    /// Number of buckets.
    pub duration: Option<Draw<usize>>,
}

/// When a decoy is released.
#[derive(Debug, Clone, PartialEq)]
pub enum DecoyTime {
    /// In this bucket.
    At(Draw<usize>),
    /// So many buckets before the first tickets of the first fault.
    Before(Draw<usize>),
}
