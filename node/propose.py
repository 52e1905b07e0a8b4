"""From what a person asks for to a contract: names resolved against every owner's catalogue.

A catalogue is believed because its owner signed it. Nothing here is sent to anybody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from re import fullmatch
from secrets import token_hex

from pydantic import ValidationError

from contract.canonical import digest, parse
from contract.dataset import ColumnType
from contract.epsilon import EPSILON_DECIMALS, LEAST_EPSILON, MOST_EPSILON
from contract.errors import (
    BadRequest,
    BadSignature,
    UnknownOrganisation,
    nearest,
)
from contract.identity import Authority, Role, require_role
from contract.job import (
    MOST_PARAMETER_CHARACTERS,
    MOST_PARAMETERS,
    MOST_PARTIES,
    MOST_SHARE,
    Basis,
    Contract,
    Crypto,
    JobKind,
    KeyedDataset,
    Party,
    Query,
    fewest_contributors,
)
from contract.names import IN_WORDS, is_name
from contract.signing import MAX_BODY_BYTES, Kind, Statement, verify_origin
from contract.statements import Catalogue
from contract.suites import Aggregation, Suite
from federated.query.parameters import Given
from federated.query.plan import LocalPart
from federated.query.planning import compile_statement
from federated.query.statement import parse as parse_statement
from federated.query.union import is_union
from federated.query.union import parse as parse_union
from federated.query.union_part import UnionPart
from federated.query.union_plan import compile_union
from node.parties import Offer, matched, party_of
from node.suites import Dials, suite_of_lists, suite_of_union
from psi.two_party import MODES

_PURPOSE_HINT = "write the purpose as a code such as CREDIT_MICRO"

_LONGEST_SECONDS = 90 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for, as typed."""

    kind: str
    datasets: tuple[str, ...]
    on: tuple[str, ...]
    receivers: tuple[str, ...]
    purpose: str
    basis: str
    lasts_seconds: int
    statement: str = ""
    min_group: int = 0
    min_join: int = 0
    min_contributors: int = 0
    largest_share: int = 0
    epsilon: str = ""
    engine: str = ""
    matching: str = ""
    aggregation: str = ""
    explain: bool = False
    parameters: tuple[tuple[str, str, str], ...] = ()
    """Of a query: name, type or nothing, value."""


def read_offers(statements: Iterable[Statement], authority: Authority) -> dict[str, Offer]:
    """What each organisation offers; an unverifiable statement is an error naming its sender."""
    offers = {}
    for statement in statements:
        # One member whose time is over must not keep the others from finding each other.
        signer = require_role(verify_origin(statement, authority), Role.NODE)
        catalogue = parse(Catalogue, statement.body, max_bytes=MAX_BODY_BYTES, party=signer.org)
        owned = all(entry.org == signer.org for entry in catalogue.entries)
        genuine = statement.kind is Kind.CATALOGUE and statement.subject == digest(statement.body)
        if not genuine or catalogue.org != signer.org or not owned:
            raise BadSignature(
                "a catalogue is not its owner's own",
                party=signer.org,
                fix="that node's software is altering statements: compare versions",
            )
        entries = {entry.name: entry for entry in catalogue.entries}
        offers[signer.org] = Offer(signer, entries, authority.objection(signer))
    return offers


def draft(wish: Wish, offers: dict[str, Offer], *, me: str) -> Contract:
    """The contract that answers a wish; raises a RequestError leaf naming what does not fit."""
    if wish.kind == JobKind.QUERY:
        return _draft_query(wish, offers, me)
    number = len(wish.datasets)
    if not 2 <= number <= MOST_PARTIES or len(wish.on) not in (1, number):
        raise BadRequest(
            f"an intersection takes two to {MOST_PARTIES} datasets and one key, or one each",
            fix="for example: mihe psi bank_a.loans bank_b.loans --on uscc --to bank_a",
        )
    kinds = [kind.value for kind in MODES]
    if wish.kind not in kinds:
        raise BadRequest(
            f"no such kind of intersection.{nearest(wish.kind, kinds)}",
            fix=f"one of: {', '.join(kinds)}",
        )
    columns = wish.on if len(wish.on) == number else wish.on * number
    parties = matched(wish.datasets, columns, offers)
    orgs = [party.org for party in parties]
    if len(set(orgs)) < number:
        raise BadRequest(
            "two of the datasets belong to one organisation",
            fix="join them there, with that organisation's own tools",
        )
    if me not in orgs:
        raise BadRequest(
            f"none of the datasets belongs to {me}",
            fix="propose the job at the node of one of its parties",
        )
    for receiver in wish.receivers:
        if receiver not in orgs:
            raise UnknownOrganisation(
                f"the receiver '{receiver}' is not a party of this job.{nearest(receiver, orgs)}",
                fix=f"name one or more of {', '.join(orgs)} with --to",
            )
    return _contract(wish, parties, me)


