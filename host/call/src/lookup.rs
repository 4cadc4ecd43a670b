//! A flow's questions to connectors: each has a deadline here, whatever becomes of whoever is asked.

use std::{sync::Arc, time::Duration};

use plugboard_model::{
    EventKind, Timestamp,
    connector::{Connector, NoOutput},
    flow::{self, Happening, RefusalCode, Token},
};

use crate::{Call, Context, Output};

/// Lookups of one flow at the same time.
const MOST: usize = 8;

/// One call of an operation of another system.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// Never used twice in a call.
    pub ask: u64,
    /// The tenant's name for it.
    pub connector: Arc<str>,
    /// What that name stood for when the flow asked.
    pub with: Arc<Connector>,
    pub operation: String,
    /// JSON of the operation's schema. May hold what a caller pressed in secret.
    pub input: String,
    /// The same for the same wish: however often a step is run, and however often the question is put.
    pub key: String,
    /// The caller waits no longer.
    pub timeout: Duration,
}

/// One that is waited for.
#[derive(Debug)]
pub(crate) struct Waited {
    ask: u64,
    pub(crate) token: Token,
    since: Timestamp,
    pub(crate) until: Timestamp,
    connector: Arc<str>,
    operation: Arc<str>,
}

impl Call {
    pub(crate) fn look_up(&mut self, now: Timestamp, token: Token, invoke: flow::Invoke, context: &mut Context<'_>) {
        let Some(flow) = &self.flow else { return };
        if flow.lookups.len() >= MOST {
            return self.refuse(now, token, RefusalCode::Limit, "too many lookups wait", context);
        }
        let run = flow.run;
        let Some(lookup) = self.lookup(run, token, invoke, context) else {
            return self.refuse(now, token, RefusalCode::UnknownTarget, "no connector of that name", context);
        };
        let waited = Waited {
            ask: lookup.ask,
            token,
            since: now,
            until: now + lookup.timeout,
            connector: lookup.connector.clone(),
            operation: lookup.operation.as_str().into(),
        };
        if let Some(flow) = &mut self.flow {
            flow.lookups.push(waited);
        }
        self.push(Output::LookUp(Box::new(lookup)));
    }

    /// Nobody is left to hear the answer: what a flow writes elsewhere once the caller has gone.
    pub(crate) fn look_up_for_nobody(&mut self, token: Token, invoke: flow::Invoke, context: &Context<'_>) {
        let Some(run) = self.flow.as_ref().map(|flow| flow.run) else { return };
        if let Some(lookup) = self.lookup(run, token, invoke, context) {
            self.push(Output::LookUp(Box::new(lookup)));
        }
    }

    fn lookup(&mut self, run: u32, token: Token, invoke: flow::Invoke, context: &Context<'_>) -> Option<Lookup> {
        let (connector, with) = context.configuration.connectors.get_key_value(invoke.connector.as_str())?;
        let ask = self.next_ask;
        self.next_ask += 1;
        Some(Lookup {
            ask,
            connector: Arc::clone(connector),
            with: Arc::clone(with),
            operation: invoke.operation,
            input: invoke.json,
            key: format!("{}-{run}-{token}", self.id),
            timeout: Duration::from_millis(invoke.timeout_ms.into()).min(with.timeout).min(Connector::LONGEST),
        })
    }

    pub(crate) fn looked_up(
        &mut self,
        now: Timestamp,
        ask: u64,
        result: Result<String, NoOutput>,
        context: &mut Context<'_>,
    ) {
        let Some(flow) = &mut self.flow else { return };
        // One that is late, cancelled, or of a flow that has ended is nobody's.
        let Some(at) = flow.lookups.iter().position(|waited| waited.ask == ask) else { return };
        let waited = flow.lookups.remove(at);
        self.lookup_ended(now, waited, result, context);
    }

    pub(crate) fn lookups_timeout(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let Some(flow) = &mut self.flow else { return };
        let late: Vec<Waited> = flow.lookups.extract_if(.., |waited| now >= waited.until).collect();
        for waited in late {
            self.lookup_ended(now, waited, Err(NoOutput::timed_out()), context);
        }
    }

    fn lookup_ended(
        &mut self,
        now: Timestamp,
        waited: Waited,
        result: Result<String, NoOutput>,
        context: &mut Context<'_>,
    ) {
        let Waited { token, since, connector, operation, .. } = waited;
        let (outcome, what) = match result {
            Ok(json) => ("ok", Happening::LookedUp(flow::Answer { json })),
            Err(NoOutput { outcome, refusal }) => (outcome, Happening::Refused(refusal)),
        };
        self.fact(EventKind::Invoked {
            interaction: self.id,
            connector,
            operation,
            outcome: outcome.into(),
            took_ms: u32::try_from(now.since(since).as_millis()).unwrap_or(u32::MAX),
        });
        self.tell(now, Some(token), false, what, context);
    }
}
