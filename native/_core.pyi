"""The Rust core. Long calls release the GIL and use all cores.

Every class holds secrets: no constructor, no field, no pickle, a repr without content. A method
consumes its object (`Serving.serve` its right to serve one owner; `Hashing` stays); a second use
raises `Spent`. The text of each exception is the core's own: counts and indices, never a key, a
point, a tag or a token.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, final

__all__ = [
    "SOURCE_DIGEST",
    "Answering",
    "Blinding",
    "CheckFailed",
    "Checking",
    "Defect",
    "Evaluation",
    "Finishing",
    "Growing",
    "Hashing",
    "Items",
    "Journey",
    "Masking",
    "Matching",
    "MessageRefused",
    "Misused",
    "PointRefused",
    "Replying",
    "Serving",
    "Sharing",
    "Spent",
    "StarGathering",
    "StarItems",
    "Tagging",
    "Taking",
    "Told",
    "blind",
    "canonical_keys",
    "distinct_keys",
    "ecdh_message_bytes",
    "hazmat_decode",
    "hazmat_expand_message",
    "hazmat_hash_to_group",
    "hazmat_map",
    "hazmat_multiply",
    "hazmat_panic",
    "hazmat_sm2_hash",
    "hazmat_sm2_multiply",
    "keyed_list",
    "plain_csv_columns",
    "rr22_await",
    "rr22_begin",
    "rr22_gather",
    "rr22_hashing",
    "rr22_outline",
    "rr22_share",
    "star_draw",
    "star_store_bytes",
    "star_take",
    "start_join",
]

SOURCE_DIGEST: Final[str]
"""Hex digest of the Rust sources that this binary was built from (native/binding/build.rs)."""

class Spent(RuntimeError):
    """A secret object was used a second time."""

class PointRefused(ValueError):
    """A peer sent a point that no honest party sends: not canonical, the identity, or repeated."""

class MessageRefused(ValueError):
    """A peer's message has a wrong length or a repeated tag."""

class CheckFailed(ValueError):
    """A peer's message does not fit what it sent before."""

class Misused(ValueError):
    """The caller broke the core's contract."""

class Defect(RuntimeError):
    """The core panicked, or the operating system gives no entropy."""

def ecdh_message_bytes(
    mode: Literal["intersection", "cardinality"], receiver_size: int, sender_size: int
) -> tuple[int, int, int, int]:
    """Bytes of the receiver's points, the tags, the sender's points, and what tells the sender.

    Raises Misused.
    """

def blind(
    run_id: bytes,
    curve: Literal["ristretto255", "sm2"],
    role: Literal["receiver", "sender"],
    mode: Literal["intersection", "cardinality"],
    receiver_size: int,
    sender_size: int,
    items: tuple[bytes, bytes],
) -> tuple[Blinding, bytes]:
    """Blind a set under a fresh secret: as many points of 32 bytes as agreed, shuffled.

    Of ristretto255 with SHA-512 and SHA-256, or of SM2's curve with SM3.

    `run_id` has 32 bytes, sizes are 1 to 2^20, dummies included. The items are distinct, and given
    in one piece with the end of each as a little-endian uint32. Raises Misused, Defect.
    """

@final
class Blinding:
    """First stage of either party: its set is out, the other's is awaited.

    `evaluate` is the sender's step, `positions` and `count` are the receiver's. Raise PointRefused,
    MessageRefused, Misused (the other's step, or the other mode's), Spent, Defect.
    """

    def evaluate(self, points: bytes) -> tuple[Evaluation, bytes]:
        """Multiply the receiver's points; the tags of the products.

        They are in the order of the points, in mode "cardinality" shuffled.
        """

    def positions(self, points: bytes, tags: bytes) -> tuple[list[int], bytes]:
        """Indices of the own items that both have, ascending, and what tells the sender."""

    def count(self, points: bytes, tags: bytes) -> tuple[int, bytes]:
        """How many items both have, and what tells the sender."""

