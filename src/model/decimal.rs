//! A decimal number, held exactly.
//!
//! Salesforce's numbers have at most 18 digits, Postgres' `numeric` may have many more. Thirty-eight significant
//! digits are kept here, with the point anywhere within a thousand places: enough for every value that both sides
//! can hold, and for sums and products of them. A number that needs more is refused, never rounded.

use std::fmt;

/// The point stands at most this many places away from the last digit, to either side.
const PLACES_MAX: i32 = 1_000;

/// `coefficient × 10^-scale`, in the one form that has no zero at the end of the coefficient.
///
/// Equality and hash are those of the number: `1.50` and `1.5` are the same, and there is no negative zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    coefficient: i128,
    scale: i16,
}

/// The text is no number, or one with more digits than are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// It is not a number.
    NotANumber,
    /// It has too many digits.
    TooManyDigits,
}

impl Decimal {
    /// Reads `-12.50`, `1.0E20`, `+3` or `.5`, as both sides print numbers.
    ///
    /// # Errors
    /// See [`DecimalError`]. `NaN` and `Infinity` are no numbers.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let is_negative = mantissa.starts_with('-');
        let digits = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
        let mut sum = Digits::default();
        let mut has_digit = false;
        let mut places: Option<i32> = None;
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    has_digit = true;
                    sum.push(byte - b'0')?;
                    places = places.map(|places| places + 1);
                }
                b'.' if places.is_none() => places = Some(0),
                _ => return Err(DecimalError::NotANumber),
            }
        }
        if !has_digit {
            return Err(DecimalError::NotANumber);
        }
        let scale = places.unwrap_or(0).saturating_sub(exponent).saturating_sub(sum.zeros);
        let coefficient = if is_negative { -sum.coefficient } else { sum.coefficient };
        Self::of(coefficient, scale)
    }

    /// The number `coefficient × 10^-scale`. A scale below zero stands for zeros at the end.
    ///
    /// # Errors
    /// [`DecimalError::TooManyDigits`] when the point is too far away.
    pub fn of(mut coefficient: i128, mut scale: i32) -> Result<Self, DecimalError> {
        if coefficient == 0 {
            return Ok(Self::default());
        }
        while coefficient % 10 == 0 {
            coefficient /= 10;
            scale = scale.saturating_sub(1);
        }
        match i16::try_from(scale) {
            Ok(scale) if i32::from(scale).abs() <= PLACES_MAX => Ok(Self { coefficient, scale }),
            _ => Err(DecimalError::TooManyDigits),
        }
    }

    /// All significant digits as a whole number, with the sign. It never ends with zero, but for zero itself.
    #[must_use]
    pub fn coefficient(self) -> i128 {
        self.coefficient
    }

    /// How many places the point stands to the left of the coefficient's end; negative for zeros at the end.
    #[must_use]
    pub fn scale(self) -> i16 {
        self.scale
    }

    /// The nearest number with at most `places` digits after the point; halves go away from zero, as in both
    /// Salesforce and Postgres.
    #[must_use]
    pub fn rounded(self, places: u32) -> Self {
        let places = i32::try_from(places).unwrap_or(i32::MAX);
        let surplus = i32::from(self.scale).saturating_sub(places);
        if surplus <= 0 {
            return self;
        }
        let Some(divisor) =
            u32::try_from(surplus).ok().and_then(|power| 10_i128.checked_pow(power))
        else {
            return Self::default();
        };
        let (quotient, rest) = (self.coefficient / divisor, self.coefficient % divisor);
        let is_half = rest.unsigned_abs() >= divisor.unsigned_abs() - rest.unsigned_abs();
        let nearest = if is_half { quotient + self.coefficient.signum() } else { quotient };
        Self::of(nearest, places).unwrap_or_default()
    }

    /// Digits before the point; zero for numbers below one.
    #[must_use]
    pub fn whole_digits(self) -> u32 {
        let digits = self.coefficient.unsigned_abs().checked_ilog10().map_or(0, |log| log + 1);
        u32::try_from(i64::from(digits) - i64::from(self.scale)).unwrap_or(0)
    }
}

/// Sums digits up without the zeros at the end, so that `1` with forty zeros is short.
#[derive(Default)]
struct Digits {
    coefficient: i128,
    /// Zeros after the coefficient, not part of it yet.
    zeros: i32,
}

