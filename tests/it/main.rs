//! Behaviour of the harness, room by room.

mod forecast_arima;
mod forecast_lgbm;
mod forecast_prophet;
mod forecast_season;
mod gate;
mod leak;
mod score;
mod support;
mod vus;
