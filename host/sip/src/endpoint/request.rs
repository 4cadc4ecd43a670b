//! Requests outside any dialog, both ways.

use std::time::Duration;

use super::command::{OutOfDialog, Response, Series};
use super::compose::body_parts;
use super::event::RequestHandle;
use super::response::MAX_TRIES;
use super::transact::User;
use super::{CommandError, Endpoint};
use crate::digest::Login;
use crate::message::MAX_FORWARDS;

impl Endpoint {
    /// Sends a request outside any dialog; `Event::Response` follows. REGISTER as a client is one of these.
    ///
    /// The [`Series`] that comes back makes the next request part of the same registration.
    pub fn request(&mut self, now: Duration, request: OutOfDialog) -> Result<(RequestHandle, Series), CommandError> {
        if self.is_full() {
            return Err(CommandError::Full);
        }
        let OutOfDialog { method, uri, next_hop, from, to, headers, body, account, series } = request;
        let series = match series {
            // The numbers between belong to tries with credentials.
            Some(Series { call_id, cseq }) => Series { call_id, cseq: cseq + 1 + u32::from(MAX_TRIES) },
            None => Series { call_id: self.new_call_id(), cseq: 1 },
        };
        let tag = self.chance.hash(("series", &series.call_id));
        let user = User::Request { handle: 0, login: account.map(|account| Box::new(Login::new(account))) };
        let tx = self.start_client(now, false, next_hop, user, |endpoint, branch| {
            let mut writer = endpoint.begin_request(&method, &uri, &next_hop, branch, MAX_FORWARDS);
            writer.format("From", format_args!("{from};tag={}.0.{tag:x}", endpoint.config.token));
            writer.header("To", &to).header("Call-ID", &series.call_id);
            writer.format("CSeq", format_args!("{} {method}", series.cseq));
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Contact")) {
                writer.header("Contact", &endpoint.our_contact(&next_hop));
            }
            for (name, value) in &headers {
                writer.header(name, value);
            }
            writer.header("User-Agent", &endpoint.config.user_agent);
            writer.finish(body_parts(body.as_ref()))
        })?;
        if let Some(transaction) = self.transactions.get_mut(tx)
            && let User::Request { handle, .. } = &mut transaction.user
        {
            *handle = tx;
        }
        Ok((RequestHandle(tx), series))
    }

    /// Answers a request that an event handed out.
    pub fn respond(&mut self, now: Duration, handle: RequestHandle, response: &Response) -> Result<(), CommandError> {
        let waiting = self.transactions.get(handle.0).map(|t| &t.user);
        let Some(User::Waiting { request }) = waiting else { return Err(CommandError::Gone) };
        let request = request.clone();
        let tag = self.stateless_tag(&request);
        if self.respond_in(now, handle.0, &request, response, &tag) { Ok(()) } else { Err(CommandError::Gone) }
    }
}
