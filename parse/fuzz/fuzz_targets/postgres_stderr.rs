//! PostgreSQL's stderr format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slowlake_parse::{Grammar, Prefix};

fuzz_target!(|data: &[u8]| {
    let prefix = Prefix::new("%m [%p] %q%u@%d/%a %h ");
    slowlake_parse_fuzz::log(&Grammar::PostgresStderr(prefix).into(), data);
});
