//! Names of files in a pack: relative, with `/`, and the same file on every system that unpacks them.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most bytes of a name.
const MOST_BYTES: usize = 200;
/// Most folders that a file lies in.
const MOST_FOLDERS: usize = 8;

/// `prompts/zh/welcome.wav`. 1 to 200 bytes, at most 8 folders deep, any script. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Arc<str>);

/// Why a file's name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileNameError {
    #[error("it is empty")]
    Empty,
    #[error("it is {bytes} bytes long, at most {MOST_BYTES} are allowed")]
    TooLong { bytes: usize },
    #[error("it lies {folders} folders deep, at most {MOST_FOLDERS} are allowed")]
    TooDeep { folders: usize },
    #[error("it is absolute")]
    Absolute,
    #[error("it climbs out of its folder")]
    Climbs,
    #[error("it holds {found:?}")]
    BadCharacter { found: char },
    /// `a//b`, `a/./b`, or a part that ends with a dot or a space, which some systems drop.
    #[error("a part of it is empty, or ends with a dot or a space")]
    BadPart,
}

impl FileName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it lies below `folder`, at any depth.
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&*folder.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(text: &str) -> Result<Self, FileNameError> {
        if text.is_empty() {
            return Err(FileNameError::Empty);
        }
        if text.len() > MOST_BYTES {
            return Err(FileNameError::TooLong { bytes: text.len() });
        }
        let drive = text.as_bytes()[0].is_ascii_alphabetic() && text.as_bytes().get(1) == Some(&b':');
        if text.starts_with(['/', '\\']) || drive {
            return Err(FileNameError::Absolute);
        }
        if text.split(['/', '\\']).any(|part| part == "..") {
            return Err(FileNameError::Climbs);
        }
        if let Some(found) = text.chars().find(|&c| is_deceptive(c) || "\\:*?\"<>|".contains(c)) {
            return Err(FileNameError::BadCharacter { found });
        }
        if text.split('/').any(|part| part.is_empty() || part.ends_with(['.', ' '])) {
            return Err(FileNameError::BadPart);
        }
        let folders = text.matches('/').count();
        if folders > MOST_FOLDERS {
            return Err(FileNameError::TooDeep { folders });
        }
        Ok(Self(text.into()))
    }
}

/// Control characters, and those that turn the direction of the text after them (UAX #9): a terminal or a page shows something else.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl Borrow<str> for FileName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
