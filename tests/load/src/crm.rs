//! Another system, as a host meets it: it refuses now and then, and now and then takes what it is told and breaks off before it says so.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

/// Of each so many requests the last is answered with 503.
const REFUSED: usize = 100;
/// Of each so many the last is taken, and the connection closed without an answer.
const BROKEN_OFF: usize = 997;
/// A connection that asks for more than this at once is closed.
const MOST_BODY: usize = 1 << 20;

/// One that serves until this process ends.
#[derive(Clone, Debug)]
pub struct Crm {
    pub at: SocketAddrV4,
    seen: Arc<Mutex<Seen>>,
}

/// What it was told.
#[derive(Debug, Default)]
pub struct Seen {
    pub requests: usize,
    pub refused: usize,
    pub broken_off: usize,
    /// Came again under a key that was known, and were dropped.
    pub again: usize,
    /// By interaction: under how many keys it was told.
    pub told: BTreeMap<String, usize>,
    /// From the end of the call until the note was taken, in milliseconds.
    pub lags_ms: Vec<f64>,
    keys: BTreeMap<String, ()>,
}

impl Crm {
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let at = SocketAddrV4::new(Ipv4Addr::LOCALHOST, listener.local_addr()?.port());
        let crm = Self { at, seen: Arc::default() };
        let serving = crm.clone();
        std::thread::Builder::new().name("crm".into()).spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = serving.clone();
                // One that cannot have a thread is broken off, which is what this system does anyway.
                let _ = std::thread::Builder::new().name("crm".into()).spawn(move || serving.serve(&stream));
            }
        })?;
        Ok(crm)
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Ok(Some((key, body))) = read(&mut reader) {
            let Some(status) = self.seen().take(&key, &body) else { return };
            let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n");
            // Whoever asked may have gone.
            if (&*stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

impl Seen {
    /// The status; `None`: it breaks off.
    fn take(&mut self, key: &str, body: &Value) -> Option<u16> {
        self.requests += 1;
        if self.requests.is_multiple_of(REFUSED) {
            self.refused += 1;
            return Some(503);
        }
        if self.keys.insert(key.to_owned(), ()).is_some() {
            self.again += 1;
        } else {
            let interaction = body["call"].as_str().unwrap_or_default().to_owned();
            *self.told.entry(interaction).or_default() += 1;
            let ended = body["at"].as_f64().or_else(|| body["at"].as_str()?.parse().ok()).unwrap_or_default();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e3);
            self.lags_ms.push(now - ended);
        }
        if self.requests.is_multiple_of(BROKEN_OFF) {
            self.broken_off += 1;
            return None;
        }
        Some(204)
    }
}

/// The key and the body of a request; `None` at the end of the connection.
fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<(String, Value)>> {
    let (mut length, mut key, mut line) = (0, String::new(), String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line == "\r\n" {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "idempotency-key" => key = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; MOST_BODY.min(length)];
    reader.read_exact(&mut body)?;
    Ok(Some((key, serde_json::from_slice(&body).unwrap_or_default())))
}
