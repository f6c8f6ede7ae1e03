//! Tickets and change logs of users: what is read, and what every bad file is told.

use std::path::{Path, PathBuf};

use incident_harness::data::ChangeKind;
use incident_harness::data::ticket::TicketTable;
use incident_harness::import::{ImportError, ImportedTickets, TicketOptions, read_changes, read_tickets};
use incident_harness::scenario::Scenario;
use incident_harness::seed::SeedRole::Dev;
use incident_harness::synth::{export, generate, texts, tickets};
use incident_harness::time::Step;
use jiff::tz::TimeZone;
use proptest::prelude::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("t.csv");
        std::fs::write(&path, text).expect("the folder is writable");
        path
    }

    /// An error's text with the folder cut off.
    fn text(&self, error: &ImportError) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn read(text: &str, options: &TicketOptions) -> Result<ImportedTickets, String> {
    let folder = Folder::new();
    read_tickets(&folder.file(text), options).map_err(|error| folder.text(&error))
}

fn plain(text: &str) -> ImportedTickets {
    read(text, &TicketOptions::default()).expect("the file is good")
}

fn error(text: &str) -> String {
    read(text, &TicketOptions::default()).expect_err("the file is bad")
}

fn step(text: &str) -> TicketOptions {
    TicketOptions { step: Some(text.parse().expect("a step")), ..TicketOptions::default() }
}

fn values<'a>(table: &'a TicketTable, name: &str) -> Vec<&'a str> {
    let column = table.column(name).expect("the dimension exists");
    (0..table.len()).map(|row| column.value(row)).collect()
}

const THREE: &str = "created_at,id,queue,subject,body,tags
2024-01-03 09:00,12,billing,Third,c,payment
2024-01-01 10:00,10,technical,First,a,crash; login
2024-01-01 23:59:59,11,billing,Second,\"b, with a comma\",
";

#[test]
fn rows_are_sorted_and_put_on_a_daily_grid() {
    let read = plain(THREE);
    let table = &read.table;
    assert_eq!((table.grid.len(), table.grid.step(), table.grid.label(0).as_str()), (3, Step::DAY, "2024-01-01"));
    assert_eq!(table.ids, [10, 11, 12]);
    assert_eq!((table.buckets.as_slice(), table.seconds.as_slice()), (&[0, 0, 2][..], &[36_000, 86_399, 32_400][..]));
    assert_eq!(values(table, "queue"), ["technical", "billing", "billing"]);
    assert_eq!(table.count(|_| true), [Some(2), Some(0), Some(1)]);
    assert_eq!(table.tags_of(0).collect::<Vec<_>>(), ["crash", "login"]);
    assert_eq!(table.tags_of(1).count(), 0);
    let texts = read.texts.expect("there is a subject");
    assert_eq!((texts.text(1).subject.as_str(), texts.text(1).body.as_str()), ("Second", "b, with a comma"));
    let notes = ["t.csv: rows were sorted by `created_at`", "t.csv: 1 of 3 buckets of 1d hold no ticket and count as zero"];
    assert!(read.notes.len() == 2 && read.notes.iter().zip(notes).all(|(note, end)| note.ends_with(end)), "{:?}", read.notes);
}

#[test]
fn tags_in_columns_of_their_own_are_the_same_tags() {
    let read = plain("date,tag_1,tag_2,tag_8\n2024-01-01,crash,login,\n2024-01-02,,,crash\n");
    assert_eq!(read.table.tag_names, ["crash", "login"]);
    assert_eq!(read.table.tags, [0b11, 0b01]);
    assert!(read.texts.is_none());
    assert!(read.table.columns.is_empty());
}

#[test]
fn of_more_than_64_tags_the_commonest_are_kept() {
    let rows: String = (0..70)
        .map(|tag| format!("2024-01-01,t{tag:02}\n2024-01-01,{}\n", if tag < 64 { format!("t{tag:02}") } else { String::new() }))
        .collect();
    let read = plain(&format!("date,tags\n{rows}"));
    assert_eq!(read.table.tag_names.len(), 64);
    assert_eq!(read.table.tag_names[63], "t63");
    assert!(read.notes.iter().any(|note| note.ends_with("70 different tags, of which the 64 commonest are kept")), "{:?}", read.notes);
}

