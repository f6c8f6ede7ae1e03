//! End to end: the pages of a model joined with what an agent said of them. A join of records, never a job of its own.
//!
//! Each page group ends in one way, and a fault without a page is missed. Whether pages belong to a fault is decided as in
//! [`matching`](super::matching): by effect windows per series, with the recovery after them excused.

use super::counts::{Counts, EndTally, Tally};
use super::matching::EffectWindow;
use super::root_cause::{JudgedReport, Standing};
use crate::detect::page::Paging;

/// Where a fault shows on one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Number of the fault.
    pub fault: usize,
    /// The series.
    pub series: String,
    /// When, with the deadline.
    pub window: EffectWindow,
}

impl Shown {
    fn is_on(&self, page: &(usize, String)) -> bool {
        self.series == page.1
    }

    fn is_told_by(&self, page: &(usize, String)) -> bool {
        self.is_on(page) && (self.window.contains(page.0) || self.window.is_in_time(page.0))
    }

    fn is_told_in_time_by(&self, page: &(usize, String)) -> bool {
        self.is_on(page) && self.window.is_in_time(page.0)
    }
}

/// Pages of one model on one incident within `correlate` of the first, and what came of the investigation.
#[derive(Debug, Clone, Copy)]
pub struct Investigated<'a> {
    /// The pages: test bucket and series.
    pub pages: &'a [(usize, String)],
    /// What the agent said, judged against the faults of [`faults_of`]; none where the investigation failed for infrastructure.
    pub judged: Option<&'a JudgedReport>,
}

/// One incident, one model, one agent.
#[derive(Debug, Clone, Copy)]
pub struct Joined<'a> {
    /// Page groups by time.
    pub groups: &'a [Investigated<'a>],
    /// The detectable effects of the incident.
    pub shown: &'a [Shown],
    /// How flags became pages.
    pub paging: Paging,
    /// Seconds of buckets that were observed.
    pub observed_seconds: u64,
}

/// How one page group ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The cause was named and is grounded.
    Right,
    /// The cause was named, on nothing that was recorded.
    Ungrounded,
    /// Another cause was named, or nothing that exists.
    WrongCause,
    /// No cause was named.
    Abstained,
    /// Every fault it tells of was paged after its deadline.
    Late,
    /// A false page of which nothing was blamed.
    Dismissed,
    /// A false page for which something was blamed.
    Blamed,
    /// A false page of which the agent handed in no report.
    Unanswered,
    /// A page in the recovery after a fault: neither right nor false.
    Recovery,
    /// The investigation failed: not judged.
    Failed,
}

impl Ending {
    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Ungrounded => "right but ungrounded",
            Self::WrongCause => "wrong cause",
            Self::Abstained => "abstained",
            Self::Late => "late",
            Self::Dismissed => "false page dismissed",
            Self::Blamed => "false page blamed",
            Self::Unanswered => "false page without a report",
            Self::Recovery => "recovery",
            Self::Failed => "failed",
        }
    }
}

/// The faults that pages tell of, in the order of their numbers: the truth to judge an investigation of these pages against. None: it
/// should be cleared.
#[must_use]
pub fn faults_of(pages: &[(usize, String)], shown: &[Shown]) -> Vec<usize> {
    let mut faults: Vec<usize> =
        shown.iter().filter(|shown| pages.iter().any(|page| shown.is_told_by(page))).map(|shown| shown.fault).collect();
    faults.sort_unstable();
    faults.dedup();
    faults
}

impl Joined<'_> {
    /// How each group ended, in their order.
    #[must_use]
    pub fn endings(&self) -> Vec<Ending> {
        let mut in_time: Vec<usize> = Vec::new();
        let mut endings = Vec::with_capacity(self.groups.len());
        for group in self.groups {
            let told = self.shown.iter().filter(|shown| group.pages.iter().any(|page| shown.is_told_in_time_by(page)));
            in_time.extend(told.map(|shown| shown.fault));
            let faults = faults_of(group.pages, self.shown);
            endings.push(if faults.is_empty() { self.unfounded(group) } else { founded(group, &faults, &in_time) });
        }
        endings
    }

    /// The faults that no page tells of.
    #[must_use]
    pub fn missed(&self) -> Vec<usize> {
        let told: Vec<usize> = self.groups.iter().flat_map(|group| faults_of(group.pages, self.shown)).collect();
        let mut missed: Vec<usize> = self.shown.iter().map(|shown| shown.fault).filter(|fault| !told.contains(fault)).collect();
        missed.sort_unstable();
        missed.dedup();
        missed
    }

    /// What the incident adds to its file. One whose investigations all failed is not judged.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let endings = self.endings();
        let count = |ending: Ending| endings.iter().filter(|is| **is == ending).count() as u64;
        let failed = count(Ending::Failed);
        let end = EndTally {
            right: count(Ending::Right),
            ungrounded: count(Ending::Ungrounded),
            wrong_cause: count(Ending::WrongCause),
            abstained: count(Ending::Abstained),
            late: count(Ending::Late),
            missed: self.missed().len() as u64,
            dismissed: count(Ending::Dismissed),
            blamed: count(Ending::Blamed),
            unanswered: count(Ending::Unanswered),
        };
        let judged = endings.is_empty() || end != EndTally::default() || failed < endings.len() as u64;
        let lost = std::iter::zip(&endings, self.groups)
            .filter(|(ending, group)| **ending == Ending::Failed && !faults_of(group.pages, self.shown).is_empty())
            .count() as u64;
        let observed_seconds = if judged { self.observed_seconds } else { 0 };
        Counts { tally: Tally { jobs: u64::from(judged), failed, lost, observed_seconds, end, ..Tally::default() }, ..Counts::default() }
    }

    /// Recovery is excused as false pages are: if every page is in it, nothing is expected of the agent.
    fn unfounded(&self, group: &Investigated<'_>) -> Ending {
        let excused =
            |page: &(usize, String)| self.shown.iter().any(|shown| shown.is_on(page) && shown.window.excuses(page.0, self.paging));
        match group.judged {
            _ if group.pages.iter().all(excused) => Ending::Recovery,
            None => Ending::Failed,
            // A report that names what does not exist blames all the same.
            Some(judged) if judged.tally.blamed > 0 => Ending::Blamed,
            // Whoever comes to no conclusion has not cleared anything.
            Some(judged) if judged.standing == Standing::NoReport => Ending::Unanswered,
            Some(_) => Ending::Dismissed,
        }
    }
}

fn founded(group: &Investigated<'_>, faults: &[usize], in_time: &[usize]) -> Ending {
    if !faults.iter().any(|fault| in_time.contains(fault)) {
        return Ending::Late;
    }
    match group.judged.map(|judged| (judged.standing, judged.grounded)) {
        None => Ending::Failed,
        Some((Standing::Right, true)) => Ending::Right,
        Some((Standing::Right, false)) => Ending::Ungrounded,
        Some((Standing::WrongCause | Standing::Invalid | Standing::Blamed, _)) => Ending::WrongCause,
        Some((Standing::Abstained | Standing::Dismissed | Standing::Cleared | Standing::NoReport, _)) => Ending::Abstained,
    }
}
