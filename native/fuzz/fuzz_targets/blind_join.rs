#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mihe_hostile_messages::blind_join::play(data));
