//! Series, truth and splits from the CSV files of users: what is read, and what every bad file is told.

use std::path::{Path, PathBuf};

use incident_harness::data::truth::Window;
use incident_harness::import::{ImportError, Imported, Options, Truth, read_pair, read_series, read_truth, train_len};
use incident_harness::time::{Grid, Step};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::support::data;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("the folder is writable");
        path
    }

    /// An error's text with the folder cut off.
    fn text(&self, error: &ImportError) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn read(text: &str, options: &Options) -> Result<Imported, String> {
    let folder = Folder::new();
    let path = folder.file("a.csv", text);
    read_series(&path, options).map_err(|error| folder.text(&error))
}

fn plain(text: &str) -> Imported {
    read(text, &Options::default()).expect("the file is good")
}

fn error(text: &str) -> String {
    read(text, &Options::default()).expect_err("the file is bad")
}

fn step(text: &str) -> Options {
    Options { step: Some(text.parse().expect("a step")), ..Options::default() }
}

fn zone(name: &str) -> Options {
    Options { zone: Some(TimeZone::get(name).expect("a zone")), ..Options::default() }
}

fn labels(imported: &Imported) -> Vec<String> {
    (0..imported.series.len()).map(|i| imported.series.grid().label(i)).collect()
}

const DAILY: &str = "date,count\n2023-01-01,1\n2023-01-02,2\n2023-01-03,3\n2023-01-04,4\n";

#[test]
fn a_missing_row_and_an_empty_cell_are_missing_and_not_zero() {
    let imported = plain("time,count\n2023-01-01,5\n2023-01-02,\n2023-01-03,NaN\n2023-01-04,0\n2023-01-06,7\n");
    assert_eq!(imported.series.values(), [Some(5.0), None, None, Some(0.0), None, Some(7.0)]);
    assert_eq!(imported.series.step(), Step::DAY);
    assert_eq!(labels(&imported)[4], "2023-01-05");
}

#[test]
fn every_word_for_missing_is_understood() {
    let imported = plain("time,count\n2023-01-01,5\n2023-01-02,null\n2023-01-03,NA\n2023-01-04,nan\n2023-01-05,None\n2023-01-06,n/a\n");
    assert_eq!(imported.series.observed(), 1);
}

#[test]
fn separators_line_ends_and_byte_order_marks_do_not_change_the_series() {
    let expected = plain(DAILY);
    for text in [
        DAILY.replace(',', ";"),
        DAILY.replace(',', "\t"),
        DAILY.replace('\n', "\r\n"),
        format!("\u{FEFF}{DAILY}"),
        DAILY.replace('\n', "\n\n"),
        DAILY.trim_end().to_owned(),
        format!("{DAILY},\n,\n"),
        DAILY.replace("date,count", "\"date\",\"count\""),
        DAILY.replace("2023-01-0", "2023/01/0"),
        DAILY.replace("date", "Timestamp"),
    ] {
        assert_eq!(plain(&text).series, expected.series, "{text:?}");
    }
}

#[test]
fn the_time_column_is_found_by_name_or_by_what_it_holds() {
    assert_eq!(plain("count,DS\n1,2023-01-01\n2,2023-01-02\n").time_column, "DS");
    assert_eq!(plain("count,when\n1,2023-01-01\n2,2023-01-02\n").time_column, "when");
    assert_eq!(plain("day,date,count\nSun,2023-01-01,1\nMon,2023-01-02,2\n").time_column, "date");
    // Values that could be epoch seconds do not win over dates.
    assert_eq!(plain("count,when\n1696082400,2023-01-01\n1696082500,2023-01-02\n").time_column, "when");
}

#[test]
fn a_named_value_column_is_taken_among_several() {
    let text = "time,a,b\n2023-01-01,1,10\n2023-01-02,2,20\n";
    let options = Options { value_column: Some("b".to_owned()), ..Options::default() };
    assert_eq!(read(text, &options).expect("it is named").series.values(), [Some(10.0), Some(20.0)]);
    assert_eq!(error(text), "a.csv: several columns hold numbers (a, b); name one with --value-column");
    let options = Options { value_column: Some("bb".to_owned()), ..Options::default() };
    assert_eq!(read(text, &options).expect_err("no such column"), "a.csv: no column `bb` (known: time, a, b; did you mean `b`?)");
    assert_eq!(plain("time,text,n\n2023-01-01,x,1\n2023-01-02,y,2\n").value_column, "n");
}

