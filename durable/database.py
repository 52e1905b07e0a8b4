"""A daemon's state while it is open: transactions on it, and our own words for what goes wrong.

Whatever `write` has done is committed when its block is left, and has reached the disk; a block
that is left by an error has done nothing. A database that is gone, or that another process has
taken over, stays so for this process: every further use raises the same error, because what it
holds in memory may be old by then.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from contract.errors import AlreadyThere, MiheError, StateAbsent, StorageFull


class Database:
    """An open state. Not for two threads at once."""

    def __init__(self, engine: Engine, daemon: str, fix: str) -> None:
        self.engine = engine
        # A single statement needs no transaction, and over a network each costs two round trips.
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._daemon = daemon
        self._fix = fix
        self._lost: MiheError | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction; StorageFull if it can't be made, StateAbsent if nobody can tell."""
        with self._in_our_words(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """For statements that change nothing, each for itself."""
        with self._in_our_words(), self._reading.connect() as connection:
            yield connection

    def require_held(self) -> None:
        """Raise StateAbsent or AlreadyThere if this process does not hold the state any more."""
        with suppress(StorageFull), self.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Let go of it."""
        self.engine.dispose()

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        # Messages of SQLite, PostgreSQL and their drivers quote values, addresses and names.
        if self._lost is not None:
            raise self._lost
        try:
            yield
        except (StateAbsent, AlreadyThere) as lost:
            self._lost = lost
            raise
        except (IntegrityError, DataError):
            raise
        except DBAPIError as error:
            if error.connection_invalidated:
                self._lost = StateAbsent(
                    f"the connection to the {self._daemon}'s state broke in a transaction",
                    fix="start it again: it goes on from what is kept there",
                )
                raise self._lost from None
            raise StorageFull(
                f"the {self._daemon}'s state can't be read or written", fix=self._fix
            ) from None
