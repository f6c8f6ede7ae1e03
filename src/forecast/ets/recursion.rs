//! The recursion every form shares, and its derivatives by one pass back in time.
//!
//! With the raw residual r = y − μ there is one recursion for both kinds of error, since μ·e = r. From level l, slope b and the season's
//! state s of a bucket: p = l + φb, and
//! - no or an additive season: μ = p + s, l' = p + αr, b' = φb + βr, s' = s + γr;
//! - a multiplicative season: μ = p·s, l' = p + αr/s, b' = φb + βr/s, s' = s + γr/p.
//!
//! Hyndman, Koehler, Ord & Snyder, *Forecasting with Exponential Smoothing* (2008), tables 2.2 and 2.3. The kind of error enters the
//! likelihood alone. So the derivatives by all parameters and initial states come from one adjoint recursion, at the cost of about one
//! more pass however many there are.

use super::form::{Errors, Form, Seasonal};

/// Smoothing parameters; those a form has not are 0, and φ is 1 without damping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Smoothing {
    pub(super) alpha: f64,
    pub(super) beta: f64,
    pub(super) gamma: f64,
    pub(super) phi: f64,
}

/// Level, slope and one state per bucket of the season, of which `next` is that of the next bucket.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) level: f64,
    pub(super) slope: f64,
    pub(super) season: Vec<f64>,
    pub(super) next: usize,
}

/// What the residuals say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    /// Σe², e = r or r/μ.
    pub(super) squares: f64,
    /// Σ ln μ with multiplicative errors, else 0.
    pub(super) log_means: f64,
    /// Smallest mean of an observed bucket; infinite without one.
    pub(super) least_mean: f64,
}

/// Slopes of ½n·ln(Σe² + floor) + Σ ln μ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slopes {
    pub(super) smoothing: Smoothing,
    pub(super) level: f64,
    pub(super) slope: f64,
    pub(super) season: Vec<f64>,
}

/// A mean or state of a multiplicative form at or below this, in units of the largest value, leaves the domain.
const LEAST_POSITIVE: f64 = 1e-100;

const NONE: u8 = 0;
const ADDITIVE: u8 = 1;
const FACTOR: u8 = 2;

/// What the way back needs of a bucket.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    grown: f64,
    season: f64,
    slope: f64,
    residual: f64,
}

/// Calls a function that is compiled for each form.
macro_rules! for_form {
    ($form:expr, $workspace:ident . $function:ident ($($argument:expr),*)) => {{
        let factor = $form.errors == Errors::Multiplicative;
        match ($form.has_trend(), $form.seasonal, factor) {
            (false, Seasonal::None, false) => $workspace.$function::<false, NONE, false>($($argument),*),
            (false, Seasonal::None, true) => $workspace.$function::<false, NONE, true>($($argument),*),
            (false, Seasonal::Additive, false) => $workspace.$function::<false, ADDITIVE, false>($($argument),*),
            (false, Seasonal::Additive, true) => $workspace.$function::<false, ADDITIVE, true>($($argument),*),
            (false, Seasonal::Multiplicative, false) => $workspace.$function::<false, FACTOR, false>($($argument),*),
            (false, Seasonal::Multiplicative, true) => $workspace.$function::<false, FACTOR, true>($($argument),*),
            (true, Seasonal::None, false) => $workspace.$function::<true, NONE, false>($($argument),*),
            (true, Seasonal::None, true) => $workspace.$function::<true, NONE, true>($($argument),*),
            (true, Seasonal::Additive, false) => $workspace.$function::<true, ADDITIVE, false>($($argument),*),
            (true, Seasonal::Additive, true) => $workspace.$function::<true, ADDITIVE, true>($($argument),*),
            (true, Seasonal::Multiplicative, false) => $workspace.$function::<true, FACTOR, false>($($argument),*),
            (true, Seasonal::Multiplicative, true) => $workspace.$function::<true, FACTOR, true>($($argument),*),
        }
    }};
}

/// All memory of a pass forth and back.
#[derive(Debug)]
pub(super) struct Passes {
    form: Form,
    buckets: Vec<Bucket>,
    /// Where the next pass begins; a pass forth ends with the state after the last bucket in it.
    pub(super) state: State,
    pub(super) slopes: Slopes,
}

