//! Phones tell the registrar where they are, and say so again in good time.

use std::time::Duration;

use plugboard_sip::endpoint::{OutOfDialog, Series};
use plugboard_sip::message::Contact;
use plugboard_sip::{Message, Method, RequestHandle, Status, Target, digest};
use tokio::sync::oneshot;

use super::{Alarm, Engine};
use crate::config::Account;
use crate::error::RegisterError;

/// Between tries while the registrar does not take a renewal.
const RETRY: Duration = Duration::from_secs(5);

/// One phone's registration.
#[derive(Debug, Default)]
pub(super) struct Registration {
    /// Ties the REGISTERs of one phone together (RFC 3261 §10.2).
    series: Option<Series>,
    /// What was asked for last; zero takes the registration back.
    wish: Duration,
    waits: Option<oneshot::Sender<Result<Duration, RegisterError>>>,
}

impl Engine {
    pub(super) fn register(
        &mut self,
        user: &str,
        expires: Duration,
        reply: oneshot::Sender<Result<Duration, RegisterError>>,
    ) {
        let Some(phone) = self.phones.get_mut(user) else {
            let _ = reply.send(Err(RegisterError::Stopped));
            return;
        };
        phone.registration.wish = expires;
        phone.registration.waits = Some(reply);
        self.send_register(user);
    }

    /// Registers again what was registered before.
    pub(super) fn renew(&mut self, user: &str) {
        if self.phones.get(user).is_some_and(|phone| !phone.registration.wish.is_zero()) {
            self.send_register(user);
        }
    }

    fn send_register(&mut self, user: &str) {
        self.alarms.retain(|(_, alarm)| !matches!(alarm, Alarm::Renew { user: renewed } if renewed == user));
        let now = self.clock.now();
        let Some(phone) = self.phones.get_mut(user) else { return };
        let Account { registrar, domain, password, .. } = &phone.account;
        let seconds = phone.registration.wish.as_secs();
        let own = named(&phone.account);
        let request = OutOfDialog {
            method: Method::REGISTER,
            uri: format!("sip:{domain}"),
            next_hop: Target::udp(*registrar),
            from: own.clone(),
            to: own,
            headers: vec![
                ("Contact".into(), format!("<sip:{user}@{}>;expires={seconds}", self.address)),
                ("Expires".into(), seconds.to_string()),
            ],
            body: None,
            account: Some(digest::Account { user: user.into(), password: password.clone() })
                .filter(|account| !account.password.is_empty()),
            series: phone.registration.series.clone(),
        };
        match self.sip.request(now, request) {
            Ok((handle, series)) => {
                phone.registration.series = Some(series);
                self.by_request.insert(handle, user.into());
            }
            Err(_) => {
                if let Some(reply) = phone.registration.waits.take() {
                    let _ = reply.send(Err(RegisterError::Unwritable));
                }
            }
        }
    }

    /// The registrar has spoken, or nobody did.
    pub(super) fn registered(&mut self, handle: RequestHandle, status: Status, response: Option<&Message>) {
        let Some(user) = self.by_request.remove(&handle) else { return };
        let now = self.clock.now();
        let Some(phone) = self.phones.get_mut(&user) else { return };
        let registration = &mut phone.registration;
        let least = response.filter(|_| status == Status::INTERVAL_TOO_BRIEF).and_then(|response| {
            let seconds = response.other("Min-Expires")?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds)).filter(|least| *least > registration.wish)
        });
        if let Some(least) = least {
            registration.wish = least;
            return self.send_register(&user);
        }
        let result = match response {
            Some(response) if status.is_success() => {
                Ok(granted(response, &user, self.address.port()).unwrap_or(registration.wish))
            }
            Some(_) => Err(RegisterError::Refused { status: status.code() }),
            None => Err(RegisterError::Silent { registrar: phone.account.registrar }),
        };
        let was_asked = registration.waits.take();
        let again = match &result {
            Ok(granted) => Some(*granted / 2).filter(|_| !registration.wish.is_zero()),
            // A first try that fails is told and left; a renewal is tried again.
            Err(_) => Some(RETRY).filter(|_| was_asked.is_none()),
        };
        if let Some(wait) = again {
            self.alarms.insert((now + wait, Alarm::Renew { user: user.clone() }));
        }
        if let Err(error) = &result {
            tracing::warn!(%error, "phone is not registered");
        }
        if let Some(reply) = was_asked {
            let _ = reply.send(result);
        }
    }
}

/// What the registrar says about our own contact, which may stand among others.
fn granted(response: &Message, user: &str, port: u16) -> Option<Duration> {
    let of_ours = response.contacts().find_map(|contact| match contact {
        Contact::Address(address) => {
            let uri = address.uri().ok()?;
            let is_ours = uri.port() == Some(port) && uri.user_decoded()? == user;
            is_ours.then(|| address.params.get("expires").and_then(|seconds| seconds.parse().ok()))?
        }
        Contact::All => None,
    });
    of_ours.or_else(|| response.expires().map(u64::from)).map(Duration::from_secs)
}

/// `"Amy" <sip:amy@demo.example>`.
pub(super) fn named(account: &Account) -> String {
    let display: String = account.display_name.chars().filter(|c| !c.is_control() && !"\"\\".contains(*c)).collect();
    let address = account.address();
    if display.is_empty() { format!("<{address}>") } else { format!("\"{display}\" <{address}>") }
}
