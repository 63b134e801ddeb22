//! "Did you mean": the nearest of the names that would have been right.

/// The candidate nearest to what was typed, if one is near enough to be a slip.
pub(crate) fn nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let slips_allowed = typed.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= slips_allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Names in backticks, separated by commas.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_a_slip_of_the_hand_is_guessed() {
        #[rustfmt::skip]
        let table = [
            ("frehness",     Some("freshness")),
            ("AnualRevenue", Some("AnnualRevenue")),
            ("NAME",         Some("Name")),
            ("naem",         Some("Name")),
            ("Fone",         Some("Phone")),
            ("Colour",       None),
        ];
        for (typed, expected) in table {
            assert_eq!(
                nearest(typed, ["freshness", "AnnualRevenue", "Name", "Phone"]),
                expected,
                "{typed}"
            );
        }
    }
}
