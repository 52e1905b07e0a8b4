"""What a job would cost, told before it is proposed: what is really sent, and the plan's digest."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from contract.errors import BadRequest, UnprovenSum
from contract.job import Contract, Crypto, JobKind, Query, suites_for
from contract.leakage import leakage_of
from contract.policy import Allow, Use
from contract.suites import QUERY_SUITES, Aggregation, Dominance, Suite
from federated.aggregate.wire import KEY_BYTES, MERGING_BYTES
from federated.join.parameters import CONTRIBUTION_BYTES
from federated.query.agreed import plan_of
from federated.query.sizes import share_bytes
from federated.query.statement import parse
from node.gate import policy_lines
from node.outlook import digest_of, outlook
from node.plan import compile_match, compile_plan
from node.star_plan import compile_star
from tests.unit.federated.query.catalogue import CATALOGUE
from tests.unit.node.contracts import NOW, contract_of, party_of, policy_of, rule
from tests.unit.node.lines import Member

FIRMS = "(SELECT code AS uscc, industry FROM registry.firms)"
FROM = f"FROM bank.loans AS b JOIN {FIRMS} AS r USING (uscc)"
BY_INDUSTRY = f"SELECT r.industry, SUM(b.balance) AS s {FROM} GROUP BY r.industry"
POINT_BYTES = 32

Intersection = Callable[..., Contract]
Asked = Callable[..., Contract]


@pytest.fixture
def intersection(bank_a: Member) -> Intersection:
    def contract(*orgs: str, suite: Suite | None = None) -> Contract:
        parties = [party_of(bank_a, org=org, size=512) for org in orgs]
        suites = suites_for(JobKind.PSI, len(orgs))
        return contract_of(*parties, crypto=Crypto(suite=suite or suites[0]))

    return contract


@pytest.fixture
def asked(bank_a: Member) -> Asked:
    def contract(
        sql: str,
        *,
        owners: tuple[str, ...] = ("bank", "registry"),
        suite: Suite = Suite.BLIND_JOIN,
        largest_share: int | None = None,
        epsilon: Decimal | None = None,
    ) -> Contract:
        entries = tuple(entry for entry in CATALOGUE if entry.org in owners)
        parties = [
            party_of(
                bank_a,
                org=entry.org,
                dataset=entry.name,
                key_column=entry.columns[0].name,
                schema_digest=entry.schema_digest,
                size=1024,
            )
            for entry in entries
        ]
        catalogue = {entry.org: {entry.name: entry} for entry in entries}
        query = Query(
            statement=parse(sql, catalogue).sql,
            min_group=10,
            min_join=10,
            entries=entries,
            largest_share=largest_share,
            epsilon=epsilon,
        )
        return contract_of(*parties, kind=JobKind.QUERY, query=query, crypto=Crypto(suite=suite))

    return contract


def test_two_parties_exchange_the_messages_of_the_plan(intersection: Intersection) -> None:
    contract = intersection("bank_a", "bank_b")
    plan, view = compile_plan(contract), outlook(contract)
    assert view.contract == contract
    assert view.leakage == leakage_of(contract)
    assert view.bytes_on_the_wire == sum(stream.size for stream in plan.streams)
    assert len(view.streams) == len(plan.streams)
    assert float(view.seconds) >= 0
    assert digest_of(contract) == plan.digest


def test_of_three_each_list_travels_to_every_other_owner_and_back(
    intersection: Intersection,
) -> None:
    contract = intersection("bank_a", "bank_b", "tax")
    plan, view = compile_match(contract), outlook(contract)
    travelling = 3 * 512 * 2 * 2 * POINT_BYTES
    assert view.bytes_on_the_wire == travelling + 3 * 512 * plan.token_bytes
    assert digest_of(contract) == plan.digest


def test_keyed_no_list_travels_between_owners(intersection: Intersection) -> None:
    contract = intersection("bank_a", "bank_b", "tax", suite=Suite.KEYED_MATCH)
    plan, view = compile_match(contract), outlook(contract)
    assert view.bytes_on_the_wire == 6 * CONTRIBUTION_BYTES + 3 * 512 * plan.token_bytes
    assert digest_of(contract) == plan.digest
    blind = intersection("bank_a", "bank_b", "tax")
    assert digest_of(blind) != plan.digest
    assert float(view.seconds) < float(outlook(blind).seconds)


def test_who_is_matched_by_the_coordinator_is_told_of_the_star_and_its_caveat(
    intersection: Intersection,
) -> None:
    said = outlook(intersection("bank_a", "bank_b", "tax")).engine
    assert said is not None
    assert "--engine star" in said
    assert "if bank_a and bank_b never collude" in said


def test_a_star_is_shown_message_by_message(intersection: Intersection) -> None:
    contract = intersection("bank_a", "bank_b", "tax", "power", suite=Suite.PSI_STAR)
    plan, view = compile_star(contract), outlook(contract)
    streams = (*plan.streams, *plan.comparison.streams)
    assert view.bytes_on_the_wire == sum(stream.size for stream in streams)
    assert [line.split(", ")[0] for line in view.streams[:5]] == [
        "bank_a → tax: shared_key",
        "bank_a → power: shared_key",
        "tax → power: shared_key",
        "tax → bank_b: store",
        "power → bank_b: store",
    ]
    assert all(line.startswith(("bank_a → bank_b", "bank_b → bank_a")) for line in view.streams[5:])
    assert view.engine == "asked for"
    assert digest_of(contract) == plan.digest


def test_of_a_star_everybody_awaits_what_somebody_sends(intersection: Intersection) -> None:
    contract = intersection("bank_a", "bank_b", "tax", "power", suite=Suite.PSI_STAR)
    plan = compile_star(contract)
    awaited = [
        (peer, org, name)
        for org in contract.orgs
        for peer in contract.others(org)
        for name in plan.incoming(org, peer)
    ]
    streams = (*plan.streams, *plan.comparison.streams)
    sent = [(one.sender, one.receiver, name) for one in streams for name in one.names]
    assert sorted(awaited) == sorted(sent)
    others = contract.model_copy(update={"parties": contract.parties[::-1]})
    assert compile_star(others).digest != plan.digest


def test_a_query_is_shown_with_its_shares_its_key_and_its_proof(asked: Asked) -> None:
    contract = asked(BY_INDUSTRY)
    plan, view = plan_of(contract), outlook(contract)
    lists = 2 * 1024 * 2 * POINT_BYTES
    shares = [share_bytes(plan, owner, Aggregation.ENCRYPTED) for owner in range(2)]
    assert view.bytes_on_the_wire == lists + sum(shares) + 2 * KEY_BYTES + MERGING_BYTES
    for size in shares:
        assert any(f"→ coordinator: {size} bytes" in line for line in view.streams)
    assert view.streams[-1].startswith("exact: ")
    assert view.memory_bytes > max(shares)
    assert digest_of(contract) == plan.digest


def test_by_shares_there_is_no_key_and_rows_are_told(asked: Asked) -> None:
    contract = asked(BY_INDUSTRY, suite=Suite.KEYED_SHARED)
    plan, view = plan_of(contract), outlook(contract)
    shares = [share_bytes(plan, owner, Aggregation.SHARED) for owner in range(2)]
    # The receiver alone has values, so its helper is told of its list, and it of none.
    told = {line for line in view.streams if "bytes of rows" in line}
    assert told == {
        "coordinator → bank: 0 bytes of rows",
        "coordinator → registry: 2048 bytes of rows",
    }
    assert view.bytes_on_the_wire == 2 * CONTRIBUTION_BYTES + sum(shares) + 2048
    assert not [line for line in view.streams if "key" in line]


def test_a_query_is_shown_with_what_everybody_does(asked: Asked) -> None:
    contract = asked(
        f"SELECT AVG(b.balance) AS mean, MEDIAN(b.days) AS days, VAR_POP(b.days) AS v {FROM}"
    )
    plan, steps = plan_of(contract), outlook(contract).steps
    for part, step in zip(plan.owners, steps, strict=False):
        assert step == f"{part.org} runs on its own {part.dataset}: {part.sql}"
    assert f"{len(plan.summands)} numbers" in steps[-2]
    words = "mean (6 decimals), days (± 114.0000), v (12 digits)"
    assert steps[-1] == f"bank computes from these: {words}"


SUMMED = f"SELECT r.industry, SUM(b.balance) AS s, VAR_POP(b.days) AS v {FROM} GROUP BY r.industry"
ALLOWED = {
    "dataset": "loans",
    "jobs": (JobKind.QUERY,),
    "with": ("registry",),
    "receivers": ("bank",),
}
HALF = rule(**ALLOWED, columns={"uscc": (Use.JOIN,), "balance": (Use.SUM,)})
WHOLE = rule(
    **ALLOWED,
    columns={"uscc": (Use.JOIN,), "balance": (Use.SUM,), "days": (Use.VARIANCE, Use.SUM)},
)
OTHERS = [
    ("registry", "use of 'code' for join", None, None),
    ("registry", "use of 'industry' for group", None, None),
]


@pytest.mark.parametrize(
    ("rules", "days", "closest"),
    [((HALF,), False, "allow[1]"), ((HALF, WHOLE), True, "allow[2]")],
    ids=["denied", "allowed"],
)
def test_a_query_is_shown_with_what_the_own_policy_says(
    asked: Asked, rules: tuple[Allow, ...], days: bool, closest: str
) -> None:
    lines = policy_lines(asked(SUMMED), "bank", policy_of(*rules), NOW.date())
    assert [(one.org, one.what, one.allowed, one.rule) for one in lines] == [
        ("bank", "use of 'balance' for sum", True, closest),
        ("bank", "use of 'days' for variance", days, closest),
        ("bank", "use of 'uscc' for join", True, closest),
        *OTHERS,
    ]


def test_what_else_the_own_policy_denies_is_shown(asked: Asked) -> None:
    strict = WHOLE.model_copy(update={"min_group": 99, "purposes": ("FRAUD",)})
    lines = policy_lines(asked(SUMMED), "bank", policy_of(strict), NOW.date())
    denied = {one.what for one in lines if one.allowed is False}
    assert denied == {"purpose", "groups of fewer than 99"}
    none = policy_lines(asked(SUMMED), "bank", policy_of(), NOW.date())
    assert [(one.what, one.allowed) for one in none if one.org == "bank"] == [
        ("any use of 'loans'", False)
    ]


@pytest.mark.parametrize("suite", QUERY_SUITES.values())
def test_bands_are_shown_with_their_size_and_what_they_do(asked: Asked, suite: Suite) -> None:
    plain = outlook(asked(BY_INDUSTRY, suite=suite))
    checked = outlook(asked(BY_INDUSTRY, suite=suite, largest_share=60))
    assert checked.bytes_on_the_wire == plain.bytes_on_the_wire + 1024
    (folded,) = set(checked.steps) - set(plain.steps)
    assert folded.startswith("folded: cells in which")
    assert folded.endswith("more than 60 % of a sum")


@pytest.mark.parametrize(
    ("listed", "allowed"),
    [
        ({}, {None}),
        ({"dominance": (Dominance.OFF, Dominance.BANDS)}, {None, 60}),
        ({"dominance": (Dominance.BANDS,)}, {60}),
    ],
    ids=["by default", "both", "asked for"],
)
def test_bands_are_refused_unless_listed_and_may_be_asked_for(
    asked: Asked, listed: dict[str, object], allowed: set[int | None]
) -> None:
    policy = policy_of(WHOLE.model_copy(update=listed))
    for share, way in ((None, "off"), (60, "bands")):
        lines = policy_lines(asked(SUMMED, largest_share=share), "bank", policy, NOW.date())
        denied = [one.what for one in lines if one.allowed is False]
        said = [] if share in allowed else [f"dominance {way} (largest share in the join)"]
        assert denied == said


def test_a_limit_of_the_own_policy_holds_for_the_join_too(asked: Asked) -> None:
    limited = {"dominance": (Dominance.OFF, Dominance.BANDS), "largest_share": 50}
    policy = policy_of(WHOLE.model_copy(update=limited))
    for share, denied in ((None, []), (50, []), (51, ["shares of more than 50 % of a sum"])):
        lines = policy_lines(asked(SUMMED, largest_share=share), "bank", policy, NOW.date())
        assert [one.what for one in lines if one.allowed is False] == denied


def test_noise_is_shown_with_who_draws_it_and_how_much_each_column_has(asked: Asked) -> None:
    exact, noisy = asked(BY_INDUSTRY), asked(BY_INDUSTRY, epsilon=Decimal("0.5"))
    new = [step for step in outlook(noisy).steps if step not in outlook(exact).steps]
    assert digest_of(noisy) != digest_of(exact)
    split, shown = new
    assert split.startswith(
        "noise: epsilon 0.5 is split over 2 numbers of each row; registry draws"
    )
    # √2 × 2 / 0.5 million yuan.
    assert shown.endswith("industry, s (noise: sigma 5660000)")


def test_what_can_not_be_carried_out_is_not_shown(asked: Asked) -> None:
    with pytest.raises(UnprovenSum):
        asked(f"SELECT SUM(b.vast) AS s {FROM}")
    contract = asked(BY_INDUSTRY)
    parties = contract.parties[::-1]
    for look in (outlook, digest_of):
        with pytest.raises(BadRequest):
            look(contract.model_copy(update={"parties": parties}))
