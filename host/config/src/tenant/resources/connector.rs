//! A table of `connectors.toml`, and of `channels.toml`, which says the same and whom the channel reaches.
//!
//! ```toml
//! [crm]
//! plugin = "connector-rest"                       # or "acme.crm/lookup" of a pack
//! allow = ["https://crm.example.com"]             # allow_private: also in the host's own networks
//! settings = { mapping = { file = "crm.json" } }  # a text, a number, or a file beside this one
//! timeout = "2s"                                  # beside concurrent = 8, per_second = 20, kv_bytes = 65536
//! [crm.secrets.token]
//! env = "PLUGBOARD_SECRET_CRM"                    # or file = "crm-token", in the host's folder secrets/TENANT
//! to = ["https://crm.example.com"]
//! ```
//!
//! ```toml
//! [sms]
//! plugin = "channel-webhook"
//! callers = true                                  # its addresses are telephone numbers: flows write to callers by it
//! allow = ["https://sms.example.com"]
//! settings = { send-url = "https://sms.example.com/send", secret = "sms" }
//! [sms.secrets.sms]
//! file = "sms-key"
//! ```

use std::{collections::BTreeMap, path::Path, sync::Arc};

use plugboard_model::{
    channel::Channel,
    connector::{Connector, Secret, SecretSource},
};

use crate::fields::Fields;

pub(super) fn read(fields: &Fields<'_>, folder: &Path) -> Option<Connector> {
    component(fields, folder, "name the component: plugin = \"connector-rest\"")
}

pub(super) fn channel(fields: &Fields<'_>, folder: &Path) -> Option<Channel> {
    let callers = fields.flag("callers").unwrap_or(false);
    let component = component(fields, folder, "name the component: plugin = \"channel-webhook\"")?;
    Some(Channel { component, callers })
}

fn component(fields: &Fields<'_>, folder: &Path, remedy: &str) -> Option<Connector> {
    let plugin = fields.required_text("plugin", remedy);
    let settings = fields.texts("settings", Some(folder));
    let origins = |name| {
        let list = fields.list::<String>(name, "write [\"https://crm.example.com\"]").unwrap_or_default();
        list.into_iter().map(Arc::from).collect()
    };
    let (allow, allow_private) = (origins("allow"), origins("allow_private"));
    let secrets =
        fields.table("secrets", "the secrets of a connector").map(|table| secrets(&table)).unwrap_or_default();
    let usual = Connector::new("");
    let connector = Connector {
        settings,
        allow,
        allow_private,
        secrets,
        kv_bytes: fields.integer("kv_bytes", (0, i64::MAX)).unwrap_or(0),
        timeout: fields.duration("timeout", Connector::LONGEST).unwrap_or(usual.timeout),
        concurrent: fields.integer("concurrent", (1, Connector::MOST_CALLS.into())).unwrap_or(usual.concurrent),
        per_second: fields.integer("per_second", (1, Connector::MOST_PER_SECOND.into())),
        ..usual
    };
    // Nothing more is said of one that has no name.
    Some(Connector { plugin: plugin?.0.into(), ..connector })
}

fn secrets(table: &Fields<'_>) -> BTreeMap<Arc<str>, Secret> {
    let mut all = BTreeMap::new();
    for (name, fields) in table.every("a secret") {
        let (variable, file) = (fields.text("env"), fields.text("file"));
        let to = fields.list::<String>("to", "write [\"https://crm.example.com\"]").unwrap_or_default();
        let from = match (variable, file) {
            (Some((variable, _)), None) => Some(SecretSource::Env(variable.into())),
            (None, Some((file, _))) => Some(SecretSource::File(file.into())),
            _ => {
                let remedy = "say where the host finds it: env = \"PLUGBOARD_SECRET_CRM\" or file = \"crm-token\"";
                fields.missing("env", remedy);
                None
            }
        };
        fields.finish();
        if let Some(from) = from {
            all.insert(name.into(), Secret { from, to: to.into_iter().map(Arc::from).collect() });
        }
    }
    all
}