#[test]
fn numbers_and_names_are_no_dimensions_and_the_user_is_told() {
    let rows: String = (0..201).map(|row| format!("2024-01-01,{row}.5,customer {row},web,\n")).collect();
    let read = plain(&format!("time,hours,customer,platform,spare\n{rows}"));
    assert_eq!(read.table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["platform"]);
    let said = read.notes.join("\n");
    assert!(said.contains("column `hours` holds numbers and is ignored"), "{said}");
    assert!(said.contains("column `customer` has more than 200 different values and is ignored"), "{said}");
    assert!(said.contains("column `spare` is empty and is ignored"), "{said}");
    let two_hundred: String = (0..200).map(|row| format!("2024-01-01,customer {row}\n")).collect();
    assert_eq!(plain(&format!("time,customer\n{two_hundred}")).table.columns[0].values.len(), 200);
}

#[test]
fn attributes_that_agents_know_may_hold_numbers_and_have_any_spelling() {
    let read = plain("date,Priority,App Version,hours\n2024-01-01,1,5.2,3\n2024-01-01,2,5.1,4\n");
    assert_eq!(values(&read.table, "priority"), ["1", "2"]);
    assert_eq!(values(&read.table, "app_version"), ["5.2", "5.1"]);
    assert_eq!(read.table.columns.len(), 2);
    let both = plain("date,App Version,app_version\n2024-01-01,x,y\n");
    assert_eq!((values(&both.table, "App Version"), values(&both.table, "app_version")), (vec!["x"], vec!["y"]));
}

#[test]
fn other_names_of_id_and_texts_are_understood() {
    let read = plain("date,ticket_id,title,text\n2024-01-01,7,Hello,It crashes\n");
    let text = read.texts.expect("there is a text").text(0);
    assert_eq!((read.table.ids.as_slice(), text.subject.as_str(), text.body.as_str()), (&[7][..], "Hello", "It crashes"));
}

#[test]
fn an_empty_cell_of_a_dimension_is_a_value_of_its_own() {
    let read = plain("time,queue\n2024-01-01,a\n2024-01-01,\n");
    assert_eq!(values(&read.table, "queue"), ["a", "(none)"]);
}

#[test]
fn ids_that_are_not_numbers_are_replaced_and_the_user_is_told() {
    let read = plain("time,id\n2024-01-02,T-1\n2024-01-01,T-2\n");
    assert_eq!(read.table.ids, [1, 2]);
    assert!(read.notes.iter().any(|note| note.contains("tickets are numbered from 1")), "{:?}", read.notes);
}

#[test]
fn short_buckets_start_at_a_multiple_of_the_step_from_midnight() {
    let read = read("time\n2024-01-01 10:20\n2024-01-01 13:00\n", &step("15min")).expect("good");
    assert_eq!((read.table.grid.label(0).as_str(), read.table.grid.len()), ("2024-01-01T10:15:00", 12));
    assert_eq!((read.table.buckets.as_slice(), read.table.seconds.as_slice()), (&[0, 11][..], &[300, 0][..]));
}

#[test]
fn days_are_those_of_the_zone() {
    let text = "time\n2024-03-30T23:30:00Z\n2024-03-31T21:59:00Z\n2024-03-31T22:00:00Z\n";
    let options = TicketOptions { zone: Some(TimeZone::get("Europe/Berlin").expect("a zone")), ..TicketOptions::default() };
    // 31 March 2024 has 23 hours in Berlin.
    let table = read(text, &options).expect("good").table;
    assert_eq!((table.buckets.as_slice(), table.seconds[1]), (&[0, 0, 1][..], 23 * 3600 - 60 - 1800 + 1800));
    assert_eq!(plain(text).table.buckets, [0, 1, 1]);
}

#[test]
fn a_single_ticket_is_a_table() {
    assert_eq!(plain("time\n2024-01-01\n").table.grid.len(), 1);
}

