//! Rows for regression models: what the last two seasons and the calendar say about one bucket.
//!
//! With season s: the values 1, s and 2s buckets before, mean and sample sd of the s values before, and calendar columns (with
//! `minute_of_day` below a day). After them come `is_holiday` where holidays are known, and the regressor columns in their order. A row uses
//! nothing later than the bucket before it, except what is known of its own stamp.
//!
//! Missing values: a bucket without a value makes no row. Where a row looks back at one, it sees a stand-in: before there is a model the value
//! one season earlier (or the last one, in the first season), afterwards the model's own forecast.

use jiff::civil::DateTime;

use crate::data::{Known, Series};
use crate::time::{Span, Step};

/// The last two seasons of values, oldest overwritten first.
#[derive(Debug, Clone)]
pub struct Recent {
    season: usize,
    values: Vec<f64>,
    /// Slot of the next value, which is that of the oldest once the ring is full.
    next: usize,
    len: usize,
}

impl Recent {
    /// An empty ring for two seasons of `season` buckets.
    #[must_use]
    pub fn new(season: usize) -> Self {
        Self { season, values: vec![0.0; 2 * season], next: 0, len: 0 }
    }

    /// Takes in the value of the next bucket.
    pub fn push(&mut self, value: f64) {
        self.values[self.next] = value;
        self.next = if self.next + 1 == self.values.len() { 0 } else { self.next + 1 };
        self.len = (self.len + 1).min(self.values.len());
    }

    /// Whether two seasons of values are there, as a row needs.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len == self.values.len()
    }

    /// The value `k` buckets before the next one, 1 ≤ k ≤ 2 seasons.
    fn lag(&self, k: usize) -> f64 {
        let size = self.values.len();
        self.values[(self.next + size - k) % size]
    }

    /// What stands in for a missing value while there is no model: the value one season earlier, or else the last one.
    fn stand_in(&self) -> Option<f64> {
        match self.len {
            0 => None,
            len if len >= self.season => Some(self.lag(self.season)),
            _ => Some(self.lag(1)),
        }
    }

    /// Mean and sample sd of the last season.
    ///
    /// DIFFERENCE: pandas updates both as the window moves; here they are computed afresh, so that errors do not add up. Deviations are
    /// taken from the oldest value, which makes the sd of equal values exactly 0.
    fn mean_and_sd(&self) -> (f64, f64) {
        let n = self.season as f64;
        let oldest = self.lag(self.season);
        let (mut sum, mut shift) = (0.0, 0.0);
        for k in (1..=self.season).rev() {
            sum += self.lag(k);
            shift += self.lag(k) - oldest;
        }
        shift /= n;
        let squares: f64 = (1..=self.season).rev().map(|k| self.lag(k) - oldest - shift).map(|d| d * d).sum();
        (sum / n, (squares / (n - 1.0)).sqrt())
    }
}

/// Which columns a row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    season: usize,
    below_a_day: bool,
    holidays: bool,
    names: Vec<String>,
}

/// Feature rows of a history, row after row, with the values they explain.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Columns per row.
    pub width: usize,
    /// Features, row-major.
    pub values: Vec<f64>,
    /// What each row explains.
    pub targets: Vec<f64>,
    /// The bucket of each row.
    pub buckets: Vec<usize>,
}

impl Rows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.len()
    }
    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

impl Features {
    /// The columns for a season, a step, and what is known of the stamps. A season below 2 counts as 2: one value has no sd.
    #[must_use]
    pub fn new(season: usize, step: Step, known: &Known) -> Self {
        let season = season.max(2);
        let below_a_day = !step.is_daily();
        let holidays = !known.holiday_names().is_empty();
        let window = Span::seconds(step.seconds().saturating_mul(i64::try_from(season).unwrap_or(i64::MAX)));
        let mut names: Vec<String> = ["day_of_week", "is_weekend", "month", "day_of_month", "day_of_year"].map(str::to_owned).into();
        if below_a_day {
            names.push("minute_of_day".to_owned());
        }
        names.extend([1, season, 2 * season].map(|k| format!("lag_{k}")));
        names.extend(["mean", "std"].map(|what| format!("rolling_{what}_{window}")));
        if holidays {
            names.push("is_holiday".to_owned());
        }
        names.extend(known.regressors().map(|(name, _)| name.to_owned()));
        Self { season, below_a_day, holidays, names }
    }

    /// Names of the columns, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
    /// The season behind lags and window.
    #[must_use]
    pub const fn season(&self) -> usize {
        self.season
    }

    /// Appends the row of a bucket that starts at `stamp`; `at` is its place in `known`, absent if nothing is known of it but its stamp
    /// (no holiday, regressors 0).
    pub fn write(&self, stamp: DateTime, recent: &Recent, known: &Known, at: Option<usize>, row: &mut Vec<f64>) {
        let weekday = stamp.weekday().to_monday_zero_offset();
        row.extend([
            f64::from(weekday),
            f64::from(u8::from(weekday >= 5)),
            f64::from(stamp.month()),
            f64::from(stamp.day()),
            f64::from(stamp.day_of_year()),
        ]);
        if self.below_a_day {
            row.push(f64::from(stamp.hour()) * 60.0 + f64::from(stamp.minute()));
        }
        let (mean, sd) = recent.mean_and_sd();
        row.extend([recent.lag(1), recent.lag(self.season), recent.lag(2 * self.season), mean, sd]);
        if self.holidays {
            row.push(f64::from(u8::from(at.is_some_and(|at| known.holidays()[at].is_some()))));
        }
        row.extend(known.regressors().map(|(_, values)| at.map_or(0.0, |at| values[at])));
    }

