//! One call at one phone.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plugboard_media::{Digit, RecordingSummary, Statistics};
use plugboard_sip::endpoint::EndCause;
use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::{Action, ToEngine};
use crate::error::{ActionError, WaitError};

/// A play is given up after this long: no prompt is longer.
const LONGEST_PLAY: Duration = Duration::from_secs(1_800);

/// A call of one group of phones. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(crate) u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// How a call came to the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By [`Phone::call`](crate::Phone::call).
    Placed,
    Incoming,
    /// The phone placed it because the far end of another call transferred it.
    Referred,
}

/// How far a call is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Calling,
    Ringing,
    Answered,
    Ended(Ended),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// 300–699 to our INVITE.
    Refused { status: u16 },
    /// `q850` is the cause of the far end's Reason header, where it gave one.
    Over { cause: EndCause, q850: Option<u16> },
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status } => write!(f, "refused with {status}"),
            Self::Over { cause, q850: None } => write!(f, "{cause:?}"),
            Self::Over { cause, q850: Some(q850) } => write!(f, "{cause:?}, Q.850 cause {q850}"),
        }
    }
}

/// Everything known of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallState {
    pub phase: Phase,
    /// RTP of the far end has come.
    pub heard: bool,
    /// The far end put us on hold.
    pub held: bool,
    /// Keys that the far end pressed, the last 1,024.
    pub digits: String,
    /// Comes shortly after the end of a call that had sound.
    pub statistics: Option<Statistics>,
}

impl CallState {
    fn ended(&self) -> Option<Ended> {
        match self.phase {
            Phase::Ended(ended) => Some(ended),
            _ => None,
        }
    }
}

/// What happened in a call. Each comes at most once but for digits and hold; `Ended` is the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// Of a placed call: the far end rings.
    Ringing,
    Answered,
    /// The first RTP came.
    Heard,
    /// The far end pressed a key.
    Digit(char),
    /// The far end put us on hold.
    Held,
    Resumed,
    /// The far end asked us to call somebody else; the new call comes by [`Phone::next_incoming`](crate::Phone::next_incoming).
    Transferred {
        to: String,
    },
    Ended(Ended),
}

/// A handle; dropping it does not hang up.
#[derive(Debug)]
pub struct Call {
    pub(crate) id: CallId,
    pub(crate) origin: Origin,
    pub(crate) peer: Arc<str>,
    pub(crate) state: watch::Receiver<CallState>,
    pub(crate) events: mpsc::Receiver<CallEvent>,
    pub(crate) engine: mpsc::Sender<ToEngine>,
    pub(crate) patience: Duration,
}

impl Call {
    pub fn id(&self) -> CallId {
        self.id
    }

    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// User part of the far end's address, or what was dialled.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// As it is now.
    pub fn state(&self) -> CallState {
        self.state.borrow().clone()
    }

    /// A view that outlives borrows of the handle, for waiting on several calls at once.
    pub fn watch(&self) -> watch::Receiver<CallState> {
        self.state.clone()
    }

    // === waits: true at once if it has happened already ===

    /// The far end of a placed call rings.
    pub async fn ringing(&self, within: Duration) -> Result<(), WaitError> {
        self.until("ringing", within, |state| matches!(state.phase, Phase::Ringing | Phase::Answered)).await
    }

    pub async fn answered(&self, within: Duration) -> Result<(), WaitError> {
        self.until("an answer", within, |state| state.phase == Phase::Answered).await
    }

    /// The first RTP has come: a prompt, music or a voice.
    pub async fn hears(&self, within: Duration) -> Result<(), WaitError> {
        self.until("sound", within, |state| state.heard).await
    }

    /// The keys that the far end pressed end with these.
    pub async fn digits(&self, wanted: &str, within: Duration) -> Result<(), WaitError> {
        self.until("digits", within, |state| state.digits.ends_with(wanted)).await
    }

    /// The far end put us on hold (`true`) or took us back.
    pub async fn held(&self, held: bool, within: Duration) -> Result<(), WaitError> {
        self.until("hold or its end", within, |state| state.held == held).await
    }

    pub async fn ended(&self, within: Duration) -> Result<Ended, WaitError> {
        match self.until("the end of the call", within, |_| false).await {
            Ok(()) => Err(WaitError::Stopped),
            Err(WaitError::Ended(ended)) => Ok(ended),
            Err(error) => Err(error),
        }
    }

    /// What the media plane counted; waits until the call is over.
    pub async fn statistics(&self, within: Duration) -> Result<Statistics, WaitError> {
        let mut state = self.state.clone();
        let waited = tokio::time::timeout(within, state.wait_for(|state| state.statistics.is_some())).await;
        match waited {
            Ok(Ok(state)) => state.statistics.ok_or(WaitError::Stopped),
            Ok(Err(_)) => Err(WaitError::Stopped),
            Err(_) => Err(WaitError::TimedOut { what: "statistics", within }),
        }
    }

    /// The next thing that happens. At most 256 wait here; more are lost if nobody asks.
    pub async fn next_event(&mut self, within: Duration) -> Result<CallEvent, WaitError> {
        match tokio::time::timeout(within, self.events.recv()).await {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(self.state.borrow().ended().map_or(WaitError::Stopped, WaitError::Ended)),
            Err(_) => Err(WaitError::TimedOut { what: "an event", within }),
        }
    }

