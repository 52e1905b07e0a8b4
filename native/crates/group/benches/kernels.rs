//! The steps of one batch in either group, on one core: what an item of ECDH or of the blind join is made of.
#![allow(missing_docs)] // the macros' functions
#![allow(clippy::expect_used)] // the encodings are ours

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mihe_group::group::Group;
use mihe_group::hash::Domain;
use mihe_group::ristretto255::Ristretto255;
use mihe_group::sm2::Sm2;

/// Elements of a batch, as lists are worked on.
const BATCH: u8 = 64;
const DOMAIN: Domain<'static> = Domain::fixed(b"mihe-group-kernels");

fn steps<G: Group>(criterion: &mut Criterion, name: &str) {
    let inputs: Vec<[u8; 18]> = (0..BATCH).map(|at| [at; 18]).collect();
    let factor = G::wide_factor(&[7; 64]).expect("not zero");
    let elements = G::hash(DOMAIN, &[1; 32], &inputs);
    let encodings = G::multiply(&elements, &factor);

    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH.into()));
    group.bench_function("hash", |bencher| {
        bencher.iter(|| G::hash(DOMAIN, &[1; 32], &inputs));
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| G::vartime_decode(&encodings).expect("elements"));
    });
    group.bench_function("multiply and encode", |bencher| {
        bencher.iter(|| G::multiply(&elements, &factor));
    });
    group.finish();
}

fn ristretto255(criterion: &mut Criterion) {
    steps::<Ristretto255>(criterion, "group/ristretto255");
}

fn sm2(criterion: &mut Criterion) {
    steps::<Sm2>(criterion, "group/sm2");
}

criterion_group!(benches, ristretto255, sm2);
criterion_main!(benches);
