//! Plans of auto_explain and of MariaDB.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slowlake_parse::Plan;

fuzz_target!(|data: &[u8]| {
    let _ = Plan::read(data);
    let _ = Plan::read_mariadb(data.split(|b| *b == b'\n'));
});
