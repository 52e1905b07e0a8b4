//! What becomes of the outputs of both sides: the tags that are compared and, against an active adversary, proofs of matches.
//!
//! Between parties that follow the protocol a tag is AES_tag(z) ⊕ z of an output z. A sender that deviates could look for
//! a z that is the output of many items; so there a tag is the first half of a SHA-256 over z and the item's block, a whole block
//! wide, and stands for one item. The other half is known only to who has that output of that item: by it the receiver proves
//! to the sender what it says is common.

use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use mihe_group::secret::RunId;
use mihe_vole::Adversary;
use rayon::prelude::*;
use sha2::{Digest, Sha256, Sha512};

use crate::setup::Setup;

/// Outputs that one task hashes at least.
const TASK: usize = 1024;

/// Bytes of what proves all matches.
pub(crate) const PROOF: usize = 32;

/// What is made of a list of items.
pub(crate) struct Hashed {
    pub(crate) tags: Vec<u128>,
    /// What proves a match of each, if matches are proved.
    pub(crate) proofs: Option<Vec<u128>>,
}

/// The tags of these outputs, in order; `blocks` are their items'.
pub(crate) fn hash(setup: &Setup, blocks: &[u128], outputs: Vec<Gf128>) -> Hashed {
    let mut outputs: Vec<u128> = bytemuck::allocation::cast_vec(outputs);
    match setup.against {
        Adversary::SemiHonest => {
            FixedKeyAes::new(setup.public_key(b"tag")).hash_each(&mut outputs);
            Hashed {
                tags: outputs,
                proofs: None,
            }
        }
        Adversary::Active => {
            let hash = OutputHash::new(&setup.run);
            let halves = (outputs.into_par_iter().zip(blocks))
                .with_min_len(TASK)
                .map(|(output, &block)| hash.halves(output, block));
            let (tags, proofs) = halves.unzip();
            let proofs = setup.both.then_some(proofs);
            Hashed { tags, proofs }
        }
    }
}

/// The hash of a bucket's outputs.
struct OutputHash(Sha256);

impl OutputHash {
    fn new(run: &RunId) -> Self {
        // As long as a block of SHA-256, so that every output costs one compression.
        let key = Sha512::new()
            .chain_update(b"mihe/psi-rr22/output/v1")
            .chain_update(run)
            .finalize();
        Self(Sha256::new().chain_update(key))
    }

    fn halves(&self, output: u128, block: u128) -> (u128, u128) {
        let digest: [u8; 32] = self
            .0
            .clone()
            .chain_update(output.to_le_bytes())
            .chain_update(block.to_le_bytes())
            .finalize()
            .into();
        let [first, second]: [[u8; 16]; 2] = bytemuck::must_cast(digest);
        (u128::from_le_bytes(first), u128::from_le_bytes(second))
    }
}

/// What shows that all of these matches are true, in the order of their tags.
pub(crate) fn prove(setup: &Setup, proofs: impl Iterator<Item = u128>) -> [u8; PROOF] {
    let mut hash = Sha256::new()
        .chain_update(b"mihe/psi-rr22/common/v1")
        .chain_update(setup.run);
    for proof in proofs {
        hash.update(proof.to_le_bytes());
    }
    hash.finalize().into()
}
