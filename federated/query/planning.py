"""From a statement to its plan: what each owner computes, what is added up, and its bounds.

Implements  federated/SPEC.md §3.2, §3.3; DESIGN §1.2: a pure function of contract data, so that
            every node compiles it itself and compares digests
Exactness   every entity of the join is once in every list, so there are never more of them than the
            shortest padded list is long. A number that is sent is cut into limbs such that
            entities × Σ limb bounds < 2^58, and t = 2^59 never wraps; the receiver puts the limbs
            together again as integers. Noise has room as if it were so many entities more. The
            bound of every sum stands in the plan.
Learns      nobody
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from sqlglot import exp

from contract.dataset import MOST_DIGITS
from contract.errors import BadQuery, BadRequest, UnprovenSum
from contract.job import keys_for
from federated.noise.parameters import Noise
from federated.query.figures import Asked, Count, Dimension, Quantile, Squares, Sum
from federated.query.formula import Bounds
from federated.query.histogram import Bands, bands_of
from federated.query.part import Part, size_of
from federated.query.plan import LeftPart, QueryPlan, Summand, Term, ValueColumn
from federated.query.source import Source
from federated.query.statement import Statement
from federated.query.table import (
    CountFigure,
    DimensionFigure,
    PlannedFigure,
    QuantileFigure,
    SumFigure,
    table_of,
)
from federated.query.values import SENT_BITS, Column, Linear, Range, cast, number, squared

SUM_BITS = 58
_ROOM_BITS = 40
"""Of entities, those included that noise stands for: so 18 bits are left of a limb, or more."""
OWN_BITS = 126
"""What DuckDB's integers hold of a sum over the receiver's own rows."""


def compile_statement(
    statement: Statement,
    *,
    receivers: Sequence[str],
    k: int,
    largest_share: int | None = None,
    epsilon: Decimal | None = None,
) -> QueryPlan:
    """The plan of a statement: who may learn the result, and from how many subjects on.

    `largest_share` is the percentage of a sum that one of them may have; None: nobody checks.
    `epsilon` is that of the noise on all that a row tells; None: it is exact.
    """
    if epsilon is None:
        return _compiled(statement, receivers, k, largest_share, None)
    _require_numbers(statement)
    draws = 1
    # With room for noise sums may take more limbs, each a number with noise of its own.
    while True:
        noise = Noise(epsilon=epsilon, draws=draws, keys=statement.per_subject)
        plan = _compiled(statement, receivers, k, largest_share, noise)
        needed = 1 + sum(len(summand.terms) for summand in plan.summands)
        if needed <= draws:
            return plan
        draws = needed


def _require_numbers(statement: Statement) -> None:
    left = statement.left
    told = [one for one in statement.answer.figures if not left or not left.counts_all(one)]
    if any(isinstance(figure, Quantile) for figure in told):
        raise BadQuery(
            "there is no noise for MEDIAN, quantiles, MIN and MAX: they are made of 32 counts of"
            " bands, which travel as one number",
            fix="leave them out; or group by a CASE of bands and count; or ask without noise",
            rule="federated/SPEC.md §7.1",
        )


def _compiled(
    statement: Statement,
    receivers: Sequence[str],
    k: int,
    largest_share: int | None,
    noise: Noise | None,
) -> QueryPlan:
    left = statement.left
    if left:
        left.require_receiver(receivers)
    draft = _drafted(statement, statement.sources, noise=noise)
    kept = [source for source in statement.sources if left and source.alias == left.kept]
    own = _drafted(statement, kept, bits=OWN_BITS) if kept else draft
    wanted, everywhere = statement.answer.figures, left.counts_all if left else lambda _: False
    drafts = [own if everywhere(one) else draft for one in wanted]
    figures = [
        each.figure(one, wanted, statement.groups) for each, one in zip(drafts, wanted, strict=True)
    ]
    bounds = [each.bounds(figure) for each, figure in zip(drafts, figures, strict=True)]
    of_own = tuple(place for place, each in enumerate(drafts) if left and each is own)
    return QueryPlan(
        sql=statement.sql,
        receivers=tuple(receivers),
        k=keys_for(k, statement.per_subject),
        per_subject=statement.per_subject,
        rows=draft.rows,
        largest_share=_share_of_a_key(largest_share, statement.per_subject),
        noise=noise,
        owners=tuple(part.finish() for part in draft.parts),
        summands=tuple(draft.summands),
        table=table_of(statement.answer, figures, bounds, of_own if left else None),
        left=_left_part(draft, own, left.kept) if left else None,
    )


def _drafted(
    statement: Statement,
    sources: Sequence[Source],
    bits: int = SUM_BITS,
    noise: Noise | None = None,
) -> "Draft":
    """The parts of these sources, with their conditions, groups and uses."""
    parts = [Part(source, size_of(source)) for source in sources]
    rows = min(part.size for part in parts)
    places = {part.source.alias: i for i, part in enumerate(parts)}
    draft = Draft(places, parts, rows, bits, 0 if noise is None else noise.spread)
    if draft.room >= 1 << _ROOM_BITS:
        raise UnprovenSum(
            f"the noise of a number may reach {draft.spread} times what one entity adds to it:"
            f" there is no room for more than {(1 << _ROOM_BITS) - 1 - rows}",
            fix="ask with a larger epsilon, or for fewer sums",
            rule="federated/SPEC.md §7.2",
        )
    for condition in statement.conditions:
        if condition.source in draft.places:
            draft.part(condition.source).filter(condition.sql, condition.columns)
    for group in statement.groups:
        if group.source in draft.places:
            draft.part(group.source).group(group)
    for column, use in statement.answer.uses:
        if column.source in draft.places:
            draft.part(column.source).use([column], use)
    return draft


def _left_part(draft: "Draft", own: "Draft", kept: str) -> LeftPart:
    """What the receiver adds up of its own: a sum for each column, which is never cut."""
    (part,) = own.parts
    terms = [summand.terms for summand in own.summands]
    assert terms == [(Term(owner=0, column=i),) for i in range(len(part.values))]
    return LeftPart(owner=draft.places[kept], sql=part.added_up(), sums=len(terms))


def _share_of_a_key(percent: int | None, per_subject: int) -> int | None:
    """What one key may have of a sum, so that those of one subject have no more than that."""
    if percent is None:
        return None
    if percent < per_subject:
        raise BadRequest(
            f"one subject may have {per_subject} keys, so that no share of each could show that"
            f" together they have at most {percent} percent",
            fix="ask for a larger share, leave it out, or join by one column and add up first",
        )
    return percent // per_subject


@dataclass(slots=True)
class Draft:
    """The sums while they are put together; each is asked for once, however often it is shown."""

    places: dict[str, int]
    parts: list[Part]
    rows: int
    bits: int
    """What a sum stays below, in bits."""
    spread: int = 0
    """How many entities' values the noise of each may be as large as."""
    summands: list[Summand] = field(default_factory=list)
    numbers: dict[Linear, tuple[tuple[int, ...], int]] = field(default_factory=dict)
    histograms: dict[Linear, tuple[Bands, tuple[int, ...]]] = field(default_factory=dict)
    presences: dict[frozenset[Column], int] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """How many entities' values a sum must have room for."""
        return self.rows + self.spread

    def part(self, alias: str) -> Part:
        return self.parts[self.places[alias]]

    def figure(
        self, asked: Asked, figures: Sequence[Asked], groups: Sequence[Column]
    ) -> PlannedFigure:
        match asked:
            case Dimension():
                column = groups[asked.group]
                place = self.part(column.source).groups.index(column)
                return DimensionFigure(owner=self.places[column.source], group=place)
            case Count():
                return CountFigure(present=self._presence(tuple(asked.columns)))
            case Sum():
                return self._number(asked.of).model_copy(update={"rows": asked.rows})
            case Squares():
                return self._squares(asked.of, of=figures.index(Sum(asked.of)))
            case Quantile():
                return self._quantile(asked)

    def bounds(self, figure: PlannedFigure) -> Bounds:
        """By the summands' own bounds: what is outside of them is an error, not a row."""
        match figure:
            case DimensionFigure():
                scale = self.parts[figure.owner].groups[figure.group].scale
                return Bounds(Fraction(10**MOST_DIGITS - 1, 10**scale), 10**scale)
            case CountFigure():
                return Bounds(Fraction(self.room), 1)
            case SumFigure():
                limbs = (self.summands[place] for place in figure.summands)
                most = sum(
                    max(abs(limb.least), abs(limb.most)) << figure.limb_bits * at
                    for at, limb in enumerate(limbs)
                )
                return Bounds(Fraction(most, 10**figure.scale), 10**figure.scale)
            case QuantileFigure():
                bands, unit = figure.bands, 10**figure.scale
                most = max(abs(bands.least), abs(bands.least + bands.width * bands.number))
                return Bounds(Fraction(most, unit), 2 * unit * Fraction(figure.share).denominator)

    def _number(self, of: Linear) -> SumFigure:
        if of not in self.numbers:
            self.numbers[of] = self._limbs(of)
        summands, limb_bits = self.numbers[of]
        return SumFigure(
            scale=of.scale,
            summands=summands,
            limb_bits=limb_bits,
            present=self._presence(of.columns),
        )

    def _squares(self, number: Linear, *, of: int) -> SumFigure:
        """The sum of an owner's squares, which it computes and cuts into limbs itself."""
        (alias,) = number.sources
        largest = _range(number).magnitude ** 2
        most = min(((1 << self.bits) - 1) // self.room, (1 << SENT_BITS) - 1)
        bits = 0 if largest <= most else most.bit_length() - 1
        sent = _value(2 * number.scale, 0, largest, bits, most)
        summands = []
        for limb, (low, high) in enumerate(sent.ranges):
            sql = squared(number.sql(number.scale), limb, sent.limbs, bits)
            column = sent.model_copy(
                update={
                    "kind": "square",
                    "least": low,
                    "most": high,
                    "limbs": 1,
                    "limb_bits": 0,
                }
            )
            term = Term(owner=self.places[alias], column=self.part(alias).add(column, sql))
            summands.append(self._sum([(term, (low, high))]))
        return SumFigure(
            scale=2 * number.scale,
            summands=tuple(summands),
            limb_bits=bits,
            present=self._presence(number.columns),
            square_of=of,
        )

    def _quantile(self, asked: Quantile) -> QuantileFigure:
        of = asked.of
        if of not in self.histograms:
            self.histograms[of] = self._histogram(of)
        bands, summands = self.histograms[of]
        return QuantileFigure(
            rank=asked.rank,
            share=str(asked.share),
            scale=of.scale,
            bands=bands,
            summands=summands,
            present=self._presence(of.columns),
        )

    def _histogram(self, of: Linear) -> tuple[Bands, tuple[int, ...]]:
        (alias,) = of.sources
        bands = bands_of(of.range(of.scale), self.rows, self.bits)
        summands = []
        for column in range(bands.sums):
            value = ValueColumn(
                kind="counted",
                scale=0,
                least=0,
                most=bands.largest(column),
                limbs=1,
                limb_bits=0,
            )
            place = self.part(alias).add(value, bands.sql(of.sql(of.scale), column))
            term = Term(owner=self.places[alias], column=place)
            summands.append(self._sum([(term, (0, bands.largest(column)))]))
        return bands, tuple(summands)

    def _presence(self, columns: Sequence[Column]) -> int | None:
        """The sum that counts where none of an owner's columns is NULL."""
        nullable = sorted((one for one in columns if one.nullable), key=lambda one: one.written)
        if not nullable:
            return None
        which = frozenset(nullable)
        if which not in self.presences:
            alias = nullable[0].source
            anywhere = exp.or_(*(column.is_null() for column in nullable))
            value = ValueColumn(kind="present", scale=0, least=0, most=1, limbs=1, limb_bits=0)
            sql = exp.Case().when(anywhere, number(0)).else_(number(1))
            place = self.part(alias).add(value, cast(sql, "BIGINT"))
            term = Term(owner=self.places[alias], column=place)
            self.presences[which] = self._sum([(term, (0, 1))])
        return self.presences[which]

    def _limbs(self, of: Linear) -> tuple[tuple[int, ...], int]:
        """The sums that make up one number, and how many bits lie between them."""
        owners = sorted(of.sources, key=self.places.__getitem__)
        shares = {alias: of.of(alias, constant=alias == of.terms[0][0].source) for alias in owners}
        ranges = {alias: _range(share) for alias, share in shares.items()}
        # Each owner's limb may reach this, in every entity, and the sum stays below 2^58.
        most = ((1 << self.bits) - 1) // (self.room * len(owners))
        bits = 0 if all(one.magnitude <= most for one in ranges.values()) else most.bit_length() - 1
        limbs: list[list[tuple[Term, tuple[int, int]]]] = []
        for alias in owners:
            value = _value(of.scale, ranges[alias].least, ranges[alias].most, bits, most)
            sql = exp.Coalesce(
                this=cast(shares[alias].sql(of.scale), "BIGINT"), expressions=[number(0)]
            )
            first = self.part(alias).add(value, sql)
            for limb, range_ in enumerate(value.ranges):
                if limb == len(limbs):
                    limbs.append([])
                term = Term(owner=self.places[alias], column=first + limb)
                limbs[limb].append((term, range_))
        return tuple(self._sum(terms) for terms in limbs), bits

    def _sum(self, terms: Sequence[tuple[Term, tuple[int, int]]]) -> int:
        noise = sum(max(abs(low), abs(high)) for _, (low, high) in terms) * self.spread
        least = sum(min(low, 0) for _, (low, _) in terms) * self.rows - noise
        most = sum(max(high, 0) for _, (_, high) in terms) * self.rows + noise
        assert -(1 << self.bits) <= least <= most < 1 << self.bits, "limbs are cut to fit"
        summand = Summand(terms=tuple(term for term, _ in terms), least=least, most=most)
        self.summands.append(summand)
        return len(self.summands) - 1


def _range(share: Linear) -> Range:
    """What is sent for an owner's share: where it is NULL, that is 0."""
    bounds = share.range(share.scale)
    return Range(min(bounds.least, 0), max(bounds.most, 0)) if share.nullable else bounds


def _value(scale: int, least: int, most: int, bits: int, largest: int) -> ValueColumn:
    """A value cut into the fewest limbs of which none exceeds `largest`."""
    limbs = 1
    while bits and max(abs(least >> bits * (limbs - 1)), most >> bits * (limbs - 1)) > largest:
        limbs += 1
    return ValueColumn(
        kind="value", scale=scale, least=least, most=most, limbs=limbs, limb_bits=bits
    )
