//! Every answer that a test gets is held against `openapi.json`: its status is documented for its operation, and its JSON has the documented shape.

use std::sync::LazyLock;

use serde_json::Value;

use crate::client::Answered;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("../../openapi.json")).unwrap());

/// `method` and `path` as asked, query included.
pub(crate) fn check(method: &str, path: &str, answer: &Answered) {
    let path = path.split('?').next().unwrap();
    let Some(item) = DOCUMENT["paths"].as_object().unwrap().iter().find(|(template, _)| fits(template, path)) else {
        return;
    };
    let method = if method == "HEAD" { "get" } else { &method.to_lowercase() };
    let Some(operation) = item.1.get(method) else {
        assert_eq!(answer.status, 405, "{method} {path} is served and not documented");
        return;
    };
    let documented = &operation["responses"][answer.status.to_string()];
    assert!(documented.is_object(), "{method} {} may answer {}, which is not documented", item.0, answer.status);
    let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap();
    let content = documented.get("content").and_then(Value::as_object);
    // Another form that the client asked for, like CSV, is not described by a schema.
    let Some(schema) = content.and_then(|content| content.get(kind)?.get("schema")) else { return };
    if answer.body.is_empty() {
        return;
    }
    let body = serde_json::from_slice(&answer.body).expect("what is called JSON is JSON");
    let mut wrong = Vec::new();
    validate(schema, &body, "", &mut wrong);
    assert_eq!(wrong, Vec::<String>::new(), "{method} {path} answered {body}");
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(part, given)| match part.split_once('}') {
            Some((_, rest)) if part.starts_with('{') => given.ends_with(rest),
            _ => part == given,
        })
}

/// The part of JSON Schema 2020-12 that the document uses; a keyword that it does not know fails the test.
fn validate(schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else { return };
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let name = rule.as_str().unwrap().trim_start_matches("#/components/schemas/");
                validate(&DOCUMENT["components"]["schemas"][name], value, at, wrong);
            }
            "type" => {
                let types: Vec<&str> = match rule {
                    Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
                    one => one.as_str().into_iter().collect(),
                };
                if !types.iter().any(|name| is(value, name)) {
                    wrong.push(format!("{at} is {value}, not {}", types.join(" or ")));
                }
            }
            "required" => {
                for name in rule.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        wrong.push(format!("{at} lacks {name}"));
                    }
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        validate(schema, value, &format!("{at}/{name}"), wrong);
                    }
                }
            }
            "additionalProperties" => {
                let known = keywords.get("properties").and_then(Value::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(name)) {
                        continue;
                    }
                    match rule {
                        Value::Bool(false) => wrong.push(format!("{at} has {name}, which is not documented")),
                        rule => validate(rule, value, &format!("{at}/{name}"), wrong),
                    }
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    validate(rule, value, &format!("{at}/{index}"), wrong);
                }
            }
            "enum" => {
                if !rule.as_array().unwrap().contains(value) {
                    wrong.push(format!("{at} is {value}, none of {rule}"));
                }
            }
            "allOf" => {
                for schema in rule.as_array().unwrap() {
                    validate(schema, value, at, wrong);
                }
            }
            "oneOf" => {
                let fitting = rule.as_array().unwrap().iter().filter(|schema| {
                    let mut wrong = Vec::new();
                    validate(schema, value, at, &mut wrong);
                    wrong.is_empty()
                });
                if fitting.count() != 1 {
                    wrong.push(format!("{at} is {value}, which fits not one of {rule}"));
                }
            }
            "minimum" | "maximum" => {
                let (bound, number) = (rule.as_f64().unwrap(), value.as_f64());
                let within = number.is_none_or(|n| if keyword == "minimum" { n >= bound } else { n <= bound });
                if !within {
                    wrong.push(format!("{at} is {value}; {keyword} {bound}"));
                }
            }
            "description" | "format" | "writeOnly" | "propertyNames" | "default" | "title" => {}
            unknown => wrong.push(format!("this test does not know the keyword {unknown}")),
        }
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

#[test]
fn a_body_of_another_shape_is_found_out() {
    let told = |body: &str| {
        let mut wrong = Vec::new();
        let body = serde_json::from_str(body).unwrap();
        validate(&DOCUMENT["components"]["schemas"]["HostView"], &body, "", &mut wrong);
        wrong
    };
    assert_eq!(told(r#"{"version":"1","ready":true,"phase":"serving","sip":[],"alarms":[]}"#), Vec::<String>::new());
    assert_eq!(
        told(r#"{"version":1,"ready":true,"phase":"dancing","sip":[{"transport":"udp"}]}"#),
        [
            "/phase is \"dancing\", none of [\"starting\",\"serving\",\"draining\"]",
            "/sip/0 lacks address",
            "/version is 1, not string",
            " lacks alarms",
        ]
    );
}
