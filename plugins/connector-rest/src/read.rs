//! Reads a document member by member, and says of each that does not fit where it stands and what to do.

use serde_json::{Map, Value};

/// What is wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// JSON Pointer (RFC 6901).
    pub(crate) at: String,
    pub(crate) message: String,
    pub(crate) remedy: &'static str,
}

/// Most faults that are told: who has that many mends the first ones first.
const MOST: usize = 100;

#[derive(Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, at: &str, message: impl Into<String>, remedy: &'static str) {
        if self.0.len() < MOST {
            self.0.push(Fault { at: at.to_owned(), message: message.into(), remedy });
        }
    }
}

/// The pointer of a member.
pub(crate) fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// An object of which every member has to be asked for.
pub(crate) struct Object<'a> {
    at: &'a str,
    members: Map<String, Value>,
}

impl<'a> Object<'a> {
    pub(crate) fn new(at: &'a str, value: Value, faults: &mut Faults) -> Self {
        match value {
            Value::Object(members) => Self { at, members },
            _ => {
                faults.add(at, "this is no object", "write an object of members, as MAPPING.md shows");
                Self { at, members: Map::new() }
            }
        }
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, name: &str, faults: &mut Faults) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => {
                faults.add(&below(self.at, name), "this is no text", "write it between quotes");
                None
            }
        }
    }

    pub(crate) fn flag(&mut self, name: &str, faults: &mut Faults) -> bool {
        match self.take(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => {
                faults.add(&below(self.at, name), "this is neither true nor false", "write true or false");
                false
            }
        }
    }

    /// Each member of an object, with its pointer.
    pub(crate) fn members(&mut self, name: &str, faults: &mut Faults) -> Vec<(String, String, Value)> {
        let at = below(self.at, name);
        let Some(value) = self.take(name) else { return Vec::new() };
        let Value::Object(members) = value else {
            faults.add(&at, "this is no object", "write an object of members, as MAPPING.md shows");
            return Vec::new();
        };
        members.into_iter().map(|(name, value)| (below(&at, &name), name, value)).collect()
    }

    /// Nobody asked for what is left.
    pub(crate) fn end(self, faults: &mut Faults) {
        for name in self.members.keys() {
            faults.add(&below(self.at, name), "there is no such member", "see MAPPING.md for those that there are");
        }
    }
}
