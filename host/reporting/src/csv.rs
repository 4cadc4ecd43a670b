//! CDRs as a flat table: RFC 4180, safe to open in a spreadsheet.

use std::fmt::Write;

use crate::Cdr;

/// Column names, in order; new ones are added at the end.
pub const COLUMNS: [&str; 34] = [
    "interaction",
    "revision",
    "direction",
    "channel",
    "from",
    "to",
    "started_at",
    "picked_up_at",
    "answered_at",
    "ended_at",
    "answered",
    "abandoned",
    "voicemail",
    "interrupted",
    "ended_by",
    "cause",
    "status",
    "duration_ms",
    "ivr_ms",
    "wait_ms",
    "ring_ms",
    "talk_ms",
    "hold_ms",
    "wrap_up_ms",
    "queues",
    "agents",
    "path",
    "transfers",
    "tags",
    "disposition",
    "disposition_note",
    "recordings",
    "recording_sha256",
    "mos",
];

/// The header line, ended by CRLF.
pub fn header() -> String {
    COLUMNS.join(",") + "\r\n"
}

/// One CDR as a line, ended by CRLF. Lists are joined by `;` (`path` by ` > `), what is missing is empty. `agents` are those who answered; `recordings` are their
/// numbers, by which the API gives the sound.
pub fn row(cdr: &Cdr) -> String {
    let mut line = Line::default();
    line.cell(&cdr.interaction.to_string());
    line.cell(&cdr.revision.to_string());
    line.cell(&word(&cdr.direction));
    line.cell(&cdr.channel);
    line.cell(&cdr.from);
    line.cell(&cdr.to);
    line.cell(&cdr.started_at.to_string());
    line.optional(cdr.picked_up_at);
    line.optional(cdr.answered_at);
    line.cell(&cdr.ended_at.to_string());
    for flag in [cdr.answered, cdr.abandoned, cdr.voicemail, cdr.interrupted] {
        line.cell(if flag { "true" } else { "false" });
    }
    line.cell(&word(&cdr.ended_by));
    line.cell(&cdr.cause.to_string());
    line.optional(cdr.status);
    let lengths = [cdr.duration_ms, cdr.ivr_ms, cdr.wait_ms, cdr.ring_ms, cdr.talk_ms, cdr.hold_ms, cdr.wrap_up_ms];
    for length in lengths {
        line.cell(&length.to_string());
    }
    line.list(";", cdr.queues.iter().map(|visit| visit.queue.to_string()));
    let answered = cdr.agents.iter().filter(|segment| segment.answered_at.is_some());
    line.list(";", answered.map(|segment| segment.agent.to_string()));
    line.list(" > ", cdr.path.iter().map(|step| step.node.clone()));
    line.list(";", cdr.transfers.iter().map(|transfer| transfer.target.clone()));
    line.list(";", cdr.tags.iter().map(|tag| format!("{}={}", tag.name, tag.value)));
    line.cell(cdr.disposition.as_ref().map_or("", |disposition| &disposition.code));
    line.cell(cdr.disposition.as_ref().map_or("", |disposition| &disposition.note));
    line.list(";", cdr.recordings.iter().map(|recording| recording.recording.to_string()));
    line.list(";", cdr.recordings.iter().filter_map(|recording| recording.sha256.clone()));
    let mos = cdr.legs.first().and_then(|leg| leg.quality).filter(|quality| quality.mos > 0.0);
    line.optional(mos.map(|quality| format!("{:.2}", quality.mos)));
    line.text + "\r\n"
}

/// The kebab-case word that serde gives a plain enum.
fn word(value: &impl std::fmt::Debug) -> String {
    // The enums here are one word each, so that Debug in lower case is the same word.
    format!("{value:?}").to_lowercase()
}

#[derive(Default)]
struct Line {
    text: String,
    cells: usize,
}

impl Line {
    fn cell(&mut self, value: &str) {
        if self.cells > 0 {
            self.text.push(',');
        }
        self.cells += 1;
        // A spreadsheet takes a cell that begins so for a formula, and a caller chooses his display name. An apostrophe makes it text;
        // numbers to dial begin with '+' and are nothing but digits after it, which no formula is.
        let formula =
            value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) && !is_number(value);
        let safe = if formula { "'" } else { "" };
        if formula || value.contains([',', '"', '\r', '\n', ';']) || value.starts_with(' ') {
            let _ = write!(self.text, "\"{safe}{}\"", value.replace('"', "\"\""));
        } else {
            self.text.push_str(value);
        }
    }

    fn optional(&mut self, value: Option<impl ToString>) {
        self.cell(&value.map_or_else(String::new, |value| value.to_string()));
    }

    fn list(&mut self, separator: &str, items: impl Iterator<Item = String>) {
        self.cell(&items.collect::<Vec<_>>().join(separator));
    }
}

fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('+').unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_needed_and_never_a_formula() {
        let mut line = Line::default();
        for value in ["+4930123", "=1+1", "a,\"b\"", "-", "＝1", " x", "two\r\nlines", "plain"] {
            line.cell(value);
        }
        assert_eq!(line.text, "+4930123,\"'=1+1\",\"a,\"\"b\"\"\",\"'-\",\"'＝1\",\" x\",\"two\r\nlines\",plain");
    }
}
