//! Takes one event through the graph.
//!
//! ```text
//!          started            the answer to `awaits`                 nothing leads on
//!   (new) ---------> In node ------------------------> In node ... ------------------> Ended
//!                       |   an exit that is not there, a refusal                        ^
//!                       +---------------------------------------> Exception ------------+
//! ```
//!
//! A node either waits for one answer, or is left at once by an exit. Whatever answers another token changes nothing.

mod exception;
mod keys;

use crate::{
    calendar::Hours,
    contract::exports::plugboard::plugin::{
        common::{Failure, FailureCode, Setting},
        flow::{Action, Event, Stepped, Visit},
        flow_types::{self as wit, Channel, Direction, Effect, GiveUp, Happening, QueueNews, TransferEnd},
    },
    document::{
        Assign, DIGITS, Graph, Kind, LANGUAGE, Mailbox, Node, NodeNumber, Prompt, QueueChoice, Slot, Source, Value,
        Voicemail, Wait,
    },
    kinds::is_name,
    session::{Session, Spot, Stage},
};

/// Most nodes gone through in one step: more is a loop that the document's check could not see.
const MAX_VISITS: usize = 100;
/// Most nodes gone through in [`PACE_MS`], over any number of steps: more is a loop through something that fails at once.
const MAX_PACE: u16 = 1_000;
const PACE_MS: u64 = 10_000;
/// Ends that a node without the exit for it is left by, after the one that it would have been.
const STAND_INS: [(&str, &str); 4] =
    [("holiday", "closed"), ("too_short", "recorded"), ("closed", "no_agents"), ("not_found", "failed")];
const DEFAULT_PRIORITY: u8 = 5;

pub(crate) fn step(graph: &Graph, state: &[u8], event: &Event) -> Result<Stepped, Failure> {
    let begins = state.is_empty();
    let mut session = match &event.what {
        Happening::Started(start) if begins => new_session(graph, start),
        _ => load(graph, state)?,
    };
    if event.at_ms >= session.since_ms.saturating_add(PACE_MS) {
        (session.entered, session.since_ms) = (0, event.at_ms);
    }
    let mut run = Run { graph, session, wall_min: wall_min(event), actions: Vec::new(), trail: Vec::new() };
    if begins {
        run.go(graph.start)?
    } else {
        run.take(event)?
    }
    Ok(Stepped { state: run.session.to_bytes(), actions: run.actions, trail: run.trail, extra: Vec::new() })
}

fn failure(code: FailureCode, message: &str) -> Failure {
    Failure { code, message: message.into(), extra: Vec::new() }
}

fn wall_min(event: &Event) -> i64 {
    i64::try_from(event.at_ms / 60_000).unwrap_or(i64::MAX / 2) + i64::from(event.utc_offset_min)
}

fn new_session(graph: &Graph, start: &wit::Start) -> Session {
    let text = |text: &str| Value::Text(cut(text, 1_024));
    let channel = match &start.channel {
        Channel::Voice => "voice",
        Channel::Chat => "chat",
        Channel::Message => "message",
        Channel::Email => "email",
        Channel::Other(name) => name,
    };
    let direction = match start.direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
        Direction::Internal => "internal",
    };
    // The order of `document::BUILT_IN`.
    let built_in = [
        text(&start.caller),
        text(&start.called),
        text(channel),
        text(direction),
        Value::Bool(start.verified),
        text(if start.language.is_empty() { &graph.language } else { &start.language }),
        text(""),
    ];
    let declared = graph.variables.iter().skip(built_in.len()).map(|variable| variable.initial.clone());
    Session {
        fingerprint: graph.fingerprint,
        next_token: 0,
        picked_up: false,
        entered: 0,
        since_ms: 0,
        spot: Spot::In { node: graph.start, awaits: 0, stage: Stage::Main },
        tries: 0,
        choice: QueueChoice::default(),
        unconfirmed: String::new(),
        values: built_in.into_iter().chain(declared).collect(),
    }
}

