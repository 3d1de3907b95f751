//! A client of HTTP/1.1 that hides nothing, and a server under test. Knows no route.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::follow::Follow;
use crate::lake::Lake;

/// What does not happen for so long never does.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A `slowlake serve` that answers HTTP.
pub(super) struct Server<'l> {
    pub(super) port: u16,
    process: Follow<'l>,
}

/// An answer, as far as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether its end came.
    pub(super) is_whole: bool,
}

impl<'l> Server<'l> {
    /// Starts one for the lake `lake`, and waits until it answers.
    #[track_caller]
    pub(super) fn start(lake: &'l Lake, arguments: &[&str]) -> Server<'l> {
        let server = Server::spawn(lake, arguments);
        server.until("/healthz", |answer| answer.status == 200);
        server
    }

    /// The same without waiting.
    #[track_caller]
    pub(super) fn spawn(lake: &'l Lake, arguments: &[&str]) -> Server<'l> {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let usual = ["serve", "--lake", "lake", "--http", &address];
        Server {
            port,
            process: Follow::spawn(lake, &[&usual[..], arguments].concat()),
        }
    }

    /// Tells it to stop; returns what it said on standard error.
    #[track_caller]
    pub(super) fn end(self) -> String {
        self.process.end_with_words()
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// Waits for an answer that is as it should be.
    #[track_caller]
    pub(super) fn until(&self, path: &str, is_it: impl Fn(&Answer) -> bool) -> Answer {
        let began = Instant::now();
        loop {
            let answer = TcpStream::connect(("127.0.0.1", self.port))
                .ok()
                .and_then(|stream| exchange(stream, &request("GET", path, &[], b"")));
            match answer {
                Some(answer) if is_it(&answer) => return answer,
                answer => assert!(began.elapsed() < PATIENCE, "{path}: {answer:?}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    pub(super) fn get(&self, path: &str, headers: &[&str]) -> Answer {
        self.ask(&request("GET", path, headers, b""))
    }

    /// Runs a statement, with more of the request's members.
    #[track_caller]
    pub(super) fn sql(&self, sql: &str, more: Value) -> Answer {
        self.sql_as(sql, more, &[])
    }

    /// The same with headers.
    #[track_caller]
    pub(super) fn sql_as(&self, sql: &str, more: Value, headers: &[&str]) -> Answer {
        self.ask(&statement(sql, more, headers))
    }

    /// Sends bytes and reads what comes back.
    #[track_caller]
    pub(super) fn ask(&self, bytes: &[u8]) -> Answer {
        exchange(self.connect(), bytes).expect("an answer")
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem.
    #[track_caller]
    pub(super) fn code(&self) -> String {
        let json = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(json["status"], self.status, "{json}");
        assert!(
            json["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
            "{json}"
        );
        json["code"].as_str().expect("a code").to_owned()
    }
}

/// A port that nobody listens at.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A request as bytes; the connection ends with its answer.
pub(super) fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for header in headers {
        head += &format!("{header}\r\n");
    }
    if !body.is_empty() {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A request that runs a statement.
pub(super) fn statement(sql: &str, more: Value, headers: &[&str]) -> Vec<u8> {
    let mut body = more;
    body["sql"] = sql.into();
    let headers = [&["Content-Type: application/json"], headers].concat();
    request("POST", "/api/v1/sql", &headers, body.to_string().as_bytes())
}

/// Sends bytes and reads until the other end is done.
pub(super) fn exchange(mut stream: impl Read + Write, bytes: &[u8]) -> Option<Answer> {
    // Who refuses a long body does not read it.
    let _ = stream.write_all(bytes);
    let mut raw = Vec::new();
    let mut piece = [0; 64 * 1024];
    // An answer that breaks off ends in an error, in TLS at least.
    while let Ok(n) = stream.read(&mut piece) {
        if n == 0 {
            break;
        }
        raw.extend_from_slice(&piece[..n]);
    }
    parse(&raw)
}

fn parse(raw: &[u8]) -> Option<Answer> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&raw[..end]).ok()?;
    let (line, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let headers = rest.lines().filter_map(|line| line.split_once(": "));
    let mut answer = Answer {
        status: line.split(' ').nth(1)?.parse().ok()?,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: raw[end + 4..].to_vec(),
        is_whole: true,
    };
    if answer.header("transfer-encoding") == "chunked" {
        (answer.body, answer.is_whole) = chunks(&answer.body);
    } else if let Ok(length) = answer.header("content-length").parse::<usize>() {
        answer.is_whole = answer.body.len() == length;
    }
    Some(answer)
}

/// What is in the chunks, and whether the last one came.
fn chunks(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&raw[..end]).ok();
        let Some(length) = length.and_then(|text| usize::from_str_radix(text, 16).ok()) else {
            break;
        };
        raw = &raw[end + 2..];
        if length == 0 {
            return (body, true);
        }
        let n = length.min(raw.len());
        body.extend_from_slice(&raw[..n]);
        raw = raw.get(n + 2..).unwrap_or_default();
    }
    (body, false)
}
