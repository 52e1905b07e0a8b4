//! AES under a fixed key, per block, on a slice that the second cache holds.
#![allow(missing_docs)] // the macros' functions

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mihe_fixed_key_aes::FixedKeyAes;

const BLOCKS: usize = 1 << 14;

fn blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fixed_key_aes");
    group.throughput(Throughput::Elements(BLOCKS as u64));
    let aes = FixedKeyAes::new(1);
    let mut blocks = vec![2; BLOCKS];
    group.bench_function("hash_each", |bencher| {
        bencher.iter(|| aes.hash_each(black_box(&mut blocks)));
    });
    group.bench_function("stream", |bencher| {
        bencher.iter(|| aes.stream(7, black_box(&mut blocks)));
    });
    group.finish();
}

criterion_group!(benches, blocks);
criterion_main!(benches);
