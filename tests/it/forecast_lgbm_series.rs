//! The lgbm forecaster on series of our generator against Python LightGBM on features computed in Python: the same floats (tests/golden/lgbm/series).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use incident_harness::data::known::Columns;
use incident_harness::data::{Known, Series};
use incident_harness::forecast::Predictive;
use incident_harness::forecast::features::{Features, Rows};
use incident_harness::forecast::lgbm::{Booster, Lgbm};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use serde::Deserialize;

use crate::support;

#[derive(Deserialize)]
struct Golden {
    settings: serde_json::Value,
    start: jiff::civil::DateTime,
    step: Step,
    train: usize,
    holidays: BTreeMap<String, Vec<jiff::civil::Date>>,
    in_sample: Vec<f64>,
    one_step: Vec<f64>,
    sd: f64,
    #[serde(skip)]
    values: Vec<Option<f64>>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

impl Golden {
    /// One fixture per series of the shared folder, by name.
    fn all() -> BTreeMap<String, Self> {
        let names = |folder: &str, extension: &str| -> Vec<String> {
            let entries = std::fs::read_dir(self::folder(folder)).expect("the golden folder is there");
            let paths = entries.map(|entry| entry.expect("a readable folder").path());
            let mut names: Vec<String> = paths
                .filter(|path| path.extension().is_some_and(|found| found == extension))
                .map(|path| path.file_stem().expect("a file name").to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        let fixtures = names("lgbm/series", "json");
        assert_eq!(fixtures, names("series", "csv"), "every series has its fixture");
        fixtures.into_iter().map(|name| (name.clone(), Self::read(&name))).collect()
    }

    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(folder("lgbm/series").join(name).with_extension("json")).expect("a readable file");
        let golden: Self = serde_json::from_str(&text).expect("a fixture");
        Self { values: support::column(&folder("series").join(name).with_extension("csv"), "value"), ..golden }
    }

    fn grid(&self) -> Grid {
        Grid::civil(self.start.date(), self.step, self.values.len())
    }

    fn known(&self) -> Known {
        let grid = self.grid();
        let on = |bucket: usize| self.holidays.values().position(|days| days.contains(&grid.datetime(bucket).date()));
        Known::new(Columns {
            holiday_names: self.holidays.keys().cloned().collect(),
            holidays: (0..grid.len()).map(|bucket| on(bucket).map(|number| number as u16)).collect(),
            regressors: Vec::new(),
            grid,
        })
    }

    fn history(&self) -> Series {
        Series::new(self.grid().slice(0..self.train), self.values[..self.train].to_vec())
    }

    fn settings(&self) -> Lgbm {
        serde_json::from_value(self.settings.clone()).expect("settings of lgbm")
    }

    fn rows(&self) -> Rows {
        let season = self.settings().season.expect("both sides are told the season");
        let known = self.known().window(0..self.train);
        Features::new(season, self.step, &known).rows(&self.history(), &known)
    }

    /// In-sample predictions under other settings that are not the same float.
    fn differences_in_sample(&self, settings: &Lgbm) -> usize {
        let rows = self.rows();
        assert_eq!(rows.len(), self.in_sample.len());
        let model = Booster::train(&rows.values, rows.width, &rows.targets, settings);
        rows.values.chunks_exact(rows.width).zip(&self.in_sample).filter(|(row, expected)| model.predict(row) != **expected).count()
    }

    /// Forecasts of the held-out buckets, one step ahead each, with the values that came.
    fn one_step(&self) -> Vec<(f64, f64)> {
        let known = self.known();
        let model = support::native("lgbm", &self.settings).expect("settings of lgbm");
        let mut fitted = model.fit(&self.history(), &known.window(0..self.train), Seed::derive(["test"])).expect("long enough");
        let step = |bucket: usize| {
            let forecast = fitted.forecast(&known.window(bucket..bucket + 1)).expect("a forecast");
            fitted.observe(self.values[bucket]);
            let [Predictive::Normal { mean, sd }] = forecast[..] else { panic!("one normal distribution, got {forecast:?}") };
            (mean, sd)
        };
        (self.train..self.values.len()).map(step).collect()
    }
}

#[test]
fn every_series_is_learnt_to_the_same_floats_as_by_python_lightgbm() {
    let unequal: Vec<_> = Golden::all()
        .into_iter()
        .map(|(name, golden)| (golden.differences_in_sample(&golden.settings()), name))
        .filter(|(differences, _)| *differences > 0)
        .collect();
    assert!(unequal.is_empty(), "unequal predictions in sample, series: {unequal:?}");
}

#[test]
fn one_step_forecasts_of_every_series_and_their_sd_are_the_same_floats_as_in_python() {
    for (name, golden) in Golden::all() {
        let ours = golden.one_step();
        assert_eq!(ours.len(), golden.one_step.len());
        for (i, ((mean, sd), expected)) in ours.iter().zip(&golden.one_step).enumerate() {
            assert_eq!(mean, expected, "{name}, held-out bucket {i}");
            assert_eq!(*sd, golden.sd, "{name}");
        }
    }
}

#[test]
fn on_every_series_another_leaf_size_gives_other_predictions() {
    for (name, golden) in Golden::all() {
        let differences = golden.differences_in_sample(&Lgbm { min_data_in_leaf: 21, ..golden.settings() });
        assert!(differences > 0, "{name}: all {} predictions are the same", golden.in_sample.len());
    }
}

#[test]
fn on_every_series_with_rows_for_more_than_40_bins_fewer_bins_give_other_predictions() {
    // A bin holds at least three rows, so up to 120 rows fill no more than 40.
    let long = Golden::all().into_iter().filter(|(_, golden)| golden.in_sample.len() > 120);
    let differences = long.map(|(name, golden)| (name, golden.differences_in_sample(&Lgbm { max_bin: 40, ..golden.settings() })));
    let differences: Vec<_> = differences.collect();
    assert!(differences.len() >= 8, "too few series: {differences:?}");
    assert!(differences.iter().all(|(_, differences)| *differences > 0), "{differences:?}");
}
