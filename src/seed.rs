//! Seeds: every random stream derives from names, never from a clock, a thread or another stream's position.

use std::fmt;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 32 bytes from which one purpose draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed of a purpose, named by parts: `Seed::derive(["synth", id, "tickets"])`.
    ///
    /// Parts are length-prefixed, so that `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn derive<I>(parts: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut hash = Sha256::new();
        for part in parts {
            let part = part.as_ref();
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// The seed of a purpose within this one.
    #[must_use]
    pub fn child(self, purpose: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(purpose.as_bytes());
        Self(hash.finalize().into())
    }

    /// A fresh ChaCha8 stream at its beginning.
    #[must_use]
    pub fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.0)
    }

    /// All bytes, for identifiers.
    #[must_use]
    pub const fn bytes(self) -> [u8; 32] {
        self.0
    }

    /// The first eight bytes as a number.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("a seed has 32 bytes"))
    }
}

/// What a seed is for: thresholds are set on `dev`, the gate runs on `gate`, results are reported on `eval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeedRole {
    /// Thresholds and tuning.
    Dev,
    /// The regression gate: the same seeds for every version.
    Gate,
    /// Reported results: new seeds with every version of the harness.
    Eval,
}

impl SeedRole {
    /// Seed `k` of the role: the first eight bytes of SHA-256 of `dev/k`, `gate/k` or `eval/<version>/k`.
    #[must_use]
    pub fn seed(self, k: u32) -> u64 {
        let text = match self {
            Self::Dev => format!("dev/{k}"),
            Self::Gate => format!("gate/{k}"),
            Self::Eval => format!("eval/{}/{k}", env!("CARGO_PKG_VERSION")),
        };
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
    }
}

impl fmt::Display for SeedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Gate => "gate",
            Self::Eval => "eval",
        })
    }
}

/// The first `digits` hexadecimal digits of the SHA-256 of some bytes.
#[must_use]
pub fn digest(bytes: &[u8], digits: usize) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let mut text: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    text
}
