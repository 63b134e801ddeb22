//! Salesforce record ids.

use std::fmt;

/// The id of a Salesforce record in its 18-character form.
///
/// Salesforce accepts 15 or 18 characters and always answers with 18; the last three are a checksum over the
/// case of the first fifteen, so the 18-character form can be compared as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SalesforceId(String);

/// The text is not a Salesforce id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Salesforce id")]
pub struct InvalidId(pub String);

const CHECKSUM_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

impl SalesforceId {
    /// Parses a 15- or 18-character id and checks the checksum of the long form.
    ///
    /// # Errors
    /// When the length, an ASCII-alphanumeric character or the checksum is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId(text.chars().take(24).collect());
        let is_alphanumeric = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (Some(case_sensitive), true) = (text.get(..15), is_alphanumeric) else {
            return Err(invalid());
        };
        let full: String = case_sensitive.chars().chain(checksum(case_sensitive)).collect();
        match text.len() {
            15 => Ok(Self(full)),
            18 if full == text => Ok(Self(full)),
            _ => Err(invalid()),
        }
    }

    /// Whether the text is an id in its 18-character form.
    #[must_use]
    pub fn is_full(text: &str) -> bool {
        text.is_ascii()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && text.split_at_checked(15).is_some_and(|(id, end)| checksum(id).eq(end.chars()))
    }

    /// The 18 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first three characters, which name the object.
    #[must_use]
    pub fn key_prefix(&self) -> &str {
        self.0.get(..3).unwrap_or_default()
    }
}

/// One character per group of five: bit `i` is set where character `i` is an upper-case letter.
fn checksum(case_sensitive: &str) -> impl Iterator<Item = char> {
    case_sensitive.as_bytes().chunks(5).map(|group| {
        let bits = group
            .iter()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_uppercase())
            .fold(0_usize, |bits, (position, _)| bits | (1 << position));
        char::from(CHECKSUM_ALPHABET.get(bits).copied().unwrap_or(b'A'))
    })
}

impl fmt::Display for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::SalesforceId;

    #[test]
    fn a_short_id_gains_its_checksum() {
        let table = [
            ("001D000000IqhSL", "001D000000IqhSLIAZ"),
            ("a001a000002zhZK", "a001a000002zhZKAAY"),
            ("000000000000000", "000000000000000AAA"),
        ];
        for (short, long) in table {
            assert_eq!(SalesforceId::parse(short).unwrap().as_str(), long);
            assert_eq!(SalesforceId::parse(long).unwrap().as_str(), long);
            assert!(SalesforceId::is_full(long) && !SalesforceId::is_full(short));
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in
            ["", "001", "001D000000IqhSLIAA", "001D000000Iqh-L", "001D000000IqhSLI", "ééééééééé"]
        {
            assert!(SalesforceId::parse(text).is_err(), "{text}");
            assert!(!SalesforceId::is_full(text), "{text}");
        }
    }
}
