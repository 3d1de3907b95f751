//! Finding out the format of a log, and reading it so.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slowlake_parse::detect;

fuzz_target!(|data: &[u8]| {
    if let Some(format) = detect(data).format() {
        slowlake_parse_fuzz::log(format, data);
    }
});
