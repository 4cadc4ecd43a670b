//! What stands before the exchanges: whose a message is, and whose a media port is.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use plugboard_exchange::Input;
use plugboard_media::{Event, Port};
use plugboard_model::Timestamp;
use plugboard_sip::{
    self as sip,
    message::{HeaderName, Writer},
};

use crate::signalling::Tenant;

/// Ports that an exchange holds ready: enough for a burst of calls, few enough that others have some.
const READY: usize = 128;

/// Finds the tenant of a message and shares out the ports.
#[derive(Debug, Default)]
pub(crate) struct Front {
    bank: VecDeque<Port>,
    owners: BTreeMap<Port, usize>,
    /// Requests that found no tenant.
    refused: u64,
}

impl Front {
    /// Ports that the plane has bound; those that rested after a call come back here too.
    pub(crate) fn ports_came(&mut self, ports: Vec<Port>) {
        for port in ports {
            self.owners.remove(&port);
            self.bank.push_back(port);
        }
    }

    pub(crate) fn owner_of(&self, port: Port) -> Option<usize> {
        self.owners.get(&port).copied()
    }

    /// Fills up every exchange that runs low.
    pub(crate) fn share_ports(&mut self, now: Timestamp, tenants: &mut [Tenant]) {
        for (index, tenant) in tenants.iter_mut().enumerate() {
            let free = tenant.exchange.free_ports();
            if free >= READY / 2 || self.bank.is_empty() {
                continue;
            }
            let count = (READY - free).min(self.bank.len());
            let ports: Vec<Port> = self.bank.drain(..count).collect();
            self.owners.extend(ports.iter().map(|port| (*port, index)));
            tenant.exchange.handle_input(now, Input::Media(Event::PortsAvailable { ports }));
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

    /// Nobody's request gets 404, so that a misconfigured trunk is told; a response or an ACK gets nothing.
    pub(crate) fn refuse(&mut self, source: sip::Source, bytes: &[u8]) -> Option<(sip::Target, Arc<[u8]>)> {
        self.refused += 1;
        let message = sip::Message::parse(bytes).ok()?;
        let method = message.method()?;
        if *method == sip::Method::ACK {
            return None;
        }
        let mut response = Writer::response(sip::Status::NOT_FOUND, None);
        response.copy(&message, HeaderName::Via).copy(&message, HeaderName::From);
        match message.to() {
            Some(to) if to.tag().is_none() => {
                let text = message.value(HeaderName::To)?;
                response.header("To", &format!("{text};tag=nobody"));
            }
            _ => {
                response.copy(&message, HeaderName::To);
            }
        }
        response.copy(&message, HeaderName::CallId).copy(&message, HeaderName::CSeq);
        Some((source.into(), response.finish(None).ok()?))
    }
}
