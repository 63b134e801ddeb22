//! How much of the org's daily API allowance is spent, as Salesforce says in every answer.

/// API requests of the org in the last 24 hours, by all its users. Approximate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Requests made.
    pub used: u64,
    /// Requests allowed.
    pub limit: u64,
}

impl Usage {
    /// Reads the header: `api-usage=18/15000`, perhaps followed by the usage of the app alone.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (used, limit) = header
            .split(';')
            .find_map(|part| part.trim().strip_prefix("api-usage="))?
            .split_once('/')?;
        Some(Self { used: used.parse().ok()?, limit: limit.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn the_usage_header_is_read_in_all_its_forms() {
        #[rustfmt::skip]
        let table = [
            ("api-usage=18/15000", Some((18, 15_000))),
            ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample)", Some((25, 5_000))),
            ("per-app-api-usage=17/250(appName=sample)", None),
            ("api-usage=many", None),
            ("", None),
        ];
        for (header, expected) in table {
            let usage = Usage::parse(header).map(|usage| (usage.used, usage.limit));
            assert_eq!(usage, expected, "{header}");
        }
    }
}
