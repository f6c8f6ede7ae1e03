//! `harness detect`: a model on your own series.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::detect_many::{self, OfMany};
use super::detect_tickets::{Investigation, OfTickets, Sent};
use super::exit::Exit;
use super::method::IntervalMethod;
use super::progress::watched;
use super::{print, print_json, tell};
use crate::data::Known;
use crate::data::holiday::{self, UnknownCountry};
use crate::data::known::Columns;
use crate::detect::residual::{OnAlarm, Origin, Refit};
use crate::detect::{self, Built, Protocol, native_threshold};
use crate::import::{self, ImportError, Imported, TicketOptions};
use crate::report::detect::{Answer, DetectReport, flags};
use crate::seed::Seed;
use crate::time::Step;

/// Detect anomalies in your own series.
#[derive(Args)]
#[command(after_help = "Examples:
  harness detect counts.csv --model lgbm --train-until 2023-09-30
  harness detect counts.csv --model prophet --truth incidents.csv --plot out.svg
  harness detect --train jan-sep.csv --test oct.csv --model arima --json
  harness detect five-minutes.csv --model arima --step 1h
  harness detect tickets.csv --investigate segment-scan --changes changes.csv
  harness detect tickets.csv --investigate segment-scan --last 1 --json
  harness detect tickets.csv --investigate react --llm gpt-4o-mini --last 1 --alert
  harness detect counts.csv --by service,region --out rows.csv --alarms alarms.csv
  harness detect tickets.csv --by product --tickets --top 50
  harness detect one-column-per-shop.csv --wide --model arima --refit never --json

Counts: a CSV needs a time and a value column. Rows missing on the grid and empty cells are missing values, not zeros. Truth has one
column `time`, or `start` and `end`, both inclusive.

Tickets: one row per ticket, in any order, counted per day (or --step). Needed is `created_at` (or `created`, `time`, `timestamp`,
`datetime`, `date`): 2024-04-25, 2024-04-25 14:00:00, 2024-04-25T14:00:00+02:00 or epoch seconds. Better with attributes: `priority`,
`queue`, `type`, `language`, `product`, `platform`, `country`, `app_version`, `plan`, and any other column of text with at most 200
values. Optional are `id`, `subject` (or `title`), `body` (or `text`, `description`, `message`) and `tags` (crash;login) or `tag_1` to
`tag_8`.

Changes: `at`, `kind` (deployment, config_change, experiment, campaign, maintenance, policy) and `title`; optional are `platform`,
`version`, `regions` (DE;FR), `rollout` (0.25 or 25%), `until`, `id`. Platform, version and region are spelled as in the tickets.

Many series: with --by each distinct value of its columns is a series, and rows of different series may stand in any order; within one,
times rise as in a file of its own. Tickets are counted per value on the buckets of the whole file, none being zero. With --wide each column
is a series, from its first value to its last. Every series has its own first half as train, unless --train-until says otherwise. A series
that cannot be judged (too short, a stamp twice, a model that fails) is a row with its error and not the end of the run. The text of the
file is not held, nor is any forecast: 16 bytes are held per value and 8 per regressor (--wide: 8 per cell, tickets: 8 each). --json prints
one line of JSON per series, sorted by key: `key`, `step`, `train`, `test`, `fits`, `flagged`, `largest` (score and time), `alarms`, `error`.
Scores are -log10 of tail probabilities and compare over series. Models that draw, such as prophet, draw by the key of the series. The first
Ctrl-C keeps what is done (exit 5). The exit code is 0 although some series have errors, and 2 if all have (3 if the model failed on all).

