"""What noise keeps from whom, and what not: the lines of a query's statement of who learns what.

The argument behind each line is in federated/SPEC.md §7.4.
"""

from contract.job import Contract


def of_noise(contract: Contract) -> tuple[str, ...]:
    """Nothing where a contract has none."""
    query = contract.query
    if query is None or query.epsilon is None:
        return ()
    (receiver,) = contract.receivers
    counter, owners = contract.counter, len(contract.orgs)
    others = f"{receiver} with {counter}"
    also = "" if owners == 2 else ", with another owner it has that owner's columns without noise"
    return (
        f"Every count and sum that {receiver} is told has noise: no value of them is more than"
        f" e^{query.epsilon} times as likely with one subject in an owner's list as without it. Of"
        f" {receiver}'s own subjects nothing is said.",
        "Which rows the result has, which are folded, and whether an owner refuses rests on exact"
        " counts and values: the noise does not cover that.",
        f"{others} has counts, and sums of {receiver}'s own columns, without noise: {counter} draws"
        f" theirs{also}. The coordinator counts exactly, and with {receiver} has everything.",
        "Answers add up: the same question asked twice has other noise, and tells twice as much."
        " Nobody limits that but an owner whose policy has a budget (epsilon_budget); receivers"
        " that pool their answers have what their budgets add up to.",
    )
