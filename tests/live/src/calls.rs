//! One phone and one caller of SIPp, as most tests want them.

use crate::{Ear, Host, Sipp, Tenant, free_port};

impl Host {
    /// The phone of an agent, registered and listening, for one call whose sound is the ear's. Where the scenario hangs up, it does so after `talk_ms`.
    pub fn phone(&self, scenario: &'static str, agent: usize, ear: &Ear, talk_ms: u32) -> Sipp {
        let port = free_port();
        self.register(&[Tenant::agent(agent)], port);
        let more = ["-d", &talk_ms.to_string(), "-key", "ear", &ear.port.to_string()];
        Sipp::start(self.scratch(), scenario, self.sip, port, 1, &[], &more).listening()
    }

    /// Somebody at the number `from` who dials `number`.
    pub fn caller(&self, scenario: &'static str, from: &str, number: &str, ear: &Ear) -> Sipp {
        let rows = [format!("{from};{number}")];
        Sipp::start(self.scratch(), scenario, self.sip, 0, 1, &rows, &["-key", "ear", &ear.port.to_string()])
    }
}
