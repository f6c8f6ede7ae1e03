//! Pure statistics: numbers in, numbers out. Uses `libm`, so that results are the same on every system library.

pub mod beta;
pub mod bootstrap;
pub mod cholesky;
pub mod dual;
pub mod lbfgs;
pub mod negative_binomial;
pub mod normal;
pub mod quantile;
pub mod two_samples;
