//! Another system that speaks HTTP/1.1, one request a connection: what the host asks it, and what it answers.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

/// A request, or an answer, as it came.
#[derive(Debug)]
pub struct HttpMessage {
    /// `POST /calls HTTP/1.1`, `HTTP/1.1 200 OK`.
    pub first: String,
    headers: Vec<String>,
    pub body: Vec<u8>,
}

impl HttpMessage {
    /// `None`: it broke off.
    pub fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_owned());
        }
        let first = if head.is_empty() { String::new() } else { head.remove(0) };
        let mut message = Self { first, headers: head, body: Vec::new() };
        message.body = vec![0; message.header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut message.body).ok()?;
        Some(message)
    }

    /// Empty where there is none.
    pub fn header(&self, name: &str) -> String {
        let with = |line: &String| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then(|| value.to_owned())
        };
        self.headers.iter().find_map(with).unwrap_or_default()
    }
}

/// Serves until the test ends; gives the port. `answer`: a status and a body.
pub fn serve_http(answer: impl Fn(&HttpMessage) -> (u16, String) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                let Some(request) = HttpMessage::read(&stream) else { return };
                let (status, said) = answer(&request);
                let length = said.len();
                let head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
                // Whoever asked may have gone.
                let _ = stream.write_all((head + &said).as_bytes());
            });
        }
    });
    port
}
