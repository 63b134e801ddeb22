//! Which resource a path means.
//!
//! Paths are read by hand rather than by a router: a trailing slash is tolerated, an unknown path, a
//! wrong verb and a wrong version each have an answer of their own, and the log wants one name per
//! kind of request.

use crate::{
    Id,
    http::{layouts::Page, soap::Flavor},
};

/// A path, understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Route {
    /// `/`
    Front,
    /// `/__org/…`, with what follows.
    Control(Vec<String>),
    Token,
    Authorize,
    Revoke,
    Introspect,
    UserInfo,
    /// `/.well-known/openid-configuration`
    OpenIdConfiguration,
    /// `/id/keys`
    SigningKeys,
    Identity {
        organization: String,
        user: String,
    },
    /// `/cometd/NN.0`, with its version.
    Cometd(String),
    /// `/eventbus.v1.PubSub/…`, which speaks gRPC and is not dispatched here.
    PubSub,
    /// `/services/apexrest/…`
    ApexRest,
    /// `/services/Soap/{u|c}/NN.0`, with or without the org's id behind it.
    Soap {
        flavor: Flavor,
        version: String,
    },
    /// `/services/async/NN.0/…`, with what follows.
    AsyncBulk {
        version: String,
        words: Vec<String>,
    },
    /// `/services/data`
    Versions,
    /// `/services/data/vNN.0/…`
    Api {
        version: String,
        resource: Resource,
    },
    Unknown,
}

/// What lies below an API version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Resource {
    Map,
    Limits,
    RecordCount,
    Objects,
    Object(String),
    Describe(String),
    Page {
        object: Option<String>,
        page: Page,
    },
    Updated(String),
    Deleted(String),
    Row {
        object: String,
        id: String,
    },
    Key {
        object: String,
        field: String,
        value: String,
    },
    /// `/sobjects/User/{id}/password`
    Password(String),
    Related {
        object: String,
        id: String,
        path: Vec<String>,
    },
    Search,
    ParameterizedSearch,
    Query,
    QueryAll,
    QueryMore(String),
    Composite,
    CompositeBatch,
    CompositeGraph,
    CompositeTree(String),
    Collection,
    CollectionRetrieve(String),
    CollectionUpsert {
        object: String,
        field: String,
    },
    /// `/tooling/…`, with what follows.
    Tooling(Vec<String>),
    /// What belongs to a feature that the org does not have.
    NotEnabled,
    QueryJobs,
    QueryJob(String),
    QueryJobResults(String),
    QueryJobPages(String),
    IngestJobs,
    IngestJob(String),
    IngestUpload(String),
    IngestSuccessful(String),
    IngestFailed(String),
    IngestUnprocessed(String),
    Unknown,
}

