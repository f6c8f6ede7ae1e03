//! The change log: entries of the file, of faults and of harmless events, under ids and titles that tell nothing apart.
//!
//! A decoy and a culprit take their titles from the same pool.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Zoned};
use rand_chacha::ChaCha8Rng;

use super::sample::below;
use crate::data::{Change, ChangeKind};
use crate::scenario::case::{Days, Label};
use crate::seed::{Seed, digest};

/// The log while it is written.
pub(super) struct Log<'a> {
    days: &'a Days,
    seed: Seed,
    taken: BTreeSet<String>,
    entries: Vec<Change>,
}

impl<'a> Log<'a> {
    pub(super) fn new(days: &'a Days, seed: Seed) -> Self {
        Self { days, seed: seed.child("changes"), taken: BTreeSet::new(), entries: Vec::new() }
    }

    /// Adds an entry in a bucket and returns its id; `key` names its stream.
    pub(super) fn add(&mut self, key: &str, kind: ChangeKind, at: usize, buckets: Option<usize>, label: &Label) -> String {
        let mut rng = self.seed.child(key).rng();
        let version = label.version.clone().or_else(|| (kind == ChangeKind::Deployment).then(|| version(&mut rng)));
        let title = label.title.clone().unwrap_or_else(|| title(kind, version.as_deref(), label.platform.as_deref(), &mut rng));
        let planned = matches!(kind, ChangeKind::Maintenance | ChangeKind::Campaign);
        let start = self.days.grid.stamp(at);
        let at_instant = if planned { start } else { self.within(start, &mut rng) };
        let until = buckets.map(|buckets| self.days.grid.stamp((at + buckets).min(self.days.grid.len())));
        let id = self.id(key);
        self.entries.push(Change {
            id: id.clone(),
            kind,
            at: at_instant,
            until,
            title,
            platform: label.platform.clone(),
            version,
            regions: label.regions.clone(),
            rollout: label.rollout.unwrap_or(1.0),
        });
        id
    }

    /// Draws the instant of an entry twice more and keeps the latest, so that of two releases of a day it is mostly, not always, the second.
    pub(super) fn delay(&mut self, key: &str, id: &str, at: usize) {
        let mut rng = self.seed.child(&format!("{key}/delay")).rng();
        let start = self.days.grid.stamp(at);
        let later = [self.within(start.clone(), &mut rng), self.within(start, &mut rng)];
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            entry.at = later.into_iter().fold(entry.at.clone(), Zoned::max);
        }
    }

    /// The instant of an entry.
    pub(super) fn instant(&self, id: &str) -> Option<&Zoned> {
        self.entries.iter().find(|entry| entry.id == id).map(|entry| &entry.at)
    }

    /// All entries, oldest first.
    pub(super) fn finish(mut self) -> Vec<Change> {
        self.entries.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
        self.entries
    }

    /// People release in the morning on daily data, and in the first quarter of a shorter bucket, so that its effect still has room.
    fn within(&self, start: Zoned, rng: &mut ChaCha8Rng) -> Zoned {
        let step = self.days.grid.step();
        let minutes =
            if step.is_daily() { 7 * 60 + below(rng, 4 * 60) } else { below(rng, usize::try_from(step.seconds() / 240).unwrap_or(0)) };
        let later = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(0));
        start.checked_add(later).unwrap_or(start)
    }

    fn id(&mut self, key: &str) -> String {
        let mut try_again = 0_u32;
        loop {
            let number = self.seed.child(&format!("{key}/id/{try_again}")).as_u64();
            let id = format!("chg-{}", digest(&number.to_le_bytes(), 6));
            if self.taken.insert(id.clone()) {
                return id;
            }
            try_again += 1;
        }
    }
}

fn version(rng: &mut ChaCha8Rng) -> String {
    format!("5.{}.{}", 2 + below(rng, 7), below(rng, 10))
}

fn title(kind: ChangeKind, version: Option<&str>, platform: Option<&str>, rng: &mut ChaCha8Rng) -> String {
    if let (ChangeKind::Deployment, Some(version)) = (kind, version) {
        return platform.map_or_else(|| format!("Release {version}"), |platform| format!("Release {version} for {platform}"));
    }
    let pool: &[&str] = match kind {
        ChangeKind::Deployment => &["Release"],
        ChangeKind::ConfigChange => &[
            "Request timeout changed",
            "Feature flag switched on for everyone",
            "Cache lifetime raised",
            "Rate limit changed",
            "Search index settings changed",
            "Ticket form changed",
        ],
        ChangeKind::Experiment => &["A/B test of the checkout page", "A/B test of the help centre", "Trial of a new onboarding"],
        ChangeKind::Campaign => &["Newsletter to all customers", "Seasonal discount", "Referral bonus"],
        ChangeKind::Maintenance => &["Maintenance of the ticket log", "Storage of the ticket log moved", "Upgrade of the event pipeline"],
        ChangeKind::Policy => &["Return window changed", "New prices in effect", "Refund rules changed", "New terms of service"],
    };
    pool[below(rng, pool.len())].to_owned()
}
