//! Conversations on a real terminal: a pseudo-terminal with the program at its other end.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::llm::{helpful, serve};
use crate::run::harness;

/// Somebody at a terminal.
pub(crate) struct Terminal {
    keys: File,
    screen: Receiver<Vec<u8>>,
    program: Child,
    /// Everything shown so far, without escape sequences.
    shown: String,
    /// How much of it has been waited for.
    read: usize,
}

impl Terminal {
    fn open(folder: &Path, arguments: &[&str]) -> Self {
        Self::open_with(folder, arguments, &[])
    }

    pub(crate) fn open_with(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("ours");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("text");
        let other = || Stdio::from(File::options().read(true).write(true).open(&name).expect("the other end"));
        let mut command = harness(folder, arguments);
        command
            .env("TERM", "xterm")
            .env_remove("HARNESS_BASE_URL")
            .envs(env.iter().copied())
            .stdin(other())
            .stdout(other())
            .stderr(other());
        let program = command.spawn().expect("the program starts");
        // The command keeps its ends of the terminal open until it is dropped.
        drop(command);
        let keys = File::from(master);
        let mut eyes = keys.try_clone().expect("a second handle");
        let (shows, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of the program ends the reading, as an error on Linux.
            while let Ok(count @ 1..) = eyes.read(&mut bytes) {
                if shows.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keys, screen, program, shown: String::new(), read: 0 }
    }

    /// Waits until something is shown that was not waited for before, and gives what was shown until then.
    pub(crate) fn sees(&mut self, text: &str) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(at) = self.shown[self.read..].find(text) {
                let from = self.read;
                self.read += at + text.len();
                return self.shown[from..self.read].to_owned();
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown += &plain(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("`{text}` is not shown: {}", &self.shown[self.read..]),
            }
        }
    }

    pub(crate) fn types(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\r").as_bytes()).expect("a terminal that takes keys");
    }

    fn presses(&mut self, key: u8) {
        self.keys.write_all(&[key]).expect("a terminal that takes keys");
    }

    fn interrupts(&self) {
        let id = Pid::from_child(&self.program);
        kill_process(id, Signal::INT).expect("the program is there");
    }

    pub(crate) fn ends(mut self) -> i32 {
        self.program.wait().expect("the program ends").code().expect("by itself")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Text without escape sequences and carriage returns.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                if chars.next() == Some('[') {
                    // Parameters, then one letter.
                    let _ = chars.by_ref().find(char::is_ascii_alphabetic);
                }
            }
            '\r' => {}
            c => plain.push(c),
        }
    }
    plain
}

pub(crate) fn crash() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml").to_str().expect("text").to_owned()
}

#[test]
fn follow_ups_keep_the_day_and_the_part_that_were_asked_about() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let mut terminal = Terminal::open(folder.path(), &["investigate", &crash()]);
    let opening = terminal.sees("exit leaves.");
    assert!(opening.contains(" paged on 2024-"), "{opening}");
    terminal.sees("> ");
    terminal.types("");
    let first = terminal.sees("evidence items stand in the replies they cite");
    assert!(first.contains(" query_metric ") && first.contains("more steps (/steps)"), "{first}");
    assert!(first.contains(" paged on 2024-04-27 (as of 2024-04-28T00:00:00)") && first.contains("FAULT"), "{first}");
    terminal.sees("> ");
    terminal.types("and for android?");
    let android = terminal.sees("evidence items stand");
    assert!(android.contains("asked: and for android? (as of 2024-04-28T00:00:00, platform=android only)"), "{android}");
    terminal.sees("> ");
    terminal.types("what about yesterday?");
    let yesterday = terminal.sees("evidence items stand");
    assert!(yesterday.contains("asked: what about yesterday? (as of 2024-04-27T00:00:00, platform=android only)"), "{yesterday}");
    terminal.sees("> ");
    terminal.types("and overall?");
    let overall = terminal.sees("evidence items stand");
    assert!(overall.contains("asked: and overall? (as of 2024-04-27T00:00:00)"), "{overall}");
    terminal.sees("> ");
    terminal.types("exit");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn commands_say_what_they_do_and_mistakes_end_nothing() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    assert_eq!(harness(folder.path(), &["generate", &crash(), "--out", "own"]).output().expect("it starts").status.code(), Some(0));
    let mut terminal = Terminal::open(folder.path(), &["investigate", "own"]);
    terminal.sees("> ");
    for (line, answer) in [
        ("help", "/date DATE"),
        ("/date 2031-01-01", "2031-01-01 is not in the data"),
        ("/date tomorrow", "`tomorrow` is no date"),
        ("/date 2024-04-26", "as of 2024-04-27T00:00:00"),
        ("/agent segmnt-scan", "did you mean `segment-scan`?"),
        ("/agent latest-deploy", "latest-deploy answers"),
        ("/nonsense", "no command /nonsense"),
        ("why so many tickets?", "asked: why so many tickets? (as of 2024-04-27T00:00:00)"),
        ("on 2031-01-01?", "2031-01-01 is not in the data"),
    ] {
        terminal.types(line);
        terminal.sees(answer);
        terminal.sees("> ");
    }
    // Ctrl-C clears the line that is being written, Ctrl-D leaves.
    terminal.presses(3);
    terminal.sees("exit or Ctrl-D leaves");
    terminal.sees("> ");
    terminal.presses(4);
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_model_is_told_the_conversation_so_far_and_its_steps_are_shown() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let server = serve(&helpful());
    let url = server.base_url();
    let mut terminal = Terminal::open(folder.path(), &["investigate", &crash(), "--agent", "react", "--llm", "m", "--base-url", &url]);
    terminal.sees(&format!("react asks m at {url} (no key)"));
    terminal.sees("> ");
    terminal.types("");
    let first = terminal.sees("evidence items stand");
    let steps = ["  fetch_ticket_stats 2024-04-27 baseline_days=7 → ", "  check_deployments ", "  fetch_ticket_samples "];
    assert!(steps.iter().all(|step| first.contains(step)), "{first}");
    terminal.sees("> ");
    terminal.types("and on 2024-04-20?");
    terminal.sees("asked: and on 2024-04-20?");
    terminal.sees("> ");
    terminal.types("quit");
    assert_eq!(terminal.ends(), 0);
    let told: Vec<String> = server.requests().iter().map(|request| request.body.to_string()).collect();
    assert!(!told[0].contains("Earlier in this conversation"), "{}", told[0]);
    let last = told.last().expect("requests");
    assert!(last.contains("Earlier in this conversation") && last.contains("paged on 2024-04-27"), "{last}");
}

#[test]
fn an_interrupt_stops_the_question_and_not_the_conversation() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let slow = "rules:\n  - when: {user_contains: 'take your time'}\n    then: {hang: before_headers}";
    let script = helpful();
    assert!(script.contains("\nrules:\n"), "the script has rules to add to");
    let server = serve(&script.replacen("rules:", slow, 1));
    let url = server.base_url();
    let mut terminal = Terminal::open(folder.path(), &["investigate", &crash(), "--agent", "react", "--llm", "m", "--base-url", &url]);
    terminal.sees("> ");
    terminal.types("take your time on 2024-04-27");
    terminal.sees("m thinks (");
    terminal.interrupts();
    terminal.sees("no report from `react`: cancelled");
    terminal.sees("> ");
    terminal.types("be quick about 2024-04-27");
    terminal.sees("asked: be quick about 2024-04-27");
    terminal.sees("> ");
    terminal.types("exit");
    assert_eq!(terminal.ends(), 0);
}
