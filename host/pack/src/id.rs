//! Names of what is in a pack.

use std::fmt;

use plugboard_model::name_type;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::archive::Digest;

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name may not be empty")]
    Empty,
    #[error("name is {length} bytes long, at most 64 are allowed")]
    TooLong { length: usize },
    #[error("name holds {found:?}; {allowed} are allowed")]
    BadCharacter { found: char, allowed: &'static str },
    #[error("a name begins with a letter and ends with a letter or a digit")]
    BadEnds,
}

fn check(text: &str, marks: &[char], allowed: &'static str) -> Result<(), NameError> {
    if text.len() > 64 {
        return Err(NameError::TooLong { length: text.len() });
    }
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().last()) else { return Err(NameError::Empty) };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || marks.contains(&c);
    if let Some(found) = text.chars().find(|c| !fits(*c)) {
        return Err(NameError::BadCharacter { found, allowed });
    }
    if !first.is_ascii_lowercase() || marks.contains(&last) {
        return Err(NameError::BadEnds);
    }
    Ok(())
}

fn dotted(text: &str) -> Result<(), NameError> {
    check(text, &['-', '.'], "a-z, 0-9, '-' and '.'")
}

fn word(text: &str) -> Result<(), NameError> {
    check(text, &['-'], "a-z, 0-9 and '-'")
}

name_type! {
    /// A pack, the same through all its versions: `acme.crm`. What stands before the first dot is the vendor's, by custom.
    ///
    /// 1 to 64 of a-z, 0-9, `-` and `.`; begins with a letter, ends with a letter or a digit. Cheap to clone.
    PackId, NameError, dotted
}
name_type! {
    /// A component, unique in its pack: `lookup`.
    ///
    /// 1 to 64 of a-z, 0-9 and `-`; begins with a letter, ends with a letter or a digit. Cheap to clone.
    ComponentName, NameError, word
}
name_type! {
    /// What a component calls a secret by; the value is the tenant's and never reaches the component. Written as a component's name is.
    SecretName, NameError, word
}

/// One version of a pack. Its content tells it apart: in development the same version number is built many times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Release {
    pub version: Version,
    pub digest: Digest,
}

/// `1.2.0 (9f86d081884c)`.
impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.digest.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_short_word_that_any_file_system_keeps_apart() {
        let read = |text: &str| text.parse::<PackId>().map_err(|error| error.to_string());
        assert_eq!(
            ["acme.crm", "Acme", "a/b", "-a", "a-", "1a", "客服", "", &"a".repeat(65)].map(|text| read(text).err()),
            [
                None,
                Some("name holds 'A'; a-z, 0-9, '-' and '.' are allowed".into()),
                Some("name holds '/'; a-z, 0-9, '-' and '.' are allowed".into()),
                Some("a name begins with a letter and ends with a letter or a digit".into()),
                Some("a name begins with a letter and ends with a letter or a digit".into()),
                Some("a name begins with a letter and ends with a letter or a digit".into()),
                Some("name holds '客'; a-z, 0-9, '-' and '.' are allowed".into()),
                Some("a name may not be empty".into()),
                Some("name is 65 bytes long, at most 64 are allowed".into()),
            ]
        );
    }
}
