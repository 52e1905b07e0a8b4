"""Who learns what: the statement computed from a contract, shown before anybody consents.

It lists, for every party, everything that the protocol shows it beyond its own data, and then what
a coalition could add. The argument behind each line is in psi/SPEC.md and federated/SPEC.md.
"""

from contract.job import Contract, JobKind, keys_for
from contract.learns import LeakageStatement, Learns
from contract.noise_leakage import of_noise
from contract.suites import ECDH_SUITES, Aggregation, Family, Matching, Suite
from contract.union_leakage import of_union


def leakage_of(contract: Contract) -> LeakageStatement:
    """The statement for a contract."""
    match contract.family:
        case Family.QUERY:
            return _of_query(contract)
        case Family.UNION:
            return of_union(contract)
        case Family.MATCH:
            return _of_match(contract)
        case Family.STAR:
            return _of_star(contract)
        case Family.TWO_PARTY:
            return _of_two(contract)


def _of_two(contract: Contract) -> LeakageStatement:
    return LeakageStatement(
        parties=(*(_owner(contract, org) for org in contract.orgs), _coordinator()),
        coalitions=_coalitions(contract),
        not_covered=(
            "A receiver chooses its own input: it can put guessed keys into its set, up to the "
            f"{_sizes(contract)} that the contract fixes.",
            *_trust(contract),
            *_deviations(contract),
            "Absence is information too: a key that is not in the result is not in the other set.",
        ),
    )


def _owner(contract: Contract, org: str) -> Learns:
    (other,) = contract.others(org)
    peer = contract.party(other)
    sees = [f"that {other} brings between 0 and {peer.size} keys (the padded size)"]
    if org in contract.receivers:
        sees.insert(0, _result(contract, org, other))
    else:
        sees.append("nothing of the result")
    return Learns(who=org, what=tuple(sees))


def _result(contract: Contract, org: str, other: str) -> str:
    column = contract.party(org).key_in_words
    if contract.kind is JobKind.PSI:
        return f"which of its own {column} values {other} also has, and so how many"
    return f"how many {column} values it has in common with {other}, not which"


def _coordinator() -> Learns:
    return Learns(
        who="coordinator",
        what=(
            "who computes what with whom, when, for which purpose and on which legal basis",
            "padded sizes, the volume and timing of sealed traffic that it relays",
            "no identifier, no value, no point, no result",
        ),
    )


def _coalitions(contract: Contract) -> tuple[Learns, ...]:
    lines = [
        Learns(who=f"coordinator and {org}", what=(f"nothing beyond what {org} learns alone",))
        for org in contract.orgs
    ]
    both = " and ".join(contract.orgs)
    lines.append(Learns(who=both, what=("everything: between them they hold all the data",)))
    return tuple(lines)


def _trust(contract: Contract) -> tuple[str, ...]:
    """What the parties are taken to do."""
    if contract.crypto.suite is Suite.PSI_RR22_ACTIVE:
        first = contract.receivers[0]
        return (
            "Experimental: checks catch a party whose messages do not fit one another, and end the"
            f" job with its name, but they do not hold {first} to its size. Where that must be, the"
            " engine is ecdh.",
            "A party that deviates can leave out keys and claim keys that it does not have, so a"
            " result can hold less than the truth; no check proves that an input was true.",
            "With several buckets, a party that deviates can choose its keys for one bucket by what"
            " the buckets before it showed, and end the job when it has seen enough.",
        )
    return (
        "Parties are taken to follow the protocol (semi-honest). A deviation leaves signed "
        "statements and receipts, but no proof that an input was true.",
        "With a party that deviates, a result can hold less than the truth, and more.",
    )


def _deviations(contract: Contract) -> tuple[str, ...]:
    if contract.kind is JobKind.PSI_CARDINALITY:
        return ("A receiver that deviates can turn the count into the list of common keys.",)
    if contract.crypto.suite in ECDH_SUITES:
        return ()
    first, *others = contract.receivers
    told = tuple(
        f"{org} learns its result from {first}, which can tell it less than the truth."
        for org in others
    )
    room = (
        f"The size does not bind {first} if it deviates: it can ask about a third more keys, and"
        " with more effort about more."
    )
    return (room, *told)