Flagged days become pages as in `harness run`: one when an episode opens and every 7 days while it lasts (24 hours for steps below a
day); pages within a day are one group. The agent sees everything up to the end of a group's last page, and nothing after it. An
investigation without a report is told in one line; exit codes are those of `harness investigate`.")]
pub(super) struct Detect {
    /// A CSV file with a time and a value column, or with one row per ticket [env: DATA_PATH].
    #[arg(conflicts_with_all = ["train", "test"])]
    counts: Option<PathBuf>,
    /// A CSV file to learn from (with --test).
    #[arg(long, value_name = "CSV", requires = "test", conflicts_with = "many")]
    train: Option<PathBuf>,
    /// A CSV file to detect in; it follows --train.
    #[arg(long, value_name = "CSV", requires = "train", conflicts_with = "many")]
    test: Option<PathBuf>,
    /// The model (see `harness list models`).
    #[arg(long, value_name = "NAME", default_value = "lgbm")]
    pub(super) model: String,
    /// Settings of the model as JSON, for example '{"trees": 200}'.
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = parse_json)]
    settings: serde_json::Value,
    /// Last stamp to learn from, inclusive [default: the first half].
    #[arg(long, value_name = "STAMP", conflicts_with = "train")]
    pub(super) train_until: Option<String>,
    /// Level of the interval; a value outside it is flagged.
    #[arg(long, value_name = "LEVEL", env = "ANOMALY_THRESHOLD", default_value_t = 0.99)]
    pub(super) interval: f64,
    #[command(flatten)]
    method: IntervalMethod,
    /// Name of the time column [default: found].
    #[arg(long, value_name = "NAME")]
    time_column: Option<String>,
    /// Name of the value column [default: the only other one with numbers].
    #[arg(long, value_name = "NAME")]
    pub(super) value_column: Option<String>,
    /// Columns known in advance, for example promotions.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    regressors: Vec<String>,
    /// Country whose public holidays the model may know: DE, FR, GB or US.
    #[arg(long, value_name = "CODE")]
    pub(super) country: Option<String>,
    /// Zone of stamps without an offset, for example Europe/Berlin [default: UTC].
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Sum to this step, for example 1h [default: the step of the file].
    #[arg(long, value_name = "STEP")]
    step: Option<Step>,
    #[command(flatten)]
    pub(super) of_tickets: OfTickets,
    #[command(flatten)]
    pub(super) many: OfMany,
    /// Truth to score against.
    #[arg(long, value_name = "CSV", conflicts_with = "many")]
    truth: Option<PathBuf>,
    /// Forecast each bucket from all before it, or all from the end of train.
    #[arg(long, value_enum, default_value_t = OriginArgument::Rolling)]
    protocol: OriginArgument,
    /// How often parameters are estimated again: a span such as 7d, `never`, or `auto` (7d on daily data, 24h below).
    #[arg(long, value_name = "SPAN", default_value_t = Refit::Auto)]
    refit: Refit,
    /// What later forecasts see of a flagged value.
    #[arg(long, value_enum, default_value_t = AlarmArgument::Keep)]
    on_alarm: AlarmArgument,
    /// Draw series, forecast and alarms into this SVG file.
    #[cfg(feature = "plot")]
    #[arg(long, value_name = "SVG", conflicts_with = "many")]
    plot: Option<PathBuf>,
    /// Print points, alarms and scores as JSON on stdout, with --investigate also each investigation, with --by and --wide a line per series.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a DetectReport,
    /// Absent without `--investigate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    investigations: Option<Vec<Investigation>>,
}

/// What was read of the files.
struct Read {
    imported: Imported,
    /// Buckets of train.
    train_len: usize,
    sent: Option<Sent>,
}

#[derive(Clone, Copy, ValueEnum)]
enum OriginArgument {
    Rolling,
    FixedOrigin,
}

#[derive(Clone, Copy, ValueEnum)]
enum AlarmArgument {
    Keep,
    Replace,
}

