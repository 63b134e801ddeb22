//! Every setting there is: its name, its variable, its default.

/// One setting.
#[derive(Debug)]
pub(super) struct Key {
    /// Section and name, as in the file.
    pub(super) path: &'static str,
    /// The variable that is known by its own name, beside `LOCKSTEP__SECTION__KEY`.
    pub(super) variable: Option<&'static str>,
    /// The value where nothing is given.
    pub(super) default: Option<&'static str>,
    /// Never shown, and may be given as a file to read it from.
    pub(super) is_secret: bool,
    /// A path, relative to the settings file when it is given there.
    pub(super) is_path: bool,
}

const fn plain(
    path: &'static str,
    variable: Option<&'static str>,
    default: Option<&'static str>,
) -> Key {
    Key { path, variable, default, is_secret: false, is_path: false }
}

const fn secret(path: &'static str, variable: &'static str) -> Key {
    Key { path, variable: Some(variable), default: None, is_secret: true, is_path: false }
}

const fn path(path: &'static str, default: Option<&'static str>) -> Key {
    Key { path, variable: None, default, is_secret: false, is_path: true }
}

/// In the order in which they are shown.
#[rustfmt::skip]
pub(super) const KEYS: [Key; 30] = [
    plain("salesforce.login_url", Some("SALESFORCE_LOGIN_URL"), Some("https://login.salesforce.com")),
    plain("salesforce.auth", Some("SALESFORCE_AUTH"), None),
    plain("salesforce.client_id", Some("SALESFORCE_CLIENT_ID"), None),
    secret("salesforce.client_secret", "SALESFORCE_CLIENT_SECRET"),
    plain("salesforce.username", Some("SALESFORCE_USERNAME"), None),
    secret("salesforce.private_key", "SALESFORCE_PRIVATE_KEY"),
    secret("salesforce.refresh_token", "SALESFORCE_REFRESH_TOKEN"),
    plain("salesforce.audience", Some("SALESFORCE_AUDIENCE"), None),
    plain("salesforce.api_version", Some("SALESFORCE_API_VERSION"), Some("66.0")),
    plain("salesforce.api_budget", None, Some("100%")),
    plain("salesforce.client_name", None, Some("lockstep")),
    plain("salesforce.assignment_rules", None, Some("off")),
    plain("salesforce.duplicate_rules", None, Some("refuse")),
    plain("salesforce.recently_viewed", None, Some("off")),
    secret("postgres.url", "DATABASE_URL"),
    plain("postgres.schema", None, Some("salesforce")),
    plain("postgres.max_connections", None, Some("5")),
    path("postgres.root_cert", None),
    path("mappings.dir", Some("mappings")),
    plain("worker.grace", None, Some("25s")),
    plain("worker.lease_ttl", None, Some("15s")),
    plain("worker.describe_every", None, Some("5m")),
    plain("worker.limits_every", None, Some("5m")),
    plain("worker.keep_history", None, Some("30d")),
    plain("worker.long_snapshot", None, Some("15m")),
    plain("worker.name", Some("DYNO"), None),
    plain("log.format", None, None),
    plain("log.level", None, Some("info")),
    plain("health.bind", None, Some("0.0.0.0")),
    plain("health.port", Some("PORT"), None),
];

/// The setting of this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The sections, each once.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<_> = KEYS
        .iter()
        .filter_map(|key| key.path.split_once('.'))
        .map(|(section, _)| section)
        .collect();
    sections.dedup();
    sections
}

/// The names that a section takes, those that name secret files included.
pub(super) fn names(section: &str) -> Vec<String> {
    let own = KEYS.iter().filter_map(|key| {
        let (of, name) = key.path.split_once('.')?;
        (of == section).then_some((name, key.is_secret))
    });
    own.flat_map(|(name, is_secret)| {
        std::iter::once(name.to_owned()).chain(is_secret.then(|| format!("{name}_file")))
    })
    .collect()
}
