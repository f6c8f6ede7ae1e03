//! Rows become a regular grid: the step is inferred or given, rows that are missing become `None`, rows between two buckets are errors.
//!
//! Rows that all stand at one wall-clock time are civil days apart; all others are exact durations apart.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use super::resample::{self, Cells, Edges};
use super::table::{Table, read_out};
use super::{ImportError, Imported, Options};
use crate::data::Series;
use crate::time::{Grid, Span, Step};

const DAY: i64 = 86_400;

/// How far apart most rows are.
#[derive(Debug, Clone, Copy)]
enum Spacing {
    Days(i64),
    Exact(SignedDuration),
}

impl Spacing {
    fn step(self) -> Option<Step> {
        let seconds = match self {
            Self::Days(days) => days * DAY,
            Self::Exact(duration) if duration.subsec_nanos() == 0 => duration.as_secs(),
            Self::Exact(_) => return None,
        };
        Step::new(Span::seconds(seconds)).ok()
    }

    fn nanoseconds(self) -> i128 {
        match self {
            Self::Days(days) => SignedDuration::from_secs(days * DAY).as_nanos(),
            Self::Exact(duration) => duration.as_nanos(),
        }
    }

    /// The stamp `times` spacings away.
    fn moved(self, from: &Zoned, times: i64) -> Timestamp {
        let moved = match self {
            Self::Days(days) => from.checked_add((days * times).days()),
            Self::Exact(duration) => from.checked_add(if times < 0 { -duration } else { duration }),
        };
        moved.map_or(from.timestamp(), |zoned| zoned.timestamp())
    }

    fn read_out(self) -> String {
        match self {
            Self::Exact(duration) if duration.subsec_nanos() != 0 => format!("{}s", duration.as_secs_f64()),
            Self::Exact(duration) => Span::seconds(duration.as_secs()).to_string(),
            Self::Days(days) => Span::days(days).to_string(),
        }
    }

    /// A step that sums such rows.
    fn way_out(self) -> &'static str {
        match self.nanoseconds() / 1_000_000_000 {
            ..3600 => "1h",
            3600..86_400 => "1d",
            _ => "7d",
        }
    }
}

/// The series of a table, and the first time of its second file.
pub(super) fn build(table: Table, options: &Options) -> Result<(Imported, Option<Timestamp>), ImportError> {
    if table.rows.len() < 2 {
        return Err(ImportError::OneRow { path: table.path(), row: table.place(0).row });
    }
    let zone = options.zone.clone().unwrap_or_else(|| table.zone());
    let spacing = spacing(&table, &zone)?;
    if let Some(asked) = options.step.filter(|asked| SignedDuration::from_secs(asked.seconds()).as_nanos() < spacing.nanoseconds()) {
        return Err(ImportError::FinerStep { path: table.path(), asked, got: spacing.read_out() });
    }
    let mut notes = Vec::new();
    let (grid, cells) = match (spacing.step(), options.step) {
        (None, None) => {
            return Err(ImportError::OddStep { path: table.path(), got: spacing.read_out(), way_out: spacing.way_out() });
        }
        (Some(step), None) => fill(&table, spacing, step, &zone)?,
        (step, Some(asked)) => match step.map(|step| (step, fill(&table, spacing, step, &zone))) {
            Some((step, Ok(filled))) => sum_filled(&table, filled, spacing, step, asked, &zone)?,
            None | Some((_, Err(ImportError::OffGrid { .. }))) => {
                notes.push(format!(
                    "{}: rows are not on one grid (most are {} apart); each bucket of {asked} is the sum of the rows in it, and rows \
                     missing within a bucket cannot be told",
                    table.path(),
                    spacing.read_out()
                ));
                sum_loose(&table, spacing, asked, &zone)?
            }
            Some((_, Err(error))) => return Err(error),
        },
    };
    let regressors = complete(&table, &grid, cells.regressors)?;
    let boundary = table.boundary();
    let (time_column, value_column) = (table.time_column, table.value_column);
    let imported = Imported { series: Series::new(grid, cells.values), regressors, time_column, value_column, notes };
    Ok((imported, boundary))
}

