//! The Python worker: a process that is told over a pipe to do one repetition and answers with its CPU time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

/// What holds numerical libraries to one thread.
const ONE_THREAD: [&str; 5] = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "STAN_NUM_THREADS"];

pub(crate) struct Python {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// One repetition.
#[derive(Deserialize)]
pub(crate) struct Repetition {
    /// CPU time of the process.
    pub(crate) seconds: f64,
    /// CPU time of processes it started and waited for.
    pub(crate) child_seconds: f64,
    pub(crate) mean: Vec<f64>,
}

impl Python {
    pub(crate) fn start(interpreter: &str) -> Self {
        let mut process = Command::new(interpreter)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/worker.py"))
            .envs(ONE_THREAD.map(|name| (name, "1")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{interpreter}: {error}; PEERS_PYTHON names a Python with benches/peers/requirements.txt"));
        let requests = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("stdout was asked for"));
        Self { process, requests, answers }
    }

    /// Hands over what the following repetitions work on.
    pub(crate) fn prepare(&mut self, case: &Value) -> Result<(), String> {
        self.ask(case).map(|_| ())
    }

    /// One repetition, in one of the package's ways to do it.
    pub(crate) fn run(&mut self, variant: &str) -> Result<Repetition, String> {
        serde_json::from_value(self.ask(&json!({"run": variant}))?).map_err(|error| error.to_string())
    }

    fn ask(&mut self, request: &Value) -> Result<Value, String> {
        let pipe = self.requests.as_mut().expect("the pipe is open until the end");
        writeln!(pipe, "{request}").and_then(|()| pipe.flush()).map_err(|error| format!("the Python worker does not listen: {error}"))?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&line).map_err(|_| "the Python worker ended".to_owned())?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The worker ends with its input.
        self.requests = None;
        self.process.wait().ok();
    }
}
