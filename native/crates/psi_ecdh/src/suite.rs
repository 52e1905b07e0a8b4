//! What the contract's suite stands for: a group, and the hash of tags and proofs.

use mihe_group::group::Group;
use mihe_group::hash::Domain;
use mihe_group::ristretto255::Ristretto255;
use mihe_group::sm2::Sm2;
use sha2::{Digest, Sha256};
use sm3::Sm3;

/// A suite (SPEC §3).
pub trait Suite: Send + Sync + 'static {
    /// The group, with its hash to it.
    type Group: Group;
    /// Of tags and proofs.
    type Hash: Digest + Clone + Send + Sync;
    /// For hashing items.
    const ITEM: Domain<'static>;
    /// For hashing dummies: a domain of their own, so that no item can ever be one.
    const DUMMY: Domain<'static>;
}

/// `psi-ecdh/ristretto255-SHA512`
pub enum Ristretto255Sha512 {}

impl Suite for Ristretto255Sha512 {
    type Group = Ristretto255;
    type Hash = Sha256;
    const ITEM: Domain<'static> =
        Domain::fixed(b"mihe-psi-ecdh-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_");
    const DUMMY: Domain<'static> =
        Domain::fixed(b"mihe-psi-ecdh-dummy-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_");
}

/// `psi-ecdh/SM2-SM3`
pub enum Sm2Sm3 {}

impl Suite for Sm2Sm3 {
    type Group = Sm2;
    type Hash = Sm3;
    const ITEM: Domain<'static> = Domain::fixed(b"mihe-psi-ecdh-V1-CS01-with-SM2_XMD:SM3_SSWU_RO_");
    const DUMMY: Domain<'static> =
        Domain::fixed(b"mihe-psi-ecdh-dummy-V1-CS01-with-SM2_XMD:SM3_SSWU_RO_");
}
