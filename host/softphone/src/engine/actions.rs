//! What handles ask of calls.

use std::net::SocketAddr;

use plugboard_media::{Codec, Command, Port};
use plugboard_sdp as sdp;
use plugboard_sip::endpoint::{EndCause, HangUp};
use plugboard_sip::message::Reason;
use plugboard_sip::{Invite, Status, Target, Transport, Uri, digest};

use super::dialogs::direction;
use super::line::{Asked, Line};
use super::registering::named;
use super::sound::{file, hum};
use super::{Action, Engine, Reply};
use crate::call::{Call, CallEvent, CallId, Ended, Origin};
use crate::config::Account;
use crate::error::{ActionError, CallError};

impl Engine {
    pub(super) fn new_call_id(&mut self) -> CallId {
        self.next_call += 1;
        CallId(self.next_call)
    }

    /// What a phone can do on this port. The session number is the call's.
    pub(super) fn local(&self, user: &str, port: Port, id: CallId) -> sdp::Local {
        let codecs = self.phones.get(user).map(|phone| phone.account.codecs.as_slice()).unwrap_or_default();
        let codecs = codecs.iter().map(|codec| match codec {
            Codec::Pcma => sdp::Codec::pcma(),
            Codec::Pcmu => sdp::Codec::pcmu(),
            Codec::G722 => sdp::Codec::g722(),
            Codec::Opus => sdp::Codec::opus(),
        });
        sdp::Local { codecs: codecs.collect(), ..sdp::Local::g711(port.rtp(), id.0) }
    }

    pub(super) fn dial(&mut self, user: &str, target: &str) -> Result<Call, CallError> {
        self.place(user, target, Vec::new(), Origin::Placed)
    }

    pub(super) fn place(
        &mut self,
        user: &str,
        target: &str,
        headers: Vec<(String, String)>,
        origin: Origin,
    ) -> Result<Call, CallError> {
        let bad = || CallError::BadTarget { target: target.into() };
        let account = &self.phones.get(user).ok_or(CallError::Stopped)?.account;
        let (uri, next_hop) = self.resolve(account, target).ok_or_else(bad)?;
        let (from, password) = (named(account), account.password.clone());
        let handles = self.handles.upgrade().ok_or(CallError::Stopped)?;
        let port = self.ports.pop_front().ok_or(CallError::NoPort)?;
        let id = self.new_call_id();
        let local = self.local(user, port, id);
        let invite = Invite {
            to: format!("<{uri}>"),
            uri: uri.clone(),
            next_hop,
            from,
            headers,
            offer: Some(local.offer().to_string()),
            account: Some(digest::Account { user: user.into(), password })
                .filter(|account| !account.password.is_empty()),
            max_forwards: plugboard_sip::MAX_FORWARDS,
        };
        let now = self.clock.now();
        let dialog = match self.sip.invite(now, invite) {
            Ok(dialog) => dialog,
            Err(error) => {
                self.ports.push_front(port);
                let is_full = matches!(error, plugboard_sip::endpoint::CommandError::Full);
                return Err(if is_full { CallError::Full } else { bad() });
            }
        };
        let (mut line, ends) = Line::new(user, dialog, port, local);
        line.far_address = uri;
        self.by_dialog.insert(dialog, id);
        self.by_port.insert(port, id);
        self.lines.insert(id, line);
        Ok(ends.into_call(id, origin, target, handles, self.config.patience))
    }

    /// The address that is meant and where to send to: directly to an IP address, else to the registrar.
    pub(super) fn resolve(&self, account: &Account, target: &str) -> Option<(String, Target)> {
        let target = target.trim();
        if !target.starts_with("sip:") {
            let is_number = |c: char| c.is_ascii_alphanumeric() || "+*-_.#".contains(c);
            if target.is_empty() || !target.chars().all(is_number) {
                return None;
            }
            // `#` ends nothing in SIP, but may not stand in a user part (RFC 3261 §25.1).
            let uri = format!("sip:{}@{}", target.replace('#', "%23"), account.domain);
            return Some((uri, Target::udp(account.registrar)));
        }
        let uri = Uri::parse(target).ok().filter(|uri| uri.transport() == Transport::Udp)?;
        let port = uri.port().unwrap_or(5060);
        let next_hop = uri.ip().map_or(account.registrar, |ip| SocketAddr::new(ip, port));
        Some((uri.without_headers().to_owned(), Target::udp(next_hop)))
    }

