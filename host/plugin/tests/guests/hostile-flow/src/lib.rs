//! Misbehaves at each step in the way that its first setting names, or in a document's `{ "how": "…" }`; `well` behaves.

wit_bindgen::generate!({ path: "../../../../../wit", world: "flow-plugin" });
export!(Hostile);

use std::{cell::RefCell, hint::black_box};

use exports::plugboard::plugin::{
    common::{Failure, FailureCode, Problem, Setting},
    flow::{Action, Description, Event, Guest, Reference, Stepped, Visit},
    flow_types::{Effect, Enqueue, Prompt, Source},
};

thread_local! {
    static HOW: RefCell<String> = const { RefCell::new(String::new()) };
    static STEPS: RefCell<u32> = const { RefCell::new(0) };
}

struct Hostile;

impl Guest for Hostile {
    fn describe() -> Description {
        Description { name: "hostile".into(), revision: 1, needs: vec![], nodes: vec![], extra: vec![] }
    }

    fn check(_: Vec<Setting>) -> Vec<Problem> {
        vec![]
    }

    fn references(_: Vec<Setting>) -> Vec<Reference> {
        vec![]
    }

    fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
        let told = settings.into_iter().next().map(|setting| setting.value).unwrap_or_default();
        let of_document = told.trim_start().strip_prefix('{').and_then(|document| document.split('"').nth(3));
        HOW.with_borrow_mut(|how| *how = of_document.unwrap_or(&told).to_owned());
        Ok(())
    }

    fn step(state: Vec<u8>, _: Event) -> Result<Stepped, Failure> {
        let how = HOW.with_borrow(Clone::clone);
        let mut stepped = Stepped { state, actions: vec![], trail: vec![], extra: vec![] };
        let act = |token, what| Action { token, what, extra: vec![] };
        match how.as_str() {
            "loops" => loop {
                black_box(0);
            },
            "eats-memory" => {
                let mut all: Vec<Vec<u8>> = vec![];
                loop {
                    all.push(black_box(vec![1; 1 << 20]));
                }
            }
            "recurses" => {
                stepped.state = vec![dig(u64::MAX) as u8];
            }
            "panics" => panic!("on purpose"),
            "obeys-its-state" if stepped.state == b"panic" => panic!("on purpose"),
            "acts-too-much" => stepped.actions = (0..65).map(|token| act(token, Effect::PickUp)).collect(),
            "keeps-too-much" => stepped.state = vec![0; 256 * 1024 + 1],
            "walks-too-far" => stepped.trail = (0..257).map(|n| Visit { node: n.to_string(), exit: None }).collect(),
            "reuses-a-token" => stepped.actions = vec![act(1, Effect::PickUp), act(1, Effect::PickUp)],
            "injects-a-header" => {
                let tag = Setting { name: "x".into(), value: "a\r\nVia: b".into() };
                stepped.actions = vec![act(0, Effect::Tag(tag))];
            }
            "leaves-the-folder" => {
                let prompt = Prompt { sources: vec![Source::File("../secret.wav".into())], language: "en".into(), barge_in: false };
                stepped.actions = vec![act(0, Effect::Play(prompt))];
            }
            "invents-a-priority" => {
                let enqueue = Enqueue {
                    queue: "sales".into(),
                    priority: 10,
                    skills: vec![],
                    timeout_ms: None,
                    hold_music: None,
                    announce: None,
                    exit_keys: String::new(),
                };
                stepped.actions = vec![act(0, Effect::Enqueue(enqueue))];
            }
            "fails" => return Err(Failure { code: FailureCode::BadState, message: "no".into(), extra: vec![] }),
            "counts-its-steps" => {
                stepped.state = STEPS.with_borrow_mut(|steps| {
                    *steps += 1;
                    steps.to_le_bytes().to_vec()
                });
            }
            _ => stepped.actions = vec![act(0, Effect::HangUp(16)), act(1, Effect::PickUp)],
        }
        Ok(stepped)
    }
}

#[allow(unconditional_recursion)]
fn dig(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    dig(depth - 1).wrapping_add(room[(depth % 64) as usize])
}
