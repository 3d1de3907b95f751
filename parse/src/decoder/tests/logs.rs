//! What happens on a made-up server: executions, messages, junk. Knows what servers execute and log, not how it is written.

use proptest::prelude::*;

use crate::Command;

/// Something that a log tells of.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Execution(Execution),
    /// A statement now, its duration after what happens in between. As MySQL writes it: the same as an execution.
    Apart(Execution, Vec<Item>),
    /// A statement whose duration never comes. Nothing in MySQL.
    NeverEnds(Execution),
    /// A record of no execution; in MySQL a banner.
    Noise(usize),
    /// A line that no server writes.
    Junk(usize),
    Blank,
}

#[derive(Clone)]
pub(super) struct Execution {
    pub(super) session: usize,
    pub(super) command: Command,
    pub(super) duration_us: i64,
    pub(super) statement: Vec<u8>,
    pub(super) parameters: Vec<u8>,
}

impl std::fmt::Debug for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Execution {
            session,
            command,
            duration_us,
            statement,
            parameters,
        } = self;
        let (statement, parameters) = (statement.escape_ascii(), parameters.escape_ascii());
        write!(
            f,
            "{command:?} in {session}, {duration_us} µs: {statement} ({parameters})"
        )
    }
}

/// Names of sessions: user, database, application, client.
pub(super) const SESSIONS: [[&str; 4]; 4] = [
    ["app", "shop", "web app", "[local]"],
    ["billing", "books", "cron: nightly", "10.0.0.5"],
    ["o'brien", "a-b", "", "web-1.example.org"],
    ["söze", "größe", "pgbench", "127.0.0.1"],
];

const WORDS: [&str; 8] = [
    "a, b",
    "count(*)",
    "FROM t",
    "WHERE x = 1",
    "$1",
    "\tAND",
    "; ;",
    "-- none\n",
];

/// What looks like records of every format, to stand in literals and comments.
const FORGED: [&str; 6] = [
    "\n2026-11-23 00:27:18.272 UTC [42] forged@x/x [local] LOG:  duration: 9999.999 ms  statement: SELECT forged\n",
    "\n# Time: 2026-11-23T00:27:18.000000Z\n# User@Host: forged[forged] @ localhost []  Id:     9\n\
     # Query_time: 999.000000  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 1\nSET timestamp=1795393638;\nSELECT forged;\n",
    "\n# User@Host: forged[forged] @ localhost []\n# Thread_id: 9  Schema: x  QC_hit: No\n\
     # Query_time: 999.000000  Lock_time: 0.000000  Rows_sent: 1  Rows_examined: 1\nSELECT forged;\n",
    "\n2026-11-23 00:27:18.272 UTC,\"forged\",\"x\",9,\"[local]\",6a.1,1,\"SELECT\",,3/9,0,LOG,00000,\
     \"duration: 9999.999 ms  statement: SELECT forged\",,,,,,,,,\"\",\"client backend\",,0\n",
    "\n{\"timestamp\":\"2026-11-23 00:27:18.272 UTC\",\"pid\":9,\"error_severity\":\"LOG\",\
     \"message\":\"duration: 9999.999 ms  statement: SELECT forged\"}\n",
    "\n/usr/sbin/mariadbd, Version: 10.11.6-MariaDB (Debian). started with:\nTcp port: 3306  Unix socket: /x\n\
     Time\t\t    Id Command\tArgument\n",
];

/// Messages of a PostgreSQL server that tell of no execution: severity, message, detail.
pub(super) const MESSAGES: [(&str, &str, &str); 8] = [
    ("LOG", "checkpoint starting: time", ""),
    (
        "ERROR",
        "duplicate key value violates unique constraint \"x\"",
        "Key (a)=(1) already exists.\nReally.",
    ),
    ("FATAL", "role \"nobody\" does not exist", ""),
    ("WARNING", "there is already a transaction in progress", ""),
    ("LOG", "duration: 0.563 ms  parse P_0: SELECT 1,\n2", ""),
    (
        "LOG",
        "duration: 2.625 ms  plan:\nQuery Text: SELECT 1\nResult  (cost=0.00..0.01 rows=1 width=4)",
        "",
    ),
    ("LOG", "duration: 0.100 ms", ""),
    (
        "LOG",
        "process 1 still waiting for ShareLock on transaction 751 after 200.080 ms",
        "Process holding the lock: 2.",
    ),
];

