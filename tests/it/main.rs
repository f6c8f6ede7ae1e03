//! Behaviour of the harness, room by room.

mod forecast_arima;
mod forecast_lgbm;
mod forecast_season;
mod import;
#[cfg(feature = "plot")]
mod plot;
mod report_detect;
mod support;
