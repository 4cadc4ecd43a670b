//! The rules for words and numbers that a plugin gives: parse here, trust further in.

use std::str::FromStr;

use crate::BadAnswer;

type Checked<T> = Result<T, BadAnswer>;

/// A name of one of the host's resources.
pub(crate) fn name<T: FromStr>(field: &'static str, text: String) -> Checked<T> {
    text.parse().map_err(|_| bad(field, text))
}

/// One line: no control character, so that it can stand in a SIP header, a log or a record.
pub(crate) fn line(field: &'static str, most: usize, text: String) -> Checked<String> {
    if text.len() > most || text.chars().any(char::is_control) { Err(bad(field, text)) } else { Ok(text) }
}

/// Text of several lines.
pub(crate) fn text(field: &'static str, most: usize, text: String) -> Checked<String> {
    let refused = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.len() > most || text.chars().any(refused) { Err(bad(field, text)) } else { Ok(text) }
}

/// A file of the tenant's prompts: a plain name; or of a pack's, after the pack: `acme.ivr/welcome`.
pub(crate) fn file(field: &'static str, text: String) -> Checked<String> {
    let refused = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':');
    let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(refused);
    let (pack, name) = text.split_once('/').unwrap_or(("acme.ivr", text.as_str()));
    let fits = plain(name) && plain(pack) && pack.contains('.') && text.len() <= 128;
    if fits { Ok(text) } else { Err(bad(field, text)) }
}

/// Keys of a telephone.
pub(crate) fn keys(field: &'static str, text: String) -> Checked<String> {
    let all = text.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D'));
    if all && text.len() <= 64 { Ok(text) } else { Err(bad(field, text)) }
}

/// A number within bounds, both included.
pub(crate) fn within<N: PartialOrd + Copy + Into<i64>>(
    field: &'static str,
    (least, most): (N, N),
    number: N,
) -> Checked<N> {
    if number < least || number > most {
        Err(BadAnswer::OutOfRange { field, value: number.into() })
    } else {
        Ok(number)
    }
}

pub(crate) fn at_most(what: &'static str, most: usize, count: usize) -> Checked<()> {
    if count > most { Err(BadAnswer::TooMany { what, count, most }) } else { Ok(()) }
}

/// What a person will read, in a log or a terminal: cut, and on one line.
pub(crate) fn shown(most: usize, text: &str) -> String {
    text[..text.floor_char_boundary(most)].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// At most 80 bytes of what was wrong. As it is: the message shows it escaped.
fn bad(field: &'static str, mut value: String) -> BadAnswer {
    value.truncate(value.floor_char_boundary(80));
    BadAnswer::BadText { field, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_a_plain_name_or_one_of_a_pack_and_never_a_path() {
        let names =
            ["hi.wav", "acme.ivr/hi", "../hi", "zh/hi", "acme.ivr/../hi", "acme.ivr/a/b", "/hi", ".", "a.b/", ""];
        let taken: Vec<&str> = names.into_iter().filter(|name| file("file", (*name).to_owned()).is_ok()).collect();
        assert_eq!(taken, ["hi.wav", "acme.ivr/hi"]);
    }
}
