//! A scripted model: a local HTTP server that speaks OpenAI chat completions from a YAML file.
//!
//! What failure tests and end-to-end checks talk to. Which answer a request gets is read off the request alone (how many assistant messages it
//! holds, what its last message says, which function it forces) and off how often the very same body has come before; so any number of
//! conversations run at once. Ids and stamps follow from the request too: the same requests get the same bytes.
//!
//! It knows nothing of incidents, tools or reports. A script stays true to data that it has never seen by placeholders that are filled from the
//! request (`{{call.fetch_ticket_stats.count}}`). Every success says `"system_fingerprint": "scripted"`, so that a recording of it cannot
//! pass for one of a model.
//!
//! ```
//! use incident_harness::mock_llm::{Script, Server};
//!
//! let script = Script::parse("format: 1\nturns:\n  - text: hello\n", "hello.yaml")?;
//! let server = Server::start(script, ([127, 0, 0, 1], 0).into())?;
//! assert!(server.base_url().ends_with("/v1"));
//! # Ok::<(), incident_harness::mock_llm::MockError>(())
//! ```

mod answer;
mod body;
mod check;
mod completion;
mod failure;
mod pick;
mod placeholder;
mod request;
mod script;
mod server;
mod stream;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::yaml::YamlError;

pub use script::{CallId, ErrorBody, Field, Pause, Reply, Role, Rule, Script, ScriptedCall, Stage, Streamed, Usage, When};
pub use server::{Received, Server};

/// Why there is no scripted server.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The script cannot be read.
    #[error("{}: cannot read the script: {source}", file.display())]
    Read {
        /// The script.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The script is wrong somewhere.
    #[error(transparent)]
    Script(#[from] YamlError),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}; port 0 takes any free one")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The log cannot be written.
    #[error("{}: cannot write the log: {source}", file.display())]
    Log {
        /// The log.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