pub(super) fn parse_json(text: &str) -> Result<serde_json::Value, String> {
    let settings: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    if settings.is_object() { Ok(settings) } else { Err(r#"expected an object such as {"trees": 200}"#.to_owned()) }
}

impl Detect {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        self.of_tickets.check(self.many.wanted())?;
        if self.many.wanted() {
            return detect_many::execute(&self);
        }
        let built = self.built()?;
        let Read { imported, train_len, sent } = self.read()?;
        for note in &imported.notes {
            tell(&format!("note: {note}"));
        }
        let series = &imported.series;
        let known = Known::new(columns(&imported, self.country.as_deref())?);
        let (train, test) = (series.slice(0..train_len), series.slice(train_len..series.len()));
        let truth = self.truth.as_deref().map(|path| import::read_truth(path, series.grid(), train_len..series.len())).transpose()?;
        for note in truth.iter().flat_map(|truth| &truth.notes) {
            tell(&format!("note: {note}"));
        }
        let clock = Instant::now();
        let seed = Seed::derive(["harness detect", &self.model]);
        let detection = watched(test.len(), &built.judged, || built.detector.detect(&train, &test, &known, seed))?;
        let seconds = clock.elapsed().as_secs_f64();
        let windows = truth.as_ref().map(|truth| truth.windows.as_slice());
        let report = DetectReport::new(&Answer {
            model: &self.model,
            interval: self.interval,
            threshold: native_threshold(self.interval),
            train: &train,
            test: &test,
            detection: &detection,
            truth: windows,
        });
        tell(&format!("{} fit{} in {seconds:.2}s", detection.fits, if detection.fits == 1 { "" } else { "s" }));
        if !self.json {
            print(&report.table());
        }
        let flagged = flags(&detection, native_threshold(self.interval));
        let investigated = sent.map(|sent| sent.investigate(&flagged, train_len, self.json)).transpose()?;
        let (investigations, exit) = investigated.map_or((None, Exit::Done), |(done, exit)| (Some(done), exit));
        if self.json {
            print_json(&Document { report: &report, investigations })?;
        }
        // Last: a plot that cannot be written does not cost the table.
        #[cfg(feature = "plot")]
        self.draw(&imported, &train, &test, &detection, windows.unwrap_or_default())?;
        Ok(exit)
    }

    /// The model, as flags describe it.
    pub(super) fn built(&self) -> anyhow::Result<Built> {
        anyhow::ensure!(self.interval > 0.0 && self.interval < 1.0, "--interval {} is not between 0 and 1", self.interval);
        let mut settings = self.settings.clone();
        self.method.put_into(&mut settings);
        let built = detect::build(&self.model, &settings, self.protocol())?;
        anyhow::ensure!(
            built.states_intervals,
            "`{}` is a floor and states no interval, so it has no flags here; name a model (see `harness list models`)",
            self.model
        );
        Ok(built)
    }

    fn protocol(&self) -> Protocol {
        Protocol {
            origin: match self.protocol {
                OriginArgument::Rolling => Origin::Rolling,
                OriginArgument::FixedOrigin => Origin::FixedOrigin,
            },
            refit: self.refit,
            on_alarm: match self.on_alarm {
                AlarmArgument::Keep => OnAlarm::Keep,
                AlarmArgument::Replace => OnAlarm::Replace,
            },
            interval: self.interval,
        }
    }

    /// How a file of counts is read.
    pub(super) fn options(&self) -> anyhow::Result<import::Options> {
        Ok(import::Options {
            time_column: self.time_column.clone(),
            value_column: self.value_column.clone(),
            regressors: self.regressors.clone(),
            step: self.step,
            zone: self.zone.as_deref().map(zone).transpose()?,
        })
    }

    /// How a file of tickets is read.
    pub(super) fn ticket_options(&self) -> anyhow::Result<TicketOptions> {
        let zone = self.zone.as_deref().map(zone).transpose()?;
        Ok(TicketOptions { time_column: self.time_column.clone(), step: self.step, zone })
    }

    fn read(&self) -> anyhow::Result<Read> {
        let options = self.options()?;
        if let (Some(train), Some(test)) = (&self.train, &self.test) {
            let (imported, train_len) = import::read_pair(train, test, &options)?;
            return Ok(Read { imported, train_len, sent: None });
        }
        let counts = &self.path()?;
        let (imported, sent) = if self.of_tickets.wanted(counts, self.value_column.as_deref())? {
            self.of_tickets.read(counts, &self.ticket_options()?)?
        } else {
            (import::read_series(counts, &options).map_err(or_tickets)?, None)
        };
        let train_len = import::train_len(imported.series.grid(), self.train_until.as_deref())?;
        Ok(Read { imported, train_len, sent })
    }

    /// The one file with everything.
    pub(super) fn path(&self) -> anyhow::Result<PathBuf> {
        self.counts().context("no data: give a CSV file, set DATA_PATH, or give --train and --test")
    }

    /// The file that is given, or else the one in the environment: not by clap, whose conflict with --train would count it.
    fn counts(&self) -> Option<PathBuf> {
        self.counts.clone().or_else(|| std::env::var_os("DATA_PATH").filter(|path| !path.is_empty()).map(PathBuf::from))
    }

    #[cfg(feature = "plot")]
    fn draw(
        &self,
        imported: &Imported,
        train: &crate::data::Series,
        test: &crate::data::Series,
        detection: &detect::Detection,
        truth: &[crate::data::truth::Window],
    ) -> anyhow::Result<()> {
        use crate::report::plot::{Plot, series_svg};
        let Some(path) = &self.plot else { return Ok(()) };
        let file = self.test.clone().or_else(|| self.counts()).unwrap_or_default();
        let file = file.file_stem().unwrap_or_default();
        let title = format!("{} on {}", self.model, file.to_string_lossy());
        let flagged = flags(detection, native_threshold(self.interval));
        let plot = Plot {
            title: &title,
            y_label: &imported.value_column,
            train,
            test,
            bands: &detection.bands,
            flagged: &flagged,
            interval: self.interval,
            truth,
        };
        let svg = series_svg(&plot)?;
        std::fs::write(path, svg).with_context(|| format!("{}: cannot write the plot", path.display()))
    }
}

/// What a model may know: regressors of the file, and holidays of the country.
pub(super) fn columns(imported: &Imported, country: Option<&str>) -> Result<Columns, UnknownCountry> {
    let mut columns = imported.known();
    if let Some(country) = country {
        holiday::mark(&mut columns, country)?;
    }
    Ok(columns)
}

/// The way out of errors that a file of tickets without texts runs into.
pub(super) fn or_tickets(error: ImportError) -> anyhow::Error {
    match error {
        ImportError::Duplicate { .. } | ImportError::Backward { .. } | ImportError::NoValueColumn { .. } => {
            anyhow::anyhow!("{error} (if each row is one ticket, add --tickets)")
        }
        _ => error.into(),
    }
}

fn zone(name: &str) -> anyhow::Result<TimeZone> {
    TimeZone::get(name).with_context(|| format!("unknown zone `{name}`: expected an IANA name such as Europe/Berlin"))
}
