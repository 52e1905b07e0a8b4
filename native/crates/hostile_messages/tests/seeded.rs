//! Every target on bytes from a generator with a known seed: what `make fuzz` does longer, and guided by coverage.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use mihe_hostile_messages::TARGETS;

/// Inputs for each target: those with a VOLE take longer.
fn rounds(target: &str) -> u32 {
    match target {
        "vole" | "psi_rr22" => 40,
        _ => 200,
    }
}

#[test]
fn no_altered_message_brings_a_party_down_or_to_a_wrong_result() {
    let mut random = ChaCha20Rng::from_seed([17; 32]);
    for (name, play) in TARGETS {
        play(&[]);
        for _ in 0..rounds(name) {
            // Short inputs: a message with few edits is read further than one with many.
            let mut data = vec![0; 3 + 4 * (random.next_u32() % 4) as usize];
            random.fill_bytes(&mut data);
            play(&data);
        }
    }
}
