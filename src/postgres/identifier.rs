//! Names inside SQL text: the only way from a name to a statement.

/// Longest identifier that Postgres keeps; more is cut silently.
const NAME_LIMIT: usize = 63;

/// The name as a quoted identifier.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted `schema.name`.
pub(super) fn qualify(schema: &str, name: &str) -> String {
    format!("{}.{}", quote(schema), quote(name))
}

/// The text as a string constant, for the bodies of functions, where values cannot be bound.
pub(super) fn literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    if text.contains('\\') { format!(" E{}", quoted.replace('\\', "\\\\")) } else { quoted }
}

/// Replaces each `{name}` in the template by the text given for it, in one pass.
///
/// The texts must come from this module. Braces around anything else are left as they are.
pub(super) fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let part = after.split_once('}').and_then(|(name, tail)| {
            let (_, text) = parts.iter().find(|(key, _)| *key == name)?;
            Some((text, tail))
        });
        if let Some((text, tail)) = part {
            filled.push_str(text);
            rest = tail;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

/// `prefix` + `stem` + `suffix`; a stem that makes the name too long is cut and told apart by a checksum.
pub(super) fn system_name(prefix: &str, stem: &str, suffix: &str) -> String {
    let room = NAME_LIMIT.saturating_sub(prefix.len() + suffix.len());
    if stem.len() <= room {
        return format!("{prefix}{stem}{suffix}");
    }
    // FNV-1a: stable over releases, unlike the standard library's hasher.
    let checksum = stem
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut kept = room.saturating_sub(9);
    while !stem.is_char_boundary(kept) {
        kept -= 1;
    }
    format!("{prefix}{}_{checksum:08x}{suffix}", stem.get(..kept).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{fill, literal, quote, system_name};

    #[test]
    fn a_name_cannot_break_out_of_its_quotes() {
        assert_eq!(quote("a\"; drop table b; --"), "\"a\"\"; drop table b; --\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), " E'a\\\\''b'");
    }

    #[test]
    fn a_filled_in_text_is_not_filled_again() {
        let parts = [("a", "{b}"), ("b", "x")];
        assert_eq!(fill("{a} {b} '{}' {c}", &parts), "{b} x '{}' {c}");
    }

    #[test]
    fn a_long_name_is_cut_to_what_postgres_keeps_and_stays_unique() {
        let stem = "a".repeat(60);
        let one = system_name("hc_", &format!("{stem}1"), "_status_trigger");
        let two = system_name("hc_", &format!("{stem}2"), "_status_trigger");
        assert_eq!((one.len(), two.len()), (63, 63));
        assert_ne!(one, two);
        assert_eq!(system_name("hc_", "account", "_logger"), "hc_account_logger");
    }
}
