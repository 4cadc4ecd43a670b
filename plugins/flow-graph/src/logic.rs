//! What a document says about variables: conditions and assignments.

use serde_json::Value as Json;

use crate::{
    document::{Assign, Condition, DIGITS, LANGUAGE, Rule, Slot, Test, Value},
    fields::{Fields, Place, kind},
    kinds::Scope,
    prompts::template,
};

const MAX_RULES: usize = 100;

pub(crate) fn rules(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<Vec<Rule>> {
    let Some(Json::Array(list)) = fields.get("rules") else {
        fields.missing("rules", "write [{ \"variable\": …, \"is\": …, \"value\": …, \"exit\": … }]");
        return None;
    };
    if list.len() > MAX_RULES {
        fields.error("rules", "out-of-range", format!("{} rules", list.len()), "give at most 100, or a second branch");
    }
    list.iter()
        .zip(0..)
        .map(|(json, index): (&Json, usize)| {
            let rule = Fields::at(
                json,
                Place { pointer: fields.place_of("rules").child(&index.to_string()).pointer, ..fields.place },
                fields.problems,
            )?;
            let exit = rule.required_text("exit", "name the exit that this rule takes")?.to_owned();
            let conditions = match rule.get("all") {
                Some(Json::Array(all)) => all
                    .iter()
                    .map(|json| {
                        let inner = Fields::at(json, rule.place_of("all"), fields.problems)?;
                        let condition = condition(&inner, scope);
                        inner.finish();
                        condition
                    })
                    .collect::<Option<Vec<_>>>()?,
                _ => vec![condition(&rule, scope)?],
            };
            if exit.len() > 64 || exit.chars().any(char::is_control) {
                rule.error("exit", "bad-name", format!("{exit:?} is no exit"), "1 to 64 bytes, nothing invisible");
            }
            rule.finish().then_some(Rule { conditions, exit })
        })
        .collect()
}

fn condition(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<Condition> {
    let variable = scope.known_slot(fields, "variable", fields.required_text("variable", "name a variable")?)?;
    let word = fields.required_text("is", "say how to compare, like \"==\"")?;
    let Some((_, test)) = Test::ALL.iter().find(|(name, _)| *name == word) else {
        let known: Vec<&str> = Test::ALL.iter().map(|(name, _)| *name).collect();
        fields.error(
            "is",
            "unknown-test",
            format!("nothing compares by {word:?}"),
            &format!("known: {}", known.join(" ")),
        );
        return None;
    };
    let given = fields.get("value");
    let values: Option<Vec<Value>> = match (test, given) {
        (Test::In, Some(Json::Array(list))) if list.len() <= 1_000 => list.iter().map(value).collect(),
        (Test::In, _) => None,
        (_, given) => given.and_then(value).map(|value| vec![value]),
    };
    let Some(values) = values else {
        fields.error(
            "value",
            "wrong-type",
            "no value to compare with".into(),
            "give text, a whole number, true or false; for `in` a list of them",
        );
        return None;
    };
    let initial = scope.initial(variable);
    let fits = |value: &Value| {
        value.kind() == initial.kind()
            && match test {
                Test::Contains | Test::StartsWith => matches!(value, Value::Text(_)),
                Test::Less | Test::LessOrEqual | Test::Greater | Test::GreaterOrEqual => {
                    matches!(value, Value::Number(_))
                }
                Test::Equal | Test::NotEqual | Test::In => true,
            }
    };
    if let Some(wrong) = values.iter().find(|value| !fits(value)) {
        let message =
            format!("a variable that holds {} cannot be tested with {word} against {}", initial.kind(), wrong.kind());
        fields.error("value", "type-mismatch", message, "compare values of one type; < and > are for numbers");
        return None;
    }
    Some(Condition { variable, test: *test, values })
}

pub(crate) fn assignments(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<Vec<(Slot, Assign)>> {
    let Some(Json::Object(set)) = fields.get("set") else {
        fields.missing("set", "write { \"variable\": value }");
        return None;
    };
    set.iter()
        .map(|(name, json)| {
            let slot = scope.known_slot(fields, "set", name)?;
            if slot <= DIGITS {
                let remedy =
                    if slot == LANGUAGE { "use a set-language node" } else { "copy it to a variable of your own" };
                fields.error("set", "reserved-variable", format!("{name} belongs to the host"), remedy);
                return None;
            }
            let assign = match (scope.initial(slot), json) {
                (Value::Text(_), Json::String(text)) => Assign::Text(template(fields, "set", text, scope)?),
                (Value::Number(_), Json::Object(add)) if add.len() == 1 && add.get("add").is_some_and(Json::is_i64) => {
                    Assign::Add(add["add"].as_i64().unwrap_or_default())
                }
                (initial, json) => match value(json).filter(|value| value.kind() == initial.kind()) {
                    Some(value) => Assign::To(value),
                    None => {
                        let message = format!("{name} holds {}, not {}", initial.kind(), kind(json));
                        fields.error(
                            "set",
                            "type-mismatch",
                            message,
                            "give a value of the variable's type; numbers take { \"add\": 1 }",
                        );
                        return None;
                    }
                },
            };
            Some((slot, assign))
        })
        .collect()
}

/// A variable's value; text of at most 1,024 bytes.
pub(crate) fn value(json: &Json) -> Option<Value> {
    match json {
        Json::String(text) if text.len() <= 1_024 => Some(Value::Text(text.clone())),
        Json::Number(number) => number.as_i64().map(Value::Number),
        Json::Bool(yes) => Some(Value::Bool(*yes)),
        _ => None,
    }
}
