use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc::{self, Receiver},
    thread,
};

use plugboard_pack::{
    Origin, SecretName,
    permissions::{Addresses, Asks},
};

use super::*;

/// Answers one connection after the other with the next of these, and tells what it was asked.
fn server(answers: Vec<String>) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut head = String::new();
            let mut length = 0;
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap_or(0);
                }
                head += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            drop(sender.send(head + &String::from_utf8_lossy(&body)));
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    (port, asked)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nX-Kind: test\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn moved(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nConnection: close\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

/// A server of these tests, granted by the name of this machine.
fn grant(host: &str, port: u16) -> (Origin, Addresses) {
    (origin(&format!("http://{host}:{port}")), Addresses::AlsoPrivate)
}

fn origin(text: &str) -> Origin {
    text.parse().expect("an origin")
}

fn access(granted: Vec<(Origin, Addresses)>) -> Access {
    Access::new(Asks { http: granted.into_iter().collect(), ..Asks::default() })
}

fn get(url: &str) -> Asked {
    let (method, url) = ("GET".into(), url.into());
    Asked { method, url, headers: vec![], body: vec![], timeout_ms: 5_000, extra: vec![] }
}

fn with(request: Asked, name: &str, value: &str) -> Asked {
    let headers = vec![Header { name: name.into(), value: value.into() }];
    Asked { headers, ..request }
}

fn fetch(access: &Access, request: Asked) -> Result<Answered, String> {
    let until = Instant::now() + Duration::from_secs(20);
    Fetcher::believing(None).fetch(access, request, until).map_err(|failure| {
        let code = format!("{:?}", failure.code);
        let code: String = code.chars().skip_while(|c| !c.is_alphabetic()).collect();
        code.replace("FailureCode::", "")
    })
}

#[test]
fn what_a_granted_host_answers_comes_back_whole() {
    let (port, asked) = server(vec![ok("你好")]);
    let url = format!("http://localhost:{port}/hello?a=b");
    let answered = fetch(&access(vec![grant("localhost", port)]), get(&url)).expect("a response");
    assert_eq!((answered.status, answered.body, answered.url), (200, "你好".as_bytes().to_vec(), url));
    assert!(answered.headers.iter().any(|header| header.name == "x-kind" && header.value == "test"));
    assert!(asked.recv().expect("asked").starts_with("GET /hello?a=b HTTP/1.1\r\n"));
}

#[test]
fn a_status_of_failure_is_a_response() {
    let (port, _asked) = server(vec!["HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno".into()]);
    let answered = fetch(&access(vec![grant("localhost", port)]), get(&format!("http://localhost:{port}/")));
    assert_eq!(answered.map(|answered| answered.status), Ok(503));
}

/// No server is there: each is refused before anything is sent.
#[test]
fn what_is_not_granted_or_no_request_is_refused_before_anything_is_sent() {
    let of = |text: &str| (origin(text), Addresses::Public);
    let private = |text: &str| (origin(text), Addresses::AlsoPrivate);
    let access = access(vec![
        of("https://*.example.com"),
        of("https://127.0.0.1"),
        of("https://localhost"),
        private("http://169.254.169.254"),
        private("http://[::ffff:169.254.169.254]"),
    ]);
    let refused = |request| fetch(&access, request).expect_err("refused");
    let table = [
        ("https://other.test/", "NotGranted"),
        ("https://example.com/", "NotGranted"),
        ("https://api.example.com:8443/", "NotGranted"),
        ("http://api.example.com/", "NotGranted"),
        ("https://127.0.0.1/", "PrivateAddress"),
        ("https://localhost/", "PrivateAddress"),
        ("http://169.254.169.254/latest/meta-data/", "PrivateAddress"),
        ("http://[::ffff:169.254.169.254]/", "PrivateAddress"),
        ("https://2130706433/", "BadRequest"),
        ("https://*.example.com/", "BadRequest"),
        ("https://user:pass@api.example.com/", "BadRequest"),
        ("https://evil.test@api.example.com/", "BadRequest"),
        ("https://api.example.com@evil.test/", "BadRequest"),
        ("file:///etc/passwd", "BadRequest"),
        ("/relative", "BadRequest"),
        ("https://api.example.com/{{secret:key}}", "BadRequest"),
    ];
    for (url, why) in table {
        assert_eq!(refused(get(url)), why, "{url}");
    }
    let url = "https://api.example.com/";
    assert_eq!(refused(Asked { method: "CONNECT".into(), ..get(url) }), "BadRequest");
    assert_eq!(refused(with(get(url), "Host", "evil.test")), "BadRequest");
    assert_eq!(refused(with(get(url), "Transfer-Encoding", "chunked")), "BadRequest");
    assert_eq!(refused(with(get(url), "X-A", "b\r\nX-C: d")), "BadRequest");
    assert_eq!(refused(with(get(url), "X A", "b")), "BadRequest");
    assert_eq!(refused(Asked { body: vec![0; (1 << 20) + 1], ..get(url) }), "BadRequest");
    assert_eq!(refused(with(get(url), "X-Key", "{{secret:key}}")), "SecretNotBound");
}

#[test]
fn each_redirect_is_checked_like_a_request() {
    let follow = |location: &dyn Fn(u16) -> String| {
        let (second, _second) = server(vec![ok("there")]);
        let (first, asked) = server(vec![moved(302, &location(second))]);
        // 127.0.0.1 is granted as an address of the open internet only: it is none.
        let public = (grant("127.0.0.1", second).0, Addresses::Public);
        let access = access(vec![grant("localhost", first), grant("localhost", second), public]);
        let answered = fetch(&access, get(&format!("http://localhost:{first}/a/b")));
        drop(asked);
        answered.map(|answered| String::from_utf8_lossy(&answered.body).into_owned())
    };
    assert_eq!(follow(&|port| format!("http://localhost:{port}/x")), Ok("there".into()));
    assert_eq!(follow(&|port| format!("http://127.0.0.1:{port}/x")), Err("PrivateAddress".into()));
    assert_eq!(follow(&|_| "http://localhost:1/x".into()), Err("NotGranted".into()));
    assert_eq!(follow(&|_| "https://evil.test/".into()), Err("NotGranted".into()));
    assert_eq!(follow(&|_| "ftp://localhost/".into()), Err("BadRequest".into()));
}

#[test]
fn redirects_end_and_a_post_becomes_a_get() {
    let hops = (0..7).map(|_| moved(302, "again")).collect();
    let (port, asked) = server(hops);
    let post = Asked { method: "POST".into(), body: b"once".to_vec(), ..get(&format!("http://localhost:{port}/a/b")) };
    assert_eq!(fetch(&access(vec![grant("localhost", port)]), post).map(drop), Err("TooManyRedirects".into()));
    let asked: Vec<String> = asked.try_iter().collect();
    assert_eq!(asked.len(), 6);
    assert!(asked[0].starts_with("POST /a/b ") && asked[0].ends_with("once"), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /a/again ") && !asked[1].contains("once"), "{}", asked[1]);
}

#[test]
fn a_secret_goes_to_its_own_host_and_to_no_other() {
    let (second, second_asked) = server(vec![ok("")]);
    let (first, first_asked) = server(vec![moved(307, &format!("http://127.0.0.1:{second}/?k={{{{secret:key}}}}"))]);
    let key: SecretName = "key".parse().expect("a name");
    let http = [grant("localhost", first), grant("127.0.0.1", second)];
    let secrets = [(key.clone(), [http[0].0.clone()].into())].into();
    let access =
        Access::new(Asks { http: http.into(), secrets, ..Asks::default() }).with_secret(key, "a b&c-secret".into());
    let url = format!("http://localhost:{first}/?k={{{{secret:key}}}}");
    let answered = fetch(&access, with(get(&url), "Authorization", "Bearer {{secret:key}}")).expect("a response");
    let asked = first_asked.recv().expect("asked");
    assert!(asked.starts_with("GET /?k=a%20b%26c-secret HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: Bearer a b&c-secret\r\n"), "{asked}");
    let asked = second_asked.recv().expect("asked");
    assert!(!asked.contains("a b&c") && !asked.contains("a%20b") && !asked.contains("authorization"), "{asked}");
    assert!(!answered.url.contains("a%20b"), "{}", answered.url);
}

/// What a server echoes comes back as the plugin wrote it.
#[test]
fn a_secret_that_a_server_echoes_is_not_in_the_response() {
    let key: SecretName = "key".parse().expect("a name");
    let echo = "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Echo: s3cr3t-t0ken\r\nContent-Length: 29\r\n\r\n{\"you sent\": \"s3cr3t-t0ken!\"}";
    let (port, asked) = server(vec![echo.into()]);
    let granted = grant("localhost", port);
    let secrets = [(key.clone(), [granted.0.clone()].into())].into();
    let asks = Asks { http: [granted].into(), secrets, ..Asks::default() };
    let access = Access::new(asks).with_secret(key, "s3cr3t-t0ken".into());
    let request = with(get(&format!("http://localhost:{port}/")), "X-Key", "{{secret:key}}");
    let answered = fetch(&access, request).expect("a response");
    assert!(asked.recv().expect("asked").contains("x-key: s3cr3t-t0ken\r\n"));
    let told = format!("{:?} {}", answered.headers, String::from_utf8_lossy(&answered.body));
    assert!(!told.contains("s3cr3t") && told.contains(r#"{"you sent": "{{secret:key}}!"}"#), "{told}");
}

/// A name that leads to this machine is not this machine's name.
#[test]
fn loopback_is_reached_by_its_own_name_only() {
    let (port, _asked) = server(vec![ok("here")]);
    let reach = |host: &str, addresses| {
        let granted = access(vec![(grant(host, port).0, addresses)]);
        fetch(&granted, get(&format!("http://{host}:{port}/"))).map(|answered| answered.status)
    };
    assert_eq!(reach("127.0.0.1", Addresses::Public), Err("PrivateAddress".into()));
    // 0.0.0.0 is this machine to Linux, and no address that anybody may name.
    assert_eq!(reach("0.0.0.0", Addresses::AlsoPrivate), Err("PrivateAddress".into()));
    let agents = Agents::default();
    let elsewhere = agents.reaching(address::Network::Private, None).get(format!("http://localhost:{port}/")).call();
    let why = agent::refused(&elsewhere.expect_err("this machine is in no private network")).code;
    assert!(matches!(why, FailureCode::PrivateAddress), "{why:?}");
    assert_eq!(reach("127.0.0.1", Addresses::AlsoPrivate), Ok(200));
}

#[test]
fn a_server_that_proves_nothing_is_a_failure_of_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut hello = [0; 512];
        let _ = stream.read(&mut hello);
        // An alert, `handshake_failure` (RFC 8446 §6.2).
        drop(stream.write_all(&[21, 3, 3, 0, 2, 2, 40]));
    });
    let granted = access(vec![(origin(&format!("https://localhost:{port}")), Addresses::AlsoPrivate)]);
    assert_eq!(fetch(&granted, get(&format!("https://localhost:{port}/"))).map(drop), Err("Tls".into()));
}

/// A head at once, and a body that never ends.
#[test]
fn a_body_that_trickles_costs_no_more_than_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = [0; 1_024];
        let _ = stream.read(&mut head);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx"));
        // Until the other side hangs up.
        let _ = stream.read(&mut head);
    });
    let request = Asked { timeout_ms: 100, ..get(&format!("http://localhost:{port}/")) };
    assert_eq!(fetch(&access(vec![grant("localhost", port)]), request).map(drop), Err("TimedOut".into()));
}

