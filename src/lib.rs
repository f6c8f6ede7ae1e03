//! An evaluation harness for systems that detect anomalies in support tickets and product metrics and explain their root cause.

pub mod measured;
pub mod name;
pub mod seed;
pub mod stats;
pub mod time;
pub mod yaml;

pub mod data;

pub mod scenario;

pub mod synth;

pub mod forecast;

pub mod detect;
