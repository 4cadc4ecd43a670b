//! The kinds of node: what each takes, and which exits it has.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::{
    connector::question,
    document::{
        Collect, Confirm, DIGITS, Kind, Mailbox, Menu, Node, NodeNumber, QueueChoice, Slot, Template, Validity, Value,
        Variable, Voicemail, Wait,
    },
    fields::{Fields, Place, Problems, is_key},
    hours::calendar,
    logic::{assignments, rules},
    prompts::{file_name, is_language, prompt, required_prompt, required_template, template},
};

/// What a node may refer to.
pub(crate) struct Scope<'a> {
    pub(crate) variables: &'a [Variable],
    pub(crate) numbers: &'a BTreeMap<&'a str, NodeNumber>,
    /// Every prompt that differs by language must have these.
    pub(crate) languages: &'a [String],
}

impl Scope<'_> {
    fn slot(&self, name: &str) -> Option<Slot> {
        self.variables.iter().zip(0..).find(|(variable, _)| variable.name == name).map(|(_, slot)| slot)
    }

    pub(crate) fn known_slot(&self, fields: &Fields<'_>, at: &str, name: &str) -> Option<Slot> {
        let slot = self.slot(name);
        if slot.is_none() {
            let message = format!("no variable is called {name:?}");
            fields.error(at, "unknown-variable", message, "declare it under `variables`");
        }
        slot
    }

    pub(crate) fn initial(&self, slot: Slot) -> &Value {
        &self.variables[usize::from(slot)].initial
    }
}

/// A kind with its exits, for the designer and for the check of what leaves a node.
pub(crate) struct Exits {
    pub(crate) kind: &'static str,
    pub(crate) required: &'static [&'static str],
    pub(crate) optional: &'static [&'static str],
}

/// All kinds. Each but those that end the flow also has `error`; without it, the exception flow takes over.
pub(crate) const KINDS: [Exits; 18] = [
    Exits { kind: "start", required: &["next"], optional: &[] },
    Exits { kind: "play", required: &["done"], optional: &[] },
    Exits { kind: "menu", required: &["no_input", "no_match"], optional: &[] },
    Exits { kind: "collect-digits", required: &["ok", "no_input", "invalid"], optional: &["cancelled"] },
    Exits { kind: "branch", required: &["else"], optional: &[] },
    Exits { kind: "business-hours", required: &["open", "closed"], optional: &["holiday"] },
    Exits { kind: "set-variable", required: &["next"], optional: &[] },
    Exits { kind: "set-language", required: &["next"], optional: &[] },
    Exits { kind: "set-queue", required: &["next"], optional: &[] },
    Exits { kind: "queue", required: &[], optional: &["timeout", "exit_key", "no_agents", "closed", "overflow"] },
    Exits { kind: "transfer-agent", required: &[], optional: &["no_answer", "busy", "offline"] },
    Exits { kind: "transfer-number", required: &[], optional: &["no_answer", "busy", "failed"] },
    Exits { kind: "transfer-flow", required: &[], optional: &[] },
    Exits { kind: "voicemail", required: &["recorded"], optional: &["too_short"] },
    Exits { kind: "tag", required: &["next"], optional: &[] },
    Exits { kind: "connector", required: &["ok", "failed"], optional: &["not_found"] },
    Exits { kind: "message", required: &["next"], optional: &[] },
    Exits { kind: "hang-up", required: &[], optional: &[] },
];

