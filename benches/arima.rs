//! Time of seasonal ARIMA: first fit with forecast, refit, one bucket rolled on, with regressors, and the search for orders.
//!
//! Allocations are counted too: a climb takes all its memory before its first likelihood evaluation, so `hourly_fit_of_a_known_season` has
//! the same count for any length and however many evaluations it takes. (To find the season takes one more per season of history.)
//!
//! `cargo bench --bench arima`; with `HARNESS_DATA` set the daily series is ticket-counts (273 points), without it a made-up one of the
//! same length. `make bench-peers` times statsmodels beside it.

use divan::{AllocProfiler, Bencher};
use incident_harness::data::known::Columns;
use incident_harness::data::{Known, Series};
use incident_harness::forecast::arima::{Arima, AutoArima};
use incident_harness::forecast::{Fitted, Forecaster};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use rand::RngExt;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn seed() -> Seed {
    Seed::derive(["bench"])
}

fn series(step: Step, values: Vec<Option<f64>>) -> Series {
    Series::new(Grid::civil("2023-01-01".parse().expect("a date"), step, values.len()), values)
}

fn made_up(step: Step, season: usize, len: usize) -> Series {
    let mut rng = seed().rng();
    let mut level = 0.0;
    let mut value = |t: usize| {
        level = 0.8 * level + 10.0 * (rng.random::<f64>() - 0.5);
        let angle = std::f64::consts::TAU * (t % season) as f64 / season as f64;
        Some((150.0 + level + 40.0 * angle.sin() + 20.0 * (rng.random::<f64>() - 0.5)).round())
    };
    series(step, (0..len).map(&mut value).collect())
}

fn daily() -> Series {
    let Some(root) = std::env::var_os("HARNESS_DATA") else {
        return made_up(Step::DAY, 7, 273);
    };
    let path = std::path::Path::new(&root).join("ticket-counts/train.csv");
    let mut reader = csv::Reader::from_path(path).expect("ticket-counts in HARNESS_DATA");
    series(Step::DAY, reader.records().map(|row| row.expect("a whole row")[1].parse().ok()).collect())
}

fn with_gap(series: &Series) -> Series {
    let mut values = series.values().to_vec();
    let middle = values.len() / 2;
    values[middle..middle + 6].fill(None);
    Series::new(series.grid().clone(), values)
}

fn fit_and_forecast(bencher: Bencher<'_, '_>, history: &Series, buckets: usize) {
    let ahead = Known::stamps(Grid::civil("2024-01-01".parse().expect("a date"), history.step(), buckets));
    bencher.bench_local(|| {
        let fitted = Arima::default().fit(history, &Known::stamps(history.grid().clone()), seed()).expect("long enough");
        fitted.forecast(&ahead).expect("finite")
    });
}

#[divan::bench]
fn daily_fit_and_92_forecasts(bencher: Bencher<'_, '_>) {
    fit_and_forecast(bencher, &daily(), 92);
}

#[divan::bench]
fn daily_with_a_gap(bencher: Bencher<'_, '_>) {
    fit_and_forecast(bencher, &with_gap(&daily()), 92);
}

#[divan::bench]
fn daily_refit_after_seven_days(bencher: Bencher<'_, '_>) {
    let history = daily();
    let known = Known::stamps(history.grid().clone());
    let cut = history.len() - 7;
    let earlier = Arima::default().fit(&history.slice(0..cut), &known.window(0..cut), seed()).expect("long enough");
    bencher.bench_local(|| earlier.refit(&history, &known, seed()).expect("long enough").forecast(&known.window(0..7)));
}

#[divan::bench]
fn one_bucket_rolled_on(bencher: Bencher<'_, '_>) {
    let history = daily();
    let known = Known::stamps(history.grid().clone());
    let mut fitted = Arima::default().estimate(&history, &known).expect("long enough");
    bencher.bench_local(|| {
        fitted.observe(Some(150.0));
        fitted.forecast(&known.window(0..1))
    });
}

#[divan::bench(args = [660, 1500], sample_count = 7)]
fn hourly_fit_and_24_forecasts(bencher: Bencher<'_, '_>, len: usize) {
    fit_and_forecast(bencher, &made_up(Step::HOUR, 24, len), 24);
}

#[divan::bench(args = [660, 1500], sample_count = 7)]
fn hourly_fit_of_a_known_season(bencher: Bencher<'_, '_>, len: usize) {
    let history = made_up(Step::HOUR, 24, len);
    let known = Known::stamps(history.grid().clone());
    let model = Arima { season: Some(24), ..Arima::default() };
    bencher.bench_local(|| model.estimate(&history, &known).expect("long enough"));
}

#[divan::bench(sample_count = 7)]
fn hourly_with_a_gap(bencher: Bencher<'_, '_>) {
    fit_and_forecast(bencher, &with_gap(&made_up(Step::HOUR, 24, 1500)), 24);
}

#[divan::bench(sample_count = 7)]
fn hourly_refit_after_a_day(bencher: Bencher<'_, '_>) {
    let history = made_up(Step::HOUR, 24, 1500);
    let known = Known::stamps(history.grid().clone());
    let earlier = Arima::default().fit(&history.slice(0..1476), &known.window(0..1476), seed()).expect("long enough");
    bencher.bench_local(|| earlier.refit(&history, &known, seed()).expect("long enough").forecast(&known.window(0..24)));
}

/// Three columns beside the stamps of a history.
fn with_columns(history: &Series) -> Known {
    let mut rng = seed().rng();
    let len = history.len();
    let mut column = |k: usize| (format!("column {k}"), (0..len).map(|_| rng.random::<f64>()).collect());
    let regressors = (0..3).map(&mut column).collect();
    Known::new(Columns { grid: history.grid().clone(), holiday_names: Vec::new(), holidays: vec![None; len], regressors })
}

#[divan::bench]
fn daily_with_three_regressors(bencher: Bencher<'_, '_>) {
    let history = daily();
    let known = with_columns(&history);
    bencher.bench_local(|| Arima::default().estimate(&history, &known).expect("long enough"));
}

#[divan::bench(sample_count = 7)]
fn hourly_with_three_regressors(bencher: Bencher<'_, '_>) {
    let history = made_up(Step::HOUR, 24, 1500);
    let known = with_columns(&history);
    bencher.bench_local(|| Arima::default().estimate(&history, &known).expect("long enough"));
}

#[divan::bench(sample_count = 7)]
fn daily_search(bencher: Bencher<'_, '_>) {
    let history = daily();
    let known = Known::stamps(history.grid().clone());
    bencher.bench_local(|| AutoArima::default().search(&history, &known).expect("long enough"));
}

#[divan::bench(sample_count = 3)]
fn hourly_search(bencher: Bencher<'_, '_>) {
    let history = made_up(Step::HOUR, 24, 1500);
    let known = Known::stamps(history.grid().clone());
    bencher.bench_local(|| AutoArima::default().search(&history, &known).expect("long enough"));
}
