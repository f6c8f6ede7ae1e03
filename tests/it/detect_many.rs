//! `harness detect` on many series: each is judged as in a file of its own, and what is wrong with one is wrong with no other.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{code, output, stderr, stdout};

const NAIVE: [&str; 2] = ["--model", "seasonal-naive"];

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn day(i: usize) -> String {
    let start: jiff::civil::Date = "2024-01-01".parse().expect("a date");
    (start + jiff::Span::new().days(i64::try_from(i).expect("small"))).to_string()
}

/// A value of a weekly season with noise, and a jump on day 100; the same for the same arguments.
fn value(series: usize, i: usize) -> usize {
    let noise = (i * 7919 + series * 104_729) % 23;
    let jump = if i == 100 { 300 } else { 0 };
    (40 + 10 * series) * [6, 5, 5, 5, 4, 2, 1][i % 7] / 2 + noise + jump
}

/// Series that begin and end at different days; the second one has a hole and an empty cell.
const SERIES: [(&str, usize, usize); 3] = [("api", 0, 130), ("db", 14, 140), ("web", 0, 120)];

/// Rows of a series: day and cell.
fn cells(series: usize) -> Vec<(String, String)> {
    let (_, from, to) = SERIES[series];
    let kept = (from..to).filter(|i| series != 1 || *i != 60);
    kept.map(|i| (day(i), if series == 1 && i == 90 { String::new() } else { value(series, i).to_string() })).collect()
}

fn long() -> String {
    let mut rows: Vec<(String, &str, String)> =
        (0..SERIES.len()).flat_map(|s| cells(s).into_iter().map(move |(day, cell)| (day, SERIES[s].0, cell))).collect();
    rows.sort();
    rows.iter().fold("date,service,errors\n".to_owned(), |text, (day, name, cell)| text + &format!("{day},{name},{cell}\n"))
}

/// The same values with a column per series.
fn wide() -> String {
    let columns: Vec<Vec<(String, String)>> = (0..SERIES.len()).map(cells).collect();
    let cell =
        |column: &[(String, String)], day: &str| column.iter().find(|(at, _)| at == day).map_or(String::new(), |(_, cell)| cell.clone());
    (0..140).map(day).fold("date,web,api,db\n".to_owned(), |text, day| {
        let [api, db, web] = [0, 1, 2].map(|s| cell(&columns[s], &day));
        text + &format!("{day},{web},{api},{db}\n")
    })
}

fn own(series: usize) -> String {
    cells(series).iter().fold("date,errors\n".to_owned(), |text, (day, cell)| text + &format!("{day},{cell}\n"))
}

fn done(folder: &TempDir, arguments: &[&[&str]]) -> Output {
    let ran = output(folder.path(), &[&["detect"], arguments.concat().as_slice()].concat());
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    ran
}

fn lines(folder: &TempDir, arguments: &[&[&str]]) -> Vec<Value> {
    let ran = done(folder, &[arguments.concat().as_slice(), &["--json"]]);
    stdout(&ran).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn refused(folder: &TempDir, arguments: &[&str]) -> String {
    let ran = output(folder.path(), &[&["detect"], arguments].concat());
    assert_eq!(code(&ran), 2, "{}", stderr(&ran));
    stderr(&ran)
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).expect("a CSV file");
    reader.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect()
}

