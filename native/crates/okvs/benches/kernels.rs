//! Placing, encoding and decoding 2^17 and 2^20 keys, per key. `RAYON_NUM_THREADS=1` measures one core.
#![allow(missing_docs)] // the macros' functions
#![allow(clippy::expect_used)] // fixed keys

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mihe_fixed_key_aes::FixedKeyAes;
use mihe_gf128::Gf128;
use mihe_okvs::{Fill, Placement, Shape, decode, encode};

fn blocks(label: u128, count: usize) -> Vec<u128> {
    let mut blocks = vec![0; count];
    FixedKeyAes::new(label).stream(0, &mut blocks);
    blocks
}

fn stores(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("okvs");
    group.sample_size(10);
    for log_keys in [17, 20] {
        let keys = blocks(1, 1 << log_keys);
        let values: Vec<Gf128> = blocks(2, keys.len()).into_iter().map(Gf128).collect();
        let shape = Shape::new(keys.len(), 42).expect("a shape");
        let random: Vec<Gf128> = blocks(3, shape.len()).into_iter().map(Gf128).collect();
        let placement = Placement::new(shape, 4);
        let placed = placement.place(&keys);
        let store = encode(&placed, &values, &Fill::Zero).expect("a store");
        group.throughput(Throughput::Elements(keys.len() as u64));
        let named = |what| BenchmarkId::new(what, format!("2^{log_keys}"));
        group.bench_function(named("place"), |bencher| {
            bencher.iter(|| placement.place(&keys));
        });
        group.bench_function(named("encode"), |bencher| {
            bencher.iter(|| encode(&placed, &values, &Fill::Zero));
        });
        group.bench_function(named("encode filled"), |bencher| {
            bencher.iter(|| encode(&placed, &values, &Fill::Random(&random)));
        });
        group.bench_function(named("decode"), |bencher| {
            bencher.iter(|| decode(&placed, &store));
        });
    }
    group.finish();
}

criterion_group!(benches, stores);
criterion_main!(benches);
