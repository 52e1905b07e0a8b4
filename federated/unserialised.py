"""What a class of secrets inherits so that none of them leaves its process by being pickled."""

from typing import NoReturn

from contract.errors import OurError


class Unserialised:
    """A secret of this process."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise OurError("a secret was about to leave its process", fix="Report this.")
