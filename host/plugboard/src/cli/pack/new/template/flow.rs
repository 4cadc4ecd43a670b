//! A flow: greets the caller, puts them into a queue, and says sorry when no agent took them.
//!
//! `wit/flow.wit` says all that may happen and all that can be asked for. A flow has no clock and no memory but `state`.

#[allow(unused_qualifications, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "wit", world: "flow-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Flow);

    #[cfg(target_arch = "wasm32")]
    use super::Flow;
}

use std::cell::RefCell;

use contract::exports::plugboard::plugin::{
    common::{Failure, FailureCode, Problem, Setting, Severity},
    flow::{Description, Guest, Reference, ReferenceKind, Stepped, Visit},
    flow_types::{Action, Effect, Enqueue, Event, Happening, Prompt, QueueNews, Source},
};

#[derive(Clone)]
struct Settings {
    queue: String,
    greeting: String,
}

impl Settings {
    fn read(settings: &[Setting]) -> Option<Self> {
        let value =
            |name: &str| settings.iter().find(|setting| setting.name == name).map(|setting| setting.value.clone());
        Some(Self {
            queue: value("queue").filter(|queue| !queue.is_empty())?,
            greeting: value("greeting").unwrap_or_else(|| "Welcome.".to_owned()),
        })
    }
}

/// Where the flow waits. Its number is the whole state; `revision` goes up when an old number means something else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Greeting = 1,
    Queue = 2,
    Sorry = 3,
    Over = 4,
}

impl Place {
    fn read(state: &[u8]) -> Option<Self> {
        [Self::Greeting, Self::Queue, Self::Sorry, Self::Over].into_iter().find(|place| state == [*place as u8])
    }

    fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Queue => "queue",
            Self::Sorry => "sorry",
            Self::Over => "over",
        }
    }

    /// Of the action whose end moves the flow on: unique in the interaction and rising.
    fn token(self) -> u32 {
        self as u32 * 10
    }
}

thread_local! {
    static SETTINGS: RefCell<Option<Settings>> = const { RefCell::new(None) };
}

/// The component's exports.
pub struct Flow;

impl Guest for Flow {
    fn describe() -> Description {
        Description { name: "@NAME@".to_owned(), revision: 1, needs: Vec::new(), nodes: Vec::new(), extra: Vec::new() }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        if Settings::read(&settings).is_some() {
            return Vec::new();
        }
        vec![Problem {
            severity: Severity::Error,
            code: "missing-queue".to_owned(),
            node: None,
            field: Some("/queue".to_owned()),
            message: "no queue is named".to_owned(),
            remedy: "set `queue` to one of the tenant's queues".to_owned(),
            extra: Vec::new(),
        }]
    }

    fn references(settings: Vec<Setting>) -> Vec<Reference> {
        let queue = |settings: Settings| Reference {
            kind: ReferenceKind::Queue,
            name: settings.queue,
            node: None,
            field: Some("/queue".to_owned()),
        };
        Settings::read(&settings).map(queue).into_iter().collect()
    }

    fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
        let settings =
            Settings::read(&settings).ok_or_else(|| failure(FailureCode::BadSettings, "no queue is named"))?;
        SETTINGS.with_borrow_mut(|slot| *slot = Some(settings));
        Ok(())
    }

    fn step(state: Vec<u8>, event: Event) -> Result<Stepped, Failure> {
        let settings = SETTINGS.with_borrow(Clone::clone);
        let settings = settings.ok_or_else(|| failure(FailureCode::BadSettings, "not configured"))?;
        if let Happening::Started(start) = &event.what {
            let pick_up = action(1, Effect::PickUp);
            let greeting = say(&settings.greeting, &start.language);
            return Ok(moved(None, Place::Greeting, vec![pick_up, action(Place::Greeting.token(), greeting)]));
        }
        let here = Place::read(&state).ok_or_else(|| failure(FailureCode::BadState, "not a state of this flow"))?;
        let awaited = event.answers == Some(here.token());
        Ok(match (here, event.what) {
            // A greeting that cannot be played costs nobody a call.
            (Place::Greeting, Happening::Played(_) | Happening::Refused(_)) if awaited => {
                let enqueue = Effect::Enqueue(Enqueue {
                    queue: settings.queue,
                    priority: 0,
                    skills: Vec::new(),
                    timeout_ms: None,
                    hold_music: None,
                    announce: None,
                    exit_keys: String::new(),
                });
                moved(Some((here, "done")), Place::Queue, vec![action(Place::Queue.token(), enqueue)])
            }
            (Place::Queue, Happening::Queue(QueueNews::Connected(_))) if awaited => {
                moved(Some((here, "connected")), Place::Over, Vec::new())
            }
            (Place::Queue, Happening::Queue(QueueNews::GaveUp(_)) | Happening::Refused(_)) if awaited => {
                let sorry = say("Nobody is free now. Please call again.", "en");
                moved(Some((here, "gave-up")), Place::Sorry, vec![action(Place::Sorry.token(), sorry)])
            }
            (Place::Sorry, Happening::Played(_) | Happening::Refused(_)) if awaited => {
                moved(Some((here, "done")), Place::Over, vec![action(Place::Over.token(), Effect::HangUp(16))])
            }
            (_, Happening::HungUp(_)) if here != Place::Over => moved(Some((here, "hung-up")), Place::Over, Vec::new()),
            // News of the wait, keys that nobody asked for, and what later hosts may tell.
            _ => Stepped { state, actions: Vec::new(), trail: Vec::new(), extra: Vec::new() },
        })
    }
}

