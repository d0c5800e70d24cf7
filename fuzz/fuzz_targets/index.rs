//! `git_gt::ledger::fuzz::index` on bytes that libFuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| git_gt::ledger::fuzz::index(bytes));