impl Passes {
    pub(super) fn new(form: Form, season: usize, buckets: usize) -> Self {
        let seasons = vec![0.0; if form.seasonal == Seasonal::None { 0 } else { season }];
        let zero = Bucket { grown: 0.0, season: 0.0, slope: 0.0, residual: 0.0 };
        let smoothing = Smoothing { alpha: 0.0, beta: 0.0, gamma: 0.0, phi: 0.0 };
        Self {
            form,
            buckets: vec![zero; buckets],
            state: State { level: 0.0, slope: 0.0, season: seasons.clone(), next: 0 },
            slopes: Slopes { smoothing, level: 0.0, slope: 0.0, season: seasons },
        }
    }

    /// Rolls `state` over all values; `None` where a multiplicative form leaves the positive numbers.
    pub(super) fn forth(&mut self, values: &[Option<f64>], smoothing: Smoothing) -> Option<Evidence> {
        for_form!(self.form, self.forth_as(values, smoothing))
    }

    /// Fills `slopes` after a pass forth; `weight` is n / (Σe² + floor).
    pub(super) fn back(&mut self, values: &[Option<f64>], smoothing: Smoothing, weight: f64) {
        for_form!(self.form, self.back_as(values, smoothing, weight));
    }

    fn forth_as<const TREND: bool, const SEASON: u8, const FACTORS: bool>(
        &mut self,
        values: &[Option<f64>],
        smoothing: Smoothing,
    ) -> Option<Evidence> {
        let state = &mut self.state;
        let (mut level, mut slope, mut next) = (state.level, state.slope, state.next);
        let (mut squares, mut product, mut log_means, mut least_mean) = (0.0, 1.0, 0.0, f64::INFINITY);
        for (value, bucket) in values.iter().zip(&mut self.buckets) {
            let season = if SEASON == NONE { 0.0 } else { state.season[next] };
            let step = Step::new::<TREND, SEASON>(smoothing, level, slope, season, *value);
            *bucket = Bucket { grown: step.grown, season, slope, residual: step.residual };
            if SEASON == FACTOR && !(step.grown > LEAST_POSITIVE && season > LEAST_POSITIVE) {
                return None;
            }
            if value.is_some() {
                let mean = step.mean;
                least_mean = if mean < least_mean { mean } else { least_mean };
                if FACTORS {
                    let inside = mean > LEAST_POSITIVE;
                    if !inside {
                        return None;
                    }
                    let e = step.residual / mean;
                    squares += e * e;
                    // One logarithm for many means, taken before the product can leave the range of numbers.
                    product *= mean;
                    if !(1e-100..1e100).contains(&product) {
                        log_means += libm::log(product);
                        product = 1.0;
                    }
                } else {
                    squares += step.residual * step.residual;
                }
            }
            (level, slope) = (step.level, step.slope);
            if SEASON != NONE {
                state.season[next] = step.season;
                next = if next + 1 == state.season.len() { 0 } else { next + 1 };
            }
        }
        (state.level, state.slope, state.next) = (level, slope, next);
        if FACTORS {
            log_means += libm::log(product);
        }
        (squares.is_finite() && log_means.is_finite()).then_some(Evidence { squares, log_means, least_mean })
    }

    fn back_as<const TREND: bool, const SEASON: u8, const FACTORS: bool>(
        &mut self,
        values: &[Option<f64>],
        smoothing: Smoothing,
        weight: f64,
    ) {
        let Smoothing { alpha, beta, gamma, phi } = smoothing;
        let (mut by_alpha, mut by_beta, mut by_gamma, mut by_phi) = (0.0, 0.0, 0.0, 0.0);
        // What the objective gains per unit of the state after the bucket at hand.
        let (mut of_level, mut of_slope) = (0.0, 0.0);
        let of_season = &mut self.slopes.season;
        of_season.fill(0.0);
        let mut next = self.state.next;
        for (value, bucket) in values.iter().zip(&self.buckets).rev() {
            let Bucket { grown, season, slope, residual } = *bucket;
            if SEASON != NONE {
                next = if next == 0 { of_season.len() - 1 } else { next - 1 };
            }
            let after = if SEASON == NONE { 0.0 } else { of_season[next] };
            let (mut of_residual, mut of_mean, mut of_grown, mut before) = (0.0, 0.0, of_level, after);
            if SEASON == FACTOR {
                let (per_season, per_grown) = (1.0 / season, 1.0 / grown);
                let (a, b) = (residual * per_season, residual * per_grown);
                by_alpha += of_level * a;
                by_beta += of_slope * a;
                by_gamma += after * b;
                let (of_a, of_b) = (alpha * of_level + beta * of_slope, gamma * after);
                of_residual += of_a * per_season + of_b * per_grown;
                before -= of_a * a * per_season;
                of_grown -= of_b * b * per_grown;
            } else {
                by_alpha += of_level * residual;
                by_beta += of_slope * residual;
                by_gamma += after * residual;
                of_residual += alpha * of_level + beta * of_slope + gamma * after;
            }
            if value.is_some() {
                if FACTORS {
                    let mean = if SEASON == FACTOR { grown * season } else { grown + season };
                    let per_mean = 1.0 / mean;
                    let e = residual * per_mean;
                    of_residual += weight * e * per_mean;
                    of_mean += (1.0 - weight * e * e) * per_mean;
                } else {
                    of_residual += weight * residual;
                }
                of_mean -= of_residual;
            }
            if SEASON == FACTOR {
                of_grown += of_mean * season;
                before += of_mean * grown;
            } else {
                of_grown += of_mean;
                before += of_mean;
            }
            if SEASON != NONE {
                of_season[next] = before;
            }
            if TREND {
                by_phi += (of_grown + of_slope) * slope;
                of_slope = phi * (of_grown + of_slope);
            }
            of_level = of_grown;
        }
        self.slopes.smoothing = Smoothing { alpha: by_alpha, beta: by_beta, gamma: by_gamma, phi: by_phi };
        (self.slopes.level, self.slopes.slope) = (of_level, of_slope);
    }
}

