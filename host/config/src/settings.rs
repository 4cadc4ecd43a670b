//! What a plugin takes as settings: a JSON Schema of its author's, held to a finite form, and a tenant's values held against it.
//!
//! Neither is trusted. A schema that names other files is refused (nothing is fetched), as is one that refers to itself or unfolds without end
//! (a check would take for ever), and patterns are matched by an engine that takes linear time.

use std::{collections::BTreeMap, fmt};

use jsonschema::{
    Draft, PatternOptions, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde::Serialize;
use serde_json::Value;

/// JSON Schema 2020-12, the only dialect that is read.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Most values of a schema with every reference unfolded.
const MOST_UNFOLDED: u64 = 10_000;
/// Most faults that are told of one schema or of one tenant's values.
const MOST_FAULTS: usize = 100;

/// A schema that values can be held against.
pub struct SettingsSchema(Validator);

/// Why a schema is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaFault {
    #[error("its dialect is {found:?}")]
    OtherDialect { found: String },
    #[error("it refers to {reference:?}, which is not a place in this file")]
    OtherFile { reference: String },
    #[error("it refers to {reference:?}, where nothing stands")]
    Dangling { reference: String },
    #[error("{reference:?} refers to itself")]
    Recursive { reference: String },
    #[error("it unfolds to more than {MOST_UNFOLDED} values")]
    TooLarge,
    #[error("`{keyword}` is not used in settings")]
    Keyword { keyword: &'static str },
    /// A keyword of the schema has a value that JSON Schema does not know.
    #[error(transparent)]
    Invalid(SettingProblem),
    /// As the last resort: the library's own words.
    #[error("it cannot be used: {reason}")]
    Unusable { reason: String },
}

impl SchemaFault {
    /// One sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::OtherDialect { .. } => {
                "write \"$schema\": \"https://json-schema.org/draft/2020-12/schema\", or leave it out"
            }
            Self::OtherFile { .. } => "copy what is referred to below `$defs`, and refer to it as `#/$defs/NAME`",
            Self::Dangling { .. } => "define it below `$defs`, or mend the name",
            Self::Recursive { .. } => "write out as many levels as a person fills in",
            Self::TooLarge => "make the form smaller; nobody fills in that many settings",
            Self::Keyword { .. } => "refer to places of this file with `$ref` alone",
            Self::Invalid(_) => "mend it as JSON Schema 2020-12 has it",
            Self::Unusable { .. } => "mend it; patterns have no look-ahead, look-behind or back-references",
        }
    }
}

/// What is wrong with one value. Never quotes the value itself, which may be what nobody else shall read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingFault {
    /// JSON Pointer (RFC 6901); empty for the settings as a whole.
    pub at: String,
    #[serde(flatten)]
    pub problem: SettingProblem,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum SettingProblem {
    #[error("`{name}` is missing")]
    Missing { name: String },
    #[error("there is no setting {}", .names.join(", "))]
    Unknown { names: Vec<String> },
    #[error("it takes {wanted}")]
    WrongType { wanted: String },
    /// `allowed`: JSON, apart by commas.
    #[error("it takes one of {allowed}")]
    NotOneOf { allowed: String },
    #[error("it takes at least {least}")]
    TooSmall { least: String },
    #[error("it takes more than {bound}")]
    NotAbove { bound: String },
    #[error("it takes at most {most}")]
    TooLarge { most: String },
    #[error("it takes less than {bound}")]
    NotBelow { bound: String },
    #[error("it takes at least {least} of characters, items or keys")]
    TooShort { least: u64 },
    #[error("it takes at most {most} of characters, items or keys")]
    TooLong { most: u64 },
    #[error("it does not match {pattern:?}")]
    Pattern { pattern: String },
    #[error("it does not have the form of {format}")]
    Format { format: String },
    #[error("it holds something twice")]
    Twice,
    #[error("it does not meet `{keyword}` of the schema")]
    Other { keyword: String },
}

impl SettingProblem {
    /// One sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::Missing { name } => format!("set `{name}`"),
            Self::Unknown { .. } => "leave it out, or mend its name".into(),
            Self::Twice => "keep one of each".into(),
            Self::Other { .. } => "compare it with the schema, as `plugboard pack inspect` shows it".into(),
            _ => "change the value".into(),
        }
    }
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        self.problem.fmt(f)
    }
}

