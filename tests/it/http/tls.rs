//! HTTP over TLS, with a certificate made on the spot.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::http::client::{Server, exchange, request, statement};
use crate::http::lake;
use crate::lake::Lake;

/// An authority and a certificate for localhost by it.
const MAKE: &str = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE 2>/dev/null && \
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out csr.pem 2>/dev/null && \
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' >extensions && \
    openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out cert.pem 2>/dev/null";

const TLS: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

fn connect(lake: &Lake, port: u16) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(lake.binary.path("ca.pem")).expect("a certificate");
    roots.add(authority).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    StreamOwned::new(client, stream)
}

#[test]
fn tls_is_spoken_and_nothing_else() {
    let lake = lake();
    lake.binary.sh(MAKE).exits(0);
    let server = Server::spawn(&lake, &TLS);
    // Who says nothing keeps nobody waiting.
    let began = std::time::Instant::now();
    let silent = loop {
        match TcpStream::connect(("127.0.0.1", server.port)) {
            Ok(stream) => break stream,
            Err(_) => assert!(began.elapsed() < super::client::PATIENCE, "it listens"),
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let answer = exchange(connect(&lake, server.port), &request("GET", "/healthz", &[], b""));
    assert_eq!(answer.map(|answer| answer.status), Some(200));
    let sql = "SELECT value FROM generate_series(1, 100000)";
    let answer = exchange(
        connect(&lake, server.port),
        &statement(sql, json!({"format": "csv"}), &[]),
    );
    let answer = answer.expect("an answer");
    assert!(answer.is_whole && answer.text().ends_with("\n100000\n"));
    let mut plain = server.connect();
    std::io::Write::write_all(&mut plain, &request("GET", "/healthz", &[], b"")).expect("a request");
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&said));
    drop(silent);
    server.end();
}

#[test]
fn broken_certificates_refuse_to_start() {
    let lake = lake();
    lake.binary.sh(MAKE).exits(0);
    lake.binary.write("junk.pem", "junk");
    for (certificate, key) in [
        ("junk.pem", "key.pem"),
        ("cert.pem", "junk.pem"),
        ("cert.pem", "ca.key"),
        ("cert.pem", "away"),
    ] {
        let arguments = [
            "serve",
            "--lake",
            "lake",
            "--http",
            "127.0.0.1:0",
            "--tls-cert",
            certificate,
            "--tls-key",
            key,
        ];
        let run = lake.binary.run(&arguments).exits(2);
        assert!(
            run.stderr.contains("TLS") && run.stderr.contains("hint: "),
            "{}",
            run.stderr
        );
    }
}