pub(crate) fn read_node(
    id: &str,
    json: &Json,
    place: Place<'_>,
    problems: &Problems,
    scope: &Scope<'_>,
) -> Option<Node> {
    let fields = Fields::at(json, place, problems)?;
    if id.is_empty() || id.len() > 64 || id.chars().any(char::is_control) {
        fields.error("", "bad-name", format!("{id:?} is no node id"), "1 to 64 bytes, nothing invisible");
    }
    // For people; of no effect here.
    for name in ["name", "note", "tags", "analytics_key"] {
        fields.get(name);
    }
    let word = fields.required_text("kind", "say what the node does")?;
    let Some(exits_of) = KINDS.iter().find(|exits| exits.kind == word) else {
        let known: Vec<&str> = KINDS.iter().map(|exits| exits.kind).collect();
        fields.error(
            "kind",
            "unknown-kind",
            format!("no kind of node is called {word:?}"),
            &format!("known: {}", known.join(", ")),
        );
        return None;
    };
    let kind = read_kind(&fields, word, scope);
    let exits = exits(&fields, exits_of, kind.as_ref(), scope);
    // A kind that could not be read has not asked for all its fields.
    let kind = kind?;
    fields.finish().then_some(Node { id: id.into(), kind, exits })
}

fn exits(fields: &Fields<'_>, of: &Exits, kind: Option<&Kind>, scope: &Scope<'_>) -> BTreeMap<String, NodeNumber> {
    let empty = Map::new();
    let given = match fields.get("exits") {
        Some(Json::Object(given)) => given,
        Some(other) => {
            let message = format!("{} stands where an object belongs", crate::fields::kind(other));
            fields.error("exits", "wrong-type", message, "write { \"exit\": \"node\" }");
            return BTreeMap::new();
        }
        None => &empty,
    };
    let mut wanted: Vec<&str> = of.required.to_vec();
    let mut allowed: Vec<&str> = of.optional.to_vec();
    match kind {
        Some(Kind::Branch(rules)) => wanted.extend(rules.iter().map(|rule| rule.exit.as_str())),
        Some(Kind::CollectDigits(Collect { cancel_key: Some(_), .. })) => wanted.push("cancelled"),
        Some(Kind::Queue(Wait { exit_keys, .. })) if !exit_keys.is_empty() => wanted.push("exit_key"),
        _ => {}
    }
    allowed.extend(&wanted);
    if !matches!(of.kind, "transfer-flow" | "hang-up") {
        allowed.push("error");
    }
    let place = fields.place_of("exits");
    for exit in wanted.iter().filter(|exit| !given.contains_key(**exit)) {
        let message = format!("the exit {exit:?} leads nowhere");
        fields.problems.error(&place.child(exit), "missing-exit", message, "name the node to go on with");
    }
    let is_option = |exit: &str| of.kind == "menu" && exit.chars().count() == 1 && exit.chars().all(is_key);
    let mut exits = BTreeMap::new();
    for (exit, target) in given {
        let place = place.child(exit);
        if kind.is_some() && !allowed.contains(&exit.as_str()) && !is_option(exit) {
            let message = format!("a {} has no exit {exit:?}", of.kind);
            let remedy = match &allowed[..] {
                [] => "it ends the flow: take the exit out".to_owned(),
                allowed => format!("it has: {}", allowed.join(", ")),
            };
            fields.problems.error(&place, "unknown-exit", message, &remedy);
        }
        match target.as_str().and_then(|target| scope.numbers.get(target)) {
            Some(number) => {
                exits.insert(exit.clone(), *number);
            }
            None => {
                let message = format!("the exit {exit:?} leads to {target}, which is no node");
                fields.problems.error(&place, "dangling-exit", message, "name one of the nodes");
            }
        }
    }
    if kind.is_some_and(|kind| matches!(kind, Kind::Menu(_))) {
        let options = given.keys().filter(|exit| is_option(exit)).count();
        if options == 0 {
            fields.error("exits", "no-option", "a menu without a key".into(), "add an exit named by a key, like \"1\"");
        }
        if options > 5 {
            let message = format!("{options} options are more than a caller keeps in mind");
            fields.problems.warn(&place, "many-options", message, "offer at most 5, or a second menu");
        }
    }
    exits
}