impl Route {
    /// Reads a path; never fails, an unknown path is a route too.
    pub(crate) fn parse(path: &str) -> Self {
        let segments: Vec<String> = without_suffix(path)
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(percent_decode)
            .collect();
        let words: Vec<&str> = segments.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => Self::Front,
            ["__org", ..] => Self::Control(segments.iter().skip(1).cloned().collect()),
            ["services", "oauth2", "token"] => Self::Token,
            ["services", "oauth2", "authorize"] => Self::Authorize,
            ["services", "oauth2", "revoke"] => Self::Revoke,
            ["services", "oauth2", "introspect"] => Self::Introspect,
            ["services", "oauth2", "userinfo"] => Self::UserInfo,
            [".well-known", "openid-configuration"] => Self::OpenIdConfiguration,
            ["id", "keys"] => Self::SigningKeys,
            ["id", organization, user] => Self::Identity {
                organization: (*organization).to_owned(),
                user: (*user).to_owned(),
            },
            ["eventbus.v1.PubSub", _] => Self::PubSub,
            ["cometd", version, ..] => Self::Cometd((*version).to_owned()),
            ["services", "apexrest", ..] => Self::ApexRest,
            ["services", "Soap", "u", version] | ["services", "Soap", "u", version, _] => {
                Self::Soap { flavor: Flavor::Partner, version: (*version).to_owned() }
            }
            ["services", "Soap", "c", version] | ["services", "Soap", "c", version, _] => {
                Self::Soap { flavor: Flavor::Enterprise, version: (*version).to_owned() }
            }
            ["services", "async", version, rest @ ..] => Self::AsyncBulk {
                version: (*version).to_owned(),
                words: rest.iter().map(|&word| word.to_owned()).collect(),
            },
            ["services", "data"] => Self::Versions,
            ["services", "data", version, rest @ ..] => {
                Self::Api { version: (*version).to_owned(), resource: Resource::parse(rest) }
            }
            _ => Self::Unknown,
        }
    }

    /// The kind of request, as the log and the faults name it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Control(_) => "control",
            Self::Token | Self::Authorize | Self::Revoke | Self::Introspect => "oauth",
            Self::UserInfo
            | Self::OpenIdConfiguration
            | Self::SigningKeys
            | Self::Identity { .. } => "identity",
            Self::Cometd(_) => "cometd",
            Self::PubSub => "pubsub",
            Self::ApexRest => "apex",
            Self::Soap { .. } => "soap",
            Self::AsyncBulk { .. } => "bulk_v1",
            Self::Versions => "versions",
            Self::Api { resource, .. } => resource.kind(),
            Self::Unknown => "unknown",
        }
    }
}

impl Resource {
    fn parse(words: &[&str]) -> Self {
        let own = |word: &str| word.to_owned();
        match words {
            [] => Self::Map,
            ["limits"] => Self::Limits,
            ["limits", "recordCount"] => Self::RecordCount,
            [word] if Page::of_org(word).is_some() => Self::page(None, Page::of_org(word)),
            ["sobjects"] => Self::Objects,
            ["sobjects", object] | ["sobjects", object, "Id"] => Self::Object(own(object)),
            ["sobjects", object, "describe"] => Self::Describe(own(object)),
            ["sobjects", object, rest @ ..] if Page::of_object(rest).is_some() => {
                Self::page(Some(own(object)), Page::of_object(rest))
            }
            ["sobjects", object, "updated"] => Self::Updated(own(object)),
            ["sobjects", object, "deleted"] => Self::Deleted(own(object)),
            ["sobjects", object, id] | ["sobjects", object, "Id", id] => {
                Self::Row { object: own(object), id: own(id) }
            }
            ["sobjects", user, id, "password"] if user.eq_ignore_ascii_case("User") => {
                Self::Password(own(id))
            }
            ["sobjects", object, id, path @ ..] if Id::from_text(id).is_some() => Self::Related {
                object: own(object),
                id: own(id),
                path: path.iter().copied().map(own).collect(),
            },
            ["sobjects", object, field, value] => {
                Self::Key { object: own(object), field: own(field), value: own(value) }
            }
            ["search"] => Self::Search,
            ["parameterizedSearch"] => Self::ParameterizedSearch,
            ["query"] => Self::Query,
            ["queryAll"] => Self::QueryAll,
            ["query" | "queryAll", locator] => Self::QueryMore(own(locator)),
            ["composite"] => Self::Composite,
            ["composite", "batch"] => Self::CompositeBatch,
            ["composite", "graph"] => Self::CompositeGraph,
            ["composite", "tree", object] => Self::CompositeTree(own(object)),
            ["composite", "sobjects"] => Self::Collection,
            ["composite", "sobjects", object] => Self::CollectionRetrieve(own(object)),
            ["composite", "sobjects", object, field] => {
                Self::CollectionUpsert { object: own(object), field: own(field) }
            }
            ["tooling", path @ ..] => Self::Tooling(path.iter().copied().map(own).collect()),
            ["analytics" | "chatter" | "connect" | "wave", ..] => Self::NotEnabled,
            ["jobs", "query", rest @ ..] => Self::query_job(rest),
            ["jobs", "ingest", rest @ ..] => Self::ingest_job(rest),
            _ => Self::Unknown,
        }
    }

