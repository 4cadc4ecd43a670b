//! What a phone does by itself when its endpoint has news.

use std::time::Duration;

use plugboard_sip as sip;

use crate::{
    LineId, Outcome, PhoneId, Then, World,
    phone::{REFRESH, sound_address},
    world::Due,
};

impl World {
    pub(crate) fn phone_event(&mut self, index: usize, event: sip::Event) {
        let now = self.now.since_epoch();
        let own = &mut self.phones[index];
        let phone = PhoneId(index);
        match event {
            sip::Event::Incoming(incoming) => {
                own.hops.push(incoming.request.max_forwards());
                let user = |uri: Option<sip::Uri>| uri.and_then(|uri| Some(uri.user_decoded()?.into_owned()));
                let from = user(incoming.request.from().and_then(|from| from.uri().ok())).unwrap_or_default();
                let to = user(incoming.request.uri().ok()).unwrap_or_default();
                own.called.push((from, to));
                let mut session = own.new_session();
                session.remote = sound_address(incoming.offer.as_ref());
                session.offer = incoming.offer.clone();
                own.sessions.insert(incoming.call, session);
                let line = LineId { phone, call: incoming.call };
                let manners = own.manners;
                match manners.then {
                    Then::Reject(after_ms, status) => {
                        self.after(Duration::from_millis(after_ms), move |world| world.reject(line, status));
                    }
                    then => {
                        let _ = own.endpoint.ring(now, incoming.call, sip::Status::RINGING, None);
                        let misses = self.chance.percent(manners.misses_percent);
                        if let (Then::Answer(least, most), false) = (then, misses) {
                            let after = self.chance.between_ms((least, most));
                            self.after(after, move |world| world.pick_up(line));
                        }
                    }
                }
            }
            sip::Event::Answered { call, body } => {
                let Some(session) = own.sessions.get_mut(&call) else { return };
                session.remote = sound_address(body.as_ref());
                session.answered = true;
                if !session.has_offered {
                    session.offer = body;
                    let answer = session.answer();
                    let _ = own.endpoint.ack_with(now, call, &answer);
                }
            }
            sip::Event::Confirmed { call, body } => {
                let Some(session) = own.sessions.get_mut(&call) else { return };
                session.answered = true;
                if session.remote.is_none() {
                    session.remote = sound_address(body.as_ref());
                }
                let (line, manners) = (LineId { phone, call }, own.manners);
                if let Some(talk) = manners.talk_ms {
                    let talk = self.chance.between_ms(talk);
                    self.after(talk, move |world| world.hang_up(line));
                    if self.chance.percent(manners.transfers_percent) {
                        let dialled = ["q1", "q2", "2001", "2002", "+4940999"][self.chance.below(5) as usize];
                        self.after(talk / 2, move |world| world.try_refer(line, dialled));
                    }
                }
            }
            sip::Event::Refused { call, status, retry_after, response, .. } => {
                own.sessions.remove(&call);
                own.causes.push(response.reason().and_then(|reason| reason.cause));
                own.outcomes.insert(call, Outcome::Refused { status: status.code(), retry_after });
            }
            sip::Event::Ended { call, cause, .. } => {
                own.sessions.remove(&call);
                own.outcomes.insert(call, Outcome::Ended(cause));
            }
            sip::Event::Reinvited { call, offer, .. } => {
                if let Some(session) = own.sessions.get_mut(&call) {
                    session.offer = offer;
                    let answer = session.answer();
                    let _ = own.endpoint.answer_reinvite(now, call, &answer);
                }
            }
            sip::Event::NotifySipfrag { status, .. } => own.transfers.push(status.code()),
            sip::Event::ReferAnswered { status, .. } if !status.is_success() => own.transfers.push(status.code()),
            sip::Event::Response { handle, status, .. } if own.registration.pending == Some(handle) => {
                own.registration.pending = None;
                own.registration.status = Some(status.code());
                if own.registration.wanted {
                    self.schedule(self.now + REFRESH, Due::Refresh(phone));
                }
            }
            sip::Event::Register { .. } | sip::Event::Request { .. } | sip::Event::Referred(_) => {}
            sip::Event::Progress { .. }
            | sip::Event::ReinviteAnswered { .. }
            | sip::Event::ReinviteRefused { .. }
            | sip::Event::ReferAnswered { .. }
            | sip::Event::Info { .. }
            | sip::Event::Response { .. } => {}
        }
        self.touch(phone);
    }
}
