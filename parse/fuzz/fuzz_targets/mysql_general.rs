//! MySQL's general log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slowlake_parse::Grammar;

fuzz_target!(|data: &[u8]| {
    slowlake_parse_fuzz::log(&Grammar::MysqlGeneral.into(), data);
});
