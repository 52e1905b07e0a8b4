"""Values added up as shares: pads over the own columns, and who takes which pads off.

Joins federated/shares to a run. Of an owner other than the receiver the pads' seed goes to the
receiver with the release; of the receiver's own list it goes to the helper, whose blinding takes
what those pads add along, so that the receiver sees neither alone (federated/SPEC.md §6.3).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from contract.errors import PeerError
from contract.statements import Cells
from federated.aggregate.secret import Blinding
from federated.query.agreed import largest_of
from federated.query.release import Codes, Opening, Shut
from federated.query.shared import Sums, lists_of, minus, pad_sums
from federated.query.sizes import cut, further_part
from federated.shares.secret import SEED_BYTES, Pads
from federated.shares.split import split
from federated.words import MODULUS
from node.adding import Columns, Hidden, Seat
from node.wire import joins

SEED, _ROWS = "seed", "rows"
_ENVELOPE_BYTES = 128


def awaited(seat: Seat, peer: str) -> dict[str, int]:
    """The streams that `peer` opens beside those of any query."""
    helps = seat.stage.me == seat.stage.consent.contract.helper and peer == seat.receiver
    return {SEED: SEED_BYTES + _ENVELOPE_BYTES} if helps else {}


class Shared:
    """Implements `Adding`."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._pads = self._pads_of(seat.stage.me, os.urandom(SEED_BYTES))
        self._released: dict[int, Pads] = {}

    async def close(self) -> None:
        """Forget every seed."""
        del self._pads
        self._released.clear()

    async def hide(self, columns: Columns) -> Hidden:
        """Put the pads on."""
        first, *_ = self._cut
        self._seat.stage.report("split", 0, len(self._cut))
        return Hidden(shares=await self._split(columns, first))

    async def hand_in_further(self, columns: Columns) -> None:
        """One message after the other: no two are held, nor made ahead of what has gone."""
        report, (_, *further) = self._seat.stage.report, self._cut
        for number, which in enumerate(further, 1):
            report("split", number, len(self._cut))
            content = joins.further_to_bytes(await self._split(columns, which))
            await self._seat.hand_in(further_part(number), content)
            del content
        report("split", len(self._cut), len(self._cut))

    @property
    def _cut(self) -> tuple[range, ...]:
        return cut(self._seat.plan, self._seat.owner)

    async def _split(self, columns: Columns, which: range) -> list[bytes]:
        largest = largest_of(self._seat.plan, self._seat.owner)
        return await self._seat.stage.activity.work(split, columns, largest, self._pads, which)

    def blinding(self, own: Blinding, name: Codes, place: int) -> int:
        """Mod 2^128."""
        return own.of_shares(name, place)

    async def release(self, openings: Sequence[Opening], cells: Cells) -> bytes:
        """The openings and the own seed; the helper's take the receiver's pads off, too."""
        seat = self._seat
        if seat.stage.me == seat.stage.consent.contract.helper:
            openings = await self._helping(openings, cells)
        return joins.openings_to_bytes(openings, seed=self._pads.reveal())

    async def passed(self) -> None:
        """The helper gets the seed of the receiver's list."""
        line = self._seat.lines[self._seat.stage.consent.contract.helper]
        await line.send(SEED, joins.seed_to_bytes(self._pads.reveal()))

    def opened_by(self, content: bytes, peer: str, rows: int) -> list[Opening]:
        """The openings; the seed is kept for the sums."""
        plan, owner = self._seat.plan, self._seat.place_of(peer)
        openings = joins.openings_from_bytes(content, plan, owner, rows, shared=True)
        self._released[owner] = self._pads_of(peer, joins.seed_in_release(content, peer))
        return openings

    async def shut(self, cells: Cells, sums: joins.Sums) -> list[Shut]:
        """Take the other owners' pads off."""
        blinded = [joins.words_from_sums(cell) for cell in sums.cells]
        off = await self._pad_sums(cells, self._released, len(blinded))
        return [
            Shut(cell.blinded_count, tuple(row))
            for cell, row in zip(sums.cells, minus(blinded, off), strict=True)
        ]

    async def _helping(self, openings: Sequence[Opening], cells: Cells) -> list[Opening]:
        receiver = self._seat.receiver
        content = await self._seat.lines[receiver].receive(SEED)
        pads = self._pads_of(receiver, joins.seed_from_bytes(content, receiver))
        on = await self._pad_sums(cells, {self._seat.place_of(receiver): pads}, len(openings))
        return helped(openings, on)

    async def _pad_sums(self, cells: Cells, pads: Mapping[int, Pads], number: int) -> Sums:
        """Over the lists of which this owner is told which rows of the result they are in."""
        seat, stage = self._seat, self._seat.stage
        await stage.everybody_releases()
        owners = lists_of(seat.plan, seat.receiver, stage.me)
        sizes = [seat.plan.owners[owner].size for owner in owners]
        (digest,) = (told.digest for told in cells.rows or () if told.org == stage.me)
        limit = sum(joins.ROW_BYTES * size + _ENVELOPE_BYTES for size in sizes) + _ENVELOPE_BYTES
        content = await seat.parts.fetch_stated(_ROWS, digest, limit=limit, phase="release")
        lists = joins.rows_from_bytes(content, sizes, number)
        rows = dict(zip(owners, lists, strict=True))
        return await stage.activity.work(pad_sums, seat.plan, pads, rows, number)

    def _pads_of(self, org: str, seed: bytes) -> Pads:
        part = self._seat.plan.owners[self._seat.place_of(org)]
        try:
            return Pads(seed, self._seat.stage.run, part.size)
        except PeerError as error:
            raise error.at(party=org, phase="release") from None


def helped(openings: Sequence[Opening], on: Sums) -> list[Opening]:
    """The helper's openings, with what the pads of the receiver's list add to each sum."""
    return [
        replace(
            opening,
            blindings=tuple(
                (b + pad) % MODULUS for b, pad in zip(opening.blindings, row, strict=True)
            ),
        )
        for opening, row in zip(openings, on, strict=True)
    ]