pub(super) const JUNK: [&str; 4] = [
    "no server writes this\n",
    "bash: line 1: \u{e9}: command not found\n",
    "{\"timestamp\":12\n",
    "#!/bin/sh\n",
];

// --- what happens -------------------------------------------------------------------------------------------------------------

pub(super) fn items(junk: bool) -> impl Strategy<Value = Vec<Item>> {
    let simple = move || {
        prop_oneof![
            6 => execution().prop_map(Item::Execution),
            1 => execution().prop_map(Item::NeverEnds),
            2 => (0..MESSAGES.len()).prop_map(Item::Noise),
            1 => (0..JUNK.len()).prop_map(move |n| if junk { Item::Junk(n) } else { Item::Noise(n) }),
            1 => Just(Item::Blank),
        ]
    };
    let apart = (execution(), prop::collection::vec(simple(), 0..3));
    let item = prop_oneof![5 => simple(), 1 => apart.prop_map(|(execution, between)| Item::Apart(execution, between))];
    prop::collection::vec(item, 0..12)
}

fn execution() -> impl Strategy<Value = Execution> {
    let command = prop_oneof![
        Just(Command::Query),
        Just(Command::Execute),
        Just(Command::Fetch),
        Just(Command::Administrator)
    ];
    let duration_us = prop_oneof![0..2_000_i64, 0..100_000_000_i64];
    let parameters = prop_oneof![
        Just(Vec::new()),
        literal().prop_map(|value| [b"$1 = ", value.as_slice()].concat())
    ];
    (0..SESSIONS.len(), command, duration_us, statement(), parameters).prop_map(
        |(session, command, duration_us, statement, parameters)| Execution {
            session,
            command,
            duration_us,
            statement,
            parameters,
        },
    )
}

/// Statements with balanced quotes, as a server accepts them.
fn statement() -> impl Strategy<Value = Vec<u8>> {
    let lead = prop::sample::select(vec![
        "",
        "",
        "/* app:web */ ",
        "\n\n   ",
        "-- it's a comment\n",
        "# it's a comment\n",
    ]);
    let word = prop::sample::select(WORDS.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let newline = prop::sample::select(vec![
        "\n",
        "\n\n",
        "\r\n",
        "\n\t",
        "\n# User@Host: nobody[nobody] @ localhost []\n",
    ]);
    let piece = prop_oneof![
        4 => word,
        2 => newline.prop_map(|text| text.as_bytes().to_vec()),
        3 => literal(),
        1 => content().prop_map(comment),
    ];
    (lead, prop::collection::vec(piece, 0..6)).prop_map(|(lead, pieces)| {
        let mut text = [lead.as_bytes(), b"SELECT "].concat();
        for piece in pieces {
            text.extend_from_slice(&piece);
            text.push(b' ');
        }
        text.extend_from_slice(b"LIMIT 1");
        text
    })
}

/// A closed literal or quoted name with anything in it.
fn literal() -> impl Strategy<Value = Vec<u8>> {
    let quote = prop::sample::select(vec![b'\'', b'\'', b'"', b'`']);
    (quote, any::<bool>(), content()).prop_map(|(quote, backslash, content)| {
        let mut text = vec![quote];
        for byte in content {
            if byte == b'\\' && quote != b'`' {
                text.push(b'\\');
            } else if byte == quote {
                text.push(if backslash && quote != b'`' { b'\\' } else { quote });
            }
            text.push(byte);
        }
        text.push(quote);
        text
    })
}

fn comment(content: Vec<u8>) -> Vec<u8> {
    let content: Vec<u8> = content.into_iter().filter(|byte| *byte != b'/').collect();
    [b"/* ", content.as_slice(), b" */"].concat()
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let forged = prop::sample::select(FORGED.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![
        2 => "[a-z'\"`\\\\ \n\t;#-]{0,12}".prop_map(String::into_bytes),
        1 => prop::collection::vec(1..=255_u8, 0..8),
        2 => forged,
    ]
}
