//! Orders to live calls and to agents.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{OfTenant, client::ClientError, client::escaped, say, say_line};

const CALLS: &str = "`plugboard calls` lists the ids.";

#[derive(Debug, Subcommand)]
pub(crate) enum Call {
    /// Pick up a call that nobody has answered
    #[command(after_help = CALLS)]
    Answer(One),
    /// End a call, in whatever state it is
    #[command(after_help = CALLS)]
    HangUp(One),
    /// Let the caller hear music
    #[command(after_help = CALLS)]
    Hold(One),
    /// Take the caller back from hold
    #[command(after_help = CALLS)]
    Resume(One),
    /// Send the caller on and leave
    #[command(after_help = "\
Examples:
  plugboard call transfer i42 1003                an extension or a number, as dialled
  plugboard call transfer i42 queue:support       also agent:amy, flow:main")]
    Transfer(Towards),
    /// Call somebody while the caller hears music
    #[command(
        after_help = "Then `plugboard call complete-transfer ID` joins them, `plugboard call cancel-consult ID` goes back."
    )]
    Consult(Towards),
    /// Join the caller and the consulted party
    #[command(after_help = CALLS)]
    CompleteTransfer(One),
    /// Go back from a consultation to the caller
    #[command(after_help = CALLS)]
    CancelConsult(One),
    /// Note something on a live call, for reports
    #[command(after_help = "Example:\n  plugboard call tag i42 order 4711")]
    Tag(Tag),
    /// Say what came of a call, also when it is over
    #[command(after_help = "Example:\n  plugboard call disposition i42 sold --note 'two lanterns'")]
    Disposition(Disposition),
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The call, as `plugboard calls` has it
    id: String,
    #[command(flatten)]
    of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Towards {
    /// The call, as `plugboard calls` has it
    id: String,
    /// A number or extension as dialled, or queue:NAME, agent:NAME, flow:NAME
    to: String,
    #[command(flatten)]
    of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Disposition {
    /// The call, as `plugboard calls` has it
    id: String,
    /// A word of your tenant, for reports
    code: String,
    #[arg(long, default_value = "")]
    note: String,
    /// Whose wrap-up this is; the only agent of the call if left out
    #[arg(long)]
    agent: Option<String>,
    #[command(flatten)]
    of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// The call, as `plugboard calls` has it
    id: String,
    name: String,
    value: String,
    #[command(flatten)]
    of: OfTenant,
}

impl Call {
    pub(super) fn run(self) -> Result<(), ClientError> {
        match self {
            Self::Answer(one) => one.order("answer"),
            Self::HangUp(one) => one.order("hang-up"),
            Self::Hold(one) => one.order("hold"),
            Self::Resume(one) => one.order("resume"),
            Self::CompleteTransfer(one) => one.order("complete-transfer"),
            Self::CancelConsult(one) => one.order("cancel-consult"),
            Self::Transfer(Towards { id, to, of }) => {
                order(&of, &format!("calls/{}/transfer", escaped(&id)), Some(&json!({ "to": to })))
            }
            Self::Consult(Towards { id, to, of }) => {
                order(&of, &format!("calls/{}/consult", escaped(&id)), Some(&json!({ "to": to })))
            }
            Self::Tag(Tag { id, name, value, of }) => {
                order(&of, &format!("calls/{}/tags", escaped(&id)), Some(&json!({ "name": name, "value": value })))
            }
            Self::Disposition(Disposition { id, code, note, agent, of }) => {
                let body = json!({ "agent": agent, "code": code, "note": note });
                order(&of, &format!("calls/{}/disposition", escaped(&id)), Some(&body))
            }
        }
    }
}

impl One {
    fn order(&self, verb: &str) -> Result<(), ClientError> {
        order(&self.of, &format!("calls/{}/{verb}", escaped(&self.id)), None)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// Log an agent in
    LogIn(Who),
    /// Log an agent out; on a call, when it is over
    LogOut(Who),
    /// Set an agent ready; also ends wrap-up
    Ready(Who),
    /// Give an agent in wrap-up more time
    #[command(after_help = "Example:\n  plugboard agent extend-wrap-up amy --seconds 60")]
    ExtendWrapUp {
        #[command(flatten)]
        who: Who,
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        seconds: u64,
    },
    /// Set an agent not ready; on a call, when it is over
    #[command(after_help = "Example:\n  plugboard agent not-ready amy --reason lunch")]
    NotReady {
        #[command(flatten)]
        who: Who,
        /// One of your tenant's reasons
        #[arg(long, default_value = "supervisor")]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The agent, as `plugboard agents` has it
    id: String,
    #[command(flatten)]
    of: OfTenant,
}

impl Agent {
    pub(super) fn run(self) -> Result<(), ClientError> {
        let (who, request) = match self {
            Self::ExtendWrapUp { who, seconds } => {
                let path = format!("agents/{}/wrap-up", escaped(&who.id));
                return order(&who.of, &path, Some(&json!({ "by_ms": seconds * 1_000 })));
            }
            Self::LogIn(who) => (who, json!({ "request": "log-in" })),
            Self::LogOut(who) => (who, json!({ "request": "log-out" })),
            Self::Ready(who) => (who, json!({ "request": "ready" })),
            Self::NotReady { who, reason } => (who, json!({ "request": "not-ready", "reason": reason })),
        };
        order(&who.of, &format!("agents/{}/state", escaped(&who.id)), Some(&request))
    }
}

fn order(of: &OfTenant, path: &str, body: Option<&Value>) -> Result<(), ClientError> {
    let (client, tenant) = of.open()?;
    client.order(&format!("{tenant}/{path}"), body)?;
    if of.json() {
        say("{\"ok\":true}\n");
    } else {
        say_line("done");
    }
    Ok(())
}
