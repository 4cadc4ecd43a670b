//! Every leg that lives, found by its number, dialog, port, interaction or agent.

use std::collections::BTreeMap;

use plugboard_media::Port;
use plugboard_model::{AgentId, InteractionId, LegId};
use plugboard_sip::CallHandle;

use crate::line::Line;

/// Interactions and agents have a handful of legs each, so that lists do.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: BTreeMap<LegId, Line>,
    by_dialog: BTreeMap<CallHandle, LegId>,
    by_port: BTreeMap<Port, LegId>,
    by_interaction: BTreeMap<InteractionId, Vec<LegId>>,
    by_agent: BTreeMap<AgentId, Vec<LegId>>,
}

impl Lines {
    pub(crate) fn insert(&mut self, leg: LegId, line: Line) {
        self.by_dialog.insert(line.dialog, leg);
        if let Some(port) = line.port() {
            self.by_port.insert(port, leg);
        }
        self.by_interaction.entry(line.interaction).or_default().push(leg);
        if let Some(agent) = line.agent.clone() {
            self.by_agent.entry(agent).or_default().push(leg);
        }
        self.lines.insert(leg, line);
    }

    pub(crate) fn remove(&mut self, leg: LegId) -> Option<Line> {
        let line = self.lines.remove(&leg)?;
        self.by_dialog.remove(&line.dialog);
        if let Some(port) = line.port() {
            self.by_port.remove(&port);
        }
        forget(&mut self.by_interaction, &line.interaction, leg);
        if let Some(agent) = &line.agent {
            forget(&mut self.by_agent, agent, leg);
        }
        Some(line)
    }

    /// The leg belongs to another interaction from here on.
    pub(crate) fn move_to(&mut self, leg: LegId, interaction: InteractionId) {
        let Some(line) = self.lines.get_mut(&leg) else { return };
        let before = std::mem::replace(&mut line.interaction, interaction);
        forget(&mut self.by_interaction, &before, leg);
        self.by_interaction.entry(interaction).or_default().push(leg);
    }

    /// Another dialog takes the place of the leg's own.
    pub(crate) fn redial(&mut self, leg: LegId, dialog: CallHandle) {
        let Some(line) = self.lines.get_mut(&leg) else { return };
        self.by_dialog.remove(&std::mem::replace(&mut line.dialog, dialog));
        self.by_dialog.insert(dialog, leg);
    }

    /// The leg is heard at `port`, which it keeps to its end.
    pub(crate) fn settle_at(&mut self, leg: LegId, port: Port) {
        if let Some(line) = self.lines.get_mut(&leg) {
            line.settle_at(port);
            self.by_port.insert(port, leg);
        }
    }

    pub(crate) fn get(&self, leg: LegId) -> Option<&Line> {
        self.lines.get(&leg)
    }

    /// Its dialog, port, interaction and agent are not to be changed by this.
    pub(crate) fn get_mut(&mut self, leg: LegId) -> Option<&mut Line> {
        self.lines.get_mut(&leg)
    }

    pub(crate) fn at_dialog(&self, dialog: CallHandle) -> Option<LegId> {
        self.by_dialog.get(&dialog).copied()
    }

    pub(crate) fn at_port(&self, port: Port) -> Option<LegId> {
        self.by_port.get(&port).copied()
    }

    pub(crate) fn of_interaction(&self, interaction: InteractionId) -> impl Iterator<Item = (LegId, &Line)> {
        self.listed(self.by_interaction.get(&interaction))
    }

    pub(crate) fn of_agent(&self, agent: &AgentId) -> impl Iterator<Item = (LegId, &Line)> {
        self.listed(self.by_agent.get(agent))
    }

