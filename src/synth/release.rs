//! Releases: which version reaches whom, and what share of them runs it on a day. Tickets and activity follow the same course.
//!
//! Everyone whom a release reaches has one uniform number for it and runs its version from the day on which the rolled-out share
//! exceeds that number. Only scenarios with users have releases; elsewhere a version in the log is only a word.

use super::drawn::Drawn;
use crate::data::ChangeKind;
use crate::scenario::case::{Activity, Case};
use crate::scenario::dimension::Dimension;

/// A release of the log.
#[derive(Debug)]
pub(super) struct Release {
    /// Day on which it comes out.
    pub(super) at: usize,
    /// Seconds into that day before which nobody has it.
    pub(super) not_before: u32,
    version: String,
    platform: Option<String>,
    regions: Vec<String>,
    /// Share of those it reaches that runs it, by days since the release.
    pub(super) share: Vec<f64>,
}

/// The releases of a drawn case, oldest first.
pub(super) fn releases(case: &Case, drawn: &Drawn<'_>) -> Vec<Release> {
    let Some(activity) = &case.activity else { return Vec::new() };
    let mut releases: Vec<Release> = Vec::new();
    for change in drawn.changes.iter().filter(|change| change.kind == ChangeKind::Deployment) {
        let (Some(version), Some(at)) = (&change.version, case.days.grid.index_of(&change.at)) else { continue };
        let known =
            |release: &Release| (&release.version, &release.platform, &release.regions) == (version, &change.platform, &change.regions);
        // A release that is announced again brings nothing new.
        if releases.iter().any(known) {
            continue;
        }
        let start = case.days.grid.stamp(at).timestamp().as_second();
        releases.push(Release {
            at,
            not_before: u32::try_from(change.at.timestamp().as_second() - start).unwrap_or(0),
            version: version.clone(),
            platform: change.platform.clone(),
            regions: change.regions.clone(),
            share: activity.rollout.iter().map(|share| share * change.rollout).collect(),
        });
    }
    releases
}

impl Release {
    /// The share that runs it on a day.
    pub(super) fn share_on(&self, day: usize) -> f64 {
        day.checked_sub(self.at).map_or(0.0, |since| self.share[since.min(self.share.len() - 1)])
    }

    /// The code of its version.
    pub(super) fn code(&self, dimension: &Dimension) -> Option<u16> {
        dimension.code(&self.version)
    }

    /// Whether it reaches a combination of codes of some dimensions.
    pub(super) fn reaches(&self, dimensions: &[Dimension], dims: &[usize], codes: &[u16]) -> bool {
        let value = |name: &str| {
            let at = dims.iter().position(|&dim| dimensions[dim].name == name)?;
            Some(dimensions[dims[at]].values[usize::from(codes[at])].as_str())
        };
        let platform = self.platform.as_deref().is_none_or(|platform| value("platform") == Some(platform));
        platform && (self.regions.is_empty() || value("country").is_some_and(|country| self.regions.iter().any(|region| region == country)))
    }
}

/// Position of the version among the dimensions of tickets.
pub(super) fn version_of_tickets(case: &Case, activity: &Activity) -> Option<usize> {
    let name = &activity.dimensions[activity.version].name;
    case.dimensions.iter().position(|dimension| dimension.name == *name)
}

/// Moves expected tickets from older versions to those that are rolled out.
pub(super) fn roll_out(case: &Case, releases: &[Release], base: &mut [f64]) {
    let Some(activity) = &case.activity else { return };
    let Some(at) = version_of_tickets(case, activity).and_then(|dim| case.leaves.position(dim)) else { return };
    let leaves = &case.leaves;
    let places: std::collections::BTreeMap<&[u16], usize> =
        leaves.all.iter().enumerate().map(|(place, leaf)| (leaf.codes.as_slice(), place)).collect();
    for release in releases {
        let Some(version) = release.code(&case.dimensions[leaves.dims[at]]) else { continue };
        let mut moves = Vec::new();
        for (source, leaf) in leaves.all.iter().enumerate() {
            if leaf.codes[at] != version && release.reaches(&case.dimensions, &leaves.dims, &leaf.codes) {
                let mut codes = leaf.codes.clone();
                codes[at] = version;
                moves.extend(places.get(codes.as_slice()).map(|&target| (source, target)));
            }
        }
        for (day, row) in base.chunks_exact_mut(leaves.all.len()).enumerate().skip(release.at) {
            for &(source, target) in &moves {
                let moved = row[source] * release.share_on(day);
                row[source] -= moved;
                row[target] += moved;
            }
        }
    }
}

/// Per leaf of tickets, the first second of a day at which a ticket of its version can be written.
pub(super) fn earliest(case: &Case, releases: &[Release], day: usize) -> Vec<u32> {
    let mut first = vec![0; case.leaves.all.len()];
    let Some(at) = case.activity.as_ref().and_then(|activity| version_of_tickets(case, activity)).and_then(|dim| case.leaves.position(dim))
    else {
        return first;
    };
    for release in releases.iter().filter(|release| release.at == day) {
        let version = release.code(&case.dimensions[case.leaves.dims[at]]);
        for (first, leaf) in first.iter_mut().zip(&case.leaves.all) {
            if Some(leaf.codes[at]) == version && release.reaches(&case.dimensions, &case.leaves.dims, &leaf.codes) {
                *first = release.not_before;
            }
        }
    }
    first
}
