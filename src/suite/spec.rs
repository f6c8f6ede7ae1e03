//! The suite file: YAML, `format: 1`, or the same from flags.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::agent;
use crate::detect::page::Paging;
use crate::detect::residual::{OnAlarm, Origin, Refit};
use crate::detect::{self, Protocol};
use crate::name::ConfigId;
use crate::seed::SeedRole;
use crate::time::{Span, Step};
use crate::yaml::{self, YamlError};

/// Settings of agents that are files; relative to the suite as scenarios are.
pub const PROMPTS: &[&str] = &["prompt", "writer_prompt"];

/// Settings of agents that decide whether an answer comes, and not which one.
pub const TRANSPORT: &[&str] = &["base_url", "api_key_env", "transport"];

/// What tables call the truth as a detector.
pub const ORACLE: &str = "oracle";

/// Why a suite could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not a suite.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A value that no suite can have.
    #[error("{path}: {problem}")]
    Invalid {
        /// The file, or `flags`.
        path: String,
        /// What was got and what is allowed.
        problem: String,
    },
}

/// A model of the matrix: a name, and settings where they differ from the defaults.
///
/// In YAML `- lgbm`, or `- lgbm: {trees: 200}`, or with a label of its own `- lgbm: {as: lgbm-small, trees: 200}`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// The row of the registry.
    pub name: String,
    /// What tables call it.
    pub label: String,
    /// Settings that differ from the defaults.
    pub settings: serde_json::Value,
}

impl ModelSpec {
    /// A model at its defaults.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), label: name.to_owned(), settings: serde_json::json!({}) }
    }
}

impl Serialize for ModelSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut settings = self.settings.clone();
        if self.label != self.name {
            settings["as"] = self.label.clone().into();
        }
        if settings.as_object().is_some_and(serde_json::Map::is_empty) {
            return self.name.serialize(serializer);
        }
        serializer.collect_map([(&self.name, settings)])
    }
}

impl<'de> Deserialize<'de> for ModelSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrSettings;
        impl<'de> Visitor<'de> for NameOrSettings {
            type Value = ModelSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model name, or one name with settings such as `lgbm: {trees: 200}`")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ModelSpec, E> {
                Ok(ModelSpec::named(name))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ModelSpec, A::Error> {
                use serde::de::Error as _;
                let (name, mut settings): (String, serde_json::Map<String, serde_json::Value>) =
                    map.next_entry()?.ok_or_else(|| A::Error::custom("expected a model name"))?;
                if map.next_key::<String>()?.is_some() {
                    return Err(A::Error::custom("one model per list entry"));
                }
                let label = match settings.remove("as") {
                    None => name.clone(),
                    Some(serde_json::Value::String(label)) => label,
                    Some(other) => return Err(A::Error::custom(format!("`as` is a label, got {other}"))),
                };
                Ok(ModelSpec { name, label, settings: settings.into() })
            }
        }
        deserializer.deserialize_any(NameOrSettings)
    }
}

/// Which seeds replicate every scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// What they are for.
    pub role: SeedRole,
    /// How many.
    pub count: u32,
}

impl Default for Seeds {
    fn default() -> Self {
        Self { role: SeedRole::Eval, count: 3 }
    }
}

/// How detection is run and what counts as a page.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Detection {
    /// From where buckets are forecast.
    pub origin: Origin,
    /// How often parameters are estimated again.
    pub refit: Refit,
    /// What later forecasts see of a flagged value.
    pub on_alarm: OnAlarm,
    /// Level of the native interval.
    pub interval: f64,
    /// False pages allowed per series and 100 days.
    pub budget: f64,
    /// Flag-free time that ends an episode: 2 days on daily data, 2 hours below.
    pub quiet: Option<Span>,
    /// Time after which an open episode pages again: 7 days on daily data, 24 hours below.
    pub renotify: Option<Span>,
}

impl Default for Detection {
    fn default() -> Self {
        // One refit a week at every step keeps the whole library under a minute.
        Self {
            origin: Origin::Rolling,
            refit: Refit::Every(Span::days(7)),
            on_alarm: OnAlarm::Keep,
            interval: 0.99,
            budget: 1.0,
            quiet: None,
            renotify: None,
        }
    }
}

/// When agents are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvestigationSpec {
    /// Pages so close to the first of a group belong to it.
    pub correlate: Span,
    /// Agents sent to the pages of every model, by label; absent: `segment-scan` if it is among the agents.
    pub end_to_end: Option<Vec<String>>,
    /// Most calls of one investigation.
    pub calls: usize,
}

/// The agent sent to pages unless the suite says otherwise.
const END_TO_END: &str = "segment-scan";

impl InvestigationSpec {
    /// Those of the agents that are sent to the pages of every model.
    pub fn end_to_end<'a>(&self, agents: impl Iterator<Item = &'a ConfigId>) -> Vec<&'a ConfigId> {
        let sent = |agent: &&ConfigId| match &self.end_to_end {
            Some(labels) => labels.contains(&agent.name),
            None => agent.name == END_TO_END,
        };
        agents.filter(sent).collect()
    }
}

impl Default for InvestigationSpec {
    fn default() -> Self {
        Self { correlate: Span::days(1), end_to_end: None, calls: 300 }
    }
}

