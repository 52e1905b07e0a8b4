//! The places of an owner's list, in which keys and dummies stand in an order of its own.

use mihe_group::list::vartime_first_repeated;
use mihe_group::secret::AttemptSecret;
use mihe_group::shuffle::permutation;

use crate::error::Fault;
use crate::setup::Setup;

/// Of each place the index of what stands there: of a key or, counted on behind the keys, of a dummy. `label` is what
/// the order is drawn under.
pub(crate) fn draw(
    secret: &AttemptSecret,
    label: &str,
    setup: &Setup,
    keys: &[&[u8]],
) -> Result<Vec<u32>, Fault> {
    let size = setup.own_size();
    if keys.len() > size {
        return Err(Fault::Caller("more keys than the size agreed"));
    }
    if vartime_first_repeated(keys).is_some() {
        return Err(Fault::Caller("two keys are equal"));
    }
    // No list is longer than MOST_TOKENS: every index fits 31 bits.
    let mut stream = secret.stream(&setup.run, label);
    Ok(permutation(&mut stream, size as u32))
}

/// The index of the key at each place, −1 for a dummy.
pub(crate) fn keys_at(places: &[u32], keys: usize) -> Vec<i32> {
    places
        .iter()
        .map(|&at| if (at as usize) < keys { at as i32 } else { -1 })
        .collect()
}
