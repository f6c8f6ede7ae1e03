//! Progress: a bar on a terminal, one line every few seconds elsewhere, always on stderr.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Seconds between lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// Counts jobs as they finish.
pub(super) struct Counter {
    bar: ProgressBar,
    terminal: bool,
    total: u64,
    already: u64,
    done: u64,
    began: Instant,
    told: Instant,
}

impl Counter {
    /// Starts counting to `total`, `already` of them done before.
    pub(super) fn new(total: usize, already: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some((total - already) as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} jobs  {per_sec}  ETA {eta}").expect("the template is valid");
        bar.set_style(style);
        if terminal {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        let now = Instant::now();
        Self { bar, terminal, total: total as u64, already: already as u64, done: 0, began: now, told: now }
    }

    /// One more job is done.
    pub(super) fn tick(&mut self) {
        self.done += 1;
        if self.terminal {
            self.bar.inc(1);
        } else if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            let rate = self.done as f64 / self.began.elapsed().as_secs_f64();
            let left = (self.total - self.already - self.done) as f64 / rate;
            eprintln!("{}/{} jobs, {rate:.0}/s, ETA {left:.0}s", self.already + self.done, self.total);
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