#[test]
fn files_without_a_series_say_what_is_missing() {
    assert_eq!(error(""), "a.csv: the file is empty, expected a header row such as `time,value` and one row per time");
    assert_eq!(error("\n\n"), "a.csv: the file is empty, expected a header row such as `time,value` and one row per time");
    assert_eq!(error("time,count\n"), "a.csv: there is a header row and nothing below it, expected one row per time");
    assert_eq!(
        error("time,count\n2023-01-01,1\n"),
        "a.csv: only one row of data (row 2), expected at least two: a single time has no step"
    );
    assert_eq!(
        error("2023-01-01,1\n2023-01-02,2\n"),
        "a.csv: row 1 holds the time `2023-01-01`, expected a header row such as `time,value`"
    );
    assert_eq!(
        error("time\n2023-01-01\n2023-01-02\n"),
        "a.csv: no column beside `time` holds numbers (columns: time); name one with --value-column"
    );
    assert_eq!(
        error("a,b\nx,1\ny,2\n"),
        "a.csv: no column holds times (columns: a, b); name one `time`, or name it with --time-column; expected a time such as \
         `2023-09-30`, `2023-09-30 14:00:00`, `2023-09-30T14:00:00+02:00` or epoch seconds or milliseconds"
    );
    assert_eq!(
        error("time,n,n\n2023-01-01,1,1\n2023-01-02,2,1\n"),
        "a.csv: several columns hold numbers (n, n); name one with --value-column"
    );
    let named = Options { value_column: Some("n".to_owned()), ..Options::default() };
    assert_eq!(
        read("time,n,n\n2023-01-01,1,1\n2023-01-02,2,1\n", &named).expect_err("two have the name"),
        "a.csv: row 1 names the column `n` more than once: rename one of them"
    );
    let named = Options { value_column: Some("time".to_owned()), ..Options::default() };
    assert_eq!(
        read(DAILY.replace("date", "time").as_str(), &named).expect_err("two roles"),
        "a.csv: column `time` cannot be both time and value: name another one with --time-column or --value-column"
    );
}

#[test]
fn files_that_are_not_utf_8_are_told_how_to_be() {
    let folder = Folder::new();
    let utf16 = folder.file("utf16.csv", [0xFF, 0xFE, b't', 0, b'\n', 0]);
    let latin = folder.file("latin.csv", [b't', 0xE4, b'\n']);
    let read = |path: &Path| folder.text(&read_series(path, &Options::default()).expect_err("the file is bad"));
    assert_eq!(read(&utf16), "utf16.csv: not UTF-8 text (it looks like UTF-16): save it as CSV in UTF-8");
    assert_eq!(read(&latin), "latin.csv: not UTF-8 text (it looks like Latin-1 or Windows-1252): save it as CSV in UTF-8");
    assert!(read(&folder.0.path().join("none.csv")).starts_with("none.csv: "));
}

#[test]
fn a_bad_cell_is_named_by_row_and_column() {
    assert_eq!(
        error("time,count\n2023-01-01,1\n\n2023-01-02,many\n"),
        "a.csv: row 4, column `count`: got `many`, expected a number such as `12.5`, or an empty cell"
    );
    assert_eq!(
        error("time;count\r\n2023-01-01;1\r\n2023-01-02;1,5\r\n"),
        "a.csv: row 3, column `count`: got `1,5`, expected a number such as `12.5`, or an empty cell"
    );
    for infinite in ["inf", "-Infinity", "1e999"] {
        assert_eq!(
            error(&format!("time,count\n2023-01-01,1\n2023-01-02,{infinite}\n")),
            format!("a.csv: row 3, column `count`: got `{infinite}`, expected a finite number, or an empty cell")
        );
    }
    let times = "expected a time such as `2023-09-30`, `2023-09-30 14:00:00`, `2023-09-30T14:00:00+02:00` or epoch seconds or milliseconds";
    assert_eq!(error("time,count\n2023-01-01,1\n01/02/2023,2\n"), format!("a.csv: row 3, column `time`: got `01/02/2023`, {times}"));
    assert_eq!(error("time,count\n2023-01-01,1\n,2\n"), format!("a.csv: row 3, column `time`: got ``, {times}"));
    assert_eq!(
        error("time,count\n2023-01-01,1\n2023-01-02,2,3\n"),
        "a.csv: row 3: 3 cells, expected 2 as in the header (columns are separated by `,`)"
    );
    assert_eq!(
        error("time,count\n2023-01-01T00:00Z,1\n2023-01-01 01:00,2\n"),
        "a.csv: row 3, column `time`: got `2023-01-01 01:00`, expected an offset in every row or in none, or a zone given with --zone"
    );
}