def _draft_query(wish: Wish, offers: dict[str, Offer], me: str) -> Contract:
    entries = {org: offer.entries for org, offer in offers.items()}
    k, by_masks, given = max(wish.min_group, 1), is_union(wish.statement), _given(wish)
    epsilon = _epsilon(wish, by_masks=by_masks)
    if by_masks:
        union = parse_union(wish.statement, entries, given)
        encrypted = wish.aggregation == Aggregation.PAILLIER
        union_plan = compile_union(union, receivers=wish.receivers, k=k, encrypted=encrypted)
        sql, parameters = union.sql, union.parameters
        parties = tuple(_of_part(part, offers) for part in union_plan.parts)
    else:
        statement = parse_statement(wish.statement, entries, given)
        plan = compile_statement(
            statement,
            receivers=wish.receivers,
            k=k,
            largest_share=wish.largest_share or None,
            epsilon=epsilon,
        )
        sql, parameters = statement.sql, statement.parameters
        parties = tuple(_of_part(part, offers) for part in plan.owners)
    orgs = [party.org for party in parties]
    if me not in orgs:
        raise BadRequest(
            f"the query asks nothing of {me}'s own data",
            fix="propose it at the node of one of the owners that it names",
        )
    if len(wish.receivers) != 1 or wish.receivers[0] not in orgs:
        raise BadRequest(
            "a query has one receiver, and that is one of its owners",
            fix=f"name one of {', '.join(orgs)} with --to",
        )
    query = Query(
        statement=sql,
        parameters=parameters or None,
        min_group=wish.min_group,
        min_join=wish.min_join,
        entries=tuple(
            offers[party.org].entries[one.dataset] for party in parties for one in party.datasets
        ),
        min_contributors=_contributors(wish, len(parties)) if by_masks else None,
        largest_share=_largest_share(wish, by_masks=by_masks),
        epsilon=epsilon,
    )
    return _contract(wish, parties, me, query)


def _given(wish: Wish) -> dict[str, Given]:
    """The values of a statement's parameters, bounded; what they fit is the statement's to say."""
    types = [type_.value for type_ in ColumnType if type_ is not ColumnType.KEY]
    given: dict[str, Given] = {}
    for name, type_, value in wish.parameters:
        if not is_name(name) or name in given or len(wish.parameters) > MOST_PARAMETERS:
            raise BadRequest(
                f"there are at most {MOST_PARAMETERS} parameters, each with a name of its own",
                fix="give each once, as --param year=2024",
                rule=f"a name is {IN_WORDS}",
            )
        if len(value) > MOST_PARAMETER_CHARACTERS:
            raise BadRequest(
                f"the value of :{name} is longer than {MOST_PARAMETER_CHARACTERS} characters",
                fix="give a shorter one, or prepare a column to compare",
            )
        if type_ and type_ not in types:
            raise BadRequest(
                f"no parameter has such a type.{nearest(type_, types)}",
                fix=f"one of: {', '.join(types)}; or leave it out",
            )
        given[name] = Given(value, ColumnType(type_) if type_ else None)
    return given


def _of_part(part: LocalPart | UnionPart, offers: dict[str, Offer]) -> Party:
    party = party_of(f"{part.org}.{part.dataset}", part.key, offers, part.beside)
    if part.joined is None:
        return party
    joined = tuple(
        KeyedDataset(
            dataset=one.dataset,
            key=one.key,
            schema_digest=offers[part.org].entries[one.dataset].schema_digest,
        )
        for one in part.joined
    )
    return party.model_copy(update={"joined": joined, "size": part.size})


