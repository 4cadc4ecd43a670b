//! What in a text is a phone number, an identity card or a bank card.
//!
//! Digits may stand in groups, with one space, hyphen or dot between two of them. A run is the longest such row; what is found is a whole run, or begins
//! or ends where a group does, so that `call 13800138000, order 12345` has one phone and `20261123` none.

/// A piece of text that has to be masked, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: &'static str,
}

/// Where one digit of a run stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    end: usize,
    /// A separator, or the begin of the run, stands before it.
    begins: bool,
}

/// The longest row of digits, and how far it was looked through.
#[derive(Debug, Default)]
struct Run {
    /// 10 is the `X` that only an identity card may end with; it is the last then.
    values: Vec<u8>,
    places: Vec<Place>,
    /// Where the `+` before it stands.
    plus: Option<usize>,
    /// How many of its digits are done with.
    done: usize,
}

impl Run {
    fn push(&mut self, value: u8, place: Place) {
        self.values.push(value);
        self.places.push(place);
    }
}

/// Rising, none over another. Looks no further than it is asked: a text may be all digits.
pub(crate) fn scan(text: &str) -> impl Iterator<Item = Found> {
    let (mut from, mut current) = (0, Run::default());
    std::iter::from_fn(move || {
        loop {
            if let Some(found) = current.next() {
                return Some(found);
            }
            (current, from) = run(text, from)?;
        }
    })
}

/// The next row of digits from `from` on, and where to go on.
fn run(text: &str, from: usize) -> Option<(Run, usize)> {
    let begin = from + text[from..].find(|c| value(c).is_some())?;
    let before = text[..begin].chars().next_back();
    let plus = before.filter(|c| *c == '+' || *c == '＋').map(|c| begin - c.len_utf8());
    let (mut run, mut begins, mut end) = (Run { plus, ..Run::default() }, true, begin);
    let mut chars = text[begin..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let start = begin + at;
        if let Some(value) = value(c) {
            end = start + c.len_utf8();
            run.push(value, Place { start, end, begins });
            begins = false;
        } else if matches!(c, 'x' | 'X' | 'Ｘ')
            && !begins
            && chars.peek().is_none_or(|(_, next)| !next.is_alphanumeric())
        {
            end = start + c.len_utf8();
            run.push(10, Place { start, end, begins });
            break;
        } else if matches!(c, ' ' | '-' | '.' | '\u{a0}')
            && !begins
            && chars.peek().is_some_and(|(_, next)| value_of(*next))
        {
            begins = true;
        } else {
            break;
        }
    }
    Some((run, end))
}

fn value_of(c: char) -> bool {
    value(c).is_some()
}

/// Of a digit, narrow or wide.
fn value(c: char) -> Option<u8> {
    let wide = u32::from(c).checked_sub(u32::from('０')).filter(|value| *value < 10);
    c.to_digit(10).or(wide).and_then(|value| u8::try_from(value).ok())
}

/// Digits of the longest number that is looked for, a bank card's.
const LONGEST: usize = 19;
/// Of the shortest, a phone's in international form.
const SHORTEST: usize = 8;

/// Greedy from the left: at each group the longest piece that is something.
impl Iterator for Run {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while self.done < self.values.len() {
            let from = self.done;
            let longest = self.values.len().min(from + LONGEST);
            let mut ends = (from + SHORTEST..=longest).rev();
            let plus = self.plus.filter(|_| from == 0);
            let kind = |end: usize| {
                let is_whole = end == self.values.len() || self.places[end].begins;
                is_whole.then(|| kind(&self.values[from..end], plus.is_some())).flatten()
            };
            if let Some((end, kind)) = ends.find_map(|end| kind(end).map(|kind| (end, kind))) {
                self.done = end;
                return Some(Found {
                    start: plus.unwrap_or(self.places[from].start),
                    end: self.places[end - 1].end,
                    kind,
                });
            }
            // The next group.
            self.done += 1 + self.places[from + 1..].iter().take_while(|place| !place.begins).count();
        }
        None
    }
}

fn kind(digits: &[u8], plus: bool) -> Option<&'static str> {
    if !plus && is_id_card(digits) {
        Some("id-card")
    } else if digits.last() == Some(&10) {
        None
    } else if !plus && is_bank_card(digits) {
        Some("bank-card")
    } else if is_phone(digits, plus) {
        Some("phone")
    } else {
        None
    }
}

/// GB 11643: six digits of a place, a date of birth, three of an order, one to check (ISO 7064 MOD 11-2).
fn is_id_card(digits: &[u8]) -> bool {
    let Ok([place @ .., check]) = <&[u8; 18]>::try_from(digits) else { return false };
    if place[0] == 0 {
        return false;
    }
    let number = |range: std::ops::Range<usize>| place[range].iter().fold(0, |sum, digit| sum * 10 + u32::from(*digit));
    let (year, month, day) = (number(6..10), number(10..12), number(12..14));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    // Weight of the last but one is 2, then 4, 8, …, modulo 11.
    let sum = place.iter().fold(0, |sum, digit| (sum + u32::from(*digit)) * 2 % 11);
    (1900..2100).contains(&year) && (1..=length).contains(&day) && (sum + u32::from(*check)) % 11 == 1
}

/// ISO/IEC 7812: 13 to 19 digits, the first of an issuer that gives cards to people (2 to 6), Luhn at the end.
fn is_bank_card(digits: &[u8]) -> bool {
    if !(13..=19).contains(&digits.len()) || !(2..=6).contains(&digits[0]) {
        return false;
    }
    let sum: u32 = (0..).zip(digits.iter().rev()).fold(0, |sum, (place, digit)| {
        let doubled = u32::from(*digit) << (place % 2);
        sum + doubled / 10 + doubled % 10
    });
    sum.is_multiple_of(10)
}

/// A mobile or landline number of China, with or without its country; or any number in international form.
fn is_phone(digits: &[u8], plus: bool) -> bool {
    let national = match digits {
        [0, 0, 8, 6, rest @ ..] => rest,
        [8, 6, rest @ ..] if plus || rest.len() == 11 => rest,
        all => all,
    };
    let mobile = matches!(national, [1, 3..=9, rest @ ..] if rest.len() == 9);
    let landline = matches!(national, [0, 1..=9, rest @ ..] if (8..=10).contains(&rest.len()));
    mobile || landline || (plus && (8..=15).contains(&digits.len()))
}
