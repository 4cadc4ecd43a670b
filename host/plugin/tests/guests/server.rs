//! A system on this machine that plugins ask.

#![allow(clippy::disallowed_methods, reason = "the other system is a real one: it has a socket and a thread")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
};

/// What one request was.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET /customers?phone=1`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Answers each request with a status and a body, and tells what it was asked. Its port.
pub(crate) fn serve(answer: impl Fn(&Asked) -> (u16, String) + Send + 'static) -> (u16, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let asked = read(&stream);
            let (status, body) = answer(&asked);
            let length = body.len();
            let head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
            // Whoever asked may have gone.
            drop(stream.write_all((head + &body).as_bytes()));
            drop(sender.send(asked));
        }
    });
    (port, receiver)
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned()).unwrap_or_default()
    };
    let first = line().trim_end_matches(" HTTP/1.1").to_owned();
    let lines: Vec<String> = std::iter::repeat_with(line).take_while(|line| !line.is_empty()).collect();
    let header = |line: &String| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let mut asked = Asked { line: first, headers: lines.iter().map(header).collect(), body: String::new() };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    asked.body = String::from_utf8(body).expect("text");
    asked
}
