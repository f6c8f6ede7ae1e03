//! Turn by turn: a warm-up, then repetitions of both sides, medians, and a table.

use std::process::ExitCode;

use rustix::time::{ClockId, clock_gettime};

use crate::cases::{Case, Days, ten_thousand_rows};
use crate::python::Python;

const REPETITIONS: usize = 11;

pub(crate) fn main() -> ExitCode {
    let Ok(interpreter) = std::env::var("PEERS_PYTHON") else {
        println!("peers: `make bench-peers` runs this; PEERS_PYTHON names a Python with the packages of benches/peers/requirements.txt");
        return ExitCode::SUCCESS;
    };
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let days = Days::read();
    let mut cases = days.cases();
    cases.push(ten_thousand_rows());
    let known: Vec<&str> = cases.iter().map(|case| case.model).collect();
    if let Some(name) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        eprintln!("no case is called `{name}` (known: {})", known.join(", "));
        return ExitCode::FAILURE;
    }
    cases.retain(|case| wanted.is_empty() || wanted.iter().any(|name| name == case.model));
    println!("days: {}, 273 learnt and 92 forecast with intervals of 0.99; hours: benches/peers/hours.yaml, trees alone", days.from);
    println!("CPU time of fit + predict, one thread, in process; medians of {REPETITIONS} after a warm-up, turn by turn\n");
    println!("{:12}{:8}{:>7}{:>12}{:>10}{:>8}   forecasts apart", "model", "series", "n", "Python ms", "ours ms", "ratio");
    let mut python = Python::start(&interpreter);
    let mut failed = false;
    let mut notes = Vec::new();
    for case in &cases {
        match Times::measure(case, &mut python) {
            Ok(times) => {
                failed |= times.print(case);
                notes.extend(times.note(case));
            }
            Err(error) => {
                failed = true;
                println!("{:12}{:8}{:>7}   {error}", case.model, case.series, case.n);
            }
        }
    }
    if !notes.is_empty() {
        println!("\n{}", notes.join("\n"));
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// CPU seconds of this process.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Medians of one case, in seconds.
struct Times {
    ours: f64,
    /// Per variant of the original: all of its CPU time, and the part spent in processes it started.
    theirs: Vec<(f64, f64)>,
    /// Largest difference between our forecasts and those of the first variant, in standard deviations of the history.
    apart: f64,
}

impl Times {
    fn measure(case: &Case, python: &mut Python) -> Result<Self, String> {
        python.prepare(&case.theirs)?;
        let mut ours = Vec::new();
        let mut theirs = vec![(Vec::new(), Vec::new()); case.variants.len()];
        let mut apart = f64::INFINITY;
        for repetition in 0..=REPETITIONS {
            let mut expected = Vec::new();
            for (i, (variant, (all, children))) in case.variants.iter().zip(&mut theirs).enumerate() {
                let once = python.run(variant)?;
                if i == 0 {
                    expected = once.mean;
                }
                if repetition > 0 {
                    all.push(once.seconds + once.child_seconds);
                    children.push(once.child_seconds);
                }
            }
            let start = cpu_seconds();
            let mean = (case.ours)();
            let seconds = cpu_seconds() - start;
            if repetition > 0 {
                ours.push(seconds);
            }
            apart = largest_difference(&mean, &expected) / case.sd;
        }
        let theirs = theirs.into_iter().map(|(all, children)| (median(all), median(children))).collect();
        Ok(Self { ours: median(ours), theirs, apart })
    }

    /// The faster way of the original.
    fn fastest(&self) -> (f64, f64) {
        self.theirs.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0)).expect("at least one variant")
    }

    /// Prints the row; returns whether the forecasts are not alike.
    fn print(&self, case: &Case) -> bool {
        let (theirs, _) = self.fastest();
        let unlike = self.apart > case.alike;
        let apart = if self.apart == 0.0 { "equal".to_owned() } else { format!("{:.1} % of an sd", self.apart * 100.0) };
        let verdict = if unlike { ": NOT ALIKE" } else { "" };
        println!(
            "{:12}{:8}{:>7}{:>12.1}{:>10.2}{:>7.1}x   {apart}{verdict}",
            case.model,
            case.series,
            case.n,
            theirs * 1e3,
            self.ours * 1e3,
            theirs / self.ours
        );
        unlike
    }

    /// What the row does not tell.
    fn note(&self, case: &Case) -> Option<String> {
        let (theirs, children) = self.fastest();
        if children > 0.0 {
            return Some(format!(
                "{} on {}: {:.1} of {:.1} ms are CmdStan's, a process of its own; without it the ratio is {:.1}",
                case.model,
                case.series,
                children * 1e3,
                theirs * 1e3,
                (theirs - children) / self.ours
            ));
        }
        if self.theirs.len() == 1 {
            return None;
        }
        let all = case.variants.iter().zip(&self.theirs).map(|(name, (all, _))| format!("{name} {:.1} ms", all * 1e3));
        Some(format!("{} on {}: {}; the faster one is shown", case.model, case.series, all.collect::<Vec<_>>().join(", ")))
    }
}

fn largest_difference(ours: &[f64], theirs: &[f64]) -> f64 {
    if ours.len() != theirs.len() {
        return f64::INFINITY;
    }
    ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max)
}