/// One bucket: its mean, and the state after it. A missing value leaves the residual 0: the state moves on by its own forecast.
#[derive(Debug, Clone, Copy)]
struct Step {
    grown: f64,
    mean: f64,
    residual: f64,
    level: f64,
    slope: f64,
    season: f64,
}

impl Step {
    #[inline(always)]
    fn new<const TREND: bool, const SEASON: u8>(smoothing: Smoothing, level: f64, slope: f64, season: f64, value: Option<f64>) -> Self {
        let Smoothing { alpha, beta, gamma, phi } = smoothing;
        let faded = if TREND { phi * slope } else { 0.0 };
        let grown = level + faded;
        let mean = match SEASON {
            NONE => grown,
            ADDITIVE => grown + season,
            _ => grown * season,
        };
        let residual = value.map_or(0.0, |value| value - mean);
        let (a, b) = if SEASON == FACTOR { (residual / season, residual / grown) } else { (residual, residual) };
        Self {
            grown,
            mean,
            residual,
            level: grown + alpha * a,
            slope: if TREND { faded + beta * a } else { 0.0 },
            season: if SEASON == NONE { 0.0 } else { season + gamma * b },
        }
    }
}

impl State {
    /// Rolls on by one bucket. A multiplicative season keeps its states above `least`, whatever is observed.
    pub(super) fn advance(&mut self, form: Form, smoothing: Smoothing, value: Option<f64>, least: f64) {
        let season = if form.seasonal == Seasonal::None { 0.0 } else { self.season[self.next] };
        let step = match form.seasonal {
            Seasonal::None => Step::new::<true, NONE>(smoothing, self.level, self.slope, season, value),
            Seasonal::Additive => Step::new::<true, ADDITIVE>(smoothing, self.level, self.slope, season, value),
            Seasonal::Multiplicative => {
                // A slope may have led below zero on the way.
                let level = self.level.max(least - smoothing.phi * self.slope);
                Step::new::<true, FACTOR>(smoothing, level, self.slope, season, value)
            }
        };
        (self.level, self.slope) = (step.level, step.slope);
        if form.seasonal == Seasonal::Multiplicative {
            self.level = self.level.max(least);
        }
        if form.seasonal != Seasonal::None {
            self.season[self.next] = if form.seasonal == Seasonal::Multiplicative { step.season.max(least) } else { step.season };
            self.next = (self.next + 1) % self.season.len();
        }
    }

    /// Means of the next buckets.
    pub(super) fn means(&self, form: Form, phi: f64, ahead: usize) -> Vec<f64> {
        let (mut reach, mut power) = (0.0, 1.0);
        (0..ahead)
            .map(|h| {
                power *= phi;
                reach += power;
                let grown = self.level + reach * self.slope;
                match form.seasonal {
                    Seasonal::None => grown,
                    Seasonal::Additive => grown + self.season[(self.next + h) % self.season.len()],
                    Seasonal::Multiplicative => grown * self.season[(self.next + h) % self.season.len()],
                }
            })
            .collect()
    }
}
