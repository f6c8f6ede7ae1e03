//! `harness detect --by` and `--wide`: a model on every series of a file, on all cores.

use std::collections::BTreeMap;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use clap::Args;

use super::detect::{Detect, columns, or_tickets};
use super::exit::Exit;
use super::interrupt::{FINISHING, silence_worker_panics, stop_on_interrupt};
use super::progress::{Counter, patiently};
use super::{print, tell};
use crate::data::{Known, holiday};
use crate::detect::{DetectError, Detector, native_threshold};
use crate::forecast::ForecastError;
use crate::import::{self, ImportError, Many};
use crate::report::many::{Judged, NotJudged, Overview, Row, alarm_cells, alarm_header, json_line, row_cells, row_header};
use crate::run::pool;
use crate::seed::Seed;

const HEADING: &str = "Many series";
/// Rows that the printed table shows.
const TOP: usize = 20;

/// Options for a file of many series.
#[derive(Args)]
pub(super) struct OfMany {
    /// Each distinct value of these columns is a series, for example service,region; of tickets, the count of each.
    #[arg(long, help_heading = HEADING, value_name = "COLUMNS", value_delimiter = ',', group = "many")]
    by: Vec<String>,
    /// Each column beside the time (and --regressors) is a series.
    #[arg(long, help_heading = HEADING, group = "many", conflicts_with_all = ["by", "value_column"])]
    wide: bool,
    /// Rows of the printed table, the strangest series first [default: 20].
    #[arg(long, help_heading = HEADING, value_name = "N", requires = "many")]
    top: Option<usize>,
    /// Write one row per series into this CSV file, sorted by key.
    #[arg(long, help_heading = HEADING, value_name = "CSV", requires = "many")]
    out: Option<PathBuf>,
    /// Write one row per alarm into this CSV file.
    #[arg(long, help_heading = HEADING, value_name = "CSV", requires = "many")]
    alarms: Option<PathBuf>,
    // Not by clap, which would count a variable of the environment as an option that needs --by.
    /// Worker threads; results are the same for any number [default: all cores] [env: HARNESS_JOBS].
    #[arg(long, help_heading = HEADING, value_name = "N", requires = "many")]
    jobs: Option<NonZeroUsize>,
}

impl OfMany {
    /// Whether the file holds many series.
    pub(super) fn wanted(&self) -> bool {
        self.wide || !self.by.is_empty()
    }

    fn threads(&self) -> anyhow::Result<usize> {
        let set = std::env::var("HARNESS_JOBS").ok().filter(|jobs| !jobs.trim().is_empty());
        let jobs = match (self.jobs, set) {
            (Some(jobs), _) => Some(jobs),
            (None, Some(set)) => {
                Some(set.trim().parse().with_context(|| format!("HARNESS_JOBS is `{set}`, expected a number of threads such as 4"))?)
            }
            (None, None) => None,
        };
        Ok(jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get))
    }
}

/// Judges every series of the file.
pub(super) fn execute(detect: &Detect) -> anyhow::Result<Exit> {
    let built = detect.built()?;
    detect.many.check_headers()?;
    // What no series could be judged with is told before the file is read.
    detect.train_until.as_deref().map(import::check_train_until).transpose()?;
    detect.country.as_deref().map(|country| holiday::holidays(country, 2000)).transpose()?;
    let threads = detect.many.threads()?;
    let path = detect.path()?;
    detect.many.check_outputs(&path)?;
    let many = patiently("reading", |_| read(detect, &path))?;
    for note in &many.notes {
        tell(&format!("note: {note}"));
    }
    let mut sinks = Sinks::open(detect, &many)?;
    let judge = Judge {
        many: &many,
        detector: built.detector.as_ref(),
        model: &detect.model,
        threshold: native_threshold(detect.interval),
        train_until: detect.train_until.as_deref(),
        country: detect.country.as_deref(),
    };
    silence_worker_panics();
    let stop = Arc::<AtomicBool>::default();
    stop_on_interrupt(&stop, Some(FINISHING))?;
    let clock = Instant::now();
    let jobs: Vec<usize> = (0..many.len()).collect();
    let mut counter = Counter::new("series", jobs.len(), 0);
    // Rows that are done before one above them.
    let mut waiting: BTreeMap<usize, Row> = BTreeMap::new();
    let mut next = 0;
    let complete = pool::run(
        &jobs,
        threads,
        &|| stop.load(Ordering::Relaxed),
        |&at| judge.row(at),
        |&at, row| {
            waiting.insert(at, row);
            while let Some(row) = waiting.remove(&next) {
                sinks.take(&row)?;
                next += 1;
            }
            counter.tick();
            Ok::<(), anyhow::Error>(())
        },
    );
    counter.finish();
    let complete = complete?;
    waiting.values().try_for_each(|row| sinks.take(row))?;
    let Sinks { overview, notes, .. } = sinks;
    if let Some((first, more)) = notes {
        let rest = if more > 0 { format!(" ({more} more series have notes: see --json)") } else { String::new() };
        tell(&format!("note: {first}{rest}"));
    }
    let (done, seconds) = (overview.rows(), clock.elapsed().as_secs_f64());
    tell(&format!("{done} series in {seconds:.2}s on {threads} thread{}", if threads == 1 { "" } else { "s" }));
    let (not_judged, none_judged, all_broke) = (overview.not_judged(), overview.none_judged(), overview.all_broke());
    if !detect.json {
        let by = if detect.many.wide { "column".to_owned() } else { many.key_columns.join(", ") };
        print(&overview.text(&detect.model, detect.interval, &by));
    }
    if let Some(line) = not_judged {
        tell(&if none_judged { format!("error: {line}") } else { line });
    }
    if !complete {
        tell(&format!("interrupted: {done} of {} series are done, {} are missing", many.len(), many.len() - done));
        return Ok(Exit::Interrupted);
    }
    Ok(match (none_judged, all_broke) {
        (true, true) => Exit::Infra,
        (true, false) => Exit::Usage,
        (false, _) => Exit::Done,
    })
}