#[test]
fn duplicate_and_backward_stamps_name_both_rows() {
    assert_eq!(
        error("time,count\n2023-01-01,1\n2023-01-02,2\n2023-01-02,3\n"),
        "a.csv: row 4: `2023-01-02` is the time of row 3 (`2023-01-02`) again, expected one row per time"
    );
    assert_eq!(
        error("time,count\n2023-01-01,1\n2023-01-03,2\n2023-01-02,3\n"),
        "a.csv: row 4: `2023-01-02` comes before row 3 (`2023-01-03`), expected times in rising order"
    );
    assert_eq!(
        error("time,count\n2023-01-01T02:00+02:00,1\n2023-01-01T00:00Z,2\n"),
        "a.csv: row 3: `2023-01-01T00:00Z` is the time of row 2 (`2023-01-01T02:00+02:00`) again, expected one row per time"
    );
}

#[test]
fn a_stamp_off_the_grid_is_an_error_with_a_way_out() {
    let text = "time,count\n2023-01-01 00:00,1\n2023-01-01 00:05,2\n2023-01-01 00:10,2\n2023-01-01 00:17,4\n2023-01-01 01:00,9\n2023-01-01 02:00,1\n";
    assert_eq!(
        error(text),
        "a.csv: row 5: `2023-01-01T00:17:00` is off the grid, expected 2023-01-01T00:15:00 or 2023-01-01T00:20:00 (every 5min from \
         2023-01-01T00:00:00); `--step 1h` sums to a coarser step"
    );
    let summed = read(text, &step("1h")).expect("the way out works");
    assert_eq!(summed.series.values(), [Some(9.0), Some(9.0)]);
    assert_eq!(summed.notes.len(), 1);
}

#[test]
fn steps_that_cannot_be_are_errors() {
    assert_eq!(
        error("time,count\n2023-01-01,1\n2023-02-01,2\n2023-03-01,3\n"),
        "a.csv: row 3: rows are a month apart, and a month is not always the same number of days; expected equal steps, for example \
         daily or weekly counts"
    );
    assert_eq!(
        error("time,count\n2023-01-01 00:00,1\n2023-01-01 00:07,2\n2023-01-01 00:14,3\n"),
        "a.csv: rows are mostly 7min apart, expected whole days or a whole part of a day; `--step 1h` sums to a coarser step"
    );
    assert_eq!(
        read(DAILY, &step("1h")).expect_err("finer"),
        "a.csv: --step 1h is finer than the data, whose rows are 1d apart; leave it out or give a coarser one"
    );
    assert_eq!(
        read("time,count\n2023-01-01 00:00,1\n2023-01-01 00:10,2\n2023-01-01 00:20,3\n", &step("15min")).expect_err("uneven"),
        "a.csv: --step 15min is not a multiple of the step of the data, 10min"
    );
    assert_eq!(
        read(DAILY, &step("7d")).expect_err("too coarse"),
        "a.csv: no whole bucket of 7d between 2023-01-01 and 2023-01-04; give a finer --step"
    );
    assert_eq!(
        error("time,count\n2023-01-01 00:00:00,1\n2023-01-01 00:00:01,2\n2033-01-01 00:00:00,3\n"),
        "a.csv: 3 rows from 2023-01-01 to 2033-01-01 would make 315619201 buckets of 1s, nearly all of them missing; is a year \
         mistyped, or a row missing its neighbours?"
    );
}

