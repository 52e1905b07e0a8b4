"""Suites: by which primitives a job is computed, and the dials between them that people set.

A suite's name says protocol, group and hash, and stands in the contract, so that nothing is ever
negotiated. What can compute which job is said by `suites_for` (contract/job.py), which of them a
proposal takes by node/suites.py.
"""

from enum import Enum, StrEnum, auto


class Family(Enum):
    """What parties, coordinator and statements do in a job, whatever its primitives are."""

    TWO_PARTY = auto()
    """two parties intersect"""
    STAR = auto()
    """three or more intersect, of whom the coordinator only relays"""
    MATCH = auto()
    """the coordinator matches the owners' lists"""
    QUERY = auto()
    """it matches, and adds up for each cell"""
    UNION = auto()
    """it adds up what many organisations have, and matches nothing"""


class Matching(StrEnum):
    """How the coordinator comes to match lists of which it can read nothing."""

    BLIND = "blind"
    """by tokens that need every owner's scalar: a key can be tested where its owner takes part"""
    KEYED = "keyed"
    """by a hash under a key of all owners: whoever has it and the tokens has every identifier"""


class Aggregation(StrEnum):
    """What the coordinator adds up of each cell's rows, or over UNION ALL of each cell's sums."""

    ENCRYPTED = "encrypted"
    """ciphertexts under the receiver's key"""
    SHARED = "shared"
    """shares: the pads that open them are released with the cells, in lists whose rows are told"""
    MASKED = "masked"
    """over UNION ALL: sums under masks, of which those between two members cancel"""
    PAILLIER = "paillier"
    """over UNION ALL: the same masked sums, encrypted under the receiver's Paillier key"""


class Dominance(StrEnum):
    """How it is found in the join that one entity has nearly all of a sum."""

    OFF = "off"
    """not at all"""
    BANDS = "bands"
    """each line shows the coordinator how large its values are, to a quarter of an octave"""


class Suite(StrEnum):
    """Protocol, group and hash; a version of either is a name of its own."""

    PSI_RR22 = "psi-rr22/GF128-OKVS3-ExConv7x24"
    PSI_RR22_ACTIVE = "psi-rr22-active/GF128-OKVS3-ExConv7x24"
    PSI_ECDH = "psi-ecdh/ristretto255-SHA512"
    PSI_ECDH_SM2 = "psi-ecdh/SM2-SM3"
    PSI_STAR = "psi-star/AES128-OKVS3-RR22"
    BLIND_MATCH = "blind-join/ristretto255-SHA512"
    BLIND_JOIN = "blind-join/ristretto255-SHA512/BFV-8192-59"
    KEYED_MATCH = "keyed-join/HMAC-SHA256"
    KEYED_JOIN = "keyed-join/HMAC-SHA256/BFV-8192-59"
    BLIND_SHARED = "blind-join/ristretto255-SHA512/ChaCha20-128"
    KEYED_SHARED = "keyed-join/HMAC-SHA256/ChaCha20-128"
    UNION = "union/X25519-ChaCha20-SHAMIR521"
    UNION_PAILLIER = "union/X25519-ChaCha20-SHAMIR521/Paillier-3072"

    @property
    def family(self) -> Family:
        """What is done with these primitives."""
        match self:
            case Suite.PSI_RR22 | Suite.PSI_RR22_ACTIVE | Suite.PSI_ECDH | Suite.PSI_ECDH_SM2:
                return Family.TWO_PARTY
            case Suite.PSI_STAR:
                return Family.STAR
            case Suite.BLIND_MATCH | Suite.KEYED_MATCH:
                return Family.MATCH
            case Suite.BLIND_JOIN | Suite.KEYED_JOIN | Suite.BLIND_SHARED | Suite.KEYED_SHARED:
                return Family.QUERY
            case Suite.UNION | Suite.UNION_PAILLIER:
                return Family.UNION

    @property
    def matching(self) -> Matching | None:
        """How the coordinator matches; None where it does not."""
        return _MATCHING.get(self)

    @property
    def aggregation(self) -> Aggregation | None:
        """What the coordinator adds up; None where nothing is."""
        return _AGGREGATION.get(self)


ECDH_SUITES = (Suite.PSI_ECDH, Suite.PSI_ECDH_SM2)
"""Diffie–Hellman, in one group or the other."""

RR22_SUITES = (Suite.PSI_RR22, Suite.PSI_RR22_ACTIVE)
"""From vector OLE: between parties that follow the protocol, or with checks (experimental)."""

TWO_PARTY_SUITES = (*RR22_SUITES, *ECDH_SUITES)
"""Those that play between two parties, without the coordinator's matching."""

STRONGEST_MATCHING = Matching.BLIND
STRONGEST_AGGREGATION = Aggregation.ENCRYPTED
"""What every policy allows in a join, and what is taken unless weaker ones are asked for."""

MATCH_SUITES = {Matching.BLIND: Suite.BLIND_MATCH, Matching.KEYED: Suite.KEYED_MATCH}
"""Of an intersection of three or more."""

QUERY_SUITES = {
    (Matching.BLIND, Aggregation.ENCRYPTED): Suite.BLIND_JOIN,
    (Matching.BLIND, Aggregation.SHARED): Suite.BLIND_SHARED,
    (Matching.KEYED, Aggregation.ENCRYPTED): Suite.KEYED_JOIN,
    (Matching.KEYED, Aggregation.SHARED): Suite.KEYED_SHARED,
}
"""Of a query."""

JOIN_AGGREGATIONS = (Aggregation.ENCRYPTED, Aggregation.SHARED)
"""Ways to add up what is joined."""

UNION_SUITES = {
    Aggregation.MASKED: Suite.UNION,
    Aggregation.PAILLIER: Suite.UNION_PAILLIER,
}
"""Of a sum over UNION ALL; the first is taken unless the other is asked for."""

COLLECTED = (Family.MATCH, Family.QUERY, Family.UNION)
"""Families in which parties hand parts to the coordinator, which computes with what it has."""

_MATCHING = {suite: way for way, suite in MATCH_SUITES.items()} | {
    suite: way for (way, _), suite in QUERY_SUITES.items()
}
_AGGREGATION = {suite: way for (_, way), suite in QUERY_SUITES.items()} | {
    suite: way for way, suite in UNION_SUITES.items()
}
