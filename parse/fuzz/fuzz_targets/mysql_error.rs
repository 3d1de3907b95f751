//! MySQL's error log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slowlake_parse::Grammar;

fuzz_target!(|data: &[u8]| {
    slowlake_parse_fuzz::log(&Grammar::MysqlError.into(), data);
});
