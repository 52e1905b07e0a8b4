"""How certificates stand: which parties of a job no longer count, and whose time is nearly over.

Everybody is warned 30 days ahead, of the own certificate, the CA's, and those of everybody whom
this process has met; and of a revocation list whose next one is overdue, because somebody may be
withholding it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from cryptography import x509
from cryptography.x509.oid import NameOID
from pydantic import StringConstraints

from contract.canonical import Frozen, Hex32, Timestamp
from contract.errors import CertificateRevoked, MiheError
from contract.identity import Authority, Identity, Role
from contract.job import Contract

WARNED_AHEAD = timedelta(days=30)
_NAME_CHARACTERS = 64


class Whose(StrEnum):
    """What a notice is about."""

    OWN = "own certificate"
    AUTHORITY = "CA certificate"
    COORDINATOR = "coordinator's certificate"
    PEER = "peer's certificate"
    LIST = "revocation list"


class Notice(Frozen):
    """Something about certificates that people should see to."""

    whose: Whose
    name: Annotated[str, StringConstraints(max_length=_NAME_CHARACTERS)]
    fingerprint: Hex32
    what: str
    ends: Timestamp
    fix: str

    def __str__(self) -> str:
        return f"{self.whose.value} of {self.name}: {self.what}. Fix: {self.fix}"


def objection_to(contract: Contract, authority: Authority, now: datetime) -> MiheError | None:
    """Why a party of a contract can't take part any more: revoked, or expired; None if all can.

    A certificate that this process has not met yet raises no objection here: it will be checked
    under the first statement that it signs.
    """
    met = authority.met
    parties = [met[party.fingerprint] for party in contract.parties if party.fingerprint in met]
    found = [authority.objection(identity, now=now) for identity in parties]
    # All sides must name the same cause: the graver first, then in the contract's order.
    grave = [one for one in found if isinstance(one, CertificateRevoked)]
    return next((one for one in (*grave, *found) if one is not None), None)


def notices(authority: Authority, own: Identity, now: datetime) -> tuple[Notice, ...]:
    """Everything to be warned of, the own certificate first."""
    found = [
        _of_member(authority, identity, own, now) for identity in (own, *_newest(authority, own))
    ]
    for fingerprint, ca in authority.certificates.items():
        found.append(_of_authority(fingerprint, ca, now))
        found.append(_of_list(_name(ca), fingerprint, authority, now))
    return tuple(one for one in found if one is not None)


def _newest(authority: Authority, own: Identity) -> Iterable[Identity]:
    """The certificate of everybody else that lasts longest: the one in use, as far as is known."""
    newest: dict[str, Identity] = {}
    for identity in authority.met.values():
        known = newest.get(identity.org)
        # Of two that end at once, the one that was met later.
        if known is None or identity.expires >= known.expires:
            newest[identity.org] = identity
    return (identity for org, identity in sorted(newest.items()) if org != own.org)


def _of_member(
    authority: Authority, identity: Identity, own: Identity, now: datetime
) -> Notice | None:
    objection = authority.objection(identity, now=now)
    if isinstance(objection, CertificateRevoked):
        what, fix = "the CA has revoked it", objection.fix
    elif identity.expires - now > WARNED_AHEAD:
        return None
    else:
        what = _time_left(identity.expires, now)
        fix = "`mihe init renew` makes a new key and request; docs/certificates.md"
    if identity.fingerprint == own.fingerprint:
        whose = Whose.OWN
    else:
        whose = Whose.COORDINATOR if identity.role is Role.COORDINATOR else Whose.PEER
        fix = f"remind {identity.org}, which has to renew it"
    return Notice(
        whose=whose,
        name=identity.org,
        fingerprint=identity.fingerprint,
        what=what,
        ends=identity.expires,
        fix=fix,
    )


def _of_authority(fingerprint: str, ca: x509.Certificate, now: datetime) -> Notice | None:
    ends = ca.not_valid_after_utc
    if ends - now > WARNED_AHEAD:
        return None
    return Notice(
        whose=Whose.AUTHORITY,
        name=_name(ca),
        fingerprint=fingerprint,
        what=_time_left(ends, now),
        ends=ends,
        fix="the consortium changes to a new CA: docs/certificates.md, 'Changing the CA'",
    )


def _of_list(name: str, fingerprint: str, authority: Authority, now: datetime) -> Notice | None:
    found = authority.lists.get(fingerprint)
    if found is None or now <= found.due:
        return None
    return Notice(
        whose=Whose.LIST,
        name=name,
        fingerprint=fingerprint,
        what=f"its successor has been due since {found.due:%Y-%m-%d}, and none has arrived",
        ends=found.due,
        fix="ask the CA's officer for the newest ca.crl: somebody may be withholding it",
    )


def _time_left(ends: datetime, now: datetime) -> str:
    if ends < now:
        return f"it expired on {ends:%Y-%m-%d}"
    return f"it expires on {ends:%Y-%m-%d}, in {(ends - now).days} days"


def _name(ca: x509.Certificate) -> str:
    names = ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value)[:_NAME_CHARACTERS] if names else "the CA"
