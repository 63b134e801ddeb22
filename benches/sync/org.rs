//! The simulated org as a process of its own, so that its work is not counted as the program's or the benchmark's.

use salesforce_simulator::{Control, Credentials};
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running org; gone when dropped.
pub(crate) struct OrgProcess {
    child: Child,
    ready: Ready,
}

/// The line that the org prints once it can be asked.
#[derive(Deserialize)]
struct Ready {
    url: String,
    #[serde(flatten)]
    credentials: Credentials,
}

impl OrgProcess {
    /// Starts an org without sample records, with these arguments beside.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["--json", "--empty", "--port", "0", "--daily-limit", "100000000"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, ready }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> &str {
        &self.ready.url
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.ready.credentials
    }

    pub(crate) fn control(&self) -> Control {
        Control::new(self.url()).unwrap()
    }
}

impl Drop for OrgProcess {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The org's program, beside the program that is measured. Cargo builds it where it is missing or old: a benchmark
/// of one package does not bring another's programs.
fn program() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_lockstep")).parent().unwrap();
    if let Some(cargo) = std::env::var_os("CARGO") {
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--release", "--package", "salesforce-simulator", "--bins"])
            .status();
        assert!(status.unwrap().success(), "the simulator cannot be built");
    }
    beside.join("salesforce-simulator")
}
