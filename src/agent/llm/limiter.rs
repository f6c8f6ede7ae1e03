//! How many requests may be under way at once: halved when a provider says that they are too many, one more for every round that goes well.
//!
//! Additive increase, multiplicative decrease (Chiu and Jain, 1989). A 5xx only pauses the growth: it says nothing about us.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::chat::LineError;

pub(super) struct Limiter {
    state: Mutex<State>,
    most: f64,
}

struct State {
    allowed: f64,
    under_way: usize,
    /// Nobody enters before.
    closed_until: Option<Instant>,
    /// Successes that do not count towards growth.
    paused: u32,
}

/// A request under way.
pub(super) struct Slot<'a>(&'a Limiter);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.with(|state| state.under_way -= 1);
    }
}

impl Limiter {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1) as f64;
        Self { state: Mutex::new(State { allowed: most, under_way: 0, closed_until: None, paused: 0 }), most }
    }

    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn allowed(&self) -> usize {
        self.with(|state| state.allowed as usize)
    }

    /// Waits for a place.
    pub(super) async fn enter(&self, stop: &AtomicBool) -> Result<Slot<'_>, LineError> {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(LineError::Cancelled);
            }
            let entered = self.with(|state| {
                let open = state.closed_until.is_none_or(|until| Instant::now() >= until);
                let entered = open && state.under_way < state.allowed as usize;
                state.under_way += usize::from(entered);
                entered
            });
            if entered {
                return Ok(Slot(self));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) fn went_well(&self) {
        self.with(|state| match state.paused {
            0 => state.allowed = (state.allowed + 1.0 / state.allowed).min(self.most),
            _ => state.paused -= 1,
        });
    }

    /// 429: half as many, and nobody before the wait is over.
    pub(super) fn too_many(&self, wait: Duration) {
        self.with(|state| {
            state.allowed = (state.allowed / 2.0).max(1.0);
            let until = Instant::now() + wait;
            state.closed_until = Some(state.closed_until.map_or(until, |before| before.max(until)));
        });
    }

    /// Anything else: no growth for a while.
    pub(super) fn went_badly(&self) {
        self.with(|state| state.paused = state.allowed as u32 + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_halves_and_success_grows_by_one_a_round() {
        let limiter = Limiter::new(8);
        limiter.too_many(Duration::ZERO);
        limiter.too_many(Duration::ZERO);
        assert_eq!(limiter.allowed(), 2);
        // Two rounds: of two requests, then of three.
        (0..5).for_each(|_| limiter.went_well());
        assert_eq!(limiter.allowed(), 3);
        (0..200).for_each(|_| limiter.went_well());
        assert_eq!(limiter.allowed(), 8, "and no more than asked for");
    }

    #[test]
    fn other_failures_only_pause_the_growth() {
        let limiter = Limiter::new(8);
        limiter.too_many(Duration::ZERO);
        limiter.went_badly();
        (0..5).for_each(|_| limiter.went_well());
        assert_eq!(limiter.allowed(), 4);
        (0..6).for_each(|_| limiter.went_well());
        assert_eq!(limiter.allowed(), 5);
    }
}