fn load(graph: &Graph, state: &[u8]) -> Result<Session, Failure> {
    let session =
        Session::from_bytes(state).ok_or_else(|| failure(FailureCode::BadState, "no state of this version"))?;
    let in_range = match session.spot {
        Spot::In { node, .. } => usize::from(node) < graph.nodes.len(),
        Spot::Exception { .. } | Spot::Ended => true,
    };
    if session.fingerprint != graph.fingerprint || !in_range || session.values.len() != graph.variables.len() {
        return Err(failure(FailureCode::BadState, "the state belongs to another document"));
    }
    Ok(session)
}

/// What entering or answering a node led to.
enum Outcome {
    /// Waits for the answer to that token.
    Waits(u32, Stage),
    /// Goes on by that exit.
    Leaves(String),
    /// Nothing more will happen here; the word stands in the trail.
    Ends(&'static str),
}

struct Run<'a> {
    graph: &'a Graph,
    session: Session,
    wall_min: i64,
    actions: Vec<Action>,
    trail: Vec<Visit>,
}

impl<'a> Run<'a> {
    fn take(&mut self, event: &Event) -> Result<(), Failure> {
        match (self.session.spot, &event.what) {
            (Spot::Ended, _) => {}
            (Spot::In { node, .. }, Happening::HungUp(_)) => {
                let name = self.graph.nodes[usize::from(node)].id.clone();
                self.visited(name, Some("hung-up"));
                self.session.spot = Spot::Ended;
            }
            (Spot::Exception { .. }, Happening::HungUp(_)) => {
                self.visited("exception".into(), Some("hung-up"));
                self.session.spot = Spot::Ended;
            }
            (Spot::In { node, awaits, stage }, what) if event.answers == Some(awaits) => {
                let graph = self.graph;
                let place = &graph.nodes[usize::from(node)];
                if let Some(outcome) = self.answer(place, stage, what) {
                    if let Outcome::Waits(awaits, stage) = outcome {
                        self.session.spot = Spot::In { node, awaits, stage };
                    } else {
                        self.leave(place, outcome)?;
                    }
                }
            }
            (Spot::Exception { awaits, stage }, what) if event.answers == Some(awaits) => {
                self.exception_answer(stage, what)?;
            }
            // An answer to what is given up already, or news that no node asked for.
            _ => {}
        }
        Ok(())
    }

    fn visited(&mut self, node: String, exit: Option<&str>) {
        self.trail.push(Visit { node, exit: exit.map(Into::into) });
    }

    /// Enters nodes until one waits or the flow ends.
    fn go(&mut self, mut number: NodeNumber) -> Result<(), Failure> {
        loop {
            self.session.entered = self.session.entered.saturating_add(1);
            if self.trail.len() >= MAX_VISITS || self.session.entered > MAX_PACE {
                return Err(failure(FailureCode::Runaway, &self.graph.nodes[usize::from(number)].id));
            }
            let graph = self.graph;
            let node = &graph.nodes[usize::from(number)];
            self.session.tries = 0;
            match self.enter(node) {
                Outcome::Waits(awaits, stage) => {
                    self.visited(node.id.clone(), None);
                    self.session.spot = Spot::In { node: number, awaits, stage };
                    return Ok(());
                }
                outcome => match self.next(node, outcome)? {
                    Some(next) => number = next,
                    None => return Ok(()),
                },
            }
        }
    }

    fn leave(&mut self, node: &Node, outcome: Outcome) -> Result<(), Failure> {
        match self.next(node, outcome)? {
            Some(next) => self.go(next),
            None => Ok(()),
        }
    }

    /// Notes the visit and finds the node after it; `None` where the exception flow takes over or the flow ends.
    fn next(&mut self, node: &Node, outcome: Outcome) -> Result<Option<NodeNumber>, Failure> {
        let exit = match outcome {
            Outcome::Leaves(exit) => exit,
            Outcome::Ends(word) => {
                self.visited(node.id.clone(), Some(word));
                self.session.spot = Spot::Ended;
                return Ok(None);
            }
            Outcome::Waits(..) => return Ok(None),
        };
        self.visited(node.id.clone(), Some(&exit));
        let mut wanted = exit.as_str();
        loop {
            if let Some(next) = node.exits.get(wanted) {
                return Ok(Some(*next));
            }
            match STAND_INS.iter().find(|(missing, _)| *missing == wanted) {
                Some((_, stand_in)) => wanted = stand_in,
                None => break,
            }
        }
        let error = node.exits.get("error").copied();
        if error.is_none() {
            self.exception(&format!("node {}: nothing leads on from {exit}", node.id))?;
        }
        Ok(error)
    }

