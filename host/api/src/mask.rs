//! Masks what may be the number of a person: telephone, identity card, bank card. In doubt it is one.

use plugboard_model::Timestamp;
use serde_json::Value;

/// A row of so many digits may name a person; extensions and hotlines are shorter.
const FEWEST: usize = 7;
/// Of a row this long or longer the first three and the last four digits stay, as people are used to read them; of a shorter one the last three.
const LONG: usize = 11;

/// Fields that name something of ours, and no person.
const OURS: [&str; 21] = [
    "agent",
    "dialled_by",
    "digest",
    "domain",
    "flow",
    "id",
    "node",
    "overflow_to",
    "pack",
    "path",
    "plugin",
    "policy",
    "prompt",
    "queue",
    "recording",
    "revision",
    "rule",
    "seq",
    "sha256",
    "type",
    "version",
];

/// Masks every text in it, wherever it stands.
pub(crate) fn json(value: &mut Value) {
    match value {
        Value::String(text) => {
            if Timestamp::from_rfc3339(text).is_none()
                && let Some(masked) = masked(text)
            {
                *text = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(json),
        Value::Object(fields) => {
            fields.iter_mut().filter(|(name, _)| !OURS.contains(&name.as_str())).for_each(|(_, value)| json(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with stars for digits; `None` if nothing in it has to be masked.
pub(crate) fn masked(text: &str) -> Option<String> {
    let mut letters: Vec<char> = text.chars().collect();
    let (mut at, mut found) = (0, false);
    while at < letters.len() {
        let row = row_at(&letters, at);
        let digits: Vec<usize> = (at..row).filter(|place| is_digit(letters[*place])).collect();
        if digits.len() >= FEWEST {
            let (head, tail) = if digits.len() >= LONG { (3, 4) } else { (0, 3) };
            digits[head..digits.len() - tail].iter().for_each(|place| letters[*place] = '*');
            found = true;
        }
        at = row.max(at + 1);
    }
    found.then(|| letters.into_iter().collect())
}

/// Where the row of digits that begins at `at` ends. One space, dot or dash between two digits does not end it.
fn row_at(letters: &[char], at: usize) -> usize {
    let mut end = at;
    while let Some(letter) = letters.get(end) {
        let joins = |letter: char| matches!(letter, ' ' | '-' | '.' | '/' | '(' | ')');
        let goes_on = letters.get(end + 1).is_some_and(|next| is_digit(*next));
        match is_digit(*letter) || (end > at && joins(*letter) && goes_on) {
            true => end += 1,
            false => break,
        }
    }
    end
}

fn is_digit(letter: char) -> bool {
    letter.is_ascii_digit() || ('０'..='９').contains(&letter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_of_persons_are_masked_however_they_are_written_and_short_ones_stay() {
        let shown = |text| masked(text).unwrap_or_else(|| "unchanged".to_owned());
        assert_eq!(
            [
                "+8613800138000",
                "138 0013 8000",
                "4930123",
                "6222-0212-3456-7890-123",
                "１３８００１３８０００",
                "95013",
                "8000"
            ]
            .map(shown),
            [
                "+861******8000",
                "138 **** 8000",
                "****123",
                "622*-****-****-***0-123",
                "１３８****８０００",
                "unchanged",
                "unchanged"
            ]
        );
        assert_eq!(shown("call 13800138000, then 110101199003074578!"), "call 138****8000, then 110***********4578!");
    }

    #[test]
    fn times_ids_and_hashes_of_ours_are_no_numbers_of_persons() {
        let mut value = json!({
            "at": "2026-11-23T08:00:01.000001Z", "agent": "10086001", "sha256": "12345678", "from": "13800138000",
            "tags": [{ "name": "card", "value": "6222021234567890" }], "interaction": 12_345_678
        });
        json(&mut value);
        assert_eq!(
            value,
            json!({
                "at": "2026-11-23T08:00:01.000001Z", "agent": "10086001", "sha256": "12345678", "from": "138****8000",
                "tags": [{ "name": "card", "value": "622*********7890" }], "interaction": 12_345_678
            })
        );
    }
}