/// Rows of 15 minutes from 22:30; the value is 1, and `missing` rows are left out.
fn quarters(n: i64, missing: &[i64]) -> String {
    let start: jiff::civil::DateTime = "2023-01-01T22:30".parse().expect("a time");
    let rows = (0..n).filter(|i| !missing.contains(i)).map(|i| {
        let at = start.checked_add(jiff::SignedDuration::from_mins(15 * i)).expect("in range");
        format!("{at},1\n")
    });
    format!("time,count\n{}", rows.collect::<String>())
}

#[test]
fn a_coarser_step_sums_and_leaves_out_what_the_file_only_begins_or_ends_in() {
    // 22:30 to 02:15: the hours 23, 0 and 1 are whole.
    let imported = read(&quarters(16, &[]), &step("1h")).expect("it can be summed");
    assert_eq!(labels(&imported), ["2023-01-01T23:00:00", "2023-01-02T00:00:00", "2023-01-02T01:00:00"]);
    assert_eq!(imported.series.values(), [Some(4.0); 3]);
}

#[test]
fn a_sum_with_a_part_missing_is_missing() {
    let imported = read(&quarters(16, &[7]), &step("1h")).expect("it can be summed");
    assert_eq!(imported.series.values(), [Some(4.0), None, Some(4.0)]);
    let imported =
        read(&quarters(16, &[]).replace("2023-01-02T01:15:00,1", "2023-01-02T01:15:00,"), &step("1h")).expect("it can be summed");
    assert_eq!(imported.series.values(), [Some(4.0), Some(4.0), None]);
}

#[test]
fn weeks_start_on_the_first_whole_day() {
    let text: String = (1..=22).map(|day| format!("2023-01-{day:02},1\n")).collect();
    let imported = read(&format!("time,count\n{text}"), &step("7d")).expect("it can be summed");
    assert_eq!(labels(&imported), ["2023-01-01", "2023-01-08", "2023-01-15"]);
    assert_eq!(imported.series.values(), [Some(7.0); 3]);
}

#[test]
fn local_hours_with_a_zone_pass_both_changes_of_the_clock() {
    let autumn = "time,n\n2023-10-29 00:00,0\n2023-10-29 01:00,1\n2023-10-29 02:00,2\n2023-10-29 02:00,3\n2023-10-29 03:00,4\n";
    let imported = read(autumn, &zone("Europe/Berlin")).expect("the hour occurs twice");
    assert_eq!(imported.series.values(), [0.0, 1.0, 2.0, 3.0, 4.0].map(Some));
    assert_eq!(labels(&imported)[2..4], ["2023-10-29T02:00:00+02", "2023-10-29T02:00:00+01"]);
    let spring = "time,n\n2023-03-26 00:00,0\n2023-03-26 01:00,1\n2023-03-26 03:00,2\n2023-03-26 04:00,3\n";
    assert_eq!(read(spring, &zone("Europe/Berlin")).expect("the hour is skipped").series.observed(), 4);
    assert_eq!(plain(spring).series.values()[2], None, "on a clock without a zone an hour is missing");
    assert_eq!(
        error(autumn),
        "a.csv: row 5: `2023-10-29 02:00` is the time of row 4 (`2023-10-29 02:00`) again, expected one row per time; if the clocks \
         went back here, name the zone, for example `--zone Europe/Berlin`"
    );
    assert_eq!(
        read("time,n\n2023-03-26 01:30,1\n2023-03-26 02:30,2\n", &zone("Europe/Berlin")).expect_err("no such time"),
        "a.csv: row 3, column `time`: got `2023-03-26 02:30`, expected a time that exists: the clocks of the zone skip this one"
    );
}

#[test]
fn a_day_of_23_hours_is_whole() {
    let rows: String =
        (0..47).filter(|hour| *hour != 2).map(|hour| format!("2023-03-{} {:02}:00,1\n", 26 + hour / 24, hour % 24)).collect();
    let mut options = zone("Europe/Berlin");
    options.step = Some(Step::DAY);
    let imported = read(&format!("time,n\n{rows}2023-03-27 23:00,1\n"), &options).expect("it can be summed");
    assert_eq!(imported.series.values(), [Some(23.0), Some(24.0)]);
}

