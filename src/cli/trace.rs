//! `harness trace`: a run as traces in Phoenix, or in any other OpenTelemetry collector.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;

/// Send a run's traces to Phoenix or another OpenTelemetry collector.
#[derive(Args)]
#[command(after_help = "Examples:
  harness trace results/latest
  harness trace results/latest --only 3f9a
  harness trace results/latest --endpoint https://phoenix.example.org --project nightly
  harness trace results/latest --dry-run

The run, its detections and every investigation become spans with OpenInference attributes, sent by OTLP over HTTP; scores become annotations.
Identifiers derive from the run: sending it again changes nothing. Headers come from PHOENIX_CLIENT_HEADERS and PHOENIX_API_KEY, and what
is kept back from OPENINFERENCE_HIDE_INPUTS, _HIDE_OUTPUTS, _HIDE_INPUT_MESSAGES, _HIDE_OUTPUT_MESSAGES, _HIDE_LLM_INVOCATION_PARAMETERS
and _HIDE_LLM_TOOLS. Exit code 3 when the collector does not take them.

Needs a build with feature `otel`: cargo build --release --features otel")]
pub(super) struct Trace {
    /// A run folder.
    run: PathBuf,
    #[command(flatten)]
    to: To,
    /// Only investigations whose ids begin so; the run itself is left out.
    #[arg(long, value_name = "ID")]
    only: Option<String>,
    /// Print what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Where traces go.
#[derive(Args)]
pub(super) struct To {
    /// Address of the collector [default: http://localhost:6006].
    #[arg(long, value_name = "URL", env = "PHOENIX_COLLECTOR_ENDPOINT", hide_env_values = true)]
    endpoint: Option<String>,
    /// Project that traces are filed under [default: incident-harness].
    #[arg(long, value_name = "NAME", env = "PHOENIX_PROJECT_NAME")]
    project: Option<String>,
}

#[cfg(feature = "otel")]
pub(super) use with::{trace_investigation, trace_run};
#[cfg(not(feature = "otel"))]
pub(super) use without::{refuse, trace_investigation};

/// Builds without the feature say so.
#[cfg(not(feature = "otel"))]
mod without {
    use super::{Exit, Trace};
    use crate::agent::{Case, Trajectory};
    use crate::record::Clock;

    impl Trace {
        pub(in crate::cli) fn execute(self) -> anyhow::Result<Exit> {
            let Self { run: _, to: super::To { endpoint: _, project: _ }, only: _, dry_run: _ } = self;
            refuse()
        }
    }

    pub(in crate::cli) fn refuse<T>() -> anyhow::Result<T> {
        anyhow::bail!("this program was built without traces: cargo build --release --features otel")
    }

    #[expect(clippy::unnecessary_wraps, reason = "as in builds with the feature")]
    pub(in crate::cli) fn trace_investigation(
        _: &str,
        _: Option<&str>,
        _: Option<&str>,
        _: &Case<'_>,
        _: &Trajectory,
        _: &Clock,
    ) -> anyhow::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "otel")]
mod with {
    use std::collections::BTreeMap;

    use anyhow::Context;

    use super::{Exit, To, Trace};
    use crate::agent::{Case, Trajectory};
    use crate::cli::{print, tell};
    use crate::record::{Clock, Store};
    use crate::score::judge::{Judgement, judge};
    use crate::trace::{Alone, Collector, DEFAULT_ENDPOINT, Kind, RunTraces, Sent, TraceError, asked, of_investigation};

    const PROJECT: &str = "incident-harness";

