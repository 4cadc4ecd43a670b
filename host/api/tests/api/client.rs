//! The API behind a real socket, and a client that hides nothing of HTTP.

use std::{net::SocketAddr, sync::Arc};

use plugboard_api::{Access, Api, Limits, Token, serve};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{
    contract,
    double::{Double, tenant},
};

pub(crate) struct Server {
    pub(crate) host: Arc<Double>,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Status, media type and the problem's word: what a program decides by.
    pub(crate) fn problem(&self) -> (u16, String) {
        let problem = self.json();
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(problem["status"], self.status);
        for field in ["title", "detail", "remedy"] {
            let text = problem[field].as_str().unwrap_or_default();
            assert!(plugboard_phrases::in_chinese(text).is_some(), "{field} of {problem} is not in the catalogue");
        }
        for fault in problem["errors"].as_array().into_iter().flatten() {
            for field in ["message", "remedy"] {
                let text = fault[field].as_str().unwrap();
                assert!(plugboard_phrases::in_chinese(text).is_some(), "{field} of {fault} is not in the catalogue");
            }
        }
        (self.status, problem["type"].as_str().unwrap().trim_start_matches("urn:plugboard:problem:").to_owned())
    }
}

pub(crate) fn refused(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let tokens = vec![
            Token::new("root", "open-sesame"),
            Token::new("demo", "only-demo").for_tenant(tenant()),
            Token::new("elsewhere", "only-other").for_tenant("other".parse().unwrap()),
        ];
        Self::for_tokens(limits, tokens).await
    }

    pub(crate) async fn for_tokens(limits: Limits, tokens: Vec<Token>) -> Self {
        let host = Double::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = Api { host: host.clone(), access: Access::new(tokens, [9; 32]), limits };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, api, async move { drop(stopped.await) }));
        Self { host, address, stop: Some(stop), served }
    }

    /// Asks to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.served.await.unwrap().unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.ask("GET", path, &[], b"").await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answered {
        self.ask(method, path, &[("Content-Type", "application/json")], body.as_bytes()).await
    }

    /// With the token of every tenant, unless `headers` say who asks.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answered {
        let names = ["Authorization", "Cookie"];
        let known = headers.iter().any(|(name, _)| names.contains(name));
        let mut headers = headers.to_vec();
        if !known {
            headers.push(("Authorization", "Bearer open-sesame"));
        }
        self.ask_as_nobody(method, path, &headers, body).await
    }

    pub(crate) async fn ask_as_nobody(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answered {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        if !headers.iter().any(|(name, _)| *name == "Connection") {
            request.push_str("Connection: close\r\n");
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !headers.iter().any(|(name, _)| *name == "Content-Length") {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // A body that is refused early need not be taken to its end.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let answer = Answered { status, head, body: answer[end + 4..].to_vec() };
        contract::check(method, path, &answer);
        answer
    }
}
