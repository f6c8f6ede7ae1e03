//! Speed of the regression models: nine months of daily counts (259 rows of 10 columns), and for the boosted trees of `lgbm` 10,000 hours.
//!
//! Allocations are counted: those of 1000 trees are not much more than those of 100, as growing a tree allocates nothing.

use divan::{AllocProfiler, Bencher};
use incident_harness::data::{Known, Series};
use incident_harness::forecast::features::{Features, Rows};
use incident_harness::forecast::lgbm::{Booster, Lgbm};
use incident_harness::forecast::{Forecaster, build};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use rand::RngExt;

const DAYS: usize = 273;
const AHEAD: usize = 92;
/// Two seasons of 24 before 10,000 rows.
const HOURS: usize = 10_048;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Counts with a weekday pattern and noise.
fn counts() -> (Series, Known) {
    let mut rng = Seed::derive(["bench", "lgbm"]).rng();
    let level = |i: usize| if i % 7 < 5 { 200.0 } else { 80.0 };
    let values = (0..DAYS).map(|i| Some((level(i) * rng.random_range(0.8..1.2_f64)).round())).collect();
    let grid = Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, DAYS + AHEAD);
    (Series::new(grid.slice(0..DAYS), values), Known::stamps(grid))
}

fn rows() -> Rows {
    let (series, known) = counts();
    let known = known.window(0..DAYS);
    Features::new(7, Step::DAY, &known).rows(&series, &known)
}

/// Rows of hourly counts with the pattern of a day and noise.
fn hours() -> Rows {
    let mut rng = Seed::derive(["bench", "lgbm", "hours"]).rng();
    let level = |i: usize| 60.0 + 30.0 * ((i % 24) as f64 / 24.0 * std::f64::consts::TAU).sin();
    let values = (0..HOURS).map(|i| Some((level(i) * rng.random_range(0.8..1.2_f64)).round())).collect();
    let known = Known::stamps(Grid::civil("2023-01-01".parse().expect("a date"), Step::HOUR, HOURS));
    Features::new(24, Step::HOUR, &known).rows(&Series::new(known.grid(), values), &known)
}

fn train(rows: &Rows, trees: usize) -> Booster {
    Booster::train(&rows.values, rows.width, &rows.targets, &Lgbm { trees, ..Lgbm::default() })
}

fn predict(model: &Booster, rows: &Rows) -> f64 {
    rows.values.chunks_exact(rows.width).map(|row| model.predict(row)).sum()
}

/// One fit on 259 days.
#[divan::bench(args = [100, 1000])]
fn train_days(bencher: Bencher<'_, '_>, trees: usize) {
    let rows = rows();
    bencher.bench(|| train(&rows, trees));
}

/// Predictions for all days.
#[divan::bench]
fn predict_259_days(bencher: Bencher<'_, '_>) {
    let rows = rows();
    let model = train(&rows, 1000);
    bencher.bench(|| predict(&model, &rows));
}

/// One fit on 10,000 hours, and predictions for all of them.
#[divan::bench(args = [100, 1000], sample_count = 7)]
fn train_and_predict_10_000_hours(bencher: Bencher<'_, '_>, trees: usize) {
    let rows = hours();
    bencher.bench(|| predict(&train(&rows, trees), &rows));
}

/// A forecaster as `run` uses it: features, five folds, the final fit, and 92 days one step at a time.
#[divan::bench(args = ["lgbm", "forest", "xgb"])]
fn fit_with_folds_and_forecast_92_days(bencher: Bencher<'_, '_>, name: &str) {
    let (series, known) = counts();
    let forecaster: Box<dyn Forecaster> = build(name, &serde_json::json!({"interval": "native"})).expect("a registered model");
    bencher.bench(|| {
        let mut fitted = forecaster.fit(&series, &known.window(0..DAYS), Seed::derive(["bench"])).expect("the series is long enough");
        for at in DAYS..DAYS + AHEAD {
            divan::black_box(fitted.forecast(&known.window(at..at + 1)).expect("a forecast"));
            fitted.observe(Some(150.0));
        }
    });
}
