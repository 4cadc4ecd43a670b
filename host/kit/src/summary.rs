//! Questions and answers in one line, for people.

use crate::{Answer, Ask, Ended};

/// Bytes of a line that nobody has to read in full: JSON has all of it.
const LINE: usize = 240;

/// What was asked, by its sizes.
pub(crate) fn of_ask(ask: &Ask) -> String {
    let name = ask.name();
    match ask {
        Ask::Check | Ask::Configure => name.to_owned(),
        Ask::Step { state, event } => {
            let what = word(&serde_json::to_value(&event.what).unwrap_or_default());
            format!("{name}: event {}, {what}, state of {} B", event.seq, state.len())
        }
        Ask::RankAgents { needs, candidates, columns, .. } => {
            format!("{name}: {} candidates, {} needs, {} columns", candidates.len(), needs.len(), columns.len())
        }
        Ask::RankWaiting { waiting, columns, .. } => {
            format!("{name}: {} waiting, {} columns", waiting.len(), columns.len())
        }
        Ask::OnTimer { needs, who } => format!("{name}: {} needs after {} ms", needs.len(), who.waited_ms),
        Ask::Judge(act) => format!("{name}: {}", act.what.name()),
        Ask::Utterance { state, segment } => {
            let (seq, text, state) = (segment.seq, segment.text.len(), state.len());
            format!("{name}: segment {seq}, text of {text} B, state of {state} B")
        }
        Ask::Review(transcript) => format!("{name}: {} segments", transcript.segments.len()),
        Ask::Redact { text, language } | Ask::Classify { text, language } => {
            format!("{name}: text of {} B, language {language:?}", text.len())
        }
        Ask::Invoke(call) => format!("{name}: {}, input of {} B", line(&call.operation), call.input.len()),
        Ask::OnEvent(notice) => format!("{name}: {}, attempt {}", line(&notice.kind), notice.attempt),
        Ask::Probe => name.to_owned(),
        Ask::Verify(webhook) | Ask::Receive(webhook) => {
            let (headers, body) = (webhook.headers.len(), webhook.body.len());
            format!("{name}: {} with {headers} headers, body of {body} B", line(&webhook.method))
        }
        Ask::Send(message) => format!("{name}: text of {} B", message.text.len()),
        Ask::Reply(conversation) | Ask::Suggest(conversation) => {
            format!("{name}: {} turns, language {:?}", conversation.turns.len(), conversation.language)
        }
        Ask::Pace(stats) => {
            let (agents, lines, numbers) = (stats.agents_free, stats.lines_free, stats.numbers_left);
            format!("{name}: {agents} agents free, {lines} lines free, {numbers} numbers left")
        }
        Ask::NextAttempt(history) => format!("{name}: {} attempts", history.attempts.len()),
    }
}

/// What came of it, cut.
pub(crate) fn of_ended(ended: &Ended) -> String {
    line(&match ended {
        Ended::NoAnswer(failure) => failure.to_string(),
        Ended::Failed(failed) => {
            let again = failed.retry_ms.map_or_else(|| "not again".to_owned(), |ms| format!("again in {ms} ms"));
            format!("failed: {}, {}, {again}", word(&failed.code), failed.message)
        }
        Ended::Void { reason } | Ended::NotAsked { reason } => reason.clone(),
        Ended::Trapped { backtrace } => backtrace.lines().next().unwrap_or_default().to_owned(),
        Ended::OutOfMemory { limit } => format!("it asked for more than {limit} bytes of memory"),
        Ended::Late { deadline_ms } => format!("nothing within {deadline_ms} ms"),
        // The state is nobody's to read, and long.
        Ended::Answered(Answer::Stepped(stepped)) => {
            let actions = serde_json::to_string(&stepped.actions).unwrap_or_default();
            format!("state of {} B, actions {actions}", stepped.state.len())
        }
        Ended::Answered(answer) => serde_json::to_string(answer).unwrap_or_default(),
    })
}

pub(crate) fn line(text: &str) -> String {
    let cut = text.floor_char_boundary(LINE);
    let shown: String = text[..cut].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut < text.len() { format!("{shown}…") } else { shown }
}

/// A case's name in JSON: the only key, or the text itself.
fn word(value: &serde_json::Value) -> String {
    let key = value.as_object().and_then(|object| object.keys().next());
    key.map_or_else(|| value.as_str().unwrap_or("?").to_owned(), Clone::clone)
}