#[test]
fn one_offset_is_kept_and_several_become_utc() {
    let one = plain("time,n\n2023-01-01T00:00+02:00,1\n2023-01-02T00:00+02:00,2\n");
    assert_eq!(labels(&one), ["2023-01-01", "2023-01-02"]);
    let several = plain("time,n\n2023-01-01T00:00+02:00,1\n2023-01-01T00:00+01:00,2\n");
    assert_eq!(labels(&several), ["2022-12-31T22:00:00", "2022-12-31T23:00:00"]);
}

#[test]
fn a_test_file_follows_its_train_file_on_one_grid() {
    let folder = Folder::new();
    let train = folder.file("train.csv", DAILY);
    let test = folder.file("test.csv", "date,count\n2023-01-07,7\n2023-01-08,8\n");
    let (imported, n) = read_pair(&train, &test, &Options::default()).expect("they follow");
    assert_eq!(n, 6, "the hole belongs to train");
    assert_eq!(imported.series.values()[3..], [Some(4.0), None, None, Some(7.0), Some(8.0)]);
    let one_row = folder.file("one.csv", "date,count\n2023-01-05,5\n");
    assert_eq!(read_pair(&train, &one_row, &Options::default()).expect("train has a step").1, 4);
}

#[test]
fn a_test_file_that_does_not_follow_is_an_error() {
    let folder = Folder::new();
    let train = folder.file("train.csv", DAILY);
    let test = folder.file("test.csv", "date,count\n2023-01-04,7\n2023-01-05,8\n");
    let text = |error: ImportError| folder.text(&error);
    assert_eq!(
        text(read_pair(&train, &test, &Options::default()).expect_err("they overlap")),
        "test.csv: row 2: test starts at 2023-01-04, expected a time after the last of train, 2023-01-04 (train.csv: row 5)"
    );
    let bad = folder.file("bad.csv", "date,count\n2023-01-05,7\n2023-01-06,x\n");
    assert_eq!(
        text(read_pair(&train, &bad, &Options::default()).expect_err("a bad cell")),
        "bad.csv: row 3, column `count`: got `x`, expected a number such as `12.5`, or an empty cell"
    );
    let off = folder.file("off.csv", "date,count\n2023-01-05 12:00,7\n");
    assert!(
        text(read_pair(&train, &off, &Options::default()).expect_err("off the grid"))
            .starts_with("off.csv: row 2: `2023-01-05T12:00:00` is off")
    );
}

#[test]
fn regressors_are_columns_with_a_number_in_every_bucket() {
    let mut options = Options { regressors: vec!["promo".to_owned()], ..Options::default() };
    let imported = read("time,n,promo\n2023-01-01,1,0\n2023-01-02,,1\n", &options).expect("test rows may have no value yet");
    assert_eq!(imported.regressors, [("promo".to_owned(), vec![0.0, 1.0])]);
    assert_eq!(imported.known().regressors, imported.regressors);
    assert_eq!(
        read("time,n,promo\n2023-01-01,1,0\n2023-01-02,2,\n", &options).expect_err("a hole"),
        "a.csv: row 3, column `promo`: got ``, expected a number in every row, because it is a regressor"
    );
    assert_eq!(
        read("time,n,promo\n2023-01-01,1,0\n2023-01-02,2,0\n2023-01-04,2,0\n", &options).expect_err("a missing row"),
        "a.csv: no row for 2023-01-03, so regressor `promo` has no value there; add the row (its value may stay empty)"
    );
    options.regressors = vec!["n".to_owned()];
    assert_eq!(read("time,n,x\n2023-01-01,1,0\n2023-01-02,2,0\n", &options).expect("x is left").value_column, "x");
    options.value_column = Some("n".to_owned());
    assert_eq!(
        read("time,n,x\n2023-01-01,1,0\n2023-01-02,2,0\n", &options).expect_err("two roles"),
        "a.csv: column `n` cannot be both value and regressor: leave it out of --regressors, or name another one with --value-column"
    );
}