@final
class Evaluation:
    """Second stage of a sender that learns, too: what the receiver matched is awaited.

    Raise MessageRefused, Misused (the other mode's step), Spent, Defect.
    """

    def positions(self, matched: bytes) -> list[int]:
        """Indices of the own items that both have, ascending."""

    def count(self, matched: bytes) -> int:
        """How many items both have."""

_Terms: TypeAlias = tuple[bytes, int, int, int, bool, bool]
"""A run of psi/rr22: id of 32 bytes, sizes of receiver, sender and bucket, whether both learn.

And whether peers that deviate are caught.
"""

def canonical_keys(kind: str, texts: tuple[bytes, bytes], issued: bytes) -> tuple[bytes, bytes]:
    """What each text of a column is as a key of this kind, and the keys, 18 bytes each or zeros.

    A byte for each text: 0 a key as it stands, 1 a key written otherwise, 2 not ASCII and not
    looked at, from 3 on the members of contract.keys.Reason in order. Texts are in one piece with
    the end of each. Those of the keys `issued`, 18 bytes each, whose check character alone is wrong
    are keys. Raises Misused.
    """

def distinct_keys(keys: tuple[bytes, bytes], rows: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """The distinct keys of a column, ascending; their ends; the rows of each; where those begin.

    Keys are in one piece with the end of each, and each has its row, which may be any number. All
    ends, rows and beginnings are little-endian uint32; the beginnings have the number of rows at
    their end. Raises Misused.
    """

def plain_csv_columns(
    lines: bytes, fields: int, wanted: Sequence[int], crlf: bool
) -> Sequence[tuple[bytes, bytes, bytes]] | None:
    """The columns `wanted` of whole lines of so many fields; None if the lines are not plain CSV.

    Of each column its texts in one piece, the end of each, and the places of the empty ones, both
    as little-endian 32-bit numbers. Lines are plain if they have no quotes, none is blank or longer
    than a mebibyte, all end alike and they are UTF-8 without NUL.
    """

def rr22_outline(terms: _Terms) -> tuple[int, Sequence[int]]:
    """How many buckets there are, and the bytes of the eight messages of each, in order.

    0 of those that are not sent. Raises Misused.
    """

def rr22_share(run_id: bytes) -> tuple[Sharing, bytes]:
    """What an owner gives to the key of the items: 32 bytes. Raises Defect."""

def rr22_hashing(run_id: bytes, receivers: bytes, senders: bytes) -> Hashing:
    """The hash of items under the shares of an earlier attempt, whose run id is given."""

def rr22_gather(parts: Sequence[tuple[bytes, bytes]], distinct: bool) -> Items:
    """The distinct items of one bucket, from pairs of blocks (16 bytes) and rows (uint32).

    Numbers are little-endian. Raises Misused, Defect.
    """

def rr22_await(terms: _Terms, bucket: int) -> Replying:
    """The receiver of a bucket, under a fresh secret. Raises Misused, Defect."""

def rr22_begin(terms: _Terms, bucket: int) -> tuple[Growing, bytes]:
    """The sender of a bucket, under a fresh secret; its base points. Raises Misused, Defect."""

@final
class Sharing:
    """An owner's half of the key of the items: the other's is awaited."""

    def hashing(self, others: bytes, is_receiver: bool) -> Hashing:
        """The hash under both; `others` has 32 bytes. Raises Spent."""

@final
class Hashing:
    """The hash of items under the owners' key."""

    def scatter(
        self, items: tuple[bytes, bytes], first_row: int, buckets: int
    ) -> tuple[Sequence[int], bytes, bytes]:
        """Blocks and rows by buckets, and where each bucket begins, and the last ends.

        The items are given in one piece, with the end of each as a little-endian uint32; the i-th
        stands in the row `first_row` + i. Raises Misused, Defect.
        """

@final
class Items:
    """Distinct items of one bucket and their rows; taken once."""

    def __len__(self) -> int: ...

@final
class Replying:
    """The receiver of a bucket: the base points are awaited."""

    def reply(self, base_points: bytes) -> tuple[Finishing, bytes]:
        """The receiver's part of the VOLE. Raises PointRefused, MessageRefused, Spent, Defect."""

@final
class Finishing:
    """The receiver in the middle of the VOLE: the trees are awaited."""

    def finish(self, trees: bytes) -> Masking:
        """End the VOLE unchecked. Raises MessageRefused, Misused, Spent, Defect."""

    def challenge(self, trees: bytes) -> tuple[Checking, bytes]:
        """Ask whether they are those of one VOLE. Raises MessageRefused, Misused, Spent, Defect."""

@final
class Checking:
    """The receiver whose challenge is out: the answer is awaited."""

    def check(self, answer: bytes) -> Masking:
        """End the VOLE. Raises CheckFailed, MessageRefused, Spent, Defect."""

@final
class Masking:
    """The receiver that has ended the VOLE: its items are needed."""

    def mask(self, items: Items) -> tuple[Matching, bytes]:
        """The masked store. Raises Spent, Defect (more items than agreed)."""

@final
class Matching:
    """The receiver whose masked store is out: the tags are awaited."""

    def common(self, tags: bytes) -> tuple[tuple[int, bytes], bytes]:
        """How many of the own items both have, and their rows; and one bit for each tag.

        Rows are little-endian uint32 in no order; the bits are none unless both learn. Raises
        MessageRefused, Spent, Defect.
        """

@final
class Growing:
    """The sender of a bucket: the reply is awaited."""

    def trees(self, reply: bytes) -> tuple[Taking, bytes]:
        """The sender's part of the VOLE, with nothing checked.

        Raises PointRefused, MessageRefused, Misused, Spent, Defect.
        """

    def trees_to_check(self, reply: bytes) -> tuple[Answering, bytes]:
        """The same of a reply that is checked.

        Raises CheckFailed, PointRefused, MessageRefused, Misused, Spent, Defect.
        """

@final
class Answering:
    """The sender that will be checked: the challenge is awaited."""

    def answer(self, challenge: bytes) -> tuple[Taking, bytes]:
        """The end of the VOLE. Raises MessageRefused, Spent, Defect."""

@final
class Taking:
    """The sender that has ended the VOLE: its items are needed."""

    def take(self, items: Items) -> Tagging:
        """Take them. Raises Spent, Defect (more items than agreed)."""

@final
class Tagging:
    """The sender that has its items: the masked store is awaited."""

    def tags(self, masked: bytes) -> tuple[Told, bytes]:
        """As many tags as agreed, shuffled. Raises MessageRefused, Spent, Defect."""

@final
class Told:
    """The sender whose tags are out: what is common is awaited, if both learn."""

    def common(self, common: bytes) -> tuple[int, bytes]:
        """How many of the own items are common by the receiver's word, and their rows.

        Rows are little-endian uint32 in no order. Raises CheckFailed, MessageRefused, Misused,
        Spent, Defect.
        """

def star_store_bytes(contributors: int, size: int) -> int:
    """Bytes of a contributor's store for at most `size` items, 1 to 2^24. Raises Misused."""

def star_draw(run_id: bytes, count: int) -> Sequence[bytes]:
    """Fresh keys of 16 bytes, each to be shared with one other party. Raises Defect."""

def star_take(run_id: bytes, contributors: int, items: tuple[bytes, bytes]) -> StarItems:
    """Any role takes its set: distinct items in one piece, and where each ends."""

@final
class StarItems:
    """A party's set."""

    def store(self, size: int, keys: Sequence[bytes]) -> bytes:
        """A contributor's store, uniform whatever the set; `keys` are all that it shares.

        Raises MessageRefused (a key of another length), Misused (an item twice), Spent, Defect.
        """

    def compared(self, keys: Sequence[bytes]) -> bytes:
        """What the receiver compares: 16 bytes an item, in the order of its items.

        `keys` are those that it has drawn, one a contributor. Raises Misused, Spent, Defect.
        """

    def gather(self) -> StarGathering:
        """The pivot, before the first store. Raises Spent."""

@final
class StarGathering:
    """The pivot's set, and what the stores that have come say of it."""

    def add(self, size: int, store: bytes) -> StarGathering:
        """Take the store of a contributor with at most `size` items, in any order.

        Raises MessageRefused, Misused, Spent, Defect.
        """

    def compared(self) -> bytes:
        """What the pivot compares, when every store has come: 16 bytes an item, in their order.

        Raises Misused, Spent, Defect.
        """

def start_join(
    run_id: bytes, sizes: Sequence[int], me: int, token_bytes: int, keys: tuple[bytes, bytes]
) -> tuple[Serving, Journey, bytes]:
    """Blind an owner's list under a fresh secret: `sizes[me]` points of 32 bytes, shuffled.

    `run_id` has 32 bytes, sizes are 1 to 2^20, dummies included, a token has 1 to 32 bytes. The
    keys are distinct, and given in one piece with the end of each as a little-endian uint32. The
    points are for the first other owner. Raises Misused, Defect.
    """

def keyed_list(
    run_id: bytes,
    sizes: Sequence[int],
    me: int,
    token_bytes: int,
    contributions: Sequence[bytes],
    keys: tuple[bytes, bytes],
) -> tuple[bytes, bytes]:
    """An owner's `sizes[me]` tokens under the key of all owners' contributions, shuffled.

    A contribution has 32 bytes, and is there of every owner; sizes are up to 2^24; the rest is as
    in `start_join`. Beside the tokens the index of the key at each place, −1 for a dummy, as a
    little-endian int32. Raises Misused, Defect.
    """

@final
class Serving:
    """An owner's scalar, for the lists of the others."""

    def serve(self, of: int, points: bytes) -> bytes:
        """Multiply the points of owner `of`, in their order; once per owner, whatever it sent.

        Calls for different owners may run at once. Raises PointRefused, MessageRefused, Spent,
        Misused, Defect.
        """

@final
class Journey:
    """An owner's own list, on its way through all the others."""

    def forward(self, points: bytes) -> Journey:
        """Check the list that one owner returned; the same points are for the next one.

        Raises PointRefused, MessageRefused, Spent, Misused, Defect.
        """

    def finish(self, points: bytes) -> tuple[bytes, bytes]:
        """Turn the list that the last owner returned into tokens, in a row.

        Beside them the index of the key at each place, −1 for a dummy, as a little-endian int32.
        Raises PointRefused, MessageRefused, Spent, Misused, Defect.
        """

# Single steps with a scalar in the open, for test vectors. No product code calls these.

def hazmat_expand_message(dst: bytes, message: bytes, length: int) -> bytes:
    """expand_message_xmd of RFC 9380 §5.3.1 with SHA-512."""

def hazmat_map(uniform: bytes) -> bytes:
    """The one-way map of RFC 9496 §4.3.4: 64 bytes to an encoded element."""

def hazmat_hash_to_group(dst: bytes, message: bytes) -> bytes:
    """HashToGroup of RFC 9497 §4.1 (ristretto255, SHA-512), encoded."""

def hazmat_decode(point: bytes) -> bytes:
    """Decode one point as a peer's points are decoded, and encode it again."""

def hazmat_multiply(point: bytes, scalar: bytes) -> bytes:
    """`scalar` (32 bytes, canonical, not zero) times `point`, by the code for whole lists."""

def hazmat_sm2_hash(dst: bytes, message: bytes) -> bytes:
    """`SM2_XMD:SM3_SSWU_RO_` (psi/SPEC.md §3.6): the coordinates of a point, x before y."""

def hazmat_sm2_multiply(point: bytes, scalar: bytes) -> bytes:
    """`scalar` (32 bytes, canonical, not zero) times a point of SM2's curve, as x-coordinates."""

def hazmat_panic() -> None:
    """Panic, so that a test can see what becomes of a panic."""
