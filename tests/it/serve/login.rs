//! Who comes in: with the right password and no other, from a file or the environment, and nobody from far away without one.

use crate::binary::Binary;

use super::{PASSWORD, Served, block_on, lake, refused, state};

#[test]
fn a_password_opens_and_nothing_else_does() {
    let lake = lake();
    let verifier = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    lake.binary
        .write("users", format!("{}\"eve\" \"{verifier}\"\n", super::USERS));
    let served = Served::openly(&lake, &["--users", "users"]);
    block_on(async {
        let ann = served
            .connect_as("ann", PASSWORD)
            .await
            .expect("the right password");
        let row = ann
            .query_one("SELECT current_user, current_database()", &[])
            .await
            .unwrap();
        assert_eq!((row.get(0), row.get(1)), ("ann", "slowlake"));
        // What PostgreSQL keeps of the password "pencil" is as good as the password.
        served
            .connect_as("eve", "pencil")
            .await
            .expect("the password of a verifier");
        for (user, password) in [
            ("ann", "wrong"),
            ("ann", "builder"),
            ("bob", PASSWORD),
            ("eve", "pencil "),
            ("eve", verifier),
            ("nobody", "wrong"),
            ("postgres", "postgres"),
        ] {
            let error = served.connect_as(user, password).await.expect_err("no way in");
            assert_eq!(state(&error), "28P01", "{user}: {error}");
        }
    });
    let no_password = served.psql(&lake, "user=ann -w", &["SELECT 1"]);
    assert_ne!(no_password.code, Some(0));
    let said = served.stop().join("\n");
    assert!(said.contains("(login)") && said.contains("28P01"), "{said}");
    assert!(!said.contains("s3cret") && !said.contains("builder"), "{said}");
}

#[test]
fn users_come_from_the_environment_too() {
    let lake = lake();
    let mut command = lake
        .binary
        .command(&["serve", "--lake", "lake", "--postgres", "127.0.0.1:0"]);
    command.env("SLOWLAKE_USERS", "\"zoe\" \"z\"");
    let served = Served::start(command);
    block_on(async {
        served.connect_as("zoe", "z").await.expect("a way in");
        let error = served.connect_as("ann", PASSWORD).await.expect_err("no way in");
        assert_eq!(state(&error), "28P01");
    });
}

#[test]
fn typed_users_are_stronger_than_the_environments_and_those_than_the_files() {
    let lake = lake();
    lake.binary.write("typed", "\"typed\" \"z\"\n");
    lake.binary.write("configured", "\"configured\" \"z\"\n");
    lake.binary
        .write("slowlake.toml", "[serve]\nusers = \"configured\"\n");
    let check = |arguments: &[&str], environment: Option<&str>, expected: &str| {
        let serve = [
            "serve",
            "--lake",
            "lake",
            "--postgres",
            "127.0.0.1:0",
            "-c",
            "slowlake.toml",
        ];
        let mut command = lake.binary.command(&[&serve, arguments].concat());
        command.envs(environment.map(|users| ("SLOWLAKE_USERS", users)));
        let served = Served::start(command);
        block_on(async {
            for user in ["typed", "environment", "configured"] {
                let is_in = served.connect_as(user, "z").await.is_ok();
                assert_eq!(is_in, user == expected, "{user}");
            }
        });
    };
    let environment = Some("\"environment\" \"z\"");
    check(&["--users", "typed"], environment, "typed");
    check(&[], environment, "environment");
    check(&[], None, "configured");
}

#[test]
fn nothing_answers_before_everything_can() {
    let lake = lake();
    let both = ["--postgres", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("an address");
    let taken = other.local_addr().expect("an address").to_string();
    for (arguments, expected) in [
        (
            [both.as_slice(), &["--tokens", "nothing"]].concat(),
            "tokens: cannot read nothing",
        ),
        (
            vec!["--postgres", "127.0.0.1:0", "--http", &taken],
            "cannot listen at 127.0.0.1:",
        ),
    ] {
        let said = refused(&lake.binary, &arguments);
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("answers "), "{said}");
    }
}

#[test]
fn there_is_one_database_and_nothing_to_replicate() {
    let lake = lake();
    let served = Served::openly(&lake, &[]);
    block_on(async {
        let mut config = served.config("ann", "");
        let error = config
            .dbname("shop")
            .connect(tokio_postgres::NoTls)
            .await
            .err()
            .unwrap();
        assert_eq!(state(&error), "3D000");
        // Who names no database gets that of his name.
        let mut config = served.config("ann", "");
        let connected = config
            .dbname("ann")
            .connect(tokio_postgres::NoTls)
            .await
            .map(|_| ());
        connected.expect("a connection");
        let mut config = served.config("ann", "");
        let error = config
            .options("-c no_such=1")
            .connect(tokio_postgres::NoTls)
            .await
            .err()
            .unwrap();
        assert_eq!(state(&error), "42704");
        let mut config = served.config("ann", "");
        let connected = config
            .options("-c statement_timeout=5s")
            .connect(tokio_postgres::NoTls)
            .await;
        let (client, connection) = connected.expect("a connection");
        tokio::spawn(connection);
        let row = client.query_one("SHOW statement_timeout", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "5s");
    });
}

#[test]
fn a_server_that_would_be_open_to_all_does_not_begin() {
    let lake = lake();
    let said = refused(&lake.binary, &["--postgres", "0.0.0.0:0"]);
    insta::assert_snapshot!(said, @r#"
    error: whoever reaches 0.0.0.0:0 could read the lake: there are no users
    hint: give --users FILE (a line each: "name" "password") or listen at 127.0.0.1
    "#);
}

#[test]
fn users_are_read_before_anything_listens() {
    let lake = lake();
    #[track_caller]
    fn check(binary: &Binary, users: &str, expected: &str) {
        binary.write("users", users);
        let said = refused(binary, &["--users", "users"]);
        let first = said.lines().next().unwrap_or_default();
        assert_eq!(first, format!("error: users: users:{expected}"));
        assert!(said.contains("hint: "), "{said}");
    }
    check(&lake.binary, "", "1: no user");
    check(
        &lake.binary,
        "\n\"a\" \"\"\n",
        "2: user \"a\" has an empty password",
    );
    check(&lake.binary, "a b\n", "1: not a user");
    check(&lake.binary, "\"\" \"b\"\n", "1: a user without a name");
    check(
        &lake.binary,
        "\"a\" \"b\"\n\"a\" \"c\"\n",
        "2: user \"a\" is there twice",
    );
    let md5 = "\"a\" \"md5d41d8cd98f00b204e9800998ecf8427e\"\n";
    check(&lake.binary, md5, "1: user \"a\" has an MD5 password");
    let half = "\"a\" \"SCRAM-SHA-256$4096:c2FsdA==$AAAA:AAAA\"\n";
    check(
        &lake.binary,
        half,
        "1: user \"a\" has a SCRAM verifier that is not whole",
    );
    let said = refused(&lake.binary, &["--users", "nowhere"]);
    assert!(said.starts_with("error: users: cannot read nowhere: "), "{said}");
}