/// Checks a line of many against the answer for the series alone.
fn assert_same(line: &Value, alone: &Value) {
    for field in ["train", "test", "step", "fits"] {
        assert_eq!(line[field], alone[field], "{field} of {}", line["key"]);
    }
    let points = alone["points"].as_array().expect("points");
    assert_eq!(line["flagged"], points.iter().filter(|point| point["flagged"] == true).count());
    // Of equal scores the first.
    let scored = points.iter().rev().filter(|point| point["score"].is_f64());
    let most = scored.max_by(|a, b| a["score"].as_f64().partial_cmp(&b["score"].as_f64()).expect("numbers")).expect("a score");
    assert_eq!(line["largest"], serde_json::json!({"score": most["score"], "time": most["time"]}));
    let (alarms, expected) = (line["alarms"].as_array().expect("alarms"), alone["alarms"].as_array().expect("alarms"));
    assert_eq!(alarms.len(), expected.len());
    for (alarm, expected) in alarms.iter().zip(expected) {
        assert_eq!((&alarm["first"], &alarm["last"]), (&expected["first"], &expected["last"]));
        let point = points.iter().find(|point| point["time"] == alarm["at"]).expect("a point");
        for field in ["score", "value", "expected", "lower", "upper"] {
            assert_eq!(alarm[field], point[field], "{field} at {}", alarm["at"]);
        }
    }
}

#[test]
fn each_series_of_a_long_file_is_judged_as_in_a_file_of_its_own() {
    let folder = folder(&[("long.csv", &long()), ("api.csv", &own(0)), ("db.csv", &own(1)), ("web.csv", &own(2))]);
    for model in ["lgbm", "arima", "seasonal-naive"] {
        let found = lines(&folder, &[&["long.csv", "--by", "service", "--model", model]]);
        assert_eq!(found.len(), 3);
        for (line, (name, ..)) in found.iter().zip(SERIES) {
            assert_eq!(line["key"], serde_json::json!({"service": name}));
            let alone = done(&folder, &[&[&format!("{name}.csv"), "--model", model, "--json"]]);
            assert_same(line, &serde_json::from_slice(&alone.stdout).expect("JSON"));
            assert!(!line["alarms"].as_array().expect("alarms").is_empty(), "the jump of {name} is there to be found");
        }
    }
}

#[test]
fn options_hold_for_every_series() {
    let folder = folder(&[("long.csv", &long()), ("db.csv", &own(1))]);
    let shared = ["--train-until", "2024-03-20", "--interval", "0.9", "--protocol", "fixed-origin", "--country", "DE"];
    let found = lines(&folder, &[&["long.csv", "--by", "service"], &NAIVE, &shared]);
    let alone = done(&folder, &[&["db.csv", "--json"], &NAIVE, &shared]);
    assert_same(&found[1], &serde_json::from_slice(&alone.stdout).expect("JSON"));
    let coarser = ["--step", "2d", "--model", "arima", "--interval-method", "native", "--zone", "Europe/Berlin"];
    let found = lines(&folder, &[&["long.csv", "--by", "service"], &coarser]);
    let alone = done(&folder, &[&["db.csv", "--json"], &coarser]);
    assert_same(&found[1], &serde_json::from_slice(&alone.stdout).expect("JSON"));
}

#[test]
fn a_column_per_series_gives_what_a_key_column_gives() {
    let folder = folder(&[("long.csv", &long()), ("wide.csv", &wide())]);
    let mut of_long = lines(&folder, &[&["long.csv", "--by", "service", "--model", "arima"]]);
    let mut of_wide = lines(&folder, &[&["wide.csv", "--wide", "--model", "arima"]]);
    let names: Vec<Value> = of_wide.iter_mut().map(|line| line["key"]["series"].take()).collect();
    assert_eq!(names, ["api", "db", "web"]);
    for line in of_long.iter_mut().chain(&mut of_wide) {
        line["key"] = Value::Null;
    }
    assert_eq!(of_long, of_wide);
}

