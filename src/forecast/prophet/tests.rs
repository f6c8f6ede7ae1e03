//! The posterior against the original's fitted parameters (tests/golden/prophet).

use std::cell::RefCell;

use augurs::prophet::optimizer::{Data, Error, InitialParams, OptimizeOpts, OptimizedParams};
use serde_json::Value;

use super::posterior::Posterior;
use super::*;
use crate::data::known::Columns;
use crate::time::{Grid, Step};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/prophet");

/// Names of all fixtures.
fn cases() -> Vec<String> {
    let names = std::fs::read_dir(FOLDER).expect("the golden folder is there").map(|entry| entry.expect("a readable folder").file_name());
    let mut cases: Vec<String> =
        names.filter_map(|name| Some(name.to_str().expect("plain names").strip_suffix(".json")?.to_owned())).collect();
    cases.sort();
    assert!(cases.len() >= 27, "fixtures are missing: {cases:?}");
    cases
}

/// Values of one of the original's parameter sets under our objective, and of ours.
#[derive(Debug)]
struct Compare {
    theirs: Value,
    seen: RefCell<Option<(f64, f64)>>,
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

impl Optimizer for Compare {
    fn optimize(&self, init: &InitialParams, data: &Data, opts: &OptimizeOpts) -> Result<OptimizedParams, Error> {
        let width = data.sigmas.len();
        let weight = |row: usize| 1.0 + (row % 11) as f64 + libm::cos(row as f64);
        let mark = |j: usize| (0..data.y.len()).map(|row| data.X[row * width + j] * weight(row)).sum::<f64>();
        let columns = self.theirs["beta"].as_array().expect("a list");
        assert_eq!(columns.len(), width, "the same features");
        let beta: Vec<f64> = (0..width)
            .map(|j| {
                let distance = |column: &&Value| (number(&column["mark"]) - mark(j)).abs();
                let nearest = columns.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("a column");
                assert!(distance(&nearest) < 1e-6 * data.y.len() as f64, "column {j} is not among the original's");
                number(&nearest["value"])
            })
            .collect();
        let delta: Vec<f64> = self.theirs["delta"].as_array().expect("a list").iter().map(number).collect();
        assert_eq!(delta.len(), data.t_change.len(), "the same changepoints");
        let (k, m, sigma) = (number(&self.theirs["k"]), number(&self.theirs["m"]), number(&self.theirs["sigma"]));
        let mut posterior = Posterior::new(data);
        let parameters = posterior.parameters(k, m, &delta, &beta, sigma);
        let theirs = posterior.evaluate(&parameters, &mut vec![0.0; parameters.len()], 0.0);
        let native = Native::default();
        let optimum = native.optimize(init, data, opts)?;
        self.seen.replace(native.found.get().map(|found| (theirs, found.objective)));
        Ok(optimum)
    }
}

/// The original's objective as it states it, the same under ours, and that of our optimum. And its Newton optimizer's.
fn compare(case: &str) -> (f64, f64, f64, f64) {
    let golden: Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{FOLDER}/{case}.json")).expect("a golden file")).expect("JSON");
    let settings: Prophet = serde_json::from_value(golden["settings"].clone()).expect("settings");
    let step: Step = golden["step"].as_str().expect("a step").parse().expect("a step");
    let start = golden["start"].as_str().expect("a date").parse().expect("a date");
    let train = golden["train"].as_u64().expect("a number") as usize;
    let values: Vec<Option<f64>> = golden["values"].as_array().expect("a list")[..train].iter().map(Value::as_f64).collect();
    let grid = Grid::civil(start, step, train);
    let holidays = golden["holidays"].as_object().expect("a map");
    let date = |row| grid.datetime(row).date().to_string();
    let on = |row| holidays.values().position(|days| days.as_array().is_some_and(|days| days.iter().any(|day| *day == date(row))));
    let columns = Columns {
        holiday_names: holidays.keys().cloned().collect(),
        holidays: (0..train).map(|row| on(row).map(|number| number as u16)).collect(),
        regressors: (golden["regressors"].as_object().expect("a map").iter())
            .map(|(name, values)| (name.clone(), values.as_array().expect("a list")[..train].iter().map(number).collect()))
            .collect(),
        grid: grid.clone(),
    };
    let input = Input::new(&Series::new(grid, values), &Known::new(columns)).expect("an input");
    let optimizer = std::rc::Rc::new(Compare { theirs: golden["objective"].clone(), seen: RefCell::default() });
    settings.model(&input, Shared(optimizer.clone())).expect("a fit");
    let (theirs, ours) = optimizer.seen.take().expect("the optimizer was called");
    (number(&golden["objective"]["value"]), theirs, ours, number(&golden["newton"]["value"]))
}

#[derive(Debug)]
struct Shared(std::rc::Rc<Compare>);

impl Optimizer for Shared {
    fn optimize(&self, init: &InitialParams, data: &Data, opts: &OptimizeOpts) -> Result<OptimizedParams, Error> {
        self.0.optimize(init, data, opts)
    }
}

#[test]
fn the_objective_at_the_originals_parameters_is_the_originals() {
    for case in cases() {
        let (stated, theirs, _, _) = compare(&case);
        // The fixtures hold 17 digits, and the least noise shifts ln σ by up to 1e-7 / σ per point.
        assert!((stated - theirs).abs() < 1e-6 * stated.abs(), "{case}: {stated} in Python, {theirs} here");
    }
}

#[test]
fn the_optimum_is_not_worse_than_the_originals() {
    for case in cases() {
        let (_, theirs, ours, newton) = compare(&case);
        // 1e-3 of a log posterior is no evidence for either; both of the original's optimizers must be met.
        assert!(ours <= theirs.min(newton) + 1e-3, "{case}: ours {ours}, L-BFGS {theirs}, Newton {newton}");
    }
}
