//! What hashing to any group begins with: domains, and uniform bytes from a message (RFC 9380 §5).

use sha2::Digest;
use sha2::digest::Output;
use sha2::digest::common::BlockSizeUser;

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

/// Implements expand_message_xmd of RFC 9380 §5.3.1. The message is `parts` in a row.
///
/// `None` if `out` has no bytes or more than 255 digests.
pub fn expand_message_xmd<H: Digest + BlockSizeUser>(
    domain: Domain<'_>,
    parts: &[&[u8]],
    out: &mut [u8],
) -> Option<()> {
    let blocks = u8::try_from(out.len().div_ceil(<H as Digest>::output_size())).ok()?;
    if blocks == 0 {
        return None;
    }
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    // At most 255 bytes, by construction of `Domain`.
    let domain_length = [domain.0.len() as u8];

    let mut first = H::new().chain_update(sha2::digest::common::Block::<H>::default());
    for part in parts {
        first.update(part);
    }
    let first = first
        .chain_update(length)
        .chain_update([0])
        .chain_update(domain.0)
        .chain_update(domain_length)
        .finalize();

    let mut block = Output::<H>::default();
    for (index, chunk) in (1..=blocks).zip(out.chunks_mut(block.len())) {
        for (byte, other) in block.iter_mut().zip(first.iter()) {
            *byte ^= other;
        }
        block = H::new()
            .chain_update(block)
            .chain_update([index])
            .chain_update(domain.0)
            .chain_update(domain_length)
            .finalize();
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Sha512;

    #[test]
    fn a_domain_has_1_to_255_bytes() {
        assert!(Domain::new(b"").is_none());
        assert!(Domain::new(&[7; 255]).is_some());
        assert!(Domain::new(&[7; 256]).is_none());
    }

    #[test]
    fn lengths_out_of_range_are_refused() {
        let expand =
            |out: &mut [u8]| expand_message_xmd::<Sha512>(Domain::fixed(b"test"), &[], out);
        assert!(expand(&mut []).is_none());
        assert!(expand(&mut vec![0; 255 * 64]).is_some());
        assert!(expand(&mut vec![0; 255 * 64 + 1]).is_none());
    }
}