impl Detection {
    /// How forecasters are run.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        Protocol { origin: self.origin, refit: self.refit, on_alarm: self.on_alarm, interval: self.interval }
    }

    /// What counts as a page at a step.
    #[must_use]
    pub fn paging(&self, step: Step) -> Paging {
        let (quiet, renotify) = if step.is_daily() { (Span::days(2), Span::days(7)) } else { (Span::hours(2), Span::hours(24)) };
        Paging { quiet: self.quiet.unwrap_or(quiet).buckets(step), renotify: self.renotify.unwrap_or(renotify).buckets(step).max(1) }
    }
}

/// A rule of the gate as it is written; `gate` checks that its metric exists and that its limits suit it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// What is measured (see `harness list metrics`).
    pub metric: String,
    /// On which rows.
    #[serde(default, rename = "where")]
    pub rows: Where,
    /// The least value allowed, for metrics where more is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest value allowed, for metrics where less is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// How much worse than the baseline it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_drop: Option<f64>,
}

/// The rows a rule is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// A model or floor by name; absent: every model, floors and oracle left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// An agent or floor by name, for metrics of causes and end to end; absent: as for models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// A kind of trigger, for metrics of causes; absent: all triggers together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
}

/// A suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Version of the format: 1.
    pub format: u32,
    /// Name of the suite; its baseline is `evals/baselines/<id>.json`.
    pub id: String,
    /// Scenario files and folders, relative to the suite file.
    pub scenarios: Vec<PathBuf>,
    /// Which seeds replicate every scenario.
    #[serde(default)]
    pub seeds: Seeds,
    /// The models to compare; floors and oracle join by themselves.
    pub models: Vec<ModelSpec>,
    /// The agents to compare, as models are written; `None`: every deterministic one. An empty list: detection only.
    #[serde(default)]
    pub agents: Option<Vec<ModelSpec>>,
    /// How detection is run and what counts as a page.
    #[serde(default)]
    pub detection: Detection,
    /// When agents are sent.
    #[serde(default)]
    pub investigation: InvestigationSpec,
    /// The rules `harness gate` applies.
    #[serde(default)]
    pub gate: Vec<RuleSpec>,
}

impl Suite {
    /// Reads a suite file; scenario paths become relative to the working directory.
    ///
    /// # Errors
    /// [`SuiteError`] with file, line and column.
    pub fn load(path: &Path) -> Result<Self, SuiteError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| SuiteError::Read { path: name.clone(), source })?;
        let mut suite: Self = yaml::parse(&text, &name)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for scenario in &mut suite.scenarios {
            *scenario = folder.join(&*scenario);
        }
        for agent in suite.agents.iter_mut().flatten() {
            for prompt in PROMPTS {
                if let Some(serde_json::Value::String(file)) = agent.settings.get_mut(*prompt) {
                    *file = folder.join(&*file).display().to_string();
                }
            }
        }
        suite.check(&name)?;
        Ok(suite)
    }

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`SuiteError::Invalid`].
    pub fn check(&self, name: &str) -> Result<(), SuiteError> {
        let invalid = |problem: String| Err(SuiteError::Invalid { path: name.to_owned(), problem });
        if self.format != 1 {
            return invalid(format!("format {} is not known, expected 1", self.format));
        }
        if self.models.is_empty() {
            return invalid("no models: name at least one, for example `models: [lgbm]` or --models lgbm".into());
        }
        if self.scenarios.is_empty() {
            return invalid("no scenarios: name at least one file or folder, for example `scenarios: [../scenarios]`".into());
        }
        if self.seeds.count == 0 {
            return invalid("no seeds: count must be at least 1".into());
        }
        if !(self.detection.interval > 0.0 && self.detection.interval < 1.0) {
            return invalid(format!("interval {} is not between 0 and 1", self.detection.interval));
        }
        if !(self.detection.budget > 0.0 && self.detection.budget.is_finite()) {
            return invalid(format!("budget {} is not a positive number of false pages per 100 days", self.detection.budget));
        }
        for (i, agent) in self.agents.iter().flatten().enumerate() {
            if self.agents.iter().flatten().take(i).any(|other| other.label == agent.label) {
                return invalid(format!("two agents are called `{}`: give one a label of its own with `as:`", agent.label));
            }
            let reserved = agent::REGISTRY.iter().any(|entry| entry.name == agent.label) || agent.label == ORACLE;
            if agent.label != agent.name && reserved {
                return invalid(format!(
                    "`{}` is called `{}`, which is the name of another agent: choose another label",
                    agent.name, agent.label
                ));
            }
        }
        for (i, model) in self.models.iter().enumerate() {
            if self.models[..i].iter().any(|other| other.label == model.label) {
                return invalid(format!("two models are called `{}`: give one a label of its own with `as:`", model.label));
            }
            // Floors and the oracle join by themselves, under their own names.
            if model.label != model.name && (detect::floors().contains(&model.label.as_str()) || model.label == ORACLE) {
                return invalid(format!(
                    "`{}` is called `{}`, which is the name of another row: choose another label",
                    model.name, model.label
                ));
            }
        }
        Ok(())
    }
}
