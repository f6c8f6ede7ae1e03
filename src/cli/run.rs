//! `harness run`: models on scenarios, scored and reported.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::Exit;
use super::interrupt::{FINISHING, silence_worker_panics, stop_on_interrupt};
use super::llm::{self, Llm};
use super::method::IntervalMethod;
use super::models::Paying;
use super::progress::Counter;
use super::{Results, report, tell};
use crate::detect::residual::Refit;
use crate::record::Store;
use crate::run::investigate::Stop;
use crate::run::models::{Models, Quote};
use crate::run::{self, Ended, Progress, Sitting};
use crate::seed::SeedRole;
use crate::suite::{ModelSpec, Seeds, Suite};

/// Run models on scenarios and report detection scores.
#[derive(Args)]
#[command(after_help = "Examples:
  harness run scenarios/ --models lgbm,prophet,arima
  harness run scenarios/deployment scenarios/quiet --models arima --seeds 10
  harness run evals/gate.yaml
  harness run scenarios/deployment --models arima --agents segment-scan,react --llm gpt-4o-mini --epochs 3
  harness run --resume results/latest")]
pub(super) struct Run {
    /// Scenario files or folders, or one suite file.
    #[arg(required_unless_present = "resume")]
    input: Vec<PathBuf>,
    /// Models to compare (see `harness list models`); floors join by themselves.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    models: Vec<String>,
    /// Agents to compare (see `harness list agents`), or `none` [default: every deterministic one].
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    agents: Vec<String>,
    /// Agents sent to the pages of every model [default: segment-scan].
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    end_to_end: Vec<String>,
    /// Seeds per scenario [default: 3].
    #[arg(long, value_name = "N")]
    seeds: Option<u32>,
    /// Which seeds: eval for results, gate for the gate, dev for tuning [default: eval].
    #[arg(long, value_name = "ROLE", value_parser = parse_role)]
    role: Option<SeedRole>,
    /// How often parameters are estimated again: a span such as 7d, `never`, or `auto` (7d on daily data, 24h below) [default: 7d].
    #[arg(long, value_name = "SPAN")]
    refit: Option<Refit>,
    /// Level of the interval at the native operating point [default: 0.99].
    #[arg(long, value_name = "LEVEL")]
    interval: Option<f64>,
    #[command(flatten)]
    method: IntervalMethod,
    /// False pages allowed per series and 100 days [default: 1].
    #[arg(long, value_name = "PAGES")]
    budget: Option<f64>,
    /// Worker threads [default: all cores].
    #[arg(long, value_name = "N", env = "HARNESS_JOBS")]
    jobs: Option<usize>,
    /// Go on with an interrupted run.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["input", "models", "agents", "end_to_end", "seeds", "role", "refit", "interval", "interval_method", "budget"])]
    resume: Option<PathBuf>,
    /// Print the scorecard as JSON on stdout.
    #[arg(long)]
    json: bool,
    /// Send traces to the collector at PHOENIX_COLLECTOR_ENDPOINT when the run is done (see `harness trace`).
    #[arg(long)]
    trace: bool,
    #[command(flatten)]
    paying: Paying,
    #[command(flatten)]
    results: Results,
    #[command(flatten)]
    llm: Llm,
    /// Times every investigation is made by agents that ask a language model [default: 1].
    #[arg(long, value_name = "N", help_heading = "Language models", conflicts_with = "resume")]
    epochs: Option<u32>,
}

