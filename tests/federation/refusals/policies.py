"""Refusals by an owner: its policy file does not list it, lists it no longer, or time is over."""

from collections.abc import Callable

from contract.errors import BudgetExhausted, ContractExpired, Refused, Withheld
from tests.federation.banks import Banks
from tests.federation.orders import WAIT
from tests.federation.owners import PLAIN, Owners
from tests.federation.refusals.case import Case, Told, with_job

POLICY = """
[[allow]]
dataset = "loans"
jobs = ["psi", "psi_cardinality"]
on = ["uscc"]
with = ["bank_a"]
receivers = ["bank_a", "bank_b"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
approve = "auto"
"""

CLOSEST, UNLISTED = "policy.toml: allow[1]", "policy.toml: unlisted"
WRONG_WITH_IT = ("policy.toml:8", "'purposes'?")
BEFORE_IT_REVEALS = "frame.receipted.blinded"
"""bank_a, which receives, is about to send: bank_b's gate has not been asked yet."""


def _under(policy: str, org: str, ask: Callable[[Banks], Told]) -> Callable[[Banks], Told]:
    """What a person is told while an owner has this policy."""

    def provoke(banks: Banks) -> Told:
        kept = banks.home(org).policy.read_text("utf-8")
        banks.allow(org, policy)
        try:
            return ask(banks)
        finally:
            banks.allow(org, kept)

    return provoke


def _ask_to_the_end(banks: Banks) -> Told:
    return with_job(banks.ask())


def _ask_in_vain(*words: str) -> Callable[[Banks], Told]:
    return lambda banks: Told(banks.ask("bank_a", *words))


def _denied(listed: str, instead: str) -> Callable[[Banks], Told]:
    assert listed in POLICY
    return _under(POLICY.replace(listed, instead), "bank_b", _ask_to_the_end)


def _withdrawn(banks: Banks) -> Told:
    kept = banks.home("bank_b").policy.read_text("utf-8")
    with banks.halted("bank_a", BEFORE_IT_REVEALS) as job:
        banks.allow("bank_b", POLICY.replace("CREDIT_MICRO", "CREDIT_MACRO"))
    banks.end_of(job)
    banks.allow("bank_b", kept)
    return Told(banks.run_cli("bank_a", "show", job, "--follow"), job)


def _spent(owners: Owners) -> Told:
    """The registry has a budget for less than one answer."""
    kept = owners.home("registry").policy.read_text("utf-8")
    owners.allow("registry", kept.replace("approve =", "epsilon_budget = 0.4\napprove ="))
    try:
        return with_job(owners.ask(PLAIN, "--noise", "0.5"))
    finally:
        owners.allow("registry", kept)


def _expired(banks: Banks) -> Told:
    banks.order("bank_a", "draft", "short-lived")
    banks.order("bank_b", "say.approval", WAIT)
    try:
        job = banks.propose()
        return Told(banks.run_cli("bank_a", "show", job, "--follow"), job)
    finally:
        banks.dismiss("bank_a")
        banks.dismiss("bank_b")


CASES = (
    *(
        Case(
            Refused,
            f"a peer's {what}",
            _denied(listed, instead),
            party="bank_b",
            phase="approve",
            rule=rule,
            mentions=(what,),
        )
        for what, listed, instead, rule in (
            ("purpose", 'purposes = ["CREDIT_MICRO"]', 'purposes = ["CREDIT_MACRO"]', CLOSEST),
            ("legal basis", 'bases = ["SYNTHETIC_TEST"]', 'bases = ["GOV_SHARING"]', CLOSEST),
            ("receivers", 'receivers = ["bank_a", "bank_b"]', 'receivers = ["bank_b"]', CLOSEST),
            ("other parties", 'with = ["bank_a"]', 'with = ["tax"]', CLOSEST),
            ("kind", 'jobs = ["psi", "psi_cardinality"]', 'jobs = ["psi_cardinality"]', CLOSEST),
            ("is about", 'dataset = "loans"', 'dataset = "deposits"', UNLISTED),
        )
    ),
    *(
        Case(
            Refused,
            f"one's own {what}, before anybody hears of it",
            _ask_in_vain(option, value),
            party="bank_a",
            phase="approve",
            rule=CLOSEST,
            mentions=(what,),
        )
        for what, option, value in (
            ("purpose", "--purpose", "MARKETING"),
            ("legal basis", "--basis", "GOV_SHARING"),
        )
    ),
    Case(
        Refused,
        "a peer's file is broken",
        _under(POLICY.replace("purposes", "purpose"), "bank_b", _ask_to_the_end),
        party="bank_b",
        phase="approve",
        rule="policy.toml: unreadable",
        only_logged=WRONG_WITH_IT,
    ),
    Case(
        Refused,
        "one's own file is broken",
        _under(POLICY.replace("purposes", "purpose"), "bank_a", _ask_in_vain()),
        party="bank_a",
        phase="approve",
        rule="policy.toml: unreadable",
        only_logged=WRONG_WITH_IT,
    ),
    Case(
        BudgetExhausted,
        "an owner's answers",
        _spent,
        at="owners",
        party="registry",
        phase="approve",
        rule="policy.toml: epsilon_budget = 0.4",
        mentions=("less than 0.5 is left",),
    ),
    Case(ContractExpired, "a party was silent", _expired, phase="proposed"),
    Case(
        Withheld,
        "a policy was withdrawn",
        _withdrawn,
        party="bank_b",
        phase="release",
        rule=CLOSEST,
    ),
)
