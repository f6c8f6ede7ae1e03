//! Checks of `calendar:` and of the count process of `tickets:`.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Checker;
use crate::data::holiday::on_dates;
use crate::scenario::case::{Days, Desk};
use crate::scenario::spec::{Calendar, Dispersion, Tickets};
use crate::scenario::value::Onset;
use crate::time::{Grid, Span};
use crate::yaml::Spanned;

/// A grid of this many buckets takes long enough to be a mistake.
const MAX_BUCKETS: usize = 200_000;

impl Checker<'_> {
    pub(super) fn days(&mut self, calendar: &Calendar) -> Option<Days> {
        let len = self.whole("length", &calendar.length, calendar)?;
        let train = self.whole("train", &calendar.train, calendar)?;
        if train >= len {
            let message = format!("train of {} leaves no test in a length of {}", calendar.train.value, calendar.length.value);
            self.report(calendar.train.referenced, message);
            return None;
        }
        if !(1900..=2200).contains(&calendar.start.value.year()) {
            self.report(calendar.start.referenced, "the calendar must start between 1900 and 2200");
            return None;
        }
        let zone = self.zone(calendar.zone.as_ref())?;
        let start = match calendar.start.value.to_zoned(zone) {
            Ok(start) => start,
            Err(error) => {
                self.report(calendar.start.referenced, format!("no such day in the zone: {error}"));
                return None;
            }
        };
        let grid = Grid::new(start, calendar.step, len);
        let starts: Vec<DateTime> = (0..len).map(|bucket| grid.datetime(bucket)).collect();
        let (holiday_names, holidays) = self.holidays(calendar.holidays.as_ref(), &starts)?;
        Some(Days { grid, train, starts, holiday_names, holidays })
    }

    fn whole(&mut self, what: &str, span: &Spanned<Span>, calendar: &Calendar) -> Option<usize> {
        let buckets = span.value.buckets(calendar.step);
        let problem = if span.value.as_seconds() % calendar.step.seconds() != 0 {
            format!("{what} of {} is not a whole number of buckets of {}", span.value, calendar.step)
        } else if buckets == 0 {
            format!("{what} must be longer than zero")
        } else if buckets > MAX_BUCKETS {
            format!("{what} of {} is {buckets} buckets, at most {MAX_BUCKETS}", span.value)
        } else {
            return Some(buckets);
        };
        self.report(span.referenced, problem);
        None
    }

    fn zone(&mut self, zone: Option<&Spanned<String>>) -> Option<TimeZone> {
        let Some(name) = zone else { return Some(TimeZone::UTC) };
        let found = TimeZone::get(&name.value);
        if found.is_err() {
            self.report(name.referenced, format!("unknown time zone `{}`: use an IANA name, for example `Europe/Berlin`", name.value));
        }
        found.ok()
    }

    fn holidays(&mut self, country: Option<&Spanned<String>>, starts: &[DateTime]) -> Option<(Vec<String>, Vec<Option<u16>>)> {
        let Some(country) = country else { return Some((Vec::new(), vec![None; starts.len()])) };
        let dates: Vec<_> = starts.iter().map(|start| start.date()).collect();
        match on_dates(&country.value, &dates) {
            Ok(marked) => Some(marked),
            Err(error) => {
                self.report(country.referenced, error.to_string());
                None
            }
        }
    }

    pub(super) fn desk(&mut self, tickets: &Tickets, holidays_known: bool) -> Option<Desk> {
        let before = self.errors.len();
        if !(tickets.rate.value > 0.0 && tickets.rate.value <= 1e6) {
            self.report(tickets.rate.referenced, format!("a rate of {} tickets a day lies outside 0 to 1000000", tickets.rate.value));
        }
        if let Dispersion::NegativeBinomial(phi) = tickets.dispersion.value
            && !(phi > 0.0 && phi <= 10.0)
        {
            self.report(tickets.dispersion.referenced, format!("negative_binomial must lie above 0 and up to 10, got {phi}"));
        }
        let weekday = self.weights(tickets.weekday.as_ref(), "weekday");
        let hour = self.weights(tickets.hour.as_ref(), "hour");
        let yearly = tickets.yearly.as_ref().map_or((0.0, 1.0), |yearly| {
            let height = self.in_range(yearly.amplitude.value, yearly.amplitude.referenced, "amplitude", 0.0, 0.95).unwrap_or(0.0);
            let peak = self.in_range(f64::from(yearly.peak.value), yearly.peak.referenced, "peak", 1.0, 366.0).unwrap_or(1.0);
            (height, peak)
        });
        let trend =
            tickets.trend.as_ref().map_or(0.0, |trend| self.in_range(trend.value, trend.referenced, "trend", -0.5, 10.0).unwrap_or(0.0));
        let holiday = tickets.holiday.as_ref().map_or(1.0, |factor| {
            if !holidays_known {
                self.report(factor.referenced, "`holiday` has no effect without `calendar.holidays`: name a country there");
            }
            self.in_range(factor.value, factor.referenced, "holiday", 0.0, 10.0).unwrap_or(1.0)
        });
        let (rate, dispersion) = (tickets.rate.value, tickets.dispersion.value);
        let desk = Desk { rate, dispersion, weekday: weekday?, hour: hour?, yearly, trend, holiday };
        (self.errors.len() == before).then_some(desk)
    }

    /// Weights of mean 1.
    pub(super) fn weights<const N: usize>(&mut self, weights: Option<&Spanned<Vec<f64>>>, what: &str) -> Option<[f64; N]> {
        let Some(weights) = weights else { return Some([1.0; N]) };
        let sum: f64 = weights.value.iter().sum();
        let given: Result<[f64; N], _> = weights.value.as_slice().try_into();
        match given {
            Ok(given) if sum > 0.0 && sum.is_finite() && given.iter().all(|weight| *weight >= 0.0) => {
                Some(given.map(|weight| weight * N as f64 / sum))
            }
            Ok(_) => {
                self.report(weights.referenced, format!("`{what}` needs weights of at least 0, not all 0"));
                None
            }
            Err(_) => {
                self.report(weights.referenced, format!("`{what}` needs {N} weights, got {}", weights.value.len()));
                None
            }
        }
    }
}

impl Days {
    /// The bucket of a time, which may lie before the first or after the last.
    pub(super) fn bucket(&self, onset: &Onset) -> Result<i64, String> {
        let step = self.grid.step();
        let train = i64::try_from(self.train).unwrap_or(i64::MAX);
        let after = |seconds: i64| match seconds % step.seconds() {
            0 => Ok(train.saturating_add(seconds / step.seconds())),
            _ => Err(format!("`{onset}` is not a whole number of buckets of {step}")),
        };
        match onset {
            Onset::Days(days) => after(days.saturating_mul(86_400)),
            Onset::After(span) => after(span.as_seconds()),
            Onset::At(at) => {
                let zone = self.grid.stamp(0).time_zone().clone();
                let at = at.to_zoned(zone).map_err(|error| format!("`{onset}` is no instant of the zone: {error}"))?;
                Ok(self.grid.index_of(&at).and_then(|bucket| i64::try_from(bucket).ok()).unwrap_or(-1))
            }
        }
    }
}
