"""Who defaults within twelve months: the label that banks hold, and its probability.

Bank, tax, power and registry terms each say a little; over-invoicing says most and is in nobody's
own data. The base rate is about 3 %.
"""

from dataclasses import dataclass

import numpy as np

from scenarios.synthetic.chance import Flags, Ints, Reals, exp, stream
from scenarios.synthetic.economy import Economy

RECENT = 6  # months


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Risk:
    """Risk traits by enterprise; organisations export those that they would see."""

    utilisation: Reals  # of credit lines
    past_due: Ints  # quarters past due at worst, 12 months
    leverage: Reals
    late_payments: Ints  # month × enterprise, of taxes
    abnormal: Flags  # list of abnormal operations
    illegal: Flags  # list of serious illegality
    probability: Reals
    default: Flags


def assess(economy: Economy) -> Risk:
    """Draw the traits, then the label from them."""
    seed, size = economy.seed, economy.size
    recent = economy.health[-RECENT:].mean(axis=0)
    rng = stream(seed, "risk.bank")
    utilisation = np.clip(0.45 - 0.5 * recent + rng.normal(0, 0.18, size), 0, 1)
    past_due = rng.poisson(np.maximum(0.08 + 0.25 * (utilisation - 0.45), 0.01))
    log_leverage = np.clip(rng.normal(-0.4, 0.5, size), -3.0, 1.8)
    monthly = np.clip(0.15 - economy.health, 0.02, 2) / RECENT
    late = stream(seed, "risk.tax").poisson(monthly)
    listed = stream(seed, "risk.registry").random((2, size))
    abnormal, illegal = listed[0] < 0.04, listed[1] < 0.03
    abnormal[economy.planted.hidden_risk] = True
    abnormal[economy.planted.shells] = True
    score = (
        -3.55  # puts the base rate at 3 % for these periods and their season
        + 3.6 * (utilisation - 0.45)
        + 0.55 * np.minimum(past_due, 3)
        + 0.35 * log_leverage
        - 1.21 * np.clip(_trend(economy.declared), -1, 1)
        - 0.825 * np.clip(_trend(economy.energy), -1, 1)
        + 0.45 * np.minimum(late[-RECENT:].sum(axis=0), 3)
        + 1.3 * abnormal
        + 1.5 * illegal
        - 0.25 * np.log1p(economy.age)
        + 4.2 * np.minimum(economy.inflation, 0.8)
    )
    probability = 1 / (1 + exp(-score))
    default = stream(seed, "risk.default").random(size) < probability
    return Risk(
        utilisation=utilisation,
        past_due=past_due,
        leverage=exp(log_leverage),
        late_payments=late,
        abnormal=abnormal,
        illegal=illegal,
        probability=probability,
        default=default,
    )


def _trend(monthly: Reals) -> Reals:
    """Slope of the logarithm over the last twelve months, per year (least squares)."""
    month = np.arange(12) - 5.5
    weights = month / (month @ month) * 12
    slope = np.zeros(monthly.shape[1])
    for weight, row in zip(weights, monthly[-12:], strict=True):
        slope += weight * np.log(row)
    return slope
