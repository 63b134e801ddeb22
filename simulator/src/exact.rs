//! Decimal numbers to their last digit, where a float would lose some.

use std::borrow::Cow;

/// Every number with at most so many digits comes back from a float as it was.
const DIGITS_OF_FLOAT: usize = 15;

/// Numbers with their point further away than this are left to floats.
const PLACES_MAX: i64 = 400;

/// A decimal number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exact {
    /// Without an exponent and with a fraction, as cells of a CSV show numbers.
    pub text: String,
    /// How many digits stand before the point; zero is none.
    pub whole_digits: i64,
}

/// Whether a number as it was written may have more digits than a float holds.
pub(crate) fn is_long(written: &str) -> bool {
    written.bytes().filter(u8::is_ascii_digit).count() > DIGITS_OF_FLOAT
}

/// Reads a number with all its digits and rounds it to so many behind the point, halves away from
/// zero. `None` for what is no number, or one that is far too large or small.
pub(crate) fn rounded(written: &str, scale: usize) -> Option<Exact> {
    let (mantissa, exponent) = match written.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (written, 0),
    };
    let is_negative = mantissa.starts_with('-');
    let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // The number is 0.DIGITS, its point moved to the right by `point`.
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    let mut point = i64::try_from(whole.len()).ok()? + exponent - i64::try_from(zeros).ok()?;
    if point.abs() > PLACES_MAX {
        return None;
    }
    let kept = usize::try_from(point + i64::try_from(scale).ok()?);
    match kept {
        Ok(kept) if kept >= digits.len() => {}
        Ok(kept) => {
            let is_up = digits.get(kept).is_some_and(|digit| *digit >= b'5');
            digits.truncate(kept);
            if is_up && is_carried(&mut digits) {
                digits.insert(0, b'1');
                point += 1;
            }
        }
        Err(_) => digits.clear(),
    }
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    Some(Exact { text: plain(is_negative, &digits, point), whole_digits: point.max(0) })
}

/// Adds one to the last digit; whether that went beyond the first.
fn is_carried(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return false;
        }
        *digit = b'0';
    }
    true
}

fn plain(is_negative: bool, digits: &[u8], point: i64) -> String {
    if digits.is_empty() {
        return "0.0".to_owned();
    }
    let sign = if is_negative { "-" } else { "" };
    let digits: String = digits.iter().copied().map(char::from).collect();
    let Ok(whole) = usize::try_from(point) else {
        let zeros = usize::try_from(-point).unwrap_or_default();
        return format!("{sign}0.{:0<zeros$}{digits}", "");
    };
    match digits.split_at_checked(whole) {
        Some(("", fraction)) => format!("{sign}0.{fraction}"),
        Some((whole, "")) => format!("{sign}{whole}.0"),
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{digits:0<whole$}.0"),
    }
}

/// JSON in which numbers are texts where a float would lose some of their digits; whoever reads a
/// number from JSON takes them as texts too.
pub(crate) fn keep_digits(json: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut at = 0;
    let mut is_text = false;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => is_text = !is_text,
            b'\\' if is_text => at += 1,
            b'-' | b'0'..=b'9' if !is_text => {
                let rest = json.get(at..).unwrap_or_default();
                let is_part =
                    |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let end = at + rest.iter().take_while(is_part).count();
                let number = json.get(at..end).and_then(|number| std::str::from_utf8(number).ok());
                if number.is_some_and(loses_digits) {
                    let out = out.get_or_insert_with(|| Vec::with_capacity(json.len() + 64));
                    out.extend_from_slice(json.get(copied..at).unwrap_or_default());
                    out.push(b'"');
                    out.extend_from_slice(json.get(at..end).unwrap_or_default());
                    out.push(b'"');
                    copied = end;
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    match out {
        None => Cow::Borrowed(json),
        Some(mut out) => {
            out.extend_from_slice(json.get(copied..).unwrap_or_default());
            Cow::Owned(out)
        }
    }
}

/// Whether the JSON library would not keep the number as it is written.
fn loses_digits(number: &str) -> bool {
    is_long(number)
        && number.parse::<i64>().is_err()
        && number.parse::<f64>().is_ok_and(|float| {
            let digits = usize::try_from(2 * PLACES_MAX).unwrap_or_default();
            rounded(number, digits) != rounded(&float.to_string(), digits)
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_rounded_to_their_scale_without_losing_a_digit() {
        #[rustfmt::skip]
        let table = [
            ("1234567890123456.78",    2,  "1234567890123456.78", 16),
            ("1234567890123456.785",   2,  "1234567890123456.79", 16),
            ("-1234567890123456.784",  2,  "-1234567890123456.78", 16),
            ("9999999999999999.995",   2,  "10000000000000000.0", 17),
            ("0.123456789012345678",   18, "0.123456789012345678", 0),
            ("0.000000000000000015",   17, "0.00000000000000002", 0),
            ("0.000000000000000004",   17, "0.0", 0),
            ("123456789012345678",     0,  "123456789012345678.0", 18),
            ("1.23456789012345678e17", 0,  "123456789012345678.0", 18),
            ("100",                    0,  "100.0", 3),
            ("000.50",                 2,  "0.5", 0),
            ("0",                      2,  "0.0", 1),
        ];
        for (written, scale, text, digits) in table {
            let exact = rounded(written, scale).unwrap();
            assert_eq!(exact.text, text, "{written}");
            if text != "0.0" {
                assert_eq!(exact.whole_digits, digits, "{written}");
            }
        }
        for written in ["", "-", ".", "1e", "NaN", "1.2.3", "1e999"] {
            assert_eq!(rounded(written, 2), None, "{written}");
        }
    }

    #[test]
    fn only_numbers_that_would_lose_digits_become_texts() {
        #[rustfmt::skip]
        let table = [
            (r#"{"a":1.5,"b":[-2,3e4]}"#,                          r#"{"a":1.5,"b":[-2,3e4]}"#),
            (r#"{"a":123456789012345678}"#,                        r#"{"a":123456789012345678}"#),
            (r#"{"a":1234567890123456.78,"b":1}"#,                 r#"{"a":"1234567890123456.78","b":1}"#),
            (r"[-12345678901234567890123]",                      r#"["-12345678901234567890123"]"#),
            (r#"{"a":"say \"1234567890123456.78\" 1234567890123456.78"}"#, r#"{"a":"say \"1234567890123456.78\" 1234567890123456.78"}"#),
            (r#"{"a":0.30000000000000004}"#,                       r#"{"a":0.30000000000000004}"#),
        ];
        for (json, kept) in table {
            assert_eq!(String::from_utf8_lossy(&keep_digits(json.as_bytes())), kept);
        }
    }

    proptest! {
        #[test]
        fn what_a_float_holds_is_written_as_the_float_is(whole in -1_000_000_000_000_i64..1_000_000_000_000, scale in 0..4_u32) {
            #[expect(clippy::cast_precision_loss, reason = "few digits")]
            let float = whole as f64 / f64::from(10_u32.pow(scale));
            let float = if float == 0.0 { 0.0 } else { float };

            let exact = rounded(&float.to_string(), 20).unwrap();

            prop_assert_eq!(exact.text, crate::value::Value::Number(float).to_cell());
        }
    }
}
