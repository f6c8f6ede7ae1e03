//! A pool of worker threads: jobs in, results out in finishing order.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// The name of worker threads, so that a panic hook can leave their panics to the record.
pub const WORKER: &str = "harness-job";

/// Runs `work` on every job with `threads` workers and hands each result to `done` on the calling thread.
///
/// No new job starts once `stop` says so or `done` fails; jobs in progress finish. Returns whether every job was done.
///
/// # Errors
/// The first error of `done`.
pub fn run<J: Sync, R: Send, E>(
    jobs: &[J],
    threads: usize,
    stop: &(dyn Fn() -> bool + Sync),
    work: impl Fn(&J) -> R + Sync,
    mut done: impl FnMut(&J, R) -> Result<(), E>,
) -> Result<bool, E> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel::<(usize, R)>();
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            let sender = sender.clone();
            let (next, failed, work) = (&next, &failed, &work);
            let worker = move || {
                while !stop() && !failed.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(number) else { break };
                    if sender.send((number, work(job))).is_err() {
                        break;
                    }
                }
            };
            thread::Builder::new().name(WORKER.into()).spawn_scoped(scope, worker).expect("the system starts a thread");
        }
        drop(sender);
        let mut finished = 0;
        let mut outcome = Ok(());
        for (number, result) in receiver {
            if outcome.is_ok() {
                outcome = done(&jobs[number], result);
                failed.store(outcome.is_err(), Ordering::Relaxed);
                finished += 1;
            }
        }
        outcome.map(|()| finished == jobs.len())
    })
}

/// Runs something that may panic; the panic becomes its message.
///
/// # Errors
/// The panic's message.
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| message(panic.as_ref()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.map_or_else(|| "panicked".to_owned(), |text| format!("panicked: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_whatever_the_number_of_threads() {
        for threads in [1, 2, 7] {
            let jobs: Vec<usize> = (0..100).collect();
            let mut seen = Vec::new();
            let all = run(
                &jobs,
                threads,
                &|| false,
                |job| job * 2,
                |_, result| {
                    seen.push(result);
                    Ok::<(), ()>(())
                },
            );
            seen.sort_unstable();
            assert_eq!(all, Ok(true));
            assert_eq!(seen, (0..100).map(|job| job * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_stop_keeps_what_is_done() {
        let stop = AtomicBool::new(false);
        let jobs: Vec<usize> = (0..100).collect();
        let mut seen = 0;
        let slow = |job: &usize| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            *job
        };
        let all = run(&jobs, 1, &|| stop.load(Ordering::Relaxed), slow, |_, _| {
            seen += 1;
            stop.store(seen >= 10, Ordering::Relaxed);
            Ok::<(), ()>(())
        });
        assert_eq!(all, Ok(false));
        assert!((10..100).contains(&seen));
    }

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(caught(|| 1), Ok(1));
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let caught = caught(|| -> i32 { panic!("no {}", "luck") });
        std::panic::set_hook(quiet);
        assert_eq!(caught, Err("panicked: no luck".to_owned()));
    }
}