/// The most common difference of neighbours, the smallest of several.
fn spacing(table: &Table, zone: &TimeZone) -> Result<Spacing, ImportError> {
    let Some(dates) = dates_at_one_time(table, zone) else {
        let differences = table.rows.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at));
        return Ok(Spacing::Exact(most_common(differences)));
    };
    let days = most_common(dates.windows(2).map(|pair| days_between(pair[0], pair[1])));
    let one_day_of_month = dates.windows(2).all(|pair| pair[0].day() == pair[1].day());
    let month_ends = dates.iter().all(|date| *date == date.last_of_month());
    if days >= 28 && (one_day_of_month || month_ends) {
        let unit = match days {
            28..=31 => "a month",
            365..=366 => "a year",
            _ => "a number of months",
        };
        return Err(ImportError::Calendar { place: table.place(1), unit });
    }
    Ok(Spacing::Days(days))
}

/// The date of each row, if all rows stand at one wall-clock time.
fn dates_at_one_time(table: &Table, zone: &TimeZone) -> Option<Vec<Date>> {
    let mut walls = table.rows.iter().map(|row| zone.to_datetime(row.at));
    let time = walls.next()?.time();
    std::iter::once(zone.to_datetime(table.rows[0].at)).chain(walls).map(|wall| (wall.time() == time).then(|| wall.date())).collect()
}

fn days_between(from: Date, to: Date) -> i64 {
    i64::from((to - from).get_days())
}

fn most_common<T: Ord + Copy + Default>(differences: impl Iterator<Item = T>) -> T {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for difference in differences {
        *counts.entry(difference).or_default() += 1;
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(difference, _)| difference).unwrap_or_default()
}

/// Every row in its bucket; buckets without a row are missing.
fn fill(table: &Table, spacing: Spacing, step: Step, zone: &TimeZone) -> Result<(Grid, Cells), ImportError> {
    let (first, last) = (table.rows[0].at, table.rows[table.rows.len() - 1].at);
    let place = Placer { spacing, start: first, date: zone.to_datetime(first).date(), zone };
    let (last_bucket, _) = place.bucket(last);
    check_sparse(table, last_bucket, step, zone)?;
    let len = usize::try_from(last_bucket).unwrap_or(0) + 1;
    let grid = Grid::new(first.to_zoned(zone.clone()), step, len);
    let mut cells = Cells::empty(len, &table.regressors);
    for (index, row) in table.rows.iter().enumerate() {
        let (bucket, on_grid) = place.bucket(row.at);
        let bucket = usize::try_from(bucket).unwrap_or(0);
        if !on_grid {
            return Err(off_grid(table, index, &grid, bucket, spacing, zone));
        }
        cells.values[bucket] = row.value;
        for ((_, to), (_, from)) in cells.regressors.iter_mut().zip(&table.regressors) {
            to[bucket] = Some(from[index]);
        }
    }
    Ok((grid, cells))
}

struct Placer<'a> {
    spacing: Spacing,
    start: Timestamp,
    date: Date,
    zone: &'a TimeZone,
}

impl Placer<'_> {
    /// The bucket that holds an instant, and whether the instant is its start.
    fn bucket(&self, at: Timestamp) -> (i128, bool) {
        let (from_start, width) = match self.spacing {
            Spacing::Days(days) => (i128::from(days_between(self.date, self.zone.to_datetime(at).date())), i128::from(days)),
            Spacing::Exact(duration) => (at.duration_since(self.start).as_nanos(), duration.as_nanos()),
        };
        (from_start.div_euclid(width), from_start.rem_euclid(width) == 0)
    }
}