#[test]
fn rows_of_different_series_may_stand_in_any_order() {
    let by_time = long();
    let mut rows: Vec<&str> = by_time.lines().skip(1).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.split(',').nth(1)));
    let by_series = rows.iter().fold("date,service,errors\n".to_owned(), |text, row| text + row + "\n");
    let folder = folder(&[("a.csv", &by_time), ("b.csv", &by_series)]);
    let answer = |file: &str| done(&folder, &[&[file, "--by", "service", "--json", "--model", "lgbm"]]).stdout;
    assert!(answer("a.csv") == answer("b.csv"));
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let mut text = "date,shop,sold\n".to_owned();
    for i in 0..120 {
        for shop in 0..24 {
            let _ = writeln!(text, "{},{shop},{}", day(i), value(shop, i));
        }
    }
    let folder = folder(&[("sold.csv", &text)]);
    let written = |jobs: &str| {
        let files = ["--out", "rows.csv", "--alarms", "alarms.csv", "--jobs", jobs];
        let shown = done(&folder, &[&["sold.csv", "--by", "shop", "--model", "lgbm"], &files]);
        let printed = done(&folder, &[&["sold.csv", "--by", "shop", "--model", "lgbm", "--json", "--jobs", jobs]]);
        let files = ["rows.csv", "alarms.csv"].map(|file| fs::read_to_string(folder.path().join(file)).expect("a file"));
        (stdout(&shown), stdout(&printed), files)
    };
    let one = written("1");
    assert_eq!(one.2[0].lines().count(), 25);
    for jobs in ["2", "7"] {
        assert!(written(jobs) == one, "--jobs {jobs}");
    }
}

#[test]
fn a_series_does_not_depend_on_those_beside_it_though_the_model_draws() {
    let alone: String =
        long().lines().filter(|row| row.contains("service") || row.contains(",db,")).fold(String::new(), |t, r| t + r + "\n");
    let folder = folder(&[("long.csv", &long()), ("alone.csv", &alone)]);
    let of = |file| lines(&folder, &[&[file, "--by", "service", "--model", "prophet", "--refit", "never"]]);
    assert_eq!(of("long.csv")[1], of("alone.csv")[0]);
}

#[test]
fn a_bad_series_is_a_row_with_its_error_and_the_others_are_judged() {
    let mut text = "date,service,errors\n".to_owned();
    let mut row = 1;
    let mut add = |line: String| {
        row += 1;
        let _ = writeln!(text, "{line}");
        row
    };
    (0..60).for_each(|i| {
        add(format!("{},good,{}", day(i), value(0, i)));
        add(format!("{},still,5", day(i)));
    });
    add(format!("{},short,1", day(0)));
    let first = add(format!("{},twice,1", day(0)));
    let twice = add(format!("{},twice,2", day(0)));
    add(format!("{},twice,3", day(1)));
    add(format!("{},back,1", day(5)));
    let back = add(format!("{},back,2", day(4)));
    let word = add(format!("{},word,many", day(0)));
    let folder = folder(&[("a.csv", &text)]);
    let ran = done(&folder, &[&["a.csv", "--by", "service", "--value-column", "errors", "--out", "rows.csv"], &NAIVE]);
    let rows = rows(&folder.path().join("rows.csv"));
    let error = |name: &str| rows.iter().find(|row| row[0] == name).expect("a row").last().expect("a cell").clone();
    assert_eq!(rows.len(), 7, "a header and one row per series");
    assert_eq!(error("good"), "");
    assert!(error("still").contains("train is constant"), "{}", error("still"));
    assert!(error("short").contains("only one row of data (row 122)"), "{}", error("short"));
    assert!(error("twice").contains(&format!("row {twice}: `2024-01-01` is the time of row {first}")), "{}", error("twice"));
    assert!(error("back").contains(&format!("row {back}: `2024-01-05` comes before row")), "{}", error("back"));
    assert!(error("word").contains(&format!("row {word}, column `errors`: got `many`")), "{}", error("word"));
    assert!(stderr(&ran).contains("5 of 6 series not judged, the first: back: a.csv: row"), "{}", stderr(&ran));
    let shown = stdout(&ran);
    assert!(shown.lines().next().is_some_and(|line| line.ends_with("of them, 5 not judged")), "{shown}");
    // What was judged stands first; what does not exist is a dash.
    assert!(shown.lines().nth(3).is_some_and(|line| line.starts_with("good ")), "{shown}");
    assert!(shown.lines().any(|line| line.starts_with("twice ") && line.contains('–') && line.contains("is the time of row")), "{shown}");
}

