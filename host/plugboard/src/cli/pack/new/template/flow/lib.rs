//! A flow: greets the caller, who presses 1 to stand in a queue, and says sorry when no agent took them.
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
    flow_types::{Action, Effect, Enqueue, Event, Gather, Happening, Prompt, QueueNews, Source},
};

/// As the schema of the settings has it.
const GREETING: &str = "Welcome. Press 1 to talk to us.";

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
            greeting: value("greeting").unwrap_or_else(|| GREETING.to_owned()),
        })
    }
}

/// Where the flow waits. Its number is the whole state; `revision` goes up when an old number means something else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Menu = 1,
    /// The menu once more: nothing, or another key, was pressed.
    Again = 2,
    Queue = 3,
    Sorry = 4,
    Over = 5,
}

impl Place {
    fn read(state: &[u8]) -> Option<Self> {
        let places = [Self::Menu, Self::Again, Self::Queue, Self::Sorry, Self::Over];
        places.into_iter().find(|place| state == [*place as u8])
    }

    fn name(self) -> &'static str {
        match self {
            Self::Menu => "menu",
            Self::Again => "again",
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
        if let Happening::Started(_) = event.what {
            let menu = action(Place::Menu.token(), ask(&settings.greeting));
            return Ok(moved(None, Place::Menu, vec![action(1, Effect::PickUp), menu]));
        }
        let here = Place::read(&state).ok_or_else(|| failure(FailureCode::BadState, "not a state of this flow"))?;
        let awaited = event.answers == Some(here.token());
        Ok(match (here, event.what) {
            (Place::Menu | Place::Again, Happening::Gathered(pressed)) if awaited && pressed.digits == "1" => {
                moved(Some((here, "one")), Place::Queue, vec![action(Place::Queue.token(), wait(settings.queue))])
            }
            (Place::Menu, Happening::Gathered(_)) if awaited => {
                let menu = action(Place::Again.token(), ask(&settings.greeting));
                moved(Some((here, "other")), Place::Again, vec![menu])
            }
            (Place::Again, Happening::Gathered(_)) if awaited => sorry(here, "other"),
            // A menu that cannot be played costs nobody a call.
            (Place::Menu | Place::Again, Happening::Refused(_)) if awaited => {
                moved(Some((here, "refused")), Place::Queue, vec![action(Place::Queue.token(), wait(settings.queue))])
            }
            (Place::Queue, Happening::Queue(QueueNews::Connected(_))) if awaited => {
                moved(Some((here, "connected")), Place::Over, Vec::new())
            }
            (Place::Queue, Happening::Queue(QueueNews::GaveUp(_)) | Happening::Refused(_)) if awaited => {
                sorry(here, "gave-up")
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

/// In English, since the texts are; a prompt file is `Source::File`.
fn prompt(text: &str) -> Prompt {
    Prompt { sources: vec![Source::Text(text.to_owned())], language: "en".to_owned(), barge_in: true }
}

/// One key.
fn ask(text: &str) -> Effect {
    Effect::Gather(Gather {
        prompt: Some(prompt(text)),
        max_digits: 1,
        first_ms: 5_000,
        between_ms: 3_000,
        terminators: String::new(),
        secret: false,
    })
}

fn wait(queue: String) -> Effect {
    Effect::Enqueue(Enqueue {
        queue,
        priority: 0,
        skills: Vec::new(),
        timeout_ms: None,
        hold_music: None,
        announce: None,
        exit_keys: String::new(),
    })
}

fn sorry(here: Place, exit: &str) -> Stepped {
    let text = "Nobody can help you now. Please call again.";
    moved(Some((here, exit)), Place::Sorry, vec![action(Place::Sorry.token(), Effect::Play(prompt(text)))])
}

fn failure(code: FailureCode, message: &str) -> Failure {
    Failure { code, message: message.to_owned(), extra: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::exports::plugboard::plugin::flow_types::{Channel, Digits, Direction, End, GatherEnd, GiveUp, Start};

    fn event(word: &str) -> Event {
        let pressed = |keys: &str| Digits { digits: keys.to_owned(), ended: GatherEnd::Complete };
        let (what, answers) = match word {
            "started" => (Happening::Started(start()), None),
            "pressed-1" => (Happening::Gathered(pressed("1")), Some(Place::Menu)),
            "pressed-9" => (Happening::Gathered(pressed("9")), Some(Place::Menu)),
            "pressed-nothing" => (Happening::Gathered(pressed("")), Some(Place::Again)),
            "agent-took-it" => (Happening::Queue(QueueNews::Connected("amy".to_owned())), Some(Place::Queue)),
            "nobody-came" => (Happening::Queue(QueueNews::GaveUp(GiveUp::Timeout)), Some(Place::Queue)),
            "sorry-played" => (Happening::Played(true), Some(Place::Sorry)),
            "hung-up" => (Happening::HungUp(End { cause: 16, by_caller: true }), None),
            other => panic!("tests/calls.txt has {other:?}, which this test does not know"),
        };
        let answers = answers.map(Place::token);
        Event { seq: 0, at_ms: 0, utc_offset_min: 0, answers, more: false, what, extra: Vec::new() }
    }

    fn start() -> Start {
        Start {
            interaction: "1".to_owned(),
            channel: Channel::Voice,
            direction: Direction::Inbound,
            caller: String::new(),
            called: String::new(),
            verified: false,
            language: "en".to_owned(),
        }
    }

    fn told(effect: &Effect) -> String {
        match effect {
            Effect::PickUp => "pick-up".to_owned(),
            Effect::Play(prompt) => format!("play {:?}", prompt.sources),
            Effect::Gather(gather) => format!("gather {}", gather.max_digits),
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
