//! What is tried again, after how long, and what is for good.
//!
//! Bounded by number and by time, counted in the record, with jitter that derives from the request: retries shift the distribution of answers, so
//! nobody retries silently.

use std::time::Duration;

use rand::RngExt;

use super::client::Failure;
use crate::chat::LineError;
use crate::seed::Seed;

/// First wait where the provider names none; doubled each time.
const FIRST: Duration = Duration::from_millis(500);
/// Longest wait of ours.
const LONGEST: Duration = Duration::from_secs(30);
/// Longest wait a provider may ask for, and of all waits together.
const PATIENCE: Duration = Duration::from_secs(180);
/// The same 5xx so often while others are answered is the request's own fault.
const SAME: u32 = 3;

pub(super) enum Verdict {
    Again(Duration),
    Final(LineError),
}

pub(super) struct Policy {
    most: u32,
    seed: Seed,
    failed: u32,
    waited: Duration,
    /// The last 5xx, how often in a row, and how many requests had been answered at the first.
    same: Option<(u16, u32, u64)>,
    answered: u64,
}

impl Policy {
    pub(super) fn new(most: u32, seed: Seed, answered: u64) -> Self {
        Self { most, seed, failed: 0, waited: Duration::ZERO, same: None, answered }
    }

    /// Requests that failed so far.
    pub(super) fn failed(&self) -> u32 {
        self.failed
    }

    /// What to do after a failure; `answered` counts the requests of the whole line that were.
    pub(super) fn after(&mut self, failure: &Failure, answered: u64) -> Verdict {
        self.failed += 1;
        let (stage, wait) = match failure {
            Failure::Status { status, said, asks, .. } => match self.status(*status, said, *asks, answered) {
                Ok(found) => found,
                Err(error) => return Verdict::Final(error),
            },
            Failure::Broken { stage, .. } => (*stage, None),
        };
        let down = |why: String| Verdict::Final(LineError::Down { stage, why, attempts: self.failed });
        let wait = wait.unwrap_or_else(|| self.backoff());
        if self.failed > self.most {
            return down(failure.to_string());
        }
        if wait > PATIENCE || self.waited + wait > PATIENCE {
            return down(format!("{failure}; waiting {:.0} s more is longer than {} s in all", wait.as_secs_f64(), PATIENCE.as_secs()));
        }
        self.waited += wait;
        Verdict::Again(wait)
    }

    fn status(
        &mut self,
        status: u16,
        said: &str,
        asks: Option<Duration>,
        answered: u64,
    ) -> Result<(&'static str, Option<Duration>), LineError> {
        let lower = said.to_lowercase();
        let too_long = ["context_length_exceeded", "context length", "context window", "maximum context", "prompt is too long"];
        match status {
            400 | 413 if too_long.iter().any(|words| lower.contains(words)) => Err(LineError::TooLong { why: said.to_owned() }),
            429 if lower.contains("insufficient_quota") || lower.contains("billing") => {
                Err(LineError::Blocked { why: format!("answers 429 ({said})") })
            }
            429 => Ok(("429", asks)),
            // The words of a router that knows the model, but nobody who forces a tool, or who lets this text pass.
            404 if lower.contains("tool_choice") => Err(LineError::Rejected { status, why: said.to_owned() }),
            403 if lower.contains("flagged") => Err(LineError::Rejected { status, why: said.to_owned() }),
            401..=404 | 501 => Err(LineError::Blocked { why: format!("answers {status} ({said})") }),
            408 | 409 | 425 => Ok(("5xx", asks)),
            500..=599 => {
                let (times, since) = match self.same {
                    Some((before, times, since)) if before == status => (times + 1, since),
                    _ => (1, self.answered.max(answered)),
                };
                self.same = Some((status, times, since));
                if times >= SAME && answered > since {
                    let why = format!("answers {status} to this request {times} times while others are answered ({said})");
                    return Err(LineError::Down { stage: "5xx", why, attempts: self.failed });
                }
                Ok(("5xx", asks))
            }
            _ => Err(LineError::Rejected { status, why: said.to_owned() }),
        }
    }

