//! Lists of fields as sets of bits, the way the Pub/Sub API writes `changedFields`.
//!
//! The bits of the record itself make the first element, `0x…`; those of a nested record follow as
//! `{index of the nested record}-0x…`. Bit 0 is the lowest bit and stands for the header. A nested
//! record with a changed part has its own bit set only in the element of its parts.

use std::{collections::BTreeMap, fmt::Write};

use super::event::Place;

/// The elements for these places, in any order.
pub(crate) fn encode(places: &[Place]) -> Vec<String> {
    let mut top = Vec::new();
    let mut nested: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for place in places {
        match place.part {
            None => top.push(place.field),
            Some(part) => nested.entry(place.field).or_default().push(part),
        }
    }
    let top = (!top.is_empty()).then(|| hex(&top));
    let nested = nested.into_iter().map(|(field, parts)| format!("{field}-{}", hex(&parts)));
    top.into_iter().chain(nested).collect()
}

fn hex(bits: &[usize]) -> String {
    let highest = bits.iter().copied().max().unwrap_or_default();
    let mut bytes = vec![0_u8; highest / 8 + 1];
    for bit in bits {
        if let Some(byte) = bytes.iter_mut().rev().nth(bit / 8) {
            *byte |= 1 << (bit % 8);
        }
    }
    let mut text = String::from("0x");
    for byte in bytes {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(field: usize, part: Option<usize>) -> Place {
        Place { field, part }
    }

    #[test]
    fn bits_are_counted_from_the_lowest() {
        #[rustfmt::skip]
        let table: [(&[Place], &[&str]); 5] = [
            (&[],                                                &[]),
            (&[place(0, None)],                                  &["0x01"]),
            (&[place(22, None), place(11, None)],                &["0x400800"]),
            (&[place(8, None)],                                  &["0x0100"]),
            (&[place(4, Some(1)), place(9, None), place(4, Some(0)), place(2, Some(3))],
                                                                 &["0x0200", "2-0x08", "4-0x03"]),
        ];
        for (places, expected) in table {
            assert_eq!(encode(places), expected, "{places:?}");
        }
    }
}
