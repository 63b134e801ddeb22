//! Programs that send the same rows with the clients that users take today.
//!
//! They are in `benches/clients`, and short, as users' own are. Where the client is not installed, what would have
//! been measured is reported as skipped.

use crate::bench_world::{BenchWorld, variable};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One client, driven by one program.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// The variable that says where it is installed.
    variable: &'static str,
    program: &'static str,
}

/// All that are compared with.
pub(crate) const ALL: [Client; 2] = [
    Client {
        name: "simple_salesforce",
        variable: "PYTHON",
        program: "push_by_simple_salesforce.py",
    },
    Client { name: "jsforce", variable: "NODE", program: "push_by_jsforce.mjs" },
];

/// One kind of change, as the programs take it.
#[derive(Serialize)]
pub(crate) struct Step {
    pub(crate) operation: &'static str,
    pub(crate) object: &'static str,
    /// A query whose columns have Salesforce's names.
    pub(crate) rows: String,
    /// Writes new ids back, from a table `done (key, sfid)`.
    pub(crate) note: Option<String>,
}

impl Client {
    /// Whether it can be run here; the error says what is missing.
    pub(crate) fn found(&self) -> Result<(), String> {
        if variable(self.variable).is_none() {
            return Err(format!("no {} given", self.variable));
        }
        let psql = Command::new("psql").arg("--version").stdout(Stdio::null()).status();
        psql.is_ok_and(|status| status.success()).then_some(()).ok_or("no psql".to_owned())
    }

    /// The program with these steps, by one of its APIs.
    pub(crate) fn command(&self, world: &BenchWorld, api: &str, steps: &[Step]) -> Command {
        let file = world.file("steps.json");
        std::fs::write(&file, serde_json::to_vec(steps).unwrap()).unwrap();
        let place = PathBuf::from(variable(self.variable).unwrap());
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/clients").join(self.program);
        // A folder of Node's modules, or a Python that has the client.
        let mut command = if self.variable == "NODE" {
            let mut command = Command::new("node");
            command.env("NODE_PATH", place.join("node_modules"));
            command
        } else {
            Command::new(place)
        };
        command.arg(program).arg(api).arg(file).stdin(Stdio::null());
        world.tell_client(&mut command);
        command
    }
}
