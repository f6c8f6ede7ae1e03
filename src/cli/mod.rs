//! The command line: one file per verb, errors mapped to exit codes in one place.

mod alert;
mod bless;
mod check;
mod conversation;
mod detect;
mod detect_many;
mod detect_tickets;
mod exit;
mod explain;
mod followup;
mod gate;
mod generate;
mod interrupt;
mod investigate;
mod list;
mod llm;
mod method;
#[cfg(feature = "llm")]
mod mock_llm;
mod models;
mod narrow;
mod progress;
mod report;
mod run;
mod score;
mod sending;
mod stale;
mod steps;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;

/// Evaluates systems that detect anomalies in support tickets and product metrics.
#[derive(Parser)]
#[command(name = "harness", version, about, max_term_width = 120, arg_required_else_help = true)]
#[command(after_help = "Examples:
  harness run scenarios/ --models lgbm,prophet,arima
  harness detect counts.csv --model lgbm --train-until 2023-09-30
  harness list models

Exit codes: 0 done or gate passed; 1 gate failed, or a model's answer was no report; 2 bad usage or input;
3 infrastructure errors, or an alert was not taken; 4 nothing matched; 5 interrupted or jobs missing; 6 budget used up; 130 interrupted twice.")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run models on scenarios and report detection scores.
    Run(Box<run::Run>),
    /// List models, agents, scenarios, metrics or tools.
    List(list::List),
    /// Write one incident as CSV files and truth.json.
    Generate(generate::Generate),
    /// Check that scenarios keep the data contract; no model runs.
    Check(check::Check),
    /// Detect anomalies in your own series.
    Detect(Box<detect::Detect>),
    /// Send an agent to one incident and print its report.
    Investigate(Box<investigate::Investigate>),
    /// Explain one investigation of a run, step by step, beside the truth.
    Explain(explain::Explain),
    /// Score the records of a run again; models are not run.
    Score(score::Score),
    /// Render the report of a run again; models are not run.
    Report(report::Report),
    /// Send a run's traces to Phoenix or another OpenTelemetry collector.
    Trace(trace::Trace),
    /// Tell which recordings of models a change has made useless.
    Stale(Box<stale::Stale>),
    /// Compare a run's scores with a baseline; exit 1 when they dropped.
    Gate(gate::Gate),
    /// Make a run the baseline of its suite.
    Bless(bless::Bless),
    /// Serve a scripted model on a local port, for tests of clients.
    #[cfg(feature = "llm")]
    MockLlm(mock_llm::MockLlm),
}

/// Parses the command line, runs the verb, and turns the result into an exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Values from `.env` never override the environment.
    let _ = dotenvy::dotenv();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed pipe is no reason to fail.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    let result = match arguments.verb {
        Verb::Run(verb) => verb.execute(),
        Verb::List(verb) => verb.execute(),
        Verb::Generate(verb) => verb.execute(),
        Verb::Check(verb) => verb.execute(),
        Verb::Detect(verb) => verb.execute(),
        Verb::Investigate(verb) => verb.execute(),
        Verb::Explain(verb) => verb.execute(),
        Verb::Score(verb) => verb.execute(),
        Verb::Report(verb) => verb.execute(),
        Verb::Trace(verb) => verb.execute(),
        Verb::Stale(verb) => verb.execute(),
        Verb::Gate(verb) => verb.execute(),
        Verb::Bless(verb) => verb.execute(),
        #[cfg(feature = "llm")]
        Verb::MockLlm(verb) => verb.execute(),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            tell(&format!("error: {}", causes(&error)));
            exit::of(&error).into()
        }
    }
}

/// The folder that runs are written to and read from.
#[derive(clap::Args)]
struct Results {
    /// Folder that run folders are written to.
    #[arg(long = "out", value_name = "DIR", env = "HARNESS_RESULTS", default_value = "results")]
    folder: PathBuf,
}

/// Prints a value as JSON for programs.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(())
}

/// Prints a line for people on stderr; a reader that has gone away is no failure.
fn tell(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// An error and its causes; a cause that the text above it already quotes is not told twice.
fn causes(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |text, cause| if text.contains(&cause) { text } else { format!("{text}: {cause}") })
}

/// Prints text on stdout; a reader that has gone away is no failure.
fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use clap::CommandFactory;

    use super::{Arguments, causes};

    /// Groups of options are shared, and clap looks for clashes in debug builds only.
    #[test]
    fn no_verb_has_two_options_of_one_name() {
        for verb in Arguments::command().get_subcommands_mut() {
            verb.build();
            let mut ids: Vec<&str> = verb.get_arguments().map(|argument| argument.get_id().as_str()).collect();
            ids.sort_unstable();
            let twice = ids.windows(2).find(|pair| pair[0] == pair[1]);
            assert_eq!(twice, None, "{}", verb.get_name());
        }
    }

    #[test]
    fn a_cause_that_is_quoted_already_is_not_told_twice() {
        let bare = || anyhow::anyhow!("no such file");
        assert_eq!(causes(&Err::<(), _>(bare()).context("a.csv").expect_err("an error")), "a.csv: no such file");
        assert_eq!(causes(&Err::<(), _>(bare()).context("a.csv: no such file").expect_err("an error")), "a.csv: no such file");
    }
}
