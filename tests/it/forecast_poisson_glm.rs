//! Poisson regression against statsmodels (tests/golden/poisson-glm).

use std::path::Path;

use incident_harness::data::{Known, Series};
use incident_harness::forecast::{Predictive, build};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use serde::Deserialize;
use serde_json::json;

use crate::support;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    hourly: bool,
    train: usize,
    mean: Vec<f64>,
    dispersion: Vec<f64>,
}

impl Case {
    fn series(&self) -> Series {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/series").join(&self.name).with_extension("csv");
        let mut reader = csv::Reader::from_path(&path).expect("a series");
        let first = reader.records().next().expect("a row").expect("a whole row");
        let start = first[0][..10].parse().expect("a date");
        let values = support::column(&path, "value");
        Series::new(Grid::civil(start, if self.hourly { Step::HOUR } else { Step::DAY }, values.len()), values)
    }
}

#[test]
fn means_and_spreads_are_those_of_statsmodels() {
    let golden: Golden = serde_json::from_str(include_str!("../golden/poisson-glm/cases.json")).expect("valid JSON");
    for case in &golden.cases {
        let (series, season) = (case.series(), if case.hourly { 24 } else { 7 });
        let known = Known::stamps(series.grid().clone());
        let model = build("poisson-glm", &json!({ "season": season })).expect("a model");
        let fitted = model.fit(&series.slice(0..case.train), &known.window(0..case.train), Seed::derive(["glm"])).expect("long enough");
        let forecasts = fitted.forecast(&known.window(case.train..series.len())).expect("forecasts");
        assert_eq!(forecasts.len(), case.mean.len());
        for (h, forecast) in forecasts.iter().enumerate() {
            let Predictive::Count { mean, dispersion } = forecast else { panic!("counts, got {forecast:?}") };
            // The ridge is worth a hundredth of a ticket per coefficient, and the slowest hour of the slowest weekday has a handful.
            assert!((mean / case.mean[h] - 1.0).abs() < 2e-3, "{}, {h} ahead: mean {mean} against {}", case.name, case.mean[h]);
            let spread = case.dispersion[h];
            assert!(
                (dispersion - spread).abs() < 2e-3 * spread + 1e-6,
                "{}, {h} ahead: dispersion {dispersion} against {spread}",
                case.name
            );
        }
    }
}
