//! A call as it happens, for the terminal: caller, Plugboard and agent side by side.
//!
//! ```text
//!     time  caller                        Plugboard                        agent
//!    0.000     |-------- INVITE 8001 -------->|                              |
//!    0.012     |<---------- 200 OK -----------|                              |
//!    1.500     |                       flow: menu -> 2                       |
//! ```

use std::time::Duration;

use crate::observe::{Direction, LadderEvent};

mod describe;
mod sorter;
mod width;

pub use describe::describe;
pub use sorter::Sorter;
use width::{centred, cut, width};

/// One of the three lifelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    Caller,
    Plugboard,
    Agent,
}

/// What one row shows, from whatever source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Since any fixed point, the same for all lines of a ladder; 1970 for those of [`Line::of_phone`].
    pub at: Duration,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A message between two neighbours.
    Arrow { from: Column, to: Column, text: String },
    /// Something that happened at one of them.
    Note { column: Column, text: String },
}

/// Whether rows are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    /// ANSI: requests, good responses, bad responses and events of the host differ.
    Colour,
}

impl Paint {
    /// Colour if standard output is a terminal.
    pub fn of_stdout() -> Self {
        if std::io::IsTerminal::is_terminal(&std::io::stdout()) { Self::Colour } else { Self::Plain }
    }
}

/// Turns lines into rows of text, each as it comes.
#[derive(Clone, Debug)]
pub struct Ladder {
    start: Duration,
    paint: Paint,
}

/// Between two lifelines.
const SPAN: usize = 30;
/// Before the first lifeline: the time, and room for half of the first heading.
const MARGIN: usize = 14;

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const CYAN: &str = "\x1b[36m";
const YELLOW: &str = "\x1b[33m";

impl Line {
    /// What a phone's observer gets; `column` is where that phone stands, [`Column::Caller`] or [`Column::Agent`].
    pub fn of_phone(event: &LadderEvent, column: Column) -> Self {
        let LadderEvent { text, detail, .. } = event;
        let is_response = text.starts_with(|c: char| c.is_ascii_digit());
        let text = match detail.as_str() {
            // The ordinary case needs no method.
            "" | "INVITE" if is_response => text.clone(),
            "" => text.clone(),
            method if is_response => format!("{} {method}", text.split(' ').next().unwrap_or_default()),
            detail => format!("{text} {detail}"),
        };
        let what = match event.direction {
            Direction::Sent => What::Arrow { from: column, to: Column::Plugboard, text },
            Direction::Received => What::Arrow { from: Column::Plugboard, to: column, text },
            Direction::Local => What::Note { column, text },
        };
        Self { at: event.at, what }
    }

    /// What the host tells, by [`describe`]; `None` for facts that would only crowd a ladder.
    pub fn of_fact(event: &plugboard_model::Event) -> Option<Self> {
        let text = describe(event)?;
        Some(Self { at: event.at.since_epoch(), what: What::Note { column: Column::Plugboard, text } })
    }
}

impl Ladder {
    /// `start` is 0.000 in the first column: the time of the first line, or of the start of the call.
    pub fn new(start: Duration, paint: Paint) -> Self {
        Self { start, paint }
    }

    /// The headings, one row without a line end.
    pub fn head(&self) -> String {
        let mut head = " ".repeat(MARGIN);
        head.replace_range(5..9, "time");
        let mut at = MARGIN;
        for (place, name) in [(MARGIN, "caller"), (MARGIN + SPAN + 1, "Plugboard"), (MARGIN + 2 * SPAN + 2, "agent")] {
            let begin = place - name.len() / 2;
            if begin < at {
                head.truncate(begin);
            } else {
                head.push_str(&" ".repeat(begin - at));
            }
            head.push_str(name);
            at = begin + name.len();
        }
        self.painted(BOLD, &head)
    }

    /// One row without a line end. Text that does not fit is cut.
    pub fn row(&self, line: &Line) -> String {
        let at = line.at.saturating_sub(self.start);
        let time = self.painted(DIM, &format!("{:>9.3}", at.as_secs_f64()));
        let gap = " ".repeat(MARGIN - 9);
        let blank = " ".repeat(SPAN);
        let bar = self.painted(DIM, "|");
        let both = 2 * SPAN + 1;
        let cells = match &line.what {
            What::Arrow { from, to, text } => {
                let paint = colour_of_message(text);
                let is_right = from < to;
                let arrow = |length| self.painted(paint, &arrow(text, is_right, length));
                match (from.min(to), from.max(to)) {
                    (Column::Caller, Column::Plugboard) => format!("{bar}{}{bar}{blank}{bar}", arrow(SPAN)),
                    (Column::Plugboard, Column::Agent) => format!("{bar}{blank}{bar}{}{bar}", arrow(SPAN)),
                    _ => format!("{bar}{}{bar}", arrow(both)),
                }
            }
            What::Note { column: Column::Plugboard, text } => {
                let note = self.painted(YELLOW, &centred(&cut(text, both - 2), both));
                format!("{bar}{note}{bar}")
            }
            What::Note { column, text } => {
                let text = cut(text, SPAN - 3);
                let rest = " ".repeat(SPAN - 3 - width(&text));
                let note = match column {
                    Column::Agent => self.painted(CYAN, &format!("{rest} {text} *")),
                    _ => self.painted(CYAN, &format!("* {text} {rest}")),
                };
                match column {
                    Column::Agent => format!("{bar}{blank}{bar}{note}{bar}"),
                    _ => format!("{bar}{note}{bar}{blank}{bar}"),
                }
            }
        };
        format!("{time}{gap}{cells}")
    }