    fn act(&mut self, what: Effect) -> u32 {
        let token = self.session.next_token;
        self.session.next_token += 1;
        self.actions.push(Action { token, what, extra: Vec::new() });
        token
    }

    /// As [`Self::act`], on an answered line.
    fn act_answered(&mut self, what: Effect) -> u32 {
        if !self.session.picked_up {
            self.session.picked_up = true;
            self.act(Effect::PickUp);
        }
        self.act(what)
    }

    fn language(&self) -> &str {
        match &self.session.values[usize::from(LANGUAGE)] {
            Value::Text(language) => language,
            Value::Number(_) | Value::Bool(_) => &self.graph.language,
        }
    }

    /// The prompts one after the other, in the caller's language; `None` if there is none. What is spoken takes the voice of the words that
    /// were found, even where they are not in the caller's language.
    fn say(&self, prompts: &[Option<&Prompt>], barge_in: bool) -> Option<wit::Prompt> {
        let sources: Vec<wit::Source> = prompts.iter().flatten().flat_map(|prompt| self.sources(prompt)).collect();
        let found = |prompt: &&Prompt| prompt.in_language(self.language(), &self.graph.language).0.to_owned();
        let language = prompts.iter().flatten().map(found).find(|tag| !tag.is_empty());
        let language = language.unwrap_or_else(|| self.language().into());
        (!sources.is_empty()).then_some(wit::Prompt { sources, language, barge_in })
    }

    fn sources(&self, prompt: &Prompt) -> Vec<wit::Source> {
        let values = &self.session.values;
        let filled = |source: &Source| match source {
            Source::File(file) => wit::Source::File(file.clone()),
            Source::Text(text) => wit::Source::Text(cut(&text.fill(values), 1_000)),
            Source::Digits(text) => {
                wit::Source::Digits(text.fill(values).chars().filter(|c| crate::fields::is_key(*c)).take(64).collect())
            }
            Source::Number(slot) => match values[usize::from(*slot)] {
                Value::Number(number) => wit::Source::Number(u32::try_from(number.max(0)).unwrap_or(u32::MAX)),
                Value::Text(_) | Value::Bool(_) => wit::Source::Number(0),
            },
            Source::Position => wit::Source::Position,
            Source::Ahead(next) => wit::Source::Other(wit::Open {
                name: "callers-ahead".into(),
                json: serde_json::Value::from(next.as_str()).to_string(),
            }),
        };
        prompt.in_language(self.language(), &self.graph.language).1.iter().map(filled).collect()
    }

