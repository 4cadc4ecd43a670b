//! Whom a component meets outside: answers that a question wrote down, one request after the other.

use std::sync::{Arc, Mutex, PoisonError};

use plugboard_kit::{NoResponse, Outside, Reply, Sent, Settings};
use plugboard_pack::{
    Origin, SecretName,
    permissions::{Addresses, Asks},
};
use plugboard_plugin::{Access, KvPlace, MemoryKv, WireFailure, WireRequest, WireResponse};

/// What a secret of the manifest is, where the question gives it no value.
const SECRET: &str = "secret-of-the-kit";

/// Those of one question.
pub(crate) struct Peers {
    granted: Asks,
    secrets: Vec<(SecretName, String)>,
    desk: Arc<Desk>,
}

struct Desk {
    answers: Vec<Reply>,
    sent: Mutex<Vec<Sent>>,
}

impl Peers {
    /// What is granted by the manifest and by the question; an origin or a name that is none is told.
    pub(crate) fn of(outside: &Outside, granted: &Asks) -> Result<Self, String> {
        let mut granted = granted.clone();
        let mut origins = Vec::new();
        for host in &outside.hosts {
            let origin: Origin = host.parse().map_err(|error| format!("hosts: {host:?}: {error}"))?;
            granted.http.insert(origin.clone(), Addresses::Public);
            origins.push(origin);
        }
        let mut secrets: Vec<_> = granted.secrets.keys().map(|name| (name.clone(), SECRET.to_owned())).collect();
        for (name, value) in &outside.secrets {
            let name: SecretName = name.parse().map_err(|error| format!("secrets: {name:?}: {error}"))?;
            granted.secrets.entry(name.clone()).or_default().extend(origins.iter().cloned());
            secrets.push((name, value.clone()));
        }
        let desk = Arc::new(Desk { answers: outside.http.clone(), sent: Mutex::default() });
        Ok(Self { granted, secrets, desk })
    }

    /// With an empty memory: each question begins anew.
    pub(crate) fn access(&self, settings: &Settings) -> Access {
        let place = KvPlace { tenant: super::tenant(), plugin: "kit".into() };
        let desk = Arc::clone(&self.desk);
        let access = Access::new(self.granted.clone())
            .with_settings(settings.0.clone())
            .with_kv(Arc::new(MemoryKv::default()), place)
            .with_wire(Arc::new(move |request| desk.answer(request)));
        self.secrets.iter().fold(access, |access, (name, value)| access.with_secret(name.clone(), value.clone()))
    }

    /// What went out until now.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.desk.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Desk {
    fn answer(&self, request: WireRequest) -> Result<WireResponse, WireFailure> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.answers.get(sent.len()).or_else(|| self.answers.last());
        let text = || String::from_utf8_lossy(&request.body).into_owned().into();
        let body = serde_json::from_slice(&request.body).unwrap_or_else(|_| text());
        let headers = request.headers.into_iter().collect();
        sent.push(Sent { method: request.method, url: request.url, headers, body });
        match answer {
            Some(Reply::Response(response)) => {
                let headers = response.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                Ok(WireResponse { status: response.status, headers, body: response.content() })
            }
            Some(Reply::Fails(fails)) => Err(match fails.fails {
                NoResponse::NoSuchHost => WireFailure::NoSuchHost,
                NoResponse::Unreachable => WireFailure::Unreachable,
                NoResponse::TimedOut => WireFailure::TimedOut,
                NoResponse::Tls => WireFailure::Tls,
                NoResponse::Protocol => WireFailure::Protocol,
            }),
            None => Err(WireFailure::Unreachable),
        }
    }
}
