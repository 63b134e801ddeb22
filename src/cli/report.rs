//! What a person reads: data on standard output, talk on standard error, errors once and with their next step.

use crate::mapping::Colour;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// It failed.
    Failed = 1,
    /// The command was not put right.
    Usage = 2,
    /// There are findings: problems to look at, though the command itself worked.
    Findings = 3,
    /// Salesforce or Postgres refused the credentials.
    LoginNeeded = 4,
    /// Settings or mapping files are invalid.
    ConfigInvalid = 5,
    /// Something is unreachable or over its limit for now; try again later.
    Temporary = 6,
    /// A safety guard stopped it.
    Guarded = 7,
    /// Interrupted by a signal before it was done.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct Failure {
    /// What happened, with its causes.
    pub message: String,
    /// What the operator does next.
    pub next: Option<String>,
    /// The exit status.
    pub exit: Exit,
}

impl Failure {
    /// A failure that says what happened.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { message: message.into(), next: None, exit }
    }

    /// The same, with the operator's next step.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failed, error.to_string())
    }
}

/// An error and its causes in one line; a cause that repeats what was said is left out.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// Lines of cells as columns, two blanks apart, each line without blanks at its end.
#[must_use]
pub fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let padded = |line: &[String; N]| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(padded).collect()
}

/// Whether data was lost on its way out.
static OUTPUT_WAS_LOST: AtomicBool = AtomicBool::new(false);

/// Prints a line of data. A reader that has seen enough and left, as `head` does, is no failure.
pub fn say(line: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let Err(error) = writeln!(out, "{}", line.as_ref()).and_then(|()| out.flush()) else { return };
    let is_news = !OUTPUT_WAS_LOST.load(Ordering::Relaxed);
    if error.kind() != std::io::ErrorKind::BrokenPipe && is_news {
        OUTPUT_WAS_LOST.store(true, Ordering::Relaxed);
        note(format!("error: the output cannot be written: {error}"));
    }
}

/// Whether any data could not be printed, for a reason other than a reader who left.
#[must_use]
pub fn output_was_lost() -> bool {
    OUTPUT_WAS_LOST.load(Ordering::Relaxed)
}

/// Prints a line of talk.
pub fn note(line: impl AsRef<str>) {
    // Nobody is left to tell if this fails.
    let _unheard = writeln!(std::io::stderr(), "{}", line.as_ref());
}

/// Prints a failure, once.
pub fn fail(failure: &Failure) {
    note(format!("error: {}", failure.message));
    if let Some(next) = &failure.next {
        note(format!("  next: {next}"));
    }
}

/// Whether standard output is read by a person at a terminal.
#[must_use]
pub fn is_read_by_a_person() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether diagnostics on standard error may be coloured: on a terminal whose user has not declined.
#[must_use]
pub fn colour() -> Colour {
    let declined = crate::config::environment().any(|(name, value)| {
        (name == "NO_COLOR" && !value.is_empty()) || (name == "TERM" && value == "dumb")
    });
    if is_interactive() && !declined { Colour::Always } else { Colour::Never }
}

/// Whether standard error is a terminal that progress bars may be drawn on.
#[must_use]
pub fn is_interactive() -> bool {
    std::io::stderr().is_terminal()
}
