//! A queue's routing policy: which component orders candidates, and what it is told.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// The component that orders a queue's candidates; the queue's strategy is its native default.
///
/// In JSON a policy that is told nothing is its component's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The component's name.
    pub plugin: String,
    /// Tags of interactions whose numbers the component gets, beside [`crate::routing::VALUE`] and [`crate::routing::LAST_AGENT`], which it gets always;
    /// [`crate::routing::OCCUPANCY`] is the agent's. At most [`Policy::MOST_ATTRIBUTES`].
    pub attributes: Vec<String>,
    /// By name, at most [`Policy::MOST_SETTINGS`]. Which there are is the component's matter, but for [`Policy::RELAX_FIRST`].
    pub settings: BTreeMap<String, String>,
}

impl Policy {
    /// The setting that the host reads as well: after so many milliseconds in line the policy is first asked what may be relaxed.
    pub const RELAX_FIRST: &str = "relax-first-ms";
    /// What [`Policy::RELAX_FIRST`] may be, in milliseconds.
    pub const RELAX_FIRST_RANGE: (u32, u32) = (100, 86_400_000);
    pub const MOST_ATTRIBUTES: usize = 16;
    pub const MOST_SETTINGS: usize = 64;
    /// Bytes of an attribute's or a setting's name.
    pub const LONGEST_NAME: usize = 64;
    /// Bytes of a setting.
    pub const LONGEST_SETTING: usize = 4_096;

    /// A policy that is told nothing.
    pub fn named(plugin: &str) -> Self {
        Self { plugin: plugin.to_owned(), ..Self::default() }
    }

    /// `None`: never, unless the policy asks for it itself.
    pub fn relax_first(&self) -> Option<Duration> {
        let (least, most) = Self::RELAX_FIRST_RANGE;
        let millis = self.settings.get(Self::RELAX_FIRST)?.parse().ok()?;
        (least..=most).contains(&millis).then(|| Duration::from_millis(millis.into()))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    plugin: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    settings: BTreeMap<String, Value>,
}

/// Numbers and truths are settings too, as they are written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(i64),
    Truth(bool),
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// Not an untagged enum: of those serde says only that nothing fits.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Policy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy's name, or an object with `plugin`, `attributes` and `settings`")
    }

    fn visit_str<E: de::Error>(self, plugin: &str) -> Result<Policy, E> {
        Ok(Policy::named(plugin))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Policy, A::Error> {
        let Told { plugin, attributes, settings } = Told::deserialize(MapAccessDeserializer::new(map))?;
        let text = |value| match value {
            Value::Text(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Truth(truth) => truth.to_string(),
        };
        Ok(Policy {
            plugin,
            attributes,
            settings: settings.into_iter().map(|(name, value)| (name, text(value))).collect(),
        })
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.attributes.is_empty() && self.settings.is_empty() {
            return serializer.serialize_str(&self.plugin);
        }
        let settings = self.settings.iter().map(|(name, value)| (name.clone(), Value::Text(value.clone())));
        let told =
            Told { plugin: self.plugin.clone(), attributes: self.attributes.clone(), settings: settings.collect() };
        told.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_that_is_told_nothing_is_a_name_and_any_other_an_object() {
        let named: Policy = serde_json::from_str(r#""route-skills""#).unwrap();
        let json =
            r#"{"plugin":"acme","attributes":["emotion"],"settings":{"relax-first-ms":40000,"strict":true,"to":"x"}}"#;
        let told: Policy = serde_json::from_str(json).unwrap();
        assert_eq!(told.relax_first(), Some(Duration::from_secs(40)));
        assert_eq!(
            [serde_json::to_string(&named).unwrap(), serde_json::to_string(&told).unwrap()],
            [
                r#""route-skills""#,
                r#"{"plugin":"acme","attributes":["emotion"],"settings":{"relax-first-ms":"40000","strict":"true","to":"x"}}"#
            ]
        );
    }
}
