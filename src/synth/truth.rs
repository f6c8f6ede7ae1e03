//! The truth of a drawn case, from the plan and never from drawn counts.

use std::collections::BTreeMap;

use super::Synthesis;
use super::activity::{self, Model};
use super::drawn::{DrawnEvent, DrawnFault, Run};
use super::plan::mask;
use crate::data::truth::{BenignTruth, Effect, FaultTruth, GroundTruth, VariantOf, Window};
use crate::scenario::case::Watched;
use crate::scenario::dimension::{Dimension, Filter};

pub(super) fn truth(synthesis: &Synthesis<'_>, model: Option<&Model<'_>>) -> GroundTruth {
    let scenario = synthesis.scenario;
    GroundTruth {
        scenario: scenario.id.clone(),
        variant_of: scenario
            .variant
            .as_ref()
            .map(|variant| VariantOf { scenario: variant.of.clone(), incident: synthesis.id_of(&variant.of) }),
        title: scenario.title.clone(),
        file: scenario.file.clone(),
        role: synthesis.role,
        replicate: synthesis.replicate,
        faulted: scenario.faulted(),
        faults: synthesis.drawn.faults.iter().enumerate().map(|(number, fault)| fault_truth(synthesis, model, number, fault)).collect(),
        benign: synthesis.drawn.events.iter().map(benign_truth).collect(),
        leaves: leaves(synthesis),
        dimensions: scenario.case.dimensions.iter().map(|dimension| (dimension.name.clone(), dimension.values.clone())).collect(),
    }
}

/// Leaves where tickets are expected, or users: the dimensions of users are dimensions of tickets too.
fn leaves(synthesis: &Synthesis<'_>) -> Vec<BTreeMap<String, String>> {
    let case = &synthesis.scenario.case;
    let plan = &synthesis.plan;
    let added = |leaf: usize| plan.faults.iter().any(|fault| fault.spread.as_ref().is_some_and(|shares| shares[leaf] > 0.0));
    let expected = |leaf: usize| plan.base.iter().skip(leaf).step_by(plan.leaves).any(|expected| *expected > 0.0) || added(leaf);
    let names = |codes: &[u16]| {
        let pairs = case.leaves.dims.iter().zip(codes);
        pairs.map(|(&dim, &code)| (case.dimensions[dim].name.clone(), case.dimensions[dim].values[usize::from(code)].clone())).collect()
    };
    let all = case.leaves.all.iter().enumerate();
    all.filter(|(number, leaf)| expected(*number) || users_are_there(synthesis, &leaf.codes)).map(|(_, leaf)| names(&leaf.codes)).collect()
}

/// Whether users have these codes of the leaf dimensions, on some day.
fn users_are_there(synthesis: &Synthesis<'_>, codes: &[u16]) -> bool {
    let case = &synthesis.scenario.case;
    let Some(activity) = &case.activity else { return false };
    let value = |name: &str| {
        let at = case.leaves.dims.iter().position(|&dim| case.dimensions[dim].name == name)?;
        let dimension = &case.dimensions[case.leaves.dims[at]];
        Some(dimension.values[usize::from(codes[at])].as_str())
    };
    activity.dimensions.iter().enumerate().all(|(dim, own)| {
        let Some(code) = value(&own.name).map(|value| own.code(value)) else { return true };
        let Some(code) = code else { return false };
        // Users of any version can come to run one that is released, on the platforms it reaches.
        let released = dim == activity.version
            && synthesis
                .releases
                .iter()
                .any(|release| release.code(own) == Some(code) && { release.reaches(&case.dimensions, &case.leaves.dims, codes) });
        let rows = own.parent.and_then(|parent| value(&activity.dimensions[parent].name).map(|value| (parent, value)));
        let has = |row: &Vec<f64>| row[usize::from(code)] > 0.0;
        released
            || match rows.and_then(|(parent, value)| activity.dimensions[parent].code(value)) {
                Some(row) => has(&own.shares[usize::from(row)]),
                None => own.shares.iter().any(has),
            }
    })
}

fn fault_truth(synthesis: &Synthesis<'_>, model: Option<&Model<'_>>, number: usize, fault: &DrawnFault<'_>) -> FaultTruth {
    let case = &synthesis.scenario.case;
    let effect = |(name, watched): &(String, Watched)| {
        let (window, peak_sd) = match model.filter(|_| activity::is_of_users(watched)) {
            Some(model) => activity::effect(model, number, watched),
            None => synthesis.plan.effect(number, &mask(case, &watched.filter)),
        };
        Effect { series: name.clone(), window, peak_sd }
    };
    FaultTruth {
        kind: fault.fault.kind.to_owned(),
        change: fault.change.clone(),
        scope: names(fault.scope, &case.dimensions),
        active: window(fault.acts()),
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
