//! Record ids: 15 case-sensitive characters, shown as 18 with a checksum.
//!
//! The last three characters exist so that ids survive systems that ignore case; they add nothing,
//! so an [`Id`] keeps the 15 and answers the 18.

use std::fmt;

use crate::ApiError;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The part between key prefix and sequence that names the instance an org lives on.
const POD: &[u8; 2] = b"bm";

/// A record id. Ordered as Salesforce orders ids: by their ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 15]);

impl Id {
    /// Sorts before every id.
    pub(crate) const MIN: Self = Self([0; 15]);
    /// Sorts after every id.
    pub(crate) const MAX: Self = Self([u8::MAX; 15]);

    /// The id number `sequence` of the objects with this key prefix.
    ///
    /// Later sequences sort after earlier ones. A prefix that is not three base-62 characters is
    /// filled up with zeros, so that the result is always well formed.
    #[must_use]
    pub fn generate(prefix: &str, sequence: u64) -> Self {
        let mut stem = [b'0'; Self::STEM];
        let (head, pod) = stem.split_at_mut(3);
        for (to, from) in head.iter_mut().zip(prefix.bytes()) {
            if from.is_ascii_alphanumeric() {
                *to = from;
            }
        }
        pod.copy_from_slice(POD);
        Self::of_stem(stem, sequence)
    }

    /// How many characters stand before the sequence.
    pub(crate) const STEM: usize = 5;

    /// What stands before the sequence, and the sequence.
    pub(crate) fn split(&self) -> ([u8; Self::STEM], u64) {
        let mut stem = [0; Self::STEM];
        let (head, tail) = self.0.split_at(Self::STEM);
        stem.copy_from_slice(head);
        (stem, tail.iter().fold(0, |sum, digit| sum * 62 + digit_value(*digit)))
    }

    /// The id of a stem and a sequence: what [`Id::split`] took apart.
    pub(crate) fn of_stem(stem: [u8; Self::STEM], sequence: u64) -> Self {
        let mut id = [b'0'; 15];
        let (head, tail) = id.split_at_mut(Self::STEM);
        head.copy_from_slice(&stem);
        let mut rest = sequence;
        for to in tail.iter_mut().rev() {
            let digit = usize::try_from(rest % 62).unwrap_or_default();
            *to = DIGITS.get(digit).copied().unwrap_or(b'0');
            rest /= 62;
        }
        Self(id)
    }

    /// Reads an id of 15 or 18 characters.
    ///
    /// # Errors
    /// `MALFORMED_ID` when the length is another, a character is not base 62 or the checksum is
    /// wrong.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        Self::from_text(text)
            .ok_or_else(|| ApiError::row("MALFORMED_ID", format!("malformed id {text}"), &[]))
    }

    /// Like [`Id::parse`], when the words of the error are the caller's.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !matches!(bytes.len(), 15 | 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let (head, tail) = bytes.split_at_checked(15)?;
        let id = Self(head.try_into().ok()?);
        (tail.is_empty() || tail == id.checksum()).then_some(id)
    }

    /// The key prefix: the first three characters, which name the object.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.short().get(..3).unwrap_or_default()
    }

    /// The 15-character form.
    #[must_use]
    pub fn short(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Appends the 18-character form.
    pub(crate) fn write(&self, out: &mut String) {
        out.push_str(self.short());
        out.push_str(std::str::from_utf8(&self.checksum()).unwrap_or_default());
    }

    fn checksum(&self) -> [u8; 3] {
        let mut sum = [b'A'; 3];
        for (to, group) in sum.iter_mut().zip(self.0.chunks(5)) {
            let bits = group.iter().enumerate().fold(0_usize, |bits, (at, character)| {
                bits | (usize::from(character.is_ascii_uppercase()) << at)
            });
            *to = CHECKSUM.get(bits).copied().unwrap_or(b'A');
        }
        sum
    }
}

/// The value of a base-62 digit.
fn digit_value(digit: u8) -> u64 {
    u64::from(match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'Z' => digit - b'A' + 10,
        b'a'..=b'z' => digit - b'a' + 36,
        _ => 0,
    })
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())?;
        f.write_str(std::str::from_utf8(&self.checksum()).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_three_characters_encode_the_case_of_the_first_fifteen() {
        #[rustfmt::skip]
        let table = [
            ("001000000000001", "001000000000001AAA"),
            ("0031a000005hwVQ", "0031a000005hwVQAAY"),
            ("a001a000002zhZK", "a001a000002zhZKAAY"),
            ("a011a000001Gx2T", "a011a000001Gx2TAAS"),
            ("012000000000000", "012000000000000AAA"),
        ];
        for (short, long) in table {
            let id = Id::parse(short).unwrap();
            assert_eq!(id.to_string(), long);
            assert_eq!(Id::parse(long).unwrap(), id);
            assert_eq!(id.short(), short);
        }
    }

    #[test]
    fn malformed_ids_are_refused() {
        for text in
            ["", "123", "0031a000005hwVQAAZ", "0031a000005hwV-", "0031a000005hwVQA", "ééééééééé"]
        {
            assert_eq!(Id::parse(text).unwrap_err().code, "MALFORMED_ID", "{text}");
        }
    }

    #[test]
    fn generated_ids_sort_by_their_sequence_and_keep_their_prefix() {
        let ids: Vec<Id> =
            [0, 1, 61, 62, 3843, 3844, 99_999_999].map(|n| Id::generate("a01", n)).into();

        assert!(ids.is_sorted());
        assert!(
            ids.iter().all(|id| id.prefix() == "a01" && Id::parse(&id.to_string()).unwrap() == *id)
        );
    }
}
