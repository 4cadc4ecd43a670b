//! What people do with their phones.

use std::{net::SocketAddr, time::Duration};

use plugboard_media as media;
use plugboard_sip as sip;

use crate::{
    LineId, Phone, PhoneId, World,
    phone::Session,
    world::{Due, exchange_address},
};

impl World {
    pub fn add_phone(&mut self, name: &str, address: &str, account: Option<sip::digest::Account>) -> PhoneId {
        let address: SocketAddr = address.parse().unwrap();
        let index = self.phones.len();
        let seed = self.chance.draw();
        self.phones.push(Phone::new(name, address, account, seed));
        assert!(self.addresses.insert(address, index).is_none(), "two phones at {address}");
        PhoneId(index)
    }

    /// A phone of the public network.
    pub fn add_caller(&mut self, name: &str) -> PhoneId {
        let number = self.phones.len() + 2;
        self.add_phone(name, &format!("203.0.{}.{}:5060", number / 250, number % 250 + 1), None)
    }

    /// An agent's phone, registered.
    pub fn add_agent(&mut self, name: &str) -> PhoneId {
        let phone = self.add_agent_later(name);
        self.register(phone);
        phone
    }

    /// An agent's phone that is not plugged in yet.
    pub fn add_agent_later(&mut self, name: &str) -> PhoneId {
        let number = self.phones.len();
        let password = self.configuration.agents[name].password.clone();
        let account = sip::digest::Account { user: name.to_owned(), password };
        self.add_phone(name, &format!("10.0.{}.{}:5060", number / 250, number % 250 + 1), Some(account))
    }

    /// Another phone of an agent who has one already. It is not registered and only calls.
    pub fn add_other_phone(&mut self, name: &str, agent: &str) -> PhoneId {
        let phone = self.add_agent_later(agent);
        name.clone_into(&mut self.phones[phone.0].name);
        phone
    }

    pub fn phone(&self, phone: PhoneId) -> &Phone {
        &self.phones[phone.0]
    }

    pub fn phone_mut(&mut self, phone: PhoneId) -> &mut Phone {
        &mut self.phones[phone.0]
    }

    pub fn register(&mut self, phone: PhoneId) {
        self.send_register(phone, 3_600);
    }

    pub fn unregister(&mut self, phone: PhoneId) {
        self.send_register(phone, 0);
    }

    fn send_register(&mut self, phone: PhoneId, expires: u32) {
        let now = self.now.since_epoch();
        let next_hop = self.to_exchange(phone);
        let own = &mut self.phones[phone.0];
        own.registration.wanted = expires > 0;
        let address = format!("<sip:{}@shop.example>", own.name);
        let request = sip::endpoint::OutOfDialog {
            method: sip::Method::REGISTER,
            uri: "sip:shop.example".to_owned(),
            next_hop,
            from: address.clone(),
            to: address,
            headers: vec![("Expires".to_owned(), expires.to_string())],
            body: None,
            account: own.account.clone(),
            series: own.registration.series.take(),
        };
        let (handle, series) = own.endpoint.request(now, request).expect("a REGISTER goes out");
        own.registration.pending = Some(handle);
        own.registration.series = Some(series);
        self.touch(phone);
    }

    fn to_exchange(&self, phone: PhoneId) -> sip::Target {
        let local = Some(self.phones[phone.0].address);
        sip::Target { local, ..sip::Target::udp(exchange_address()) }
    }

    /// The phone calls `to`, a number or a `tel:` URI, showing its own name as the caller's number.
    pub fn dial(&mut self, phone: PhoneId, to: &str) -> LineId {
        let from = self.phones[phone.0].name.clone();
        self.dial_as(phone, &from, to)
    }

    pub fn dial_as(&mut self, phone: PhoneId, from: &str, to: &str) -> LineId {
        let session = self.phones[phone.0].new_session();
        let offer = Some(session.local.offer().to_string());
        self.invite(phone, from, to, session, offer, Vec::new())
    }

