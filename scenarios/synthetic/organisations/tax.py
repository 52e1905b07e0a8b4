"""The tax bureau: monthly returns, as declared (over-invoicing included)."""

from collections.abc import Iterator

import numpy as np

from scenarios.synthetic import table
from scenarios.synthetic.chance import Ints, exp, stream
from scenarios.synthetic.economy import MONTHS, PERIODS, Economy
from scenarios.synthetic.organisation import Organisation, answers_bank_a, serves_bank_a
from scenarios.synthetic.risk import Risk
from scenarios.synthetic.table import Table
from scenarios.synthetic.trades import TAX_RATE, TRADES

CREDIT_GRADES = ("A", "B", "M", "C", "D")
YEARS_TO_BE_GRADED = 3  # younger taxpayers are M
RESEARCHING = ("C34", "C38", "C39", "I65")


def tables(economy: Economy, risk: Risk) -> Iterator[Table]:
    """`tax.returns`, one row per taxpayer and month."""
    firm = np.flatnonzero(economy.covered["tax"])
    rng, shape = stream(economy.seed, "tax"), (MONTHS, len(firm))
    sales = economy.declared[:, firm]
    rate = TAX_RATE[economy.trade[firm]]
    vat = sales * rate * exp(rng.normal(0, 0.1, shape))
    quarter_end = (np.array(PERIODS) % 3 == 0)[:, None]
    profit_tax = np.where(quarter_end, 3 * sales * rng.uniform(0.001, 0.012, len(firm)), 0)
    late = risk.late_payments[:, firm]
    researching = np.array([one.code in RESEARCHING for one in TRADES])[economy.trade[firm]]
    research = np.where(quarter_end & researching, 3 * sales * rng.uniform(0, 0.06, len(firm)), 0)
    red = rng.uniform(0, 0.03, shape) ** 2 * 30
    buyers = np.clip(rng.uniform(0.2, 0.95, len(firm)) + rng.normal(0, 0.02, shape), 0, 1)
    rows = np.tile(firm, MONTHS)
    yield Table(
        name="returns",
        title="Monthly tax returns 纳税申报",
        firm=rows,
        monthly=True,
        canaries=("vat_paid", 6),
        columns=(
            table.uscc(economy.uscc[rows], rows_per_key=MONTHS),
            table.period(np.repeat(PERIODS, len(firm))),
            table.money("vat_sales_declared", "增值税申报销售额", sales.ravel()),
            table.money("vat_paid", "已缴增值税", vat.ravel()),
            table.money("cit_paid", "已缴企业所得税", profit_tax.ravel()),
            table.integer("late_pay_cnt", "逾期缴税次数", late.ravel(), "1000"),
            table.money(
                "late_pay_amt", "滞纳金", (late * vat * rng.uniform(0.001, 0.02, shape)).ravel()
            ),
            table.coded(
                "credit_grade",
                "纳税信用等级",
                CREDIT_GRADES,
                np.tile(_grades(economy, risk, firm), MONTHS),
                2,
            ),
            table.ratio("red_invoice_ratio", "红字发票占比", red.ravel()),
            table.ratio("top5_buyer_share", "前五大购方占比", buyers.ravel()),
            table.money("rd_superdeduct_amt", "研发费用加计扣除", research.ravel()),
        ),
    )


def _grades(economy: Economy, risk: Risk, firm: Ints) -> Ints:
    """By late payments over two years; the young have no grade of their own."""
    late = risk.late_payments[:, firm].sum(axis=0) + risk.illegal[firm]
    grade = np.array([0, 1, 3, 4])[np.minimum(late, 3)]
    return np.where((economy.age[firm] < YEARS_TO_BE_GRADED) & (late < 2), 2, grade)


NUMBERS = (
    *("vat_sales_declared", "vat_paid", "cit_paid", "late_pay_cnt", "late_pay_amt"),
    *("red_invoice_ratio", "top5_buyer_share", "rd_superdeduct_amt"),
)
LABELS = ("period", "credit_grade")

TAX = Organisation(
    "tax",
    tables,
    (serves_bank_a("returns"), answers_bank_a("tax", "returns", NUMBERS, LABELS)),
)
