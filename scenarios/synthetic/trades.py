"""Lines of business: twelve divisions of GB/T 4754-2017 with what the economy needs of each."""

from typing import NamedTuple

import numpy as np


class Trade(NamedTuple):
    """One division and its place in the synthetic economy."""

    code: str  # section letter and division, GB/T 4754-2017
    word: str  # as it stands in a company name
    share: float  # of all enterprises
    energy: float  # kWh per CNY of sales
    tax: float  # value-added tax paid, per CNY of sales


TRADES = (
    Trade("C17", "纺织", 0.12, 0.15, 0.024),
    Trade("C18", "服饰", 0.08, 0.06, 0.026),
    Trade("C34", "机械", 0.12, 0.08, 0.032),
    Trade("C38", "电气", 0.10, 0.06, 0.031),
    Trade("C39", "电子", 0.06, 0.08, 0.028),
    Trade("E48", "建设工程", 0.06, 0.03, 0.022),
    Trade("F51", "贸易", 0.14, 0.02, 0.012),
    Trade("F52", "商贸", 0.12, 0.03, 0.014),
    Trade("G54", "物流", 0.06, 0.04, 0.020),
    Trade("H62", "餐饮", 0.05, 0.10, 0.016),
    Trade("I65", "科技", 0.06, 0.03, 0.034),
    Trade("L72", "商务服务", 0.03, 0.02, 0.026),
)
TRADE_SHARES = np.array([trade.share for trade in TRADES])
ENERGY_INTENSITY = np.array([trade.energy for trade in TRADES])
TAX_RATE = np.array([trade.tax for trade in TRADES])
