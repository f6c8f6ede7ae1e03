//! Prophet: fit and forecast, with allocations counted: a gradient makes none. With HARNESS_DATA set the daily series is ticket-counts, as in the figures against the original.

use divan::{AllocProfiler, Bencher};
use incident_harness::data::{Known, Series};
use incident_harness::forecast;
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use rand::RngExt;
use serde_json::json;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Days of ticket-counts, or of a made-up series like it.
fn days() -> Series {
    let values: Vec<Option<f64>> = match std::env::var_os("HARNESS_DATA") {
        Some(root) => ["train.csv", "test.csv"]
            .iter()
            .flat_map(|file| counts(&std::path::Path::new(&root).join("ticket-counts").join(file)))
            .collect(),
        None => wave(365, 1, |i| if i % 7 == 0 { 80.0 } else { 190.0 }),
    };
    Series::new(Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, values.len()), values)
}

fn counts(file: &std::path::Path) -> Vec<Option<f64>> {
    let mut reader = csv::Reader::from_path(file).expect("a readable file");
    reader.records().map(|row| row.expect("a row")[1].parse().ok()).collect()
}

/// Half-hours with a day and a week in them.
fn half_hours(len: usize) -> Series {
    let step: Step = "30min".parse().expect("a step");
    let values = wave(len, 2, |i| 40.0 + 25.0 * libm::sin(i as f64 * std::f64::consts::TAU / 48.0) + 8.0 * libm::cos(i as f64 / 53.5));
    Series::new(Grid::civil("2024-01-01".parse().expect("a date"), step, len), values)
}

fn wave(len: usize, seed: u32, mean: fn(usize) -> f64) -> Vec<Option<f64>> {
    let mut rng = Seed::derive(["bench", &seed.to_string()]).rng();
    (0..len).map(|i| Some((mean(i) * (0.75 + 0.5 * rng.random::<f64>())).round())).collect()
}

fn fit_and_forecast(bencher: Bencher<'_, '_>, series: &Series, train: usize, settings: &serde_json::Value) {
    let model = forecast::build("prophet", settings).expect("a known model");
    let (history, known) = (series.slice(0..train), Known::stamps(series.grid().clone()));
    bencher.bench_local(|| {
        let fitted = model.fit(&history, &known.window(0..train), Seed::derive(["bench"])).expect("a fit");
        fitted.forecast(&known.window(train..known.len())).expect("a forecast")
    });
}

fn fit_and_intervals(bencher: Bencher<'_, '_>, settings: &serde_json::Value) {
    let (series, model) = (days(), forecast::build("prophet", settings).expect("a known model"));
    let (history, known) = (series.slice(0..273), Known::stamps(series.grid().clone()));
    bencher.bench_local(|| {
        let fitted = model.fit(&history, &known.window(0..273), Seed::derive(["bench"])).expect("a fit");
        let forecast = fitted.forecast(&known.window(273..known.len())).expect("a forecast");
        forecast.iter().map(|predictive| predictive.interval(0.99)).collect::<Vec<_>>()
    });
}

#[divan::bench]
fn days_273_fit_and_forecast_92(bencher: Bencher<'_, '_>) {
    fit_and_forecast(bencher, &days(), 273, &json!({"interval": "native"}));
}

/// The same with the 0.99 interval of every day, which is what the original's draws are for.
#[divan::bench]
fn days_273_fit_and_92_intervals(bencher: Bencher<'_, '_>) {
    fit_and_intervals(bencher, &json!({"interval": "native"}));
}

/// A pliant trend: every interval is that of simulated paths.
#[divan::bench]
fn days_273_pliant_trend_fit_and_92_intervals(bencher: Bencher<'_, '_>) {
    fit_and_intervals(bencher, &json!({"interval": "native", "changepoint_prior_scale": 0.5}));
}

#[divan::bench(sample_count = 20)]
fn half_hours_8000_fit_and_forecast_48(bencher: Bencher<'_, '_>) {
    fit_and_forecast(bencher, &half_hours(8048), 8000, &json!({"interval": "native"}));
}

#[divan::bench(sample_count = 20)]
fn half_hours_8000_multiplicative_fit_and_forecast_48(bencher: Bencher<'_, '_>) {
    fit_and_forecast(bencher, &half_hours(8048), 8000, &json!({"interval": "native", "seasonality_mode": "multiplicative"}));
}
