//! A flow's words into the host's: what is not right does not get in.

use plugboard_model::{
    flow::{self as host, MAX_ACTIONS, MAX_STATE, MAX_TRAIL},
    routing::MAX_NEEDS,
};

use super::{Description, NodeKind};
use crate::{
    BadAnswer,
    bindings::{common, flow, flow_types as wit},
    door,
    world::{Checked, words},
};

const FIRST_KEY_MS: u32 = 120_000;
const NEXT_KEY_MS: u32 = 60_000;
const DAY_MS: u32 = 86_400_000;
const JSON: usize = 64 * 1024;

/// `hung_up`: the event was the last one, so only what needs no line is let through.
pub(crate) fn stepped(stepped: flow::Stepped, hung_up: bool) -> Checked<host::Stepped> {
    door::at_most("bytes of state", MAX_STATE, stepped.state.len())?;
    door::at_most("actions", MAX_ACTIONS, stepped.actions.len())?;
    door::at_most("visits", MAX_TRAIL, stepped.trail.len())?;
    let mut actions: Vec<host::Action> = Vec::with_capacity(stepped.actions.len());
    for action in stepped.actions {
        let token = action.token;
        if actions.last().is_some_and(|last| token <= last.token) {
            return Err(BadAnswer::TokenNotRising { token });
        }
        actions.push(host::Action { token, what: effect(action.what)? });
    }
    if let Some(last) = actions.iter().position(|action| matches!(action.what, host::Effect::HangUp { .. })) {
        actions.truncate(last + 1);
    }
    if hung_up {
        actions.retain(|action| {
            matches!(action.what, host::Effect::Tag(_) | host::Effect::Invoke(_) | host::Effect::Other(_))
        });
    }
    let visit = |visit: flow::Visit| {
        let exit = visit.exit.map(|exit| door::line("exit", 64, exit)).transpose()?;
        Ok(host::Visit { node: door::line("node", 64, visit.node)?, exit })
    };
    let trail = stepped.trail.into_iter().map(visit).collect::<Checked<_>>()?;
    Ok(host::Stepped { state: stepped.state, actions, trail })
}

fn effect(effect: wit::Effect) -> Checked<host::Effect> {
    use host::Effect as Host;
    use wit::Effect;
    Ok(match effect {
        Effect::PickUp => Host::PickUp,
        Effect::Play(prompt) => Host::Play(self::prompt(prompt)?),
        Effect::Gather(gather) => Host::Gather(host::Gather {
            prompt: gather.prompt.map(prompt).transpose()?,
            max_digits: door::within("max-digits", (1, 64), gather.max_digits)?,
            first_ms: door::within("first-ms", (0, FIRST_KEY_MS), gather.first_ms)?,
            between_ms: door::within("between-ms", (0, NEXT_KEY_MS), gather.between_ms)?,
            terminators: door::keys("terminators", gather.terminators)?,
            secret: gather.secret,
        }),
        Effect::Listen(listen) => Host::Listen(host::Listen {
            prompt: listen.prompt.map(prompt).transpose()?,
            first_ms: door::within("first-ms", (0, FIRST_KEY_MS), listen.first_ms)?,
            max_ms: door::within("max-ms", (0, FIRST_KEY_MS), listen.max_ms)?,
            grammar: listen.grammar.map(|grammar| door::file("grammar", grammar)).transpose()?,
        }),
        Effect::Enqueue(enqueue) => Host::Enqueue(self::enqueue(enqueue)?),
        Effect::Transfer(wit::Transfer { to, ring_ms }) => {
            let to = match to {
                wit::Target::Agent(agent) => host::Target::Agent(door::name("agent", agent)?),
                wit::Target::Number(number) => host::Target::Number(door::name("number", number)?),
                wit::Target::Flow(flow) => host::Target::Flow(door::name("flow", flow)?),
                wit::Target::Other(open) => return Ok(Host::Other(self::open(open)?)),
            };
            let least = if matches!(to, host::Target::Flow(_)) { 0 } else { 1_000 };
            Host::Transfer(host::Transfer { to, ring_ms: door::within("ring-ms", (least, 120_000), ring_ms)? })
        }
        Effect::Invoke(invoke) => Host::Invoke(host::Invoke {
            connector: door::line("connector", 64, invoke.connector)?,
            operation: door::line("operation", 64, invoke.operation)?,
            json: door::text("json", JSON, invoke.json)?,
            timeout_ms: door::within("timeout-ms", (1, 10_000), invoke.timeout_ms)?,
        }),
        Effect::Record(record) => {
            let mailbox = match record.mailbox {
                None => None,
                Some(wit::Mailbox::Queue(queue)) => Some(host::Mailbox::Queue(door::name("mailbox", queue)?)),
                Some(wit::Mailbox::Agent(agent)) => Some(host::Mailbox::Agent(door::name("mailbox", agent)?)),
                Some(wit::Mailbox::Other(open)) => return Ok(Host::Other(self::open(open)?)),
            };
            Host::Record(host::Record {
                max_ms: door::within("max-ms", (1, 600_000), record.max_ms)?,
                silence_ms: door::within("silence-ms", (0, 600_000), record.silence_ms)?,
                beep: record.beep,
                end_keys: door::keys("end-keys", record.end_keys)?,
                mailbox,
            })
        }
        Effect::Send(wit::Outgoing { text, template }) => Host::Send(host::Outgoing {
            text: door::text("text", 4_096, text)?,
            template: template.map(|template| door::line("template", 64, template)).transpose()?,
        }),
        Effect::Timer(after_ms) => Host::Timer { after_ms: door::within("timer", (0, DAY_MS), after_ms)? },
        Effect::Cancel(token) => Host::Cancel(token),
        Effect::Tag(common::Setting { name, value }) => {
            Host::Tag(host::Setting { name: door::line("tag", 64, name)?, value: door::line("tag", 1_024, value)? })
        }
        Effect::HangUp(cause) => {
            let value = cause.into();
            Host::HangUp {
                cause: host::Cause::from_q850(cause).ok_or(BadAnswer::OutOfRange { field: "cause", value })?,
            }
        }
        Effect::Other(open) => Host::Other(self::open(open)?),
    })
}

