//! The parts of a silent VOLE: trees and code per element of one piece, and the four steps of a whole one for 2^20 keys.
//! `RAYON_NUM_THREADS=1` measures one core.
#![allow(missing_docs)] // the macros' functions
#![allow(clippy::expect_used)] // both parties are here

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mihe_gf128::Gf128;
use mihe_vole::code::Code;
use mihe_vole::trees::{Children, Forest};
use mihe_vole::{Adversary, Agreed, PublicKeys, Receiver, Sender, Stream};

/// Trees of a piece, and leaves of a tree.
const TREES: usize = 128;
const FOREST: Forest = Forest { leaves: 3072 };
/// Columns of a store of 2^20 keys.
const LONG: usize = 1_373_600;

fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("vole/piece");
    let made = TREES * FOREST.leaves / 2;
    group.throughput(Throughput::Elements(made as u64));
    let children = Children::new([1, 2]);
    let mut leaves = vec![0; TREES * FOREST.leaves];
    let mut sums = vec![[0; 2]; TREES * FOREST.depth()];
    group.bench_function("trees grown", |bencher| {
        bencher.iter(|| FOREST.grow(&children, &[5; TREES], &mut leaves, &mut sums));
    });
    let known: Vec<u128> = sums.iter().map(|sums| sums[0]).collect();
    group.bench_function("trees grown but for a point each", |bencher| {
        bencher.iter(|| FOREST.regrow(&children, &[5; TREES], &known, &mut leaves));
    });
    let code = Code::new(made, 1);
    let (mut noise, mut result) = (vec![Gf128(3); made], vec![Gf128(4); made]);
    group.bench_function("code", |bencher| {
        bencher.iter(|| code.encode(&mut noise, &mut result));
    });
    group.finish();
}

fn agreed() -> Agreed {
    let keys = PublicKeys {
        children: [1, 2],
        code: 3,
    };
    Agreed::new([4; 32], LONG, keys, Adversary::SemiHonest).expect("a length")
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("vole/2^20 keys");
    group.sample_size(10);
    let stream = |label| Stream::from_seed([label; 32]);
    let begin = || Sender::begin(agreed(), stream(1));
    let reply = |base: &[u8]| Receiver::reply(agreed(), stream(2), base).expect("points");
    let (_, base) = begin();
    let (_, answer) = reply(&base);
    let (_, trees) = begin().0.finish(&answer).expect("a reply");
    group.bench_function("base points", |bencher| bencher.iter(begin));
    group.bench_function("reply", |bencher| bencher.iter(|| reply(&base)));
    group.bench_function("sender's end", |bencher| {
        bencher.iter_batched(
            begin,
            |(sender, _)| sender.finish(&answer),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("receiver's end", |bencher| {
        bencher.iter_batched(
            || reply(&base).0,
            |receiver| receiver.finish(&trees),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, parts, steps);
criterion_main!(benches);
