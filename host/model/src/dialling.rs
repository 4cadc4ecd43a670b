//! Whom a tenant may call: lists of numbers, and what the host itself holds calls to.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Configuration, Number};

/// Shared by all configurations that hold the same.
pub type NumberList = Arc<BTreeSet<Number>>;

/// Lists of one tenant.
pub const MOST_LISTS: usize = 64;
/// Numbers in all lists of one tenant.
pub const MOST_LISTED: usize = 200_000;

/// What the host itself holds calls to, beside the tenant's rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialling {
    /// Customers are called only if this list holds their number. Transfers and consultations are to no customer.
    #[serde(default)]
    pub consent_list: Option<Arc<str>>,
    /// Numbers of the emergency services, as they are dialled: 110, 112. No cap of a trunk and no rule holds them back.
    #[serde(default)]
    pub emergency: Vec<String>,
}

impl Dialling {
    /// Whether it calls for help.
    pub fn is_emergency(&self, number: &str) -> bool {
        self.emergency.iter().any(|emergency| emergency == number)
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Configuration {
    /// Names of the lists that hold a number, with or without its `+`.
    pub fn lists_of(&self, number: &Number) -> Vec<String> {
        let written = number.as_str();
        let with_plus = if written.starts_with('+') { written.to_owned() } else { format!("+{written}") };
        let holds = |(_, list): &(&Arc<str>, &NumberList)| list.contains(with_plus.as_str());
        self.lists.iter().filter(holds).map(|(name, _)| name.to_string()).collect()
    }
}
