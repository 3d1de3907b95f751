//! SCRAM-SHA-256 as a server does it (RFC 5802, RFC 7677): from verifiers, so that no password is known here. Who is not known is asked
//! the same as everybody else. No channel binding. Sends nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgwire::api::auth::sasl::scram::random_nonce;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};

use crate::postgres_wire::users::Users;

/// Bytes of a key and of a proof.
const KEY_BYTES: usize = digest::SHA256_OUTPUT_LEN;
/// What is told of the password of somebody who is not known.
const MOCK_ITERATIONS: u32 = 4096;
const MOCK_SALT_BYTES: usize = 16;

/// What proves that somebody knows a password, without being it.
#[derive(Clone)]
pub(super) struct Verifier {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: [u8; KEY_BYTES],
    server_key: [u8; KEY_BYTES],
}

impl Verifier {
    /// How PostgreSQL writes one down: `SCRAM-SHA-256$4096:salt$stored key:server key`.
    pub(super) const PREFIX: &str = "SCRAM-SHA-256$";

    /// Reads what PostgreSQL has written; `None` if it is not whole.
    pub(super) fn parse(text: &str) -> Option<Verifier> {
        let (parameters, keys) = text.strip_prefix(Verifier::PREFIX)?.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let iterations = iterations.parse().ok().filter(|n| *n > 0)?;
        let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty())?;
        Some(Verifier {
            iterations,
            salt,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        })
    }

    /// Of a salted password (RFC 5802, section 3).
    pub(super) fn of_salted(salted: &[u8], salt: Vec<u8>, iterations: u32) -> Verifier {
        let client_key = sign(salted, b"Client Key");
        Verifier {
            iterations,
            salt,
            stored_key: hash(&client_key),
            server_key: sign(salted, b"Server Key"),
        }
    }

    /// One that nobody can satisfy, the same for a name each time.
    fn mock(secret: &[u8; KEY_BYTES], name: &str) -> Verifier {
        Verifier {
            iterations: MOCK_ITERATIONS,
            salt: sign(secret, name.as_bytes())[..MOCK_SALT_BYTES].to_vec(),
            stored_key: random(),
            server_key: random(),
        }
    }
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The system's source of randomness fails on no system that we run on; zeros would be a verifier that fits nobody.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes
}

/// A login that waits for the client's proof.
pub(super) struct Exchange {
    verifier: Verifier,
    /// The client's view of channel binding, as it has to be repeated.
    binding: String,
    nonce: String,
    /// What has been said so far, without the header.
    said: String,
}

/// Why a login failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScramError {
    /// Not what the protocol has.
    Malformed(&'static str),
    /// The password is another one, or there is no such user.
    WrongProof,
}

impl Exchange {
    /// Takes the client's first message; the answer to it, and what waits for the next.
    pub(super) fn begin(
        users: &Users,
        secret: &[u8; KEY_BYTES],
        name: &str,
        first: &[u8],
    ) -> Result<(String, Exchange), ScramError> {
        let first = text(first)?;
        let (header, bare) = split_header(first)?;
        // PostgreSQL's clients leave the name empty: it was in the startup message.
        let client_nonce = bare
            .split(',')
            .find_map(|field| field.strip_prefix("r="))
            .filter(|nonce| !nonce.is_empty())
            .ok_or(ScramError::Malformed("no nonce"))?;
        if bare.starts_with("m=") {
            return Err(ScramError::Malformed("a mandatory extension"));
        }
        let verifier = match users.verifier(name) {
            Some(verifier) => verifier.clone(),
            None => Verifier::mock(secret, name),
        };
        let nonce = format!("{client_nonce}{}", random_nonce());
        let answer = format!(
            "r={nonce},s={},i={}",
            STANDARD.encode(&verifier.salt),
            verifier.iterations
        );
        let exchange = Exchange {
            verifier,
            binding: STANDARD.encode(header),
            nonce,
            said: format!("{bare},{answer}"),
        };
        Ok((answer, exchange))
    }

    /// Takes the client's proof; the server's own, if the client's holds.
    pub(super) fn finish(self, last: &[u8]) -> Result<String, ScramError> {
        let last = text(last)?;
        let (without_proof, proof) = last.rsplit_once(",p=").ok_or(ScramError::Malformed("no proof"))?;
        let mut fields = without_proof.split(',');
        let binding = fields.next().and_then(|field| field.strip_prefix("c="));
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        if binding != Some(self.binding.as_str()) {
            return Err(ScramError::Malformed("another channel binding"));
        }
        if nonce != Some(self.nonce.as_str()) {
            return Err(ScramError::Malformed("another nonce"));
        }
        let proof = key(proof).ok_or(ScramError::Malformed("a proof that is none"))?;
        let said = format!("{},{without_proof}", self.said);
        let signature = sign(&self.verifier.stored_key, said.as_bytes());
        let mut client_key = proof;
        for (byte, of_signature) in client_key.iter_mut().zip(signature) {
            *byte ^= of_signature;
        }
        if !is_same(&hash(&client_key), &self.verifier.stored_key) {
            return Err(ScramError::WrongProof);
        }
        let signature = sign(&self.verifier.server_key, said.as_bytes());
        Ok(format!("v={}", STANDARD.encode(signature)))
    }
}

/// The header (`n,,` for one, with its commas) and what is behind it.
fn split_header(first: &str) -> Result<(&str, &str), ScramError> {
    let mut commas = first.match_indices(',').map(|(at, _)| at);
    let (Some(flag_end), Some(end)) = (commas.next(), commas.next()) else {
        return Err(ScramError::Malformed("no header"));
    };
    // `y` is a client that would bind to the channel if we could.
    if !matches!(&first[..flag_end], "n" | "y") {
        return Err(ScramError::Malformed("channel binding, which was not offered"));
    }
    if end > flag_end + 1 {
        return Err(ScramError::Malformed("another identity"));
    }
    Ok(first.split_at(end + 1))
}

fn text(message: &[u8]) -> Result<&str, ScramError> {
    std::str::from_utf8(message).map_err(|_| ScramError::Malformed("bytes that are no text"))
}

fn key(text: &str) -> Option<[u8; KEY_BYTES]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn sign(key: &[u8], message: &[u8]) -> [u8; KEY_BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    bytes(tag.as_ref())
}

fn hash(message: &[u8]) -> [u8; KEY_BYTES] {
    bytes(digest::digest(&digest::SHA256, message).as_ref())
}

/// All that SHA-256 gives.
fn bytes(output: &[u8]) -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    bytes.copy_from_slice(output);
    bytes
}

/// Compares in a time that tells nothing of where they differ.
fn is_same(one: &[u8; KEY_BYTES], other: &[u8; KEY_BYTES]) -> bool {
    one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
