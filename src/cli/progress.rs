//! Progress: a bar on a terminal, one line every few seconds elsewhere, always on stderr.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Seconds between lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// Counts jobs as they finish.
pub(super) struct Counter {
    what: &'static str,
    bar: ProgressBar,
    terminal: bool,
    total: u64,
    already: u64,
    done: u64,
    began: Instant,
    told: Instant,
}

impl Counter {
    /// Starts counting `what` to `total`, `already` of them done before.
    pub(super) fn new(what: &'static str, total: usize, already: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some((total - already) as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {what}  {{per_sec}}  ETA {{eta}}"))
            .expect("the template is valid");
        bar.set_style(style);
        if terminal {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        let now = Instant::now();
        Self { what, bar, terminal, total: total as u64, already: already as u64, done: 0, began: now, told: now }
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
            super::tell(&format!("{}/{} {}, {rate:.0}/s, ETA {left:.0}s", self.already + self.done, self.total, self.what));
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Runs something on this thread while another shows how far `done` has come towards `total`.
pub(super) fn watched<R>(total: usize, done: &AtomicUsize, work: impl FnOnce() -> R) -> R {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut counter = Counter::new("buckets", total, 0);
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
                let now = done.load(Ordering::Relaxed).min(total);
                (seen..now).for_each(|_| counter.tick());
                seen = now;
            }
            counter.finish();
        });
        // Also set when the work panics, so that the watcher ends.
        let _over = OnDrop(&over);
        work()
    })
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Work that says nothing is reported from then on.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is going on, for work that cannot say how much is left.
pub(super) struct Status<'a> {
    text: &'a Mutex<String>,
    bar: &'a ProgressBar,
    /// Whether anything is shown yet.
    shown: &'a AtomicBool,
}

impl Status<'_> {
    /// What is being done now.
    pub(super) fn say(&self, text: String) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Tells a line on stderr, past what is shown.
    pub(super) fn tell(&self, line: &str) {
        self.past(|| super::tell(line));
    }

    /// Prints lines on stdout, past what is shown.
    pub(super) fn print(&self, text: &str) {
        self.past(|| super::print(text));
    }

    fn past(&self, write: impl FnOnce()) {
        if self.shown.load(Ordering::Relaxed) { self.bar.suspend(write) } else { write() }
    }
}

/// Runs something on this thread; once it takes longer than two seconds, another thread shows what is going on.
pub(super) fn patiently<R>(what: &str, work: impl FnOnce(&Status<'_>) -> R) -> R {
    let text = Mutex::new(what.to_owned());
    let terminal = std::io::stderr().is_terminal();
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("the template is valid"));
    let (over, shown) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let began = Instant::now();
            let mut next = PATIENCE;
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
                let since = began.elapsed();
                if since < next {
                    continue;
                }
                next = since + if terminal { Duration::from_millis(100) } else { EVERY };
                let said = format!("{} ({} s)", text.lock().unwrap_or_else(PoisonError::into_inner), since.as_secs());
                if terminal {
                    shown.store(true, Ordering::Relaxed);
                    bar.set_message(said);
                    bar.tick();
                } else {
                    super::tell(&said);
                }
            }
            bar.finish_and_clear();
        });
        let _over = OnDrop(&over);
        work(&Status { text: &text, bar: &bar, shown: &shown })
    })
}