fn enqueue(enqueue: wit::Enqueue) -> Checked<host::Enqueue> {
    door::at_most("skills", MAX_NEEDS, enqueue.skills.len())?;
    let skill = |need: wit::SkillNeed| {
        Ok(host::SkillNeed {
            skill: door::name("skill", need.skill)?,
            level: door::within("level", (1, 10), need.level)?,
        })
    };
    let announce = |announce: wit::Announce| {
        let every_ms = door::within("every-ms", (5_000, DAY_MS), announce.every_ms)?;
        Ok(host::Announce { every_ms, prompt: prompt(announce.prompt)? })
    };
    Ok(host::Enqueue {
        queue: door::name("queue", enqueue.queue)?,
        priority: door::within("priority", (0, 9), enqueue.priority)?,
        skills: enqueue.skills.into_iter().map(skill).collect::<Checked<_>>()?,
        timeout_ms: enqueue.timeout_ms.map(|ms| door::within("timeout-ms", (1, DAY_MS), ms)).transpose()?,
        hold_music: enqueue.hold_music.map(|file| door::file("hold-music", file)).transpose()?,
        announce: enqueue.announce.map(announce).transpose()?,
        exit_keys: door::keys("exit-keys", enqueue.exit_keys)?,
    })
}

fn prompt(prompt: wit::Prompt) -> Checked<host::Prompt> {
    door::at_most("sources", 16, prompt.sources.len())?;
    let source = |source: wit::Source| {
        Ok(match source {
            wit::Source::File(file) => host::Source::File(door::file("file", file)?),
            wit::Source::Text(text) => host::Source::Text(door::text("text", 1_000, text)?),
            wit::Source::Digits(digits) => host::Source::Digits(door::keys("digits", digits)?),
            wit::Source::Number(number) => host::Source::Number(number),
            wit::Source::Position => host::Source::Position,
            wit::Source::Other(open) => host::Source::Other(self::open(open)?),
        })
    };
    Ok(host::Prompt {
        sources: prompt.sources.into_iter().map(source).collect::<Checked<_>>()?,
        language: door::line("language", 35, prompt.language)?,
        barge_in: prompt.barge_in,
    })
}

fn open(open: common::Open) -> Checked<host::Open> {
    Ok(host::Open { name: door::line("name", 64, open.name)?, json: door::text("json", JSON, open.json)? })
}

/// What a flow plugin says of itself, and what it cannot do without.
pub(crate) fn description(said: flow::Description) -> Checked<(Description, Vec<String>)> {
    door::at_most("node kinds", 256, said.nodes.len())?;
    let node_kind = |node: flow::NodeKind| {
        door::at_most("exits", 64, node.exits.len())?;
        Ok(NodeKind {
            kind: door::line("kind", 64, node.kind)?,
            exits: node.exits.into_iter().map(|exit| door::line("exit", 64, exit)).collect::<Checked<_>>()?,
            settings_schema: door::text("settings-schema", JSON, node.settings_schema)?,
        })
    };
    let description = Description {
        name: door::line("name", 64, said.name)?,
        revision: said.revision,
        nodes: said.nodes.into_iter().map(node_kind).collect::<Checked<_>>()?,
    };
    Ok((description, words::needs(said.needs)?))
}

pub(crate) fn references(references: Vec<flow::Reference>) -> Checked<Vec<host::Reference>> {
    door::at_most("references", 10_000, references.len())?;
    references.into_iter().map(reference).collect()
}

fn reference(reference: flow::Reference) -> Checked<host::Reference> {
    use flow::ReferenceKind;
    let kind = match reference.kind {
        ReferenceKind::Prompt => host::ReferenceKind::Prompt,
        ReferenceKind::Queue => host::ReferenceKind::Queue,
        ReferenceKind::Skill => host::ReferenceKind::Skill,
        ReferenceKind::Agent => host::ReferenceKind::Agent,
        ReferenceKind::Flow => host::ReferenceKind::Flow,
        ReferenceKind::Connector => host::ReferenceKind::Connector,
        ReferenceKind::Other(word) => host::ReferenceKind::Other(door::line("kind", 64, word)?),
    };
    Ok(host::Reference {
        kind,
        name: door::line("name", 128, reference.name)?,
        node: reference.node.map(|node| words::shown(&node)),
        field: reference.field.map(|field| words::shown(&field)),
    })
}
