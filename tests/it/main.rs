//! Behaviour of the harness, room by room.

mod activity;
mod agents;
#[cfg(feature = "llm")]
mod alerts;
mod bad_input;
mod cause_goals;
mod conformance;
mod contract;
#[cfg(all(unix, feature = "llm"))]
mod conversation;
mod detect_cli;
mod detect_many;
mod docs;
mod end_to_end;
mod forecast_arima;
mod forecast_auto_arima;
mod forecast_ets;
mod forecast_interval;
mod forecast_lgbm;
mod forecast_lgbm_series;
mod forecast_mstl;
mod forecast_poisson_glm;
mod forecast_prophet;
mod forecast_season;
mod forecast_trees;
mod future;
mod gate;
mod gate_cli;
mod import;
mod import_tickets;
mod injection;
mod investigate_cli;
#[cfg(feature = "llm")]
mod investigate_models;
mod investigations;
mod layers;
#[cfg(feature = "llm")]
mod llm;
#[cfg(feature = "llm")]
mod llm_failures;
#[cfg(feature = "llm")]
mod llm_injection;
#[cfg(feature = "llm")]
mod llm_limits;
#[cfg(feature = "llm")]
mod llm_protocol;
#[cfg(feature = "llm")]
mod llm_run;
#[cfg(feature = "llm")]
mod llm_secrets;
#[cfg(feature = "llm")]
mod llm_shapes;
#[cfg(feature = "llm")]
mod llm_streams;
#[cfg(feature = "llm")]
mod llm_two_stage;
#[cfg(feature = "llm")]
mod mock_llm;
mod opaque;
#[cfg(feature = "plot")]
mod plot;
mod report_cause;
mod report_detect;
mod root_cause;
mod run;
mod scenario;
mod score;
mod segment_scan;
mod support;
mod synth;
mod synth_text;
mod tools;
#[cfg(feature = "otel")]
mod trace;
#[cfg(all(unix, feature = "llm", feature = "otel"))]
mod trace_models;
mod vus;