def _sizes(contract: Contract) -> str:
    return " and ".join(f"{contract.party(org).size} ({org})" for org in contract.receivers)


# ── queries: the rows of the coalition table in federated/SPEC.md §4.4 ──────────────────────────


def _of_query(contract: Contract) -> LeakageStatement:
    (receiver,) = contract.receivers
    owners = tuple(_owner_of_query(contract, org) for org in contract.orgs)
    return LeakageStatement(
        parties=(*owners, _coordinator_of_query(contract)),
        coalitions=_coalitions_of_query(contract, receiver),
        not_covered=(
            "Parties are taken to follow the protocol (semi-honest). A deviation leaves signed "
            "statements and receipts, but no proof that an input was true.",
            "The coordinator's counts, matching and sums are signed, not proved.",
            "A result says what it says: who knows all but one entity of a cell, or asks again "
            "after a small change, can subtract.",
            "Who knows the values that were added up in a small cell can try which of them make "
            f"the sum: {receiver} for its own keys, and together with an owner for that owner's.",
            "The threshold is of entities, not of values: where all but one are NULL, the sum is "
            "that one value; where all but two are, sum and variance are these two.",
            "A quantile, MIN or MAX shows the receiver's node how many of a cell's values lie in "
            "each of up to 32 bands, fewer than the smallest group, too.",
            "A sum outside the declared bounds ends the job with an error that all parties see.",
            _of_large_shares(contract),
            *_of_a_key_of_several(contract),
            *_of_the_common_key(contract),
            *of_noise(contract),
        ),
    )


def _of_large_shares(contract: Contract) -> str:
    """What keeps a sum from being nearly one entity's value."""
    share = _share(contract)
    if share is None:
        return (
            "Whether one entity has nearly all of a sum is not checked in the join: a cell of many"
            " can show the value of its largest. Only an owner whose policy sets a largest share"
            " looks at its own list before; declared bounds alone limit the rest."
        )
    return (
        f"No entity has more than {share} % of what an owner's column adds up to in a cell. Of"
        " sums over several columns, and of what two together have, nothing is said."
    )


def _share(contract: Contract) -> int | None:
    return None if contract.query is None else contract.query.largest_share


def _of_a_key_of_several(contract: Contract) -> tuple[str, ...]:
    """What an entity is where several columns join, and what the thresholds then are."""
    query, first, most = contract.query, contract.parties[0], contract.keys_per_subject or 1
    if query is None or first.beside is None:
        return ()
    return (
        f"The lists hold a key for every ({', '.join(first.key)}): what is counted are such"
        " keys; and what is said of a key is also said of what stands beside the identifier in it.",
        f"One subject may have up to {most} of them, as an owner declares (rows_per_key); so a cell"
        f" is shown from {keys_for(query.min_group, most)} keys on, which are of at least"
        f" {query.min_group} subjects. An owner that declares less than there are lowers that.",
    )


def _owner_of_query(contract: Contract, org: str) -> Learns:
    query = contract.query
    assert query is not None
    sees = [
        "the padded sizes of the other owners' lists",
        "which cells pass: its own groups by name, the others' by opaque codes",
    ]
    if org in contract.receivers:
        sees = [
            f"the result: count and sums of each cell of at least {query.min_group} entities,"
            f"{'' if query.epsilon is None else ' each with noise,'}"
            " with its labels, before HAVING and LIMIT leave out any row, and with the sums that"
            " stand nowhere but in HAVING and ORDER BY; how many cells are folded into the"
            " remainder",
            *sees,
        ]
    if org == contract.helper and contract.aggregation is Aggregation.SHARED:
        (receiver,) = contract.receivers
        sees.append(f"as {receiver}'s helper, how many entities each passing cell has")
    return Learns(who=org, what=(*sees, "of nobody whether it is in the join"))