impl Digits {
    fn push(&mut self, digit: u8) -> Result<(), DecimalError> {
        if digit == 0 {
            if self.coefficient != 0 {
                self.zeros += 1;
            }
            return Ok(());
        }
        let power = u32::try_from(self.zeros + 1).map_err(|_| DecimalError::TooManyDigits)?;
        self.coefficient = 10_i128
            .checked_pow(power)
            .and_then(|factor| self.coefficient.checked_mul(factor))
            .and_then(|shifted| shifted.checked_add(i128::from(digit)))
            .ok_or(DecimalError::TooManyDigits)?;
        self.zeros = 0;
        Ok(())
    }
}

fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    text.parse().map_err(|_| DecimalError::TooManyDigits)
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self::of(i128::from(number), 0).unwrap_or_default()
    }
}

/// Plain digits without exponent, which every reader understands.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.coefficient < 0 {
            f.write_str("-")?;
        }
        let digits = self.coefficient.unsigned_abs().to_string();
        match usize::try_from(self.scale) {
            Err(_) => {
                let zeros = usize::from(self.scale.unsigned_abs());
                write!(f, "{digits}{:0<zeros$}", "")
            }
            Ok(0) => f.write_str(&digits),
            Ok(scale) => {
                // At least one digit stands before the point.
                let width = scale + 1;
                let padded = format!("{digits:0>width$}");
                let (whole, fraction) = padded.split_at(padded.len() - scale);
                write!(f, "{whole}.{fraction}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Decimal, DecimalError};
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn every_spelling_of_a_number_is_the_same_number() {
        #[rustfmt::skip]
        let table = [
            ("0",                      "0"),
            ("-0.0",                   "0"),
            ("000",                    "0"),
            ("10.0",                   "10"),
            ("1.0E20",                 "100000000000000000000"),
            ("1e+2",                   "100"),
            ("3.5E8",                  "350000000"),
            ("-1.0E-4",                "-0.0001"),
            ("+3",                     "3"),
            (".5",                     "0.5"),
            ("5.",                     "5"),
            ("1.50",                   "1.5"),
            ("123456789012345678",     "123456789012345678"),
            ("-1234567890123456.78",   "-1234567890123456.78"),
            ("0.12345678901234567",    "0.12345678901234567"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ];
        for (text, plain) in table {
            assert_eq!(decimal(text).to_string(), plain, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_long_is_refused() {
        for text in
            ["", "-", ".", "e5", "1e", "1e+", "NaN", "Infinity", "1,5", "0x1", "1 ", "1.2.3"]
        {
            assert_eq!(Decimal::parse(text), Err(DecimalError::NotANumber), "{text}");
        }
        let long = "1".repeat(40);
        for text in [long.as_str(), "1e2000", "1e-2000", "1e99999999999"] {
            assert_eq!(Decimal::parse(text), Err(DecimalError::TooManyDigits), "{text}");
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        #[rustfmt::skip]
        let table = [
            ("1.005",  2, "1.01"),
            ("-1.005", 2, "-1.01"),
            ("1.004",  2, "1"),
            ("2.5",    0, "3"),
            ("0.4",    0, "0"),
            ("9.99",   1, "10"),
            ("1200",   0, "1200"),
            ("1e-300", 2, "0"),
            ("0.30000000000000004", 2, "0.3"),
        ];
        for (text, places, expected) in table {
            assert_eq!(decimal(text).rounded(places).to_string(), expected, "{text} {places}");
        }
    }

    #[test]
    fn digits_before_the_point_are_counted() {
        for (text, count) in [("0", 0), ("0.05", 0), ("1", 1), ("12.5", 2), ("1.0E20", 21)] {
            assert_eq!(decimal(text).whole_digits(), count, "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_give_the_same_number(coefficient in any::<i64>(), scale in -30_i32..30) {
            let number = Decimal::of(i128::from(coefficient), scale).unwrap();

            prop_assert_eq!(decimal(&number.to_string()), number);
        }

        #[test]
        fn rounding_twice_is_rounding_once(coefficient in any::<i64>(), scale in 0_i32..20, places in 0_u32..20) {
            let once = Decimal::of(i128::from(coefficient), scale).unwrap().rounded(places);

            prop_assert_eq!(once.rounded(places), once);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9.eE]{0,60}") {
            if let Ok(number) = Decimal::parse(&text) {
                prop_assert_eq!(decimal(&number.to_string()), number);
            }
        }
    }
}
