//! REFER both ways (RFC 3515, RFC 5589).

use plugboard_sip::endpoint::Referred;
use plugboard_sip::{CallHandle, Status};

use super::line::Asked;
use super::registering::named;
use super::{Engine, Reply};
use crate::call::{CallEvent, CallId, Origin};
use crate::error::{ActionError, CallError};

impl Engine {
    /// Sends the far end of `id` to `target`, or with `replacing` into that call.
    pub(super) fn refer(&mut self, id: CallId, target: &str, replacing: Option<CallId>, reply: Reply<()>) {
        match self.send_refer(id, target, replacing) {
            Ok(()) => {
                if let Some(line) = self.lines.get_mut(&id) {
                    line.asked = Asked::Refer { accepted: false, reply };
                }
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    fn send_refer(&mut self, id: CallId, target: &str, replacing: Option<CallId>) -> Result<(), ActionError> {
        let now = self.clock.now();
        let line = self.lines.get(&id).ok_or(ActionError::Over)?;
        let account = self.phones.get(&line.phone).map(|phone| &phone.account).ok_or(ActionError::Stopped)?;
        if !matches!(line.asked, Asked::Nothing) {
            return Err(ActionError::WrongState);
        }
        let (uri, replaces) = match replacing {
            None => {
                let bad = || ActionError::BadTarget { target: target.into() };
                (self.resolve(account, target).ok_or_else(bad)?.0, None)
            }
            Some(other) => {
                let other = self.lines.get(&other).ok_or(ActionError::Over)?;
                let replaces = self.sip.replaces_of(other.dialog).ok_or(ActionError::WrongState)?;
                (other.far_address.clone(), Some(replaces))
            }
        };
        let by = named(account);
        self.sip.refer(now, line.dialog, &uri, replaces.as_ref(), Some(&by)).map_err(|_| ActionError::WrongState)
    }

    pub(super) fn refer_answered(&mut self, dialog: CallHandle, status: Status) {
        let Some((_, line)) = self.line_of(dialog) else { return };
        match std::mem::take(&mut line.asked) {
            Asked::Refer { reply, .. } if status.is_success() => line.asked = Asked::Refer { accepted: true, reply },
            Asked::Refer { reply, .. } => {
                let _ = reply.send(Err(ActionError::Refused { status: status.code() }));
            }
            other => line.asked = other,
        }
    }

    /// How the call goes that the far end places for us.
    pub(super) fn transfer_progress(&mut self, dialog: CallHandle, status: Status) {
        if !status.is_final() {
            return;
        }
        let Some((id, line)) = self.line_of(dialog) else { return };
        match std::mem::take(&mut line.asked) {
            Asked::Refer { reply, .. } if status.is_success() => {
                let _ = reply.send(Ok(()));
                // They talk to each other; we have nothing to say any more.
                self.end_here(id);
            }
            Asked::Refer { reply, .. } => {
                let _ = reply.send(Err(ActionError::Refused { status: status.code() }));
            }
            other => line.asked = other,
        }
    }

    /// The far end sends us to somebody else: we call them, and the new call goes to whoever holds the phone.
    pub(super) fn referred(&mut self, referred: &Referred) {
        let now = self.clock.now();
        let Some((id, line)) = self.line_of(referred.call) else {
            let _ = self.sip.refuse_refer(now, referred.call, Status::DOES_NOT_EXIST);
            return;
        };
        let to = referred.refer_to.as_str().to_owned();
        line.tell(CallEvent::Transferred { to: to.clone() });
        let user = line.phone.clone();
        let mut headers: Vec<(String, String)> = Vec::new();
        headers.extend(referred.replaces.as_ref().map(|replaces| ("Replaces".into(), replaces.to_string())));
        headers.extend(referred.referred_by.as_ref().map(|by| ("Referred-By".into(), by.to_string())));
        match self.place(&user, &to, headers, Origin::Referred) {
            Ok(call) => {
                if let Some(line) = self.lines.get_mut(&call.id()) {
                    line.referred_by = Some(id);
                }
                let _ = self.sip.accept_refer(now, referred.call);
                // Nobody takes it: the call goes on all the same.
                let _ = self.phones.get(&user).map(|phone| phone.incoming.try_send(call));
            }
            Err(error) => {
                let status = match error {
                    CallError::BadTarget { .. } => Status::NOT_FOUND,
                    CallError::NoPort | CallError::Full | CallError::Stopped => Status::SERVICE_UNAVAILABLE,
                };
                let _ = self.sip.refuse_refer(now, referred.call, status);
            }
        }
    }

    /// Tells whoever sent us on how it went.
    pub(super) fn report_referral(&mut self, id: CallId, status: Status) {
        let referrer = self.lines.get_mut(&id).and_then(|line| line.referred_by.take());
        if let Some(dialog) = referrer.and_then(|referrer| self.lines.get(&referrer)).map(|line| line.dialog) {
            let now = self.clock.now();
            // They may have hung up already.
            let _ = self.sip.notify_refer(now, dialog, status);
        }
    }
}