    impl Trace {
        pub(in crate::cli) fn execute(self) -> anyhow::Result<Exit> {
            let store = Store::open(&self.run)?;
            let judgement = judge(&store)?;
            let run = RunTraces::new(&store, &judgement)?;
            if let Some(only) = &self.only {
                let known = judgement.investigations.iter().any(|one| one.record.id.starts_with(only.as_str()));
                anyhow::ensure!(known, "no investigation `{only}` in {}: ids stand in investigations.jsonl", self.run.display());
            }
            if self.dry_run {
                print(&planned(&run, self.only.as_deref())?);
                return Ok(Exit::Done);
            }
            let collector = self.to.collector()?;
            Ok(match collector.export_run(&run, self.only.as_deref()) {
                Ok(sent) => {
                    tell(&said(&sent, &collector));
                    Exit::Done
                }
                Err(error @ TraceError::Store(_)) => return Err(error.into()),
                Err(error) => {
                    tell(&format!("error: {error}"));
                    Exit::Infra
                }
            })
        }
    }

    impl To {
        fn collector(&self) -> Result<Collector, TraceError> {
            let set = |given: &Option<String>| given.clone().filter(|text| !text.trim().is_empty());
            let endpoint = set(&self.endpoint).unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
            Collector::new(&endpoint, &set(&self.project).unwrap_or_else(|| PROJECT.to_owned()), env)
        }

        fn from_env() -> Self {
            Self { endpoint: env("PHOENIX_COLLECTOR_ENDPOINT"), project: env("PHOENIX_PROJECT_NAME") }
        }
    }

    fn env(name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.trim().is_empty())
    }

    fn said(sent: &Sent, collector: &Collector) -> String {
        let scores = if sent.unscored { "no scores: only Phoenix takes them".to_owned() } else { format!("{} scores", sent.scores) };
        format!("{} traces, {} spans, {scores} -> {}", sent.traces, sent.spans, collector.endpoint())
    }

    /// How much there is; of chosen investigations every span.
    fn planned(run: &RunTraces<'_>, only: Option<&str>) -> anyhow::Result<String> {
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        let (mut traces, mut scores, mut lines) = (0, 0, String::new());
        let whole = only.is_none().then(|| Ok(run.run()));
        for trace in whole.into_iter().chain(run.jobs(only)) {
            let trace = trace?;
            traces += 1;
            scores += trace.scores.len();
            let mut depth = BTreeMap::new();
            for span in &trace.spans {
                *kinds.entry(span.kind).or_default() += 1;
                let own = span.parent.and_then(|parent| depth.get(&parent)).map_or(0, |above: &usize| above + 1);
                depth.insert(span.id, own);
                if only.is_some() {
                    let error = span.error.as_ref().map_or_else(String::new, |error| format!("  {}: {}", error.kind, error.message));
                    lines += &format!("{:indent$}{} {}{error}\n", "", span.kind.word(), span.name, indent = 2 * own);
                }
            }
        }
        let kinds = kinds.iter().map(|(kind, count)| format!("{} {count}", kind.word())).collect::<Vec<_>>().join(", ");
        Ok(format!("{lines}{traces} traces, spans: {kinds}, {scores} scores; nothing was sent\n"))
    }

    /// Sends a run that has just been judged. A collector that is not there is told in one line and changes nothing.
    pub(in crate::cli) fn trace_run(store: &Store, judgement: &Judgement) {
        let export = || {
            let collector = To::from_env().collector()?;
            let sent = collector.export_run(&RunTraces::new(store, judgement)?, None)?;
            Ok::<_, TraceError>(said(&sent, &collector))
        };
        tell(&export().unwrap_or_else(|error| format!("traces not sent: {error} (later: harness trace {})", store.folder().display())));
    }

    /// Sends one investigation if a collector is named in the environment.
    pub(in crate::cli) fn trace_investigation(
        agent: &str,
        base_url: Option<&str>,
        session: Option<&str>,
        case: &Case<'_>,
        trajectory: &Trajectory,
        clock: &Clock,
    ) -> anyhow::Result<()> {
        if env("PHOENIX_COLLECTOR_ENDPOINT").is_none() {
            return Ok(());
        }
        let asked = asked(case.question, case.alert);
        let trace = of_investigation(&Alone { agent, asked: &asked, session, base_url, trajectory, clock });
        let export = || To::from_env().collector()?.export([Ok(trace)]);
        export().context("trace not sent").map(drop)
    }
}