fn read_kind(fields: &Fields<'_>, word: &str, scope: &Scope<'_>) -> Option<Kind> {
    let ring_ms = || fields.number("ring_s", (1, 120), 25) * 1_000;
    Some(match word {
        "start" => Kind::Start,
        "play" => {
            let barge_in = fields.bool("barge_in", false);
            Kind::Play { prompt: required_prompt(fields, "prompt", scope)?, barge_in }
        }
        "menu" => {
            let menu = Menu {
                no_input_prompt: prompt(fields, "no_input_prompt", scope),
                no_match_prompt: prompt(fields, "no_match_prompt", scope),
                repeat_key: fields.key("repeat_key"),
                barge_in: fields.bool("barge_in", true),
                first_ms: fields.number("timeout_ms", (500, 60_000), 5_000),
                retries: small(fields.number("retries", (0, 9), 2)),
                prompt: required_prompt(fields, "prompt", scope)?,
            };
            let taken = menu
                .repeat_key
                .map(String::from)
                .filter(|key| fields.get("exits").and_then(|exits| exits.get(key)).is_some());
            if let Some(key) = taken {
                let message = format!("{key} is an option too, and would never repeat the menu");
                fields.error("repeat_key", "bad-key", message, "take another key, or the option out");
            }
            // Words for the options, for reports and the designer.
            fields.get("labels");
            Kind::Menu(menu)
        }
        "collect-digits" => collect(fields, scope)?,
        "branch" => Kind::Branch(rules(fields, scope)?),
        "business-hours" => Kind::BusinessHours(calendar(fields)),
        "set-variable" => Kind::SetVariable(assignments(fields, scope)?),
        "set-language" => {
            let language = fields.required_text("language", "give a language, like \"en\"")?;
            if !is_language(language) {
                fields.error(
                    "language",
                    "bad-language",
                    format!("{language:?} is no language"),
                    "write it as in BCP 47: \"zh-CN\"",
                );
            }
            Kind::SetLanguage(language.into())
        }
        "set-queue" => {
            let choice = choice(fields);
            if choice == QueueChoice::default() {
                fields.missing("queue", "give a queue, skills or a priority");
            }
            Kind::SetQueue(choice)
        }
        "queue" => Kind::Queue(Wait {
            choice: choice(fields),
            hold_music: fields.text("hold_music").and_then(|file| file_name(fields, "hold_music", file)),
            announce: fields.get("announce").and_then(|json| {
                let inner = Fields::at(json, fields.place_of("announce"), fields.problems)?;
                let every_ms = inner.number("every_s", (5, 3_600), 45) * 1_000;
                let prompt = required_prompt(&inner, "prompt", scope);
                inner.finish();
                Some((every_ms, prompt?))
            }),
            max_wait_ms: fields.optional_number("max_wait_s", (1, 86_400)).map(|seconds| seconds * 1_000),
            exit_keys: fields.keys("exit_keys", ""),
        }),
        "transfer-agent" => {
            let ring_ms = ring_ms();
            Kind::TransferAgent { agent: target(fields, "agent", scope)?, ring_ms }
        }
        "transfer-number" => {
            let ring_ms = ring_ms();
            Kind::TransferNumber { number: target(fields, "number", scope)?, ring_ms }
        }
        "transfer-flow" => {
            fields.required_text("flow", "name the flow that goes on")?;
            Kind::TransferFlow { flow: name(fields, "flow")? }
        }
        "voicemail" => Kind::Voicemail(Voicemail {
            greeting: prompt(fields, "greeting", scope),
            max_ms: fields.number("max_s", (1, 600), 120) * 1_000,
            min_ms: fields.number("min_s", (0, 60), 1) * 1_000,
            silence_ms: fields.number("silence_s", (0, 60), 5) * 1_000,
            beep: fields.bool("beep", true),
            end_keys: fields.keys("end_keys", "#"),
            mailbox: mailbox(fields),
        }),
        "tag" => {
            let Some(Json::Object(tags)) = fields.get("set") else {
                fields.missing("set", "write { \"name\": \"value\" }");
                return None;
            };
            let misnamed =
                tags.keys().find(|name| !(1..=64).contains(&name.len()) || name.chars().any(char::is_control));
            if let Some(name) = misnamed {
                fields.error("set", "bad-name", format!("{name:?} is no name"), "1 to 64 bytes, nothing invisible");
            }
            if tags.len() > 16 {
                fields.error("set", "out-of-range", format!("{} tags", tags.len()), "set at most 16 in one node");
            }
            let tag =
                |(name, json): (&String, &Json)| Some((name.clone(), template(fields, "set", json.as_str()?, scope)?));
            let read: Option<Vec<_>> = tags.iter().map(tag).collect();
            if read.is_none() {
                fields.error(
                    "set",
                    "wrong-type",
                    "a tag's value is no text".into(),
                    "write text; a variable is \"{name}\"",
                );
            }
            Kind::Tag(read?)
        }
        "connector" => Kind::Connector(question(fields, scope)?),
        "message" => {
            let text = fields.required_text("text", "write what the caller is sent; a variable is {name}")?;
            Kind::Message {
                text: template(fields, "text", text, scope)?,
                template: fields.text("template").map(str::to_owned),
            }
        }
        "hang-up" => {
            let cause = fields.number("cause", (1, 127), 16);
            Kind::HangUp { prompt: prompt(fields, "prompt", scope), cause: u16::try_from(cause).unwrap_or(16) }
        }
        _ => return None,
    })
}

