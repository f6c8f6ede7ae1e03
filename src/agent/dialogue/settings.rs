//! The settings of agents that ask a model: everything a suite or a flag can say of one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::agent::Ways;
use crate::chat::Endpoint;
use crate::chat::secret::Secrets;
use crate::seed::digest;

/// Counts up when the protocol between agent and model changes, so that old results and recordings are not taken for new ones.
const PROTOCOL: u32 = 1;

/// How tools are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::agent) enum ToolMode {
    /// By the provider's tool calls.
    Native,
    /// By JSON in text, for models without tool calls.
    Prompted,
}

/// How tightly the provider is to hold arguments to their schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::agent) enum SchemaMode {
    /// Structured outputs: `strict: true` on the report, without keywords that providers reject there.
    Strict,
    /// For servers that make a grammar of the schema: it limits the lengths of texts and lists, and names the calls and changes that replies
    /// have shown so far.
    Bounded,
}

/// US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct Prices {
    /// Of the request.
    pub(in crate::agent) input: f64,
    /// Of the answer.
    pub(in crate::agent) output: f64,
    /// Of the part of the request that the provider had cached; absent: as `input`.
    #[serde(default)]
    pub(in crate::agent) cached: Option<f64>,
}

/// What is said of a model agent. Absent settings stand at their defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::agent) struct Settings {
    /// Name of the model; absent: a small one of the provider whose key is set.
    model: Option<String>,
    /// Up to and including `/v1`; absent: the provider whose key is set.
    base_url: Option<String>,
    /// The variable that holds the key.
    api_key_env: Option<String>,
    /// Sampling temperature; null: the provider's default.
    temperature: Option<f64>,
    /// The provider's seed.
    seed: Option<u64>,
    /// Most tokens of one answer.
    max_tokens: u32,
    /// Most answers of one conversation, of which `two-stage` has two.
    max_turns: u32,
    /// How tools are called.
    tool_mode: ToolMode,
    /// How tightly arguments are held.
    schema: SchemaMode,
    /// Whether several calls may be made at once; null: the provider's default.
    parallel_tool_calls: Option<bool>,
    /// A file with instructions instead of those shipped.
    prompt: Option<PathBuf>,
    /// The same for the writer of `two-stage`.
    writer_prompt: Option<PathBuf>,
    /// For costs.
    prices: Option<Prices>,
    /// Most US dollars of one investigation; needs prices.
    budget_usd: Option<f64>,
    /// Most tokens of one investigation.
    budget_tokens: Option<u64>,
    /// Most seconds of one investigation. A clock: with it the same recordings may end otherwise on a slower machine.
    budget_seconds: Option<f64>,
    /// Times every investigation is made.
    epochs: u32,
    /// Timeouts, retries, streaming.
    transport: Transport,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: None,
            base_url: None,
            api_key_env: None,
            temperature: Some(0.0),
            seed: None,
            max_tokens: 4096,
            max_turns: 20,
            tool_mode: ToolMode::Native,
            schema: SchemaMode::Strict,
            parallel_tool_calls: None,
            prompt: None,
            writer_prompt: None,
            prices: None,
            budget_usd: None,
            budget_tokens: None,
            budget_seconds: None,
            epochs: 1,
            transport: Transport::default(),
        }
    }
}

/// How a model is reached; decides whether an answer comes, not which one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Transport {
    stream: bool,
    connect_seconds: f64,
    first_byte_seconds: f64,
    idle_seconds: f64,
    total_seconds: f64,
    retries: u32,
}

impl Default for Transport {
    fn default() -> Self {
        let Endpoint { stream, connect_seconds, first_byte_seconds, idle_seconds, total_seconds, retries, .. } = Endpoint::default();
        Self { stream, connect_seconds, first_byte_seconds, idle_seconds, total_seconds, retries }
    }
}

/// A provider that is used when its key is set and nothing else is said, in this order.
pub(in crate::agent) struct Provider {
    pub(in crate::agent) key: &'static str,
    base_url: &'static str,
    model: &'static str,
}

