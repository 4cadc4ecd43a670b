//! What the host tells, in one line of English.

use plugboard_model::{
    AgentState, EndedBy, Event, EventKind, QueueExit, ReleaseReason, Role, ServiceMeasure, TransferKind,
    compliance::{Asker, Decision},
};

/// One line for a ladder; `None` for what its messages show already (ringing, answers, ends of legs) or what would only crowd it.
pub fn describe(event: &Event) -> Option<String> {
    Some(match &event.kind {
        EventKind::InteractionOffered { dialled_by: Some(agent), to, .. } => format!("{agent} calls {to}"),
        EventKind::InteractionOffered { from, to, .. } => format!("call from {from} to {to}"),
        EventKind::LegReplaced { agent, .. } => format!("{agent} goes on with another phone"),
        EventKind::LegDialled { role: Role::Outside, party, .. } => format!("dials {party}"),
        EventKind::FlowStarted { flow, revision, .. } => format!("flow {flow} starts (revision {revision})"),
        // Waiting at a node is no step.
        EventKind::FlowVisited { exit, .. } if exit.is_empty() => return None,
        EventKind::FlowVisited { node, exit, .. } => format!("flow: {node} -> {exit}"),
        EventKind::FlowEnded { flow, .. } => format!("flow {flow} ends"),
        EventKind::FlowFailed { flow, reason, .. } => format!("flow {flow} failed: {reason}"),
        EventKind::PluginFailed { plugin, question, reason, .. } => format!("{plugin} failed at {question}: {reason}"),
        EventKind::PromptFailed { prompt, reason, .. } => format!("prompt {prompt} failed: {reason}"),
        EventKind::Tagged { name, value, .. } => format!("{name} = {value}"),
        EventKind::Queued { queue, skills, position, .. } => {
            let wanted: Vec<String> = skills.iter().map(|(skill, level)| format!("{skill} {level}")).collect();
            let wants = if wanted.is_empty() { String::new() } else { format!(", wants {}", wanted.join(", ")) };
            format!("queued in {queue} at position {position}{wants}")
        }
        EventKind::LeftQueue { queue, exit, .. } => format!("leaves queue {queue}: {}", exit_words(*exit)),
        EventKind::Relaxed { waited_ms, skills, overflow_to, .. } => {
            let wanted: Vec<String> = skills.iter().map(|(skill, level)| format!("{skill} {level}")).collect();
            let wants = if wanted.is_empty() { "no skill".to_owned() } else { wanted.join(", ") };
            let to =
                overflow_to.as_ref().map_or_else(String::new, |queue| format!(", agents of {queue} are asked too"));
            format!("relaxed after {} s: wants {wants}{to}", waited_ms / 1_000)
        }
        EventKind::Judged { judgement, .. } => {
            let word = match judgement.decision {
                Decision::Allow => "allow",
                Decision::Later(_) => "put off",
                Decision::Deny => "deny",
            };
            let reasons = judgement.opinions.iter().map(|opinion| format!("{} {}", opinion.rule, opinion.verdict.code));
            let reasons = reasons.collect::<Vec<_>>().join(", ");
            format!("rules {word} {} {}: {reasons}", judgement.effect, judgement.about)
        }
        EventKind::Unmasked { kind, by, role, reason, .. } => {
            let who = match by {
                Asker::Api(name) => name.clone(),
                by => format!("{by:?}"),
            };
            format!("{who} ({role}) sees the {kind}: {reason}")
        }
        EventKind::Uttered { speaker, text, .. } => {
            format!("the {} says: {text}", format!("{speaker:?}").to_lowercase())
        }
        EventKind::Alerted { rule, alert, .. } => format!("{rule}: {} ({})", alert.message, alert.code),
        EventKind::Reviewed { rule, failed: Some(reason), .. } => format!("{rule} could not review it: {reason}"),
        EventKind::Reviewed { rule, findings, .. } => format!("{rule} finds {} faults", findings.len()),
        EventKind::RecordingKept { days, .. } => format!("the recording is kept for {days} days"),
        EventKind::RecordingErased { .. } => "the recording is erased".into(),
        EventKind::Invoked { connector, operation, outcome, took_ms, .. } => {
            format!("{connector} {operation}: {outcome} after {took_ms} ms")
        }
        EventKind::HeldBack { policy, free, .. } => format!("{policy} holds it back from {free} free agents"),
        EventKind::Reserved { agent, since_free_ms, .. } => format!("reserves {agent} after {since_free_ms} ms"),
        EventKind::Released { agent, reason, .. } => format!("releases {agent}: {}", release_words(*reason)),
        EventKind::Connected { agent, .. } => format!("connected with {agent}"),
        EventKind::Disconnected { agent, by, .. } => format!("{agent} leaves, ended by {}", who(*by)),
        EventKind::Held { agent, .. } => format!("{agent} holds the call"),
        EventKind::Resumed { agent, .. } => format!("{agent} takes the call back"),
        EventKind::ConsultStarted { agent, target, .. } => format!("{agent} consults {target}"),
        EventKind::ConsultEnded { agent, .. } => format!("{agent} ends the consultation"),
        EventKind::Transferred { kind, target, .. } => match kind {
            TransferKind::Blind => format!("transferred to {target}"),
            TransferKind::Attended => format!("transferred to {target} after a consultation"),
        },
        EventKind::WrapUpStarted { agent, limit_ms, .. } => {
            format!("{agent} wraps up, at most {} s", limit_ms.div_ceil(1_000))
        }
        EventKind::WrapUpEnded { agent, by_timer: false, .. } => format!("{agent} has wrapped up"),
        EventKind::WrapUpEnded { agent, by_timer: true, .. } => format!("wrap-up time of {agent} is over"),
        EventKind::DispositionSet { code, .. } => format!("disposition {code}"),
        EventKind::RecordingStarted { voicemail: false, .. } => "recording starts".into(),
        EventKind::RecordingStarted { voicemail: true, .. } => "voicemail starts".into(),
        EventKind::RecordingPaused { .. } => "recording pauses".into(),
        EventKind::RecordingResumed { .. } => "recording goes on".into(),
        EventKind::RecordingClosed { length_ms, left_dbfs, right_dbfs, .. } => format!(
            "recorded {:.1} s, caller {}, agent {}",
            *length_ms as f64 / 1_000.0,
            loudness(*left_dbfs),
            loudness(*right_dbfs)
        ),
        EventKind::RecordingFailed { reason, .. } => format!("recording failed: {reason}"),
        EventKind::InteractionClosed { by, cause, .. } => format!("call over, ended by {}, cause {cause}", who(*by)),
        // The other states follow from what happens to the call.
        EventKind::AgentStateChanged {
            agent,
            to: to @ (AgentState::LoggedOut | AgentState::NotReady { .. } | AgentState::Ready | AgentState::Unreachable),
            ..
        } => format!("{agent} is {to}"),
        EventKind::PhoneRegistered { agent, .. } => format!("phone of {agent} is registered"),
        EventKind::PhoneGone { agent } => format!("phone of {agent} is gone"),
        EventKind::ConfigurationApplied { revision } => format!("configuration {revision} applied"),
        EventKind::PackInstalled { pack, version, waits, by, .. } => {
            format!("{by} installs pack {pack} {version}{}", waiting(*waits))
        }
        EventKind::PackUpgraded { pack, version, waits, by, .. } => {
            format!("{by} upgrades pack {pack} to {version}{}", waiting(*waits))
        }
        EventKind::PackGranted { pack, version, by, .. } => format!("{by} grants what pack {pack} {version} asks for"),
        EventKind::PackRolledBack { pack, version, by, .. } => format!("{by} takes pack {pack} back to {version}"),
        EventKind::PackRemoved { pack, by } => format!("{by} removes pack {pack}"),
        EventKind::RolloutShadowed { pack, version, by, .. } => format!("{by} has pack {pack} {version} asked beside"),
        EventKind::RolloutCanary { pack, version, audience, by, .. } => {
            format!("{by} has pack {pack} {version} serve {audience}")
        }
        EventKind::RolloutPromoted { pack, from, version, by, .. } => {
            format!("{by} has pack {pack} {version} serve all, in place of {from}")
        }
        EventKind::RolloutSettled { pack, version, .. } => format!("pack {pack} {version} stays"),
        EventKind::RolloutRolledBack { pack, from, version, why, .. } => {
            format!("pack {pack} goes from {from} back to {version}: {why}")
        }
        EventKind::RolloutUnused { pack, version, .. } => format!("pack {pack} {version} is used by nobody"),
        EventKind::PluginQuarantined { plugin, why, until, .. } => {
            format!("plugin {plugin} fails ({why}) and is not asked before {until}")
        }
        EventKind::PluginWell { plugin, .. } => format!("plugin {plugin} is asked again"),
        EventKind::InteractionInterrupted { .. } => "interrupted by the end of the process".to_owned(),
        EventKind::Restarted { live_before } => format!("restarted, {live_before} calls lost"),
        EventKind::ServiceAlarm { queue, measure, raised, value_ms, limit_ms } => {
            let what = match measure {
                ServiceMeasure::LongestWait => "longest wait",
                ServiceMeasure::AverageWait => "average wait",
            };
            let news = if *raised { "alarm" } else { "well again" };
            format!("queue {queue}: {what} {} s, limit {} s: {news}", value_ms / 1_000, limit_ms / 1_000)
        }
        EventKind::LegRouted { trunk, peer, .. } => format!("by trunk {trunk}, {peer}"),
        EventKind::TrunkDown { trunk, peer } => format!("trunk {trunk}: {peer} does not answer"),
        EventKind::TrunkUp { trunk, peer } => format!("trunk {trunk}: {peer} answers again"),
        EventKind::MessageReceived { channel, .. } => format!("a message comes by {channel}"),
        EventKind::MessageAccepted { channel, message, .. } => format!("message {message} is to go by {channel}"),
        EventKind::MessageSent { message, .. } => format!("message {message} is sent"),
        EventKind::MessageReported { message, state, .. } => format!("message {message} is {}", state.word()),
        EventKind::MessageFailed { message, reason, .. } => format!("message {message} is not sent: {reason}"),
        EventKind::Alarm { name, detail } => format!("alarm {name}: {detail}"),
        EventKind::LegDialled { .. }
        | EventKind::LegRinging { .. }
        | EventKind::LegAnswered { .. }
        | EventKind::LegEnded { .. }
        | EventKind::LegMeasured { .. }
        | EventKind::AgentStateChanged { .. } => return None,
    })
}

