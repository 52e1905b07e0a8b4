#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mihe_hostile_messages::psi_rr22::play(data));
