//! Ticks: round numbers and whole days, hours and minutes for the axes of plots.

use jiff::civil::{Date, DateTime, Time};
use jiff::{ToSpan, Unit, Zoned};

/// 1, 2, 2.5 or 5 times a power of ten, not below a number.
pub(super) fn nice_step(least: f64) -> f64 {
    let power = libm::pow(10.0, libm::log10(least).floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A tick's number with as many decimals as its step needs, in thousands, millions or billions where `largest` is that large.
pub(super) fn number(value: f64, step: f64, largest: f64) -> String {
    let (unit, suffix) = match largest.abs() {
        ..1e5 => (1.0, ""),
        ..1e6 => (1e3, "k"),
        ..1e9 => (1e6, "M"),
        ..1e12 => (1e9, "B"),
        _ => return format!("{value:.1e}"),
    };
    let (value, step) = (value / unit, step / unit);
    let whole = |decimals: &usize| {
        let scaled = step * libm::pow(10.0, *decimals as f64);
        (scaled - scaled.round()).abs() < 1e-6 * scaled && scaled > 0.5
    };
    let Some(decimals) = (0..7).find(whole) else { return format!("{value:.1e}") };
    let sign = if value < -0.5 * step { "−" } else { "" };
    if value.abs() < 0.5 * step {
        return "0".to_owned();
    }
    format!("{sign}{:.decimals$}{suffix}", value.abs())
}

/// Ticks of time at round places, at most ten, each with its label; the first of a day, month or year says which.
pub(super) fn time_ticks(start: &Zoned, end: &Zoned) -> Vec<(Zoned, String)> {
    let hours = end.timestamp().duration_since(start.timestamp()).as_secs_f64() / 3600.0;
    let most = 10.0;
    if let Some(every) = [0.25, 0.5, 1.0, 3.0, 6.0, 12.0].into_iter().find(|every| hours / every <= most) {
        return clock_ticks(start, end, (every * 60.0) as i64);
    }
    if let Some(every) = [1, 2, 7, 14].into_iter().find(|every| hours / 24.0 / f64::from(*every) <= most) {
        return date_ticks(start, end, aligned_day(start, every), every.days());
    }
    let months = [1, 2, 3, 6, 12, 24, 60, 120, 240].into_iter().find(|every| hours / 730.5 / f64::from(*every) <= most).unwrap_or(1200);
    let first = start.date().first_of_month();
    let back = (i32::from(first.year()) * 12 + i32::from(first.month()) - 1).rem_euclid(months);
    date_ticks(start, end, first.checked_sub(back.months()).unwrap_or(first), months.months())
}

/// Weeks start on Monday; other day counts on the first day drawn.
fn aligned_day(start: &Zoned, every: i32) -> Date {
    let date = start.date();
    let back = if every % 7 == 0 { i64::from(date.weekday().to_monday_zero_offset()) } else { 0 };
    date.checked_sub(back.days()).unwrap_or(date)
}

fn date_ticks(start: &Zoned, end: &Zoned, first: Date, every: jiff::Span) -> Vec<(Zoned, String)> {
    let mut ticks = Vec::new();
    let months = every.get_months() > 0 || every.get_years() > 0;
    let mut year = None;
    for n in 0..400_i64 {
        let Some(at) = every.checked_mul(n).ok().and_then(|span| first.checked_add(span).ok()) else { break };
        let Ok(at) = at.to_zoned(start.time_zone().clone()) else { break };
        if at >= *end {
            break;
        }
        if at >= *start {
            let named = year != Some(at.year());
            let format = match (months, named) {
                (true, true) => "%b %Y",
                (true, false) => "%b",
                (false, true) => "%-d %b %Y",
                (false, false) => "%-d %b",
            };
            year = Some(at.year());
            let label = at.strftime(format).to_string();
            ticks.push((at, label));
        }
    }
    ticks
}

fn clock_ticks(start: &Zoned, end: &Zoned, minutes: i64) -> Vec<(Zoned, String)> {
    let mut ticks = Vec::new();
    let mut day = None;
    let midnight = start.date().to_datetime(Time::midnight());
    for n in 0..2000_i64 {
        let Ok(wall): Result<DateTime, _> = midnight.checked_add((n * minutes).minutes()) else { break };
        let Ok(at) = wall.to_zoned(start.time_zone().clone()) else { break };
        if at >= *end {
            break;
        }
        if at >= *start {
            let format = if day == Some(at.date()) { "%H:%M" } else { "%-d %b %H:%M" };
            day = Some(at.date());
            ticks.push((at.clone(), at.strftime(format).to_string()));
        }
    }
    // Where the clocks skip an hour two wall times are one instant.
    ticks.dedup_by(|a, b| a.0.round(Unit::Minute).ok() == b.0.round(Unit::Minute).ok());
    ticks
}
