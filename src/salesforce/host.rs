//! The one host that receives the access token.
//!
//! The login answer names it once; it is checked and pinned. Every later address that Salesforce hands out
//! (next pages, job contents) is used as a path on this host, whatever host it names, so that a forged answer
//! cannot send a token elsewhere.

use super::LoginFailure;
use url::{Host, Url};

/// Where Salesforce serves its APIs, beside the login address itself.
const TRUSTED_SUFFIXES: [&str; 2] = [".salesforce.com", ".salesforce.mil"];

/// Everything we ask for lies below this path.
const SERVICES: &str = "/services/data";

/// A checked instance address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PinnedHost(Url);

impl PinnedHost {
    /// Accepts the `instance_url` of a login answer if it can be trusted with the token: the login host itself,
    /// a host of Salesforce over https, or another loopback port if the login address is loopback too.
    pub(super) fn pin(login_url: &Url, instance_url: &str) -> Result<Self, LoginFailure> {
        let untrusted = |host: &str| LoginFailure::UntrustedHost { host: host.to_owned() };
        let Ok(url) = Url::parse(instance_url) else { return Err(untrusted("(no address)")) };
        let host = url.host_str().unwrap_or_default();
        let is_same = url.origin() == login_url.origin();
        let is_ours = is_loopback(&url) && is_loopback(login_url);
        let is_salesforce = url.scheme() == "https"
            && url.port().is_none()
            && TRUSTED_SUFFIXES.iter().any(|suffix| host.ends_with(suffix));
        if !is_trustworthy(&url) || !(is_same || is_ours || is_salesforce) {
            return Err(untrusted(host));
        }
        let mut base = url;
        base.set_path("");
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self(base))
    }

    /// The address without a trailing slash.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// `/services/data/<below…>` on this host; each part is one path segment, whatever it contains.
    pub(super) fn services<'a>(&self, below: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        url.set_path(SERVICES);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(below);
        }
        url
    }

    /// The path and query of an address that Salesforce handed out, on this host. `None` if it leads anywhere
    /// but to the data API.
    pub(super) fn follow(&self, address: &str) -> Option<Url> {
        let (path, query) = if let Ok(absolute) = Url::parse(address) {
            (absolute.path().to_owned(), absolute.query().map(str::to_owned))
        } else {
            let (path, query) = match address.split_once('?') {
                Some((path, query)) => (path, Some(query.to_owned())),
                None => (address, None),
            };
            (format!("/{}", path.trim_start_matches('/')), query)
        };
        let mut url = self.0.clone();
        url.set_path(&path);
        url.set_query(query.as_deref());
        let leads_to_services =
            url.path().strip_prefix(SERVICES).is_some_and(|rest| rest.starts_with('/'));
        leads_to_services.then_some(url)
    }
}

/// Encrypted or not leaving the machine, and without credentials in the address.
pub(super) fn is_trustworthy(url: &Url) -> bool {
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    let is_safe = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    };
    is_safe && !has_credentials
}

/// Whether the address cannot leave the machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::PinnedHost;
    use url::Url;

    const LOGIN: &str = "https://acme.my.salesforce.com";

    #[test]
    fn only_salesforce_receives_a_token() {
        #[rustfmt::skip]
        let table = [
            (LOGIN, "https://acme.my.salesforce.com",              true),
            (LOGIN, "https://acme--dev.sandbox.my.salesforce.com", true),
            (LOGIN, "https://na139.salesforce.com/",               true),
            ("https://sf.acme.example", "https://sf.acme.example", true),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4001",     true),
            ("http://localhost:4000", "http://[::1]:4000",         true),
            (LOGIN, "http://acme.my.salesforce.com",               false),
            (LOGIN, "https://acme.my.salesforce.com.evil.example", false),
            (LOGIN, "https://evilsalesforce.com",                  false),
            (LOGIN, "https://acme.my.salesforce.com:8443",         false),
            (LOGIN, "https://x@acme.my.salesforce.com",            false),
            (LOGIN, "https://169.254.169.254",                     false),
            (LOGIN, "http://127.0.0.1:4000",                       false),
            (LOGIN, "ftp://acme.my.salesforce.com",                false),
            (LOGIN, "acme.my.salesforce.com",                      false),
            (LOGIN, "",                                            false),
        ];
        for (login, instance, trusted) in table {
            let login = Url::parse(login).unwrap();
            assert_eq!(PinnedHost::pin(&login, instance).is_ok(), trusted, "{instance}");
        }
    }

    #[test]
    fn an_address_is_followed_on_the_pinned_host_only() {
        let host = PinnedHost::pin(&LOGIN.parse().unwrap(), LOGIN).unwrap();
        let page = "https://acme.my.salesforce.com/services/data/v66.0/query/01g-2000";
        #[rustfmt::skip]
        let table = [
            ("/services/data/v66.0/query/01g-2000",                     Some(page)),
            ("services/data/v66.0/query/01g-2000",                      Some(page)),
            ("https://evil.example/services/data/v66.0/query/01g-2000", Some(page)),
            ("//evil.example/services/data/v66.0/query/01g-2000",       None),
            ("/services/data/../oauth2/token",                          None),
            ("/services/data/%2e%2e/oauth2/token",                      None),
            ("/services/database",                                      None),
            ("/secur/logout.jsp",                                       None),
            ("",                                                        None),
        ];
        for (address, followed) in table {
            assert_eq!(host.follow(address).as_ref().map(Url::as_str), followed, "{address}");
        }
    }

    #[test]
    fn a_path_segment_stays_one() {
        let host = PinnedHost::pin(&LOGIN.parse().unwrap(), LOGIN).unwrap();
        let url = host.services(["v66.0", "sobjects", "../Acc/ount?x=1"]);
        assert_eq!(url.path(), "/services/data/v66.0/sobjects/..%2FAcc%2Fount%3Fx=1");
    }
}