#[test]
fn a_file_in_which_no_series_can_be_judged_is_an_error() {
    let folder = folder(&[("a.csv", "date,service,n\n2024-01-01,a,1\n2024-01-02,a,2\n2024-01-01,b,1\n2024-01-02,b,5\n")]);
    let said = refused(&folder, &["a.csv", "--by", "service"]);
    assert!(
        said.contains("error: 2 of 2 series not judged, the first: a: train is 1 of 2 buckets: series has 1 points, `lgbm` needs at least"),
        "{said}"
    );
}

#[test]
fn the_strangest_series_stand_first_and_the_rest_is_counted() {
    let mut text = "date,shop,sold\n".to_owned();
    for i in 0..90 {
        for shop in 0..30 {
            let strange = if i == 80 && shop == 17 { 5000 } else { 0 };
            let _ = writeln!(text, "{},{shop:02},{}", day(i), value(shop, i) + strange);
        }
    }
    let folder = folder(&[("sold.csv", &text)]);
    let shown = stdout(&done(&folder, &[&["sold.csv", "--by", "shop"], &NAIVE]));
    assert!(shown.starts_with("seasonal-naive on 30 series by shop: "), "{shown}");
    assert!(shown.lines().nth(3).is_some_and(|line| line.starts_with("17 ")), "{shown}");
    assert!(shown.ends_with("… and 10 more series, none stranger (--top N shows more, --out FILE writes all)\n"), "{shown}");
    let two = stdout(&done(&folder, &[&["sold.csv", "--by", "shop", "--top", "2"], &NAIVE]));
    assert_eq!(two.lines().count(), 6, "{two}");
    assert!(two.contains("… and 28 more series"), "{two}");
}

#[test]
fn keys_keep_their_quotes_commas_and_empty_cells() {
    let keys = [["a,b", "x"], ["say \"hi\"", "x"], ["two\nlines", "x"], ["", "x"], ["(none)", "x"], ["a", "b,x"]];
    let mut text = Vec::new();
    let mut writer = csv::Writer::from_writer(&mut text);
    writer.write_record(["date", "team", "region", "n"]).expect("a row");
    for i in 0..60 {
        for (s, key) in keys.iter().enumerate() {
            writer.write_record([&day(i), key[0], key[1], &value(s, i).to_string()]).expect("a row");
        }
    }
    drop(writer);
    let folder = folder(&[("a.csv", std::str::from_utf8(&text).expect("text"))]);
    let ran = done(&folder, &[&["a.csv", "--by", "team,region", "--out", "rows.csv"], &NAIVE]);
    let mut expected: Vec<Vec<String>> = keys.iter().map(|key| key.iter().map(|part| (*part).to_owned()).collect()).collect();
    expected.sort();
    let found: Vec<Vec<String>> = rows(&folder.path().join("rows.csv")).into_iter().skip(1).map(|row| row[..2].to_vec()).collect();
    assert_eq!(found, expected);
    let shown = stdout(&ran);
    assert_eq!(shown.matches("(none) / x").count(), 2, "{shown}");
    assert!(shown.contains("two lines / x"), "{shown}");
    let json = lines(&folder, &[&["a.csv", "--by", "team,region"], &NAIVE]);
    assert!(json.iter().any(|line| line["key"] == serde_json::json!({"team": "", "region": "x"})));
}

#[test]
fn the_alarms_of_all_series_stand_in_one_file() {
    let folder = folder(&[("long.csv", &long())]);
    let arguments = ["long.csv", "--by", "service", "--model", "arima"];
    done(&folder, &[&arguments, &["--alarms", "alarms.csv", "--top", "0"]]);
    let alarms = rows(&folder.path().join("alarms.csv"));
    assert_eq!(alarms[0], ["service", "first", "last", "flagged", "at", "score", "value", "expected", "lower", "upper"]);
    let told: usize = lines(&folder, &[&arguments]).iter().map(|line| line["alarms"].as_array().expect("alarms").len()).sum();
    assert_eq!(alarms.len() - 1, told);
    let jump = alarms.iter().find(|row| row[0] == "web" && row[4] == day(100)).expect("the jump of web");
    assert_eq!(jump[6], value(2, 100).to_string());
}

