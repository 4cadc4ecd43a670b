//! Number lists over the wire: their numbers go in and never come out, for whoever reads the configuration needs none of them.

use std::sync::Arc;

use plugboard_model::{Configuration, NumberList};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Fault, Sha256};

/// A list of numbers: sent as its numbers, or as it was told, and then it stays.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = NumberList)]
pub(crate) enum Listed {
    /// In E.164.
    #[schema(value_type = Vec<String>)]
    Numbers(NumberList),
    Told(Told),
}

/// What is told of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    /// How many there are.
    numbers: usize,
    /// Of the numbers, each with a line feed, in the order of their bytes.
    sha256: String,
}

// By hand, so that a wrong number is told as such: of an untagged choice serde says only that none fits.
impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let read = match value {
            Value::Object(_) => serde_json::from_value(value).map(Self::Told),
            _ => serde_json::from_value(value).map(Self::Numbers),
        };
        read.map_err(D::Error::custom)
    }
}

impl From<&NumberList> for Listed {
    fn from(numbers: &NumberList) -> Self {
        Self::Told(Told::of(numbers))
    }
}

impl Told {
    fn of(numbers: &NumberList) -> Self {
        let text: String = numbers.iter().flat_map(|number| [number.as_str(), "\n"]).collect();
        Self { numbers: numbers.len(), sha256: Sha256::of(text.as_bytes()).to_string() }
    }
}

impl Listed {
    /// With the numbers of the list of that name, if none are sent.
    pub(crate) fn complete(self, name: &Arc<str>, present: &Configuration) -> Result<NumberList, Fault> {
        let told = match self {
            Self::Numbers(numbers) => return Ok(numbers),
            Self::Told(told) => told,
        };
        let kept = present.lists.get(name).filter(|list| Told::of(list) == told);
        kept.cloned().ok_or_else(|| Fault {
            field: Some(format!("lists.{name}")),
            code: "list-unknown".to_owned(),
            message: format!("list {name} is not here with this hash"),
            remedy: "send its numbers".to_owned(),
            ..Fault::default()
        })
    }
}
