//! The truth of a drawn case, from the plan and never from drawn counts.

use std::collections::BTreeMap;

use super::Synthesis;
use super::drawn::{DrawnEvent, DrawnFault, Run};
use super::plan::mask;
use crate::data::truth::{BenignTruth, Effect, FaultTruth, GroundTruth, Window};
use crate::scenario::dimension::{Dimension, Filter};

pub(super) fn truth(synthesis: &Synthesis<'_>) -> GroundTruth {
    let scenario = synthesis.scenario;
    GroundTruth {
        scenario: scenario.id.clone(),
        title: scenario.title.clone(),
        file: scenario.file.clone(),
        role: synthesis.role,
        replicate: synthesis.replicate,
        faulted: scenario.faulted(),
        faults: synthesis.drawn.faults.iter().enumerate().map(|(number, fault)| fault_truth(synthesis, number, fault)).collect(),
        benign: synthesis.drawn.events.iter().map(benign_truth).collect(),
    }
}

fn fault_truth(synthesis: &Synthesis<'_>, number: usize, fault: &DrawnFault<'_>) -> FaultTruth {
    let case = &synthesis.scenario.case;
    let effect = |(name, filter): &(String, Filter)| {
        let (window, peak_sd) = synthesis.plan.effect(number, &mask(case, filter));
        Effect { series: name.clone(), window, peak_sd }
    };
    FaultTruth {
        kind: fault.fault.kind.to_owned(),
        change: fault.change.clone(),
        scope: names(fault.scope, &case.dimensions),
        active: window(fault.active),
        deadline: case.deadline,
        effects: case.watch.iter().map(effect).collect(),
    }
}

fn benign_truth(event: &DrawnEvent<'_>) -> BenignTruth {
    BenignTruth { kind: event.kind.to_owned(), change: event.change.clone(), active: window(event.active) }
}

const fn window(run: Run) -> Window {
    Window { first: run.first, last: run.end - 1 }
}

fn names(scope: &Filter, dimensions: &[Dimension]) -> BTreeMap<String, Vec<String>> {
    let values = |dim: usize, codes: &[u16]| codes.iter().map(|code| dimensions[dim].values[usize::from(*code)].clone()).collect();
    scope.iter().map(|(dim, codes)| (dimensions[*dim].name.clone(), values(*dim, codes))).collect()
}