pub(in crate::agent) const PROVIDERS: &[Provider] = &[
    Provider { key: "OPENROUTER_API_KEY", base_url: "https://openrouter.ai/api/v1", model: "openai/gpt-4o-mini" },
    Provider { key: "OPENAI_API_KEY", base_url: "https://api.openai.com/v1", model: "gpt-4o-mini" },
    Provider { key: "ANTHROPIC_API_KEY", base_url: "https://api.anthropic.com/v1", model: "claude-haiku-4-5" },
];

/// Settings that have been read: what to ask, where, and within which limits.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Model {
    pub(in crate::agent) name: String,
    pub(in crate::agent) endpoint: Endpoint,
    pub(in crate::agent) temperature: Option<f64>,
    pub(in crate::agent) seed: Option<u64>,
    pub(in crate::agent) max_tokens: u32,
    pub(in crate::agent) max_turns: u32,
    pub(in crate::agent) tool_mode: ToolMode,
    pub(in crate::agent) schema: SchemaMode,
    pub(in crate::agent) parallel_tool_calls: Option<bool>,
    pub(in crate::agent) prices: Option<Prices>,
    pub(in crate::agent) budget_usd: Option<f64>,
    pub(in crate::agent) budget_tokens: Option<u64>,
    pub(in crate::agent) budget_seconds: Option<f64>,
    pub(in crate::agent) epochs: u32,
    pub(in crate::agent) prompt: Prompt,
    pub(in crate::agent) writer: Prompt,
}

/// Instructions, and what they are known by.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Prompt {
    pub(in crate::agent) text: String,
    pub(in crate::agent) digest: String,
}

impl Prompt {
    fn new(text: String) -> Self {
        Self { digest: digest(text.as_bytes(), 12), text }
    }

    fn read(file: Option<&PathBuf>, shipped: &str) -> Result<Self, serde_json::Error> {
        use serde::de::Error;
        let Some(file) = file else { return Ok(Self::new(shipped.to_owned())) };
        let text =
            std::fs::read_to_string(file).map_err(|source| serde_json::Error::custom(format!("prompt {}: {source}", file.display())))?;
        if text.trim().is_empty() {
            return Err(serde_json::Error::custom(format!("prompt {}: the file is empty", file.display())));
        }
        Ok(Self::new(text))
    }
}

impl Model {
    /// Reads settings; `shipped` are the instructions of the agent and of its writer.
    pub(in crate::agent) fn read(settings: &Value, shipped: [&str; 2]) -> Result<Self, serde_json::Error> {
        Self::with(settings, shipped, |name| std::env::var(name).is_ok_and(|key| !key.trim().is_empty()))
    }

    fn with(settings: &Value, shipped: [&str; 2], is_set: impl Fn(&str) -> bool) -> Result<Self, serde_json::Error> {
        let given: Settings = serde_json::from_value(settings.clone())?;
        given.check()?;
        let (endpoint, default) = given.endpoint(is_set);
        let name = given.model.clone().or(default).ok_or_else(|| {
            use serde::de::Error;
            let keys: Vec<&str> = PROVIDERS.iter().map(|provider| provider.key).collect();
            serde_json::Error::custom(format!("no `model` is named (--llm), and none of {} is set", keys.join(", ")))
        })?;
        Ok(Self {
            name,
            endpoint,
            temperature: given.temperature,
            seed: given.seed,
            max_tokens: given.max_tokens,
            max_turns: given.max_turns,
            tool_mode: given.tool_mode,
            schema: given.schema,
            parallel_tool_calls: given.parallel_tool_calls,
            prices: given.prices,
            budget_usd: given.budget_usd,
            budget_tokens: given.budget_tokens,
            budget_seconds: given.budget_seconds,
            epochs: given.epochs,
            prompt: Prompt::read(given.prompt.as_ref(), shipped[0])?,
            writer: Prompt::read(given.writer_prompt.as_ref(), shipped[1])?,
        })
    }

    /// Everything that can change an answer; where the model stands and how it is reached cannot.
    pub(in crate::agent) fn identity(&self) -> Value {
        json!({
            "protocol": PROTOCOL,
            "model": self.name,
            "temperature": self.temperature,
            "seed": self.seed,
            "max_tokens": self.max_tokens,
            "max_turns": self.max_turns,
            "tool_mode": self.tool_mode,
            "schema": self.schema,
            "parallel_tool_calls": self.parallel_tool_calls,
            "prompt": self.prompt.digest,
            "writer_prompt": self.writer.digest,
            "prices": self.prices,
            "budget_usd": self.budget_usd,
            "budget_tokens": self.budget_tokens,
            "budget_seconds": self.budget_seconds,
        })
    }

