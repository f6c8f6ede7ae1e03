//! What is compared: series, settings, and the work on our side.

use std::path::{Path, PathBuf};

use incident_harness::data::{Known, Series};
use incident_harness::forecast::features::Features;
use incident_harness::forecast::lgbm::{Booster, Lgbm};
use incident_harness::forecast::{self, Forecaster, UnknownModel};
use incident_harness::scenario::load_folder;
use incident_harness::seed::{Seed, SeedRole};
use incident_harness::synth;
use incident_harness::time::{Grid, Step};
use serde_json::{Value, json};

const TRAIN: usize = 273;
const AHEAD: usize = 92;
const SEASON: usize = 7;
const LEVEL: f64 = 0.99;

/// One row of the table.
pub(crate) struct Case {
    pub(crate) model: &'static str,
    pub(crate) series: &'static str,
    /// Points or rows learnt.
    pub(crate) n: usize,
    /// What the worker prepares.
    pub(crate) theirs: Value,
    /// Ways the package can do it, the one that is to answer like ours first.
    pub(crate) variants: &'static [&'static str],
    /// One repetition on our side: fit, forecast with intervals; means of the forecasts.
    pub(crate) ours: Box<dyn Fn() -> Vec<f64>>,
    /// Largest difference of two forecasts, in standard deviations of the history, that still counts as alike.
    pub(crate) alike: f64,
    pub(crate) sd: f64,
}

/// How later values reach the model.
#[derive(Clone, Copy, PartialEq)]
enum Protocol {
    /// All forecasts from the end of the history.
    FixedOrigin,
    /// One step at a time, each value told before the next.
    OneStep,
}

/// LightGBM's two ways to fill histograms; left to itself it times both and takes the faster one.
const TREES: [&str; 2] = ["column-wise", "row-wise"];

/// Model, ways of the package, protocol, tolerance in standard deviations of the history.
const DAILY: [(&str, &[&str], Protocol, f64); 6] = [
    ("lgbm", &TREES, Protocol::OneStep, 0.0),
    // Stan stops early where the trend bends; the mode itself is compared in tests/golden/prophet.
    ("prophet", &["default"], Protocol::FixedOrigin, 0.05),
    // The optimum lies on the unit circle, where two optimizers stop at different places.
    ("arima", &["simple_differencing", "default"], Protocol::FixedOrigin, 0.1),
    // The search may settle on another form of the model.
    ("ets", &["default"], Protocol::FixedOrigin, 0.5),
    ("auto-arima", &["default"], Protocol::FixedOrigin, 0.5),
    ("mstl", &["default"], Protocol::FixedOrigin, 0.5),
];

/// Settings of our side, in the one place where they are built: the season is told to both sides, intervals are the model's own.
fn settings(model: &str) -> Value {
    match model {
        // The original finds its seasons in the calendar.
        "prophet" => json!({"interval": "native"}),
        "mstl" => json!({"interval": "native", "seasons": [SEASON]}),
        _ => json!({"interval": "native", "season": SEASON}),
    }
}

/// The days both sides learn and forecast.
pub(crate) struct Days {
    /// Where they come from, for people.
    pub(crate) from: String,
    start: jiff::civil::Date,
    values: Vec<f64>,
}

impl Days {
    /// Counts of tickets below `HARNESS_DATA`, or else the generated ones of the fixtures.
    pub(crate) fn read() -> Self {
        let (from, files, column) = match std::env::var_os("HARNESS_DATA") {
            Some(root) => {
                let folder = Path::new(&root).join("ticket-counts");
                ("ticket-counts in HARNESS_DATA", vec![folder.join("train.csv"), folder.join("test.csv")], "count")
            }
            None => ("tests/golden/series/peer-days.csv", vec![here("tests/golden/series/peer-days.csv")], "value"),
        };
        let values: Vec<f64> = files.iter().flat_map(|file| numbers(file, column)).collect();
        assert_eq!(values.len(), TRAIN + AHEAD, "{from}");
        Self { from: from.to_owned(), start: jiff::civil::date(2023, 1, 1), values }
    }

