//! The star of three and more parties: keys between its parties, and stores that the pivot gathers.

use mihe_group::secret::AttemptSecret;
use mihe_psi_star::{Fault, Items, Keys, Setup};

use crate::altered::Altering;

const SIZE: usize = 24;
const SETUP: Setup = Setup {
    run: [9; 32],
    contributors: 2,
};

/// A key and the store of either contributor.
pub fn play(data: &[u8]) {
    if let Err(fault) = run(&Altering::one_of(3, data)) {
        assert!(matches!(fault, Fault::Peer(_)), "{fault:?}");
    }
}

fn run(altering: &Altering<'_>) -> Result<(), Fault> {
    let secret = |label| AttemptSecret::from_bytes([label; 32]);
    let of_receiver = Keys::draw(&secret(1), &SETUP.run, 2);
    let between = Keys::draw(&secret(2), &SETUP.run, 1);
    let mut gathering = Items::new(SETUP, &numbers(5..20)).gather();
    for (place, set) in [numbers(0..24), numbers(8..15)].iter().enumerate() {
        let receivers = of_receiver.as_bytes()[place];
        let other = between.as_bytes()[0].to_vec();
        // The second one has the key between them from the first.
        let other = if place == 1 {
            altering.of(2, &other)
        } else {
            other
        };
        let keys = Keys::from_bytes(&[receivers.to_vec(), other])?;
        let store = Items::new(SETUP, set).store(&secret(3 + place as u8), SIZE, &keys)?;
        gathering = gathering.add(SIZE, &altering.of(place, &store))?;
    }
    let theirs = gathering.compared()?;
    let mine = Items::new(SETUP, &numbers(0..30)).compared(&of_receiver)?;
    let theirs = theirs.as_chunks::<16>().0;
    for (number, block) in mine.as_chunks::<16>().0.iter().enumerate() {
        assert!(
            (8..15).contains(&number) || !theirs.contains(block),
            "{number}"
        );
    }
    Ok(())
}

fn numbers(range: core::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}
