//! A batch four elements at a time, with the integers of AVX2 (x86-64).
//!
//! * [`bound`]: why no sum overflows.
//! * [`field`]: integers modulo 2^255 − 19.
//! * [`point`]: Edwards curve, multiples by a secret.
//! * [`element`]: hash, decoding and encoding of ristretto255.
//!
//! Everything here gives the bytes that curve25519-dalek gives, which is the path elsewhere; tests compare them.

mod bound;
mod constants;
mod element;
mod field;
mod point;
#[cfg(test)]
mod tests;

use crate::group::{Encoded, Malformed};
use field::LANES;
use point::{Digits, Point4};

/// Proof that the processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Unit(());

/// One batch.
pub(super) struct Elements {
    unit: Unit,
    /// The last four are filled up with whatever.
    points: Vec<Point4>,
    count: usize,
}

impl Unit {
    pub(super) fn detect() -> Option<Self> {
        (cfg!(not(mihe_portable)) && is_x86_feature_detected!("avx2")).then_some(Self(()))
    }

    /// The one-way map of RFC 9496 §4.3.4, of each.
    pub(super) fn map_each(self, uniform: &[[u8; 64]]) -> Elements {
        // SAFETY: `self` exists only where `detect` found the instructions.
        let points = unsafe { map_each(uniform) };
        Elements {
            unit: self,
            points,
            count: uniform.len(),
        }
    }

    /// The elements, or the index of an encoding that is none, and why.
    pub(super) fn vartime_decode(
        self,
        encodings: &[Encoded],
    ) -> Result<Elements, (usize, Malformed)> {
        // SAFETY: `self` exists only where `detect` found the instructions.
        let points = unsafe { vartime_decode(encodings) }?;
        Ok(Elements {
            unit: self,
            points,
            count: encodings.len(),
        })
    }
}

impl Elements {
    /// The encodings of the elements times `half` of a scalar, twice.
    pub(super) fn multiply(&self, half: &[u8; 32]) -> Vec<Encoded> {
        let Unit(()) = self.unit;
        // SAFETY: the batch's `Unit` exists only where `detect` found the instructions.
        let mut products = unsafe { multiply(&self.points, half) };
        products.truncate(self.count);
        products
    }
}

/// A chunk of at most [`LANES`], filled up with `other`.
fn filled<'a, T>(chunk: &'a [T], other: &'a T) -> [&'a T; LANES] {
    core::array::from_fn(|at| chunk.get(at).unwrap_or(other))
}

#[target_feature(enable = "avx2")]
fn map_each(uniform: &[[u8; 64]]) -> Vec<Point4> {
    let mut points = Vec::with_capacity(uniform.len().div_ceil(LANES));
    for chunk in uniform.chunks(LANES) {
        points.push(element::one_way_map(filled(chunk, &[0; 64])));
    }
    points
}

#[target_feature(enable = "avx2")]
fn vartime_decode(encodings: &[Encoded]) -> Result<Vec<Point4>, (usize, Malformed)> {
    let mut points = Vec::with_capacity(encodings.len().div_ceil(LANES));
    for (chunk, start) in encodings.chunks(LANES).zip((0..).step_by(LANES)) {
        let (valid, point) = element::decode(filled(chunk, &[0; 32]));
        for ((encoding, valid), at) in chunk.iter().zip(valid.lanes()).zip(start..) {
            if !valid || !is_canonical(encoding) {
                return Err((at, Malformed::NotCanonical));
            }
            if *encoding == [0; 32] {
                return Err((at, Malformed::Identity));
            }
        }
        points.push(point);
    }
    Ok(points)
}

#[target_feature(enable = "avx2")]
fn multiply(points: &[Point4], half: &[u8; 32]) -> Vec<Encoded> {
    let digits = Digits::of(half);
    let mut products = Vec::with_capacity(points.len());
    for point in points {
        products.push(point.multiple(&digits));
    }
    element::encode_doubles(&products).into_flattened()
}

/// Whether an encoding is an integer below p, and "not negative": even (RFC 9496 §4.3.1, step 1).
fn is_canonical(encoding: &Encoded) -> bool {
    const P: Encoded = {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed;
        bytes[31] = 0x7f;
        bytes
    };
    encoding[0] & 1 == 0 && encoding.iter().rev().lt(P.iter().rev())
}
