use std::fmt;

/// A key of the telephone: `0`–`9`, `*`, `#`, `A`–`D`.
///
/// Its text must not reach logs: digits are card numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(u8);

const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

impl Digit {
    /// The event code of RFC 4733 §3.2, table 3; `None` above 15.
    pub fn from_code(code: u8) -> Option<Self> {
        (code < 16).then_some(Self(code))
    }

    pub fn code(self) -> u8 {
        self.0
    }

    /// `None` for what is not a key; small letters are taken as large.
    pub fn from_char(key: char) -> Option<Self> {
        let key = key.to_ascii_uppercase();
        KEYS.iter().position(|known| *known == key).and_then(|code| u8::try_from(code).ok()).map(Self)
    }

    pub fn as_char(self) -> char {
        KEYS[usize::from(self.0)]
    }
}

/// Hides the key, so that no log of a command or event tells a card number.
impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit(·)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_the_event_code_of_rfc_4733() {
        let codes: Vec<u8> = "0123456789*#ABCD".chars().filter_map(Digit::from_char).map(Digit::code).collect();
        assert_eq!(codes, (0..16).collect::<Vec<u8>>());
    }

    #[test]
    fn what_is_not_a_key_is_no_digit() {
        assert_eq!((Digit::from_char('x'), Digit::from_code(16)), (None, None));
    }
}
