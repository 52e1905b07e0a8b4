"""Who learns what of a sum over UNION ALL: the coalition table in federated/SPEC.md §5.7, §5.8."""

from contract.job import Contract, shares_to_open
from contract.learns import LeakageStatement, Learns
from contract.suites import Aggregation


def of_union(contract: Contract) -> LeakageStatement:
    """The statement for a contract."""
    query, (receiver,) = contract.query, contract.receivers
    assert query is not None
    others, threshold = contract.others(receiver), shares_to_open(len(contract.orgs))
    return LeakageStatement(
        parties=(
            *(_member(contract, org) for org in contract.orgs),
            Learns(
                who="coordinator",
                what=(
                    "who computes what with whom, when, for which purpose and on which legal basis",
                    "the statement, and so the dimensions and their declared values",
                    f"of every cell, shown or not, how many subjects {_listed(others)} have in it,"
                    " all together, and how many of them have any",
                    "no sum, not which organisations they are, no organisation's own count, no"
                    " identifier",
                ),
            ),
        ),
        coalitions=(
            Learns(
                who=f"{receiver} and other organisations",
                what=(
                    "of the rest together: the rows of the result, less their own part. With three"
                    " organisations each of which knows the result, each knows the other two's sum",
                ),
            ),
            Learns(
                who=f"coordinator, {receiver} and fewer than {threshold} organisations, itself"
                " counted",
                what=(
                    "of the rest together: the totals of every cell, also of those that are too"
                    " small; of none of them alone, if two or more remain",
                ),
            ),
            Learns(
                who=f"coordinator and {threshold} organisations or more",
                what=(_of_opened_seeds(contract),),
            ),
        ),
        not_covered=(
            *_encryption(contract),
            f"{receiver} knows its own rows: what is shown less those is the others' together. Its"
            " own subjects do not count towards the smallest row.",
            "A subject of several organisations is counted at each of them: the threshold is of"
            " subjects at organisations.",
            f"No row is of one organisation's subjects and {receiver}'s alone. SELECTs that do not"
            " read alike can make all parts but one nothing, or nearly: a policy refuses them"
            ' unless it says selects = "any". Read all of such a statement before you approve.',
            "Alike in words is not alike in effect: a condition that is true of the rows of one"
            " organisation and of few others', or a column that others leave empty, makes a sum"
            " nearly that one's part. By which columns rows may be chosen is for each policy to"
            " say.",
            "A part far larger than all others' is nearly the sum: dominance is not checked.",
            "Parties are taken to follow the protocol (semi-honest): what an organisation hands in"
            " is not proved, and the coordinator's counts are signed, not proved.",
            "A result says what it says: results of two statements over nearly the same rows can be"
            " subtracted.",
        ),
    )


def _of_opened_seeds(contract: Contract) -> str:
    """What is seen by who can open every member's self-mask."""
    if contract.aggregation is Aggregation.PAILLIER:
        return "the counts of the rest together in every cell; with the receiver their sums, too"
    return (
        "the counts and the sums of the rest together in every cell, also of those that are too"
        " small; of none of them alone, if two or more remain"
    )


def _encryption(contract: Contract) -> tuple[str, ...]:
    """What the receiver's key adds to the masks."""
    if contract.aggregation is not Aggregation.PAILLIER:
        return ()
    (receiver,) = contract.receivers
    return (
        "Sums are masked as without encryption, and then encrypted by Paillier (ISO/IEC 18033-6,"
        f" 3072 bit) under a key that {receiver} makes for this run alone. With {receiver} others"
        " see what they would see without that; without it nobody sees a sum.",
    )


def _member(contract: Contract, org: str) -> Learns:
    query = contract.query
    assert query is not None
    sees = ["which cells pass, of all there can be", "of no other organisation what it has"]
    if org in contract.receivers:
        sees = [
            f"the result: rows and sums of each cell in which two or more of the others have"
            f" {query.min_group} subjects together, before HAVING and LIMIT leave out any row, and"
            " with the sums that stand nowhere but in HAVING and ORDER BY; one row for all other"
            " cells, and how many of those are not empty",
            "of each variance the sum and the sum of squares, of each quantile how many values lie"
            " in each of 32 bands, however few",
            *sees,
        ]
    return Learns(who=org, what=tuple(sees))


def _listed(orgs: tuple[str, ...]) -> str:
    return f"{', '.join(orgs[:-1])} and {orgs[-1]}"
