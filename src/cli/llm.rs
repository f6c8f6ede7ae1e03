//! What the command line says of language models: one group of options, shared by every verb that sends agents.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::agent;
use crate::chat::Line;

/// Where models are when no flag, suite or `--settings` says so.
const BASE_URL: &str = "HARNESS_BASE_URL";

/// Options for agents that ask a language model; any other agent has none of these settings.
#[derive(Debug, Args)]
#[command(next_help_heading = "Language models")]
pub(super) struct Llm {
    /// The model to ask [default: a small one of the provider whose key is set].
    #[arg(long, value_name = "NAME")]
    llm: Option<String>,
    /// Address of any OpenAI-compatible server, up to and including /v1 [env: HARNESS_BASE_URL] [default: by OPENROUTER_API_KEY,
    /// OPENAI_API_KEY or ANTHROPIC_API_KEY, in this order].
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Name of the variable that holds the key [default: the provider's; none at other addresses].
    #[arg(long, value_name = "VAR")]
    api_key_env: Option<String>,
    /// Sampling temperature, or `default` for the provider's [default: 0].
    #[arg(long, value_name = "T", value_parser = temperature)]
    temperature: Option<Temperature>,
    /// The provider's seed, where it has one.
    #[arg(long, value_name = "N")]
    llm_seed: Option<u64>,
    /// Most tokens of one answer [default: 4096].
    #[arg(long, value_name = "N")]
    max_tokens: Option<u32>,
    /// Most answers of one conversation, of which two-stage has two [default: 20].
    #[arg(long, value_name = "N")]
    max_turns: Option<u32>,
    /// How tools are called: by the provider's tool calls, or by JSON in text [default: native].
    #[arg(long, value_enum)]
    tool_mode: Option<ToolMode>,
    /// A file with instructions instead of those shipped.
    #[arg(long, value_name = "FILE")]
    prompt: Option<PathBuf>,
    /// US dollars per million tokens of requests, answers and, if it differs, cached requests: 0.15,0.60 or 0.15,0.60,0.075.
    #[arg(long, value_name = "IN,OUT[,CACHED]", value_parser = prices)]
    prices: Option<Prices>,
    /// Stream answers, so that silence can be told from slowness.
    #[arg(long)]
    stream: bool,
    /// Most requests under way at once.
    #[arg(long, value_name = "N", env = "HARNESS_IN_FLIGHT", default_value = "4")]
    in_flight: NonZeroUsize,
}

#[derive(Debug, Clone, Copy)]
struct Temperature(Option<f64>);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ToolMode {
    Native,
    Prompted,
}

#[derive(Debug, Clone, Copy)]
struct Prices {
    input: f64,
    output: f64,
    cached: Option<f64>,
}

fn temperature(text: &str) -> Result<Temperature, String> {
    if text == "default" {
        return Ok(Temperature(None));
    }
    let value = text.parse().ok().filter(|value: &f64| (0.0..=2.0).contains(value));
    value.map(|value| Temperature(Some(value))).ok_or_else(|| "expected a number from 0 to 2, or `default`".to_owned())
}

fn prices(text: &str) -> Result<Prices, String> {
    let parts: Option<Vec<f64>> =
        text.split(',').map(|part| part.trim().parse().ok().filter(|price: &f64| *price >= 0.0 && price.is_finite())).collect();
    match parts.as_deref() {
        Some(&[input, output]) => Ok(Prices { input, output, cached: None }),
        Some(&[input, output, cached]) => Ok(Prices { input, output, cached: Some(cached) }),
        _ => Err("expected two or three prices such as 0.15,0.60".to_owned()),
    }
}

impl Llm {
    /// Settings that flags give, with the flag that gives each.
    fn given(&self, epochs: Option<u32>) -> Vec<(&'static str, &'static str, Value)> {
        let mode = |mode: ToolMode| match mode {
            ToolMode::Native => "native",
            ToolMode::Prompted => "prompted",
        };
        let all = [
            ("--llm", "model", self.llm.as_ref().map(|name| json!(name))),
            ("--base-url", "base_url", self.base_url.as_ref().map(|url| json!(url))),
            ("--api-key-env", "api_key_env", self.api_key_env.as_ref().map(|name| json!(name))),
            ("--temperature", "temperature", self.temperature.map(|temperature| json!(temperature.0))),
            ("--llm-seed", "seed", self.llm_seed.map(|seed| json!(seed))),
            ("--max-tokens", "max_tokens", self.max_tokens.map(|most| json!(most))),
            ("--max-turns", "max_turns", self.max_turns.map(|most| json!(most))),
            ("--tool-mode", "tool_mode", self.tool_mode.map(|of| json!(mode(of)))),
            ("--prompt", "prompt", self.prompt.as_ref().map(|file| json!(file))),
            (
                "--prices",
                "prices",
                self.prices.map(|prices| json!({"input": prices.input, "output": prices.output, "cached": prices.cached})),
            ),
            ("--epochs", "epochs", epochs.map(|times| json!(times))),
            ("--stream", "transport", self.stream.then(|| json!({"stream": true}))),
        ];
        all.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value?))).collect()
    }

    /// The flags that are given, as they are written.
    pub(super) fn flags(&self) -> Vec<&'static str> {
        self.given(None).into_iter().map(|(flag, _, _)| flag).collect()
    }

    /// Requests under way at once.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Variables that may hold a key in use.
    pub(super) fn keys(&self) -> Vec<String> {
        agent::provider_keys().map(str::to_owned).chain(self.api_key_env.clone()).collect()
    }

    /// Puts what is given into the settings of every agent that asks a model, over what stands there; `epochs` is a flag of `run` alone.
    ///
    /// # Errors
    /// When something is given and no agent asks a model.
    pub(super) fn put_into<'a>(
        &self,
        agents: impl IntoIterator<Item = (&'a str, &'a mut Value)>,
        epochs: Option<u32>,
    ) -> anyhow::Result<()> {
        let given = self.given(epochs);
        let default = std::env::var(BASE_URL).ok().filter(|url| !url.trim().is_empty());
        let mut asking = 0;
        for (_, settings) in agents.into_iter().filter(|(name, _)| asks_model(name)) {
            asking += 1;
            if let Some(settings) = settings.as_object_mut() {
                put(settings, &given, default.as_deref());
            }
        }
        let flags: Vec<&str> = given.iter().map(|(flag, _, _)| *flag).collect();
        anyhow::ensure!(
            asking > 0 || flags.is_empty(),
            "{}: no agent here asks a language model; name one that does: {}",
            flags.join(", "),
            asking_agents().join(", ")
        );
        Ok(())
    }
}

