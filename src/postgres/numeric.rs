//! A decimal number in the binary form of Postgres' `numeric`.
//!
//! Four numbers of 16 bits, then the digits in groups of four, all big-endian: the number of groups, the power of
//! 10,000 of the first one, the sign, and how many digits are shown after the point. Groups of zeros at either end
//! are left out. Source: `numeric_recv` in Postgres' `numeric.c`.

use crate::model::Decimal;
use bytes::{BufMut, BytesMut};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const BASE: u128 = 10_000;
/// Digits per group.
const GROUP: i32 = 4;
/// Thirty-nine digits, moved by up to three places.
const GROUPS_MAX: usize = 11;

/// Appends the number, without a length before it.
pub(super) fn write(number: Decimal, out: &mut BytesMut) {
    let scale = i32::from(number.scale());
    // The point has to stand between two groups.
    let last_power = (-scale).div_euclid(GROUP);
    let shift = (-scale).rem_euclid(GROUP);
    let mut groups = [0_u16; GROUPS_MAX];
    let mut count = 0;
    let mut rest = number.coefficient().unsigned_abs();
    // The last group takes fewer digits of the coefficient, and zeros for the others.
    let mut modulus = BASE / 10_u128.pow(shift.unsigned_abs());
    let mut factor = BASE / modulus;
    for slot in &mut groups {
        if rest == 0 {
            break;
        }
        *slot = u16::try_from(rest % modulus * factor).unwrap_or_default();
        rest /= modulus;
        (modulus, factor) = (BASE, 1);
        count += 1;
    }
    let weight = last_power + count - 1;
    let sign = if number.coefficient() < 0 { NEGATIVE } else { POSITIVE };
    out.put_u16(u16::try_from(count).unwrap_or_default());
    out.put_i16(if count == 0 { 0 } else { i16::try_from(weight).unwrap_or_default() });
    out.put_u16(sign);
    out.put_u16(u16::try_from(scale).unwrap_or_default());
    let used = usize::try_from(count).unwrap_or_default();
    for group in groups.iter().take(used).rev() {
        out.put_u16(*group);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{ColumnType, Decimal, Value};
    use crate::postgres::cell::{Cell, wire_type};
    use crate::postgres::testing::fresh_database;

    #[tokio::test]
    async fn postgres_reads_every_digit_that_was_written() {
        let db = fresh_database().await;
        let client = db.client().await.unwrap();
        let mut texts: Vec<String> = [
            "0",
            "1",
            "-1",
            "10",
            "9999",
            "10000",
            "10001",
            "0.1",
            "0.0001",
            "0.00001",
            "-0.00012345",
            "1234567890123456.78",
            "123456789012345678",
            "0.12345678901234567",
            "-99999999999999999.9",
            "100000000000000000000",
            "99999999999999999999999999999999999999",
        ]
        .map(str::to_owned)
        .to_vec();
        for places in 0..42_i32 {
            texts.push(Decimal::of(12_345_678_901_234_567_891, places).unwrap().to_string());
            texts.push(Decimal::of(-7, -places).unwrap().to_string());
        }
        for text in texts {
            let value = Value::Decimal(Decimal::parse(&text).unwrap());
            let cell = Cell(&value);
            let parameters = [(&cell as _, wire_type(ColumnType::AnyNumeric))];

            let row = client.query_typed_one("select $1::text", &parameters).await.unwrap();

            assert_eq!(row.get::<_, String>(0), text);
        }
    }
}
