//! One profile of AWS's two files, `credentials` and `config`: their keys, without those of nested sections. Never runs a program or logs in,
//! as some profiles ask for; such a profile is refused in words.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Environment;

/// What the files say of one profile.
pub(super) struct Profile {
    /// Its name and files, for people.
    name: String,
    /// Whether the environment names it, so that it has to be there and be of use.
    is_named: bool,
    keys: BTreeMap<String, String>,
}

impl Profile {
    /// The profile that the environment names, else the one called `default` where there is one. A key in `credentials` counts before the
    /// same in `config`.
    ///
    /// # Errors
    /// A named profile that neither file has, and a file that cannot be read, in words.
    pub(super) fn read(environment: &Environment) -> Result<Option<Profile>, String> {
        let named = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
            .into_iter()
            .find_map(|name| environment.get(name));
        let wanted = named.unwrap_or("default");
        let folder = environment.home().map(|home| home.join(".aws"));
        let file = |variable: &str, name: &str| {
            environment
                .get(variable)
                .map(PathBuf::from)
                .or_else(|| folder.as_ref().map(|folder| folder.join(name)))
        };
        let files = [
            (file("AWS_CONFIG_FILE", "config"), "profile "),
            (file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ""),
        ];
        let mut keys = BTreeMap::new();
        let mut paths = Vec::new();
        for (path, prefix) in files {
            let Some(path) = path else { continue };
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let section = |name: &str| {
                        name == wanted && (prefix.is_empty() || wanted == "default")
                            || name.strip_prefix(prefix).map(str::trim) == Some(wanted)
                    };
                    keys.extend(keys_of(&text, section));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
            }
            paths.push(path.display().to_string());
        }
        let name = format!("profile {wanted:?} of {}", paths.join(" and "));
        match (keys.is_empty(), named) {
            (true, Some(_)) => Err(format!("there is no {name}")),
            (true, None) => Ok(None),
            (false, _) => Ok(Some(Profile {
                name,
                is_named: named.is_some(),
                keys,
            })),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_named(&self) -> bool {
        self.is_named
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }

    /// Whether it holds credentials itself: keys, or a web identity's token and role.
    pub(super) fn has_credentials(&self) -> bool {
        let has = |key| self.get(key).is_some();
        has("aws_access_key_id")
            || has("aws_secret_access_key")
            || has("web_identity_token_file") && has("role_arn")
    }

    /// Why it is of no use, and what to do.
    pub(super) fn lacks_credentials(&self) -> String {
        let by_program = [
            "sso_session",
            "sso_start_url",
            "credential_process",
            "source_profile",
            "role_arn",
        ]
        .into_iter()
        .find(|key| self.get(key).is_some());
        match by_program {
            Some(key) => format!(
                "{} has {key}, which only the AWS programs follow: \
                 put their answer into the environment with `aws configure export-credentials --format env`",
                self.name
            ),
            None => format!("{} has no aws_access_key_id", self.name),
        }
    }
}

/// The keys and values of the sections that are wanted. A line that begins with a space belongs to a nested section.
fn keys_of(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        let content = line.trim();
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_inside = is_wanted(name.trim());
        } else if is_inside
            && !line.starts_with([' ', '\t', '#', ';'])
            && let Some((key, value)) = content.split_once('=')
            && !value.trim().is_empty()
        {
            keys.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "# a comment
[default]
region = eu-west-1
[profile fleet]
region=eu-central-1
s3 =
  endpoint_url = nested
endpoint_url = http://127.0.0.1:9000
[profile staff]
sso_session = staff
";
    const CREDENTIALS: &str = "[default]
aws_access_key_id = ID0
aws_secret_access_key = SECRET0
; another
[fleet]
AWS_ACCESS_KEY_ID=ID1
aws_secret_access_key=a=b
";

    /// The answer to `ask` of the profile that these variables and the two files give.
    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(
        variables: &[(&str, &str)],
        ask: impl Fn(&Profile) -> T,
        expected: Result<Option<T>, &str>,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        std::fs::write(folder.path().join(".aws/config"), CONFIG).unwrap();
        std::fs::write(folder.path().join(".aws/credentials"), CREDENTIALS).unwrap();
        let home_variable = ("HOME", home.as_str());
        let environment = variables
            .iter()
            .chain([&home_variable])
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let found = Profile::read(&environment);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.as_ref().map(ask), expected),
            (Err(words), Err(expected)) => assert_eq!(words.replace(&home, "~"), expected),
            (Ok(_), Err(expected)) => panic!("expected {expected}"),
            (Err(words), Ok(_)) => panic!("{words}"),
        }
    }

    fn values(profile: &Profile) -> Vec<String> {
        [
            "region",
            "endpoint_url",
            "aws_access_key_id",
            "aws_secret_access_key",
        ]
        .map(|key| profile.get(key).unwrap_or("-").to_owned())
        .to_vec()
    }

    #[test]
    fn the_default_profile_is_read_unless_another_is_named() {
        let answer = |words: [&str; 4]| Ok(Some(words.map(str::to_owned).to_vec()));
        check(&[], values, answer(["eu-west-1", "-", "ID0", "SECRET0"]));
        check(
            &[("AWS_PROFILE", "fleet")],
            values,
            answer(["eu-central-1", "http://127.0.0.1:9000", "ID1", "a=b"]),
        );
        check(
            &[
                ("AWS_CONFIG_FILE", "/nowhere"),
                ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
            ],
            values,
            Ok(None),
        );
    }

    #[test]
    fn a_named_profile_has_to_be_there_and_of_use() {
        check(
            &[("AWS_PROFILE", "nobody")],
            values,
            Err(r#"there is no profile "nobody" of ~/.aws/config and ~/.aws/credentials"#),
        );
        check(
            &[("AWS_PROFILE", "staff")],
            Profile::has_credentials,
            Ok(Some(false)),
        );
        let names_the_key = |profile: &Profile| profile.lacks_credentials().contains("has sso_session");
        check(&[("AWS_PROFILE", "staff")], names_the_key, Ok(Some(true)));
    }
}