fn waiting(waits: bool) -> &'static str {
    if waits { ", which waits for a grant" } else { "" }
}

fn exit_words(exit: QueueExit) -> &'static str {
    match exit {
        QueueExit::Connected => "connected",
        QueueExit::Abandoned => "caller gave up",
        QueueExit::TimedOut => "waited too long",
        QueueExit::ExitKey => "caller pressed the exit key",
        QueueExit::Full => "queue is full",
        QueueExit::NoAgents => "no agent is logged in",
        QueueExit::Moved => "moved on",
        QueueExit::Closed => "queue was closed",
    }
}

fn release_words(reason: ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::Missed => "rang without an answer",
        ReleaseReason::Rejected => "refused",
        ReleaseReason::CallerLeft => "caller gave up",
        ReleaseReason::DeviceFailed => "phone cannot be reached",
        ReleaseReason::LeaseExpired => "took too long",
        ReleaseReason::Moved => "call moved on",
    }
}

fn who(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "the caller",
        EndedBy::Agent => "the agent",
        EndedBy::Outside => "the outside party",
        EndedBy::Host => "Plugboard",
    }
}

fn loudness(dbfs: Option<f32>) -> String {
    dbfs.map_or_else(|| "silent".into(), |dbfs| format!("{dbfs:.0} dBFS"))
}