#[test]
fn too_much_too_slow_and_nobody_are_told_apart() {
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", 5 << 20);
    let (port, _asked) = server(vec![head + &"x".repeat(5 << 20)]);
    let at = |port: u16| (access(vec![grant("localhost", port)]), get(&format!("http://localhost:{port}/")));
    let (granted, request) = at(port);
    assert_eq!(fetch(&granted, request).map(drop), Err("TooLarge".into()));
    // A listener that nobody serves.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (granted, request) = at(silent.local_addr().expect("an address").port());
    assert_eq!(fetch(&granted, Asked { timeout_ms: 50, ..request }).map(drop), Err("TimedOut".into()));
    let (port, _asked) = server(vec!["SSH-2.0-OpenSSH\r\n\r\n".into()]);
    let (granted, request) = at(port);
    assert_eq!(fetch(&granted, request).map(drop), Err("Protocol".into()));
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let (granted, request) = at(closed);
    assert_eq!(fetch(&granted, request).map(drop), Err("Unreachable".into()));
}

#[test]
fn one_question_sends_so_many_requests_and_no_more() {
    let mut fetcher = Fetcher::believing(None);
    let until = Instant::now() + Duration::from_secs(20);
    let mut ask = || fetcher.fetch(&Access::default(), get("https://example.com/"), until).expect_err("refused").code;
    assert!((0..REQUESTS).all(|_| matches!(ask(), FailureCode::NotGranted)));
    assert!(matches!(ask(), FailureCode::Limit));
}
