"""Which contracts may enter the log: everybody in them is known, and their times make sense.

What an organisation offers, its catalogue, is also how it becomes known: the certificate under its
newest one is the one that a contract has to name. Whether the parties agree is their own decision;
nothing here looks at what a contract is for.
"""

from datetime import datetime, timedelta
from hashlib import sha256

from contract.canonical import digest, parse
from contract.errors import (
    BadMessage,
    BadRequest,
    ContractExpired,
    FingerprintChanged,
    UnknownOrganisation,
    nearest,
)
from contract.identity import Identity
from contract.job import CLOCK_TOLERANCE, Contract
from contract.signing import MAX_BODY_BYTES, Statement
from contract.statements import Catalogue

LONGEST_LIFE = timedelta(days=90)


class Offers:
    """The newest catalogue of every organisation that is known."""

    def __init__(self, catalogues: list[Statement]):
        self._offers = {catalogue.org: catalogue for catalogue in catalogues}

    def all(self) -> list[Statement]:
        """Everybody's newest catalogue."""
        return [self._offers[org] for org in sorted(self._offers)]

    def replaces(self, statement: Statement, signer: Identity) -> bool:
        """Whether a catalogue is newer than what is known; BadMessage if it is none of `signer`."""
        catalogue = _catalogue(statement, signer.org)
        if statement.subject != digest(statement.body):
            raise BadMessage(
                "a catalogue does not have the digest under which it was sent",
                party=signer.org,
                fix="that node is not following the protocol: compare versions",
            )
        if {catalogue.org, *(entry.org for entry in catalogue.entries)} != {signer.org}:
            raise BadMessage(
                "a catalogue lists datasets of another organisation",
                party=signer.org,
                fix="that node is not following the protocol: compare versions",
            )
        known = self._offers.get(signer.org)
        return known is None or catalogue.revision > _catalogue(known, signer.org).revision

    def put(self, statement: Statement) -> None:
        """Know a newer catalogue."""
        self._offers[statement.org] = statement

    def drop(self, org: str) -> None:
        """Know nothing of an organisation any more."""
        self._offers.pop(org, None)

    def require_parties(self, contract: Contract) -> None:
        """UnknownOrganisation or FingerprintChanged for a party that is not as it is named."""
        for party in contract.parties:
            offer = self._offers.get(party.org)
            if offer is None:
                raise UnknownOrganisation(
                    f"no node of '{party.org}' has ever attached."
                    f"{nearest(party.org, sorted(self._offers))}",
                    party=party.org,
                    phase="propose",
                    fix="list who is there with `mihe catalog`, then propose the job again",
                )
            if sha256(offer.certificate).hexdigest() != party.fingerprint:
                raise changed(party.org)


def changed(org: str) -> FingerprintChanged:
    """The words for a contract that names another certificate than a party has now."""
    return FingerprintChanged(
        "the contract names another certificate than the one in use",
        party=org,
        phase="propose",
        fix="confirm the new certificate with that organisation, then propose again",
    )


def require_timely(contract: Contract, now: datetime) -> None:
    """BadRequest or ContractExpired for a contract whose times do not fit the present."""
    if contract.expires <= now:
        raise ContractExpired(
            "the contract had expired when it arrived",
            party=contract.initiator,
            phase="propose",
            fix="propose the job again",
        )
    if abs(contract.created - now) > CLOCK_TOLERANCE:
        raise BadRequest(
            "the contract was not made within ten minutes of the coordinator's time",
            party=contract.initiator,
            phase="propose",
            fix="set both machines' clocks by the same source, then propose the job again",
        )
    if contract.expires - contract.created > LONGEST_LIFE:
        raise BadRequest(
            "the contract would last for more than 90 days",
            party=contract.initiator,
            phase="propose",
            fix="propose the job with an earlier expiry",
        )


def _catalogue(statement: Statement, org: str) -> Catalogue:
    return parse(Catalogue, statement.body, max_bytes=MAX_BODY_BYTES, party=org, phase="catalogue")
