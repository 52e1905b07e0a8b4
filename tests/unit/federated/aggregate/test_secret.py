"""A decryption key and a β stay in their process and show nothing."""

import copy
import pickle
from collections.abc import Callable

import pytest

from contract.errors import OurError
from federated.aggregate.secret import Blinding, ReceiverKey

Holder = ReceiverKey | Blinding


@pytest.fixture(params=[lambda: ReceiverKey.generate()[0], lambda: Blinding(bytes(32), b"run")])
def holder(request: pytest.FixtureRequest) -> Holder:
    make: Callable[[], Holder] = request.param
    return make()


def test_it_is_never_serialised(holder: Holder) -> None:
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(OurError, match="leave its process"):
            copied(holder)


def test_it_shows_nothing(holder: Holder) -> None:
    assert not hasattr(holder, "__dict__")
    assert repr(holder).startswith("<federated.aggregate.secret.")


def test_every_key_is_another() -> None:
    assert ReceiverKey.generate()[1] != ReceiverKey.generate()[1]