    pub(crate) fn invite(
        &mut self,
        phone: PhoneId,
        from: &str,
        to: &str,
        session: Session,
        offer: Option<String>,
        headers: Vec<(String, String)>,
    ) -> LineId {
        let now = self.now.since_epoch();
        let next_hop = self.to_exchange(phone);
        let own = &mut self.phones[phone.0];
        let session = Session { has_offered: offer.is_some(), ..session };
        let called = if to.starts_with("tel:") { to.to_owned() } else { format!("sip:{to}@{}", exchange_address()) };
        let invite = sip::Invite {
            uri: called.clone(),
            next_hop,
            from: format!("<sip:{from}@{}>", own.address.ip()),
            to: format!("<{called}>"),
            headers,
            offer,
            account: own.account.clone(),
            max_forwards: own.max_forwards,
        };
        let call = own.endpoint.invite(now, invite).expect("an INVITE goes out");
        own.sessions.insert(call, session);
        self.touch(phone);
        LineId { phone, call }
    }

    /// A call with this offer, or with none.
    pub fn dial_offering(&mut self, phone: PhoneId, to: &str, offer: Option<&str>) -> LineId {
        let from = self.phones[phone.0].name.clone();
        let session = self.phones[phone.0].new_session();
        self.invite(phone, &from, to, session, offer.map(str::to_owned), Vec::new())
    }

    /// `phone` takes over a call of another phone of the same agent (INVITE with Replaces, RFC 3891).
    pub fn take_over(&mut self, phone: PhoneId, agent: &str, line: LineId) -> Option<LineId> {
        let replaces = self.phones[line.phone.0].endpoint.replaces_of(line.call)?;
        let value = format!("{};to-tag={};from-tag={}", replaces.call_id, replaces.to_tag, replaces.from_tag);
        let session = self.phones[phone.0].new_session();
        let offer = Some(session.local.offer().to_string());
        Some(self.invite(phone, agent, "taken", session, offer, vec![("Replaces".to_owned(), value)]))
    }

    /// INFO within the call: how some phones send keys.
    pub fn info(&mut self, line: LineId, content_type: &str, body: &str) {
        let body = sip::endpoint::Body { content_type: content_type.into(), bytes: body.as_bytes().into() };
        let _ = self.phones[line.phone.0].endpoint.info(self.now.since_epoch(), line.call, &body);
        self.touch(line.phone);
    }

    pub fn hang_up(&mut self, line: LineId) {
        let now = self.now.since_epoch();
        let status = sip::Status::BUSY_HERE;
        let how = sip::endpoint::HangUp { status, ..sip::endpoint::HangUp::default() };
        let _ = self.phones[line.phone.0].endpoint.hang_up(now, line.call, how);
        self.touch(line.phone);
    }

    /// The phone picks up a call that rings.
    pub fn pick_up(&mut self, line: LineId) {
        let now = self.now.since_epoch();
        let phone = &mut self.phones[line.phone.0];
        if let Some(session) = phone.sessions.get(&line.call) {
            let answer = session.answer();
            let _ = phone.endpoint.answer(now, line.call, &answer);
        }
        self.touch(line.phone);
    }

    pub fn reject(&mut self, line: LineId, status: sip::Status) {
        let now = self.now.since_epoch();
        let phone = &mut self.phones[line.phone.0];
        let _ = phone.endpoint.reject(now, line.call, &sip::endpoint::Response::new(status));
        // A rejected call has no last event on the side that rejects where it is refused at once.
        self.touch(line.phone);
    }

    /// The phone's re-INVITE: on hold, or back.
    pub fn hold(&mut self, line: LineId, held: bool) {
        let now = self.now.since_epoch();
        let phone = &mut self.phones[line.phone.0];
        let Some(session) = phone.sessions.get_mut(&line.call) else { return };
        session.local.version += 1;
        session.local.direction =
            if held { plugboard_sdp::Direction::SendOnly } else { plugboard_sdp::Direction::SendReceive };
        let offer = session.local.offer().to_string();
        let _ = phone.endpoint.reinvite(now, line.call, Some(&offer));
        self.touch(line.phone);
    }