#[test]
fn a_column_that_is_not_there_is_told_with_the_nearest_one() {
    let folder = folder(&[("long.csv", &long()), ("wide.csv", &wide())]);
    let said = refused(&folder, &["long.csv", "--by", "servce"]);
    assert!(said.contains("no column `servce`") && said.contains("did you mean `service`?"), "{said}");
    let said = refused(&folder, &["long.csv", "--by", "service,service"]);
    assert!(said.contains("cannot be both one part of the key and another: name it once in --by"), "{said}");
    let said = refused(&folder, &["long.csv", "--by", "service,date"]);
    assert!(said.contains("column `date` cannot be both the key and the time: name another column with --by"), "{said}");
    let said = refused(&folder, &["long.csv", "--by", "service", "--train-until", "soon"]);
    assert!(said.contains("--train-until `soon`: expected a time"), "{said}");
    let said = refused(&folder, &["long.csv", "--by", "service", "--country", "XX"]);
    assert!(said.contains("no holidays for country `XX`"), "{said}");
}

#[test]
fn a_long_file_read_as_wide_and_a_wide_one_read_as_long_are_told_the_way_out() {
    let numbered = long().replace(",api,", ",1,").replace(",db,", ",2,").replace(",web,", ",3,");
    let folder = folder(&[("long.csv", &long()), ("numbered.csv", &numbered), ("wide.csv", &wide())]);
    let said = refused(&folder, &["long.csv", "--wide"]);
    assert!(said.contains("column `service` holds text") && said.contains("use `--by service` instead"), "{said}");
    let said = refused(&folder, &["numbered.csv", "--wide"]);
    assert!(said.contains("is the time of row 2") && said.contains("with --by instead of --wide"), "{said}");
    let said = refused(&folder, &["wide.csv", "--by", "service"]);
    assert!(said.contains("no column `service`") && said.contains("use --wide instead"), "{said}");
    let said = refused(&folder, &["wide.csv", "--by", "web"]);
    assert!(said.contains("several columns hold numbers (api, db)") && said.contains("use --wide instead of --by"), "{said}");
    let per_row = refused(&folder, &["long.csv", "--by", "date", "--time-column", "service"]);
    assert!(per_row.contains("got `api`, expected a time"), "{per_row}");
    let said = refused(&folder, &["long.csv", "--by", "service,errors", "--value-column", "errors"]);
    assert!(said.contains("column `errors` cannot be both the key and the value: name another column with --by"), "{said}");
}

#[test]
fn a_key_that_no_two_rows_share_is_told_the_way_out() {
    let rows = (0..30).fold("date,a,b\n".to_owned(), |text, i| text + &format!("{},{},{}\n", day(i), 100 + i, 3 * i));
    let folder = folder(&[("wide.csv", &rows)]);
    let said = refused(&folder, &["wide.csv", "--by", "a"]);
    assert!(said.contains("30 different values of a in 30 rows") && said.contains("use --wide if each column is one"), "{said}");
}

#[test]
fn a_wide_column_without_a_number_or_a_name_is_told() {
    let rows = (0..40).fold("date,a,late,\n".to_owned(), |text, i| text + &format!("{},{},,{i}\n", day(i), value(0, i)));
    let named = rows.replacen("late,\n", "late,b\n", 1);
    let folder = folder(&[("unnamed.csv", &rows), ("named.csv", &named)]);
    let said = refused(&folder, &["unnamed.csv", "--wide"]);
    assert!(said.contains("column 4 has no name in row 1"), "{said}");
    let found = lines(&folder, &[&["named.csv", "--wide"], &NAIVE]);
    assert!(found[2]["error"].as_str().is_some_and(|error| error.contains("column `late` has no value in any row")), "{found:?}");
}

