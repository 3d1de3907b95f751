//! `slowlake serve` and PostgreSQL's clients: who comes in, what is answered, what is refused, and what ends a statement.

mod attempts;
mod catalogs;
mod certificates;
mod limits;
mod login;
mod protocol;
mod session;
mod values;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, Config, NoTls};

use crate::binary::{Binary, Run, corpus};
use crate::lake::Lake;

/// What does not happen for so long never does.
const PATIENCE: Duration = Duration::from_secs(60);
/// Users of most servers here.
const USERS: &str = "\"ann\" \"s3cret \"\"word\"\n; somebody else\n\"bob\" \"builder\"\n";
/// The first one's password.
const PASSWORD: &str = "s3cret \"word";

/// A lake with executions of two engines.
fn lake() -> Lake {
    let lake = Lake::new();
    lake.binary.write("p.log", corpus("postgres/15/mixed.stderr.log"));
    lake.binary.write("m.log", corpus("mariadb/10.11/mixed.slow.log"));
    lake.ingest(&["p.log", "m.log"]);
    lake
}

/// A server that runs.
struct Served {
    child: Option<Child>,
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
    reading: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves a lake to whoever is on this machine.
    #[track_caller]
    fn openly(lake: &Lake, arguments: &[&str]) -> Served {
        Served::start(
            lake.binary.command(
                &[
                    &["serve", "--lake", "lake", "--postgres", "127.0.0.1:0"],
                    arguments,
                ]
                .concat(),
            ),
        )
    }

    /// Serves a lake to [`USERS`].
    #[track_caller]
    fn to_users(lake: &Lake, arguments: &[&str]) -> Served {
        lake.binary.write("users", USERS);
        Served::openly(lake, &[&["--users", "users"], arguments].concat())
    }

    /// Serves as a configuration says, of which `[serve]` is given.
    #[track_caller]
    fn configured(lake: &Lake, serve: &str) -> Served {
        let text = format!("lake = \"lake\"\n[serve]\npostgres = \"127.0.0.1:0\"\n{serve}\n");
        lake.binary.write("serve.toml", text);
        Served::start(lake.binary.command(&["serve", "-c", "serve.toml"]))
    }

    #[track_caller]
    fn start(mut command: Command) -> Served {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program to start");
        let stderr = child.stderr.take().expect("a pipe was asked for");
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                heard.lock().expect("no panic").push(line);
            }
        });
        let mut served = Served {
            child: Some(child),
            port: 0,
            said,
            reading: Some(reading),
        };
        let line = served.until("answers PostgreSQL clients at ");
        let port = line.rsplit_once(':').expect("an address").1;
        let digits = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
        served.port = port[..digits].parse().expect("a port");
        served
    }

    /// Waits for a line with these words.
    #[track_caller]
    fn until(&mut self, words: &str) -> String {
        let began = Instant::now();
        loop {
            let said = self.said.lock().expect("no panic").clone();
            if let Some(line) = said.iter().find(|line| line.contains(words)) {
                return line.clone();
            }
            let ended = self.child.as_mut().expect("it runs").try_wait().expect("a child");
            assert_eq!(ended, None, "it runs: {said:#?}");
            assert!(began.elapsed() < PATIENCE, "{words}: {said:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `psql` as a user; its answers without headers, fields separated by `|`.
    fn psql(&self, lake: &Lake, connection: &str, commands: &[&str]) -> Run {
        let connection = format!("host=localhost port={} dbname=slowlake {connection}", self.port);
        let mut command = Command::new("psql");
        command
            .args(["-XAtq", "-v", "VERBOSITY=verbose", &connection])
            .current_dir(lake.binary.folder())
            .env("PGCONNECT_TIMEOUT", "30")
            .stdin(Stdio::null());
        for one in commands {
            command.args(["-c", one]);
        }
        command.output().expect("psql to start").into()
    }

    /// A connection of the open server.
    async fn connect(&self) -> Client {
        self.connect_as("ann", "").await.expect("a connection")
    }

    async fn connect_as(&self, user: &str, password: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config(user, password).connect(NoTls).await?;
        // It ends with the client.
        tokio::spawn(async { drop(connection.await) });
        Ok(client)
    }

    fn config(&self, user: &str, password: &str) -> Config {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .dbname("slowlake")
            .user(user)
            .password(password);
        config
    }

    /// Tells it to stop; what it has said, line by line.
    #[track_caller]
    fn stop(mut self) -> Vec<String> {
        let mut child = self.child.take().expect("it runs");
        let told = Command::new("kill").arg(child.id().to_string()).status();
        assert!(told.expect("kill to start").success());
        let status = child.wait().expect("its end");
        self.reading.take().expect("a reader").join().expect("no panic");
        let said = self.said.lock().expect("no panic").clone();
        assert_eq!(status.code(), Some(0), "{said:#?}");
        said
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The SQLSTATE of an error.
fn state(error: &tokio_postgres::Error) -> &str {
    error.code().map_or("none", |code| code.code())
}

/// Does what is asynchronous.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}

/// The end of a `serve` that does not begin.
#[track_caller]
fn refused(binary: &Binary, arguments: &[&str]) -> String {
    let run = binary.run(&[&["serve", "--lake", "lake"], arguments].concat());
    run.exits(2).stderr
}