    fn painted(&self, paint: &str, text: &str) -> String {
        match self.paint {
            Paint::Plain => text.to_owned(),
            Paint::Colour => format!("{paint}{text}{RESET}"),
        }
    }
}

/// `---- text --->` of that many characters.
fn arrow(text: &str, is_right: bool, length: usize) -> String {
    let text = cut(text, length - 6);
    let dashes = length - 1 - width(&text) - 2;
    let (left, right) = ("-".repeat(dashes / 2), "-".repeat(dashes - dashes / 2));
    if is_right { format!("{left} {text} {right}>") } else { format!("<{left} {text} {right}") }
}

fn colour_of_message(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'1' | b'2') => GREEN,
        // A challenge is ordinary.
        Some(b'3'..=b'6') if !text.starts_with("401") && !text.starts_with("407") => RED,
        _ => BOLD,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use plugboard_model::{Event, EventKind, InteractionId, QueueExit, Timestamp};

    use super::*;

    fn drawn(lines: &[Line], paint: Paint) -> String {
        let ladder = Ladder::new(Duration::from_secs(100), paint);
        let rows = lines.iter().map(|line| ladder.row(line));
        // A mark at the margin, because golden text loses the indentation that all its rows share.
        std::iter::once(ladder.head()).chain(rows).map(|row| format!("'{row}\n")).collect()
    }

    fn phone(at_ms: u64, column: Column, direction: Direction, text: &str, detail: &str) -> Line {
        let at = Duration::from_millis(100_000 + at_ms);
        let event = LadderEvent { at, phone: String::new(), direction, text: text.into(), detail: detail.into() };
        Line::of_phone(&event, column)
    }

    fn fact(at_ms: u64, kind: EventKind) -> Line {
        Line::of_fact(&Event { seq: 1, at: Timestamp::from_millis(100_000 + at_ms), kind }).unwrap()
    }

    #[test]
    fn a_call_is_drawn_with_what_the_host_does_in_its_middle() {
        use Column::{Agent, Caller};
        use Direction::{Local, Received, Sent};
        let interaction = InteractionId(7);
        let lines = [
            phone(0, Agent, Sent, "REGISTER", ""),
            phone(1, Agent, Received, "401 Unauthorized", "REGISTER"),
            phone(1_000, Caller, Sent, "INVITE", "8001"),
            phone(1_002, Caller, Received, "200 OK", "INVITE"),
            phone(1_020, Caller, Local, "hears sound", ""),
            fact(1_500, EventKind::FlowVisited { interaction, node: "menu".into(), exit: "2".into() }),
            fact(
                1_501,
                EventKind::Queued {
                    interaction,
                    queue: "售后".parse().unwrap(),
                    priority: 0,
                    skills: vec![("english".parse().unwrap(), 60)],
                    position: 1,
                },
            ),
            phone(1_503, Agent, Received, "INVITE", "13800138000 with a very long name"),
            phone(2_700, Agent, Sent, "200 OK", "INVITE"),
            fact(
                2_702,
                EventKind::LeftQueue { interaction, queue: "售后".parse().unwrap(), exit: QueueExit::Connected },
            ),
            phone(2_720, Agent, Local, "hears sound", ""),
            phone(9_000, Caller, Sent, "BYE", ""),
        ];
        expect![[r#"
            '     time  caller                        Plugboard                        agent
            '    0.000     |                              |<--------- REGISTER ----------|
            '    0.001     |                              |------- 401 REGISTER -------->|
            '    1.000     |-------- INVITE 8001 -------->|                              |
            '    1.002     |<---------- 200 OK -----------|                              |
            '    1.020     |* hears sound                 |                              |
            '    1.500     |                       flow: menu -> 2                       |
            '    1.501     |       queued in 售后 at position 1, wants english 60        |
            '    1.503     |                              |- INVITE 13800138000 with… -->|
            '    2.700     |                              |<---------- 200 OK -----------|
            '    2.702     |                leaves queue 售后: connected                 |
            '    2.720     |                              |                 hears sound *|
            '    9.000     |------------ BYE ------------>|                              |
        "#]]
        .assert_eq(&drawn(&lines, Paint::Plain));
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let lines = [
            phone(0, Column::Caller, Direction::Sent, "INVITE", "8001"),
            phone(1, Column::Caller, Direction::Received, "486 Busy Here", "INVITE"),
        ];
        let coloured = drawn(&lines, Paint::Colour);
        let mut stripped = String::new();
        let mut in_code = false;
        for character in coloured.chars() {
            match (in_code, character) {
                (false, '\x1b') => in_code = true,
                (true, 'm') => in_code = false,
                (false, other) => stripped.push(other),
                (true, _) => {}
            }
        }
        assert_eq!((stripped, coloured.contains(RED)), (drawn(&lines, Paint::Plain), true));
    }
}