    /// What a run needs to know of it.
    pub(in crate::agent) fn ways(&self) -> Ways {
        Ways {
            model: self.name.clone(),
            endpoint: self.endpoint.clone(),
            epochs: self.epochs,
            ceiling_usd: self.ceiling_usd(),
            prices: self.prices.map(|prices| (prices.input, prices.output)),
        }
    }

    /// US dollars of so many tokens.
    pub(in crate::agent) fn cost(&self, prompt: u64, cached: u64, completion: u64) -> Option<f64> {
        let prices = self.prices?;
        let fresh = prompt.saturating_sub(cached) as f64 * prices.input;
        let cached = cached.min(prompt) as f64 * prices.cached.unwrap_or(prices.input);
        Some((fresh + cached + completion as f64 * prices.output) / 1e6)
    }

    /// The most that one investigation can cost: every turn with the longest answer, and a request that grows by it.
    pub(in crate::agent) fn ceiling_usd(&self) -> Option<f64> {
        if let Some(budget) = self.budget_usd {
            return Some(budget);
        }
        let turns = u64::from(self.max_turns);
        let answer = u64::from(self.max_tokens);
        // Tool replies are cut, so that a turn adds at most its answer and some replies.
        let grows = answer + super::REPLY_TOKENS;
        let prompt = turns * super::FIRST_TOKENS + grows * turns * turns.saturating_sub(1) / 2;
        let most = self.budget_tokens.map_or(prompt, |budget| prompt.min(budget));
        self.cost(most, 0, turns * answer)
    }
}

impl Settings {
    fn check(&self) -> Result<(), serde_json::Error> {
        use serde::de::Error;
        let bad = |text: String| Err(serde_json::Error::custom(text));
        if let Some(url) = &self.base_url {
            let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
            let Some(rest) = rest else { return bad(format!("base_url `{}`: expected http:// or https://", without_secrets(url))) };
            if rest.split('/').next().is_some_and(|host| host.contains('@')) || rest.contains('?') {
                return bad(format!(
                    "base_url `{}` holds credentials or a query, which would be recorded: name a variable with api_key_env instead",
                    without_secrets(url)
                ));
            }
        }
        if let Some(name) = &self.api_key_env
            && (!name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || Secrets::default().found_in(name).is_some())
        {
            return bad("api_key_env is the name of a variable, such as OPENAI_API_KEY, and never a key".to_owned());
        }
        if self.max_turns < 2 || self.max_tokens == 0 || self.epochs == 0 {
            return bad("max_turns must be at least 2, max_tokens and epochs at least 1".to_owned());
        }
        if self.budget_usd.is_some() && self.prices.is_none() {
            return bad("budget_usd needs `prices: {input: …, output: …}` in US dollars per million tokens".to_owned());
        }
        let transport = &self.transport;
        let times = [transport.connect_seconds, transport.first_byte_seconds, transport.idle_seconds, transport.total_seconds];
        let budgets = [self.budget_seconds, self.budget_usd].into_iter().flatten();
        if times.into_iter().chain(budgets).any(|number| !(number > 0.0 && number.is_finite())) || self.budget_tokens == Some(0) {
            return bad("timeouts, budget_seconds, budget_usd and budget_tokens are positive numbers".to_owned());
        }
        if let Some(temperature) = self.temperature.filter(|temperature| !(0.0..=2.0).contains(temperature)) {
            return bad(format!("temperature {temperature} is not between 0 and 2"));
        }
        let prices = self.prices.iter().flat_map(|prices| [Some(prices.input), Some(prices.output), prices.cached]).flatten();
        if prices.into_iter().any(|price| !(price >= 0.0 && price.is_finite())) {
            return bad("prices are US dollars per million tokens, and none is negative".to_owned());
        }
        Ok(())
    }

