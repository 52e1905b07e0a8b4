"""What it costs not to show the keys: ECDH intersection against `set &` over SHA-256 digests.

Both compute the same intersection of the same keys in this process, both roles one after the other.
Comparing hashes is what people do without a protocol; it hides nothing, since keys can be guessed.
The ratio is the figure: best of a few rounds of each, alternating. It holds no network time.
"""

import argparse
from collections.abc import Callable, Sequence
from hashlib import sha256
from random import Random
from secrets import token_bytes
from time import perf_counter

from psi.ecdh.parameters import RUN_ID_BYTES, Parameters
from psi.ecdh.receiver import Fresh as Receiver
from psi.ecdh.sender import Fresh as Sender
from psi.step import Intersection

Keys = Sequence[bytes]


def by_ecdh(own: Keys, other: Keys) -> set[bytes]:
    """Receiver's own keys that the sender has too; no key is shown to the other role."""
    size = 1 << (max(len(own), len(other)) - 1).bit_length()
    parameters = Parameters(
        run_id=token_bytes(RUN_ID_BYTES),
        receiver_size=size,
        sender_size=size,
        mode="intersection",
        both=False,
    )
    receiver, blinded = Receiver(parameters, own).begin()
    sender, _ = Sender(parameters, other).begin()
    _, evaluated = sender.advance(blinded)
    finished, _ = receiver.advance(evaluated)
    assert isinstance(finished.result, Intersection)
    return {own[position] for position in finished.result.positions}


def by_digests(own: Keys, other: Keys) -> set[bytes]:
    """The same, by digests that anyone who can list all possible keys can reverse."""
    mine = {sha256(key).digest(): key for key in own}
    return {mine[digest] for digest in mine.keys() & {sha256(key).digest() for key in other}}


def seconds(run: Callable[[Keys, Keys], set[bytes]], own: Keys, other: Keys) -> float:
    start = perf_counter()
    run(own, other)
    return perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=2**14, help="keys on each side")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    drawn = Random(1).sample(range(10**12), arguments.keys * 3 // 2)
    keys = [b"declaration:%018d" % number for number in drawn]
    own, other = keys[: arguments.keys], keys[-arguments.keys :]
    common = by_digests(own, other)
    if by_ecdh(own, other) != common:
        raise SystemExit("the two ways disagree: no figure")

    rounds = range(arguments.rounds)
    times = [(seconds(by_ecdh, own, other), seconds(by_digests, own, other)) for _ in rounds]
    ecdh, digests = (min(column) for column in zip(*times, strict=True))
    print(f"{arguments.keys} keys on each side, {len(common)} in both, best of {arguments.rounds}")
    print(f"  ECDH intersection     {ecdh:9.4f} s")
    print(f"  set & over SHA-256    {digests:9.4f} s")
    print(f"  ratio                 {ecdh / digests:9.1f}")


if __name__ == "__main__":
    main()