    /// Every daily case whose model is in the registry; others are told.
    pub(crate) fn cases(&self) -> Vec<Case> {
        DAILY
            .iter()
            .filter_map(|&(model, variants, protocol, alike)| Some(self.case(built(model)?, model, variants, protocol, alike)))
            .collect()
    }

    fn case(
        &self,
        forecaster: Box<dyn Forecaster>,
        model: &'static str,
        variants: &'static [&'static str],
        protocol: Protocol,
        alike: f64,
    ) -> Case {
        let grid = Grid::civil(self.start, Step::DAY, self.values.len());
        let values: Vec<Option<f64>> = self.values.iter().copied().map(Some).collect();
        let history = Series::new(grid.slice(0..TRAIN), values[..TRAIN].to_vec());
        let known = Known::stamps(grid);
        let (past, future) = (known.window(0..TRAIN), known.window(TRAIN..TRAIN + AHEAD));
        let ours = move || {
            let mut fitted = forecaster.fit(&history, &past, Seed::derive(["peers"])).expect("the series is long enough");
            let mut forecasts = Vec::with_capacity(AHEAD);
            if protocol == Protocol::FixedOrigin {
                forecasts = fitted.forecast(&future).expect("a forecast");
            } else {
                for (i, value) in values[TRAIN..].iter().enumerate() {
                    forecasts.extend(fitted.forecast(&future.window(i..i + 1)).expect("a forecast"));
                    fitted.observe(*value);
                }
            }
            std::hint::black_box(forecasts.iter().map(|forecast| forecast.interval(LEVEL)).collect::<Vec<_>>());
            forecasts.iter().map(forecast::Predictive::mean).collect()
        };
        let (past, ahead) = self.values.split_at(TRAIN);
        let theirs = json!({"prepare": model, "season": SEASON, "start": self.start.to_string(), "values": past, "ahead": ahead});
        Case { model, series: "days", n: TRAIN, theirs, variants, ours: Box::new(ours), alike, sd: sd(past) }
    }
}

/// A model of the registry, or a line that says it is not there.
fn built(model: &str) -> Option<Box<dyn Forecaster>> {
    match forecast::build(model, &settings(model)) {
        Ok(forecaster) => Some(forecaster),
        Err(UnknownModel::Name { .. }) => {
            println!("{model} is skipped: no forecaster has this name");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The trees alone, on 10,000 rows of hours: training and the predictions of all rows.
pub(crate) fn ten_thousand_rows() -> Case {
    let scenarios = load_folder(&here("benches/peers/hours.yaml")).expect("a good scenario");
    let observed = synth::generate(&scenarios[0], SeedRole::Dev, 0).expect("a small scenario").observed;
    let (known, series) = (observed.known(), &observed.watched[0].series);
    let rows = Features::new(24, Step::HOUR, &known).rows(series, &known);
    assert_eq!(rows.len(), 10_000);
    let theirs = json!({"prepare": "trees", "values": rows.values, "targets": rows.targets});
    let (n, sd) = (rows.len(), sd(&rows.targets));
    let ours = move || {
        let model = Booster::train(&rows.values, rows.width, &rows.targets, &Lgbm::default());
        rows.values.chunks_exact(rows.width).map(|row| model.predict(row)).collect()
    };
    Case { model: "lgbm", series: "hours", n, theirs, variants: &TREES, ours: Box::new(ours), alike: 0.0, sd }
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn numbers(file: &Path, column: &str) -> Vec<f64> {
    let mut reader = csv::Reader::from_path(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let place = reader.headers().expect("a header").iter().position(|name| name == column).expect("the column exists");
    reader.records().map(|row| row.expect("a whole row")[place].parse().expect("a number")).collect()
}

fn sd(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / values.len() as f64).sqrt()
}
