//! What a pack's content hash and its signatures are about.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{Digest, FileName};
use crate::Bytes;

/// The files of a pack, by name, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Listing {
    files: Vec<Listed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    pub name: FileName,
    pub length: Bytes,
    pub sha256: Digest,
}

/// How a file differs from what was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    Changed(FileName),
    Added(FileName),
    Removed(FileName),
}

impl Listing {
    /// Brings the files in order of their names; of two with one name the later stays.
    pub fn new(files: impl IntoIterator<Item = Listed>) -> Self {
        let files: BTreeMap<FileName, Listed> = files.into_iter().map(|listed| (listed.name.clone(), listed)).collect();
        Self { files: files.into_values().collect() }
    }

    pub fn files(&self) -> &[Listed] {
        &self.files
    }

    /// What is hashed: a first line that names the form, then a line for each file in the order of their names' bytes: hash, length, name.
    ///
    /// A name holds no line break, so a text belongs to one listing.
    pub fn canonical_text(&self) -> String {
        let line = |Listed { name, length, sha256 }: &Listed| format!("{sha256} {} {name}\n", length.0);
        "plugboard pack listing 1\n".to_owned() + &self.files.iter().map(line).collect::<String>()
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical_text().as_bytes())
    }

    /// The first file, by name, in which `found` is not what this lists.
    pub fn first_difference(&self, found: &Self) -> Option<Difference> {
        let (mut ours, mut theirs) = (self.files.iter().peekable(), found.files.iter().peekable());
        loop {
            match (ours.peek(), theirs.peek()) {
                (None, None) => return None,
                (Some(listed), None) => return Some(Difference::Removed(listed.name.clone())),
                (None, Some(there)) => return Some(Difference::Added(there.name.clone())),
                (Some(listed), Some(there)) if listed.name < there.name => {
                    return Some(Difference::Removed(listed.name.clone()));
                }
                (Some(listed), Some(there)) if listed.name > there.name => {
                    return Some(Difference::Added(there.name.clone()));
                }
                (Some(listed), Some(there)) if listed != there => return Some(Difference::Changed(there.name.clone())),
                _ => {
                    ours.next();
                    theirs.next();
                }
            }
        }
    }
}

/// A listing from outside has one form only: sorted, each name once.
impl<'de> Deserialize<'de> for Listing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let files = Vec::<Listed>::deserialize(deserializer)?;
        if files.windows(2).any(|pair| pair[0].name >= pair[1].name) {
            return Err(serde::de::Error::custom("the files are not in the order of their names, each once"));
        }
        Ok(Self { files })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(name) => write!(f, "{name} was changed"),
            Self::Added(name) => write!(f, "{name} was added"),
            Self::Removed(name) => write!(f, "{name} was removed"),
        }
    }
}
