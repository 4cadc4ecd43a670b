//! What a flow is asked: calls that end in many ways, states that are not its own, and events of later hosts.

use plugboard_model::flow::{Cause, Channel, End, Happening, Open};

use crate::{
    Ask, Question, Settings,
    exam::Exam,
    hostile::Chance,
    walk::{Walk, begin, event},
};

/// How many calls are walked, each to its end.
const CALLS: u64 = 16;

pub(crate) fn examine(exam: &mut Exam<'_>, settings: &Settings) {
    let mut states = Vec::new();
    for seed in 0..CALLS {
        let channel = match seed % 8 {
            5 => Channel::Chat,
            6 => Channel::Email,
            7 => Channel::Other("fax".into()),
            _ => Channel::Voice,
        };
        let walked = Walk::of(settings, seed).go(exam, channel);
        states.extend(walked.into_iter().take(4));
    }
    foreign_states(exam, settings, &states);
}

/// Bytes that no step of this flow returned: an answer or a failure, never a trap.
fn foreign_states(exam: &mut Exam<'_>, settings: &Settings, known: &[Vec<u8>]) {
    let mut chance = Chance::of(77);
    let mut noise = |length: usize| (0..length).map(|_| chance.below(256) as u8).collect::<Vec<u8>>();
    let mut states = vec![
        ("no state after the first event".to_owned(), Vec::new()),
        ("a state of one byte".to_owned(), vec![0]),
        ("a state of noise".to_owned(), noise(300)),
        ("256 KiB of zeros".to_owned(), vec![0; 256 << 10]),
        ("256 KiB of noise".to_owned(), noise(256 << 10)),
        ("a state of greatest numbers".to_owned(), vec![255; 64]),
    ];
    for state in known.iter().filter(|state| !state.is_empty()).take(16) {
        let half = state.len() / 2;
        let mut turned = state.clone();
        turned[half] ^= 0x55;
        let mut longer = state.clone();
        longer.extend_from_slice(b"more");
        states.push(("a state cut in two".to_owned(), state[..half].to_vec()));
        states.push(("a state with one byte changed".to_owned(), turned));
        states.push(("a state with more behind it".to_owned(), longer));
    }
    let happenings = [
        Happening::Played { to_the_end: true },
        Happening::HungUp(End { cause: Cause::NORMAL_CLEARING, by_caller: true }),
        Happening::Other(Open { name: "plugboard-kit.unknown".into(), json: "{}".into() }),
    ];
    for (case, state) in states {
        for (answers, what) in [Some(1), None, None].into_iter().zip(&happenings) {
            let ask = Ask::Step { state: state.clone(), event: Box::new(event(5, answers, false, what.clone())) };
            exam.survives(&case, &Question::of(settings, ask));
        }
    }
    // Each call begins but once: whoever hears it again answers, or says that it cannot.
    if let Some(state) = known.first() {
        let ask = Ask::Step { state: state.clone(), event: Box::new(begin(Channel::Voice, "13800000000")) };
        exam.survives("begun twice", &Question::of(settings, ask));
    }
}