#[test]
fn every_bad_file_is_told_what_is_wrong_and_where() {
    for (text, expected) in [
        ("", "t.csv: the file is empty, expected a header row such as `created_at,queue,subject,body` and one row per time"),
        ("time,queue\n", "t.csv: there is a header row and nothing below it, expected one row per time"),
        (
            "when,queue\n2024-01-01,a\n",
            "t.csv: no column `created_at`, `time`, `timestamp` or `date` (columns: when, queue); name the one with --time-column",
        ),
        (
            "2024-01-01,a\n2024-01-02,b\n",
            "t.csv: row 1 holds the time `2024-01-01`, expected a header row such as `created_at,queue,subject,body`",
        ),
        ("time,queue,Queue\n2024-01-01,a,b\n", "t.csv: row 1 names the column `Queue` more than once: rename one of them"),
        (
            "time,queue\n2024-01-01,a\n01/02/2024,b\n",
            "t.csv: row 3, column `time`: got `01/02/2024`, expected a time such as `2023-09-30`, `2023-09-30 14:00:00`, \
             `2023-09-30T14:00:00+02:00` or epoch seconds or milliseconds",
        ),
        (
            "time,queue\n2024-01-01T00:00:00Z,a\n2024-01-01 00:00,b\n",
            "t.csv: row 3, column `time`: got `2024-01-01 00:00`, expected an offset in every row or in none, or a zone given with --zone",
        ),
        ("time,queue\n2024-01-01,a,b\n", "t.csv: row 2: 3 cells, expected 2 as in the header (columns are separated by `,`)"),
        ("time,id\n2024-01-01,7\n2024-01-01,7\n", "t.csv: row 3: id `7` stands in row 2 already, expected a different one in every row"),
        ("time,id,a\n2024-01-01,,x\n", "t.csv: row 2, column `id`: got ``, expected an id in every row, or no column `id`"),
        (
            "time\n0202-01-01\n2024-01-01\n",
            "t.csv: 2 rows from 0202-01-01 to 2024-01-01 would make 665473 buckets of 1d, nearly all of them missing; is a year mistyped, or a \
             row missing its neighbours?",
        ),
    ] {
        assert_eq!(error(text), expected);
    }
}

#[test]
fn options_that_do_not_fit_the_file_are_errors() {
    let said = read("time\n2024-01-01\n", &step("1h")).expect_err("no time of day");
    assert_eq!(
        said,
        "t.csv: row 2, column `time`: got `2024-01-01`, expected a date and a time of day, because --step is shorter than a day"
    );
    let options = TicketOptions { time_column: Some("opend".to_owned()), ..TicketOptions::default() };
    let said = read("opened,queue\n2024-01-01,a\n", &options).expect_err("mistyped");
    assert_eq!(said, "t.csv: no column `opend` (known: opened, queue; did you mean `opened`?)");
    let said = read_tickets(Path::new("/nowhere/t.csv"), &TicketOptions::default()).expect_err("no file").to_string();
    assert!(said.starts_with("/nowhere/t.csv: "), "{said}");
    let options = TicketOptions { zone: Some(TimeZone::get("Europe/Berlin").expect("a zone")), ..TicketOptions::default() };
    let said = read("time\n2024-03-31 02:30\n", &options).expect_err("skipped");
    assert!(said.ends_with("expected a time that exists: the clocks of the zone skip this one"), "{said}");
}

#[test]
fn a_line_break_inside_a_body_does_not_shift_row_numbers() {
    let said = error("time,body\n2024-01-01,\"two\nlines\"\nyesterday,x\n");
    assert!(said.starts_with("t.csv: row 4, column `time`: got `yesterday`"), "{said}");
}

#[test]
fn an_exported_incident_comes_back() {
    let text = "format: 1\nid: back\ntitle: Back\ncalendar: {start: 2024-01-01, length: 40d, train: 30d, step: 1d}\ntickets: {rate: 60, dispersion: \
                poisson}\nfaults: [{deployment: {onset: 3, shape: shift, scope: {platform: android}, multiplier: 3, version: 5.2.0}}]\nwatch: [tickets]\n";
    let scenario = Scenario::parse(text, "back.yaml", "back.yaml").expect("good");
    let folder = tempfile::tempdir().expect("a temporary folder");
    export(&scenario, Dev, 1, folder.path()).expect("it can be written");
    let back = read_tickets(&folder.path().join("tickets.csv"), &TicketOptions::default()).expect("our own file");
    let table = tickets(&scenario, Dev, 1).expect("small");
    assert_eq!(back.notes, Vec::<String>::new());
    assert_eq!((&back.table.grid, &back.table.recorded), (&table.grid, &table.recorded));
    assert_eq!((&back.table.ids, &back.table.buckets, &back.table.seconds), (&table.ids, &table.buckets, &table.seconds));
    assert_eq!(back.table.columns.len(), table.columns.len());
    for column in &table.columns {
        assert!((0..table.len()).eq(0..back.table.len()));
        assert!(values(&back.table, &column.name).into_iter().eq((0..table.len()).map(|row| column.value(row))), "{}", column.name);
    }
    let (written, read) = (texts(&scenario, Dev, 1).expect("small"), back.texts.expect("there is a body"));
    for row in 0..table.len() {
        let sorted = |table: &TicketTable| {
            let mut tags: Vec<String> = table.tags_of(row).map(str::to_owned).collect();
            tags.sort();
            tags
        };
        assert_eq!(sorted(&back.table), sorted(&table));
        assert_eq!(read.text(row), written.text(row));
    }
    let changes = read_changes(&folder.path().join("changes.csv"), None).expect("our own file");
    assert_eq!(changes, generate(&scenario, Dev, 1).expect("small").observed.changes);
}

