//! Calls that come in: whose they are, and what the phone does by itself.

use plugboard_sip::endpoint::{HangUp, Incoming, Response};
use plugboard_sip::{CallHandle, Status};

use super::dialogs::agree;
use super::line::Line;
use super::{Alarm, Engine};
use crate::call::{CallEvent, CallId, Origin};
use crate::config::Behaviour;
use crate::error::ActionError;

impl Engine {
    pub(super) fn incoming(&mut self, incoming: &Incoming) {
        let replaced = incoming.replaces.and_then(|dialog| Some(self.line_of(dialog)?.1.phone.clone()));
        let named = incoming.request.uri().ok().and_then(|uri| uri.user_decoded().map(|user| user.into_owned()));
        let Some(user) = replaced.or(named).filter(|user| self.phones.contains_key(user)) else {
            return self.refuse(incoming.call, Status::NOT_FOUND);
        };
        let Some(phone) = self.phones.get(&user) else { return };
        let behaviour = phone.account.behaviour;
        if let Behaviour::Refuses(status) = behaviour
            && incoming.replaces.is_none()
        {
            let status = Status::from_code(status).filter(|status| status.code() >= 300);
            return self.refuse(incoming.call, status.unwrap_or(Status::BUSY_HERE));
        }
        let (Some(handles), Some(port)) = (self.handles.upgrade(), self.ports.pop_front()) else {
            return self.refuse(incoming.call, Status::SERVICE_UNAVAILABLE);
        };
        let id = self.new_call_id();
        let local = self.local(&user, port, id);
        let (mut line, ends) = Line::new(&user, incoming.call, port, local);
        let from = incoming.request.from().and_then(|from| from.uri().ok());
        let contact = incoming.request.contact().and_then(|contact| contact.uri().ok());
        line.offer = incoming.offer.clone();
        line.replaces = incoming.replaces;
        line.far_address = contact.map(|uri| uri.as_str().to_owned()).unwrap_or_default();
        line.tell(CallEvent::Ringing);
        let peer = from.and_then(|uri| uri.user_decoded().map(|user| user.into_owned())).unwrap_or_default();
        self.by_dialog.insert(incoming.call, id);
        self.by_port.insert(port, id);
        self.lines.insert(id, line);
        let call = ends.into_call(id, Origin::Incoming, &peer, handles, self.config.patience);
        let is_taken = self.phones.get(&user).is_some_and(|phone| phone.incoming.try_send(call).is_ok());
        let now = self.clock.now();
        if incoming.replaces.is_some() {
            // Whoever takes a place is answered at once (RFC 3891 §3).
            let _ = self.answer(id);
            return;
        }
        match behaviour {
            Behaviour::AnswersAfter(ringing) => {
                let _ = self.sip.ring(now, incoming.call, Status::RINGING, None);
                self.alarms.insert((now + ringing, Alarm::AutoAnswer(id)));
            }
            Behaviour::Rings if is_taken => {
                let _ = self.sip.ring(now, incoming.call, Status::RINGING, None);
            }
            // Nobody takes this phone's calls.
            Behaviour::Rings => self.end_with(id, Status::BUSY_HERE),
            Behaviour::Refuses(_) | Behaviour::Ignores => {}
        }
    }

    fn refuse(&mut self, dialog: CallHandle, status: Status) {
        let now = self.clock.now();
        // Given up in this moment: the endpoint has answered by itself.
        let _ = self.sip.reject(now, dialog, &Response::new(status));
    }

    pub(super) fn auto_answer(&mut self, id: CallId) {
        // The caller may have given up while it rang.
        let _ = self.answer(id);
    }

    /// Sends 200 with our part of the session.
    pub(super) fn answer(&mut self, id: CallId) -> Result<(), ActionError> {
        let now = self.clock.now();
        let line = self.lines.get(&id).ok_or(ActionError::Over)?;
        let dialog = line.dialog;
        let (text, agreed) = match &line.offer {
            Some(offer) => match agree(&line.local, offer) {
                Ok((text, agreed)) => (text, Some(agreed)),
                Err(status) => {
                    self.end_with(id, status);
                    return Err(ActionError::Refused { status: status.code() });
                }
            },
            None => (line.local.offer().to_string(), None),
        };
        // Answered already, by hand or by itself.
        self.sip.answer(now, dialog, &text).map_err(|_| ActionError::WrongState)?;
        match agreed {
            Some(agreed) => self.open(id, &agreed),
            None => {
                if let Some(line) = self.lines.get_mut(&id) {
                    line.awaits_answer = true;
                }
            }
        }
        if let Some(replaced) = self.lines.get_mut(&id).and_then(|line| line.replaces.take()) {
            let _ = self.sip.hang_up(now, replaced, HangUp::default());
        }
        Ok(())
    }
}