    fn page(object: Option<String>, page: Option<Page>) -> Self {
        page.map_or(Self::Unknown, |page| Self::Page { object, page })
    }

    fn query_job(words: &[&str]) -> Self {
        match words {
            [] => Self::QueryJobs,
            [id] => Self::QueryJob((*id).to_owned()),
            [id, "results"] => Self::QueryJobResults((*id).to_owned()),
            [id, "resultPages"] => Self::QueryJobPages((*id).to_owned()),
            _ => Self::Unknown,
        }
    }

    fn ingest_job(words: &[&str]) -> Self {
        let [id, rest @ ..] = words else { return Self::IngestJobs };
        let id = (*id).to_owned();
        match rest {
            [] => Self::IngestJob(id),
            ["batches"] => Self::IngestUpload(id),
            ["successfulResults"] => Self::IngestSuccessful(id),
            ["failedResults"] => Self::IngestFailed(id),
            [last] if last.eq_ignore_ascii_case("unprocessedRecords") => {
                Self::IngestUnprocessed(id)
            }
            _ => Self::Unknown,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Map => "versions",
            Self::Limits => "limits",
            Self::RecordCount => "count",
            Self::Objects | Self::Describe(_) | Self::Page { .. } => "describe",
            Self::Object(_) | Self::Row { .. } | Self::Related { .. } | Self::Password(_) => "row",
            Self::Key { .. } => "upsert",
            Self::Updated(_) | Self::Deleted(_) => "replication",
            Self::Search | Self::ParameterizedSearch => "search",
            Self::Query | Self::QueryAll | Self::QueryMore(_) => "query",
            Self::Collection | Self::CollectionRetrieve(_) | Self::CollectionUpsert { .. } => {
                "collection"
            }
            Self::Composite
            | Self::CompositeBatch
            | Self::CompositeGraph
            | Self::CompositeTree(_) => "composite",
            Self::Tooling(_) => "tooling",
            Self::QueryJobs
            | Self::QueryJob(_)
            | Self::QueryJobResults(_)
            | Self::QueryJobPages(_) => "bulk_query",
            Self::IngestJobs
            | Self::IngestJob(_)
            | Self::IngestUpload(_)
            | Self::IngestSuccessful(_)
            | Self::IngestFailed(_)
            | Self::IngestUnprocessed(_) => "bulk_ingest",
            Self::NotEnabled | Self::Unknown => "unknown",
        }
    }

    /// Whether the resource can be answered in XML.
    pub(crate) fn has_xml(&self) -> bool {
        !matches!(self.kind(), "bulk_query" | "bulk_ingest")
    }

    /// The object that the path names.
    pub(crate) fn object(&self) -> Option<&str> {
        match self {
            Self::Object(object)
            | Self::Describe(object)
            | Self::Updated(object)
            | Self::Deleted(object)
            | Self::Row { object, .. }
            | Self::Related { object, .. }
            | Self::Key { object, .. }
            | Self::CollectionRetrieve(object)
            | Self::CompositeTree(object)
            | Self::CollectionUpsert { object, .. } => Some(object),
            Self::Page { object, .. } => object.as_deref(),
            _ => None,
        }
    }

    /// The Bulk job that the path names.
    pub(crate) fn job(&self) -> Option<&str> {
        match self {
            Self::QueryJob(id)
            | Self::QueryJobResults(id)
            | Self::QueryJobPages(id)
            | Self::IngestJob(id)
            | Self::IngestUpload(id)
            | Self::IngestSuccessful(id)
            | Self::IngestFailed(id)
            | Self::IngestUnprocessed(id) => Some(id),
            _ => None,
        }
    }

