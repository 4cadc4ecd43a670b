//! The group of phones, and one of them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::call::Call;
use crate::config::{Account, Config};
use crate::engine::{self, ToEngine};
use crate::error::{CallError, RegisterError, StartError, WaitError};

/// How long [`Softphones::stop`] waits for the far ends to take their BYE.
const FAREWELL: Duration = Duration::from_secs(3);

/// Phones that share one SIP socket.
#[derive(Debug)]
pub struct Softphones {
    engine: mpsc::Sender<ToEngine>,
    address: SocketAddr,
    patience: Duration,
}

impl Softphones {
    /// Opens the sockets and starts the task, on the runtime of the caller.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let patience = config.patience;
        let (engine, address) = engine::start(config).await?;
        Ok(Self { engine, address, patience })
    }

    /// Where the phones receive SIP, over UDP.
    pub fn sip_address(&self) -> SocketAddr {
        self.address
    }

    /// Plugs in one more phone.
    pub async fn phone(&self, account: Account) -> Result<Phone, RegisterError> {
        let (reply, answer) = oneshot::channel();
        let message = ToEngine::Plug { account: Box::new(account.clone()), reply };
        let incoming = ask(&self.engine, message, answer, self.patience).await.ok_or(RegisterError::Stopped)??;
        Ok(Phone { account, incoming, engine: self.engine.clone(), address: self.address, patience: self.patience })
    }

    /// Hangs up everything, then stops. Registrations run out by themselves.
    pub async fn stop(self) {
        let (reply, answer) = oneshot::channel();
        // Stopped already, or slower than we care to wait: the task ends by itself.
        let _ = ask(&self.engine, ToEngine::Stop { reply }, answer, FAREWELL).await;
    }
}

/// One phone.
#[derive(Debug)]
pub struct Phone {
    account: Account,
    incoming: mpsc::Receiver<Call>,
    engine: mpsc::Sender<ToEngine>,
    address: SocketAddr,
    patience: Duration,
}

impl Phone {
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The address at which others reach this phone with no registrar between: `sip:amy@127.0.0.1:40123`.
    pub fn direct_address(&self) -> String {
        format!("sip:{}@{}", self.account.user, self.address)
    }

    /// Registers, or with zero takes the registration back. Gives the time that the registrar grants; the phone renews it by itself.
    pub async fn register(&self, expires: Duration) -> Result<Duration, RegisterError> {
        let (reply, answer) = oneshot::channel();
        let message = ToEngine::Register { user: self.account.user.clone(), expires, reply };
        match ask(&self.engine, message, answer, self.patience).await {
            Some(registered) => registered,
            None if self.engine.is_closed() => Err(RegisterError::Stopped),
            None => Err(RegisterError::Silent { registrar: self.account.registrar }),
        }
    }

    /// Calls a number at the registrar, or a SIP address: directly where its host is an IP address (`sip:bob@192.0.2.7:5062`), else by the
    /// registrar.
    pub async fn call(&self, target: &str) -> Result<Call, CallError> {
        let (reply, answer) = oneshot::channel();
        let message = ToEngine::Dial { user: self.account.user.clone(), target: target.into(), reply };
        ask(&self.engine, message, answer, self.patience).await.ok_or(CallError::Stopped)?
    }

    /// The next call that this phone did not place by itself. At most 16 wait here; then the phone is busy, or answers without telling.
    pub async fn next_incoming(&mut self, within: Duration) -> Result<Call, WaitError> {
        match tokio::time::timeout(within, self.incoming.recv()).await {
            Ok(Some(call)) => Ok(call),
            Ok(None) => Err(WaitError::Stopped),
            Err(_) => Err(WaitError::TimedOut { what: "a call", within }),
        }
    }
}

/// `None`: stopped, or too slow.
async fn ask<T>(
    engine: &mpsc::Sender<ToEngine>,
    message: ToEngine,
    answer: oneshot::Receiver<T>,
    within: Duration,
) -> Option<T> {
    let asked = async {
        engine.send(message).await.ok()?;
        answer.await.ok()
    };
    tokio::time::timeout(within, asked).await.ok().flatten()
}