#[test]
fn a_change_log_is_read_in_any_order_and_sorted() {
    let folder = Folder::new();
    let text = "Title,kind,AT,regions,rollout,until,author\nNew prices,policy,2024-02-01,,,,me\nSale,campaign,2024-01-05,DE;FR,25%,2024-01-09,me\n";
    let changes = read_changes(&folder.file(text), None).expect("good");
    assert_eq!(
        (changes[0].kind, changes[0].regions.as_slice(), changes[0].rollout),
        (ChangeKind::Campaign, &["DE".to_owned(), "FR".to_owned()][..], 0.25)
    );
    assert_eq!((changes[1].title.as_str(), changes[1].rollout, changes[1].platform.as_deref()), ("New prices", 1.0, None));
    assert!(changes[0].id != changes[1].id && changes[0].id.starts_with("chg-"));
    assert_eq!(changes, read_changes(&folder.file(text), None).expect("good"));
}

#[test]
fn every_bad_change_log_is_told_what_is_wrong_and_where() {
    for (text, expected) in [
        ("", "t.csv: the file is empty, expected a header row such as `at,kind,title` and one row per time"),
        ("kind,title\npolicy,x\n", "t.csv: no column `at` (known: kind, title)"),
        (
            "at,kind,title,rolout\n2024-01-01,policy,x,1\n",
            "t.csv: unknown column `rolout` (known: at, kind, title, platform, version, regions, rollout, until, id; did you mean `rollout`?)",
        ),
        ("at,kind,title,AT\n2024-01-01,policy,x,1\n", "t.csv: row 1 names the column `AT` more than once: rename one of them"),
        (
            "at,kind,title\n2024-01-01,deploymnt,x\n",
            "t.csv: row 2, column `kind`: got `deploymnt`, expected a kind of change (known: deployment, config_change, experiment, campaign, \
             maintenance, policy; did you mean `deployment`?)",
        ),
        ("at,kind,title\n2024-01-01,policy,\n", "t.csv: row 2, column `title`: got ``, expected one line for people"),
        (
            "at,kind,title,rollout\n2024-01-01,policy,x,25\n",
            "t.csv: row 2, column `rollout`: got `25`, expected a share such as `0.25` or `25%`, at most 1",
        ),
        (
            "at,kind,title,until\n2024-01-02,policy,x,2024-01-01\n",
            "t.csv: row 2, column `until`: got `2024-01-01`, expected a time not before `at`, 2024-01-02",
        ),
        (
            "at,kind,title,id\n2024-01-02,policy,x,a\n2024-01-03,policy,y,a\n",
            "t.csv: row 3: id `a` stands in row 2 already, expected a different one in every row",
        ),
        (
            "at,kind,title\nsoon,policy,x\n",
            "t.csv: row 2, column `at`: got `soon`, expected a time such as `2023-09-30`, `2023-09-30 14:00:00`, `2023-09-30T14:00:00+02:00` or \
             epoch seconds or milliseconds",
        ),
    ] {
        let folder = Folder::new();
        let said = read_changes(&folder.file(text), None).expect_err("the file is bad");
        assert_eq!(folder.text(&said), expected);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_and_never_a_panic(text in "(time|created_at|id|tags|,|;|\n|\"|2024-01-0[1-9]|[a-z0-9 ]{0,4}){0,40}") {
        let _ = read(&text, &TicketOptions::default());
        let folder = Folder::new();
        let _ = read_changes(&folder.file(&text), None);
    }

    #[test]
    fn the_order_of_rows_does_not_matter(seconds in proptest::collection::vec(0_i64..400_000, 1..40)) {
        let row = |second: &i64| format!("{},q{}\n", 1_704_067_200 + second, second % 3);
        let mut sorted = seconds.clone();
        sorted.sort_unstable();
        let file = |rows: &[i64]| format!("time,queue\n{}", rows.iter().map(row).collect::<String>());
        prop_assert_eq!(plain(&file(&seconds)).table, plain(&file(&sorted)).table);
    }
}