fn collect(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<Kind> {
    let (min, max) = (small(fields.number("min", (1, 64), 1)), small(fields.number("max", (1, 64), 20)));
    if min > max {
        fields.error(
            "min",
            "out-of-range",
            format!("at least {min} of at most {max} digits"),
            "let `min` be at most `max`",
        );
    }
    let mut valid = Validity::default();
    if let Some(inner) =
        fields.get("valid").and_then(|json| Fields::at(json, fields.place_of("valid"), fields.problems))
    {
        valid.luhn = inner.bool("luhn", false);
        let numbers = |name| {
            inner
                .get(name)
                .and_then(Json::as_array)
                .map(|list| list.iter().map(Json::as_u64).collect::<Option<Vec<_>>>())
        };
        match numbers("range") {
            None => {}
            Some(Some(range)) if range.len() == 2 && range[0] <= range[1] => valid.range = Some((range[0], range[1])),
            Some(_) => inner.error("range", "wrong-type", "no range".into(), "write [least, most]"),
        }
        match numbers("lengths") {
            None => {}
            Some(Some(lengths)) if lengths.iter().all(|length| (u64::from(min)..=u64::from(max)).contains(length)) => {
                valid.lengths = lengths.into_iter().filter_map(|length| u8::try_from(length).ok()).collect();
            }
            Some(_) => inner.error(
                "lengths",
                "out-of-range",
                "lengths outside of `min` to `max`".into(),
                "list lengths between them",
            ),
        }
        inner.finish();
    }
    let confirm = fields.get("confirm").and_then(|json| {
        let inner = Fields::at(json, fields.place_of("confirm"), fields.problems)?;
        let confirm = Confirm {
            before: prompt(&inner, "before", scope),
            after: prompt(&inner, "after", scope),
            yes: inner.key("yes").unwrap_or('1'),
        };
        for (name, prompt) in [("before", &confirm.before), ("after", &confirm.after)] {
            // Both and the digits are one prompt, of 16 sources at most.
            if prompt.iter().flat_map(|prompt| &prompt.0).any(|(_, sources)| sources.len() > 7) {
                inner.error(name, "out-of-range", "more than 7 sources".into(), "give at most 7");
            }
        }
        inner.finish();
        Some(confirm)
    });
    let secret = fields.bool("secret", false);
    if secret && confirm.is_some() {
        fields.error(
            "confirm",
            "secret-read-back",
            "secret digits would be read aloud".into(),
            "drop `confirm` or `secret`",
        );
    }
    let into = match fields.text("into") {
        None => DIGITS,
        Some(name) => scope.known_slot(fields, "into", name)?,
    };
    if !matches!(scope.initial(into), Value::Text(_)) || (into < DIGITS) {
        fields.error(
            "into",
            "type-mismatch",
            "digits fit only a text variable of the flow's own".into(),
            "declare it with \"\"",
        );
    }
    let (terminators, cancel_key) = (fields.keys("terminator", "#"), fields.key("cancel_key"));
    if cancel_key.is_some_and(|key| terminators.contains(key)) {
        let message = "the key that cancels ends the digits as well, and is not seen".into();
        fields.error("cancel_key", "bad-key", message, "take another key");
    }
    Some(Kind::CollectDigits(Collect {
        no_input_prompt: prompt(fields, "no_input_prompt", scope),
        invalid_prompt: prompt(fields, "invalid_prompt", scope),
        into,
        min,
        max,
        terminators,
        cancel_key,
        barge_in: fields.bool("barge_in", true),
        secret,
        first_ms: fields.number("timeout_ms", (500, 60_000), 5_000),
        between_ms: fields.number("between_ms", (500, 60_000), 3_000),
        retries: small(fields.number("retries", (0, 9), 2)),
        valid,
        confirm,
        prompt: required_prompt(fields, "prompt", scope)?,
    }))
}

fn choice(fields: &Fields<'_>) -> QueueChoice {
    let skills = match fields.get("skills") {
        None => None,
        Some(Json::Object(skills)) if skills.len() <= 16 => {
            let level = |json: &Json| {
                json.as_u64().and_then(|level| u8::try_from(level).ok()).filter(|level| (1..=10).contains(level))
            };
            let read: Option<Vec<_>> = skills
                .iter()
                .map(|(skill, json)| Some((skill.clone(), level(json)?)).filter(|_| is_name(skill)))
                .collect();
            if read.is_none() {
                fields.error(
                    "skills",
                    "out-of-range",
                    "a skill's level is no 1 to 10".into(),
                    "write { \"english\": 5 }",
                );
            }
            read
        }
        Some(_) => {
            fields.error(
                "skills",
                "wrong-type",
                "`skills` is no object of at most 16 skills".into(),
                "write { \"english\": 5 }",
            );
            None
        }
    };
    QueueChoice {
        queue: name(fields, "queue"),
        priority: fields.optional_number("priority", (0, 9)).map(small),
        skills,
    }
}

/// Where a transfer goes: a name, or one that is made in the call.
fn target(fields: &Fields<'_>, field: &'static str, scope: &Scope<'_>) -> Option<Template> {
    let to = required_template(fields, field, scope)?;
    if to.variables().next().is_none() {
        name(fields, field)?;
    }
    Some(to)
}

fn mailbox(fields: &Fields<'_>) -> Option<Mailbox> {
    let inner = Fields::at(fields.get("mailbox")?, fields.place_of("mailbox"), fields.problems)?;
    let (queue, agent) = (name(&inner, "queue"), name(&inner, "agent"));
    if queue.is_some() == agent.is_some() {
        inner.error(
            "",
            "bad-mailbox",
            "a mailbox belongs to one queue or one agent".into(),
            "write { \"queue\": \"sales\" }",
        );
    }
    inner.finish();
    queue.map(Mailbox::Queue).or(agent.map(Mailbox::Agent))
}

/// The name of a resource: 1 to 64 bytes of letters, digits and a few marks.
pub(crate) fn name(fields: &Fields<'_>, field: &'static str) -> Option<String> {
    let text = fields.text(field)?;
    if !is_name(text) {
        let remedy = "use 1 to 64 bytes of letters, digits, '-', '_', '.' and '+'";
        fields.error(field, "bad-name", format!("{text:?} is no name"), remedy);
        return None;
    }
    Some(text.into())
}

/// What the host takes for the name of a resource, a number to dial included.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
}

/// For numbers that [`Fields::number`] has bounded.
fn small(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