#[test]
fn train_ends_with_the_bucket_asked_for() {
    let daily = Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, 10);
    let hourly = Grid::civil("2023-01-01".parse().expect("a date"), Step::HOUR, 72);
    assert_eq!(train_len(&daily, Some("2023-01-04")).expect("inside"), 4);
    assert_eq!(train_len(&daily, None).expect("the first half"), 5);
    assert_eq!(train_len(&hourly, Some("2023-01-02")).expect("the whole day"), 48);
    assert_eq!(train_len(&hourly, Some("2023-01-02 10:59")).expect("inside"), 35);
    assert_eq!(train_len(&hourly, Some("2023-01-02T10:00Z")).expect("inside"), 35);
    for outside in ["2022-12-31", "2023-01-10", "2024-01-01"] {
        assert_eq!(
            train_len(&daily, Some(outside)).expect_err("outside").to_string(),
            format!("--train-until `{outside}`: expected a time before the last of the data, which run from 2023-01-01 to 2023-01-10")
        );
    }
    assert!(train_len(&daily, Some("soon")).expect_err("no time").to_string().starts_with("--train-until `soon`: expected a time such as"));
}

fn truth(text: &str, grid: &Grid, test: std::ops::Range<usize>) -> Result<Truth, String> {
    let folder = Folder::new();
    let path = folder.file("t.csv", text);
    read_truth(&path, grid, test).map_err(|error| folder.text(&error))
}

fn windows(text: &str, grid: &Grid) -> Vec<(usize, usize)> {
    let truth = truth(text, grid, 0..grid.len()).expect("the file is good");
    truth.windows.iter().map(|Window { first, last }| (*first, *last)).collect()
}

#[test]
fn truth_marks_buckets() {
    let daily = Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, 10);
    let hourly = Grid::civil("2023-01-01".parse().expect("a date"), Step::HOUR, 72);
    assert_eq!(windows("time\n2023-01-05\n2023-01-03\n2023-01-04 13:00\n2023-01-08\n", &daily), [(2, 4), (7, 7)]);
    assert_eq!(windows("start,end\n2023-01-02,2023-01-03\n2023-01-04,2023-01-05\n", &daily), [(1, 2), (3, 4)]);
    assert_eq!(windows("start,end,why\n2023-01-02,2023-01-04,x\n2023-01-04,2023-01-05,y\n", &daily), [(1, 4)]);
    assert_eq!(windows("start,end\n2023-01-02,2023-01-02\n", &hourly), [(24, 47)], "a date is its whole day");
    assert_eq!(windows("start,end\n2023-01-01 10:30,2023-01-01 12:00\n", &hourly), [(10, 12)]);
    assert_eq!(windows("time\n2023-01-02\n", &hourly), [(24, 47)]);
    assert_eq!(windows("time\n", &daily), [], "nothing is anomalous");
    let weekly = Grid::civil("2023-01-01".parse().expect("a date"), "7d".parse().expect("a step"), 4);
    assert_eq!(windows("time\n2023-01-10\n", &weekly), [(1, 1)]);
}

#[test]
fn truth_outside_of_test_is_named() {
    let daily = Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, 10);
    let noted = truth("time\n2023-01-02\n2023-01-08\n2023-02-08\n", &daily, 5..10).expect("one row lies in test");
    assert_eq!(noted.windows, [Window { first: 7, last: 7 }]);
    assert_eq!(noted.notes, [noted.notes[0].clone()]);
    assert!(noted.notes[0].ends_with("t.csv: outside the test range, and not scored there: row 2 (`2023-01-02`), row 4 (`2023-02-08`)"));
    let cut = truth("start,end\n2023-01-04,2023-01-07\n", &daily, 5..10).expect("a part lies in test");
    assert_eq!((cut.windows, cut.notes.len()), (vec![Window { first: 5, last: 6 }], 1));
    assert_eq!(
        truth("time\n2023-01-02\n", &daily, 5..10).expect_err("none lies in test"),
        "t.csv: no row lies in the test range, 2023-01-06 to 2023-01-10 (row 2 is `2023-01-02`)"
    );
    assert_eq!(
        truth("start,end\n2023-01-08,2023-01-07\n", &daily, 5..10).expect_err("backward"),
        "t.csv: row 2: end `2023-01-07` is before start `2023-01-08`"
    );
    assert_eq!(
        truth("when,what\n1,2\n", &daily, 5..10).expect_err("other columns"),
        "t.csv: expected a column `time`, or columns `start` and `end` (columns: when, what)"
    );
    assert_eq!(
        truth("", &daily, 5..10).expect_err("empty"),
        "t.csv: the file is empty, expected a header row such as `time` and one row per time"
    );
}