    fn enter(&mut self, node: &'a Node) -> Outcome {
        match &node.kind {
            Kind::Start => leaves("next"),
            Kind::Play { prompt, barge_in } => match self.say(&[Some(prompt)], *barge_in) {
                Some(prompt) => Outcome::Waits(self.act_answered(Effect::Play(prompt)), Stage::Prompt),
                None => leaves("done"),
            },
            Kind::Menu(menu) => self.ask_menu(menu, None),
            Kind::CollectDigits(collect) => self.ask_digits(collect, None),
            Kind::Branch(rules) => {
                let holds = |condition: &crate::document::Condition| {
                    condition.holds(&self.session.values[usize::from(condition.variable)])
                };
                let rule = rules.iter().find(|rule| rule.conditions.iter().all(holds));
                leaves(rule.map_or("else", |rule| &rule.exit))
            }
            Kind::BusinessHours(calendar) => leaves(match calendar.at(self.wall_min) {
                Hours::Open => "open",
                Hours::Closed => "closed",
                Hours::Holiday => "holiday",
            }),
            Kind::SetVariable(set) => {
                // All at once: an object has no order, so each is made of what was before.
                let values = &self.session.values;
                let assigned = |(slot, assign): &(Slot, Assign)| {
                    let value = match (assign, &values[usize::from(*slot)]) {
                        (Assign::To(value), _) => value.clone(),
                        (Assign::Text(text), _) => Value::Text(cut(&text.fill(values), 1_024)),
                        (Assign::Add(add), Value::Number(number)) => Value::Number(number.saturating_add(*add)),
                        (Assign::Add(_), other) => other.clone(),
                    };
                    (usize::from(*slot), value)
                };
                for (slot, value) in set.iter().map(assigned).collect::<Vec<_>>() {
                    self.session.values[slot] = value;
                }
                leaves("next")
            }
            Kind::SetLanguage(language) => {
                self.session.values[usize::from(LANGUAGE)] = Value::Text(language.clone());
                self.act(Effect::Tag(Setting { name: "language".into(), value: language.clone() }));
                leaves("next")
            }
            Kind::SetQueue(choice) => {
                let chosen = &mut self.session.choice;
                chosen.queue = choice.queue.clone().or(chosen.queue.take());
                chosen.priority = choice.priority.or(chosen.priority);
                chosen.skills = choice.skills.clone().or(chosen.skills.take());
                leaves("next")
            }
            Kind::Queue(wait) => match self.enqueue(wait) {
                Some(token) => Outcome::Waits(token, Stage::Main),
                None => leaves("error"),
            },
            Kind::TransferAgent { agent, ring_ms } => {
                let agent = agent.fill(&self.session.values);
                if is_name(&agent) { self.transfer(wit::Target::Agent(agent), *ring_ms) } else { leaves("error") }
            }
            // What a caller pressed, or withheld, may be no number at all.
            Kind::TransferNumber { number, ring_ms } => {
                let number = number.fill(&self.session.values);
                if is_name(&number) { self.transfer(wit::Target::Number(number), *ring_ms) } else { leaves("failed") }
            }
            Kind::TransferFlow { flow } => {
                self.act(Effect::Transfer(wit::Transfer { to: wit::Target::Flow(flow.clone()), ring_ms: 0 }));
                Outcome::Ends("transferred")
            }
            Kind::Voicemail(voicemail) => match self.say(&[voicemail.greeting.as_ref()], false) {
                Some(prompt) => Outcome::Waits(self.act_answered(Effect::Play(prompt)), Stage::Prompt),
                None => self.record(voicemail),
            },
            Kind::Tag(tags) => {
                for (name, value) in tags {
                    let value = cut(&value.fill(&self.session.values), 1_024);
                    self.act(Effect::Tag(Setting { name: name.clone(), value }));
                }
                leaves("next")
            }
            Kind::Message { text, template } => {
                let text = cut(&text.fill(&self.session.values), 4_096);
                self.act(Effect::Send(wit::Outgoing { text, template: template.clone() }));
                leaves("next")
            }
            Kind::Connector(question) => match question.filled(&self.session.values) {
                Some(json) => Outcome::Waits(
                    self.act(Effect::Invoke(wit::Invoke {
                        connector: question.connector.clone(),
                        operation: question.operation.clone(),
                        json,
                        timeout_ms: question.timeout_ms,
                    })),
                    Stage::Main,
                ),
                None => leaves("failed"),
            },
            Kind::HangUp { prompt, cause } => match self.say(&[prompt.as_ref()], false) {
                Some(prompt) => Outcome::Waits(self.act_answered(Effect::Play(prompt)), Stage::Prompt),
                None => self.hang_up(*cause),
            },
        }
    }

