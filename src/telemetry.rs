//! Logs: one line per event on stdout.
//!
//! What an event may carry is decided where it is written; here is only decided how it looks. No other global
//! state than the subscriber is touched.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Debug};
use std::io;
use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// How the logs look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The form of a line.
    pub format: Format,
    /// Which events are written: a level, or directives as in `info,lockstep::salesforce=debug`.
    pub filter: String,
    /// Whether the process runs on a dyno, whose log router puts the time before every line by itself.
    pub on_dyno: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { format: Format::default(), filter: "info".to_owned(), on_dyno: false }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object.
    Json,
    /// For a person at a terminal.
    Text,
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter has a mistake in it.
    #[error("`{filter}` is no log filter")]
    Filter {
        /// The filter as given.
        filter: String,
        /// Where the mistake is.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else in the process already takes the events.
    #[error("logging was already set up")]
    AlreadySet(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends the events of the whole process to stdout. To be called once, by the binary.
///
/// # Errors
/// When the filter does not parse, or when logging was set up before.
pub fn init(config: &Config) -> Result<(), Error> {
    subscriber(config, io::stdout)?.try_init()?;
    Ok(())
}

fn subscriber<W>(config: &Config, writer: W) -> Result<impl Subscriber + use<W>, Error>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(directives(&config.filter))
        .map_err(|source| Error::Filter { filter: config.filter.clone(), source })?;
    Ok(Registry::default().with(lines(config, writer)).with(filter))
}

/// A bare level is about our own events; what libraries say is of interest from warnings on, and what the pool of
/// connections says is told again, with its cause, by whoever asked it for one.
fn directives(filter: &str) -> String {
    let is_level = filter.parse::<tracing::Level>().is_ok();
    if is_level {
        format!("warn,deadpool.postgres=error,lockstep={filter}")
    } else {
        filter.to_owned()
    }
}

fn lines<S, W>(config: &Config, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let has_time = !config.on_dyno;
    match config.format {
        Format::Logfmt => {
            let formatter = tracing_logfmt::builder().with_timestamp(has_time).with_target(false);
            Box::new(formatter.layer().with_writer(writer))
        }
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true);
            let layer = layer.with_writer(writer);
            if has_time { Box::new(layer) } else { Box::new(layer.without_time()) }
        }
        Format::Text => {
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
            let layer = layer.fmt_fields(debug_fn(write_field).delimited(" ")).with_writer(writer);
            if has_time { Box::new(layer) } else { Box::new(layer.without_time()) }
        }
    }
}

/// As usual, but a line break in a value cannot pretend to begin another event.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let text = format!("{value:?}").replace('\n', "\\n").replace('\r', "\\r");
    match field.name() {
        "message" => write!(writer, "{text}"),
        name => write!(writer, "{name}={text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Error, Format, subscriber};
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_pool_is_heard_only_when_asked_for() {
        let warn = || tracing::warn!(target: "deadpool.postgres", "Connection error");
        assert_eq!(logged(&Config::default(), warn), "");
        let all = Config { filter: "info,lockstep=info".to_owned(), ..Config::default() };
        assert!(logged(&all, warn).contains("Connection error"));
    }

    fn logged(config: &Config, event: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(config, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, event);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_is_one_line_in_every_form() {
        for format in [Format::Logfmt, Format::Json, Format::Text] {
            let config = Config { format, ..Config::default() };
            let text = logged(&config, || {
                tracing::error!(error = %"first\nsecond", rows = 3, "cannot apply a page");
            });
            assert_eq!(text.lines().count(), 1, "{format:?}: {text}");
            assert!(text.contains("cannot apply a page"), "{text}");
        }
    }

    #[test]
    fn a_dyno_gets_no_second_time() {
        let config = Config { on_dyno: true, ..Config::default() };
        let text = logged(&config, || tracing::info!(object = "Account", "polled"));
        assert_eq!(text, "level=info message=polled object=Account\n");
    }

    #[test]
    fn the_filter_decides() {
        let config = Config { filter: "warn".to_owned(), ..Config::default() };
        assert_eq!(logged(&config, || tracing::info!("polled")), "");
    }

    #[test]
    fn a_filter_with_a_mistake_is_refused() {
        let config = Config { filter: "lockstep=loud".to_owned(), ..Config::default() };
        assert!(matches!(subscriber(&config, io::sink), Err(Error::Filter { .. })));
    }
}
