//! The users of one seed: leaf, day of signup, and the version each runs on each day.

use rand::RngExt;

use super::model::{HISTORY, Model};
use crate::synth::sample::{below, index, poisson};

/// Users in no particular order; accounts of bursts are not among them.
pub(super) struct People {
    pub(super) leaf: Vec<u16>,
    /// Day of signup.
    pub(super) signup: Vec<i32>,
    first_version: Vec<u16>,
    /// Per user and release, the day from which they run it.
    adopted: Vec<u32>,
    codes: Vec<u16>,
}

const NEVER: u32 = u32::MAX;

impl People {
    pub(super) fn draw(model: &Model<'_>) -> Self {
        let mut rng = model.seed.child("users").rng();
        let leaves = model.leaves.all.len();
        let shares: Vec<f64> = model.leaves.all.iter().map(|leaf| leaf.share).collect();
        let (mut leaf, mut signup) = (Vec::new(), Vec::new());
        let history = usize::try_from(HISTORY).unwrap_or(1);
        for _ in 0..model.activity.users {
            leaf.push(u16::try_from(index(&mut rng, &shares)).unwrap_or(0));
            signup.push(i32::try_from(below(&mut rng, history)).unwrap_or(0) - HISTORY);
        }
        let mut rng = model.seed.child("signups").rng();
        for (day, expected) in model.signups.chunks_exact(leaves).enumerate() {
            for (number, expected) in expected.iter().enumerate() {
                for _ in 0..poisson(&mut rng, *expected) {
                    leaf.push(u16::try_from(number).unwrap_or(0));
                    signup.push(i32::try_from(day).unwrap_or(0));
                }
            }
        }
        let mut rng = model.seed.child("versions").rng();
        let first_version =
            leaf.iter().map(|&leaf| u16::try_from(index(&mut rng, &model.versions[usize::from(leaf)])).unwrap_or(0)).collect();
        let mut people = Self { leaf, signup, first_version, adopted: Vec::new(), codes: model.codes.clone() };
        people.adopt(model);
        people
    }

    fn adopt(&mut self, model: &Model<'_>) {
        let releases = self.codes.len();
        self.adopted = vec![NEVER; self.leaf.len() * releases];
        for (number, release) in model.releases().enumerate() {
            let mut rng = model.seed.child(&format!("adoption/{number}")).rng();
            for (user, &leaf) in self.leaf.iter().enumerate() {
                let uniform: f64 = rng.random();
                let since = release.share.iter().position(|share| uniform < *share);
                if let Some(since) = since.filter(|_| model.reached[usize::from(leaf)][number]) {
                    self.adopted[user * releases + number] = u32::try_from(release.at + since).unwrap_or(NEVER);
                }
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.leaf.len()
    }

    /// The version a user runs on a day: of the releases they have, the newest.
    pub(super) fn version(&self, user: usize, day: usize) -> u16 {
        let releases = self.codes.len();
        let adopted = &self.adopted[user * releases..(user + 1) * releases];
        let newest = adopted.iter().rposition(|&from| (from as usize) <= day);
        newest.map_or(self.first_version[user], |number| self.codes[number])
    }
}
