//! The settings file as it may be shown: keys and section names stay, all else is masked.
//!
//! Complaints quote the line they are about, and any line of this file may hold a secret, even under a mistyped key.

const KEY_LENGTH_MAX: usize = 40;

/// The text with every value, comment and continued line masked. Byte offsets stay the same.
pub(super) fn masked(text: &str) -> String {
    let mask = |byte: u8| if byte.is_ascii_whitespace() { char::from(byte) } else { '*' };
    let mut masked = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (shown, hidden) = line.split_at(shown_length(line));
        masked.push_str(shown);
        masked.extend(hidden.bytes().map(mask));
    }
    masked
}

/// How many bytes of the line are a key with its `=`, or a section's header.
fn shown_length(line: &str) -> usize {
    let is_name = |text: &str| {
        let text = text.trim();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        (1..=KEY_LENGTH_MAX).contains(&text.len()) && text.chars().all(is_part)
    };
    let header = line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']'));
    if header.is_some_and(is_name) {
        return line.len();
    }
    match line.split_once('=') {
        Some((key, value)) if is_name(key) && value.starts_with([' ', '"', '\'']) => key.len() + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn only_keys_and_headers_are_shown() {
        #[rustfmt::skip]
        let table = [
            ("[postgres]\n",             "[postgres]\n"),
            ("url = \"é\" # me\n",       "url = **** * **\n"),
            ("grace=\"5s\"",             "grace=****"),
            ("MIIEvQIBADANBgkqhkiG9w\n", "**********************\n"),
            ("AbCd==\n",                 "******\n"),
            ("a = { b = \"c\" }\r\n",    "a = * * * *** *\r\n"),
        ];
        for (text, expected) in table {
            let masked = masked(text);
            assert_eq!(masked, expected);
            assert_eq!(masked.len(), text.len());
        }
    }
}
