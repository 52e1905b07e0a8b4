"""Values added up under encryption: the receiver's one-time key, ciphertexts, decrypted sums.

Joins federated/aggregate to a run. The receiver makes the key in a process of its own and signs its
digest; the others fetch it from the coordinator and compare (federated/SPEC.md §2.2).
"""

from collections.abc import Sequence
from itertools import repeat

from contract.statements import Cells
from daemon.apart import apart
from federated.aggregate.encrypt import encrypt_columns
from federated.aggregate.secret import Blinding
from federated.aggregate.wire import KEY_BYTES
from federated.query.agreed import largest_of, sums_of
from federated.query.release import Codes, Opening, Shut
from node.adding import Column, Columns, Hidden, Seat
from node.he_keys import HE_KEY, fetched, signed
from node.key_process import JoinKey
from node.wire import joins

_MERGING = "merging"


class Encrypted:
    """Implements `Adding`."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._key = JoinKey() if seat.receives else None

    async def close(self) -> None:
        """End the key with its process."""
        if self._key is not None:
            await self._key.close()

    async def hide(self, columns: Columns) -> Hidden:
        """Encrypt under the receiver's key."""
        public_key = await (self._fetched_key() if self._key is None else self._own_key(self._key))
        stage = self._seat.stage
        stage.report("encrypt", 0, 1)
        if not columns:
            return Hidden()
        largest = largest_of(self._seat.plan, self._seat.owner)
        listed: list[Column] = await stage.activity.work(list, columns)
        encrypting = apart(encrypt_columns, public_key, listed, largest)
        return Hidden(columns=await stage.activity.working(encrypting))

    async def hand_in_further(self, columns: Columns) -> None:
        """Every column went with the share."""

    def blinding(self, own: Blinding, name: Codes, place: int) -> int:
        """Mod t."""
        return own.of_sum(name, place)

    async def release(self, openings: Sequence[Opening], cells: Cells) -> bytes:
        """The openings."""
        return joins.openings_to_bytes(openings)

    async def passed(self) -> None:
        """Nobody waits for anything of the receiver."""

    def opened_by(self, content: bytes, peer: str, rows: int) -> list[Opening]:
        """The openings."""
        seat = self._seat
        return joins.openings_from_bytes(content, seat.plan, seat.place_of(peer), rows)

    async def shut(self, cells: Cells, sums: joins.Sums) -> list[Shut]:
        """Decrypt."""
        assert self._key is not None
        merges, rows = sums_of(self._seat.plan).merges, len(sums.cells)
        of_summands = await self._key.decrypt(sums.packs, rows, merges)
        by_row = zip(*of_summands, strict=True) if of_summands else repeat(())
        return [
            Shut(cell.blinded_count, row) for cell, row in zip(sums.cells, by_row, strict=False)
        ]

    async def _fetched_key(self) -> bytes:
        seat = self._seat
        return await fetched(seat.stage, seat.parts, seat.receiver, size=KEY_BYTES)

    async def _own_key(self, key: JoinKey) -> bytes:
        stage = self._seat.stage
        content = await stage.activity.working(key.public_key())
        await self._seat.hand_in(HE_KEY, content)
        signed(stage, content)
        if sums_of(self._seat.plan).merges:
            await self._seat.hand_in(_MERGING, await stage.activity.working(key.merging_keys()))
        return content