impl SettingsSchema {
    /// Reads a schema, or tells all that is wrong with it, each with its place as a JSON Pointer.
    pub fn read(schema: &Value) -> Result<Self, Vec<(String, SchemaFault)>> {
        let mut faults = Vec::new();
        if let Some(found) = schema.get("$schema").filter(|found| found.as_str() != Some(DIALECT)) {
            let found = found.as_str().unwrap_or_default().chars().take(60).collect();
            faults.push(("/$schema".to_owned(), SchemaFault::OtherDialect { found }));
        }
        if let Err((at, fault)) = (Unfolding { root: schema, costs: BTreeMap::new() }).cost(schema, &mut String::new())
        {
            faults.push((at, fault));
        }
        let meta = jsonschema::draft202012::meta::validator();
        faults.extend(meta.iter_errors(schema).take(MOST_FAULTS).map(|error| {
            let SettingFault { at, problem } = fault(&error);
            // The schema of schemas has a choice here; what nearly everybody got wrong is the word.
            let problem = match problem {
                SettingProblem::Other { .. } if at.ends_with("/type") => SettingProblem::NotOneOf {
                    allowed: "string, integer, number, boolean, object, array, null, or a list of them".to_owned(),
                },
                problem => problem,
            };
            (at, SchemaFault::Invalid(problem))
        }));
        if !faults.is_empty() {
            return Err(faults);
        }
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex());
        options.build(schema).map(Self).map_err(|error| {
            let at = error.instance_path().as_str().to_owned();
            let reason = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
            vec![(at, SchemaFault::Unusable { reason })]
        })
    }

    /// All that is wrong with a tenant's values, up to 100 faults.
    pub fn check(&self, settings: &Value) -> Vec<SettingFault> {
        self.0.iter_errors(settings).take(MOST_FAULTS).map(|error| fault(&error)).collect()
    }
}

impl fmt::Debug for SettingsSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SettingsSchema")
    }
}

/// How many values a schema has with each reference in place of what it refers to.
struct Unfolding<'a> {
    root: &'a Value,
    /// Of what is referred to; `None` while it is being counted.
    costs: BTreeMap<&'a str, Option<u64>>,
}

impl<'a> Unfolding<'a> {
    /// `at`: where `value` stands. Values nest no deeper than the reader of JSON allows.
    fn cost(&mut self, value: &'a Value, at: &mut String) -> Result<u64, (String, SchemaFault)> {
        let mut cost = 1;
        let children: Vec<(String, &'a Value)> = match value {
            Value::Object(map) => {
                for keyword in ["$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"] {
                    if map.get(keyword).is_some_and(Value::is_string) {
                        return Err((at.clone(), SchemaFault::Keyword { keyword }));
                    }
                }
                // Below the top it would turn what `#` means.
                if !at.is_empty() && map.get("$id").is_some_and(Value::is_string) {
                    return Err((at.clone(), SchemaFault::Keyword { keyword: "$id" }));
                }
                if let Some(Value::String(reference)) = map.get("$ref") {
                    cost += self.referred(reference, at)?;
                }
                map.iter().map(|(key, value)| (escaped(key), value)).collect()
            }
            Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
            _ => return Ok(cost),
        };
        for (key, child) in children {
            let length = at.len();
            at.push('/');
            at.push_str(&key);
            cost += self.cost(child, at)?;
            at.truncate(length);
            if cost > MOST_UNFOLDED {
                return Err((String::new(), SchemaFault::TooLarge));
            }
        }
        Ok(cost)
    }

    fn referred(&mut self, reference: &'a str, at: &str) -> Result<u64, (String, SchemaFault)> {
        let wrong = |fault: fn(String) -> SchemaFault| (at.to_owned(), fault(reference.chars().take(60).collect()));
        match self.costs.get(reference) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(wrong(|reference| SchemaFault::Recursive { reference })),
            None => {}
        }
        let pointer = reference.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let pointer = pointer.ok_or_else(|| wrong(|reference| SchemaFault::OtherFile { reference }))?;
        let root = self.root;
        let target = root.pointer(pointer).ok_or_else(|| wrong(|reference| SchemaFault::Dangling { reference }))?;
        self.costs.insert(reference, None);
        let cost = self.cost(target, &mut pointer.to_owned())?;
        self.costs.insert(reference, Some(cost));
        Ok(cost)
    }
}

/// A key in a JSON Pointer (RFC 6901 §3).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn fault(error: &ValidationError<'_>) -> SettingFault {
    use ValidationErrorKind as Kind;
    let problem = match error.kind() {
        Kind::Required { property } => {
            SettingProblem::Missing { name: property.as_str().unwrap_or_default().to_owned() }
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            SettingProblem::Unknown { names: unexpected.clone() }
        }
        Kind::Type { kind } => SettingProblem::WrongType { wanted: wanted(kind) },
        Kind::Enum { options } => SettingProblem::NotOneOf { allowed: listed(options) },
        Kind::Constant { expected_value } => SettingProblem::NotOneOf { allowed: expected_value.to_string() },
        Kind::Minimum { limit } => SettingProblem::TooSmall { least: limit.to_string() },
        Kind::ExclusiveMinimum { limit } => SettingProblem::NotAbove { bound: limit.to_string() },
        Kind::Maximum { limit } => SettingProblem::TooLarge { most: limit.to_string() },
        Kind::ExclusiveMaximum { limit } => SettingProblem::NotBelow { bound: limit.to_string() },
        Kind::MinLength { limit } | Kind::MinItems { limit } | Kind::MinProperties { limit } => {
            SettingProblem::TooShort { least: *limit }
        }
        Kind::MaxLength { limit } | Kind::MaxItems { limit } | Kind::MaxProperties { limit } => {
            SettingProblem::TooLong { most: *limit }
        }
        Kind::Pattern { pattern } => SettingProblem::Pattern { pattern: pattern.chars().take(60).collect() },
        Kind::Format { format } => SettingProblem::Format { format: format.clone() },
        Kind::UniqueItems => SettingProblem::Twice,
        other => SettingProblem::Other { keyword: other.keyword().to_owned() },
    };
    SettingFault { at: error.instance_path().as_str().to_owned(), problem }
}

