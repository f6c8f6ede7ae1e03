//! Behaviour of the harness, room by room.

mod forecast_lgbm;
mod support;
