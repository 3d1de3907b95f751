//! TLS: with a certificate that a client can verify, from keys of every form, and never less than was asked for.

use crate::binary::Binary;

use super::{Served, lake, refused};

/// A certificate of our own authority for `localhost`, with its key in the three forms that there are; another key; another authority.
const MAKE: &str = "
set -e
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=authority >/dev/null 2>&1
openssl req -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.csr -subj /CN=localhost >/dev/null 2>&1
printf 'subjectAltName=DNS:localhost\\n' > names
openssl x509 -req -in rsa.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out rsa.crt >/dev/null 2>&1
openssl rsa -in rsa.key -traditional -out rsa1.key >/dev/null 2>&1
openssl ecparam -name prime256v1 -genkey -noout -out ec.key
openssl req -new -key ec.key -out ec.csr -subj /CN=localhost >/dev/null 2>&1
openssl x509 -req -in ec.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out ec.crt >/dev/null 2>&1
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.crt -days 30 -subj /CN=other >/dev/null 2>&1
openssl rsa -aes256 -passout pass:x -in rsa.key -out locked.key >/dev/null 2>&1
grep -q 'BEGIN PRIVATE KEY' rsa.key && grep -q 'BEGIN RSA PRIVATE KEY' rsa1.key && grep -q 'BEGIN EC PRIVATE KEY' ec.key
";

fn make(binary: &Binary) {
    binary.sh(MAKE).exits(0);
}

#[test]
fn a_certificate_is_verified_and_plaintext_refused() {
    let lake = lake();
    make(&lake.binary);
    let password = "user=ann password='s3cret \"word'";
    for (certificate, key) in [
        ("rsa.crt", "rsa.key"),
        ("rsa.crt", "rsa1.key"),
        ("ec.crt", "ec.key"),
    ] {
        let served = Served::to_users(&lake, &["--tls-cert", certificate, "--tls-key", key]);
        let verified = format!("{password} sslmode=verify-full sslrootcert=ca.crt");
        let run = served.psql(&lake, &verified, &["SELECT count(*) > 0 FROM executions"]);
        assert_eq!(run.exits(0).stdout, "t\n");
        let plain = served.psql(&lake, &format!("{password} sslmode=disable"), &["SELECT 1"]);
        assert!(
            plain
                .exits(2)
                .stderr
                .contains("only connections with TLS are taken")
        );
        let other = format!("{password} sslmode=verify-full sslrootcert=other.crt");
        let run = served.psql(&lake, &other, &["SELECT 1"]);
        assert!(run.exits(2).stderr.contains("certificate verify failed"));
        // The name is another one.
        let other = format!("{verified} host=127.0.0.1");
        let run = served.psql(&lake, &other, &["SELECT 1"]);
        assert!(run.exits(2).stderr.contains("does not match host name"));
    }
    let optional = ["--tls-cert", "ec.crt", "--tls-key", "ec.key", "--allow-plaintext"];
    let served = Served::to_users(&lake, &optional);
    for mode in ["disable", "require"] {
        let run = served.psql(&lake, &format!("{password} sslmode={mode}"), &["SELECT 1"]);
        assert_eq!(run.exits(0).stdout, "1\n");
    }
}

#[test]
fn broken_tls_does_not_begin() {
    let lake = lake();
    make(&lake.binary);
    lake.binary.write("empty", "");
    lake.binary.write(
        "garbage",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let check = |certificate: &str, key: &str, expected: &str| {
        let said = refused(&lake.binary, &["--tls-cert", certificate, "--tls-key", key]);
        let first = said.lines().next().unwrap_or_default();
        assert!(first.starts_with(&format!("error: TLS: {expected}")), "{said}");
        assert!(said.contains("\nhint: "), "{said}");
    };
    check("rsa.crt", "other.key", "other.key: ");
    check("nowhere", "rsa.key", "nowhere: ");
    check("rsa.crt", "nowhere", "nowhere: ");
    check("empty", "rsa.key", "empty: holds no certificate");
    check("rsa.key", "rsa.key", "rsa.key: holds no certificate");
    check("rsa.crt", "rsa.crt", "rsa.crt: ");
    check("rsa.crt", "locked.key", "locked.key: ");
    check("garbage", "rsa.key", "");
    let run = lake
        .binary
        .run(&["serve", "--lake", "lake", "--tls-cert", "rsa.crt"]);
    assert!(run.exits(2).stderr.contains("--tls-key"));
}