fn read(detect: &Detect, path: &Path) -> anyhow::Result<Many> {
    let by = &detect.many.by;
    if detect.many.wide {
        return import::read_wide(path, &detect.options()?).map_err(or_by);
    }
    if detect.of_tickets.wanted(path, detect.value_column.as_deref())? {
        return Ok(import::count_tickets(path, by, &detect.ticket_options()?)?);
    }
    import::read_long(path, by, &detect.options()?).map_err(|error| or_wide(error, by))
}

/// The way out of errors that a wide file runs into when it is read as a long one.
fn or_wide(error: ImportError, by: &[String]) -> anyhow::Error {
    match &error {
        ImportError::SeveralValueColumns { .. } => anyhow::anyhow!("{error}, or if each of them is a series, use --wide instead of --by"),
        ImportError::UnknownColumn { name, known, .. } if by.iter().any(|by| by.trim() == name) && !known.contains("did you mean") => {
            anyhow::anyhow!("{error}: --by names the column that tells series apart; if each column is a series, use --wide instead")
        }
        _ => or_tickets(error),
    }
}

/// The way out of errors that a long file runs into when it is read as a wide one.
fn or_by(error: ImportError) -> anyhow::Error {
    match error {
        ImportError::Duplicate { .. } | ImportError::Backward { .. } => anyhow::anyhow!(
            "{error} (if the rows of several series stand below each other, name the column that tells them apart with --by instead of --wide)"
        ),
        _ => error.into(),
    }
}

impl OfMany {
    /// No file is written over another one.
    fn check_outputs(&self, input: &Path) -> anyhow::Result<()> {
        let same = |a: &Path, b: &Path| a == b || real(a) == real(b);
        for (flag, path) in [("--out", &self.out), ("--alarms", &self.alarms)] {
            let over = path.as_deref().is_some_and(|path| same(path, input));
            anyhow::ensure!(!over, "{flag} would write over the input, {}: name another file", input.display());
        }
        let both = self.out.as_deref().zip(self.alarms.as_deref()).is_some_and(|(out, alarms)| same(out, alarms));
        anyhow::ensure!(!both, "--out and --alarms name the same file: rows and alarms have different columns, name two files");
        Ok(())
    }

    /// No table has two columns of one name.
    fn check_headers(&self) -> anyhow::Result<()> {
        for (flag, path, own) in [("--out", &self.out, row_header(&[])), ("--alarms", &self.alarms, alarm_header(&[]))] {
            let twice = self.by.iter().map(|name| name.trim()).find(|name| own.iter().any(|own| own == name));
            if let (Some(name), Some(_)) = (twice, path) {
                anyhow::bail!(
                    "--by {name}: the table of {flag} has a column `{name}` of its own and would have two: rename the column in the file"
                );
            }
        }
        Ok(())
    }
}

/// Where a path leads, also of a file that does not exist yet.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let path = std::path::absolute(path).ok()?;
        let folder = path.parent()?;
        Some(folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf()).join(path.file_name()?))
    })
}

/// Where rows go, in order of their keys, as soon as all before them are done.
struct Sinks {
    columns: Vec<String>,
    json: bool,
    rows: Option<Sheet>,
    alarms: Option<Sheet>,
    overview: Overview,
    /// The first note on a series, and how many more series have some.
    notes: Option<(String, usize)>,
}

/// A CSV file that is being written.
struct Sheet {
    path: PathBuf,
    writer: csv::Writer<File>,
}

impl Sheet {
    fn create(path: &Path, header: &[String]) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("{}: cannot be written", path.display()))?;
        let mut sheet = Self { path: path.to_path_buf(), writer: csv::Writer::from_writer(file) };
        sheet.write([header])?;
        Ok(sheet)
    }

    /// Rows reach the file at once, so that a run that is killed has left what it did.
    fn write<R: AsRef<[String]>>(&mut self, rows: impl IntoIterator<Item = R>) -> anyhow::Result<()> {
        let writer = &mut self.writer;
        let written = rows.into_iter().try_for_each(|row| writer.write_record(row.as_ref()));
        let written = written.and_then(|()| Ok(writer.flush()?));
        written.with_context(|| format!("{}: cannot be written", self.path.display()))
    }
}