    async fn until(
        &self,
        what: &'static str,
        within: Duration,
        wanted: impl Fn(&CallState) -> bool,
    ) -> Result<(), WaitError> {
        let mut state = self.state.clone();
        let waited = state.wait_for(|state| wanted(state) || state.ended().is_some());
        match tokio::time::timeout(within, waited).await {
            Ok(Ok(state)) if wanted(&state) => Ok(()),
            Ok(Ok(state)) => Err(state.ended().map_or(WaitError::Stopped, WaitError::Ended)),
            Ok(Err(_)) => Err(WaitError::Stopped),
            Err(_) => Err(WaitError::TimedOut { what, within }),
        }
    }

    // === actions ===

    /// Answers an incoming call.
    pub async fn answer(&self) -> Result<(), ActionError> {
        self.act("the answer", |reply| Action::Answer { reply }).await
    }

    /// Refuses an incoming call with 300–699.
    pub async fn reject(&self, status: u16) -> Result<(), ActionError> {
        self.act("the refusal", |reply| Action::Reject { status, reply }).await
    }

    /// Ends the call in whatever state: CANCEL, a refusal or BYE.
    pub async fn hang_up(&self) -> Result<(), ActionError> {
        self.act("the hang-up", |reply| Action::HangUp { reply }).await
    }

    /// Presses the keys `0`–`9`, `*`, `#`, `A`–`D` with a pause of `gap` after each but the last.
    pub async fn send_digits(&self, digits: &str, gap: Duration) -> Result<(), ActionError> {
        let keys: Vec<Digit> = digits
            .chars()
            .map(|found| Digit::from_char(found).ok_or(ActionError::BadKey { found }))
            .collect::<Result<_, _>>()?;
        for (index, digit) in keys.into_iter().enumerate() {
            if index > 0 && !gap.is_zero() {
                tokio::time::sleep(gap).await;
            }
            self.act("a key", |reply| Action::Press { digit, reply }).await?;
        }
        Ok(())
    }

    /// Says a WAV file to the far end; returns when it is said. False if it was cut short by another play or the end of the call.
    pub async fn play(&self, file: &Path) -> Result<bool, ActionError> {
        let file = file.into();
        self.act_within("the end of the file", LONGEST_PLAY, |reply| Action::Play { file, reply }).await
    }

    /// Says a tone of 440 Hz, for tests that have no file.
    pub async fn hum(&self, length: Duration) -> Result<bool, ActionError> {
        self.act_within("the end of the tone", LONGEST_PLAY, |reply| Action::Hum { length, reply }).await
    }

    /// Writes what the phone hears to a new WAV file, on its left side; the folder must exist and the file must not.
    pub async fn record_to(&self, file: &Path) -> Result<(), ActionError> {
        let file: PathBuf = file.into();
        self.act("the recording", |reply| Action::Record { file, reply }).await
    }

    /// Closes the file and tells how loud it is. After the end of the call too.
    pub async fn stop_recording(&self) -> Result<RecordingSummary, ActionError> {
        self.act("the recording's end", |reply| Action::StopRecording { reply }).await
    }

    /// Puts the far end on hold by re-INVITE.
    pub async fn hold(&self) -> Result<(), ActionError> {
        self.act("hold", |reply| Action::Hold { hold: true, reply }).await
    }

    pub async fn resume(&self) -> Result<(), ActionError> {
        self.act("the end of hold", |reply| Action::Hold { hold: false, reply }).await
    }

    /// Blind transfer: asks the far end to call a number or SIP address instead (REFER). Returns when that call is answered, or when the far
    /// end hung up after it had accepted; this call is over then.
    pub async fn transfer(&self, target: &str) -> Result<(), ActionError> {
        let target = target.into();
        self.act("the transfer", |reply| Action::Refer { target, reply }).await
    }

    /// Attended transfer: the far end of this call takes our place in `other` (REFER with Replaces). Ends as [`Self::transfer`].
    pub async fn attended_transfer(&self, other: &Self) -> Result<(), ActionError> {
        let other = other.id;
        self.act("the transfer", |reply| Action::ReferTo { other, reply }).await
    }

    async fn act<T>(
        &self,
        what: &'static str,
        action: impl FnOnce(oneshot::Sender<Result<T, ActionError>>) -> Action,
    ) -> Result<T, ActionError> {
        self.act_within(what, self.patience, action).await
    }

    async fn act_within<T>(
        &self,
        what: &'static str,
        within: Duration,
        action: impl FnOnce(oneshot::Sender<Result<T, ActionError>>) -> Action,
    ) -> Result<T, ActionError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            let message = ToEngine::Act { call: self.id, action: action(reply) };
            self.engine.send(message).await.map_err(|_| ActionError::Stopped)?;
            answer.await.unwrap_or(Err(ActionError::Stopped))
        };
        tokio::time::timeout(within, asked).await.unwrap_or(Err(ActionError::TimedOut { what, within }))
    }
}
