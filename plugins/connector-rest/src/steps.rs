//! What an operation or an event sends: one request, or one after it was looked up what there is over there.
//!
//! ```text
//!   lookup ─ found ──► the request, with what was found in its places
//!          └ nothing ► `otherwise`; without one nothing is sent
//! ```

use serde_json::Value;

use crate::{
    answer::Answer,
    contract::exports::plugboard::plugin::connector::{Failure, FailureCode},
    contract::plugboard::plugin::http::Response,
    exchange::{Exchange, Facts},
    failure,
    mapping::{Mapping, Shared},
    read::{Faults, Object, below},
    template::Template,
};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steps {
    lookup: Option<Lookup>,
    exchange: Exchange,
}

/// Changes nothing over there.
#[derive(Clone, Debug, PartialEq)]
struct Lookup {
    exchange: Exchange,
    /// Its output is what `{found.NAME}` stands for.
    answer: Answer,
    otherwise: Option<(Exchange, Answer)>,
}

/// What came of it.
pub(crate) enum Came<'a> {
    Response(Response),
    /// Of `otherwise`, whose answer stands elsewhere.
    Other(Response, &'a Answer),
    /// The lookup found nothing, and nothing else was to be sent.
    Nothing,
}

impl Steps {
    /// The members of a request, and `lookup` and `otherwise` beside them.
    pub(crate) fn read(at: &str, object: &mut Object<'_>, shared: &Shared, faults: &mut Faults) -> Self {
        let lookup = object.take("lookup");
        let otherwise = object.take("otherwise");
        let exchange = Exchange::read(at, object, shared, faults);
        let step = |name: &str, value: Value, faults: &mut Faults| {
            let at = below(at, name);
            let mut object = Object::new(&at, value, faults);
            let exchange = Exchange::read(&at, &mut object, shared, faults);
            if exchange.names(&Template::names_the_found) {
                faults.add(&at, "nothing is found there yet", "write {found.NAME} beside `lookup` only");
            }
            let answer = Answer::read(&at, &mut object, faults);
            object.end(faults);
            (exchange, answer)
        };
        if lookup.is_none() && exchange.names(&Template::names_the_found) {
            faults.add(at, "{found.NAME} stands for nothing", "write a member `lookup` that finds it");
        }
        if lookup.is_none() && otherwise.is_some() {
            faults.add(&below(at, "otherwise"), "there is no `lookup`", "write one, or leave `otherwise` out");
        }
        let otherwise = otherwise.map(|value| step("otherwise", value, faults));
        let lookup = lookup.map(|value| {
            let (exchange, answer) = step("lookup", value, faults);
            Lookup { exchange, answer, otherwise }
        });
        Self { lookup, exchange }
    }

    pub(crate) fn names_a_token(&self) -> bool {
        let lookup = self.lookup.iter();
        let beside = lookup.flat_map(|lookup| {
            let otherwise = lookup.otherwise.iter().map(|(exchange, _)| exchange);
            otherwise.chain([&lookup.exchange])
        });
        beside.chain([&self.exchange]).any(Exchange::names_a_token)
    }

    /// `once`: what is sent has the key of the wish, for it changes something over there.
    pub(crate) fn run(
        &self,
        mapping: &Mapping,
        mut facts: Facts<'_>,
        not_found: &[u16],
        most_ms: Option<u32>,
        once: bool,
    ) -> Result<Came<'_>, Failure> {
        let send = |exchange: &Exchange, facts: Facts<'_>, not_found: &[u16]| {
            let exchange = if once { &exchange.clone().once() } else { exchange };
            mapping.send(exchange, facts, not_found, most_ms)
        };
        if let Some(Lookup { exchange, answer, otherwise }) = &self.lookup {
            let looked = mapping.send(exchange, facts.clone(), &answer.not_found, most_ms);
            match looked.and_then(|response| answer.value(&response)) {
                Ok(found) => facts.found = found,
                Err(Failure { code: FailureCode::NotFound, .. }) => {
                    let Some((exchange, answer)) = otherwise else { return Ok(Came::Nothing) };
                    return send(exchange, facts, &answer.not_found).map(|response| Came::Other(response, answer));
                }
                Err(failure) => return Err(failure),
            }
        }
        send(&self.exchange, facts, not_found).map(Came::Response)
    }
}

