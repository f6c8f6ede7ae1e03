//! A finished run as traces: one of the run with its detections, one per investigation with its scores.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::span::{Exception, Ids, JSON, Kind, Span, SpanId, TEXT, TraceId, Value, nanos};
use super::{Trace, score, steps};
use crate::measured::Measured;
use crate::name::IncidentId;
use crate::record::{Clock, DetectionKey, InvestigationKey, Outcome, Store, StoreError, Timing, Trigger};
use crate::score::Section;
use crate::score::end_to_end::Ending;
use crate::score::explained::JudgedInvestigation;
use crate::score::judge::{Job, Judgement};
use crate::score::scorecard::ModelRow;

/// Page groups of an investigation: the models that paged so, and how it ended with them.
type Endings<'a> = BTreeMap<(&'a IncidentId, &'a Trigger, &'a str), Vec<(&'a str, Ending)>>;

/// A finished run, ready to be told.
pub struct RunTraces<'a> {
    store: &'a Store,
    judgement: &'a Judgement,
    /// The run folder's name.
    name: String,
    detections: BTreeMap<DetectionKey, Clock>,
    investigations: BTreeMap<InvestigationKey, Clock>,
    endings: Endings<'a>,
}

impl<'a> RunTraces<'a> {
    /// Reads when its jobs were done.
    ///
    /// # Errors
    /// [`StoreError`] when the timings cannot be read.
    pub fn new(store: &'a Store, judgement: &'a Judgement) -> Result<Self, StoreError> {
        // `results/latest` is another name of the same run.
        let folder = store.folder().canonicalize().unwrap_or_else(|_| store.folder().to_path_buf());
        let name = folder.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned());
        let (mut detections, mut investigations) = (BTreeMap::new(), BTreeMap::new());
        for timing in store.read_lines::<Timing>("timings.jsonl")? {
            match timing {
                Timing::Detection { key, clock } => drop(detections.insert(key, clock)),
                Timing::Investigation { key, clock } => drop(investigations.insert(key, clock)),
            }
        }
        let mut endings = Endings::new();
        for joined in &judgement.joined {
            for (group, ending) in &joined.endings {
                let key = (&joined.incident, &group.trigger, joined.agent.digest.as_str());
                endings.entry(key).or_default().push((&joined.model.name, *ending));
            }
        }
        Ok(Self { store, judgement, name, detections, investigations, endings })
    }

    /// The name of the run, which is its session.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.name
    }

    fn ids(&self, job: &str) -> Ids {
        Ids::new(&["run", &self.name, &self.judgement.manifest.plan, &self.judgement.manifest.started, job])
    }

    /// The span of the run itself.
    #[must_use]
    pub fn root(&self) -> (TraceId, SpanId) {
        let ids = self.ids("run");
        (ids.trace(), ids.span("run"))
    }

    /// When a job was done; jobs whose beginning was not kept stand at that of the run.
    fn clock(&self, kept: Option<&Clock>) -> Clock {
        let mut clock = kept.cloned().unwrap_or_default();
        clock.started = clock.started.or_else(|| seconds(&self.judgement.manifest.started));
        clock
    }

    /// The run, and one span per detection.
    #[must_use]
    pub fn run(&self) -> Trace {
        let ids = self.ids("run");
        let manifest = &self.judgement.manifest;
        let mut root = Span::new(&ids, "run", format!("run {}", self.name), Kind::Chain);
        root.input(&manifest.suite.to_string(), JSON);
        root.output(&self.headlines().to_string(), JSON);
        root.text("session.id", &self.name);
        root.set("tag.tags", Value::Texts(vec!["run".to_owned(), self.judgement.suite.id.clone()]));
        let metadata = json!({
            "version": manifest.version, "plan": manifest.plan, "suite": self.judgement.suite.id, "role": manifest.role,
            "platform": manifest.platform, "jobs": manifest.jobs,
        });
        root.text("metadata", metadata.to_string());
        let detections = self.judgement.jobs.iter().map(|job| self.detection(&ids, root.id, job));
        let detections: Vec<Span> = detections.collect();
        let whole = Clock { started: seconds(&manifest.started), ..Clock::default() };
        root.from = nanos(&whole, 0.0);
        let finished = manifest.finished.as_deref().and_then(seconds);
        root.to = nanos(&Clock { started: finished, ..Clock::default() }, 0.0).max(root.from);
        // The manifest keeps whole seconds: its jobs do not stick out.
        root.to = detections.iter().map(|span| span.to).chain(self.ends()).fold(root.to, u64::max);
        root.from = detections.iter().map(|span| span.from).fold(root.from, u64::min);
        Trace { spans: std::iter::once(root).chain(detections).collect(), scores: Vec::new() }
    }

    fn ends(&self) -> impl Iterator<Item = u64> {
        self.investigations.values().map(|clock| nanos(clock, clock.seconds))
    }

    fn headlines(&self) -> Json {
        let card = &self.judgement.scorecard;
        let of = |section: Section, rows: &[ModelRow]| {
            let whole = rows.iter().filter(|row| row.trigger.is_none());
            let numbers = whole.map(|row| (row.label(), Measured::value(row.metric(section.headline()))));
            (section.to_string(), json!({ section.headline(): numbers.collect::<BTreeMap<_, _>>() }))
        };
        let sections = [of(Section::Detection, &card.models), of(Section::Cause, &card.causes), of(Section::EndToEnd, &card.end_to_end)];
        json!(BTreeMap::from(sections))
    }

    fn detection(&self, ids: &Ids, parent: SpanId, job: &Job) -> Span {
        let (key, clock) = (&job.key, self.clock(self.detections.get(&job.key)));
        let mut span = Span::new(ids, &format!("detection {}", key.digest()), format!("detect {}", key.model.name), Kind::Chain);
        span.parent = Some(parent);
        (span.from, span.to) = (nanos(&clock, 0.0), nanos(&clock, clock.seconds));
        span.input(&format!("{} of {} seed {}", key.series, job.file, job.replicate), TEXT);
        let tally = &job.counts.tally;
        if job.outcome == Outcome::Answered {
            let text =
                format!("{} effects found, {} missed, {} false pages at the alert budget", tally.detected, tally.missed, tally.false_pages);
            span.output(&text, TEXT);
        }
        let metadata = json!({
            "scenario": job.file, "seed": job.replicate, "series": key.series, "forecaster": key.model.name,
            "detected": tally.detected, "missed": tally.missed, "false_pages": tally.false_pages,
        });
        span.text("metadata", metadata.to_string());
        span.set("tag.tags", Value::Texts(vec!["detection".to_owned(), key.model.name.clone()]));
        span.error = exception(&job.outcome);
        span
    }

    /// One trace per investigation; with `only`, of those whose ids begin so.
    pub fn jobs<'b>(&'b self, only: Option<&'b str>) -> impl Iterator<Item = Result<Trace, StoreError>> + 'b {
        let chosen = move |one: &&JudgedInvestigation| only.is_none_or(|only| one.record.id.starts_with(only));
        self.judgement.investigations.iter().filter(chosen).map(|one| self.job(one))
    }

    fn job(&self, one: &JudgedInvestigation) -> Result<Trace, StoreError> {
        let (record, key) = (&one.record, &one.record.key);
        let trajectory = match self.store.trajectory(&record.id) {
            // Where the generator failed or the agent panicked there is none.
            Err(StoreError::Gone { .. }) if record.outcome != Outcome::Answered => None,
            read => Some(read?),
        };
        let ids = self.ids(&format!("investigation {}", record.id));
        let clock = self.clock(self.investigations.get(key));
        let asked = steps::asked(record.question.as_deref(), record.alert.as_ref());
        let error = exception(&record.outcome);
        let none = Vec::new();
        let endings = self.endings.get(&(&key.incident, &key.trigger, key.agent.digest.as_str())).unwrap_or(&none);

        let mut root = Span::new(&ids, "job", format!("{} {}", one.file, trigger(&key.trigger)), Kind::Chain);
        (root.from, root.to) = (nanos(&clock, 0.0), nanos(&clock, clock.seconds));
        root.links.push(self.root());
        root.input(&asked, TEXT);
        if let Some(report) = &record.report {
            root.output(&steps::verdict(report), TEXT);
        }
        root.text("session.id", &self.name);
        root.text("metadata", self.metadata(one, endings).to_string());
        let family = one.file.split('/').next().unwrap_or_default();
        root.set("tag.tags", Value::Texts([key.trigger.kind(), family, &key.agent.name].map(str::to_owned).to_vec()));
        root.error.clone_from(&error);

        let told = steps::Told {
            agent: &key.agent.name,
            asked: &asked,
            trajectory: trajectory.as_ref(),
            clock: &clock,
            error,
            base_url: self.base_url(&key.agent.name),
            ids: &ids,
            parent: root.id,
        };
        let mut scores = score::of(root.id, one);
        scores.extend(endings.iter().filter_map(|(model, ending)| score::ended(root.id, model, *ending)));
        let mut spans = vec![root];
        spans.extend(steps::spans(&told));
        Ok(Trace { spans, scores })
    }

    /// Where the suite says that an agent's model is reached; which provider was found by its key is not kept.
    fn base_url(&self, label: &str) -> Option<&str> {
        let agent = self.judgement.suite.agents.iter().flatten().find(|agent| agent.label == label)?;
        agent.settings["base_url"].as_str()
    }

    fn metadata(&self, one: &JudgedInvestigation, endings: &[(&str, Ending)]) -> Json {
        let (record, key) = (&one.record, &one.record.key);
        json!({
            "scenario": one.file,
            "seed": one.replicate,
            "role": self.judgement.manifest.role,
            "agent": key.agent.name,
            "epoch": key.epoch,
            "trigger": key.trigger,
            "forecasters": endings.iter().map(|(model, _)| *model).collect::<Vec<_>>(),
            // What `harness explain` takes.
            "investigation": record.id,
            "outcome": record.outcome,
        })
    }
}

/// Seconds since 1970 of a stamp in the manifest.
fn seconds(stamp: &str) -> Option<f64> {
    Some(stamp.parse::<jiff::Timestamp>().ok()?.as_millisecond() as f64 / 1e3)
}

fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Page(_) => "page".to_owned(),
        Trigger::Oracle(number) => format!("oracle {number}"),
        Trigger::Placebo(number) => format!("placebo {number}"),
        Trigger::Question(id) => format!("question {id}"),
    }
}

fn exception(outcome: &Outcome) -> Option<Exception> {
    let message = outcome.why()?.into_owned();
    let kind = match serde_json::to_value(outcome).expect("an outcome is plain data") {
        Json::String(word) => word,
        Json::Object(fields) => fields.keys().next().cloned().unwrap_or_default(),
        _ => "failed".to_owned(),
    };
    Some(Exception { kind, message })
}