impl Run {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        #[cfg(not(feature = "otel"))]
        if self.trace {
            return super::trace::refuse();
        }
        let flags = self.llm.flags();
        anyhow::ensure!(
            self.resume.is_none() || flags.is_empty(),
            "--resume goes on with the settings that the run was started with: leave out {}",
            flags.join(", ")
        );
        let suite = if self.resume.is_none() { Some(self.suite()?) } else { None };
        silence_worker_panics();
        let stop = Arc::default();
        stop_on_interrupt(&stop, Some(FINISHING))?;
        let mut counter: Option<Counter> = None;
        let mut progress = |event: Progress| match event {
            Progress::Planned { ref folder, files, incidents, detections, calibrations, investigations, done, truncated } => {
                if truncated {
                    tell("the last record was cut short; its job runs again");
                }
                let again = if done > 0 { format!(", {done} done before") } else { String::new() };
                tell(&format!(
                    "{files} scenarios, {incidents} incidents, {detections} detections, {calibrations} calibration jobs, {investigations} \
                     investigations besides those of pages{again} -> {}",
                    folder.display()
                ));
                counter = Some(Counter::new("jobs", detections + calibrations, done));
            }
            Progress::Grouped { groups, investigations, done } => {
                if let Some(counter) = counter.take() {
                    counter.finish();
                }
                let again = if done > 0 { format!(", {done} done before") } else { String::new() };
                tell(&format!("{groups} page groups, {investigations} investigations in all{again}"));
                counter = Some(Counter::new("investigations", investigations, done));
            }
            Progress::JobDone => {
                if let Some(counter) = &mut counter {
                    counter.tick();
                }
            }
        };
        let started = jiff::Timestamp::now();
        let jobs = self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
        let (suite_id, mut keys) = match (&self.resume, &suite) {
            (Some(folder), _) => of_suite(&Store::open(folder)?.manifest()?.suite),
            (None, Some(suite)) => of_suite(&serde_json::to_value(suite)?),
            (None, None) => (String::new(), Vec::new()),
        };
        keys.extend(self.llm.keys());
        let line = llm::line(self.llm.in_flight(), &stop);
        let cassettes = self.paying.cassettes(self.resume.is_some(), &suite_id, &keys);
        let approve = |quote: &Quote| self.paying.approve(quote);
        let models = Models {
            line: line.as_ref(),
            cassettes: &cassettes,
            in_flight: self.llm.in_flight(),
            budget: self.paying.budget(),
            approve: &approve,
        };
        let mut sitting =
            Sitting { results: &self.results.folder, jobs, stop: &stop, progress: &mut progress, models: Some(models), started: &started };
        let ended = match (&self.resume, suite) {
            (Some(folder), _) => run::resume(folder, &mut sitting),
            (None, Some(suite)) => run::start(suite, &mut sitting),
            (None, None) => unreachable!("a suite is made unless there is a run to resume"),
        };
        if let Some(counter) = &counter {
            counter.finish();
        }
        match ended? {
            Ended::Complete(store) => {
                #[cfg_attr(not(feature = "otel"), expect(unused_variables, reason = "traces alone need it again"))]
                let (exit, judgement) = report::score_and_render(&store, self.json)?;
                #[cfg(feature = "otel")]
                if self.trace {
                    super::trace::trace_run(&store, &judgement);
                }
                Ok(exit)
            }
            Ended::Stopped(store, stop) => {
                let (why, exit) = match stop {
                    Stop::Budget(why) => (format!("budget used up: {why}"), Exit::Budget),
                    Stop::Blocked(why) => (why, Exit::Infra),
                };
                tell(&format!("{why}; go on with: harness run --resume {}{}", store.folder().display(), self.paying.again()));
                Ok(exit)
            }
            Ended::Interrupted(store) => {
                tell(&format!("interrupted; go on with: harness run --resume {}{}", store.folder().display(), self.paying.again()));
                Ok(Exit::Interrupted)
            }
        }
    }

    /// The suite file with flags applied, or a suite made of flags.
    fn suite(&self) -> anyhow::Result<Suite> {
        let mut suite = match self.input.as_slice() {
            [file] if is_suite(file) => Suite::load(file)?,
            paths if paths.iter().any(|path| is_suite(path)) => {
                let suite = paths.iter().find(|path| is_suite(path)).map(|path| path.display().to_string()).unwrap_or_default();
                anyhow::bail!("{suite} is a suite file, which names its own scenarios: give it alone, or give scenarios only")
            }
            paths => Suite {
                format: 1,
                id: "run".into(),
                scenarios: paths.to_vec(),
                seeds: Seeds::default(),
                models: Vec::new(),
                agents: None,
                detection: crate::suite::Detection::default(),
                investigation: crate::suite::InvestigationSpec::default(),
                gate: Vec::new(),
            },
        };
        if !self.models.is_empty() {
            suite.models = self.models.iter().map(|name| ModelSpec::named(name.trim())).collect();
        }
        suite.models.iter_mut().for_each(|model| self.method.put_into(&mut model.settings));
        match self.agents.as_slice() {
            [] => {}
            [none] if none == "none" => suite.agents = Some(Vec::new()),
            names => suite.agents = Some(names.iter().map(|name| ModelSpec::named(name.trim())).collect()),
        }
        if !self.end_to_end.is_empty() {
            suite.investigation.end_to_end = Some(self.end_to_end.clone());
        }
        self.tell_models(&mut suite)?;
        suite.seeds.role = self.role.unwrap_or(suite.seeds.role);
        suite.seeds.count = self.seeds.unwrap_or(suite.seeds.count);
        suite.detection.refit = self.refit.unwrap_or(suite.detection.refit);
        suite.detection.interval = self.interval.unwrap_or(suite.detection.interval);
        suite.detection.budget = self.budget.unwrap_or(suite.detection.budget);
        suite.check("flags")?;
        // A rule that could never be applied is told before hours of work, not after.
        crate::gate::rules(&suite)?;
        Ok(suite)
    }

    /// Flags for language models, as settings of the agents that ask one.
    fn tell_models(&self, suite: &mut Suite) -> anyhow::Result<()> {
        let agents = suite.agents.iter_mut().flatten();
        self.llm.put_into(agents.map(|spec| (spec.name.as_str(), &mut spec.settings)), self.epochs)
    }
}

/// The id of a suite, and the variables that hold the keys of its agents.
fn of_suite(suite: &serde_json::Value) -> (String, Vec<String>) {
    let agents = suite["agents"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_object);
    let keys = agents.flat_map(|agent| agent.values()).filter_map(|settings| settings["api_key_env"].as_str());
    (suite["id"].as_str().unwrap_or_default().to_owned(), keys.map(str::to_owned).collect())
}

pub(super) fn parse_role(text: &str) -> Result<SeedRole, String> {
    match text {
        "dev" => Ok(SeedRole::Dev),
        "gate" => Ok(SeedRole::Gate),
        "eval" => Ok(SeedRole::Eval),
        _ => Err(format!("unknown role `{text}` {}", crate::name::known_names(text, ["dev", "eval", "gate"]))),
    }
}

/// A YAML file with a top-level `scenarios:` key is a suite; any other file is a scenario.
fn is_suite(file: &std::path::Path) -> bool {
    file.is_file() && std::fs::read_to_string(file).is_ok_and(|text| text.lines().any(|line| line.starts_with("scenarios:")))
}