def _contributors(wish: Wish, parties: int) -> int:
    """Of how many organisations a sum must be: as asked, or as many as there must be."""
    fewest = fewest_contributors(parties)
    if not wish.min_contributors:
        return fewest
    if not fewest <= wish.min_contributors <= parties:
        raise BadRequest(
            f"a sum over the rows of {parties} organisations is of {fewest} to {parties} of them",
            fix=f"ask for so many, or leave it out for {fewest}",
        )
    return wish.min_contributors


def _largest_share(wish: Wish, *, by_masks: bool) -> int | None:
    """The percentage of a sum that one entity of a row may have; None if nobody is to check."""
    if not wish.largest_share:
        return None
    if by_masks:
        raise BadRequest(
            "a sum over UNION ALL has no lines by which a largest share could be seen",
            fix="leave it out, or ask over a join",
        )
    if wish.largest_share > MOST_SHARE:
        raise BadRequest(
            f"the largest share of a sum is 1 to {MOST_SHARE} percent",
            fix="ask for so many, or leave it out",
        )
    return wish.largest_share


def _epsilon(wish: Wish, *, by_masks: bool) -> Decimal | None:
    """The ε of the noise on all counts and sums; None if none is asked for."""
    if not wish.epsilon:
        return None
    if by_masks:
        raise BadRequest(
            "nobody adds noise to a sum over UNION ALL",
            fix="leave --noise out, or ask over a join",
        )
    if wish.aggregation == Aggregation.SHARED:
        raise BadRequest(
            "where values are shared the receiver is told exact counts beside every sum, so that"
            " noise would keep nothing from it",
            fix=f"ask with --aggregation {Aggregation.ENCRYPTED.value}, or without --noise",
            rule="federated/SPEC.md §7.1",
        )
    written = fullmatch(rf"[0-9]{{1,3}}(\.[0-9]{{1,{EPSILON_DECIMALS}}})?", wish.epsilon)
    epsilon = Decimal(wish.epsilon) if written else Decimal(0)
    if not LEAST_EPSILON <= epsilon <= MOST_EPSILON:
        raise BadRequest(
            f"the epsilon of a query's noise is a number from {LEAST_EPSILON} to {MOST_EPSILON}, of"
            f" {EPSILON_DECIMALS} decimals at most",
            fix="write --noise 0.5, say: the smaller, the more noise",
        )
    return epsilon


def _contract(
    wish: Wish, parties: tuple[Party, ...], me: str, query: Query | None = None
) -> Contract:
    if wish.basis not in {basis.value for basis in Basis}:
        known = [basis.value for basis in Basis]
        raise BadRequest(
            f"no such legal basis.{nearest(wish.basis, known)}", fix=f"one of: {', '.join(known)}"
        )
    if not 60 <= wish.lasts_seconds <= _LONGEST_SECONDS:
        raise BadRequest("a contract lasts between one minute and 90 days", fix="see --expires")
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        return Contract(
            kind=JobKind(wish.kind),
            initiator=me,
            parties=parties,
            receivers=wish.receivers,
            query=query,
            crypto=Crypto(suite=_suite(wish, parties, query)),
            purpose=wish.purpose,
            basis=Basis(wish.basis),
            created=now,
            expires=now + timedelta(seconds=wish.lasts_seconds),
            nonce=token_hex(32),
        )
    except (ValidationError, ValueError):
        raise BadRequest(
            "the request does not make a contract: receivers or purpose are not well formed",
            fix=f"{_PURPOSE_HINT}; name each receiver once",
        ) from None


def _suite(wish: Wish, parties: tuple[Party, ...], query: Query | None) -> Suite:
    dials = Dials(wish.engine, wish.matching, wish.aggregation)
    if query is not None and query.min_contributors is not None:
        return suite_of_union(dials)
    sizes = tuple(party.size for party in parties)
    return suite_of_lists(JobKind(wish.kind), sizes, len(wish.receivers), dials)
