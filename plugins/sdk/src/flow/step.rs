//! The contract's functions, over an author's [`Flow`].

use std::{
    cell::RefCell,
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use super::{
    Asked, Call, Description, Event, Failure, FailureCode, Flow, Happening, MOST_ACTIONS, Parting, Problem, Reference,
    Refused, STATE_LIMIT, Setting, Severity, Start, Stepped,
    journal::{Journal, Moment, Pages},
    talk::Talk,
};

/// Visits of one step: what the contract allows.
const MOST_VISITS: usize = 256;
/// Q.850: normal clearing.
const ORDINARY_END: u16 = 16;

thread_local! {
    static SETTINGS: RefCell<Rc<[Setting]>> = RefCell::new(Rc::new([]));
}

pub fn describe<F: Flow>() -> Description {
    Description {
        name: F::NAME.into(),
        revision: F::REVISION,
        needs: F::NEEDS.iter().map(|need| (*need).into()).collect(),
        nodes: Vec::new(),
        extra: Vec::new(),
    }
}

pub fn check<F: Flow>(settings: &[Setting]) -> Vec<Problem> {
    F::check(settings)
}

pub fn references<F: Flow>(settings: &[Setting]) -> Vec<Reference> {
    F::references(settings)
}

/// Keeps the settings for [`Call::setting`], unless [`Flow::check`] finds an error in them.
pub fn configure<F: Flow>(settings: Vec<Setting>) -> Result<(), Failure> {
    let error = F::check(&settings).into_iter().find(|problem| problem.severity == Severity::Error);
    match error {
        Some(problem) => Err(failure(FailureCode::BadSettings, problem.message)),
        None => {
            SETTINGS.with_borrow_mut(|slot| *slot = settings.into());
            Ok(())
        }
    }
}

/// Takes one event: `state` is empty for the first, and else what the last step gave back.
///
/// Pure, given the settings of [`configure`]. Fails where the state is none of this revision, where the function asks otherwise than it did before,
/// where it ends in a refusal, and where it asks or keeps more than the contract allows.
pub fn step<F: Flow>(state: &[u8], event: &Event) -> Result<Stepped, Failure> {
    let at = Moment::of(event);
    let begins = state.is_empty();
    let pages = match &event.what {
        Happening::Started(start) if begins => Pages::new(start.clone(), at),
        _ => match Journal::from_bytes(state, F::REVISION) {
            Some(Journal::Open(pages)) => *pages,
            Some(Journal::Over) => {
                return Ok(Stepped { state: state.into(), actions: Vec::new(), trail: Vec::new(), extra: Vec::new() });
            }
            None => {
                let message = format!("not a state of {} revision {}", F::NAME, F::REVISION);
                return Err(failure(FailureCode::BadState, message));
            }
        },
    };
    let call = Call::new(Talk::new(pages, begins, SETTINGS.with_borrow(Clone::clone)));
    let end = run(&call, F::call(call.clone()), begins, event)?;
    let exit = match end {
        End::Waits => None,
        End::Returned => {
            let mut talk = call.talk();
            if !talk.is_given_away() {
                talk.part(at);
                talk.ask(super::Effect::HangUp(ORDINARY_END));
            }
            Some("end")
        }
        End::HungUp(end) => {
            F::hung_up(&Parting::new(call.clone(), end, at));
            Some("hung-up")
        }
    };
    stepped::<F>(&mut call.talk(), exit)
}

/// How a run of the author's function ended.
enum End {
    Waits,
    Returned,
    /// Dropped where it stood.
    HungUp(super::End),
}

fn run(call: &Call, function: impl Future<Output = Asked<()>>, begins: bool, event: &Event) -> Result<End, Failure> {
    // Dropped at the end of this block, when nothing is taken back any more.
    let mut function = pin!(function);
    let ended = replay(call, function.as_mut(), begins, Moment::of(event));
    let ended = match (ended, &event.what) {
        (Err(failure), _) => Err(failure),
        (Ok(_), Happening::HungUp(end)) => Ok(End::HungUp(*end)),
        (Ok(Poll::Ready(ended)), _) => returned(ended),
        (Ok(Poll::Pending), _) if begins => Ok(End::Waits),
        (Ok(Poll::Pending), _) => {
            let heard = call.talk().take(event);
            match if heard { poll(function.as_mut()) } else { Poll::Pending } {
                Poll::Ready(ended) => returned(ended),
                Poll::Pending => Ok(End::Waits),
            }
        }
    };
    call.talk().close();
    ended
}

/// Brings the function to where it was.
fn replay<F: Future<Output = Asked<()>>>(
    call: &Call,
    mut function: Pin<&mut F>,
    begins: bool,
    at: Moment,
) -> Result<Poll<Asked<()>>, Failure> {
    let mut polled = poll(function.as_mut());
    if begins {
        return Ok(polled);
    }
    let log = std::mem::take(&mut call.talk().pages.log);
    for heard in &log {
        if let Some(difference) = call.talk().take_difference() {
            return Err(difference);
        }
        if polled.is_pending() {
            call.talk().hear(heard.clone());
            polled = poll(function.as_mut());
        }
    }
    let mut talk = call.talk();
    talk.pages.log = log;
    talk.go_live(at);
    talk.take_difference().map_or(Ok(polled), Err)
}

fn poll<F: Future>(function: Pin<&mut F>) -> Poll<F::Output> {
    function.poll(&mut Context::from_waker(Waker::noop()))
}

fn returned(ended: Asked<()>) -> Result<End, Failure> {
    match ended {
        Ok(()) => Ok(End::Returned),
        Err(Refused { code, message, .. }) => {
            Err(failure(FailureCode::Other("refused".into()), format!("{code}: {message}")))
        }
    }
}

fn stepped<F: Flow>(talk: &mut Talk, exit: Option<&str>) -> Result<Stepped, Failure> {
    let (actions, trail) = talk.finish(exit);
    let stage = talk.stage().to_owned();
    if actions.len() > MOST_ACTIONS || trail.len() > MOST_VISITS {
        let message =
            format!("more than {MOST_ACTIONS} requests or {MOST_VISITS} stages with no wait (stage `{stage}`)");
        return Err(failure(FailureCode::Runaway, message));
    }
    let journal = match exit {
        Some(_) => Journal::Over,
        None => Journal::Open(Box::new(talk.pages.clone())),
    };
    let state = journal.to_bytes(F::REVISION);
    if state.len() > STATE_LIMIT {
        let message = format!("a state of {} bytes: put the loop of stage `{stage}` into `repeat`", state.len());
        return Err(failure(FailureCode::TooLarge, message));
    }
    Ok(Stepped { state, actions, trail, extra: Vec::new() })
}

impl Pages {
    fn new(start: Start, began: Moment) -> Self {
        Self { start, began, asks: Vec::new(), log: Vec::new(), loops: Vec::new() }
    }
}

fn failure(code: FailureCode, message: String) -> Failure {
    Failure { code, message, extra: Vec::new() }
}