#[test]
fn real_files_are_read_as_they_are() {
    let (Some(train), Some(test)) = (data("ticket-counts/train.csv"), data("ticket-counts/test.csv")) else { return };
    let (tickets, n) = read_pair(&train, &test, &Options::default()).expect("a good pair");
    assert_eq!((n, tickets.series.len(), tickets.series.observed()), (273, 365, 365));
    let series = |path: &str, options: &Options| read_series(&data(&format!("nab/data/{path}")).expect("HARNESS_DATA is set"), options);
    let taxi = series("realKnownCause/nyc_taxi.csv", &Options::default()).expect("a good file");
    assert_eq!((taxi.series.len(), taxi.series.observed(), taxi.series.step().to_string()), (10_320, 10_320, "30min".to_owned()));
    let days = series("realKnownCause/nyc_taxi.csv", &step("1d")).expect("it can be summed");
    assert_eq!((days.series.len(), days.series.observed()), (215, 215));
    let tweets = series("realTweets/Twitter_volume_AAPL.csv", &Options::default()).expect("a good file");
    assert_eq!((tweets.series.len(), tweets.series.observed(), tweets.series.step().to_string()), (15_902, 15_902, "5min".to_owned()));
    let hours = series("realTweets/Twitter_volume_AAPL.csv", &step("1h")).expect("it can be summed");
    assert_eq!((hours.series.len(), labels(&hours)[0].as_str()), (1324, "2015-02-26T22:00:00"));
    let latency = series("realKnownCause/ec2_request_latency_system_failure.csv", &Options::default()).expect_err("stamps repeat");
    assert!(
        latency.to_string().ends_with(
            "row 559: `2014-03-09 03:00:00` is the time of row 558 (`2014-03-09 03:00:00`) again, expected one row per time; if the clocks went \
             back here, name the zone, for example `--zone Europe/Berlin`"
        ),
        "{latency}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_series_written_is_read_back(
        start in 0_i64..2_000_000,
        width in prop::sample::select(vec!["1s", "5min", "30min", "1h", "6h", "1d", "7d"]),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
        values in prop::collection::vec(prop::option::weighted(0.9, -1e12_f64..1e12), 3..400),
    ) {
        let zone = TimeZone::get(zone).expect("a zone");
        let step: Step = width.parse().expect("a step");
        let at = jiff::Timestamp::from_second(1_600_000_000 + 60 * start).expect("in range").to_zoned(zone.clone());
        let at = if step.is_daily() { at.start_of_day().expect("days have a start") } else { at };
        let grid = Grid::new(at, step, values.len());
        let cell = |value: &Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let rows: String = values.iter().enumerate().map(|(i, value)| format!("{},{}\n", grid.label(i), cell(value))).collect();
        let options = Options { zone: Some(zone), ..Options::default() };
        let imported = read(&format!("time,value\n{rows}"), &options).expect("it was written well");
        prop_assert_eq!(imported.series.values(), &values);
        prop_assert_eq!(imported.series.grid().step(), step);
        prop_assert_eq!(imported.series.grid().stamp(values.len()), grid.stamp(values.len()));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop::sample::select(b"time,value\n;2023-01:TZ+.e9N\"\t \r\xEF".to_vec()), 0..200)) {
        let folder = Folder::new();
        let path = folder.file("a.csv", &bytes);
        let _ = read_series(&path, &Options::default());
        let _ = read_truth(&path, &Grid::civil("2023-01-01".parse().expect("a date"), Step::HOUR, 100), 50..100);
    }
}