    /// The phone asks Plugboard to call `to` in its place.
    pub fn refer(&mut self, line: LineId, to: &str) {
        let now = self.now.since_epoch();
        let uri = format!("sip:{to}@shop.example");
        let sent = self.phones[line.phone.0].endpoint.refer(now, line.call, &uri, None, None);
        sent.expect("a REFER goes out");
        self.touch(line.phone);
    }

    /// As [`Self::refer`], by somebody who may have hung up already.
    pub fn try_refer(&mut self, line: LineId, to: &str) {
        let uri = format!("sip:{to}@shop.example");
        let endpoint = &mut self.phones[line.phone.0].endpoint;
        let _ = endpoint.refer(self.now.since_epoch(), line.call, &uri, None, None);
        self.touch(line.phone);
    }

    /// The phone joins the far ends of two of its calls.
    pub fn refer_attended(&mut self, line: LineId, consultation: LineId) {
        let now = self.now.since_epoch();
        let endpoint = &mut self.phones[line.phone.0].endpoint;
        let replaces = endpoint.replaces_of(consultation.call).expect("a dialog");
        endpoint.refer(now, line.call, "sip:joined@shop.example", Some(&replaces), None).expect("a REFER goes out");
        self.touch(line.phone);
    }

    /// As [`Self::refer_attended`], by somebody who may have hung up already.
    pub fn try_refer_attended(&mut self, line: LineId, consultation: LineId) {
        let endpoint = &mut self.phones[line.phone.0].endpoint;
        if let Some(replaces) = endpoint.replaces_of(consultation.call) {
            let now = self.now.since_epoch();
            let _ = endpoint.refer(now, line.call, "sip:joined@shop.example", Some(&replaces), None);
        }
        self.touch(line.phone);
    }

    /// Keys, 200 ms apart.
    pub fn press(&mut self, line: LineId, keys: &str) {
        for (index, key) in (0..).zip(keys.chars()) {
            self.after(Duration::from_millis(200 * index), move |world| world.press_one(line, key));
        }
        self.drain();
    }

    fn press_one(&mut self, line: LineId, key: char) {
        let Some(port) = self.port_of(line) else { return };
        let name = self.phones[line.phone.0].name.clone();
        self.draw(&name, "plugboard", &format!("key {key}"));
        let digit = media::Digit::from_char(key).unwrap();
        let event = media::Event::Digit { port, digit, duration: Duration::from_millis(100) };
        self.schedule(self.now + Duration::from_millis(self.weather.delay_ms), Due::Media(event));
    }

    /// The phone's sound, which came before, stops coming, and the plane notices.
    pub fn fall_silent(&mut self, line: LineId) {
        if let Some(port) = self.port_of(line) {
            self.schedule(self.now, Due::Media(media::Event::Heard { port }));
            let silent_for = Duration::from_secs(30);
            self.schedule(self.now, Due::Media(media::Event::RtpTimeout { port, silent_for }));
        }
    }

    /// The port of Plugboard's that this line talks to.
    pub fn port_of(&self, line: LineId) -> Option<media::Port> {
        let session = self.phones[line.phone.0].sessions.get(&line.call)?;
        self.plane.port_at(session.remote?)
    }

    /// The name of the phone that this line hears: another's, or what is played to it.
    pub fn hears(&self, line: LineId) -> String {
        let Some(port) = self.port_of(line) else { return "nothing".to_owned() };
        if let Some(playing) = self.plane.playing(port) {
            return format!("~{playing}");
        }
        let Some(other) = self.plane.beside(port) else { return "silence".to_owned() };
        let owner =
            self.phones.iter().find(|phone| phone.sessions.values().any(|session| session.remote == Some(other.rtp())));
        owner.map_or_else(|| "somebody".to_owned(), |phone| phone.name.clone())
    }

    /// The calls of the phone that live.
    pub fn lines_of(&self, phone: PhoneId) -> Vec<LineId> {
        self.phones[phone.0].sessions.keys().map(|call| LineId { phone, call: *call }).collect()
    }

    /// The latest call of the phone that lives.
    pub fn line_of(&self, phone: PhoneId) -> LineId {
        let call = self.phones[phone.0].sessions.keys().next_back();
        LineId { phone, call: *call.unwrap_or_else(|| panic!("{} has no call", self.phones[phone.0].name)) }
    }
}
