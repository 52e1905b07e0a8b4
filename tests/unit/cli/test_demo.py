"""The demonstration's made-up organisations; the whole of it runs in tests/federation."""

from cli.demo import USCCS
from contract.keys import KeyKind, check, remarks


def test_the_organisations_codes_are_valid_and_distinct() -> None:
    keys = {check(KeyKind.USCC, code) for code in USCCS.values()}
    assert len(keys) == len(USCCS)
    for key in keys:
        assert isinstance(key, bytes)
        assert not remarks(key)
