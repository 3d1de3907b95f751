//! Who may ask: tokens with the names of their owners, of which only hashes are kept. Reads no request but its `Authorization`.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use ring::digest::{SHA256, SHA256_OUTPUT_LEN};

use crate::serving::http::problem::Problem;

/// Owners and what proves them.
pub(super) struct Tokens {
    entries: Vec<Entry>,
}

struct Entry {
    owner: String,
    digest: Digest,
}

/// SHA-256.
type Digest = [u8; DIGEST_BYTES];
const DIGEST_BYTES: usize = SHA256_OUTPUT_LEN;

/// A shorter token could be guessed.
const TOKEN_CHARACTERS_MIN: usize = 16;
const TOKEN_CHARACTERS_MAX: usize = 512;
/// How a token is written that only its SHA-256 is known of.
const HASHED: &str = "sha256:";

const FORM: &str = "a line is \"name\" \"token\" or \"name\" \"sha256:…\", both in double quotes";

impl Tokens {
    /// Reads lines of names and tokens. Empty lines, and those that begin with `;` or `#`, say nothing.
    ///
    /// # Errors
    /// The first line that is not as it should be, with its number and a hint, and never with the token; a list without tokens.
    pub(super) fn parse(text: &str) -> anyhow::Result<Tokens> {
        let mut entries: Vec<Entry> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with([';', '#']) {
                continue;
            }
            let number = i + 1;
            let Some((owner, token)) = fields(line) else {
                anyhow::bail!("{number}: no name and token\nhint: {FORM}");
            };
            let digest = match token.strip_prefix(HASHED) {
                Some(hex) => from_hex(hex).ok_or_else(|| {
                    anyhow::anyhow!(
                        "{number}: the hash of \"{owner}\" is no SHA-256\n\
                         hint: printf %s \"$TOKEN\" | sha256sum gives the 64 digits"
                    )
                })?,
                None if is_token(token) => digest(token.as_bytes()),
                None => anyhow::bail!(
                    "{number}: the token of \"{owner}\" is not {TOKEN_CHARACTERS_MIN} to {TOKEN_CHARACTERS_MAX} letters, digits or -._~+/=\n\
                     hint: openssl rand -hex 32 gives one"
                ),
            };
            if entries.iter().any(|entry| entry.digest == digest) {
                anyhow::bail!(
                    "{number}: the token of \"{owner}\" is there twice\nhint: give everybody a token of his own"
                );
            }
            entries.push(Entry {
                owner: owner.to_owned(),
                digest,
            });
        }
        if entries.is_empty() {
            anyhow::bail!("1: no token\nhint: {FORM}");
        }
        Ok(Tokens { entries })
    }

    /// The owner of the token that a request comes with.
    pub(super) fn owner(&self, headers: &HeaderMap) -> Result<&str, Problem> {
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Err(unauthorized("this needs a token", r#"Bearer realm="slowlake""#));
        };
        let token = value.to_str().ok().and_then(bearer).unwrap_or_default();
        let presented = digest(token.as_bytes());
        let mut owner = None;
        // All of them, always: how long it takes says nothing about what is in the list.
        for entry in &self.entries {
            if is_same(&entry.digest, &presented) {
                owner = Some(entry.owner.as_str());
            }
        }
        owner.ok_or_else(|| {
            unauthorized(
                "the token is not known",
                r#"Bearer realm="slowlake", error="invalid_token""#,
            )
        })
    }

    /// The names of all owners; some may have several tokens.
    pub(super) fn owners(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.owner.as_str())
    }
}

fn unauthorized(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        .with_hint("send the header Authorization: Bearer TOKEN".to_owned())
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// The token in `Bearer TOKEN`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && is_token(token)).then_some(token)
}

fn is_token(text: &str) -> bool {
    let is_token68 = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    (TOKEN_CHARACTERS_MIN..=TOKEN_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(is_token68)
}

/// `"name" "token"`; neither has a quote in it.
fn fields(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix('"')?.split_once('"')?;
    let (token, rest) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
    (!name.is_empty() && !name.contains(char::is_control) && rest.trim().is_empty()).then_some((name, token))
}

fn digest(bytes: &[u8]) -> Digest {
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(ring::digest::digest(&SHA256, bytes).as_ref());
    digest
}

fn from_hex(hex: &str) -> Option<Digest> {
    if hex.len() != 2 * DIGEST_BYTES || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; DIGEST_BYTES];
    for (i, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(digest)
}

/// Takes as long for those that differ early as for those that do not.
fn is_same(a: &Digest, b: &Digest) -> bool {
    a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";
    /// Of [`TOKEN`], by sha256sum.
    const HASH: &str = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";

    #[track_caller]
    fn check(list: &str, authorization: Option<&str>, expected: Result<&str, &str>) {
        let tokens = Tokens::parse(list).expect("tokens");
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(
                header::AUTHORIZATION,
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let owner = tokens.owner(&headers);
        assert_eq!(owner.map_err(|problem| problem.line()), expected.map_err(unknown));
    }

    fn unknown(detail: &str) -> String {
        unauthorized(detail, "").line()
    }

    #[test]
    fn a_token_names_its_owner() {
        let list = format!(
            "# people\n\"ann b\" \"{TOKEN}\"\n\n\"bob\" \"{HASHED}{}\"\n",
            "0".repeat(64)
        );
        let sent = format!("Bearer {TOKEN}");
        check(&list, Some(&sent), Ok("ann b"));
        check(&list, Some(&sent.to_lowercase()), Ok("ann b"));
        check(&list, None, Err("this needs a token"));
        for wrong in [
            format!("{sent}0"),
            TOKEN.to_owned(),
            "Bearer ".to_owned(),
            format!("Basic {TOKEN}"),
        ] {
            check(&list, Some(&wrong), Err("the token is not known"));
        }
        let list = format!("\"ann\" \"{HASHED}{HASH}\"");
        check(&list, Some(&sent), Ok("ann"));
        check(
            &list,
            Some(&format!("Bearer {HASHED}{HASH}")),
            Err("the token is not known"),
        );
    }

    #[test]
    fn wrong_lists_are_refused_without_saying_a_token() {
        let check = |list: &str, expected: &str| {
            let error = Tokens::parse(list).err().expect("an error").to_string();
            assert!(
                error.starts_with(expected) && error.contains("\nhint: "),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        };
        check("", "1: no token");
        check("; nobody", "1: no token");
        check("ann secret", "1: no name and token");
        check("\n\"\" \"secretsecretsecret\"", "2: no name and token");
        check("\"ann\" \"secret\"", "1: the token of \"ann\" is not 16 to 512");
        check(
            "\"ann\" \"secret secret secret\"",
            "1: the token of \"ann\" is not",
        );
        check(
            "\"ann\" \"sha256:secret\"",
            "1: the hash of \"ann\" is no SHA-256",
        );
        let twice = format!("\"ann\" \"{TOKEN}\"\n\"bob\" \"{HASHED}{HASH}\"");
        check(&twice, "2: the token of \"bob\" is there twice");
    }
}
