//! What a load shows while it runs: bars on a terminal, a line now and then elsewhere, lines of JSON for programs.

use super::speed::Speed;
use crate::cli::report;
use crate::sync::Step;
use indicatif::{HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Lines of progress off a terminal come at most this often per mapping.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Events of progress come at most this often per mapping.
const EVENT_EVERY: Duration = Duration::from_secs(1);

/// Where progress is shown.
#[derive(Debug)]
pub(super) struct Reporter {
    form: Form,
    started: Instant,
}

#[derive(Debug)]
enum Form {
    Bars(MultiProgress),
    Lines,
    Json,
}

impl Reporter {
    pub(super) fn new(json: bool) -> Self {
        let form = if json {
            Form::Json
        } else if report::is_interactive() {
            let bars = MultiProgress::new();
            bars.set_move_cursor(false);
            Form::Bars(bars)
        } else {
            Form::Lines
        };
        Self { form, started: Instant::now() }
    }

    /// How long it has been at work.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Prints a line of talk, above the bars. Programs get events instead.
    pub(super) fn note(&self, line: &str) {
        match &self.form {
            Form::Bars(bars) => bars.suspend(|| report::note(line)),
            Form::Lines => report::note(line),
            Form::Json => {}
        }
    }

    /// Prints a failure, for programs too: its status alone would not tell.
    pub(super) fn fail(&self, failure: &report::Failure) {
        match &self.form {
            Form::Bars(bars) => bars.suspend(|| report::fail(failure)),
            Form::Lines | Form::Json => report::fail(failure),
        }
    }

    /// Prints an event for programs.
    pub(super) fn event(&self, event: &str, mut members: Value) {
        if !matches!(self.form, Form::Json) {
            return;
        }
        if let Some(members) = members.as_object_mut() {
            members.insert("schema_version".to_owned(), 1.into());
            members.insert("event".to_owned(), event.into());
        }
        report::say(members.to_string());
    }

    /// Follows the load of one mapping, which begins at `rows`.
    pub(super) fn track(&self, object: &str, rows: u64, expected: Option<u64>) -> Track<'_> {
        let bar = match &self.form {
            Form::Bars(bars) => Some(bar(bars, object, rows, expected)),
            Form::Lines => {
                let about = expected.map_or_else(String::new, |expected| {
                    format!(" about {} rows", HumanCount(expected))
                });
                let from = if rows == 0 {
                    String::new()
                } else {
                    format!(", going on at row {}", HumanCount(rows))
                };
                report::note(format!("{object}: loading{about}{from}"));
                None
            }
            Form::Json => None,
        };
        self.event("begin", json!({ "mapping": object, "rows": rows, "expected_rows": expected }));
        Track {
            reporter: self,
            object: object.to_owned(),
            bar,
            speed: Speed::new(rows, expected),
            written: 0,
            ambiguous: 0,
            calls: 0,
            started: Instant::now(),
            told: Instant::now(),
        }
    }
}

fn bar(bars: &MultiProgress, object: &str, rows: u64, expected: Option<u64>) -> ProgressBar {
    let bar = bars.add(expected.map_or_else(ProgressBar::no_length, ProgressBar::new));
    let template = "{prefix:24!} {bar:25} {human_pos}/{human_len} rows  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(object.to_owned());
    bar.set_position(rows);
    bar
}

/// The progress of one mapping.
#[derive(Debug)]
pub(super) struct Track<'a> {
    reporter: &'a Reporter,
    object: String,
    bar: Option<ProgressBar>,
    speed: Speed,
    written: u64,
    ambiguous: u64,
    calls: u64,
    started: Instant,
    told: Instant,
}

impl Track<'_> {
    /// A step was taken.
    pub(super) fn reached(&mut self, step: &Step, calls: u64) {
        self.speed.reached(step.rows);
        self.written += step.applied.inserted + step.applied.updated + step.applied.deleted;
        self.ambiguous += step.applied.ambiguous;
        self.calls += calls;
        self.beat();
    }

    /// Rows read so far.
    pub(super) fn rows(&self) -> u64 {
        self.speed.rows()
    }

    /// Time passes: what is due is told.
    pub(super) fn beat(&mut self) {
        let every = match &self.reporter.form {
            Form::Bars(_) => Duration::ZERO,
            Form::Lines => LINE_EVERY,
            Form::Json => EVENT_EVERY,
        };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let elapsed = self.started.elapsed();
        if let Some(bar) = &self.bar {
            if let Some(expected) = self.speed.expected() {
                bar.set_length(expected);
            }
            bar.set_position(self.speed.rows());
            bar.set_message(self.pace(elapsed));
        } else if matches!(self.reporter.form, Form::Lines) {
            let of = self
                .speed
                .expected()
                .map_or_else(String::new, |expected| format!(" of about {}", HumanCount(expected)));
            let rows = HumanCount(self.speed.rows());
            report::note(format!("{}: {rows}{of} rows  {}", self.object, self.pace(elapsed)));
        }
        self.reporter.event("progress", self.members(elapsed));
    }

    /// Speed, rest and calls, as far as they are known.
    fn pace(&self, elapsed: Duration) -> String {
        let mut parts = Vec::new();
        if let Some(per_second) = self.speed.per_second(elapsed) {
            parts.push(format!("{}/s", HumanCount(whole(per_second))));
        }
        if let Some(left) = self.speed.left(elapsed).filter(|left| !left.is_zero()) {
            parts.push(format!("{:#} left", HumanDuration(left)));
        }
        parts.push(format!("{} API calls", self.calls));
        parts.join("  ")
    }

    fn members(&self, elapsed: Duration) -> Value {
        json!({
            "mapping": self.object,
            "rows": self.speed.rows(),
            "expected_rows": self.speed.expected(),
            "rows_written": self.written,
            "ambiguous_records": self.ambiguous,
            "rows_per_second": self.speed.per_second(elapsed).map(whole),
            "eta_seconds": self.speed.left(elapsed).map(|left| left.as_secs()),
            "api_calls": self.calls,
            "seconds": elapsed.as_secs_f64(),
        })
    }

    /// The load ended so; answers what the summary says of it.
    pub(super) fn ended(&self, outcome: &str) -> Value {
        let elapsed = self.started.elapsed();
        let mut members = self.members(elapsed);
        if let Some(members) = members.as_object_mut() {
            members.insert("outcome".to_owned(), outcome.into());
        }
        self.reporter.event("end", members.clone());
        if let Some(bar) = &self.bar {
            // The sentence that follows says all that the bar did.
            bar.finish_and_clear();
        }
        members
    }

    /// Rows, changes, speed and time in one line, for the end.
    pub(super) fn sum(&self) -> String {
        let elapsed = self.started.elapsed();
        let ambiguous = match self.ambiguous {
            0 => String::new(),
            records => format!(
                ", {} left out since it is not clear which row is theirs (lockstep status tells)",
                HumanCount(records)
            ),
        };
        format!(
            "{}: {} rows read, {} written{ambiguous}, {} API calls, {:.1} s",
            self.object,
            HumanCount(self.speed.rows()),
            HumanCount(self.written),
            self.calls,
            elapsed.as_secs_f64()
        )
    }
}

/// A speed as people read it; speeds are positive and small.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive speed")]
fn whole(per_second: f64) -> u64 {
    per_second.round() as u64
}