#[test]
fn a_wide_file_without_a_column_of_a_series_is_told_the_way_out() {
    let rows = (0..40).fold("date,promo\n".to_owned(), |text, i| text + &format!("{},{}\n", day(i), i % 2));
    let dates = (0..40).fold("date\n".to_owned(), |text, i| text + &day(i) + "\n");
    let folder = folder(&[("promo.csv", &rows), ("dates.csv", &dates)]);
    for (file, flags, beside) in
        [("promo.csv", &["--regressors", "promo"][..], "the time `date` and regressors (promo)"), ("dates.csv", &[], "the time `date`")]
    {
        let said = refused(&folder, &[&[file, "--wide"], flags].concat());
        assert!(said.contains(&format!("no column beside {beside} is left to be a series")), "{said}");
        assert!(said.contains("expected one column of numbers per series") && !said.contains("--value-column"), "{said}");
    }
}

#[test]
fn what_is_for_an_investigation_is_not_ignored_beside_many_series() {
    let folder = folder(&[("long.csv", &long()), ("wide.csv", &wide())]);
    let flags = [&["--changes", "c.csv"][..], &["--last", "1"], &["--date", "2024-02-01"], &["--yes"], &["--alert"], &["--llm", "some"]];
    for flag in flags {
        for many in [&["long.csv", "--by", "service"][..], &["wide.csv", "--wide"]] {
            let said = refused(&folder, &[many, flag].concat());
            assert!(said.contains("cannot be used with") || said.contains("--by and --wide send no agent"), "{flag:?}: {said}");
            assert!(said.contains(flag[0]), "{flag:?}: {said}");
        }
    }
    let said = refused(&folder, &["long.csv", "--value-column", "errors", "--changes", "c.csv"]);
    assert!(said.contains("--changes is for investigations: add --investigate AGENT"), "{said}");
}

#[test]
fn two_outputs_that_do_not_exist_yet_are_known_as_one_file() {
    let folder = folder(&[("long.csv", &long())]);
    fs::create_dir(folder.path().join("sub")).expect("a folder");
    let whole = folder.path().join("x.csv");
    for other in ["./x.csv", "sub/../x.csv", whole.to_str().expect("text")] {
        let said = refused(&folder, &["long.csv", "--by", "service", "--out", "x.csv", "--alarms", other]);
        assert!(said.contains("--out and --alarms name the same file"), "{said}");
        assert!(!whole.exists(), "nothing is written");
    }
    let said = refused(&folder, &["long.csv", "--by", "service", "--alarms", "sub/../long.csv"]);
    assert!(said.contains("--alarms would write over the input"), "{said}");
}

#[test]
fn a_key_named_like_a_column_of_a_table_is_refused_before_any_work() {
    let text = long().replacen("service", "first", 1);
    let steps = long().replacen("service", "step", 1);
    let folder = folder(&[("first.csv", &text), ("step.csv", &steps)]);
    for (name, flag) in [("first", "--out"), ("first", "--alarms"), ("step", "--out")] {
        let said = refused(&folder, &[&format!("{name}.csv"), "--by", name, flag, "x.csv"]);
        let expected = format!("the table of {flag} has a column `{name}` of its own and would have two: rename the column in the file");
        assert!(said.contains(&expected), "{said}");
        assert!(!folder.path().join("x.csv").exists(), "nothing is written");
    }
    // A table without that column takes the name, and so does JSON, where keys stand apart.
    done(&folder, &[&["step.csv", "--by", "step", "--alarms", "alarms.csv"], &NAIVE]);
    assert_eq!(lines(&folder, &[&["first.csv", "--by", "first"], &NAIVE]).len(), 3);
}

