//! Facts. Everything that happens in an exchange is one of these, appended in order and never changed; reports, CDRs and the live view are folds over them.

mod words;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, AgentState, FlowId, InteractionId, LegId, QueueId, RecordingId, SkillId, Timestamp,
    channel::{Attachment, Content, Delivery},
    compliance::{Alert, Asker, Finding, Judgement, Speaker},
};

pub use words::{Choice, EndedBy, Quality, QueueExit, ReleaseReason, Role, ServiceMeasure, TransferKind};

/// One fact of one tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Rises by one from 1 within a tenant, with no gap.
    pub seq: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub kind: EventKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum EventKind {
    /// A call came in for us, or an agent places one.
    InteractionOffered {
        interaction: InteractionId,
        leg: LegId,
        from: Arc<str>,
        to: Arc<str>,
        channel: Arc<str>,
        /// The agent whose call it is: dialled on the phone, or by the desk for it. `leg` is then the agent's own.
        #[serde(default)]
        dialled_by: Option<AgentId>,
    },
    /// We call somebody for this interaction.
    LegDialled {
        interaction: InteractionId,
        leg: LegId,
        role: Role,
        party: Arc<str>,
        agent: Option<AgentId>,
    },
    /// The agent goes on with another of their phones (INVITE with Replaces): `leg` is in the place of `replaced`.
    LegReplaced {
        interaction: InteractionId,
        leg: LegId,
        replaced: LegId,
        agent: AgentId,
    },
    /// A leg to an outside number is tried by this peer of a trunk, the first or, where one failed, the next.
    LegRouted {
        interaction: InteractionId,
        leg: LegId,
        trunk: Arc<str>,
        /// `192.0.2.1:5060`
        peer: Arc<str>,
    },
    LegRinging {
        interaction: InteractionId,
        leg: LegId,
    },
    LegAnswered {
        interaction: InteractionId,
        leg: LegId,
    },
    /// `cause` is a Q.850 number, `status` the SIP status where one was given.
    LegEnded {
        interaction: InteractionId,
        leg: LegId,
        by: EndedBy,
        cause: u16,
        status: Option<u16>,
    },
    /// How the leg sounded; comes shortly after its end.
    LegMeasured {
        interaction: InteractionId,
        leg: LegId,
        quality: Quality,
    },

    FlowStarted {
        interaction: InteractionId,
        flow: FlowId,
        revision: u64,
    },
    /// The flow left `node` by `exit`; `exit` is empty while it waits there.
    FlowVisited {
        interaction: InteractionId,
        node: Arc<str>,
        exit: Arc<str>,
    },
    FlowEnded {
        interaction: InteractionId,
        flow: FlowId,
    },
    /// The exception flow took over.
    FlowFailed {
        interaction: InteractionId,
        flow: FlowId,
        reason: Arc<str>,
    },
    /// A component failed, and its native default was used.
    PluginFailed {
        interaction: Option<InteractionId>,
        plugin: Arc<str>,
        question: Arc<str>,
        reason: Arc<str>,
    },
    PromptFailed {
        interaction: InteractionId,
        prompt: Arc<str>,
        reason: Arc<str>,
    },
    /// Compliance rules were asked whether something may be done: what each said, and what counts. Where no rule judges such effects nothing is
    /// told. An allowed dial or recording begins once this is on disk.
    Judged {
        interaction: Option<InteractionId>,
        judgement: Box<Judgement>,
    },
    /// Somebody saw what is masked for them, on disk before they did. `kind` and `role` as in [`crate::compliance::Unmask`].
    Unmasked {
        interaction: Option<InteractionId>,
        kind: Arc<str>,
        by: Asker,
        role: Arc<str>,
        reason: Arc<str>,
    },
    /// A flow asked a connector, and heard what came of it. What was asked and answered stands nowhere.
    Invoked {
        interaction: InteractionId,
        connector: Arc<str>,
        operation: Arc<str>,
        /// `ok`, `not-found`, `timed-out`, `limit`, `unreachable`, …
        outcome: Arc<str>,
        took_ms: u32,
    },
    /// A customer wrote. `message` is the platform's id, `sent_at` when the platform says that it was sent.
    MessageReceived {
        channel: Arc<str>,
        message: Arc<str>,
        from: Arc<str>,
        thread: Option<Arc<str>>,
        what: Box<Content>,
        sent_at: Timestamp,
    },
    /// Somebody had a message to a customer sent, and no rule forbade it: it waits to go out. The text is what the rules let pass. `message` is ours.
    MessageAccepted {
        interaction: Option<InteractionId>,
        channel: Arc<str>,
        message: Arc<str>,
        to: Arc<str>,
        thread: Option<Arc<str>>,
        text: Arc<str>,
        template: Option<Arc<str>>,
        choices: Vec<Arc<str>>,
        attachments: Vec<Attachment>,
        by: Asker,
    },
    /// The platform took it, under these ids: a long text is several messages to it.
    MessageSent {
        channel: Arc<str>,
        message: Arc<str>,
        receipts: Vec<Arc<str>>,
    },
    /// What became of it, as the platform reports.
    MessageReported {
        channel: Arc<str>,
        message: Arc<str>,
        state: Delivery,
    },
    /// It was not sent, and is tried no more.
    MessageFailed {
        channel: Arc<str>,
        message: Arc<str>,
        reason: Arc<str>,
    },
    Tagged {
        interaction: InteractionId,
        name: Arc<str>,
        value: Arc<str>,
    },

    /// Something was said, as recognised; what rules find that has to be masked is stars. `spoken` counts from 0 within the interaction. Times are
    /// from its begin.
    Uttered {
        interaction: InteractionId,
        spoken: u32,
        speaker: Speaker,
        from_ms: u32,
        to_ms: u32,
        text: Arc<str>,
        language: Arc<str>,
    },
    /// A rule that listens heard something that somebody should know, at the utterance `spoken`. `orders` are told as done or denied by other facts.
    Alerted {
        interaction: InteractionId,
        rule: Arc<str>,
        spoken: u32,
        alert: Box<Alert>,
    },
    /// A rule has read the whole conversation. `failed`: it says nothing, and why.
    Reviewed {
        interaction: InteractionId,
        rule: Arc<str>,
        findings: Vec<Finding>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<Arc<str>>,
    },

    Queued {
        interaction: InteractionId,
        queue: QueueId,
        priority: i32,
        skills: Vec<(SkillId, u8)>,
        position: u32,
    },
    LeftQueue {
        interaction: InteractionId,
        queue: QueueId,
        exit: QueueExit,
    },
    /// A routing policy gives up something for an interaction that waits: what it needs from here on, and the queue whose agents are asked as well.
    /// `waited_ms`: since its place in line.
    Relaxed {
        interaction: InteractionId,
        queue: QueueId,
        policy: Arc<str>,
        waited_ms: u64,
        skills: Vec<(SkillId, u8)>,
        overflow_to: Option<QueueId>,
    },
    /// A routing policy keeps the interaction waiting though `free` agents could take it; it is asked again after `again_ms`, where it said so. Told
    /// once until the interaction is offered to somebody.
    HeldBack {
        interaction: InteractionId,
        queue: QueueId,
        policy: Arc<str>,
        free: u32,
        again_ms: Option<u64>,
    },
    /// The agent is promised to the interaction. `since_free_ms`: from the later of agent free and interaction queued to now. `choice`: `None` where
    /// the native order decided.
    Reserved {
        interaction: InteractionId,
        agent: AgentId,
        queue: Option<QueueId>,
        lease_ms: u64,
        since_free_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        choice: Option<Choice>,
    },
    Released {
        interaction: InteractionId,
        agent: AgentId,
        reason: ReleaseReason,
    },
    /// Caller and agent hear each other.
    Connected {
        interaction: InteractionId,
        agent: AgentId,
        leg: LegId,
        queue: Option<QueueId>,
    },
    Disconnected {
        interaction: InteractionId,
        agent: AgentId,
        by: EndedBy,
    },
    Held {
        interaction: InteractionId,
        agent: AgentId,
    },
    Resumed {
        interaction: InteractionId,
        agent: AgentId,
    },
    ConsultStarted {
        interaction: InteractionId,
        agent: AgentId,
        target: Arc<str>,
    },
    ConsultEnded {
        interaction: InteractionId,
        agent: AgentId,
    },
    Transferred {
        interaction: InteractionId,
        agent: Option<AgentId>,
        kind: TransferKind,
        target: Arc<str>,
    },

    /// A queue is worse than its own limit, or well again. None is raised twice without being cleared between, except over a restart, which clears all.
    ServiceAlarm {
        queue: QueueId,
        measure: ServiceMeasure,
        raised: bool,
        value_ms: u64,
        limit_ms: u64,
    },

    /// A peer of a trunk answers no more; calls go by others while there are any.
    TrunkDown {
        trunk: Arc<str>,
        peer: Arc<str>,
    },
    /// It answers again.
    TrunkUp {
        trunk: Arc<str>,
        peer: Arc<str>,
    },

    WrapUpStarted {
        interaction: InteractionId,
        agent: AgentId,
        limit_ms: u64,
    },
    WrapUpEnded {
        interaction: InteractionId,
        agent: AgentId,
        by_timer: bool,
    },
    DispositionSet {
        interaction: InteractionId,
        agent: Option<AgentId>,
        code: Arc<str>,
        note: Arc<str>,
    },

    RecordingStarted {
        interaction: InteractionId,
        recording: RecordingId,
        path: Arc<str>,
        voicemail: bool,
    },
    /// A rule wants it erased so many days after this. Of several the first that is over counts.
    RecordingKept {
        interaction: InteractionId,
        recording: RecordingId,
        days: u32,
    },
    /// Its days are over: the sound is no more.
    RecordingErased {
        interaction: InteractionId,
        recording: RecordingId,
    },
    RecordingPaused {
        interaction: InteractionId,
        recording: RecordingId,
    },
    RecordingResumed {
        interaction: InteractionId,
        recording: RecordingId,
    },
    /// Loudness is RMS in dB below full scale, one figure a side; `None` where that side is silent throughout.
    RecordingClosed {
        interaction: InteractionId,
        recording: RecordingId,
        path: Arc<str>,
        length_ms: u64,
        sha256: Arc<str>,
        left_dbfs: Option<f32>,
        right_dbfs: Option<f32>,
        gaps: u64,
    },
    RecordingFailed {
        interaction: InteractionId,
        recording: RecordingId,
        reason: Arc<str>,
    },

    /// Nothing more follows for the interaction but a late measurement, wrap-up, disposition or recording.
    InteractionClosed {
        interaction: InteractionId,
        by: EndedBy,
        cause: u16,
    },

    /// The process ended before the interaction did; told by the next one as it starts. It is over since what is known of it last.
    InteractionInterrupted {
        interaction: InteractionId,
    },

    AgentStateChanged {
        agent: AgentId,
        from: AgentState,
        to: AgentState,
    },
    PhoneRegistered {
        agent: AgentId,
        contact: Arc<str>,
    },
    PhoneGone {
        agent: AgentId,
    },

    ConfigurationApplied {
        revision: u64,
    },
    /// A pack came to the tenant. `waits`: it asks for something that nobody has granted yet, and answers nothing before. `digest` tells its content,
    /// `by` is the token that sent it.
    PackInstalled {
        pack: Arc<str>,
        version: Arc<str>,
        digest: Arc<str>,
        waits: bool,
        by: Arc<str>,
    },
    /// Another version of a pack came. If it `waits`, `from` goes on serving until somebody grants what is asked for more.
    PackUpgraded {
        pack: Arc<str>,
        from: Option<Arc<str>>,
        version: Arc<str>,
        digest: Arc<str>,
        waits: bool,
        by: Arc<str>,
    },
    /// Somebody granted what a version asks for; it serves from here on, or is tried as the next event says.
    PackGranted {
        pack: Arc<str>,
        from: Option<Arc<str>>,
        version: Arc<str>,
        digest: Arc<str>,
        by: Arc<str>,
    },
    /// The version of before serves again.
    PackRolledBack {
        pack: Arc<str>,
        from: Option<Arc<str>>,
        version: Arc<str>,
        digest: Arc<str>,
        by: Arc<str>,
    },
    PackRemoved {
        pack: Arc<str>,
        by: Arc<str>,
    },
    /// A version of a pack is asked beside the one that serves; what it says has no effect.
    RolloutShadowed {
        pack: Arc<str>,
        version: Arc<str>,
        digest: Arc<str>,
        by: Arc<str>,
    },
    /// A version of a pack serves some callers: `share=5%`, or who calls from, who calls to, what is tagged.
    RolloutCanary {
        pack: Arc<str>,
        version: Arc<str>,
        digest: Arc<str>,
        audience: Arc<str>,
        by: Arc<str>,
    },
    /// The version that was tried serves all who come from here on. Until `watched_until` it goes back on its own if it does worse than `from` did.
    RolloutPromoted {
        pack: Arc<str>,
        from: Arc<str>,
        version: Arc<str>,
        digest: Arc<str>,
        watched_until: Timestamp,
        by: Arc<str>,
    },
    /// A version that was watched stays.
    RolloutSettled {
        pack: Arc<str>,
        version: Arc<str>,
        digest: Arc<str>,
    },
    /// The host took `from` back on its own, since it did worse than it may; `version` serves all who come from here on.
    RolloutRolledBack {
        pack: Arc<str>,
        from: Arc<str>,
        version: Arc<str>,
        digest: Arc<str>,
        why: Arc<str>,
    },
    /// No interaction uses the version any more, and it is no longer loaded.
    RolloutUnused {
        pack: Arc<str>,
        version: Arc<str>,
        digest: Arc<str>,
    },
    /// A plugin failed too often and is not asked before `until`: the native default decides. Told again where a probe failed.
    PluginQuarantined {
        /// As configuration names it.
        plugin: Arc<str>,
        /// The first 16 hex digits of the component's SHA-256.
        version: Arc<str>,
        /// How it failed last, kebab-case: `trapped`, `deadline`.
        why: Arc<str>,
        until: Timestamp,
    },
    /// A plugin that was let be answers again, and is asked as before.
    PluginWell {
        plugin: Arc<str>,
        version: Arc<str>,
    },
    /// The process started: whatever was live before is over.
    Restarted {
        live_before: u64,
    },
    /// An operator must act. `name` is kebab-case and stable.
    Alarm {
        name: Arc<str>,
        detail: Arc<str>,
    },
}