impl Came<'_> {
    /// As JSON. `answer`: where it stands in the response to the request itself.
    pub(crate) fn output(&self, answer: &Answer) -> Result<String, Failure> {
        match self {
            Self::Response(response) => answer.output(response),
            Self::Other(response, answer) => answer.output(response),
            Self::Nothing => Err(failure(FailureCode::NotFound, "the lookup found none", None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use super::*;
    use crate::{
        World,
        contract::{
            exports::plugboard::plugin::connector::{Call, Event},
            plugboard::plugin::http,
        },
        read::Fault,
    };

    const MAPPING: &str = r#"{
        "base": "https://crm.example.com",
        "words": { "way": { "inbound": "IN" } },
        "operations": { "save": {
            "writes": true,
            "lookup": { "path": "/find", "query": { "phone": "{input.phone}" }, "found": "/items/0", "output": { "id": "/items/0/id" } },
            "method": "PUT", "path": "/customers/{found.id}", "body": { "id": "{found.id}", "text": "{found.id|text}" },
            "output": { "id": "/id" },
            "otherwise": { "method": "POST", "path": "/customers", "body": { "phone": "{input.phone}" }, "output": { "id": "/made/0" } }
        } },
        "events": { "interaction-ended": {
            "lookup": { "path": "/find", "found": "/items/0", "output": { "id": "/items/0/id" } },
            "method": "POST", "path": "/customers/{found.id}/calls", "body": { "way": "{input.direction|way}", "ms": "{input.ms|text}" }
        } }
    }"#;

    /// Answers one after the other, and keeps what it was asked.
    struct Crm {
        answers: RefCell<Vec<(u16, Value)>>,
        asked: RefCell<Vec<String>>,
    }

    impl Crm {
        fn with(answers: &[(u16, Value)]) -> Self {
            Self { answers: RefCell::new(answers.iter().rev().cloned().collect()), asked: RefCell::default() }
        }
    }

    impl World for Crm {
        fn fetch(&self, request: &http::Request) -> Result<Response, http::Failure> {
            let once = request.headers.iter().any(|header| header.name == "Idempotency-Key");
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let path = request.url.trim_start_matches("https://crm.example.com").to_owned();
            let once = if once { " once" } else { "" };
            self.asked.borrow_mut().push(format!("{} {path} {body}{once}", request.method));
            let (status, body) = self.answers.borrow_mut().pop().expect("an answer");
            Ok(Response { status, headers: vec![], body: body.to_string().into(), url: String::new(), extra: vec![] })
        }

        fn secret(&self, _: &str) -> Option<String> {
            None
        }

        fn kept(&self) -> Option<String> {
            None
        }

        fn keep(&self, _: Option<&str>, _: Option<u64>) {}
    }

    fn save(crm: &Crm) -> Result<String, FailureCode> {
        let call = Call {
            operation: "save".into(),
            input: json!({ "phone": "+861" }).to_string(),
            key: "k".into(),
            interaction: None,
            at_ms: 0,
            timeout_ms: 300,
            extra: vec![],
        };
        let mapping = Mapping::parse(MAPPING).expect("a mapping");
        mapping.invoke(crm, call).map(|output| output.json).map_err(|failure| failure.code)
    }

    #[test]
    fn what_is_there_is_changed_and_what_is_not_is_made() {
        let there = Crm::with(&[(200, json!({ "items": [{ "id": 7 }] })), (200, json!({ "id": 7 }))]);
        assert_eq!(save(&there), Ok(r#"{"id":7}"#.to_owned()));
        assert_eq!(there.asked.take(), ["GET /find?phone=%2B861 ", r#"PUT /customers/7 {"id":7,"text":"7"} once"#]);
        let new = Crm::with(&[(200, json!({ "items": [] })), (201, json!({ "made": [8] }))]);
        assert_eq!(save(&new), Ok(r#"{"id":8}"#.to_owned()));
        assert_eq!(new.asked.take(), ["GET /find?phone=%2B861 ", r#"POST /customers {"phone":"+861"} once"#]);
    }

    /// Nobody is made twice because the other system did not answer.
    #[test]
    fn a_lookup_that_fails_is_no_lookup_that_finds_nothing() {
        for (status, code) in
            [(503, FailureCode::Unreachable), (401, FailureCode::Denied), (400, FailureCode::BadAnswer)]
        {
            let crm = Crm::with(&[(status, json!({}))]);
            assert_eq!((save(&crm), crm.asked.take().len()), (Err(code), 1));
        }
        let nameless = Crm::with(&[(200, json!({ "items": [{ "name": "x" }] }))]);
        assert_eq!((save(&nameless), nameless.asked.take().len()), (Err(FailureCode::BadAnswer), 1));
    }

    #[test]
    fn an_event_about_nobody_whom_they_know_is_not_sent_and_words_are_theirs() {
        let event = || Event {
            id: "e".into(),
            kind: "interaction-ended".into(),
            at_ms: 0,
            attempt: 1,
            json: json!({ "direction": "inbound", "ms": 60_000 }).to_string(),
            extra: vec![],
        };
        let mapping = Mapping::parse(MAPPING).expect("a mapping");
        let nobody = Crm::with(&[(200, json!({ "items": [] }))]);
        assert_eq!((mapping.on_event(&nobody, event()), nobody.asked.take().len()), (Ok(()), 1));
        let known = Crm::with(&[(200, json!({ "items": [{ "id": "a/b" }] })), (201, json!({}))]);
        assert_eq!(mapping.on_event(&known, event()), Ok(()));
        assert_eq!(known.asked.take()[1], r#"POST /customers/a%2Fb/calls {"ms":"60000","way":"IN"} once"#);
    }

    #[test]
    fn a_place_without_a_lookup_and_words_that_there_are_not_are_faults() {
        let mapping = json!({
            "base": "https://crm.example.com",
            "words": { "text": {}, "way": { "inbound": 1 } },
            "operations": {
                "a": { "path": "/{found.id}" },
                "b": { "path": "/x", "otherwise": { "path": "/y" } },
                "c": { "lookup": { "path": "/{found.id}" }, "body": ["{input.x|size}"], "otherwise": { "path": "/{found.id}" } }
            }
        });
        let faults = Mapping::parse(&mapping.to_string()).expect_err("faults");
        let told: Vec<String> = faults.iter().map(|Fault { at, message, .. }| format!("{at} {message}")).collect();
        assert_eq!(
            told,
            [
                "/words/text a list's name is not fit for one",
                "/words/way/inbound this is no text",
                "/operations/a {found.NAME} stands for nothing",
                "/operations/b/otherwise there is no `lookup`",
                "/operations/c a place names words that there are not",
                "/operations/c/otherwise nothing is found there yet",
                "/operations/c/lookup nothing is found there yet",
            ]
        );
    }
}
