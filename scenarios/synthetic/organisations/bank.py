"""The banks: one row per borrower, with the default label of the twelve months after."""

from collections.abc import Iterator

import numpy as np

from scenarios.synthetic import table
from scenarios.synthetic.chance import stream
from scenarios.synthetic.economy import Economy
from scenarios.synthetic.organisation import Organisation, Rule, answers_bank_a
from scenarios.synthetic.risk import Risk
from scenarios.synthetic.table import Table

FIVE_CLASS = ("正常", "关注", "次级", "可疑", "损失")
WORST_QUARTERS = np.array([0, 90, 180, 360, 540])  # days past due at the end of each class
GUARANTEE = ("信用", "保证", "抵押", "质押")
GUARANTEE_SHARES = (0.25, 0.30, 0.38, 0.07)
BUREAUS = ("registry", "tax", "power")
# What a query may add up, and what it may group by; both may filter.
NUMBERS = ("loan_balance", "dpd_max_12m", "util", "leverage", "in_flow", "out_flow", "settle_usd")
LABELS = ("five_class", "guarantee_type", "label_default_12m")


def bank(name: str, peer: str) -> Organisation:
    """A bank that intersects with its peer, and learns which of its customers a bureau knows."""

    def tables(economy: Economy, risk: Risk) -> Iterator[Table]:
        yield _loans(name, economy, risk)

    with_peer = Rule("loans", ("psi", "psi_cardinality"), (peer,), (name, peer))
    with_bureaus = Rule("loans", ("psi",), BUREAUS, (name,))
    rules = (with_peer, with_bureaus, answers_bank_a(name, "loans", NUMBERS, LABELS))
    return Organisation(name, tables, rules)


def _loans(name: str, economy: Economy, risk: Risk) -> Table:
    """`loans`, one row per borrower."""
    firm = np.flatnonzero(economy.covered[name])
    rng, size = stream(economy.seed, name), len(firm)
    yearly = economy.sales[-12:, firm].sum(axis=0)
    shell = np.isin(firm, economy.planted.shells)
    flow = yearly * rng.uniform(0.3, 0.9, size) * np.where(shell, 8, 1)
    spread = np.where(shell, 0.005, 0.08)
    quarters = np.minimum(risk.past_due[firm], 4)
    within = rng.integers(1, 91, size)
    days = np.where(quarters > 0, WORST_QUARTERS[np.maximum(quarters - 1, 0)] + within, 0)
    settled = economy.covered["customs"][firm]
    former = economy.former_name[firm]
    return Table(
        name="loans",
        title="Outstanding loans by borrower 贷款",
        firm=firm,
        canaries=("loan_balance", 6),
        columns=(
            table.uscc(economy.uscc[firm], rows_per_key=1),
            # A bank learns late that a customer was renamed.
            table.text(
                "borrower_name",
                "借款人名称",
                np.where(table.absent(former), economy.name[firm], former),
            ),
            table.money(
                "loan_balance",
                "贷款余额",
                yearly * risk.leverage[firm] * rng.uniform(0.1, 0.6, size),
            ),
            table.coded("five_class", "五级分类", FIVE_CLASS, quarters, 3),
            table.integer("dpd_max_12m", "最长逾期天数", days, "3650", unit="d"),
            table.ratio("util", "额度使用率", risk.utilisation[firm]),
            table.ratio("leverage", "杠杆率", risk.leverage[firm]),
            table.coded(
                "guarantee_type",
                "担保方式",
                GUARANTEE,
                rng.choice(len(GUARANTEE), size, p=GUARANTEE_SHARES),
                2,
            ),
            table.money("in_flow", "近12个月流入", flow),
            table.money("out_flow", "近12个月流出", flow * (1 - spread * rng.random(size))),
            table.money(
                "settle_usd",
                "近12个月结汇",
                yearly / 7.1 * rng.uniform(0.1, 0.7, size),
                unit="USD",
                null=~settled,
            ),
            table.flag("label_default_12m", "未来12个月违约", risk.default[firm], level=3),
        ),
    )


BANK_A = bank("bank_a", "bank_b")
BANK_B = bank("bank_b", "bank_a")
