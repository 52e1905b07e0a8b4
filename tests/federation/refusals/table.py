"""The table of refusals: every code of contract/errors.py, and how real daemons come to it."""

from contract.errors import CertificateRevoked, MiheError, PartyStalled
from tests.federation.refusals import absences, data, peers, policies, requests
from tests.federation.refusals.case import Case

TABLE: tuple[Case, ...] = (
    *requests.CASES,
    *policies.CASES,
    *peers.CASES,
    *absences.CASES,
    *data.CASES,
)

ELSEWHERE: dict[type[MiheError], tuple[str, str]] = {
    CertificateRevoked: (
        "tests/federation/test_certificates.py",
        "test_a_revoked_node_is_out_everywhere",
    ),
    PartyStalled: ("tests/faults/test_stalled.py", "test_a_peer_whose_process_is_stopped"),
}
"""Codes that need a federation of their own: one whose member has been revoked for good, or
impatient nodes. The file of the test that comes to it, and its name.
"""
