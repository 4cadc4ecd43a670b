//! What one tenant may not claim because another one has it: the front finds a call's tenant by domain, or by number and trunk.

use std::net::IpAddr;

use plugboard_api::Fault;
use plugboard_model::{Configuration, Trunk};

/// Each domain and number of `wanted` by which a call could be meant for `other` as well. Whose they are is not told: tenants do not know of each other.
pub(crate) fn conflicts(wanted: &Configuration, other: &Configuration, faults: &mut Vec<Fault>) {
    for (index, domain) in wanted.domains.iter().enumerate() {
        if other.domains.iter().any(|taken| taken.eq_ignore_ascii_case(domain)) {
            faults.push(Fault {
                field: Some(format!("/domains/{index}")),
                code: "domain-taken".into(),
                message: format!("the domain {domain} belongs to another tenant of this host"),
                remedy: "give each tenant a domain of its own".into(),
                ..Fault::default()
            });
        }
    }
    let shared: Vec<_> = wanted.numbers.keys().filter(|number| other.numbers.contains_key(*number)).collect();
    if shared.is_empty() || !trunks_meet(wanted, other) {
        return;
    }
    faults.extend(shared.into_iter().map(|number| Fault {
        field: Some(format!("/numbers/{number}")),
        code: "number-taken".into(),
        message: format!("{number} belongs to another tenant of this host, and calls to it come by the same trunk"),
        remedy: "take the number out of one of the two, or let their trunks come from different addresses".into(),
        ..Fault::default()
    }));
}

/// Whether one address could call both.
fn trunks_meet(one: &Configuration, other: &Configuration) -> bool {
    let covers = |trunk: &Trunk, address: IpAddr| {
        trunk.allow.iter().any(|block| block.contains(address)) || trunk.peers.iter().any(|peer| peer.ip() == address)
    };
    // Of two blocks that meet, one holds the first address of the other.
    let addresses = |trunk: &Trunk| -> Vec<IpAddr> {
        trunk.allow.iter().map(|block| block.first()).chain(trunk.peers.iter().map(|peer| peer.ip())).collect()
    };
    one.trunks.values().any(|a| {
        other.trunks.values().any(|b| {
            addresses(a).into_iter().any(|address| covers(b, address))
                || addresses(b).into_iter().any(|address| covers(a, address))
        })
    })
}

#[cfg(test)]
mod tests {
    use plugboard_model::{AddressBlock, NumberTarget};

    use super::*;

    fn tenant(id: &str, domain: &str, number: &str, block: &str) -> Configuration {
        let mut configuration = Configuration::empty(id.parse().unwrap());
        configuration.domains.push(domain.to_owned());
        let target = NumberTarget::Queue("sales".parse().unwrap());
        configuration.numbers.insert(number.parse().unwrap(), target);
        let allow = vec![AddressBlock::try_from(block.to_owned()).unwrap()];
        let trunk = Trunk { allow, ..Trunk::default() };
        configuration.trunks.insert("carrier".to_owned(), trunk);
        configuration
    }

    fn codes(one: &Configuration, other: &Configuration) -> Vec<String> {
        let mut faults = Vec::new();
        conflicts(one, other, &mut faults);
        faults.into_iter().map(|fault| format!("{} {}", fault.code, fault.field.unwrap())).collect()
    }

    #[test]
    fn a_number_or_domain_that_leads_to_two_tenants_is_refused() {
        let shop = tenant("shop", "Shop.example", "8000", "192.0.2.0/24");
        let bank = tenant("bank", "shop.example", "8000", "192.0.2.9");
        assert_eq!(codes(&shop, &bank), ["domain-taken /domains/0", "number-taken /numbers/8000"]);
        assert_eq!(codes(&bank, &shop), ["domain-taken /domains/0", "number-taken /numbers/8000"]);
    }

    #[test]
    fn the_same_extension_of_two_tenants_with_carriers_of_their_own_is_no_conflict() {
        let shop = tenant("shop", "shop.example", "8000", "192.0.2.0/24");
        let bank = tenant("bank", "bank.example", "8000", "198.51.100.0/24");
        assert_eq!(codes(&shop, &bank), [""; 0]);
    }
}
