//! REFER both ways: blind and attended transfer (RFC 3515, RFC 5589).

use std::time::Duration;

use super::command::Response;
use super::event::{CallHandle, Event, Referred};
use super::transact::User;
use super::{CommandError, Endpoint};
use crate::message::{HeaderName, Message, NameAddr, Replaces};
use crate::method::Method;
use crate::network::Source;
use crate::status::Status;

impl Endpoint {
    /// Asks the peer to call `refer_to`; with `replaces` an attended transfer.
    pub fn refer(
        &mut self,
        now: Duration,
        call: CallHandle,
        refer_to: &str,
        replaces: Option<&Replaces>,
        referred_by: Option<&str>,
    ) -> Result<(), CommandError> {
        if !self.call_mut(call.0)?.is_established() {
            return Err(CommandError::WrongState);
        }
        let target = match replaces {
            None => format!("<{refer_to}>"),
            Some(replaces) => {
                let sign = if refer_to.contains('?') { '&' } else { '?' };
                format!("<{refer_to}{sign}Replaces={}>", escape(&replaces.to_string()))
            }
        };
        let mut headers = vec![("Refer-To", target.as_str())];
        headers.extend(referred_by.map(|by| ("Referred-By", by)));
        let user = User::InCall { call: call.0, method: Method::REFER };
        self.send_in_dialog(now, call.0, &Method::REFER, user, &headers, None).map(|_| ())
    }

    pub(super) fn handle_refer(&mut self, now: Duration, source: Source, request: &Message, key: u128, call: u64) {
        let bad = Response { phrase: Some("Bad Refer-To".into()), ..Response::new(Status::BAD_REQUEST) };
        let mut lines = request.raw_values(HeaderName::ReferTo);
        let is_single = lines.next().is_some() && lines.next().is_none();
        let refer_to = request.value(HeaderName::ReferTo).filter(|_| is_single);
        let Some(refer_to) = refer_to.and_then(|v| NameAddr::parse(v).ok()).and_then(|to| to.uri().ok()) else {
            return self.refuse_new(now, source, request, key, &bad);
        };
        let replaces = match refer_to.header("Replaces") {
            None => None,
            Some(text) => match Replaces::parse(&text) {
                Ok(replaces) => Some(replaces),
                Err(_) => return self.refuse_new(now, source, request, key, &bad),
            },
        };
        let Some((record, _)) = self.calls.get(call) else { return };
        if record
            .refer
            .is_some_and(|tx| self.transactions.get(tx).is_some_and(|t| matches!(t.user, User::Waiting { .. })))
        {
            return self.refuse_new(now, source, request, key, &Response::new(Status::REQUEST_PENDING));
        }
        let user = User::Waiting { request: Box::new(request.clone()) };
        let tx = self.new_server(now, source, request, key, user);
        if let Some((record, _)) = self.calls.get_mut(call) {
            record.refer = Some(tx);
        }
        let replaced = replaces.as_ref().and_then(|replaces| self.call_to_be_replaced(replaces));
        let plain = crate::Uri::parse(refer_to.without_headers()).unwrap_or(refer_to);
        self.emit(Event::Referred(Box::new(Referred {
            call: CallHandle(call),
            refer_to: plain,
            replaces,
            replaced,
            referred_by: request.value(HeaderName::ReferredBy).map(Box::from),
            request: request.clone(),
        })));
    }

    /// In a Refer-To the tags are seen from the target of the new call; where that is ourselves, the dialog is ours.
    fn call_to_be_replaced(&self, replaces: &Replaces) -> Option<CallHandle> {
        let mirrored =
            Replaces { to_tag: replaces.from_tag.clone(), from_tag: replaces.to_tag.clone(), ..replaces.clone() };
        self.call_named(replaces).or_else(|| self.call_named(&mirrored))
    }

    /// 202, and the first NOTIFY with 100.
    pub fn accept_refer(&mut self, now: Duration, call: CallHandle) -> Result<(), CommandError> {
        let request = self.close_refer(now, call, Status::ACCEPTED)?;
        let wants_none = request.other("Refer-Sub").is_some_and(|value| value.eq_ignore_ascii_case("false"));
        if wants_none {
            self.call_mut(call.0)?.refer = None;
            return Ok(());
        }
        self.notify_refer(now, call, Status::TRYING)
    }

    pub fn refuse_refer(&mut self, now: Duration, call: CallHandle, status: Status) -> Result<(), CommandError> {
        self.close_refer(now, call, status)?;
        self.call_mut(call.0)?.refer = None;
        Ok(())
    }

    fn close_refer(&mut self, now: Duration, call: CallHandle, status: Status) -> Result<Box<Message>, CommandError> {
        let tx = self.call_mut(call.0)?.refer.ok_or(CommandError::WrongState)?;
        let waiting = self.transactions.get(tx).map(|t| &t.user);
        let Some(User::Waiting { request }) = waiting else { return Err(CommandError::WrongState) };
        let request = request.clone();
        let parts = super::compose::ResponseParts {
            contact: status.is_success().then(|| self.calls.get(call.0).map(|(c, _)| c.dialog.flow)).flatten(),
            ..Default::default()
        };
        self.respond_with(now, tx, &request, status, &parts)?;
        Ok(request)
    }

    /// Tells the peer how its transfer goes; a final status ends the subscription.
    pub fn notify_refer(&mut self, now: Duration, call: CallHandle, status: Status) -> Result<(), CommandError> {
        let record = self.call_mut(call.0)?;
        if record.refer.is_none() {
            return Err(CommandError::WrongState);
        }
        let state = if status.is_final() {
            record.refer = None;
            "terminated;reason=noresource"
        } else {
            "active;expires=60"
        };
        let sipfrag = format!("SIP/2.0 {status}\r\n");
        let body = Some(("message/sipfrag;version=2.0", sipfrag.as_bytes()));
        let user = User::InCall { call: call.0, method: Method::NOTIFY };
        let headers = [("Event", "refer"), ("Subscription-State", state)];
        self.send_in_dialog(now, call.0, &Method::NOTIFY, user, &headers, body).map(|_| ())
    }
}

/// Fit for a header value within a URI (RFC 3261 §25.1, `hvalue`).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'!' | b'~' | b'*') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
