//! Alerts: each report, posted to a webhook as JSON or as blocks for Slack.
//!
//! The address is a secret: whoever knows it can post. It is read from the environment, and only its host is ever told.

use std::fmt;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::tell;
use crate::agent::report::{IncidentReport, Verdict};
use crate::report::incident;
use crate::report::paragraph::cut;

/// The variable with the address.
const WEBHOOK: &str = "ALERT_WEBHOOK";
/// The host whose webhooks take blocks.
const SLACK: &str = "hooks.slack.com";
/// Most characters of a Slack header, and of the text of a section.
const HEADER: usize = 150;
const SECTION: usize = 2900;

/// Options for alerts.
#[derive(Debug, Args)]
pub(super) struct Alerting {
    /// Post each report to the address in ALERT_WEBHOOK; exit 3 when it is not taken.
    #[arg(long)]
    alert: bool,
    /// Shape of what is posted [default: slack at hooks.slack.com, json elsewhere].
    #[arg(long, value_enum, value_name = "SHAPE", requires = "alert")]
    alert_format: Option<Shape>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    Json,
    Slack,
}

/// What an alert is about.
pub(super) struct Of<'a> {
    /// File or folder.
    pub(super) input: &'a str,
    pub(super) agent: &'a str,
    /// Why the agent was sent.
    pub(super) why: &'a str,
    /// Until when it saw.
    pub(super) as_of: &'a str,
    pub(super) report: &'a IncidentReport,
}

/// Where alerts go.
#[derive(Clone)]
pub(super) struct Webhook {
    address: String,
    host: String,
    shape: Shape,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({})", self.host)
    }
}

impl Alerting {
    pub(super) const fn is_wanted(&self) -> bool {
        self.alert
    }

    /// Where alerts go, if any are wanted. Asked before anything is done, so that a missing address does not cost a report.
    pub(super) fn webhook(&self) -> anyhow::Result<Option<Webhook>> {
        if !self.alert {
            return Ok(None);
        }
        #[cfg(not(feature = "llm"))]
        anyhow::bail!("--alert needs HTTP, which this program was built without: cargo build --release (feature `llm`, on by default)");
        #[cfg(feature = "llm")]
        {
            let address = std::env::var(WEBHOOK).ok().map(|address| address.trim().to_owned()).filter(|address| !address.is_empty());
            let Some(address) = address else { anyhow::bail!("--alert needs {WEBHOOK}, the address that reports are posted to") };
            Webhook::new(address, self.alert_format).map(Some)
        }
    }
}

impl Webhook {
    /// An address that is none is not quoted: it may hold a token all the same.
    #[cfg_attr(not(feature = "llm"), expect(dead_code, reason = "built without HTTP"))]
    fn new(address: String, shape: Option<Shape>) -> anyhow::Result<Self> {
        let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default().to_owned();
        anyhow::ensure!(!host.is_empty(), "{WEBHOOK} is no address: expected https://…");
        let by_host = if host == SLACK { Shape::Slack } else { Shape::Json };
        Ok(Self { host, shape: shape.unwrap_or(by_host), address })
    }

    /// Posts a report, and says in one line how that went. Whether it was taken.
    pub(super) fn post(&self, of: &Of<'_>) -> bool {
        let body = match self.shape {
            Shape::Json => generic(of),
            Shape::Slack => slack(of),
        };
        match send(&self.address, &body) {
            Ok(()) => {
                tell(&format!("alert posted to {}", self.host));
                true
            }
            Err(why) => {
                tell(&format!("error: alert to {} not posted: {why}", self.host));
                false
            }
        }
    }
}

/// One line: verdict and title.
fn headline(report: &IncidentReport) -> String {
    let verdict = match report.verdict {
        Verdict::Fault => "Fault",
        Verdict::NoFault => "No fault",
        Verdict::Unsure => "Unsure",
    };
    cut(&format!("{verdict}: {}", report.title), HEADER)
}

fn generic(of: &Of<'_>) -> Value {
    json!({
        "source": concat!("incident-harness/", env!("CARGO_PKG_VERSION")),
        "text": headline(of.report),
        "agent": of.agent,
        "input": of.input,
        "why": of.why,
        "as_of": of.as_of,
        "report": of.report,
    })
}

fn slack(of: &Of<'_>) -> Value {
    let report = of.report;
    let section =
        |title: &str, text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": format!("*{title}*\n{}", escaped(text))}});
    let headline = headline(report);
    let mut blocks = vec![json!({"type": "header", "text": {"type": "plain_text", "text": headline}})];
    if !report.executive_summary.trim().is_empty() {
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": escaped(&report.executive_summary)}}));
    }
    let causes: Vec<String> = report.claimed.iter().map(incident::cause).collect();
    if report.verdict != Verdict::NoFault && !causes.is_empty() {
        blocks.push(section("Cause", &causes.join("; ")));
    }
    if let Some(first) = report.recommendations.first() {
        blocks.push(section("First", first));
    }
    let context = format!("{:.0} % sure · {} · as of {} · {}", report.confidence * 100.0, of.why, of.as_of, of.agent);
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": escaped(&context)}]}));
    json!({"text": escaped(&headline), "blocks": blocks})
}

/// As much of a text as a section holds, without the three characters that Slack reads as markup of its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
        if escaped.chars().count() >= SECTION {
            return escaped + "…";
        }
    }
    escaped
}

/// Posts once: whoever watches a webhook would rather miss an alert that is reported as lost than get it twice.
#[cfg(feature = "llm")]
fn send(address: &str, body: &Value) -> Result<(), String> {
    use std::error::Error;
    use std::time::Duration;
    // Somebody else in the process may have chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(|error| error.to_string())?;
    // An error's text could hold the address; what lies beneath it says what happened.
    let told = |error: reqwest::Error| {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        text
    };
    runtime.block_on(async {
        // A redirect would carry the report elsewhere.
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("incident-harness/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(told)?;
        let response = client.post(address).json(body).send().await.map_err(told)?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(format!("the answer is {}", status.as_u16())) }
    })
}

#[cfg(not(feature = "llm"))]
fn send(_address: &str, _body: &Value) -> Result<(), String> {
    Err("built without HTTP".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_picks_the_shape_and_only_its_host_is_told() {
        let slack = Webhook::new("https://hooks.slack.com/services/T0/B0/canary".to_owned(), None).expect("an address");
        assert_eq!((slack.shape, format!("{slack:?}").as_str()), (Shape::Slack, "Webhook(hooks.slack.com)"));
        let other = Webhook::new("http://canary@127.0.0.1:9/x?canary".to_owned(), None).expect("an address");
        assert_eq!((other.shape, other.host.as_str()), (Shape::Json, "127.0.0.1:9"));
        assert_eq!(Webhook::new("http://h/x".to_owned(), Some(Shape::Slack)).expect("an address").shape, Shape::Slack);
        let error = Webhook::new("canary".to_owned(), None).expect_err("no address").to_string();
        assert!(!error.contains("canary"), "{error}");
    }
}