    /// `None` if what happened is no end of what the node waits for.
    fn answer(&mut self, node: &'a Node, stage: Stage, what: &Happening) -> Option<Outcome> {
        if let Happening::Refused(refusal) = what {
            return Some(leaves(match &node.kind {
                Kind::Connector(_) if refusal.code == "not-found" => "not_found",
                Kind::Connector(_) => "failed",
                _ => "error",
            }));
        }
        Some(match (&node.kind, stage, what) {
            (Kind::Connector(question), _, Happening::LookedUp(answer)) => {
                for (slot, value) in question.kept(&answer.json, &self.session.values) {
                    self.session.values[usize::from(slot)] = value;
                }
                leaves("ok")
            }
            (Kind::Play { .. }, _, Happening::Played(_)) => leaves("done"),
            (Kind::HangUp { cause, .. }, _, Happening::Played(_)) => self.hang_up(*cause),
            (Kind::Voicemail(voicemail), Stage::Prompt, Happening::Played(_)) => self.record(voicemail),
            (Kind::Voicemail(voicemail), Stage::Main, Happening::Recorded(recording)) => {
                leaves(if recording.length_ms < voicemail.min_ms { "too_short" } else { "recorded" })
            }
            (Kind::Menu(menu), _, Happening::Gathered(pressed)) => self.menu_pressed(node, menu, &pressed.digits),
            (Kind::CollectDigits(collect), Stage::Confirm, Happening::Gathered(pressed)) => {
                self.confirmed(collect, &pressed.digits)
            }
            (Kind::CollectDigits(collect), _, Happening::Gathered(pressed)) => {
                self.digits_pressed(collect, &pressed.digits)
            }
            (Kind::Queue(_), _, Happening::Queue(QueueNews::Connected(_))) => Outcome::Ends("answered"),
            (Kind::Queue(_), _, Happening::Queue(QueueNews::GaveUp(why))) => leaves(match why {
                GiveUp::Timeout | GiveUp::Other(_) => "timeout",
                GiveUp::Closed => "closed",
                GiveUp::Full => "overflow",
                GiveUp::NoAgents => "no_agents",
                GiveUp::ExitKey(key) => {
                    self.session.values[usize::from(DIGITS)] = Value::Text(key.to_string());
                    "exit_key"
                }
            }),
            (Kind::TransferAgent { .. } | Kind::TransferNumber { .. }, _, Happening::Transferred(end)) => match end {
                TransferEnd::Connected => Outcome::Ends("answered"),
                TransferEnd::Busy => leaves("busy"),
                TransferEnd::NoAnswer => leaves("no_answer"),
                TransferEnd::Offline => leaves("offline"),
                TransferEnd::Failed(_) | TransferEnd::Other(_) => leaves("failed"),
            },
            // Progress, and what this version has no name for.
            _ => return None,
        })
    }

    fn enqueue(&mut self, wait: &Wait) -> Option<u32> {
        let chosen = &self.session.choice;
        let queue = wait.choice.queue.clone().or_else(|| chosen.queue.clone())?;
        let skills = wait.choice.skills.as_ref().or(chosen.skills.as_ref());
        let skill_need = |(skill, level): &(String, u8)| wit::SkillNeed { skill: skill.clone(), level: *level };
        let enqueue = wit::Enqueue {
            queue,
            priority: wait.choice.priority.or(chosen.priority).unwrap_or(DEFAULT_PRIORITY),
            skills: skills.into_iter().flatten().map(skill_need).collect(),
            timeout_ms: wait.max_wait_ms,
            hold_music: wait.hold_music.clone(),
            announce: wait.announce.as_ref().and_then(|(every_ms, prompt)| {
                Some(wit::Announce { every_ms: *every_ms, prompt: self.say(&[Some(prompt)], false)? })
            }),
            exit_keys: wait.exit_keys.clone(),
        };
        Some(self.act_answered(Effect::Enqueue(enqueue)))
    }

    fn transfer(&mut self, to: wit::Target, ring_ms: u32) -> Outcome {
        Outcome::Waits(self.act(Effect::Transfer(wit::Transfer { to, ring_ms })), Stage::Main)
    }

    fn record(&mut self, voicemail: &Voicemail) -> Outcome {
        let record = wit::Record {
            max_ms: voicemail.max_ms,
            silence_ms: voicemail.silence_ms,
            beep: voicemail.beep,
            end_keys: voicemail.end_keys.clone(),
            mailbox: voicemail.mailbox.as_ref().map(|mailbox| match mailbox {
                Mailbox::Queue(queue) => wit::Mailbox::Queue(queue.clone()),
                Mailbox::Agent(agent) => wit::Mailbox::Agent(agent.clone()),
            }),
        };
        Outcome::Waits(self.act_answered(Effect::Record(record)), Stage::Main)
    }

    fn hang_up(&mut self, cause: u16) -> Outcome {
        self.act(Effect::HangUp(cause));
        Outcome::Ends("ended")
    }
}

fn leaves(exit: &str) -> Outcome {
    Outcome::Leaves(exit.into())
}

/// Text for the host: bounded, and on one line, whatever a caller's number or name brought along.
fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
