//! Numbers that carry their derivatives: forward-mode differentiation of code written once for [`Real`].
//!
//! Griewank & Walther, *Evaluating Derivatives* (2nd ed.), chapter 3. Exact to rounding, unlike finite differences, which flat
//! likelihoods do not survive.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// A real number, with or without derivatives.
pub trait Real:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + Mul<f64, Output = Self>
{
    /// A number that does not vary.
    fn constant(value: f64) -> Self;
    /// The number itself.
    fn value(self) -> f64;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// The larger of the number's and its derivatives' magnitudes.
    fn magnitude(self) -> f64;
    /// The same linear map applied to the number and to each derivative: `slots` hands out one component of every entry at a time.
    fn each_component(entries: &mut [Self], scratch: &mut [f64], map: impl FnMut(&mut [f64]));
}

impl Real for f64 {
    fn constant(value: f64) -> Self {
        value
    }
    fn value(self) -> f64 {
        self
    }
    fn ln(self) -> Self {
        libm::log(self)
    }
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    fn magnitude(self) -> f64 {
        self.abs()
    }
    fn each_component(entries: &mut [Self], _scratch: &mut [f64], mut map: impl FnMut(&mut [f64])) {
        map(entries);
    }
}

/// A number with `N` partial derivatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dual<const N: usize> {
    /// The number.
    pub value: f64,
    /// Its derivatives by each of `N` variables.
    pub slopes: [f64; N],
}

impl<const N: usize> Dual<N> {
    /// The variable of a place: its derivative by itself is 1. A place beyond `N` is a constant.
    #[must_use]
    pub fn variable(value: f64, place: usize) -> Self {
        let mut slopes = [0.0; N];
        if let Some(slope) = slopes.get_mut(place) {
            *slope = 1.0;
        }
        Self { value, slopes }
    }

    /// A function of this number by its value and derivative.
    #[inline]
    fn chain(self, value: f64, derivative: f64) -> Self {
        Self { value, slopes: self.slopes.map(|slope| derivative * slope) }
    }

    #[inline]
    fn zip(self, other: Self, value: f64, slope: impl Fn(f64, f64) -> f64) -> Self {
        let mut slopes = self.slopes;
        for (mine, theirs) in slopes.iter_mut().zip(&other.slopes) {
            *mine = slope(*mine, *theirs);
        }
        Self { value, slopes }
    }
}

impl<const N: usize> Add for Dual<N> {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        self.zip(other, self.value + other.value, |a, b| a + b)
    }
}
impl<const N: usize> Sub for Dual<N> {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        self.zip(other, self.value - other.value, |a, b| a - b)
    }
}
impl<const N: usize> Mul for Dual<N> {
    type Output = Self;
    #[expect(clippy::suspicious_arithmetic_impl, reason = "the product rule adds")]
    #[inline]
    fn mul(self, other: Self) -> Self {
        self.zip(other, self.value * other.value, |a, b| a * other.value + b * self.value)
    }
}
impl<const N: usize> Mul<f64> for Dual<N> {
    type Output = Self;
    #[inline]
    fn mul(self, factor: f64) -> Self {
        self.chain(self.value * factor, factor)
    }
}
impl<const N: usize> Div for Dual<N> {
    type Output = Self;
    #[inline]
    fn div(self, other: Self) -> Self {
        let inverse = 1.0 / other.value;
        let value = self.value * inverse;
        self.zip(other, value, |a, b| (a - value * b) * inverse)
    }
}
impl<const N: usize> Div<f64> for Dual<N> {
    type Output = Self;
    #[inline]
    fn div(self, divisor: f64) -> Self {
        self * (1.0 / divisor)
    }
}
impl<const N: usize> Neg for Dual<N> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        self.chain(-self.value, -1.0)
    }
}
impl<const N: usize> AddAssign for Dual<N> {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl<const N: usize> SubAssign for Dual<N> {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl<const N: usize> Real for Dual<N> {
    fn constant(value: f64) -> Self {
        Self { value, slopes: [0.0; N] }
    }
    fn value(self) -> f64 {
        self.value
    }
    fn ln(self) -> Self {
        self.chain(libm::log(self.value), 1.0 / self.value)
    }
    fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, 0.5 / root)
    }
    fn magnitude(self) -> f64 {
        self.slopes.iter().fold(self.value.abs(), |largest, slope| largest.max(slope.abs()))
    }
    fn each_component(entries: &mut [Self], scratch: &mut [f64], mut map: impl FnMut(&mut [f64])) {
        let scratch = &mut scratch[..entries.len()];
        for (to, from) in scratch.iter_mut().zip(&*entries) {
            *to = from.value;
        }
        map(scratch);
        for (to, from) in entries.iter_mut().zip(&*scratch) {
            to.value = *from;
        }
        for place in 0..N {
            for (to, from) in scratch.iter_mut().zip(&*entries) {
                *to = from.slopes[place];
            }
            map(scratch);
            for (to, from) in entries.iter_mut().zip(&*scratch) {
                to.slopes[place] = *from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formula<T: Real>(x: T, y: T) -> T {
        let mut z = (x * y - y / x).ln() * 3.0 + (-x).sqrt_of_square();
        z += x;
        z -= y * y;
        z
    }

    trait SqrtOfSquare: Real {
        fn sqrt_of_square(self) -> Self {
            (self * self + Self::constant(1.0)).sqrt()
        }
    }
    impl<T: Real> SqrtOfSquare for T {}

    #[test]
    fn derivatives_match_finite_differences() {
        let (x, y, step) = (1.7, 2.3, 1e-6);
        let dual = formula(Dual::<2>::variable(x, 0), Dual::variable(y, 1));
        assert!((dual.value - formula(x, y)).abs() < 1e-14);
        let by_x = (formula(x + step, y) - formula(x - step, y)) / (2.0 * step);
        let by_y = (formula(x, y + step) - formula(x, y - step)) / (2.0 * step);
        assert!((dual.slopes[0] - by_x).abs() < 1e-8 && (dual.slopes[1] - by_y).abs() < 1e-8, "{dual:?} {by_x} {by_y}");
    }
}