impl Sinks {
    fn open(detect: &Detect, many: &Many) -> anyhow::Result<Self> {
        let columns = many.key_columns.clone();
        let sheet = |path: &Option<PathBuf>, header: Vec<String>| path.as_deref().map(|path| Sheet::create(path, &header)).transpose();
        Ok(Self {
            rows: sheet(&detect.many.out, row_header(&columns))?,
            alarms: sheet(&detect.many.alarms, alarm_header(&columns))?,
            json: detect.json,
            overview: Overview::new(detect.many.top.unwrap_or(TOP)),
            notes: None,
            columns,
        })
    }

    fn take(&mut self, row: &Row) -> anyhow::Result<()> {
        if self.json {
            print(&format!("{}\n", json_line(row, &self.columns)?));
        }
        if let Some(sheet) = &mut self.rows {
            sheet.write([row_cells(row)])?;
        }
        if let Some(sheet) = &mut self.alarms {
            sheet.write(alarm_cells(row))?;
        }
        if let Some(note) = row.answer.as_ref().ok().and_then(|judged| judged.notes.first()) {
            self.notes = Some(match self.notes.take() {
                Some((first, more)) => (first, more + 1),
                None => (note.clone(), 0),
            });
        }
        self.overview.add(row);
        Ok(())
    }
}

/// What every series is judged by.
struct Judge<'a> {
    many: &'a Many,
    detector: &'a dyn Detector,
    model: &'a str,
    threshold: f64,
    train_until: Option<&'a str>,
    country: Option<&'a str>,
}

impl Judge<'_> {
    /// The row of a series, whatever becomes of it.
    fn row(&self, at: usize) -> Row {
        let answer = pool::caught(|| self.judged(at))
            .unwrap_or_else(|panic| Err(NotJudged { why: format!("`{}` {panic}", self.model), broke: true }));
        Row { key: self.many.key(at).clone(), answer }
    }

    fn judged(&self, at: usize) -> Result<Judged, NotJudged> {
        let refused = |why: String| NotJudged { why, broke: false };
        let mut imported = self.many.series(at).map_err(|error| refused(error.to_string()))?;
        let series = &imported.series;
        let train_len = import::train_len(series.grid(), self.train_until).map_err(|error| refused(error.to_string()))?;
        let known = Known::new(columns(&imported, self.country).map_err(|error| refused(error.to_string()))?);
        let (train, test) = (series.slice(0..train_len), series.slice(train_len..series.len()));
        // By its key and not by its place, so that a series is judged alike whatever stands beside it.
        let seed = Seed::derive(["harness detect", self.model].into_iter().chain(self.many.key(at).parts().iter().map(String::as_str)));
        let detection = self.detector.detect(&train, &test, &known, seed).map_err(|error| NotJudged {
            broke: matches!(error, DetectError::NotFinite { .. } | DetectError::Forecast(ForecastError::Failed { .. })),
            why: match &error {
                // The file has more than the model was given.
                DetectError::Forecast(ForecastError::TooShort { .. }) => {
                    format!("train is {} of {} buckets: {error}", train.len(), series.len())
                }
                _ => error.to_string(),
            },
        })?;
        Ok(Judged::new(&train, &test, &detection, self.threshold, std::mem::take(&mut imported.notes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Series;
    use crate::detect::Detection;

    /// Breaks down on every series whose first value is 13.
    struct Superstitious;

    impl Detector for Superstitious {
        fn detect(&self, train: &Series, test: &Series, _known: &Known, _seed: Seed) -> Result<Detection, DetectError> {
            assert!(train.values()[0] != Some(13.0), "not this one");
            Ok(Detection { scores: vec![Some(1.0); test.len()], bands: Vec::new(), fits: 1 })
        }
    }

    #[test]
    fn a_model_that_panics_is_the_error_of_one_series() {
        let file = std::env::temp_dir().join(format!("incident-harness-panics-{}.csv", std::process::id()));
        let text = "date,service,n\n2024-01-01,a,1\n2024-01-02,a,2\n2024-01-01,b,13\n2024-01-02,b,2\n2024-01-01,c,1\n2024-01-02,c,4\n";
        std::fs::write(&file, text).expect("a file");
        let many = import::read_long(&file, &["service".to_owned()], &import::Options::default()).expect("three series");
        std::fs::remove_file(&file).expect("the file is there");
        let judge =
            Judge { many: &many, detector: &Superstitious, model: "superstitious", threshold: 2.0, train_until: None, country: None };
        silence_worker_panics();
        let mut overview = Overview::new(TOP);
        let all = pool::run(
            &[0, 1, 2],
            2,
            &|| false,
            |&at| judge.row(at),
            |_, row| {
                overview.add(&row);
                Ok::<(), ()>(())
            },
        );
        assert_eq!(all, Ok(true));
        assert_eq!(overview.not_judged().as_deref(), Some("1 of 3 series not judged, b: `superstitious` panicked: not this one"));
        assert!(!overview.none_judged() && !overview.all_broke());
    }
}
