//! SIP's sockets, on a thread of their own, and the certificates of those that are encrypted.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use plugboard_api::AlarmName;
use plugboard_config::{ClientCertificates, ProcessConfig};
use plugboard_transport::{
    sip_sockets::{Listeners, SipSockets, StreamLimits},
    tls::{self, Tls, TlsError, TlsFiles},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::{MissedTickBehavior, interval},
};

use super::StartError;
use crate::{
    alarms::Alarms,
    signalling::{Loop, Parts},
};

/// How often certificates are looked at: whoever renews them need not tell us.
const LOOK: Duration = Duration::from_secs(60);
const NOT_READ: AlarmName = AlarmName::CertificatesNotRead;

/// The signalling thread, and where to hand it what it is to run.
pub(super) struct Signalling {
    pub(super) thread: std::thread::JoinHandle<()>,
    pub(super) bound: Listeners,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) give_parts: oneshot::Sender<Parts>,
}

/// Binds SIP on a thread with a runtime of its own, so that no packet waits for the API and none crosses threads.
pub(super) async fn start(config: &ProcessConfig) -> Result<Signalling, StartError> {
    let tls = config.tls.as_ref().map(load).transpose()?;
    let (told, bound) = oneshot::channel();
    let (give_parts, parts) = oneshot::channel::<Parts>();
    let sip = &config.sip;
    let listeners = Listeners {
        udp: sip.udp.clone(),
        tcp: sip.tcp.clone(),
        tls: sip.tls.clone(),
        ws: sip.ws.clone(),
        wss: sip.wss.clone(),
    };
    let ours = tls.clone();
    let run = move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                // The start may have been given up.
                let _ = told.send(Err(StartError::Thread(error)));
                return;
            }
        };
        let ended = runtime.block_on(async {
            let sockets = match SipSockets::bind(&listeners, ours, StreamLimits::default()).await {
                Ok(sockets) => sockets,
                Err(error) => {
                    let _ = told.send(Err(error.into()));
                    return None;
                }
            };
            let _ = told.send(Ok(sockets.bound().clone()));
            let parts = parts.await.ok()?;
            Some(Loop::new(sockets, parts).run().await)
        });
        if let Some((ledger, media)) = ended {
            media.stop();
            ledger.close();
        }
    };
    let thread = std::thread::Builder::new().name("signalling".into()).spawn(run).map_err(StartError::Thread)?;
    let gone = || StartError::Thread(std::io::Error::other("the signalling thread has gone"));
    let bound = bound.await.unwrap_or_else(|_| Err(gone()))?;
    Ok(Signalling { thread, bound, tls, give_parts })
}

fn load(of: &plugboard_config::Tls) -> Result<Arc<Tls>, TlsError> {
    let clients = match of.clients {
        ClientCertificates::None => tls::ClientCertificates::None,
        ClientCertificates::Optional => tls::ClientCertificates::Optional,
        ClientCertificates::Required => tls::ClientCertificates::Required,
    };
    let files = TlsFiles {
        certificates: of.certificates.clone(),
        key: of.key.clone(),
        authorities: of.authorities.clone(),
        clients,
    };
    Tls::load(files).map(Arc::new)
}

/// Reads certificates again where their files change or the process is told to (SIGHUP). What cannot be read leaves what stood, and an alarm.
pub(super) async fn watch(tls: Arc<Tls>, alarms: Arc<Alarms>) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let Ok(mut told) = signal(SignalKind::hangup()) else { return };
    let mut seen = changed_at(tls.files());
    loop {
        tokio::select! {
            _ = look.tick() => {
                let is = changed_at(tls.files());
                if is == seen {
                    continue;
                }
                seen = is;
            }
            _ = told.recv() => {}
        }
        match tls.reload() {
            Ok(()) => {
                alarms.clear(NOT_READ, "");
                tracing::info!("certificates were read again");
            }
            Err(error) => {
                alarms.raise(NOT_READ, "", format!("{error}; connections go on with those that were read before"));
            }
        }
    }
}

fn changed_at(files: &TlsFiles) -> Vec<Option<SystemTime>> {
    let TlsFiles { certificates, key, authorities, .. } = files;
    let at = |file: &Path| file.metadata().and_then(|metadata| metadata.modified()).ok();
    [certificates, key].into_iter().chain(authorities).map(|file| at(file)).collect()
}
