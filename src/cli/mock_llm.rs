//! `harness mock-llm`: a scripted model behind a local port.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc;

use anyhow::Context;
use clap::Args;

use super::exit::Exit;
use super::print;
use crate::mock_llm::{Script, Server};

/// Serve a scripted model on a local port, for tests of clients.
#[derive(Args)]
#[command(after_help = "Examples:
  harness mock-llm --script evals/scripts/helpful.yaml
  harness mock-llm --script evals/scripts/helpful.yaml --port 8080 --log requests.jsonl
  curl http://127.0.0.1:8080/v1/models

Speaks OpenAI chat completions, streamed and not: POST /v1/chat/completions, GET /v1/models, GET /healthz. Prints where it listens and
serves until Ctrl-C. Any API key will do, and none is written anywhere.

A script (format: 1) has `turns`, taken by the number of assistant messages in the request, `rules` that are tried first, and `forced`
answers by function. An answer is a text, tool calls or a refusal, or a failure: a status with headers, a raw body, a connection that is
closed or hangs. `{{call.TOOL.PATH}}` puts values of the request into it. evals/scripts/README.md has
all of it. For example, the second call is turned away twice:

  format: 1
  turns:
    - tool_calls: [{name: fetch_ticket_stats, arguments: {date: '{{user.date}}'}}]
    - attempts:
        - {status: 429, headers: {retry-after: '1'}, times: 2}
        - {text: 'there were {{last.count}} tickets'}")]
pub(super) struct MockLlm {
    /// What to answer.
    #[arg(long, value_name = "FILE")]
    script: PathBuf,
    /// Port on 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// File to append one line of JSON per request to, without headers.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl MockLlm {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let script = Script::load(&self.script)?;
        let (turns, rules) = (script.turns.len(), script.rules.len());
        let (interrupt, interrupted) = mpsc::channel();
        ctrlc::set_handler(move || {
            // The program is ending already when nobody listens.
            let _ = interrupt.send(());
        })
        .context("cannot listen for interrupts")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let server = match &self.log {
            Some(log) => Server::start_logged(script, address, log)?,
            None => Server::start(script, address)?,
        };
        print(&format!("listening on {} ({turns} turns, {rules} rules)\n", server.base_url()));
        interrupted.recv().context("the handler of interrupts is gone")?;
        Ok(Exit::Done)
    }
}