    pub(super) fn act(&mut self, id: CallId, action: Action) {
        match action {
            Action::Answer { reply } => {
                let _ = reply.send(self.answer(id));
            }
            Action::Reject { status, reply } => {
                let result = match Status::from_code(status).filter(|status| status.code() >= 300) {
                    Some(status) if self.lines.contains_key(&id) => {
                        self.end_with(id, status);
                        Ok(())
                    }
                    Some(_) => Err(ActionError::Over),
                    None => Err(ActionError::WrongState),
                };
                let _ = reply.send(result);
            }
            Action::HangUp { reply } => {
                let is_there = self.lines.contains_key(&id);
                self.end_here(id);
                let _ = reply.send(if is_there { Ok(()) } else { Err(ActionError::Over) });
            }
            Action::Press { digit, reply } => {
                let _ = reply.send(self.press(id, digit));
            }
            Action::Play { file: path, reply } => self.play(id, file(&path), reply),
            Action::Hum { length, reply } => self.play(id, hum(length), reply),
            Action::Record { file, reply } => {
                let _ = reply.send(self.record(id, file));
            }
            Action::StopRecording { reply } => self.stop_recording(id, reply),
            Action::Hold { hold, reply } => self.hold(id, hold, reply),
            Action::Refer { target, reply } => self.refer(id, &target, None, reply),
            Action::ReferTo { other, reply } => self.refer(id, "", Some(other), reply),
        }
    }

    /// Offers the session with another direction (RFC 3264 §8.4).
    fn hold(&mut self, id: CallId, hold: bool, reply: Reply<()>) {
        let now = self.clock.now();
        let Some(line) = self.lines.get_mut(&id) else {
            let _ = reply.send(Err(ActionError::Over));
            return;
        };
        let before = line.local.clone();
        line.local.direction = direction(hold);
        line.local.version += 1;
        let offer = line.local.offer().to_string();
        let is_free = matches!(line.asked, Asked::Nothing);
        if is_free && self.sip.reinvite(now, line.dialog, Some(&offer)).is_ok() {
            line.asked = Asked::Hold { hold, reply };
        } else {
            line.local = before;
            let _ = reply.send(Err(ActionError::WrongState));
        }
    }

    /// We end the call.
    pub(super) fn end_here(&mut self, id: CallId) {
        self.end_with(id, Status::DECLINE);
    }

    /// We end the call; `status` is for a caller who was never answered.
    pub(super) fn end_with(&mut self, id: CallId, status: Status) {
        let now = self.clock.now();
        let Some(line) = self.lines.get(&id) else { return };
        let reason = Some(Reason::q850(16));
        // Over in this moment anyway: what follows is the same.
        let _ = self.sip.hang_up(now, line.dialog, HangUp { status, reason });
        self.over(id, Ended::Over { cause: EndCause::HungUp, q850: None });
    }

    /// The call is over: its port goes back and everybody who waits for it is told.
    pub(super) fn over(&mut self, id: CallId, ended: Ended) {
        let Some(mut line) = self.lines.remove(&id) else { return };
        self.by_dialog.remove(&line.dialog);
        self.by_port.remove(&line.port);
        match std::mem::take(&mut line.asked) {
            Asked::Nothing => {}
            // They went where we sent them, and had nothing more to say to us.
            Asked::Refer { accepted: true, reply } => {
                let _ = reply.send(Ok(()));
            }
            Asked::Refer { reply, .. } | Asked::Hold { reply, .. } => {
                let _ = reply.send(Err(ActionError::Over));
            }
        }
        line.tell(CallEvent::Ended(ended));
        self.command(Command::Close { port: line.port });
        if line.stream.is_some() {
            self.closing.insert(line.port, line);
        }
    }
}
