//! Behaviour of the harness, room by room.

mod bad_input;
mod detect_cli;
mod docs;
mod forecast_arima;
mod forecast_lgbm;
mod forecast_prophet;
mod forecast_season;
mod gate;
mod gate_cli;
mod import;
mod layers;
mod leak;
#[cfg(feature = "plot")]
mod plot;
mod report_detect;
mod run;
mod scenario;
mod score;
mod support;
mod synth;
mod vus;
