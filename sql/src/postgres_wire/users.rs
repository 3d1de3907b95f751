//! The users of the server, from lines as pgbouncer's userlist has them: `"name" "password"` or `"name" "SCRAM-SHA-256$…"`. Of a password
//! only what verifies it is kept. Reads no file.

use std::collections::BTreeMap;

use pgwire::api::auth::sasl::scram::gen_salted_password;

use crate::postgres_wire::scram::{Verifier, random};

/// Who may ask, and what proves it.
pub struct Users {
    verifiers: BTreeMap<String, Verifier>,
}

/// A line of users that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct WrongUsers {
    /// Counted from 1.
    pub line: usize,
    what: String,
    hint: Option<&'static str>,
}

/// How a password in clear is kept.
const ITERATIONS: u32 = 4096;
const SALT_BYTES: usize = 16;

const FORM: &str = "a line is \"name\" \"password\" or \"name\" \"SCRAM-SHA-256$…\", both in double quotes";
const NO_MD5: &str = "write the password, or the verifier that PostgreSQL has in pg_authid with password_encryption = 'scram-sha-256'";
const NO_EMPTY: &str = "give every user a password: nobody comes in without one";

impl WrongUsers {
    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }
}

impl Users {
    /// Reads the lines of a userlist. Empty lines, and those that begin with `;` or `#`, say nothing.
    ///
    /// # Errors
    /// The first line that is not as it should be; a list without users.
    pub fn parse(text: &str) -> Result<Users, WrongUsers> {
        let mut verifiers = BTreeMap::new();
        for (i, line) in text.lines().enumerate() {
            let line_number = i + 1;
            let wrong = |what: String, hint| WrongUsers {
                line: line_number,
                what,
                hint: Some(hint),
            };
            let line = line.trim();
            if line.is_empty() || line.starts_with([';', '#']) {
                continue;
            }
            let fields = quoted(line).and_then(|(name, rest)| Some((name, quoted(rest.trim_start())?)));
            let Some((name, (secret, _))) = fields else {
                return Err(wrong("not a user".to_owned(), FORM));
            };
            let verifier = match secret.as_str() {
                _ if name.is_empty() => return Err(wrong("a user without a name".to_owned(), FORM)),
                "" => return Err(wrong(format!("user \"{name}\" has an empty password"), NO_EMPTY)),
                md5 if is_md5(md5) => {
                    return Err(wrong(format!("user \"{name}\" has an MD5 password"), NO_MD5));
                }
                scram if scram.starts_with(Verifier::PREFIX) => match Verifier::parse(scram) {
                    Some(verifier) => verifier,
                    None => {
                        let what = format!("user \"{name}\" has a SCRAM verifier that is not whole");
                        return Err(wrong(
                            what,
                            "copy the whole verifier: SCRAM-SHA-256$iterations:salt$key:key",
                        ));
                    }
                },
                password => of_password(password),
            };
            if verifiers.insert(name.clone(), verifier).is_some() {
                return Err(wrong(
                    format!("user \"{name}\" is there twice"),
                    "remove one of the lines",
                ));
            }
        }
        if verifiers.is_empty() {
            return Err(WrongUsers {
                line: 1,
                what: "no user".to_owned(),
                hint: Some(FORM),
            });
        }
        Ok(Users { verifiers })
    }

    /// What proves that somebody is this user.
    pub(super) fn verifier(&self, name: &str) -> Option<&Verifier> {
        self.verifiers.get(name)
    }
}

fn of_password(password: &str) -> Verifier {
    let salt: [u8; SALT_BYTES] = random();
    let salted = gen_salted_password(password, &salt, ITERATIONS as usize);
    Verifier::of_salted(&salted, salt.to_vec(), ITERATIONS)
}

fn is_md5(secret: &str) -> bool {
    secret
        .strip_prefix("md5")
        .is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A text in double quotes at the beginning of `line`, and what is behind it. A doubled quote stands for one.
fn quoted(line: &str) -> Option<(String, &str)> {
    let mut rest = line.strip_prefix('"')?;
    let mut text = String::new();
    loop {
        let (before, behind) = rest.split_once('"')?;
        text += before;
        match behind.strip_prefix('"') {
            Some(behind) => {
                text.push('"');
                rest = behind;
            }
            None => return Some((text, behind)),
        }
    }
}