    /// Exponential, with jitter between one half and the whole.
    fn backoff(&self) -> Duration {
        let full = FIRST.saturating_mul(2_u32.saturating_pow(self.failed.saturating_sub(1))).min(LONGEST);
        let mut rng = self.seed.child(&self.failed.to_string()).rng();
        full.mul_f64(rng.random_range(0.5..=1.0))
    }
}

/// How long a provider asks to wait, in whichever of its forms.
pub(super) fn asked(header: impl Fn(&str) -> Option<String>, now: jiff::Timestamp) -> Option<Duration> {
    if let Some(ms) = header("retry-after-ms").and_then(|text| text.trim().parse::<f64>().ok()) {
        return seconds(ms / 1000.0);
    }
    for name in ["retry-after", "llm_provider-retry-after", "x-retry-after"] {
        let Some(text) = header(name) else { continue };
        if let Ok(number) = text.trim().parse::<f64>() {
            return seconds(number);
        }
        if let Ok(at) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()) {
            return seconds((at - now).total(jiff::Unit::Second).ok()?.max(0.0));
        }
    }
    ["x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"].iter().find_map(|name| span(&header(name)?))
}

fn seconds(number: f64) -> Option<Duration> {
    (number >= 0.0 && number.is_finite()).then(|| Duration::try_from_secs_f64(number).ok()).flatten()
}

/// `1s`, `6m0s`, `20ms`, `1.5s`, or a bare number of seconds.
fn span(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ms" => 0.001,
                "s" | "" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    seconds(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(headers: &[(&str, &str)]) -> Option<f64> {
        let now = "2024-03-01T12:00:00Z".parse().expect("a time");
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        asked(header, now).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        assert_eq!(after(&[("retry-after", "7")]), Some(7.0));
        assert_eq!(after(&[("retry-after", "0.25")]), Some(0.25));
        assert_eq!(after(&[("retry-after", "Fri, 01 Mar 2024 12:00:05 GMT")]), Some(5.0));
        assert_eq!(after(&[("retry-after", "Fri, 01 Mar 2024 11:00:00 GMT")]), Some(0.0), "a date that has passed");
        assert_eq!(after(&[("retry-after-ms", "1500"), ("retry-after", "9")]), Some(1.5));
        assert_eq!(after(&[("llm_provider-retry-after", "7")]), Some(7.0));
        assert_eq!(after(&[("x-ratelimit-reset-requests", "1m2.5s")]), Some(62.5));
        assert_eq!(after(&[("x-ratelimit-reset-tokens", "20ms")]), Some(0.02));
        assert_eq!(after(&[("retry-after", "soon")]), None);
        assert_eq!(after(&[("retry-after", "-3")]), None);
    }

    #[test]
    fn waits_grow_and_are_the_same_every_time() {
        let waits = || {
            let mut policy = Policy::new(4, Seed::derive(["a request"]), 0);
            let failure = Failure::Broken { stage: "broken", why: "closed".to_owned() };
            let mut waits = Vec::new();
            while let Verdict::Again(wait) = policy.after(&failure, 0) {
                waits.push(wait);
            }
            waits
        };
        let first = waits();
        assert_eq!(first.len(), 4);
        assert!(first.iter().zip([0.5, 1.0, 2.0, 4.0]).all(|(wait, full)| (full / 2.0..=full).contains(&wait.as_secs_f64())), "{first:?}");
        assert_eq!(first, waits());
    }

    #[test]
    fn the_same_5xx_three_times_while_others_are_answered_is_final() {
        let failure = Failure::Status { status: 500, said: "boom".to_owned(), asks: None };
        let mut policy = Policy::new(6, Seed::derive(["a request"]), 10);
        assert!(matches!(policy.after(&failure, 10), Verdict::Again(_)));
        assert!(matches!(policy.after(&failure, 12), Verdict::Again(_)));
        assert!(matches!(policy.after(&failure, 14), Verdict::Final(LineError::Down { attempts: 3, .. })));
        let mut alone = Policy::new(6, Seed::derive(["a request"]), 10);
        assert!((0..3).all(|_| matches!(alone.after(&failure, 10), Verdict::Again(_))), "when nobody is answered it is not the request");
    }
}
