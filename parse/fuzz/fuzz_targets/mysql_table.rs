//! Exports of MySQL's log tables.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slowlake_parse::Grammar;

fuzz_target!(|data: &[u8]| {
    slowlake_parse_fuzz::log(&Grammar::MysqlSlowTable.into(), data);
});
