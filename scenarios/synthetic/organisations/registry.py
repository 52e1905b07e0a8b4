"""The business registry: every enterprise, mostly public facts."""

from collections.abc import Iterator

import numpy as np

from scenarios.synthetic import table
from scenarios.synthetic.chance import stream
from scenarios.synthetic.economy import LAST_DAY, Economy
from scenarios.synthetic.organisation import Organisation, answers_bank_a, serves_bank_a
from scenarios.synthetic.places import COUNTIES
from scenarios.synthetic.risk import Risk
from scenarios.synthetic.table import Table
from scenarios.synthetic.trades import TRADES

STATUS = ("存续", "迁出", "注销", "吊销")
STATUS_SHARES = (0.955, 0.010, 0.025, 0.010)


def tables(economy: Economy, risk: Risk) -> Iterator[Table]:
    """`registry.enterprises`, one row per enterprise."""
    rng, size = stream(economy.seed, "registry"), economy.size
    capital = np.maximum(economy.sales[-1] * rng.uniform(0.5, 6, size), 10_000)
    mortgage = np.where(rng.random(size) < 0.15, capital * rng.uniform(0.1, 0.9, size), 0)
    pledged = np.where(rng.random(size) < 0.05, rng.uniform(0.05, 0.9, size), 0)
    yield Table(
        name="enterprises",
        title="Registered enterprises 企业登记",
        firm=np.arange(size),
        canaries=("chattel_mortgage_amt", 4),
        columns=(
            table.uscc(economy.uscc, rows_per_key=1),
            table.text("name", "企业名称", economy.name),
            table.text("former_name", "曾用名", economy.former_name, null=True),
            table.coded(
                "industry", "行业 GB/T 4754", tuple(one.code for one in TRADES), economy.trade, 1
            ),
            table.coded(
                "region",
                "行政区划 GB/T 2260",
                tuple(one.code for one in COUNTIES),
                economy.county,
                1,
            ),
            table.date("est_date", "成立日期", LAST_DAY - (economy.age * 365.25).astype(np.int64)),
            table.money("reg_capital", "注册资本", np.rint(capital / 10_000) * 10_000, level=2),
            table.coded(
                "status", "登记状态", STATUS, rng.choice(len(STATUS), size, p=STATUS_SHARES), 1
            ),
            table.flag("abnormal_list_flag", "经营异常名录", risk.abnormal),
            table.flag("serious_illegal_flag", "严重违法失信", risk.illegal),
            table.integer(
                "legal_rep_change_cnt_24m",
                "法定代表人变更次数",
                rng.poisson(0.12, size),
                "1000",
                level=2,
            ),
            table.ratio("equity_pledge_ratio", "股权出质比例", pledged, level=2),
            table.money("chattel_mortgage_amt", "动产抵押金额", mortgage),
        ),
    )


NUMBERS = (
    "reg_capital",
    "legal_rep_change_cnt_24m",
    "equity_pledge_ratio",
    "chattel_mortgage_amt",
)
LABELS = (
    *("industry", "region", "status", "est_date"),
    *("abnormal_list_flag", "serious_illegal_flag"),
)

REGISTRY = Organisation(
    "registry",
    tables,
    (serves_bank_a("enterprises"), answers_bank_a("registry", "enterprises", NUMBERS, LABELS)),
)
