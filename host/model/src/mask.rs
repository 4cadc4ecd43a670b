//! Masks what may be the number of a person: telephone, identity card, bank card. In doubt it is one.

/// A row of so many digits may name a person; extensions and hotlines are shorter.
const FEWEST: usize = 7;
/// Of a row this long or longer the first three and the last four digits stay, as people are used to read them; of a shorter one the last three.
const LONG: usize = 11;

/// The text with stars for digits; `None` if nothing in it has to be masked.
pub fn masked_numbers(text: &str) -> Option<String> {
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
    use super::*;

    #[test]
    fn numbers_of_persons_are_masked_however_they_are_written_and_short_ones_stay() {
        let shown = |text| masked_numbers(text).unwrap_or_else(|| "unchanged".to_owned());
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
}
