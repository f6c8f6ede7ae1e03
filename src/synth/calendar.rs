//! The expected tickets of every bucket on a normal day: rate × weekday × hour × year × trend × holiday.

use std::f64::consts::TAU;

use jiff::Span;
use jiff::civil::DateTime;

use crate::scenario::case::{Days, Desk};

const DAYS_OF_YEAR: f64 = 365.25;

/// Expected tickets per bucket, without any event.
pub(super) fn level(desk: &Desk, days: &Days) -> Vec<f64> {
    let step = days.grid.step();
    let mut level = Vec::with_capacity(days.starts.len());
    for (bucket, start) in days.starts.iter().enumerate() {
        let expected = if step.is_daily() {
            (0..step.seconds() / 86_400).map(|day| weekday(desk, start.saturating_add(Span::new().days(day)))).sum::<f64>()
        } else {
            weekday(desk, *start) * hours(desk, *start, step.seconds()) * step.seconds() as f64 / 86_400.0
        };
        let holiday = if days.holidays[bucket].is_some() { desk.holiday } else { 1.0 };
        let years = bucket as f64 * step.seconds() as f64 / 86_400.0 / DAYS_OF_YEAR;
        let trend = (1.0 + desk.trend * years).max(0.0);
        level.push(desk.rate * expected * yearly(desk, *start) * trend * holiday);
    }
    level
}

fn weekday(desk: &Desk, start: DateTime) -> f64 {
    desk.weekday[usize::try_from(start.weekday().to_monday_zero_offset()).unwrap_or(0)]
}

/// Mean weight of the hours that a bucket covers.
fn hours(desk: &Desk, start: DateTime, seconds: i64) -> f64 {
    let covered = usize::try_from(seconds / 3600).unwrap_or(0).max(1);
    let first = usize::try_from(start.hour()).unwrap_or(0);
    (first..first + covered).map(|hour| desk.hour[hour % 24]).sum::<f64>() / covered as f64
}

fn yearly(desk: &Desk, start: DateTime) -> f64 {
    let (height, peak) = desk.yearly;
    1.0 + height * libm::cos(TAU * (f64::from(start.day_of_year()) - peak) / DAYS_OF_YEAR)
}
