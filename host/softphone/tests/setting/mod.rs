//! What the tests start from.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugboard_softphone::{Account, Call, Config, LadderEvent, Phone, Softphones};

/// Loopback takes milliseconds; a machine under load takes longer.
pub(crate) const SOON: Duration = Duration::from_secs(8);

pub(crate) struct Group {
    pub(crate) phones: Softphones,
    registrar: SocketAddr,
    seen: Arc<Mutex<Vec<LadderEvent>>>,
    more: Arc<tokio::sync::Notify>,
}

/// No registrar is needed where phones call each other directly.
pub(crate) fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

pub(crate) async fn group(registrar: SocketAddr) -> Group {
    let seen: Arc<Mutex<Vec<LadderEvent>>> = Arc::default();
    let more: Arc<tokio::sync::Notify> = Arc::default();
    let (keep, tell) = (Arc::clone(&seen), Arc::clone(&more));
    let observer = Arc::new(move |event: &LadderEvent| {
        keep.lock().unwrap().push(event.clone());
        tell.notify_one();
    });
    let config = Config { observer: Some(observer), patience: SOON, ..Config::default() };
    Group { phones: Softphones::start(config).await.unwrap(), registrar, seen, more }
}

impl Group {
    /// A phone that rings until it is answered.
    pub(crate) async fn plain(&self, user: &str) -> Phone {
        self.phones.phone(Account::new(user, "secret", self.registrar)).await.unwrap()
    }

    /// Waits until the observer has seen so much.
    pub(crate) async fn until(&self, count: usize) {
        let seen = async {
            while self.seen.lock().unwrap().len() < count {
                self.more.notified().await;
            }
        };
        tokio::time::timeout(SOON, seen).await.unwrap();
    }

    /// What the observer saw: direction, text and detail.
    pub(crate) fn seen(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let told = |event: &LadderEvent| format!("{:?} {} {}", event.direction, event.text, event.detail);
        seen.iter().map(|event| told(event).trim_end().to_owned()).collect()
    }
}

/// A call from one to the other, answered on both sides.
pub(crate) async fn connected(from: &Phone, to: &mut Phone) -> (Call, Call) {
    let a = from.call(&to.direct_address()).await.unwrap();
    let b = to.next_incoming(SOON).await.unwrap();
    b.answer().await.unwrap();
    a.answered(SOON).await.unwrap();
    b.answered(SOON).await.unwrap();
    (a, b)
}

/// A folder of its own, removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plugboard-softphone-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
