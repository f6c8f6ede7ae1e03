//! Speed of the boosted trees on a table of 259 rows and 10 columns: nine months of daily counts.

use divan::Bencher;
use incident_harness::data::{Known, Series};
use incident_harness::forecast::features::{Features, Rows};
use incident_harness::forecast::lgbm::{Booster, Lgbm};
use incident_harness::forecast::{Forecaster, build};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use rand::RngExt;

const DAYS: usize = 273;
const AHEAD: usize = 92;

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

fn train(rows: &Rows) -> Booster {
    Booster::train(&rows.values, rows.width, &rows.targets, &Lgbm::default())
}

/// One fit of 1000 trees.
#[divan::bench]
fn train_1000_trees(bencher: Bencher<'_, '_>) {
    let rows = rows();
    bencher.bench(|| train(&rows));
}

/// Predictions for all rows.
#[divan::bench]
fn predict_259_rows(bencher: Bencher<'_, '_>) {
    let rows = rows();
    let model = train(&rows);
    bencher.bench(|| rows.values.chunks_exact(rows.width).map(|row| model.predict(row)).sum::<f64>());
}

/// The forecaster as `run` uses it: features, five folds, the final fit, and 92 days one step at a time.
#[divan::bench]
fn fit_with_folds_and_forecast_92_days(bencher: Bencher<'_, '_>) {
    let (series, known) = counts();
    let forecaster: Box<dyn Forecaster> = build("lgbm", &serde_json::json!({})).expect("a registered model");
    bencher.bench(|| {
        let mut fitted = forecaster.fit(&series, &known.window(0..DAYS), Seed::derive(["bench"])).expect("the series is long enough");
        for at in DAYS..DAYS + AHEAD {
            divan::black_box(fitted.forecast(&known.window(at..at + 1)).expect("a forecast"));
            fitted.observe(Some(150.0));
        }
    });
}
