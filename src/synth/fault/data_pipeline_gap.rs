//! Records of a scope stop arriving: the tickets were written, but the counts miss them. Buckets stay and count less.

use super::{Action, Entry, Setting};
use crate::scenario::case::{Course, Fault};
use crate::seed::Seed;
use crate::synth::sample::number;

pub(super) const ENTRY: Entry =
    Entry { name: "data_pipeline_gap", about: "Records of its scope stop arriving; buckets stay and count less.", act };

fn act(fault: &Fault, setting: &Setting<'_>, seed: Seed) -> Action {
    let Course::Lose(share) = &fault.course else { unreachable!("the format gives a gap its loss") };
    Action::Scale(vec![1.0 - number(share, seed, "loss"); setting.starts.len()])
}
