//! Behaviour of the harness, room by room.

mod forecast_arima;
mod forecast_lgbm;
mod forecast_prophet;
mod forecast_season;
mod gate;
mod score;
mod import;
#[cfg(feature = "plot")]
mod plot;
mod report_detect;
mod layers;
mod support;
mod vus;
