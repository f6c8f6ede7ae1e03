//! Behaviour of the harness, room by room.

mod forecast_arima;
mod forecast_lgbm;
mod forecast_season;
mod import;
mod support;