fn off_grid(table: &Table, index: usize, grid: &Grid, bucket: usize, spacing: Spacing, zone: &TimeZone) -> ImportError {
    ImportError::OffGrid {
        place: table.place(index),
        got: read_out(table.rows[index].at, zone),
        expected: format!("{} or {} (every {} from {})", grid.label(bucket), grid.label(bucket + 1), grid.step(), grid.label(0)),
        way_out: spacing.way_out(),
    }
}

/// A mistyped year must not fill the memory.
fn check_sparse(table: &Table, last_bucket: i128, step: Step, zone: &TimeZone) -> Result<(), ImportError> {
    let rows = table.rows.len();
    let buckets = u64::try_from(last_bucket + 1).unwrap_or(u64::MAX);
    if buckets <= 100 * rows as u64 + 100_000 {
        return Ok(());
    }
    let (first, last) = (read_out(table.rows[0].at, zone), read_out(table.rows[rows - 1].at, zone));
    Err(ImportError::Sparse { path: table.path(), rows, first, last, buckets, step })
}

/// Sums of whole fine buckets.
fn sum_filled(
    table: &Table,
    (grid, cells): (Grid, Cells),
    spacing: Spacing,
    step: Step,
    asked: Step,
    zone: &TimeZone,
) -> Result<(Grid, Cells), ImportError> {
    if asked == step {
        return Ok((grid, cells));
    }
    if asked.seconds() % step.seconds() != 0 {
        return Err(ImportError::UnevenStep { path: table.path(), asked, got: step });
    }
    let stamps: Vec<Timestamp> = (0..grid.len()).map(|bucket| grid.stamp(bucket).timestamp()).collect();
    let edges = edges(&stamps, spacing, zone);
    resample::sum(&stamps, &cells, edges, asked, zone).ok_or_else(|| no_whole_bucket(table, asked, zone))
}

/// Sums of rows that are on no grid.
fn sum_loose(table: &Table, spacing: Spacing, asked: Step, zone: &TimeZone) -> Result<(Grid, Cells), ImportError> {
    let stamps: Vec<Timestamp> = table.rows.iter().map(|row| row.at).collect();
    let range = stamps[stamps.len() - 1].duration_since(stamps[0]).as_secs();
    check_sparse(table, i128::from(range / asked.seconds()), asked, zone)?;
    let cells = Cells {
        values: table.rows.iter().map(|row| row.value).collect(),
        regressors: table.regressors.iter().map(|(name, values)| (name.clone(), values.iter().copied().map(Some).collect())).collect(),
    };
    let edges = edges(&stamps, spacing, zone);
    resample::sum(&stamps, &cells, edges, asked, zone).ok_or_else(|| no_whole_bucket(table, asked, zone))
}

/// Where a row before the first and one after the last would stand.
fn edges(stamps: &[Timestamp], spacing: Spacing, zone: &TimeZone) -> Edges {
    let zoned = |at: Timestamp| at.to_zoned(zone.clone());
    Edges { before: spacing.moved(&zoned(stamps[0]), -1), after: spacing.moved(&zoned(stamps[stamps.len() - 1]), 1) }
}

fn no_whole_bucket(table: &Table, step: Step, zone: &TimeZone) -> ImportError {
    let (first, last) = (table.rows[0].at, table.rows[table.rows.len() - 1].at);
    ImportError::NoWholeBucket { path: table.path(), step, first: read_out(first, zone), last: read_out(last, zone) }
}

/// Regressors with a value in every bucket.
fn complete(table: &Table, grid: &Grid, regressors: Vec<(String, Vec<Option<f64>>)>) -> Result<Vec<(String, Vec<f64>)>, ImportError> {
    let gap =
        |column: &str, bucket| ImportError::RegressorGap { path: table.path(), bucket: grid.label(bucket), column: column.to_owned() };
    regressors
        .into_iter()
        .map(|(name, values)| {
            let values = values.iter().enumerate().map(|(bucket, value)| value.ok_or_else(|| gap(&name, bucket))).collect::<Result<_, _>>();
            values.map(|values| (name.clone(), values))
        })
        .collect()
}
