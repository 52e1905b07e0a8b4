//! That the extended transfers are of one set of choices, whoever made them.
//!
//! Roy, "SoftSpokenOT" (CRYPTO 2022, ePrint 2022/192), its subspace VOLE against a malicious sender: every plane of bits is
//! hashed by one universal hash over GF(2), and who chose shows the hash of its choices and of its planes. Where w_p = v_p +
//! Δ_p·u for one u, the hashes are so related too. Here a plane of 128-bit words P_1 … P_n and Q_1, Q_2 is hashed to P_1·χ +
//! P_2·χ² + … + Q at two points χ of GF(2^128), and the points come from a hash of all that was sent before (Fiat and Shamir),
//! so that there is no message more.
//!
//! Two different planes have one hash with probability (n / 2^128)². So who is not caught knew, of every tree whose choices are
//! not those of the others, in which part of its places the one lies that Δ chose; and is caught if it was wrong
//! (docs/decisions/0026). The choices of Q are random and for nothing else, so that the hash of the choices shows nothing.

use mihe_gf128::Gf128;
use mihe_group::secret::RunId;
use sha2::{Digest, Sha256};

use crate::extension::{BASE, Planes};
use crate::refused::Refused;

const TAG: &[u8] = b"mihe/ot-extension/check/v1";
const POINTS: usize = 2;

/// Words at the end of each plane that only hide the others.
pub(crate) const HIDING: usize = POINTS;
/// Blocks of a proof: of the choices, and of each plane.
pub(crate) const BLOCKS: usize = POINTS * (1 + BASE);

/// Where planes are hashed.
pub(crate) struct Points([Gf128; POINTS]);

impl Points {
    /// From what was sent before: the base points, the point of the reply, the extended transfers.
    pub(crate) fn of(run: &RunId, sent: [&[u8]; 3]) -> Self {
        let mut hash = Sha256::new().chain_update(TAG).chain_update(run);
        for part in sent {
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let point = |at: usize| {
            let mut block = [0; 16];
            block.copy_from_slice(&digest[16 * at..][..16]);
            Gf128(u128::from_le_bytes(block))
        };
        Self([point(0), point(1)])
    }

    fn hash(&self, plane: &[u128]) -> [u128; POINTS] {
        let (words, hiding) = plane.split_at(plane.len() - HIDING);
        let mut hashes = [0; POINTS];
        for ((hash, &point), hide) in hashes.iter_mut().zip(&self.0).zip(hiding) {
            let sum = words
                .iter()
                .rev()
                .fold(Gf128::ZERO, |sum, &word| (sum + Gf128(word)) * point);
            *hash = sum.0 ^ hide;
        }
        hashes
    }

    /// What who chose shows: the hash of its choices, and of each of its planes.
    pub(crate) fn prove(&self, choices: &[u128], planes: &Planes) -> Vec<u128> {
        let planes = planes.each().iter().flat_map(|plane| self.hash(plane));
        self.hash(choices).into_iter().chain(planes).collect()
    }

    /// Whether that fits the planes of who has Δ. The time depends on nothing secret.
    pub(crate) fn verify(
        &self,
        delta: u128,
        planes: &Planes,
        proof: &[u128],
    ) -> Result<(), Refused> {
        let (of_choices, of_planes) = proof.split_at(POINTS);
        let mut wrong = 0;
        for (bit, (plane, shown)) in planes
            .each()
            .iter()
            .zip(of_planes.chunks_exact(POINTS))
            .enumerate()
        {
            let mask = 0u128.wrapping_sub(delta >> bit & 1);
            for ((own, shown), choices) in self.hash(plane).iter().zip(shown).zip(of_choices) {
                wrong |= own ^ shown ^ (choices & mask);
            }
        }
        if proof.len() == BLOCKS && wrong == 0 {
            Ok(())
        } else {
            Err(Refused::Transfers)
        }
    }
}
