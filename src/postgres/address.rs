//! Reads a connection string: what the driver understands goes to it, what it does not is ours.

use super::Error;
use super::tls::Verification;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Longest wait for the TCP connection and login of one host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A dead peer is noticed after idle + interval × retries, about 30 s, instead of the kernel's two hours.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long sent data may stay unacknowledged before the connection counts as dead.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Where and how to connect.
#[derive(Clone)]
pub(super) struct Address {
    pub config: Config,
    pub verification: Verification,
    pub root_cert: Option<PathBuf>,
    /// The server as named in messages, without credentials.
    pub host: String,
}

impl Address {
    pub(super) fn parse(text: &str, root_cert: Option<PathBuf>) -> Result<Self, Error> {
        let mut mode = None;
        let mut url_root_cert = None;
        let kept = match text.split_once('?') {
            Some((base, query)) if base.contains("://") => {
                let mut pairs = url::form_urlencoded::Serializer::new(String::new());
                for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
                    match &*key {
                        "sslmode" => mode = Some(value.into_owned()),
                        "sslrootcert" => url_root_cert = Some(PathBuf::from(value.into_owned())),
                        // Meant for libpq; nothing here depends on them.
                        "sslcert" | "sslkey" | "sslcrl" | "gssencmode" | "sslcompression" => {}
                        _ => {
                            pairs.append_pair(&key, &value);
                        }
                    }
                }
                // The driver decodes percent signs only, not the plus sign.
                format!("{base}?{}", pairs.finish().replace('+', "%20"))
            }
            _ => text.to_owned(),
        };
        let mut config: Config = kept.parse().map_err(|error: tokio_postgres::Error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            Error::InvalidUrl(source.unwrap_or_else(|| "unknown form".to_owned()))
        })?;
        let root_cert = root_cert.or(url_root_cert);
        let (ssl_mode, verification) =
            security(mode.as_deref(), config.get_ssl_mode(), root_cert.is_some())?;
        config.ssl_mode(ssl_mode);
        set_timeouts(&mut config);
        Ok(Self { host: host_name(&config), config, verification, root_cert })
    }
}

fn security(
    mode: Option<&str>,
    parsed: SslMode,
    has_root_cert: bool,
) -> Result<(SslMode, Verification), Error> {
    let unverified = if has_root_cert { Verification::Chain } else { Verification::Nothing };
    match mode {
        Some("disable") => Ok((SslMode::Disable, Verification::Nothing)),
        Some("allow" | "prefer") => Ok((SslMode::Prefer, unverified)),
        Some("require") => Ok((SslMode::Require, unverified)),
        Some("verify-ca") => Ok((SslMode::Require, Verification::Chain)),
        Some("verify-full") => Ok((SslMode::Require, Verification::ChainAndName)),
        Some(other) => Err(Error::InvalidUrl(format!("sslmode `{other}` is unknown"))),
        None if has_root_cert => Ok((SslMode::Require, Verification::ChainAndName)),
        None => Ok((parsed, Verification::Nothing)),
    }
}

fn set_timeouts(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("lockstep");
    }
    config
        .keepalives(true)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES)
        .tcp_user_timeout(SEND_TIMEOUT);
}

fn host_name(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(path)) => format!("{}:{port}", path.display()),
        None => "without a host".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Address;
    use crate::postgres::tls::Verification::{self, Chain, ChainAndName, Nothing};
    use tokio_postgres::config::SslMode::{self, Disable, Prefer, Require};

    #[test]
    fn sslmode_means_what_libpq_means() {
        #[rustfmt::skip]
        let table: [(&str, SslMode, Verification); 8] = [
            ("",                                    Prefer,  Nothing),
            ("?sslmode=disable",                    Disable, Nothing),
            ("?sslmode=prefer",                     Prefer,  Nothing),
            ("?sslmode=require",                    Require, Nothing),
            ("?sslmode=require&sslrootcert=/a.pem", Require, Chain),
            ("?sslmode=verify-ca",                  Require, Chain),
            ("?sslmode=verify-full",                Require, ChainAndName),
            ("?sslrootcert=%2Fa.pem",               Require, ChainAndName),
        ];
        for (query, mode, verification) in table {
            let address = Address::parse(&format!("postgres://u:p%40@h/d{query}"), None).unwrap();
            assert_eq!(address.config.get_ssl_mode(), mode, "{query}");
            assert_eq!(address.verification, verification, "{query}");
            assert_eq!(address.config.get_password(), Some(b"p@".as_slice()));
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_repeating_its_password() {
        for url in ["postgres://u:secret@h/d?sslmode=maybe", "postgres://u:secret@h/d?nonsense=1"] {
            let error = Address::parse(url, None).map(|_| ()).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