#[test]
fn what_is_for_one_series_cannot_be_combined() {
    let folder = folder(&[("long.csv", &long())]);
    for other in [&["--investigate", "segment-scan"][..], &["--truth", "t.csv"], &["--train", "a.csv", "--test", "b.csv"], &["--wide"]] {
        let said = refused(&folder, &[&["long.csv", "--by", "service"], other].concat());
        assert!(said.contains("cannot be used with"), "{other:?}: {said}");
    }
    let said = refused(&folder, &["long.csv", "--out", "rows.csv"]);
    assert!(said.contains("--by <COLUMNS>") && said.contains("--wide"), "{said}");
    let said = refused(&folder, &["long.csv", "--by", "service", "--out", "./long.csv"]);
    assert!(said.contains("--out would write over the input"), "{said}");
    assert_eq!(fs::read_to_string(folder.path().join("long.csv")).expect("the file"), long());
}

/// Tickets of two products, in no order, and those of each product alone.
fn tickets() -> (String, [String; 2]) {
    let header = "created_at,App Version,subject,body\n";
    let mut texts = [header.to_owned(), header.to_owned()];
    for i in 0..80 {
        for (product, text) in texts.iter_mut().enumerate() {
            for ticket in 0..value(product, i) / 10 {
                let _ = writeln!(
                    text,
                    "{} {:02}:{:02}:00,{},help,\"it broke, again\"",
                    day(i),
                    ticket % 24,
                    ticket / 24,
                    ["1.0", "2.0"][product]
                );
            }
        }
    }
    let mut rows: Vec<&str> = texts.iter().flat_map(|text| text.lines().skip(1)).collect();
    rows.sort_by_key(|row| row.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into())) % 97);
    (rows.iter().fold(header.to_owned(), |text, row| text + row + "\n"), texts)
}

#[test]
fn tickets_are_counted_per_value_of_an_attribute() {
    let (all, [first, second]) = tickets();
    let folder = folder(&[("t.csv", &all), ("1.csv", &first), ("2.csv", &second)]);
    let found = lines(&folder, &[&["t.csv", "--by", "app_version"], &NAIVE]);
    assert_eq!(found.len(), 2);
    for (line, file) in found.iter().zip(["1.csv", "2.csv"]) {
        let alone = done(&folder, &[&[file, "--json"], &NAIVE]);
        assert_same(line, &serde_json::from_slice(&alone.stdout).expect("JSON"));
    }
    let said = refused(&folder, &["t.csv", "--by", "prodct"]);
    assert!(said.contains("no column `prodct`"), "{said}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_is_done_and_says_what_is_missing() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    const SHOPS: usize = 200;
    let mut text = "date,shop,sold\n".to_owned();
    for i in 0..300 {
        for shop in 0..SHOPS {
            let _ = writeln!(text, "{},{shop:03},{}", day(i), value(shop, i));
        }
    }
    let folder = folder(&[("sold.csv", &text)]);
    let slow = ["--model", "lgbm", "--refit", "1d", "--jobs", "1", "--json", "--out", "rows.csv"];
    let mut command = crate::run::harness(folder.path(), &[&["detect", "sold.csv", "--by", "shop"], &slow[..]].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let out = folder.path().join("rows.csv");
    let began = Instant::now();
    while !fs::read_to_string(&out).is_ok_and(|text| text.lines().count() > 2) {
        assert!(began.elapsed() < Duration::from_secs(120), "the first rows come soon");
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(interrupted.success());
    let ended = child.wait_with_output().expect("the program ends");
    assert_eq!(code(&ended), 5, "{}", stderr(&ended));
    let rows = rows(&out);
    let kept = rows.len() - 1;
    assert!((2..SHOPS).contains(&kept), "{kept}");
    assert!(rows.iter().skip(1).all(|row| row.last().is_some_and(String::is_empty)), "what is done is whole");
    assert_eq!(stdout(&ended).lines().count(), kept);
    let said = format!("interrupted: {kept} of {SHOPS} series are done, {} are missing", SHOPS - kept);
    assert!(stderr(&ended).contains(&said), "{}", stderr(&ended));
}