    /// The verbs that the resource takes.
    pub(crate) fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Object(_) => &["HEAD", "GET", "POST"],
            Self::Password(_) => &["HEAD", "GET", "POST", "DELETE"],
            Self::Row { .. } | Self::Key { .. } | Self::Related { .. } => {
                &["HEAD", "GET", "PATCH", "DELETE"]
            }
            Self::Collection => &["POST", "PATCH", "DELETE"],
            Self::CollectionUpsert { .. } => &["PATCH"],
            Self::CompositeTree(_) => &["POST"],
            Self::Composite
            | Self::CompositeBatch
            | Self::CompositeGraph
            | Self::CollectionRetrieve(_)
            | Self::ParameterizedSearch
            | Self::QueryJobs
            | Self::IngestJobs => &["GET", "POST"],
            Self::QueryJob(_) | Self::IngestJob(_) => &["GET", "PATCH", "DELETE"],
            Self::IngestUpload(_) => &["PUT"],
            _ => &["HEAD", "GET"],
        }
    }
}

/// A path of the data API without the suffix that names a format.
fn without_suffix(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    if !trimmed.starts_with("/services/data") && !trimmed.starts_with("services/data") {
        return path;
    }
    trimmed.strip_suffix(".json").or(trimmed.strip_suffix(".xml")).unwrap_or(path)
}

/// Undoes percent-encoding; what is no valid escape stays as it is.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if let (b'%', [high, low, after @ ..]) = (byte, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            decoded.push(high * 16 + low);
            rest = after;
        } else {
            decoded.push(byte);
            rest = after;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_one_meaning() {
        let api = |resource| Route::Api { version: "v66.0".to_owned(), resource };
        let s = str::to_owned;
        #[rustfmt::skip]
        let table = [
            ("/",                                               Route::Front),
            ("/services/oauth2/token",                          Route::Token),
            ("/services/data/",                                 Route::Versions),
            ("/services/data/v66.0",                            api(Resource::Map)),
            ("/services/data/v66.0/query/",                     api(Resource::Query)),
            ("/services/data/v66.0/queryAll/01gx-2000",         api(Resource::QueryMore(s("01gx-2000")))),
            ("/services/data/v66.0/sobjects/Account/Id",        api(Resource::Object(s("Account")))),
            ("/services/data/v66.0/sobjects/Account/Ext__c/a%2Fb", api(Resource::Key { object: s("Account"), field: s("Ext__c"), value: s("a/b") })),
            ("/services/data/v66.0/jobs/ingest/750x/unprocessedrecords/", api(Resource::IngestUnprocessed(s("750x")))),
            ("/services/data/v66.0/jobs/ingest/750x/batches",   api(Resource::IngestUpload(s("750x")))),
            ("/services/data/v66.0/nothing",                    api(Resource::Unknown)),
            ("/services/data.xml",                              Route::Versions),
            ("/services/data/v66.0/query.json/",                api(Resource::Query)),
            ("/services/data/v66.0/sobjects/Account/001000000000001AAA/Contacts", api(Resource::Related { object: s("Account"), id: s("001000000000001AAA"), path: vec![s("Contacts")] })),
            ("/services/apexrest/my/own",                       Route::ApexRest),
            ("/services/async/66.0/job",                        Route::AsyncBulk { version: s("66.0"), words: vec![s("job")] }),
            ("/services/Soap/c/66.0/00Dx",                      Route::Soap { flavor: Flavor::Enterprise, version: s("66.0") }),
            ("/__org/v1/faults/3",                              Route::Control(vec![s("v1"), s("faults"), s("3")])),
        ];
        for (path, expected) in table {
            assert_eq!(Route::parse(path), expected, "{path}");
        }
    }

    #[test]
    fn percent_escapes_are_undone_and_nonsense_is_left_alone() {
        assert_eq!(percent_decode("a%20b%2Fc"), "a b/c");
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%zz%4"), "%zz%4");
        assert_eq!(percent_decode("%C3%A9"), "é");
    }
}
