//! One call as the task knows it.

use std::sync::Arc;

use plugboard_media::{Port, Stream};
use plugboard_sdp as sdp;
use plugboard_sip::CallHandle;
use plugboard_sip::endpoint::Body;
use tokio::sync::{mpsc, watch};

use super::Reply;
use crate::call::{Call, CallEvent, CallId, CallState, Origin, Phase};

/// Events that wait for one handle.
const EVENTS: usize = 256;
/// Keys of the far end that are kept.
const MOST_DIGITS: usize = 1_024;

#[derive(Debug)]
pub(super) struct Line {
    /// User of the phone.
    pub(super) phone: String,
    pub(super) dialog: CallHandle,
    /// Taken when the call begins, opened with the first session that both sides agree on.
    pub(super) port: Port,
    /// The caller's offer, until we answer.
    pub(super) offer: Option<Body>,
    pub(super) local: sdp::Local,
    pub(super) stream: Option<Stream>,
    /// The play of a file or tone; silence goes out otherwise.
    pub(super) playing: Option<u64>,
    /// Our offer went out in a 2xx; the answer comes with the ACK.
    pub(super) awaits_answer: bool,
    /// Where the far end is reachable, for a transfer to it.
    pub(super) far_address: String,
    /// The call that this one takes the place of, once answered (RFC 3891).
    pub(super) replaces: Option<CallHandle>,
    /// The call whose far end asked for this one (RFC 3515).
    pub(super) referred_by: Option<CallId>,
    pub(super) asked: Asked,
    state: watch::Sender<CallState>,
    events: mpsc::Sender<CallEvent>,
}

/// What of the far end's we wait for.
#[derive(Debug, Default)]
pub(super) enum Asked {
    #[default]
    Nothing,
    Hold {
        hold: bool,
        reply: Reply<()>,
    },
    Refer {
        accepted: bool,
        reply: Reply<()>,
    },
}

/// The ends that a [`Call`] handle holds.
pub(super) struct Ends {
    pub(super) state: watch::Receiver<CallState>,
    pub(super) events: mpsc::Receiver<CallEvent>,
}

impl Line {
    pub(super) fn new(phone: &str, dialog: CallHandle, port: Port, local: sdp::Local) -> (Self, Ends) {
        let (state, watched) = watch::channel(CallState::default());
        let (events, told) = mpsc::channel(EVENTS);
        let line = Self {
            phone: phone.into(),
            dialog,
            port,
            offer: None,
            local,
            stream: None,
            playing: None,
            awaits_answer: false,
            far_address: String::new(),
            replaces: None,
            referred_by: None,
            asked: Asked::Nothing,
            state,
            events,
        };
        (line, Ends { state: watched, events: told })
    }

    pub(super) fn phase(&self) -> Phase {
        self.state.borrow().phase.clone()
    }

    /// Changes the state, and tells it. Events that nobody reads are lost; the state is always true.
    pub(super) fn tell(&mut self, event: CallEvent) {
        self.state.send_modify(|state| match &event {
            CallEvent::Ringing => state.phase = Phase::Ringing,
            CallEvent::Answered => state.phase = Phase::Answered,
            CallEvent::Heard => state.heard = true,
            CallEvent::Digit(digit) => {
                if state.digits.len() >= MOST_DIGITS {
                    state.digits.remove(0);
                }
                state.digits.push(*digit);
            }
            CallEvent::Held => state.held = true,
            CallEvent::Resumed => state.held = false,
            CallEvent::Transferred { .. } => {}
            CallEvent::Ended(ended) => state.phase = Phase::Ended(*ended),
        });
        let _ = self.events.try_send(event);
    }

    pub(super) fn is_held(&self) -> bool {
        self.state.borrow().held
    }

    pub(super) fn measured(&mut self, statistics: plugboard_media::Statistics) {
        self.state.send_modify(|state| state.statistics = Some(statistics));
    }
}

impl Ends {
    pub(super) fn into_call(
        self,
        id: CallId,
        origin: Origin,
        peer: &str,
        engine: mpsc::Sender<super::ToEngine>,
        patience: std::time::Duration,
    ) -> Call {
        Call { id, origin, peer: Arc::from(peer), state: self.state, events: self.events, engine, patience }
    }
}
