//! Values of a scenario file that have more than one notation: draws, times, scopes, ordered maps.
//!
//! None of them is `untagged`: each reads its notation with a visitor of its own, so that errors keep their place in the file.

mod draw;
mod onset;
mod scope;

pub use draw::Draw;
pub use onset::Onset;
pub use scope::{Metric, Pairs, Scope, ScopeDraw, Values, Watch};
