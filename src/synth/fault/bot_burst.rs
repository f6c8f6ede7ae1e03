//! Automated tickets: a constant rate that knows neither weekday nor night nor how busy the desk is.

use super::{Action, Entry, Setting};
use crate::scenario::case::{Course, Fault};
use crate::seed::Seed;
use crate::synth::sample::number;

pub(super) const ENTRY: Entry =
    Entry { name: "bot_burst", about: "Automated tickets at a constant rate, at all hours alike; nothing in the log.", act };

fn act(fault: &Fault, setting: &Setting<'_>, seed: Seed) -> Action {
    let Course::Add(per_day) = &fault.course else { unreachable!("the format gives a burst its rate") };
    Action::Add(vec![number(per_day, seed, "per_day") * setting.days; setting.starts.len()])
}