def _coordinator_of_query(contract: Contract) -> Learns:
    of_values = "no value"
    bands: tuple[str, ...] = ()
    if _share(contract) is not None:
        of_values = "no value but for these bands"
        bands = (
            "of every line, in the join or not, how large each number is that is added up, to a"
            " quarter of an octave (19 %), without sign: who knows an entity by its size knows its"
            " line",
        )
    return Learns(
        who="coordinator",
        what=(
            "who computes what with whom, when, for which purpose and on which legal basis",
            "padded sizes, and how many keys each owner really has, in all and in each group",
            "for every overlap of lists, in the join or not, how many entities are in it, and in"
            " which groups, withheld cells too; groups are opaque codes, but public statistics"
            " name most of them",
            *bands,
            "volume and timing of sealed traffic that it relays, and so the length of the labels"
            " that are released",
            f"no identifier, {of_values}, no result",
        ),
    )


def _coalitions_of_query(contract: Contract, receiver: str) -> tuple[Learns, ...]:
    caps = ", ".join(f"{party.size} ({party.org})" for party in contract.parties)
    everything = "every row of every owner, in the join or not, linked per entity, with labels"
    if contract.matching is Matching.KEYED:
        return _coalitions_of_keyed_query(contract, receiver, everything)
    return (
        *_without_the_coordinator(contract, receiver),
        Learns(
            who="coordinator and owners",
            what=(
                "for each of those owners' keys: in which other lists it is, in the join or not,"
                " and the codes, hence often the labels, that those give it",
                f"no other identifier; at most as many guesses as their padded sizes: {caps}",
                _no_value(contract),
            ),
        ),
        *_with_the_helper(contract, receiver),
        Learns(
            who=f"coordinator and {receiver}",
            what=(
                f"{everything}; rare values may name it",
                f"for {receiver}'s own keys, whose",
            ),
        ),
        Learns(
            who=f"coordinator, {receiver} and owners",
            what=("the same, and for those owners' keys, whose",),
        ),
    )


def _without_the_coordinator(contract: Contract, receiver: str) -> tuple[Learns, ...]:
    alone = Learns(
        who=f"owners, without the coordinator and without {receiver}",
        what=("nothing beyond what each learns",),
    )
    if contract.aggregation is not Aggregation.SHARED:
        beyond = "of other owners nothing beyond the result and what each learns"
        return (alone, Learns(who=f"{receiver} and owners", what=(beyond,)))
    which = "which of those owners' keys are in each passing cell, and in the remainder"
    return (
        alone,
        Learns(
            who=f"{receiver} and owners",
            what=(f"{which}; with {contract.helper}, {receiver}'s helper, which of {receiver}'s",),
        ),
    )


def _no_value(contract: Contract) -> str:
    shared = contract.aggregation is Aggregation.SHARED
    but = f", unless {contract.helper} is among them" if shared else ""
    if _share(contract) is not None:
        return f"of other owners' values their bands, a factor of 1.19 wide, and no more{but}"
    return f"no value of another owner{but}"


def _with_the_helper(contract: Contract, receiver: str) -> tuple[Learns, ...]:
    if contract.aggregation is not Aggregation.SHARED:
        return ()
    whose = "whose they are" if contract.matching is Matching.KEYED else "for its own keys, whose"
    return (
        Learns(
            who=f"coordinator and {contract.helper}",
            what=(f"every value that {receiver} hands in, in the join or not, and {whose}",),
        ),
    )


# ── keyed matching ──────────────────────────────────────────────────────────────────────────────

_EVERY_IDENTIFIER = (
    "every identifier of every list, in the join or not, by trying all that there are: any one"
    " owner's key of the tokens is enough"
)


def _coalitions_of_keyed_query(
    contract: Contract, receiver: str, everything: str
) -> tuple[Learns, ...]:
    return (
        *_without_the_coordinator(contract, receiver),
        Learns(
            who="coordinator and any owner",
            what=(
                f"{_EVERY_IDENTIFIER}; with the codes, hence often the labels",
                _no_value(contract),
            ),
        ),
        *_with_the_helper(contract, receiver),
        Learns(
            who=f"coordinator and {receiver}",
            what=(f"{everything} and with its identifier",),
        ),
    )


