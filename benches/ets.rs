//! Time of exponential smoothing, on a series and on what seasons by Loess leave of it: first fit with forecast, refit, one bucket rolled on.
//!
//! `cargo bench --bench ets`. The series are fixtures of `tests/golden/series`; `tests/golden/ets/time.py` times statsforecast on the same
//! ones. Counts of allocations are printed beside: the search allocates once per form, never per evaluation.

use divan::{AllocProfiler, Bencher};
use incident_harness::data::{Known, Series};
use incident_harness::forecast::{Fitted, Forecaster, build};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use serde_json::json;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn seed() -> Seed {
    Seed::derive(["bench"])
}

fn series(step: Step, name: &str, buckets: usize) -> Series {
    let path = format!("{}/tests/golden/series/{name}.csv", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::Reader::from_path(&path).expect("a shared series");
    let values: Vec<Option<f64>> = reader.records().map(|row| row.expect("a whole row")[1].parse().ok()).take(buckets).collect();
    Series::new(Grid::civil("2023-01-02".parse().expect("a date"), step, values.len()), values)
}

fn daily() -> Series {
    series(Step::DAY, "peer-days", 273)
}

fn hourly(buckets: usize) -> Series {
    series(Step::HOUR, "night-hours", buckets)
}

fn model(name: &str) -> Box<dyn Forecaster> {
    build(name, &json!({"interval": "native"})).expect("defaults are valid")
}

fn fit(name: &str, history: &Series) -> Box<dyn Fitted> {
    model(name).fit(history, &Known::stamps(history.grid().clone()), seed()).expect("long enough")
}

fn fit_and_forecast(bencher: Bencher<'_, '_>, name: &str, history: &Series, buckets: usize) {
    let ahead = Known::stamps(Grid::civil("2024-01-01".parse().expect("a date"), history.step(), buckets));
    bencher.bench_local(|| fit(name, history).forecast(&ahead).expect("finite"));
}

const MODELS: [&str; 2] = ["ets", "mstl"];

#[divan::bench(args = MODELS)]
fn daily_fit_and_92_forecasts(bencher: Bencher<'_, '_>, name: &str) {
    fit_and_forecast(bencher, name, &daily(), 92);
}

#[divan::bench(args = MODELS)]
fn daily_refit_after_seven_days(bencher: Bencher<'_, '_>, name: &str) {
    let history = daily();
    let (known, cut) = (Known::stamps(history.grid().clone()), history.len() - 7);
    let earlier = fit(name, &history.slice(0..cut));
    bencher.bench_local(|| earlier.refit(&history, &known, seed()).expect("long enough"));
}

#[divan::bench(args = MODELS)]
fn one_bucket_rolled_on(bencher: Bencher<'_, '_>, name: &str) {
    let history = daily();
    let known = Known::stamps(history.grid().clone());
    let mut fitted = fit(name, &history);
    bencher.bench_local(|| {
        fitted.observe(Some(150.0));
        fitted.forecast(&known.window(0..1))
    });
}

#[divan::bench(args = MODELS, sample_count = 20)]
fn hourly_1500_fit_and_24_forecasts(bencher: Bencher<'_, '_>, name: &str) {
    fit_and_forecast(bencher, name, &hourly(1500), 24);
}

#[divan::bench(args = MODELS, sample_count = 20)]
fn hourly_1500_refit_after_a_day(bencher: Bencher<'_, '_>, name: &str) {
    let history = hourly(1500);
    let (known, cut) = (Known::stamps(history.grid().clone()), history.len() - 24);
    let earlier = fit(name, &history.slice(0..cut));
    bencher.bench_local(|| earlier.refit(&history, &known, seed()).expect("long enough"));
}
