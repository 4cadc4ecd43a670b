//! The demonstration's two parties, as a play: both follow one [`Stage`], so that each speaks when the other has finished.
//!
//! ```text
//! caller   dials, hears the prompt, presses keys …                 speaks                 hangs up
//! agent                                        rings, answers, greets      replies
//! act      Calling                             Answered        Greeted    Spoken  Replied
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plugboard_media::{RecordingSummary, Statistics};
use tokio::sync::watch;

use crate::call::Ended;
use crate::error::{ActionError, CallError, RegisterError, WaitError};
use crate::phone::Phone;

/// How long the media plane may take to tell what it counted, and to close a file.
const CLOSING: Duration = Duration::from_secs(5);

/// How far the play is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Calling,
    /// The agent has answered and hears the line.
    Answered,
    Greeted,
    Spoken,
    Replied,
}

/// Where the parties see how far the play is. Clones are the same stage.
#[derive(Clone, Debug)]
pub struct Stage(Arc<watch::Sender<Act>>);

impl Default for Stage {
    fn default() -> Self {
        Self(Arc::new(watch::channel(Act::Calling).0))
    }
}

impl Stage {
    pub fn act(&self) -> Act {
        *self.0.borrow()
    }

    /// Moves on to `act`; never back.
    pub fn reach(&self, act: Act) {
        self.0.send_if_modified(|now| {
            let is_later = act > *now;
            *now = act.max(*now);
            is_later
        });
    }

    /// Waits until the play has come as far as `act`.
    pub async fn until(&self, act: Act, within: Duration) -> Result<(), ScriptError> {
        let mut acts = self.0.subscribe();
        match tokio::time::timeout(within, acts.wait_for(|now| *now >= act)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(ScriptError::Stuck { act, within }),
        }
    }
}

/// Why the play stopped.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("agent's phone cannot register")]
    Register(#[from] RegisterError),
    #[error("caller cannot call")]
    Call(#[from] CallError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Action(#[from] ActionError),
    #[error("the play did not come to {act:?} within {} ms", within.as_millis())]
    Stuck { act: Act, within: Duration },
}

/// Somebody who calls, finds a way through the menu, says what it is about, and hangs up after the reply.
#[derive(Debug)]
pub struct DemoCaller {
    pub phone: Phone,
    pub number: String,
    /// Keys, and how long after the first sound of the prompt each is pressed; in order of time.
    pub keys: Vec<(Duration, String)>,
    /// WAV; said once the agent has greeted.
    pub speech: PathBuf,
    /// A new WAV file for all that the caller hears.
    pub record: Option<PathBuf>,
    /// Longest wait for each step: for the prompt, for the agent, for the reply.
    pub patience: Duration,
}

/// How it went for the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct CallerReport {
    /// From dialling to the first sound.
    pub heard_after: Duration,
    /// From dialling to the agent's greeting.
    pub greeted_after: Duration,
    pub ended: Ended,
    pub statistics: Statistics,
    pub recording: Option<RecordingSummary>,
}

impl DemoCaller {
    pub async fn run(self, stage: &Stage) -> Result<CallerReport, ScriptError> {
        let dialled = tokio::time::Instant::now();
        let call = self.phone.call(&self.number).await?;
        call.answered(self.patience).await?;
        if let Some(file) = &self.record {
            call.record_to(file).await?;
        }
        call.hears(self.patience).await?;
        let heard = tokio::time::Instant::now();
        for (after, keys) in &self.keys {
            tokio::time::sleep_until(heard + *after).await;
            call.send_digits(keys, KEY_GAP).await?;
        }
        // Whatever ends the call ends the wait for the agent.
        tokio::select! {
            greeted = stage.until(Act::Greeted, self.patience) => greeted?,
            ended = call.ended(self.patience) => return Err(WaitError::Ended(ended?).into()),
        }
        let greeted_after = dialled.elapsed();
        call.play(&self.speech).await?;
        stage.reach(Act::Spoken);
        stage.until(Act::Replied, self.patience).await?;
        let recording = match self.record {
            Some(_) => Some(call.stop_recording().await?),
            None => None,
        };
        call.hang_up().await?;
        let ended = call.ended(CLOSING).await?;
        let statistics = call.statistics(CLOSING).await?;
        Ok(CallerReport { heard_after: heard - dialled, greeted_after, ended, statistics, recording })
    }
}

/// Between keys of one group, as a person types.
const KEY_GAP: Duration = Duration::from_millis(250);

/// Somebody at a desk whose phone registers, rings, and is answered.
#[derive(Debug)]
pub struct DemoAgent {
    pub phone: Phone,
    /// How long it rings before the agent takes it; 1.2 s is a person with a headset.
    pub rings: Duration,
    /// WAV, said after answering.
    pub greeting: PathBuf,
    /// WAV, said after the caller has spoken.
    pub reply: PathBuf,
    /// Longest wait for each step: for the call, for the caller's speech, for the end.
    pub patience: Duration,
}

/// How it went for the agent.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentReport {
    pub ended: Ended,
    pub statistics: Statistics,
}

impl DemoAgent {
    /// Registers for an hour. Do so before the caller dials, and make the agent ready.
    pub async fn register(&self) -> Result<Duration, ScriptError> {
        Ok(self.phone.register(Duration::from_secs(3_600)).await?)
    }

    pub async fn run(&mut self, stage: &Stage) -> Result<AgentReport, ScriptError> {
        let call = self.phone.next_incoming(self.patience).await?;
        tokio::time::sleep(self.rings).await;
        call.answer().await?;
        call.answered(self.patience).await?;
        call.hears(self.patience).await?;
        stage.reach(Act::Answered);
        call.play(&self.greeting).await?;
        stage.reach(Act::Greeted);
        stage.until(Act::Spoken, self.patience).await?;
        call.play(&self.reply).await?;
        stage.reach(Act::Replied);
        let ended = call.ended(self.patience).await?;
        let statistics = call.statistics(CLOSING).await?;
        Ok(AgentReport { ended, statistics })
    }
}
