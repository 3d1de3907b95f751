//! The slow log of MySQL and MariaDB.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slowlake_parse::Grammar;

fuzz_target!(|data: &[u8]| {
    slowlake_parse_fuzz::log(&Grammar::MysqlSlow.into(), data);
});
