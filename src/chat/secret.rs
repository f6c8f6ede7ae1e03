//! Secrets in text: found before anything is written, and taken out of what comes back.

/// Beginnings of keys as providers write them; what follows is at least [`LONG`] characters of a key.
const BEGINNINGS: &[&str] = &[
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "pk_live_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "hf_",
    "gsk_",
    "r8_",
    "pplx-",
    "xai-",
    "tgp_v1_",
    "npm_",
    "pypi-",
    "dop_v1_",
    "SG.",
    "ya29.",
    "eyJhbGciOi",
];
const LONG: usize = 16;
/// Words before a value that is a secret whatever it looks like.
const LABELS: &[&str] = &["bearer ", "authorization: ", "x-api-key: ", "api_key=", "api-key=", "apikey=", "access_token=", "password="];
/// What stands in its place.
pub const REDACTED: &str = "[redacted]";

/// Values that must never be written: keys in use.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The values of some environment variables, as far as they are set.
    pub fn of_variables<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut values: Vec<String> = names
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .map(|value| value.trim().to_owned())
            .filter(|value| value.len() >= 4)
            .collect();
        // The longest first, so that no part of it is left.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self(values)
    }

    /// A text without them, and without whatever else looks like a key.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for value in &self.0 {
            if clean.contains(value.as_str()) {
                clean = clean.replace(value.as_str(), REDACTED);
            }
        }
        while let Some((from, to)) = looks_like_a_key(&clean) {
            clean.replace_range(from..to, REDACTED);
        }
        clean
    }

    /// What kind of secret a text holds, if it holds one; never the secret itself.
    #[must_use]
    pub fn found_in(&self, text: &str) -> Option<String> {
        if self.0.iter().any(|value| text.contains(value.as_str())) {
            return Some("the key in use".to_owned());
        }
        let (from, _) = looks_like_a_key(text)?;
        let shown: String = text[from..].chars().take(4).collect();
        Some(format!("what looks like a key (`{shown}…`)"))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+' | '=')
}

/// The first stretch of a text that looks like a key, in bytes.
fn looks_like_a_key(text: &str) -> Option<(usize, usize)> {
    let end_of = |from: usize| text[from..].find(|c: char| !is_of_key(c)).map_or(text.len(), |length| from + length);
    let by_beginning = BEGINNINGS.iter().flat_map(|beginning| text.match_indices(beginning)).filter_map(|(at, beginning)| {
        // A word that merely ends like a beginning, `task-`, is none.
        let within = text[..at].chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric());
        let end = end_of(at);
        let long = text[at..end].len() >= beginning.len() + LONG;
        // Ordinary words joined by dashes have no digit.
        (!within && long && text[at..end].bytes().any(|byte| byte.is_ascii_digit())).then_some((at, end))
    });
    let lower = text.to_ascii_lowercase();
    let by_label = LABELS.iter().flat_map(|label| lower.match_indices(label)).filter_map(|(at, label)| {
        let from = at + label.len();
        let end = end_of(from);
        let value = &text[from..end];
        (value.len() >= LONG && value.bytes().any(|byte| byte.is_ascii_digit()) && !value.starts_with(REDACTED)).then_some((from, end))
    });
    by_beginning.chain(by_label).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_providers_are_found_and_taken_out() {
        let secrets = Secrets(vec!["canary-value".to_owned()]);
        for text in [
            "Incorrect API key provided: sk-proj-abcd1234efgh5678ijkl.",
            "x canary-value y",
            "Authorization: Bearer abcdef0123456789abcdef",
            "ghp_0123456789abcdef0123456789abcdef0123",
        ] {
            assert!(secrets.found_in(text).is_some(), "{text}");
            let clean = secrets.clean(text);
            assert!(clean.contains(REDACTED) && secrets.found_in(&clean).is_none(), "{clean}");
        }
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        let secrets = Secrets::default();
        for text in [
            "The task-force-of-the-month met on risk-based-decision-making",
            "bearer of bad news",
            "Error sk-1 in chg-4f2a91, version 3.2.1",
            "api_key=short",
        ] {
            assert_eq!(secrets.found_in(text), None, "{text}");
            assert_eq!(secrets.clean(text), text);
        }
    }

    #[test]
    fn what_is_told_of_a_secret_is_not_the_secret() {
        let told = Secrets(vec!["canary-value".to_owned()]).found_in("a canary-value").expect("it is there");
        assert!(!told.contains("canary"), "{told}");
        assert_eq!(format!("{:?}", Secrets(vec!["canary-value".to_owned()])), "Secrets(1)");
    }
}
