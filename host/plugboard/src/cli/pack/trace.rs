//! Single questions to a pack's components, as they went.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use plugboard_config::duration;
use plugboard_phrases::Language;
use serde_json::Value;

use super::remote::{ended, list, text};
use crate::cli::{OfTenant, client::escaped, say, say_line, spoken, table::time};

/// Which questions failed or took long, and why
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack trace acme.crm                   the latest: all that failed or took a quarter of their budget, and a sample of the others
  plugboard pack trace acme.crm --interaction i7  those about one call
  plugboard pack trace acme.crm/lookup --slow 50ms --follow
  plugboard pack trace route-skills --json | jq 'select(.outcome != \"answered\")'

A line has what was asked, how long it waited and took, and what became of it; below it stands what the component called of the host. Of each version
64 questions that failed or were slow are kept, and 64 others. With `level = \"debug\"` under [log] each question is told as it ends.")]
pub(crate) struct Trace {
    /// A pack, as `plugboard pack list` has it, one of its components, or a component of the host
    id: String,
    /// About this interaction alone
    #[arg(long, value_name = "ID")]
    interaction: Option<String>,
    /// That took at least so long
    #[arg(long, value_name = "DURATION", value_parser = span)]
    slow: Option<Duration>,
    /// Go on until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    of: OfTenant,
}

/// How long a new trace may take to be shown.
const EVERY: Duration = Duration::from_millis(500);

fn span(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "write a number and ms, s or m: 5ms".to_owned())
}

impl Trace {
    pub(super) fn run(self) -> ExitCode {
        let follow = || {
            let (client, tenant) = self.of.open()?;
            let mut wanted = String::new();
            if let Some(interaction) = &self.interaction {
                wanted += &format!("&interaction={}", escaped(interaction));
            }
            if let Some(slow) = self.slow {
                wanted += &format!("&slow_us={}", slow.as_micros());
            }
            let mut after = 0;
            loop {
                let part: Value =
                    client.get(&format!("{tenant}/plugins/{}/traces?after={after}{wanted}", escaped(&self.id)))?;
                for trace in part["traces"].as_array().into_iter().flatten() {
                    say(&if self.of.json() { format!("{trace}\n") } else { shown(trace, spoken()) });
                }
                after = part["next"].as_u64().unwrap_or(after);
                if !self.follow {
                    if part["traces"].as_array().is_none_or(Vec::is_empty) && !self.of.json() {
                        say_line("nothing is traced");
                    }
                    return Ok(());
                }
                std::thread::sleep(EVERY);
            }
        };
        ended(follow())
    }
}

fn shown(trace: &Value, language: Language) -> String {
    let number = |name: &str| trace[name].as_u64().unwrap_or_default();
    let about = trace["interaction"].as_u64().map_or_else(|| "-".to_owned(), |interaction| format!("i{interaction}"));
    let outcome = text(trace, "/outcome");
    let mut out = format!(
        "{}  {}  {}  {about}  {}\n",
        time(text(trace, "/at")),
        text(trace, "/plugin"),
        text(trace, "/question"),
        language.say(&format!(
            "{outcome}: waited {}, took {} of {}, worked {}, {} KiB",
            micros(number("waited_us")),
            micros(number("took_us")),
            micros(number("budget_us")),
            micros(number("worked_us")),
            number("memory_bytes") / 1_024
        )),
    );
    for call in list(trace, "/calls") {
        let took = micros(call["took_us"].as_u64().unwrap_or_default());
        let (what, about, ended) = (text(call, "/what"), text(call, "/about"), text(call, "/ended"));
        out += &format!("    {took:>8}  {what} {about}: {ended}\n").replace(" :", ":");
    }
    if let Some(why) = trace["why"].as_str() {
        out += &format!("    {why}\n");
    }
    out.chars().map(|c| if c.is_control() && c != '\n' { '·' } else { c }).collect()
}

/// `840 µs`, `12.4 ms`.
fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_stands_on_a_line_with_its_calls_and_its_failure_below() {
        let trace = json!({
            "at": "2026-11-22T10:00:00.000000Z", "plugin": "acme.crm/lookup", "question": "invoke", "interaction": 7,
            "outcome": "deadline", "waited_us": 40, "took_us": 300_400, "budget_us": 300_000, "worked_us": 1_250,
            "memory_bytes": 1_179_648, "why": "plugin did not answer\u{1b}[2J within 300ms",
            "calls": [
                { "what": "kv.get", "about": "", "took_us": 12, "ended": "done" },
                { "what": "http", "about": "GET crm.example", "took_us": 270_100, "ended": "timed-out" },
            ],
        });
        let told = [Language::English, Language::Chinese].map(|language| shown(&trace, language));
        expect![[r#"
            2026-11-22T10:00:00.000Z  acme.crm/lookup  invoke  i7  deadline: waited 40 µs, took 300.4 ms of 300.0 ms, worked 1.2 ms, 1152 KiB
                   12 µs  kv.get: done
                270.1 ms  http GET crm.example: timed-out
                plugin did not answer·[2J within 300ms
            2026-11-22T10:00:00.000Z  acme.crm/lookup  invoke  i7  deadline：等待 40 µs，用时 300.4 ms（预算 300.0 ms），运算 1.2 ms，1152 KiB
                   12 µs  kv.get: done
                270.1 ms  http GET crm.example: timed-out
                plugin did not answer·[2J within 300ms
        "#]].assert_eq(&told.concat());
    }
}
