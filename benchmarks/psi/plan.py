"""What is compared with what, and on which sizes if nobody says otherwise: under ten minutes.

Groups      any     the protocol that mihe's node chooses for the sizes, and the peers' fastest ones
            curves  protocols on elliptic curves only, which is what small or capped sets get
            sm2     the same on SM2's curve, for sites that are bound to national algorithms
            three   between three owners, of whom one learns the result
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.psi.engine import Engine
from benchmarks.psi.measured import OWNERS, Setting
from benchmarks.psi.ours import Ours
from benchmarks.psi.sites import DISTANT, LOOPBACK
from benchmarks.psi.theirs import OPENMINED, SPU, Theirs
from psi.engine import MEETING_SIZE

ANY, CURVES, SM2, THREE = "any", "curves", "sm2", "three"


@dataclass(frozen=True, slots=True)
class Entrant:
    """An engine, and from how many keys on it would only hold the others up."""

    engine: Engine
    most_keys: int = 1 << 40


GROUPS: Final = {
    ANY: (
        Entrant(Ours()),
        # Where a node takes curves: what it would be without that choice.
        Entrant(Ours("mihe RR22", "rr22"), MEETING_SIZE - 1),
        # Its memory grows with the lists: some 6.5 GB at 2^24.
        Entrant(Theirs("spu RR22", SPU, {"protocol": "RR22"}), 1 << 24),
        Entrant(Theirs("openmined-psi", OPENMINED), 1 << 14),
    ),
    CURVES: (
        Entrant(Ours("mihe ECDH", "ecdh"), 1 << 17),
        Entrant(Theirs("spu ECDH 25519", SPU, {"protocol": "ECDH", "curve": "25519"}), 1 << 17),
        Entrant(Theirs("spu ECDH FourQ", SPU, {"protocol": "ECDH", "curve": "FOURQ"}), 1 << 17),
    ),
    SM2: (
        Entrant(Ours("mihe SM2", "ecdh-sm2"), 1 << 12),
        Entrant(Theirs("spu ECDH SM2", SPU, {"protocol": "ECDH", "curve": "SM2"}), 1 << 12),
    ),
    THREE: (
        Entrant(Ours("mihe star", "star")),
        # What three owners get who ask for nothing: curves, and safe from any two of them together.
        Entrant(Ours("mihe blind join"), 1 << 12),
        Entrant(Theirs("spu KKRT NPC", SPU, {"protocol": "KKRT_NPC"})),
    ),
}
"""The first of each is ours: what the others' times are divided by."""

OWNERS_OF: Final = {ANY: OWNERS[:2], CURVES: OWNERS[:2], SM2: OWNERS[:2], THREE: OWNERS}

USUAL: Final = ("uscc", 0.5)
_OTHERS: Final = (("id_number", 0.5), ("uscc", 0.01), ("uscc", 1.0))
"""Shapes and overlaps that should make no difference, each tried at one size."""
_OTHERS_KEYS: Final = 1 << 18
_SIZES: Final = {
    (LOOPBACK, ANY): tuple(1 << power for power in (12, 14, 16, 18, 20)),
    (LOOPBACK, CURVES): (1 << 12, 1 << 14),
    (LOOPBACK, SM2): (1 << 12,),
    (LOOPBACK, THREE): (1 << 12, 1 << 16),
    (DISTANT, ANY): tuple(1 << power for power in (12, 16, 20)),
    (DISTANT, CURVES): (),
    (DISTANT, SM2): (),
    (DISTANT, THREE): (),
}


def settings(
    link: str,
    group: str,
    sizes: Sequence[int] | None,
    shapes: Sequence[str] | None,
    overlaps: Sequence[float] | None,
) -> list[Setting]:
    """What to run of a group on a link: all combinations of what was asked for."""
    chosen = _SIZES[link, group] if sizes is None else sizes
    kinds = [(shape, part) for shape in shapes or USUAL[:1] for part in overlaps or USUAL[1:]]
    planned = [
        Setting(link, shape, overlap, keys, group)
        for shape, overlap in kinds
        for keys in sorted(chosen)
    ]
    if (sizes, shapes, overlaps) == (None, None, None) and (link, group) == (LOOPBACK, ANY):
        planned += [Setting(link, *kind, _OTHERS_KEYS, group) for kind in _OTHERS]
    return planned
