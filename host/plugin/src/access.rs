//! What one plugin of one tenant may reach outside: granted by the tenant's administrator, given with each question.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

use plugboard_pack::{Origin, SecretName, permissions::Asks};

use crate::{
    Kv, KvPlace,
    http::{Agents, Wire},
};

/// Everything that a connector, a channel or an assistant can get at. Make it once for a plugin in a tenant and keep it: connections that are kept
/// open belong to it, and are shared with nobody.
#[derive(Default)]
pub struct Access {
    granted: Asks,
    secrets: BTreeMap<SecretName, String>,
    settings: BTreeMap<String, String>,
    kv: Option<(Arc<dyn Kv>, KvPlace)>,
    agents: OnceLock<Agents>,
    wire: Option<Arc<Wire>>,
}

impl Access {
    /// Nothing but what is granted; without settings, secrets and a place to keep state.
    pub fn new(granted: Asks) -> Self {
        Self { granted, ..Self::default() }
    }

    /// What `config` gives.
    #[must_use]
    pub fn with_settings(self, settings: BTreeMap<String, String>) -> Self {
        Self { settings, ..self }
    }

    /// The plugin can name it, and never sees it. Towards where it may go is granted.
    #[must_use]
    pub fn with_secret(mut self, name: SecretName, value: String) -> Self {
        self.secrets.insert(name, value);
        self
    }

    /// Where it keeps state, up to the bytes that are granted.
    #[must_use]
    pub fn with_kv(self, store: Arc<dyn Kv>, place: KvPlace) -> Self {
        Self { kv: Some((store, place)), ..self }
    }

    /// Whom its requests reach instead of the network, once they are found to be granted.
    #[must_use]
    pub fn with_wire(self, wire: Arc<Wire>) -> Self {
        Self { wire: Some(wire), ..self }
    }

    pub(crate) fn granted(&self) -> &Asks {
        &self.granted
    }

    pub(crate) fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// Its store, its place there, and how many bytes it may hold.
    pub(crate) fn kv(&self) -> Option<(&dyn Kv, &KvPlace, u64)> {
        let bytes = self.granted.kv.0;
        self.kv.as_ref().filter(|_| bytes > 0).map(|(store, place)| (&**store, place, bytes))
    }

    pub(crate) fn secret(&self, name: &str) -> Option<&str> {
        let name: SecretName = name.parse().ok()?;
        self.secrets.get(&name).map(String::as_str)
    }

    /// A secret that may go there.
    pub(crate) fn secret_for(&self, name: &str, to: &Origin) -> Option<&str> {
        let name: SecretName = name.parse().ok()?;
        self.secrets.get(&name).filter(|_| self.granted.secret_may_go(&name, to)).map(String::as_str)
    }

    pub(crate) fn wire(&self) -> Option<&Wire> {
        self.wire.as_deref()
    }

    pub(crate) fn agents(&self) -> &Agents {
        self.agents.get_or_init(Agents::default)
    }
}

/// Without secrets, and without settings: an administrator may have put one there.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("granted", &self.granted).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_what_is_printed() {
        let name: SecretName = "token".parse().expect("a name");
        let printed = format!("{:?}", Access::default().with_secret(name, "hunter2".into()));
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn a_secret_goes_nowhere_but_where_it_is_bound_to() {
        let (name, bound): (SecretName, Origin) = ("token".parse().expect("a name"), origin("https://api.example.com"));
        let granted = Asks { secrets: [(name.clone(), [bound].into())].into(), ..Asks::default() };
        let access = Access::new(granted).with_secret(name, "hunter2".into());
        let to = [
            "https://api.example.com",
            "http://api.example.com",
            "https://api.example.com:8443",
            "https://b.example.com",
        ];
        assert_eq!(to.map(|to| access.secret_for("token", &origin(to)).is_some()), [true, false, false, false]);
    }

    fn origin(text: &str) -> Origin {
        text.parse().expect("an origin")
    }
}