    fn listed<'a>(&'a self, legs: Option<&'a Vec<LegId>>) -> impl Iterator<Item = (LegId, &'a Line)> {
        legs.into_iter().flatten().filter_map(|leg| Some((*leg, self.lines.get(leg)?)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LegId, &Line)> {
        self.lines.iter().map(|(leg, line)| (*leg, line))
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// For tests.
    ///
    /// # Panics
    /// If an index disagrees with the legs.
    pub(crate) fn check(&self) {
        for (leg, line) in self.iter() {
            assert_eq!(self.at_dialog(line.dialog), Some(leg), "{leg}: its dialog leads elsewhere");
            if let Some(port) = line.port() {
                assert_eq!(self.at_port(port), Some(leg), "{leg}: its port leads elsewhere");
            }
            assert!(self.of_interaction(line.interaction).any(|(of, _)| of == leg), "{leg}: not with its interaction");
            let agent = line.agent.as_ref();
            assert!(
                agent.is_none_or(|agent| self.of_agent(agent).any(|(of, _)| of == leg)),
                "{leg}: not with its agent"
            );
        }
        let with_port = self.lines.values().filter(|line| line.port().is_some()).count();
        let with_agent = self.lines.values().filter(|line| line.agent.is_some()).count();
        assert_eq!(self.by_dialog.len(), self.len(), "a dialog leads to a leg that is gone");
        assert_eq!(self.by_port.len(), with_port, "a port leads to a leg that is gone");
        assert_eq!(self.by_interaction.values().map(Vec::len).sum::<usize>(), self.len(), "legs by interaction");
        assert_eq!(self.by_agent.values().map(Vec::len).sum::<usize>(), with_agent, "legs by agent");
    }
}

fn forget<K: Ord>(index: &mut BTreeMap<K, Vec<LegId>>, key: &K, leg: LegId) {
    if let Some(legs) = index.get_mut(key) {
        legs.retain(|of| *of != leg);
        if legs.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use plugboard_sip as sip;

    use super::*;

    /// Dialogs come from an endpoint and from nowhere else.
    fn dialogs(count: usize) -> Vec<CallHandle> {
        let mut endpoint = sip::Endpoint::new(sip::Config::default(), 1);
        let peer = std::net::SocketAddr::from(([192, 0, 2, 9], 5060));
        let invite = || sip::Invite {
            uri: "sip:a@192.0.2.9".into(),
            next_hop: sip::Target::udp(peer),
            from: "<sip:b@192.0.2.1>".into(),
            to: "<sip:a@192.0.2.9>".into(),
            headers: Vec::new(),
            offer: None,
            account: None,
            max_forwards: sip::MAX_FORWARDS,
        };
        (0..count).map(|_| endpoint.invite(std::time::Duration::ZERO, invite()).unwrap()).collect()
    }

    fn port(number: u16) -> Port {
        Port { worker: 0, number, ip: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }

    #[test]
    fn a_leg_is_found_by_everything_until_it_is_gone() {
        let amy: AgentId = "amy".parse().unwrap();
        let dialogs = dialogs(2);
        let mut lines = Lines::default();
        lines.insert(LegId(1), Line::new(InteractionId(1), dialogs[0], None));
        lines.insert(LegId(2), Line::new(InteractionId(1), dialogs[1], Some(amy.clone())));
        lines.settle_at(LegId(2), port(4_000));
        lines.move_to(LegId(2), InteractionId(7));
        lines.check();
        let of = |lines: &Lines, interaction| -> Vec<u64> {
            lines.of_interaction(InteractionId(interaction)).map(|(leg, _)| leg.0).collect()
        };
        assert_eq!([of(&lines, 1), of(&lines, 7)], [vec![1], vec![2]]);
        assert_eq!(lines.at_port(port(4_000)), Some(LegId(2)));
        assert_eq!(lines.at_dialog(dialogs[1]), Some(LegId(2)));
        assert_eq!(lines.of_agent(&amy).count(), 1);
        lines.remove(LegId(2));
        lines.check();
        assert_eq!((lines.at_port(port(4_000)), lines.of_agent(&amy).count(), lines.len()), (None, 0, 1));
    }
}
