//! Logs in what others put around them: the first two bytes choose the wrapper and what the server writes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slowlake_parse::{Format, Grammar, Prefix, Wrapper};

fuzz_target!(|data: &[u8]| {
    let [wrapper, grammar, log @ ..] = data else {
        return;
    };
    let wrapper = Wrapper::ALL[usize::from(*wrapper) % Wrapper::ALL.len()];
    let grammar = match grammar % 4 {
        0 => Grammar::PostgresStderr(Prefix::new("%m [%p] ")),
        1 => Grammar::PostgresCsv,
        2 => Grammar::PostgresJson,
        _ => Grammar::MysqlGeneral,
    };
    slowlake_parse_fuzz::log(&Format::wrapped(vec![wrapper], grammar), log);
});