    /// Rows of all buckets with a value and two seasons before them.
    #[must_use]
    pub fn rows(&self, history: &Series, known: &Known) -> Rows {
        let grid = history.grid();
        let mut recent = Recent::new(self.season);
        let mut rows = Rows { width: self.names.len(), values: Vec::new(), targets: Vec::new(), buckets: Vec::new() };
        for (bucket, value) in history.values().iter().enumerate() {
            if let (Some(value), true) = (value, recent.is_full()) {
                self.write(grid.datetime(bucket), &recent, known, Some(bucket), &mut rows.values);
                rows.targets.push(*value);
                rows.buckets.push(bucket);
            }
            if let Some(value) = value.or_else(|| recent.stand_in()) {
                recent.push(value);
            }
        }
        rows
    }

    /// The last two seasons of a history, missing values forecast by a model from their rows.
    #[must_use]
    pub fn recent(&self, history: &Series, known: &Known, model: impl Fn(&[f64]) -> f64) -> Recent {
        let mut recent = Recent::new(self.season);
        let mut row = Vec::with_capacity(self.names.len());
        for (bucket, value) in history.values().iter().enumerate() {
            let value = value.or_else(|| {
                if !recent.is_full() {
                    return recent.stand_in();
                }
                row.clear();
                self.write(history.grid().datetime(bucket), &recent, known, Some(bucket), &mut row);
                Some(model(&row))
            });
            if let Some(value) = value {
                recent.push(value);
            }
        }
        recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::known::Columns;
    use crate::time::Grid;

    fn series(values: Vec<Option<f64>>, step: Step) -> Series {
        Series::new(Grid::civil("2024-01-01".parse().expect("a date"), step, values.len()), values)
    }

    #[test]
    fn a_row_holds_the_two_seasons_before_its_bucket() {
        let history = series((0..5).map(|i| Some(f64::from(i * i))).collect(), Step::DAY);
        let known = Known::stamps(history.grid().clone());
        let features = Features::new(2, Step::DAY, &known);
        let rows = features.rows(&history, &known);
        assert_eq!(rows.buckets, [4]);
        // Friday, 5 January; 0 1 4 9 before it.
        assert_eq!(rows.values, [4.0, 0.0, 1.0, 5.0, 5.0, 9.0, 4.0, 0.0, 6.5, 12.5_f64.sqrt()]);
        assert_eq!(features.names()[5..], ["lag_1", "lag_2", "lag_4", "rolling_mean_2d", "rolling_std_2d"]);
    }

    #[test]
    fn below_a_day_the_minute_counts_and_known_columns_come_last() {
        let grid = Grid::civil("2024-01-01".parse().expect("a date"), Step::HOUR, 50);
        let columns = Columns {
            grid: grid.clone(),
            holiday_names: vec!["New Year".into()],
            holidays: (0..50).map(|i| (i < 24).then_some(0)).collect(),
            regressors: vec![("load".into(), (0..50).map(f64::from).collect())],
        };
        let known = Known::new(columns);
        let history = Series::new(grid, (0..50).map(|i| Some(f64::from(i))).collect());
        let features = Features::new(24, Step::HOUR, &known);
        let rows = features.rows(&history, &known);
        assert_eq!(rows.len(), 2);
        assert_eq!(features.names()[5], "minute_of_day");
        assert_eq!(&rows.values[rows.width..][5..9], [60.0, 48.0, 25.0, 1.0]);
        assert_eq!(&rows.values[rows.width..][11..], [0.0, 49.0]);
    }

    #[test]
    fn a_missing_value_makes_no_row_and_is_seen_as_the_value_one_season_before() {
        let mut values: Vec<Option<f64>> = (0..7).map(|i| Some(f64::from(i))).collect();
        values[4] = None;
        let history = series(values, Step::DAY);
        let known = Known::stamps(history.grid().clone());
        let features = Features::new(2, Step::DAY, &known);
        let rows = features.rows(&history, &known);
        assert_eq!(rows.buckets, [5, 6]);
        assert_eq!(&rows.values[5..8], [2.0, 3.0, 1.0]);
        // With a model, its forecast stands there instead.
        let recent = features.recent(&history, &known, |_| 40.0);
        assert_eq!([recent.lag(1), recent.lag(2), recent.lag(3), recent.lag(4)], [6.0, 5.0, 40.0, 3.0]);
    }

    #[test]
    fn equal_values_have_no_spread_even_where_their_mean_is_not_exact() {
        let mut recent = Recent::new(7);
        (0..14).for_each(|_| recent.push(0.1));
        assert_eq!(recent.mean_and_sd().1, 0.0);
    }
}
