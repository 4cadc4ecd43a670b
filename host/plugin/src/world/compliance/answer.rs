//! A rule's words into the host's: what is not right does not get in.

use plugboard_model::{
    Timestamp,
    compliance::{self as host, MAX_DUTIES, MAX_LATER_DAYS, MAX_RULE_STATE},
    flow::Open,
};

use super::RuleDescription;
use crate::{
    BadAnswer,
    bindings::{compliance, compliance_types as wit},
    door,
    world::{Checked, words},
};

const DAY_MS: u64 = 86_400_000;
const JSON: usize = 64 * 1024;

/// What a rule says of itself, and what it cannot do without.
pub(crate) fn description(said: compliance::Description) -> Checked<(RuleDescription, Vec<String>)> {
    let names = |what, names: Vec<String>| {
        door::at_most(what, 64, names.len())?;
        names.into_iter().map(|name| door::line(what, 64, name)).collect::<Checked<Vec<String>>>()
    };
    let description = RuleDescription {
        name: door::line("name", 64, said.name)?,
        revision: said.revision,
        judges: names("judges", said.judges)?,
        listens: said.listens,
        reviews: said.reviews,
        redacts: names("redacts", said.redacts)?,
    };
    Ok((description, words::needs(said.needs)?))
}

/// `asked`: the time of the act, which a verdict may put off.
pub(crate) fn verdict(verdict: wit::Verdict, asked: Timestamp) -> Checked<host::Verdict> {
    door::at_most("duties", MAX_DUTIES, verdict.duties.len())?;
    let mut decision = match verdict.decision {
        wit::Decision::Allow => host::Decision::Allow,
        wit::Decision::Deny => host::Decision::Deny,
        wit::Decision::Later(at_ms) => {
            let least = asked.as_millis();
            if at_ms <= least || at_ms > least.saturating_add(MAX_LATER_DAYS * DAY_MS) {
                let value = i64::try_from(at_ms).unwrap_or(i64::MAX);
                return Err(BadAnswer::OutOfRange { field: "later", value });
            }
            host::Decision::Later(Timestamp::from_millis(at_ms))
        }
    };
    let (mut code, mut reason) = (door::line("code", 64, verdict.code)?, words::shown(&verdict.reason));
    let mut duties = Vec::new();
    for duty in verdict.duties {
        match self::duty(duty)? {
            Ok(duty) => duties.push(duty),
            // What has to come with an effect and cannot come with it makes the effect impossible.
            Err(unknown) if decision == host::Decision::Allow => {
                decision = host::Decision::Deny;
                reason = format!("the rule {code} wants {unknown}, which this host cannot do");
                code = "unknown-duty".into();
            }
            Err(_) => {}
        }
    }
    if decision != host::Decision::Allow {
        duties.clear();
    }
    Ok(host::Verdict { decision, code, reason, duties })
}

/// The name of an unknown one.
fn duty(duty: wit::Duty) -> Checked<Result<host::Duty, String>> {
    Ok(Ok(match duty {
        wit::Duty::Announce(file) => host::Duty::Announce(door::file("announce", file)?),
        wit::Duty::AskConsent(file) => host::Duty::AskConsent(door::file("ask-consent", file)?),
        wit::Duty::NoRecording => host::Duty::NoRecording,
        wit::Duty::Mask(kinds) => {
            door::at_most("mask", 64, kinds.len())?;
            host::Duty::Mask(kinds.into_iter().map(|kind| door::line("mask", 64, kind)).collect::<Checked<_>>()?)
        }
        wit::Duty::KeepDays(days) => host::Duty::KeepDays(door::within("keep-days", (1, u32::MAX), days)?),
        wit::Duty::Tell => host::Duty::Tell,
        wit::Duty::Other(open) => return Ok(Err(door::line("duty", 64, open.name)?)),
    }))
}

pub(crate) fn heard(heard: wit::Heard) -> Checked<host::Heard> {
    door::at_most("bytes of state", MAX_RULE_STATE, heard.state.len())?;
    door::at_most("alerts", 16, heard.alerts.len())?;
    Ok(host::Heard { state: heard.state, alerts: heard.alerts.into_iter().map(alert).collect::<Checked<_>>()? })
}

fn alert(alert: wit::Alert) -> Checked<host::Alert> {
    door::at_most("orders", 4, alert.orders.len())?;
    let order = |order| {
        Ok(match order {
            wit::Order::PauseRecording => host::Order::PauseRecording,
            wit::Order::ResumeRecording => host::Order::ResumeRecording,
            wit::Order::CallSupervisor => host::Order::CallSupervisor,
            wit::Order::Other(open) => {
                let (name, json) = (door::line("order", 64, open.name)?, door::text("json", JSON, open.json)?);
                host::Order::Other(Open { name, json })
            }
        })
    };
    Ok(host::Alert {
        severity: severity(alert.severity),
        code: door::line("code", 64, alert.code)?,
        message: words::shown(&alert.message),
        orders: alert.orders.into_iter().map(order).collect::<Checked<_>>()?,
    })
}

fn severity(severity: wit::AlertSeverity) -> host::AlertSeverity {
    match severity {
        wit::AlertSeverity::Hint => host::AlertSeverity::Hint,
        wit::AlertSeverity::Warning => host::AlertSeverity::Warning,
        wit::AlertSeverity::Violation => host::AlertSeverity::Violation,
    }
}

/// `asked`: numbers of the segments that were given.
pub(crate) fn findings(findings: Vec<wit::Finding>, asked: &[u32]) -> Checked<Vec<host::Finding>> {
    door::at_most("findings", 256, findings.len())?;
    let finding = |finding: wit::Finding| {
        if let Some(number) = finding.segment.filter(|number| !asked.contains(number)) {
            return Err(BadAnswer::UnknownNumber { number });
        }
        Ok(host::Finding {
            severity: severity(finding.severity),
            code: door::line("code", 64, finding.code)?,
            message: words::shown(&finding.message),
            segment: finding.segment,
            points: door::within("points", (0, 100), finding.points)?,
        })
    };
    findings.into_iter().map(finding).collect()
}

/// Rising, none over another, each on the borders of characters of `text`.
pub(crate) fn spans(spans: Vec<wit::Span>, text: &str) -> Checked<Vec<host::Span>> {
    door::at_most("spans", 1_000, spans.len())?;
    let mut before = 0;
    let span = |span: wit::Span| {
        let (start, end) = (span.start as usize, span.end as usize);
        if start < before || start >= end || text.get(start..end).is_none() {
            return Err(BadAnswer::OutOfRange { field: "span", value: span.start.into() });
        }
        before = end;
        Ok(host::Span { start, end, kind: door::line("kind", 64, span.kind)? })
    };
    spans.into_iter().map(span).collect()
}