/// The flow goes on: the visit that ended with its exit, then the one that begins.
fn moved(left: Option<(Place, &str)>, to: Place, actions: Vec<Action>) -> Stepped {
    let visit =
        |place: Place, exit: Option<&str>| Visit { node: place.name().to_owned(), exit: exit.map(str::to_owned) };
    let mut trail: Vec<Visit> = left.map(|(place, exit)| visit(place, Some(exit))).into_iter().collect();
    if to != Place::Over {
        trail.push(visit(to, None));
    }
    Stepped { state: vec![to as u8], actions, trail, extra: Vec::new() }
}

fn action(token: u32, what: Effect) -> Action {
    Action { token, what, extra: Vec::new() }
}

fn say(text: &str, language: &str) -> Effect {
    let sources = vec![Source::Text(text.to_owned())];
    Effect::Play(Prompt { sources, language: language.to_owned(), barge_in: false })
}

fn failure(code: FailureCode, message: &str) -> Failure {
    Failure { code, message: message.to_owned(), extra: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::exports::plugboard::plugin::flow_types::{Channel, Direction, End, GiveUp, Start};

    fn event(word: &str) -> Event {
        let (what, token) = match word {
            "started" => {
                let text = String::new;
                let (channel, direction) = (Channel::Voice, Direction::Inbound);
                let (caller, called, language) = (text(), text(), "en".to_owned());
                let interaction = "1".to_owned();
                (
                    Happening::Started(Start {
                        interaction,
                        channel,
                        direction,
                        caller,
                        called,
                        verified: false,
                        language,
                    }),
                    None,
                )
            }
            "greeting-played" => (Happening::Played(true), Some(Place::Greeting.token())),
            "agent-took-it" => (Happening::Queue(QueueNews::Connected("amy".to_owned())), Some(Place::Queue.token())),
            "nobody-came" => (Happening::Queue(QueueNews::GaveUp(GiveUp::Timeout)), Some(Place::Queue.token())),
            "sorry-played" => (Happening::Played(true), Some(Place::Sorry.token())),
            "hung-up" => (Happening::HungUp(End { cause: 16, by_caller: true }), None),
            other => panic!("tests/calls.txt has {other:?}, which this test does not know"),
        };
        Event { seq: 0, at_ms: 0, utc_offset_min: 0, answers: token, more: false, what, extra: Vec::new() }
    }

    fn told(effect: &Effect) -> String {
        match effect {
            Effect::PickUp => "pick-up".to_owned(),
            Effect::Play(prompt) => format!("play {:?}", prompt.sources),
            Effect::Enqueue(enqueue) => format!("enqueue {}", enqueue.queue),
            Effect::HangUp(cause) => format!("hang-up {cause}"),
            other => format!("{other:?}"),
        }
    }

    /// Each line of `tests/calls.txt` is what happens, `->`, and what the flow asks for; an empty line ends a call.
    #[test]
    fn calls_go_as_they_are_written_down() {
        let calls = include_str!("../tests/calls.txt");
        Flow::configure(vec![Setting { name: "queue".to_owned(), value: "sales".to_owned() }]).unwrap();
        let mut state = Vec::new();
        let mut went = String::new();
        for line in calls.lines() {
            if line.is_empty() || line.starts_with('#') {
                state.clear();
                went += &format!("{line}\n");
                continue;
            }
            let happening = line.split(" -> ").next().unwrap_or(line).trim();
            let stepped = Flow::step(std::mem::take(&mut state), event(happening)).unwrap();
            let actions: Vec<String> = stepped.actions.iter().map(|action| told(&action.what)).collect();
            state = stepped.state;
            went += &format!(
                "{happening} -> {}\n",
                if actions.is_empty() { "nothing".to_owned() } else { actions.join(", ") }
            );
        }
        assert_eq!(went, calls);
    }
}
