//! Statements of MySQL and MariaDB.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slowlake_parse::statement::{Dialect, Options};

fuzz_target!(|data: &[u8]| {
    slowlake_parse_fuzz::statement(Options::new(Dialect::Mysql), data);
});
