//! Numbers as a carrier wants to see them, and as we do.

use plugboard_model::trunk::Rewrite;

/// The number after the rule whose prefix fits best (the longest); as it is where none does. A rule is applied once.
pub fn rewritten(number: &str, rules: &[Rewrite]) -> String {
    let fits = rules.iter().filter(|rule| number.starts_with(&*rule.prefix));
    match fits.max_by_key(|rule| rule.prefix.len()) {
        Some(rule) => format!("{}{}", rule.to, &number[rule.prefix.len()..]),
        None => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_that_fits_is_replaced_once() {
        let rule = |prefix: &str, to: &str| Rewrite { prefix: prefix.into(), to: to.into() };
        let rules = [rule("0", "+86"), rule("00", "+"), rule("", "+8610"), rule("+", "")];
        let shown = ["0755123", "0049301", "62351", "+8613800138000"].map(|number| rewritten(number, &rules));
        assert_eq!(shown, ["+86755123", "+49301", "+861062351", "8613800138000"]);
        assert_eq!(rewritten("0755", &[]), "0755");
    }
}