fn wanted(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(several) => several.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or "),
    }
}

fn listed(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<String> = options.iter().take(20).map(Value::to_string).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn told(schema: &Value) -> String {
        let faults = SettingsSchema::read(schema).err().unwrap_or_default();
        faults.iter().map(|(at, fault)| format!("{at}: {fault}\n  {}\n", fault.remedy())).collect()
    }

    #[test]
    fn values_are_held_against_the_schema_and_never_quoted() {
        let schema = json!({
            "$schema": DIALECT,
            "type": "object",
            "properties": {
                "url": { "type": "string", "format": "uri" },
                "token": { "type": "string", "pattern": "^[a-z]{4}$" },
                "timeout_ms": { "type": "integer", "minimum": 1, "maximum": 300 },
                "mode": { "enum": ["fast", "slow"] },
                "lines": { "$ref": "#/$defs/lines" },
            },
            "required": ["url", "timeout_ms"],
            "additionalProperties": false,
            "$defs": { "lines": { "type": "array", "items": { "type": "string", "maxLength": 3 }, "uniqueItems": true } },
        });
        let settings = json!({ "url": "secret", "token": "secret", "mode": "secret", "lines": ["secret", "a", "a", 7], "more": 1 });
        let schema = SettingsSchema::read(&schema).unwrap();
        let mut told: Vec<String> = schema.check(&settings).iter().map(ToString::to_string).collect();
        told.sort_unstable();
        expect![[r#"
            /lines/0: it takes at most 3 of characters, items or keys
            /lines/3: it takes string
            /lines: it holds something twice
            /mode: it takes one of "fast", "slow"
            /token: it does not match "^[a-z]{4}$"
            /url: it does not have the form of uri
            `timeout_ms` is missing
            there is no setting more"#]]
        .assert_eq(&told.join("\n"));
        assert_eq!(schema.check(&json!({ "url": "https://crm.example.com", "timeout_ms": 5 })), []);
    }

    #[test]
    fn a_schema_is_right_finite_and_all_in_one_file() {
        let doubling: serde_json::Map<String, Value> = (0..40)
            .map(|level| {
                let next = format!("#/$defs/d{}", level + 1);
                (format!("d{level}"), json!({ "allOf": [{ "$ref": next }, { "$ref": next }] }))
            })
            .chain([("d40".to_owned(), json!({}))])
            .collect();
        let schemas = [
            json!({ "type": "object", "$schema": "http://json-schema.org/draft-07/schema#" }),
            json!({ "type": "object", "properties": { "a": { "type": "text" }, "b": { "minimum": "1" } } }),
            json!({ "type": "object", "$ref": "#" }),
            json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/a" } }, "$defs": { "a": { "items": { "$ref": "#/$defs/a" } } } }),
            json!({ "type": "object", "properties": { "a": { "$ref": "https://example.com/a.json" } } }),
            json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/nowhere" } } }),
            json!({ "type": "object", "$ref": "#/$defs/d0", "$defs": doubling }),
            json!({ "type": "object", "properties": { "a": { "$id": "https://example.com/" } } }),
            json!({ "type": "object", "properties": { "a": { "$dynamicRef": "#a" } } }),
            json!({ "type": "object", "properties": { "a": { "pattern": "(?=a)b" } } }),
            json!({ "type": "object", "properties": { "a": { "pattern": "(" } } }),
        ];
        expect![[r##"
            /$schema: its dialect is "http://json-schema.org/draft-07/schema#"
              write "$schema": "https://json-schema.org/draft/2020-12/schema", or leave it out
            /properties/a/type: it takes one of string, integer, number, boolean, object, array, null, or a list of them
              mend it as JSON Schema 2020-12 has it
            /properties/b/minimum: it takes number
              mend it as JSON Schema 2020-12 has it
            : "#" refers to itself
              write out as many levels as a person fills in
            /$defs/a/items: "#/$defs/a" refers to itself
              write out as many levels as a person fills in
            /properties/a: it refers to "https://example.com/a.json", which is not a place in this file
              copy what is referred to below `$defs`, and refer to it as `#/$defs/NAME`
            /properties/a: it refers to "#/$defs/nowhere", where nothing stands
              define it below `$defs`, or mend the name
            : it unfolds to more than 10000 values
              make the form smaller; nobody fills in that many settings
            /properties/a: `$id` is not used in settings
              refer to places of this file with `$ref` alone
            /properties/a: `$dynamicRef` is not used in settings
              refer to places of this file with `$ref` alone
            /properties/a/pattern: it cannot be used: "(?=a)b" is not a "regex"
              mend it; patterns have no look-ahead, look-behind or back-references
            /properties/a/pattern: it cannot be used: "(" is not a "regex"
              mend it; patterns have no look-ahead, look-behind or back-references
        "##]]
        .assert_eq(&schemas.iter().map(told).collect::<String>());
    }
}
