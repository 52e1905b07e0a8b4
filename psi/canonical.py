"""Columns of texts as canonical keys: what contract/keys.py's `check` says, a whole column at once.

Not for     the meaning of a rule, or of a rare character: contract/keys.py is the judge of
            both, and tests/property holds the core to it
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.keys import ISSUED_EXCEPTIONS, LENGTH, KeyKind, Reason, Strictness, check
from native import _core
from psi.keys import Keys

PLAIN: Final = 0
"""A key as it stands."""
_TIDIED, _UNREAD, _FIRST_REASON = 1, 2, 3
_REASONS = tuple(Reason)
_PIECES = np.dtype([("a", "<u8"), ("b", "<u8"), ("c", "<u2")])
# Any odd numbers do: the digits of π, e and √2.
_FACTORS = tuple(map(np.uint64, (0x3243F6A8885A308D, 0x2B7E151628AED2A7, 0x6A09E667F3BCC909)))


@dataclass(frozen=True, slots=True, repr=False)
class CanonicalColumn:
    """What each text of a column is."""

    findings: NDArray[np.uint8]
    """PLAIN, another number of a key, or from `_FIRST_REASON` on why it is none."""
    keys: NDArray[np.uint8]
    """A row of 18 characters for each text, without the kind; zeros where there is no key."""

    @property
    def invalid(self) -> NDArray[np.bool_]:
        """Which texts are no keys."""
        return self.findings >= _FIRST_REASON

    def fingerprints(self) -> NDArray[np.uint64]:
        """64 bits of each key: two that differ are of keys that differ. Not the other way round."""
        pieces = np.ascontiguousarray(self.keys).view(_PIECES)[:, 0]
        found = pieces["a"] * _FACTORS[0]
        found += pieces["b"] * _FACTORS[1]
        found += pieces["c"] * _FACTORS[2]
        return found[~self.invalid]

    def reasons(self) -> dict[Reason, int]:
        """How many texts are no keys for each reason."""
        counts = np.bincount(self.findings, minlength=_FIRST_REASON + len(_REASONS))
        found = zip(_REASONS, counts[_FIRST_REASON:].tolist(), strict=True)
        return {reason: count for reason, count in found if count}


def canonical_column(
    kind: KeyKind, texts: Keys, nulls: NDArray[np.bool_] | None, strictness: Strictness
) -> CanonicalColumn:
    """Read every text, a NULL as an empty one. Never raises for what a text holds."""
    issued = b"".join(sorted(ISSUED_EXCEPTIONS)) if strictness is Strictness.WARN else b""
    raw_findings, raw_keys = _core.canonical_keys(kind.value, texts.packed(), issued)
    findings = np.frombuffer(raw_findings, dtype=np.uint8).copy()
    keys = np.frombuffer(raw_keys, dtype=np.uint8).reshape(-1, LENGTH)
    unread = np.flatnonzero(findings == _UNREAD)
    if len(unread):
        keys = keys.copy()
    known: dict[bytes, bytes | Reason] = {}
    for place in unread.tolist():
        text = texts[place]
        if text not in known:
            known[text] = check(kind, text.decode(), strictness)
        found = known[text]
        if isinstance(found, Reason):
            findings[place] = _FIRST_REASON + _REASONS.index(found)
        else:
            findings[place] = _TIDIED
            keys[place] = np.frombuffer(found[-LENGTH:], dtype=np.uint8)
    if nulls is not None:
        findings[nulls] = _FIRST_REASON + _REASONS.index(Reason.EMPTY)
    return CanonicalColumn(findings, keys)
