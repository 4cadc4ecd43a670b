//! `[tls]` of `plugboard.toml`: who this host is to peers that connect by TLS, and whom it believes.

use std::path::{Path, PathBuf};

use super::Sip;
use crate::fields::{At, Fields};

/// Certificates, in PEM. The host reads them at start and again at SIGHUP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Ours, then those that signed it.
    pub certificates: PathBuf,
    pub key: PathBuf,
    /// Those that sign certificates of trunks, beside the public ones.
    pub authorities: Option<PathBuf>,
    pub clients: ClientCertificates,
}

/// What is asked of those who connect to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    #[default]
    None,
    Optional,
    Required,
}

impl ClientCertificates {
    const WORDS: [(&'static str, Self); 3] =
        [("none", Self::None), ("optional", Self::Optional), ("required", Self::Required)];
}

pub(super) fn read(tls: Fields<'_>, folder: &Path) -> Option<Tls> {
    let file = |(name, _): At<&str>| folder.join(name);
    let certificates = tls
        .required_text("certificates", "name the file with this host's certificate and those that signed it, in PEM")
        .map(file);
    let key = tls.required_text("key", "name the file with the certificate's key, in PEM").map(file);
    let authorities = tls.text("authorities").map(file);
    let clients = tls.word("clients", &ClientCertificates::WORDS).unwrap_or_default();
    if clients != ClientCertificates::None && authorities.is_none() {
        let span = tls.get("clients").map_or_else(|| tls.span(), toml::Spanned::span);
        let message = "clients shall show certificates, and nobody is named who signs them".to_owned();
        tls.sheet.error(span, "missing-key", message, "name the file: authorities = \"tls/carriers.pem\"");
    }
    tls.finish();
    Some(Tls { certificates: certificates?, key: key?, authorities, clients })
}

/// Says of listeners that need certificates that there are none.
pub(super) fn check(sip: &Fields<'_>, config: &Sip) {
    for (name, listeners) in [("tls", &config.tls), ("wss", &config.wss)] {
        if let Some(value) = sip.get(name)
            && !listeners.is_empty()
        {
            let message = format!("`{name}` listens, and there are no certificates");
            let remedy = "name them: [tls] with certificates = \"tls/chain.pem\" and key = \"tls/key.pem\"";
            sip.sheet.error(value.span(), "missing-key", message, remedy);
        }
    }
}
