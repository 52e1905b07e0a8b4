//! The silent vector OLE: base points, the reply with extended transfers, and the trees.

use mihe_vole::{Adversary, Agreed, PublicKeys, Receiver, Refused, Sender, Stream};

use crate::altered::Altering;

/// One of the three messages. Other contents of the right length make other vectors, and are not noticed: it is semi-honest.
pub fn play(data: &[u8]) {
    let altering = Altering::one_of(3, data);
    // Whoever reads it is told, and nothing else can go wrong.
    let _: Result<(), Refused> = run(&altering);
}

fn run(altering: &Altering<'_>) -> Result<(), Refused> {
    const LENGTH: usize = 300;
    let agreed = || {
        let keys = PublicKeys {
            children: [1, 2],
            code: 3,
        };
        Agreed::new([7; 32], LENGTH, keys, Adversary::SemiHonest).unwrap()
    };
    let stream = |label| Stream::from_seed([label; 32]);
    let (sender, points) = Sender::begin(agreed(), stream(1));
    let points = altering.of(0, &points);
    let (receiver, reply) = Receiver::reply(agreed(), stream(2), &points)?;
    let (sent, trees) = sender.finish(&altering.of(1, &reply))?;
    let arrived = altering.of(2, &trees);
    let received = receiver.finish(&arrived)?;
    assert_eq!(
        [sent.b.len(), received.a.len(), received.c.len()],
        [LENGTH; 3]
    );
    if altering.is(2) && arrived == trees {
        for ((&a, &c), &b) in received.a.iter().zip(&received.c).zip(&sent.b) {
            assert!(c == a * sent.delta + b);
        }
    }
    Ok(())
}