def _of_the_common_key(contract: Contract) -> tuple[str, ...]:
    """What is said of a key that all owners have, where there is one."""
    if contract.matching is not Matching.KEYED:
        return ()
    return (
        "Matching is keyed: whoever ever holds the key of this run's tokens, which every owner has"
        " while it runs, and the coordinator's tokens, has every identifier of every list. Nothing"
        " but the owners' and the coordinator's word keeps the two apart, and both are to erase"
        " theirs with the run.",
    )


# ── intersections of three or more ──────────────────────────────────────────────────────────────


def _of_match(contract: Contract) -> LeakageStatement:
    names = ", ".join(contract.receivers)
    return LeakageStatement(
        parties=(
            *(_owner_of_match(contract, org) for org in contract.orgs),
            Learns(
                who="coordinator",
                what=(
                    "who computes what with whom, when, for which purpose and on which legal basis",
                    "padded sizes, and for every overlap of lists how many keys are in it",
                    "no identifier and no value",
                ),
            ),
        ),
        coalitions=(
            Learns(who="owners without the coordinator", what=("nothing beyond what each learns",)),
            _coordinator_and_an_owner(contract),
        ),
        not_covered=(
            "A receiver chooses its own input: it can put guessed keys into its set, up to the "
            f"{_sizes(contract)} that the contract fixes.",
            "Parties are taken to follow the protocol (semi-honest). A deviation leaves signed "
            "statements and receipts, but no proof that an input was true.",
            f"The coordinator tells {names} what matched; its matching is signed, not proved.",
            *_of_the_common_key(contract),
        ),
    )


def _coordinator_and_an_owner(contract: Contract) -> Learns:
    if contract.matching is Matching.KEYED:
        return Learns(who="coordinator and any owner", what=(_EVERY_IDENTIFIER,))
    return Learns(
        who="coordinator and an owner",
        what=("for each of that owner's keys: in which other lists it is",),
    )


def _owner_of_match(contract: Contract, org: str) -> Learns:
    sizes = "the padded sizes of the other owners' lists"
    if org not in contract.receivers:
        return Learns(who=org, what=(sizes, "nothing of the result"))
    if contract.kind is JobKind.PSI:
        column = contract.party(org).key_in_words
        result = f"which of its own {column} values all the others also have, and so how many"
    else:
        result = "how many keys all of them have in common, not which"
    return Learns(who=org, what=(result, sizes))


# ── the same by a star: psi/star/SPEC.md §6 ─────────────────────────────────────────────────────


def _of_star(contract: Contract) -> LeakageStatement:
    (receiver,), pivot = contract.receivers, contract.pivot
    pair = f"{receiver} and {pivot}"
    return LeakageStatement(
        parties=(*(_owner_of_match(contract, org) for org in contract.orgs), _coordinator()),
        coalitions=(
            Learns(who=f"{pair} together", what=_of_the_pair(contract)),
            Learns(
                who=f"any others together, without {receiver} or without {pivot}",
                what=("nothing beyond what each learns alone",),
            ),
            Learns(
                who="coordinator and anybody",
                what=("nothing beyond what they learn without the coordinator",),
            ),
        ),
        not_covered=(
            f"{pair} must not be one organisation, nor show each other what they see. Who takes the"
            f" place of {pivot} is chosen by the order of the datasets: the first owner other than"
            f" {receiver}.",
            "A receiver chooses its own input: it can put guessed keys into its set, up to the "
            f"{_sizes(contract)} that the contract fixes.",
            f"The size does not bind {receiver} if it deviates: it can ask about a third more keys,"
            " and with more effort about more.",
            "Parties are taken to follow the protocol (semi-honest). A deviation leaves signed "
            "statements and receipts, but no proof that an input was true.",
            "With a party that deviates, a result can hold less than the truth, and more.",
        ),
    )


def _of_the_pair(contract: Contract) -> tuple[str, ...]:
    """What receiver and pivot find out if they put together what each sees."""
    others = [org for org in contract.orgs if org not in (*contract.receivers, contract.pivot)]
    if len(others) == 1:
        return (f"of every key that they can think of, whether {others[0]} has it",)
    names = ", ".join(others)
    return (
        f"of every key that they can think of, whether all of {names} have it, not which of them",
        "joined by some of those, whether all that remain have it",
    )