impl EventKind {
    /// Whether it is of a conversation in writing.
    pub fn is_of_messages(&self) -> bool {
        matches!(
            self,
            Self::MessageReceived { .. }
                | Self::MessageAccepted { .. }
                | Self::MessageSent { .. }
                | Self::MessageReported { .. }
                | Self::MessageFailed { .. }
        )
    }

    /// The interaction that this fact belongs to.
    pub fn interaction(&self) -> Option<InteractionId> {
        match self {
            Self::InteractionOffered { interaction, .. }
            | Self::LegDialled { interaction, .. }
            | Self::LegReplaced { interaction, .. }
            | Self::LegRouted { interaction, .. }
            | Self::LegRinging { interaction, .. }
            | Self::LegAnswered { interaction, .. }
            | Self::LegEnded { interaction, .. }
            | Self::LegMeasured { interaction, .. }
            | Self::FlowStarted { interaction, .. }
            | Self::FlowVisited { interaction, .. }
            | Self::FlowEnded { interaction, .. }
            | Self::FlowFailed { interaction, .. }
            | Self::PromptFailed { interaction, .. }
            | Self::Invoked { interaction, .. }
            | Self::Tagged { interaction, .. }
            | Self::Uttered { interaction, .. }
            | Self::Alerted { interaction, .. }
            | Self::Reviewed { interaction, .. }
            | Self::Queued { interaction, .. }
            | Self::LeftQueue { interaction, .. }
            | Self::Relaxed { interaction, .. }
            | Self::HeldBack { interaction, .. }
            | Self::Reserved { interaction, .. }
            | Self::Released { interaction, .. }
            | Self::Connected { interaction, .. }
            | Self::Disconnected { interaction, .. }
            | Self::Held { interaction, .. }
            | Self::Resumed { interaction, .. }
            | Self::ConsultStarted { interaction, .. }
            | Self::ConsultEnded { interaction, .. }
            | Self::Transferred { interaction, .. }
            | Self::WrapUpStarted { interaction, .. }
            | Self::WrapUpEnded { interaction, .. }
            | Self::DispositionSet { interaction, .. }
            | Self::RecordingStarted { interaction, .. }
            | Self::RecordingKept { interaction, .. }
            | Self::RecordingErased { interaction, .. }
            | Self::RecordingPaused { interaction, .. }
            | Self::RecordingResumed { interaction, .. }
            | Self::RecordingClosed { interaction, .. }
            | Self::RecordingFailed { interaction, .. }
            | Self::InteractionInterrupted { interaction }
            | Self::InteractionClosed { interaction, .. } => Some(*interaction),
            Self::PluginFailed { interaction, .. }
            | Self::Judged { interaction, .. }
            | Self::MessageAccepted { interaction, .. }
            | Self::Unmasked { interaction, .. } => *interaction,
            Self::AgentStateChanged { .. }
            | Self::PhoneRegistered { .. }
            | Self::PhoneGone { .. }
            | Self::ServiceAlarm { .. }
            | Self::TrunkDown { .. }
            | Self::TrunkUp { .. }
            | Self::MessageReceived { .. }
            | Self::MessageSent { .. }
            | Self::MessageReported { .. }
            | Self::MessageFailed { .. }
            | Self::ConfigurationApplied { .. }
            | Self::PackInstalled { .. }
            | Self::PackUpgraded { .. }
            | Self::PackGranted { .. }
            | Self::PackRolledBack { .. }
            | Self::PackRemoved { .. }
            | Self::RolloutShadowed { .. }
            | Self::RolloutCanary { .. }
            | Self::RolloutPromoted { .. }
            | Self::RolloutSettled { .. }
            | Self::RolloutRolledBack { .. }
            | Self::RolloutUnused { .. }
            | Self::PluginQuarantined { .. }
            | Self::PluginWell { .. }
            | Self::Restarted { .. }
            | Self::Alarm { .. } => None,
        }
    }
}

/// Whole milliseconds of `duration`, the unit of every `_ms` field.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_json_object_and_comes_back_the_same() {
        let event = Event {
            seq: 7,
            at: Timestamp::from_millis(1_500),
            kind: EventKind::AgentStateChanged {
                agent: "amy".parse().unwrap(),
                from: AgentState::Ready,
                to: AgentState::NotReady { reason: "lunch".into() },
            },
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(
            json,
            r#"{"seq":7,"at":"1970-01-01T00:00:01.500000Z","type":"agent-state-changed","agent":"amy","from":{"state":"ready"},"to":{"state":"not-ready","reason":"lunch"}}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }

    #[test]
    fn events_of_earlier_versions_are_read() {
        let json = r#"{"seq":1,"at":1500000,"type":"interaction-offered","interaction":1,"leg":2,"from":"a","to":"b","channel":"voice"}"#;
        let kind = EventKind::InteractionOffered {
            interaction: InteractionId(1),
            leg: LegId(2),
            from: "a".into(),
            to: "b".into(),
            channel: "voice".into(),
            dialled_by: None,
        };
        let event = Event { seq: 1, at: Timestamp::from_millis(1_500), kind };
        assert_eq!(serde_json::from_str::<Event>(json).unwrap(), event);
    }
}
