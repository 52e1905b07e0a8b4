"""A member's secrets in one attempt: its key, the seeds of its self-masks, and what pairs share.

Implements  federated/SPEC.md §5.2: X25519 (RFC 7748), HKDF-SHA-256 (RFC 5869), ChaCha20-Poly1305
            (RFC 8439), from the cryptography library, which draws from the operating system
Secrets     live in this process alone, are never written or pickled, and end with the attempt. What
            pairs share leaves it in no message at all: it masks and it seals. Python can't promise
            to wipe memory.
Guards      words are masked once, seeds leave once: a second time is a defect, whoever asks
"""

import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from contract.errors import BadMessage, MiheError, OurError
from federated.stream import stream
from federated.union.masks import counts_of, key_for, sums_of
from federated.union.parameters import SEED_BYTES, Attempt
from federated.union.shamir import PRIME, SHARE_BYTES, split
from federated.unserialised import Unserialised
from federated.words import Words, added, subtracted

_NONCE: Final = bytes(12)


class MemberKey(Unserialised):
    """A fresh key, before the others' keys are known."""

    __slots__ = ("_attempt", "_key", "_me")

    def __init__(self, attempt: Attempt, me: str) -> None:
        self._attempt, self._me = attempt, me
        self._key = X25519PrivateKey.generate()

    @property
    def public(self) -> bytes:
        """What the others are told."""
        return self._key.public_key().public_bytes_raw()

    def meet(self, keys: Mapping[str, bytes]) -> "MemberSecret":
        """The secrets of the attempt, of every member's key. BadMessage for one that is none."""
        shared = {}
        for peer in self._attempt.others(self._me):
            try:
                point = self._key.exchange(X25519PublicKey.from_public_bytes(keys[peer]))
            except (ValueError, KeyError):  # of low order, or of another length
                raise _bad(peer, "the key of an attempt is none, or is missing") from None
            # Names and keys are in it, so that nobody can pass off another's key as its own.
            ends = sorted([(self._me, self.public), (peer, keys[peer])])
            purpose = b"pair\0" + b"\0".join(org.encode() + b"\0" + key for org, key in ends)
            shared[peer] = key_for(point, self._attempt, purpose)
        return MemberSecret(self._attempt, self._me, shared)


class MemberSecret(Unserialised):
    """What one member needs from its contribution to its release."""

    __slots__ = ("_attempt", "_counts", "_given", "_me", "_pairs", "_sums")

    def __init__(self, attempt: Attempt, me: str, pairs: dict[str, bytes]) -> None:
        self._attempt, self._me, self._pairs = attempt, me, pairs
        self._counts = secrets.token_bytes(SEED_BYTES)
        self._sums = secrets.token_bytes(SEED_BYTES)
        self._given: set[str] = set()

    def masked(self, words: Words) -> Words:
        """The member's words under its own mask and one for every other member."""
        self._once("words")
        attempt, cells = self._attempt, self._attempt.cells
        result = words.copy()
        result[:cells] = added(words[:cells], counts_of(self._counts, attempt))
        result[cells:] = added(words[cells:], sums_of(self._sums, attempt))
        own = attempt.members.index(self._me)
        for place, peer in enumerate(attempt.members):
            if place == own:
                continue
            mask = stream(self._purpose(peer, b"mask"), attempt.words)
            result = added(result, mask) if place > own else subtracted(result, mask)
        return result

    def boxes(self) -> list[bytes]:
        """For every other member, in order, sealed: its shares of the two seeds."""
        self._once("shares")
        members = self._attempt.members
        counts, sums = self._split(self._counts), self._split(self._sums)
        return [
            self._seal(peer, b"shares", counts[place] + sums[place])
            for place, peer in enumerate(members)
            if peer != self._me
        ]

    def _split(self, seed: bytes) -> list[bytes]:
        members, threshold = self._attempt.members, self._attempt.threshold
        coefficients = [secrets.randbelow(PRIME) for _ in range(threshold - 1)]
        return split(seed, len(members), coefficients)

    def shares_in(self, peer: str, box: bytes) -> tuple[bytes, bytes]:
        """A peer's sealed shares for this member: of its seed for counts, and for sums."""
        both = self._unseal(peer, b"shares", box)
        return both[:SHARE_BYTES], both[SHARE_BYTES:]

    def count_seed(self) -> bytes:
        """What opens this member's part of the counts, once all others' are there."""
        self._once("counts")
        return self._counts

    def sum_mask(self) -> Words:
        """The self-mask of this member's sums, of which the passing cells' words are released."""
        self._once("sums")
        return sums_of(self._sums, self._attempt)

    def seal_opening(self, opening: bytes) -> bytes:
        """What opens the passing cells, for the receiver alone."""
        self._once("opening")
        return self._seal(self._attempt.receiver, b"opening", opening)

    def seal_shares(self, shares: bytes) -> bytes:
        """Shares of the seeds of sums of those who are gone, for the receiver alone."""
        self._once("shares of the absent")
        return self._seal(self._attempt.receiver, b"absent", shares)

    def shares_of(self, peer: str, sealed: bytes) -> bytes:
        """The same, at the receiver."""
        return self._unseal(peer, b"absent", sealed)

    def opening_of(self, peer: str, sealed: bytes) -> bytes:
        """The same, at the receiver."""
        return self._unseal(peer, b"opening", sealed)

    def _once(self, what: str) -> None:
        if what in self._given:
            raise OurError("a secret was about to be used twice", fix="Report this.")
        self._given.add(what)

    def _purpose(self, peer: str, purpose: bytes) -> bytes:
        return key_for(self._pairs[peer], self._attempt, purpose)

    def _seal(self, peer: str, purpose: bytes, plain: bytes) -> bytes:
        # Each key seals one message: sender and purpose are in it, and `_once` stands before it.
        key = self._purpose(peer, purpose + b"\0" + self._me.encode())
        return ChaCha20Poly1305(key).encrypt(_NONCE, plain, None)

    def _unseal(self, peer: str, purpose: bytes, sealed: bytes) -> bytes:
        key = self._purpose(peer, purpose + b"\0" + peer.encode())
        try:
            return ChaCha20Poly1305(key).decrypt(_NONCE, sealed, None)
        except InvalidTag:
            raise _bad(peer, "what a member sealed for another does not open") from None


def _bad(party: str, what: str) -> MiheError:
    return BadMessage(
        what,
        party=party,
        fix="That node, or the coordinator between, is not following the protocol: compare"
        " versions, and run the job again.",
        rule="federated/SPEC.md §5.2",
    )
