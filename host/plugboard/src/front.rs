//! What stands before the exchanges: whose a message is, and whose a media port is.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use plugboard_exchange::Input;
use plugboard_media::{Event, Port};
use plugboard_model::Timestamp;
use plugboard_sip as sip;

use crate::signalling::Tenant;

/// Ports of a worker that an exchange holds ready at most: enough for a burst of calls, few enough that others have some.
const READY: usize = 128;
/// And at least: both legs of a call are on one worker.
const LEAST: usize = 2;

/// Finds the tenant of a message and shares out the ports.
#[derive(Debug)]
pub(crate) struct Front {
    /// By worker, those that nobody holds.
    bank: BTreeMap<u16, VecDeque<Port>>,
    owners: BTreeMap<Port, usize>,
    /// Answers for those whom nobody here knows; holds no calls and no transactions.
    nobody: sip::Endpoint,
}

impl Front {
    pub(crate) fn new() -> Self {
        let config = sip::Config { token: "nobody".to_owned(), ..sip::Config::default() };
        // It names no dialog that could be guessed, so any seed will do.
        Self { bank: BTreeMap::new(), owners: BTreeMap::new(), nobody: sip::Endpoint::new(config, 0) }
    }

    /// Ports that the plane has bound; those that rested after a call come back here too.
    pub(crate) fn ports_came(&mut self, ports: Vec<Port>) {
        for port in ports {
            self.owners.remove(&port);
            self.bank.entry(port.worker).or_default().push_back(port);
        }
    }

    pub(crate) fn owner_of(&self, port: Port) -> Option<usize> {
        self.owners.get(&port).copied()
    }

    /// Fills up every exchange that runs low, and takes back what one holds beyond its share since there are more of them.
    pub(crate) fn share_ports(&mut self, now: Timestamp, tenants: &mut [Tenant]) {
        for (worker, bank) in &mut self.bank {
            let held: usize = tenants.iter().map(|tenant| tenant.exchange.free_ports_of(*worker)).sum();
            let ready = ready(bank.len() + held, tenants.len());
            for tenant in tenants.iter_mut().filter(|tenant| tenant.exchange.free_ports_of(*worker) > ready + ready / 2)
            {
                for port in tenant.exchange.give_back_ports(*worker, ready) {
                    self.owners.remove(&port);
                    bank.push_back(port);
                }
            }
            for (index, tenant) in tenants.iter_mut().enumerate() {
                let free = tenant.exchange.free_ports_of(*worker);
                if free >= ready.div_ceil(2) || bank.is_empty() {
                    continue;
                }
                let count = (ready - free).min(bank.len());
                let ports: Vec<Port> = bank.drain(..count).collect();
                self.owners.extend(ports.iter().map(|port| (*port, index)));
                tenant.exchange.handle_input(now, Input::Media(Event::PortsAvailable { ports }));
            }
        }
    }

    /// By our own mark in a dialog or branch, else by domain, number or agent, else by the trunk that the message comes from.
    pub(crate) fn tenant_of(&self, tenants: &[Tenant], source: sip::Source, bytes: &[u8]) -> Option<usize> {
        let message = sip::Message::parse(bytes).ok()?;
        let find = |claims: &dyn Fn(&Tenant) -> bool| tenants.iter().position(claims);
        if let Some(index) = find(&|tenant| tenant.exchange.owns(&message)) {
            return Some(index);
        }
        find(&|tenant| tenant.exchange.is_for(&message, source))
    }

    /// Nobody's request gets 404, so that a misconfigured trunk is told, and what is malformed its own status; a response or an ACK gets nothing.
    pub(crate) fn refuse(&mut self, source: sip::Source, bytes: &[u8]) -> Option<(sip::Target, Arc<[u8]>)> {
        let message = sip::Message::parse(bytes).ok()?;
        tracing::debug!(from = %source.remote, "a message for no tenant");
        self.nobody.refuse_stray(source, &message, sip::Status::NOT_FOUND);
        match self.nobody.poll_output()? {
            sip::Output::Send { target, bytes } => Some((target, bytes)),
            sip::Output::Event(_) => None,
        }
    }
}

/// Ports of a worker that each exchange holds ready: all of them together half of those that are bound, so that who is busy finds some.
fn ready(bound: usize, tenants: usize) -> usize {
    (bound / (2 * tenants.max(1))).clamp(LEAST, READY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a worker binds ahead of need, by `serve`.
    const BOUND: usize = 256;

    #[test]
    fn a_hundred_tenants_find_ports_for_both_legs_of_a_call_and_one_alone_for_a_burst() {
        assert_eq!([1, 2, 100].map(|tenants| ready(BOUND, tenants)), [READY, 64, 2]);
        assert!((1..=100).all(|tenants| tenants * ready(BOUND, tenants) <= BOUND));
    }

    fn request(start: &str, more: &str) -> String {
        let method = start.split(' ').next().unwrap();
        format!(
            "{start}\r\nVia: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bK1;rport\r\nFrom: <sip:x@10.0.0.7>;tag=1\r\n\
             To: <sip:8000@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{more}\r\n"
        )
    }

    #[test]
    fn a_request_for_nobody_is_told_what_is_wrong_with_it() {
        let mut front = Front::new();
        let source = sip::Source {
            transport: sip::Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "198.51.100.7:40123".parse().unwrap(),
            connection: None,
        };
        let mut told = |text: String| {
            let (to, bytes) = front.refuse(source, text.as_bytes())?;
            assert_eq!(to.remote, source.remote, "where it came from (RFC 3581)");
            Some(sip::Message::parse(&bytes).unwrap().status().unwrap().code())
        };
        let invite = "INVITE sip:8000@192.0.2.1 SIP/2.0";
        let answers = [
            told(request(invite, "")),
            told(request(invite, "Max-Forwards: 0\r\n")),
            told(request(invite, "Require: teleport\r\n")),
            told(request(invite, "Call-ID: another\r\n")),
            told(request("INVITE starship:enterprise SIP/2.0", "")),
            told(request("INVITE sip:8000@192.0.2.1 SIP/3.0", "")),
            told(request("DANCE sip:8000@192.0.2.1 SIP/2.0", "")),
            told(request("CANCEL sip:8000@192.0.2.1 SIP/2.0", "")),
            told(request("BYE sip:8000@192.0.2.1 SIP/2.0", "")),
            told(request("REGISTER sip:192.0.2.1 SIP/2.0", "")),
            told(request("OPTIONS sip:8000@192.0.2.1 SIP/2.0", "")),
            told(request("ACK sip:8000@192.0.2.1 SIP/2.0", "")),
            told(request(invite, "").replacen(invite, "SIP/2.0 200 OK", 1)),
            told("noise".to_owned()),
        ];
        let due = [404, 483, 420, 400, 416, 505, 405, 481, 481, 404, 404];
        assert_eq!(answers.to_vec(), due.map(Some).into_iter().chain([None; 3]).collect::<Vec<_>>());
    }
}