fn put(settings: &mut Map<String, Value>, given: &[(&str, &str, Value)], default_url: Option<&str>) {
    for (_, key, value) in given {
        match (settings.get_mut(*key).and_then(Value::as_object_mut), value) {
            // Of how a model is reached, what is not said stays as it is.
            (Some(before), Value::Object(said)) if *key == "transport" => before.extend(said.clone()),
            (_, value) => {
                settings.insert((*key).to_owned(), value.clone());
            }
        }
    }
    // A key that is named says where to go; the variable must not lead it elsewhere.
    if let Some(url) = default_url
        && !settings.contains_key("base_url")
        && !settings.contains_key("api_key_env")
    {
        settings.insert("base_url".to_owned(), url.into());
    }
}

/// The line to models, as far as this program has one.
#[cfg(feature = "llm")]
pub(super) fn line(in_flight: usize, stop: &Arc<AtomicBool>) -> Box<dyn Line> {
    Box::new(agent::llm::Http::new(in_flight, Arc::clone(stop)))
}
#[cfg(not(feature = "llm"))]
pub(super) fn line(_in_flight: usize, _stop: &Arc<AtomicBool>) -> Box<dyn Line> {
    Box::new(crate::chat::Nobody)
}

pub(super) fn asks_model(name: &str) -> bool {
    agent::REGISTRY.iter().any(|entry| entry.asks_model && entry.name == name)
}

fn asking_agents() -> Vec<&'static str> {
    agent::REGISTRY.iter().filter(|entry| entry.asks_model).map(|entry| entry.name).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Given {
        #[command(flatten)]
        llm: Llm,
    }

    fn read(flags: &[&str]) -> Llm {
        Given::try_parse_from([&["harness"], flags].concat()).expect("flags that can be read").llm
    }

    #[test]
    fn flags_stand_over_settings_and_leave_the_others_alone() {
        let llm = read(&["--llm", "m", "--prices", "0.15,0.6", "--temperature", "default", "--stream"]);
        let mut settings = json!({"model": "other", "max_turns": 9, "transport": {"retries": 1}});
        let mut plain = json!({});
        llm.put_into([("react", &mut settings), ("segment-scan", &mut plain)], None).expect("an agent that asks");
        let expected = json!({
            "model": "m", "max_turns": 9, "temperature": null, "prices": {"input": 0.15, "output": 0.6, "cached": null},
            "transport": {"retries": 1, "stream": true},
        });
        assert_eq!((settings, plain), (expected, json!({})));
    }

    #[test]
    fn an_address_from_the_environment_gives_way_to_whatever_is_said() {
        let put = |mut settings: Map<String, Value>, flags: &[&str]| {
            put(&mut settings, &read(flags).given(None), Some("http://env/v1"));
            settings.get("base_url").cloned().unwrap_or_default()
        };
        let empty = Map::new();
        assert_eq!(put(empty.clone(), &[]), json!("http://env/v1"));
        assert_eq!(put(empty.clone(), &["--base-url", "http://flag/v1"]), json!("http://flag/v1"));
        assert_eq!(put(empty, &["--api-key-env", "OPENAI_API_KEY"]), Value::Null);
        assert_eq!(put(Map::from_iter([("base_url".to_owned(), json!("http://suite/v1"))]), &[]), json!("http://suite/v1"));
    }

    #[test]
    fn flags_that_reach_nobody_are_an_error_that_names_them() {
        let error = read(&["--llm", "m", "--max-turns", "3"]).put_into([("segment-scan", &mut json!({}))], None).expect_err("nobody asks");
        assert_eq!(
            error.to_string(),
            "--llm, --max-turns: no agent here asks a language model; name one that does: react, ticket-analyst, two-stage"
        );
        read(&["--in-flight", "2"]).put_into([("segment-scan", &mut json!({}))], None).expect("a limit is no setting of an agent");
    }

    #[test]
    fn prices_and_temperatures_that_are_none_are_refused() {
        for flags in [["--prices", "1"], ["--prices", "1,-2"], ["--temperature", "3"], ["--in-flight", "0"]] {
            assert!(Given::try_parse_from([&["harness"][..], &flags].concat()).is_err(), "{flags:?}");
        }
    }
}
