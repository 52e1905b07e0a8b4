//! Hashing to ristretto255: `ristretto255_XMD:SHA-512_R255MAP_RO_` of RFC 9380 appendix B, which is
//! HashToGroup of RFC 9497 §4.1.
//!
//! expand_message_xmd with SHA-512 (RFC 9380 §5.3.1) gives 64 uniform bytes, the one-way map of
//! RFC 9496 §4.3.4 an element. Never a hash used as a coordinate: that leaks a bit of the hash.
//! Not for passwords: hashing is not slow here.

use curve25519_dalek::ristretto::RistrettoPoint;
use sha2::{Digest, Sha512};

/// Bytes that the one-way map takes.
pub const UNIFORM: usize = 64;

const DIGEST: usize = 64;
const BLOCK: usize = 128;

/// A domain separation tag: 1 to 255 bytes, one for each use of the hash.
#[derive(Clone, Copy)]
pub struct Domain<'a>(&'a [u8]);

impl<'a> Domain<'a> {
    /// `None` unless `tag` has 1 to 255 bytes; longer ones (RFC 9380 §5.3.3) have no use here.
    pub const fn new(tag: &'a [u8]) -> Option<Self> {
        if tag.is_empty() || tag.len() > 255 {
            return None;
        }
        Some(Self(tag))
    }

    /// The domain named by `tag`; for constants, where a wrong length stops the build.
    ///
    /// # Panics
    /// Unless `tag` has 1 to 255 bytes.
    #[allow(clippy::panic)] // only reachable in a constant, while compiling
    pub const fn fixed(tag: &'a [u8]) -> Self {
        match Self::new(tag) {
            Some(domain) => domain,
            None => panic!("a domain separation tag has 1 to 255 bytes"),
        }
    }
}

/// Implements expand_message_xmd of RFC 9380 §5.3.1 with SHA-512. The message is `parts` in a row.
///
/// `None` if `out` has no bytes or more than 255 × 64.
pub fn expand_message_xmd(domain: Domain<'_>, parts: &[&[u8]], out: &mut [u8]) -> Option<()> {
    let blocks = u8::try_from(out.len().div_ceil(DIGEST)).ok()?;
    if blocks == 0 {
        return None;
    }
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    // At most 255 bytes, by construction of `Domain`.
    let domain_length = [domain.0.len() as u8];

    let mut first = Sha512::new().chain_update([0; BLOCK]);
    for part in parts {
        first.update(part);
    }
    let first = first
        .chain_update(length)
        .chain_update([0])
        .chain_update(domain.0)
        .chain_update(domain_length)
        .finalize();

    let mut block = [0; DIGEST];
    for (index, chunk) in (1..=blocks).zip(out.chunks_mut(DIGEST)) {
        for (byte, other) in block.iter_mut().zip(first.iter()) {
            *byte ^= other;
        }
        block = Sha512::new()
            .chain_update(block)
            .chain_update([index])
            .chain_update(domain.0)
            .chain_update(domain_length)
            .finalize()
            .into();
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
    Some(())
}

/// Implements the one-way map of RFC 9496 §4.3.4.
pub fn map_to_group(uniform: &[u8; UNIFORM]) -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(uniform)
}

/// Implements HashToGroup of RFC 9497 §4.1 (ristretto255, SHA-512). The message is `parts` in a row.
pub fn hash_to_group(domain: Domain<'_>, parts: &[&[u8]]) -> RistrettoPoint {
    let mut uniform = [0; UNIFORM];
    // 64 bytes are one block, which is never refused.
    let expanded = expand_message_xmd(domain, parts, &mut uniform);
    debug_assert!(expanded.is_some());
    map_to_group(&uniform)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_one_message() {
        let domain = Domain::fixed(b"test");
        assert_eq!(
            hash_to_group(domain, &[b"ab", b"", b"c"]),
            hash_to_group(domain, &[b"abc"])
        );
    }

    #[test]
    fn domains_give_unrelated_elements() {
        assert_ne!(
            hash_to_group(Domain::fixed(b"one"), &[b"x"]),
            hash_to_group(Domain::fixed(b"two"), &[b"x"])
        );
    }

    #[test]
    fn a_domain_has_1_to_255_bytes() {
        assert!(Domain::new(b"").is_none());
        assert!(Domain::new(&[7; 255]).is_some());
        assert!(Domain::new(&[7; 256]).is_none());
    }

    #[test]
    fn lengths_out_of_range_are_refused() {
        let domain = Domain::fixed(b"test");
        assert!(expand_message_xmd(domain, &[], &mut []).is_none());
        assert!(expand_message_xmd(domain, &[], &mut vec![0; 255 * 64]).is_some());
        assert!(expand_message_xmd(domain, &[], &mut vec![0; 255 * 64 + 1]).is_none());
    }
}