    /// Where the model is, and the model that is asked there if none is named.
    fn endpoint(&self, is_set: impl Fn(&str) -> bool) -> (Endpoint, Option<String>) {
        let by_url = |url: &str| PROVIDERS.iter().find(|provider| url.starts_with(provider.base_url));
        let provider = match (&self.base_url, &self.api_key_env) {
            (Some(url), _) => by_url(url),
            (None, Some(key)) => PROVIDERS.iter().find(|provider| provider.key == key.as_str()),
            (None, None) => PROVIDERS.iter().find(|provider| is_set(provider.key)),
        };
        let transport = &self.transport;
        let endpoint = Endpoint {
            base_url: self.base_url.clone().or(provider.map(|provider| provider.base_url.to_owned())).unwrap_or_default(),
            api_key_env: self.api_key_env.clone().or(provider.map(|provider| provider.key.to_owned())),
            stream: transport.stream,
            connect_seconds: transport.connect_seconds,
            first_byte_seconds: transport.first_byte_seconds,
            idle_seconds: transport.idle_seconds,
            total_seconds: transport.total_seconds,
            retries: transport.retries,
            deadline_seconds: None,
        };
        (endpoint, provider.map(|provider| provider.model.to_owned()))
    }
}

/// An address as an error may show it.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split('?').next().unwrap_or_default();
    let rest = match rest.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.rsplit('@').next().unwrap_or_default()),
        None => rest.rsplit('@').next().unwrap_or_default().to_owned(),
    };
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &Value, set: &[&str]) -> Result<Model, String> {
        Model::with(settings, ["look", "write"], |name| set.contains(&name)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_provider_with_a_key_is_asked_unless_an_address_is_given() {
        let model = read(&json!({}), &["ANTHROPIC_API_KEY", "OPENAI_API_KEY"]).expect("a provider");
        assert_eq!((model.endpoint.base_url.as_str(), model.name.as_str()), ("https://api.openai.com/v1", "gpt-4o-mini"));
        let model = read(&json!({"model": "m", "base_url": "http://127.0.0.1:1/v1"}), &["OPENAI_API_KEY"]).expect("an address");
        assert_eq!((model.endpoint.base_url.as_str(), model.endpoint.api_key_env), ("http://127.0.0.1:1/v1", None), "no key leaves for it");
        let model = read(&json!({"base_url": "https://api.anthropic.com/v1"}), &[]).expect("a known address");
        assert_eq!(model.endpoint.api_key_env.as_deref(), Some("ANTHROPIC_API_KEY"));
    }

    #[test]
    fn a_model_that_nobody_names_is_an_error_with_the_way_out() {
        let error = read(&json!({}), &[]).expect_err("no model");
        assert!(error.contains("no `model` is named (--llm)") && error.contains("OPENAI_API_KEY"), "{error}");
    }

    #[test]
    fn credentials_in_an_address_are_refused_and_not_repeated() {
        for url in ["https://me:sk-canary@host/v1", "https://host/v1?key=sk-canary"] {
            let error = read(&json!({"model": "m", "base_url": url}), &[]).expect_err("a secret");
            assert!(error.contains("api_key_env") && !error.contains("canary"), "{error}");
        }
        let error = read(&json!({"model": "m", "api_key_env": "sk-canary"}), &[]).expect_err("a key");
        assert!(!error.contains("canary"), "{error}");
    }

    #[test]
    fn what_can_change_an_answer_is_identity_and_transport_is_not() {
        let of = |settings: &Value| read(settings, &[]).expect("settings").identity();
        let base = of(&json!({"model": "m"}));
        assert_eq!(of(&json!({"model": "m", "base_url": "http://h/v1", "transport": {"retries": 0}, "epochs": 3})), base);
        assert_ne!(of(&json!({"model": "m", "temperature": 0.5})), base);
        assert_ne!(of(&json!({"model": "m", "tool_mode": "prompted"})), base);
    }

    #[test]
    fn cached_tokens_cost_their_own_price() {
        let model = read(&json!({"model": "m", "prices": {"input": 1.0, "output": 10.0, "cached": 0.1}}), &[]).expect("prices");
        let usd = model.cost(1_000_000, 500_000, 100_000).expect("prices are given");
        assert!((usd - (0.5 + 0.05 + 1.0)).abs() < 1e-12, "{usd}");
    }
}
