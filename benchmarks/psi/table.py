"""The figures as Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.psi.measured import RECEIVER, SENDER, Setting
from benchmarks.psi.plan import ANY, CURVES, SM2, THREE, USUAL
from benchmarks.psi.sites import LINKS
from benchmarks.psi.summary import Figure, Spread
from benchmarks.resident import MIB

_HEAD = (
    "keys a list",
    "engine",
    "seconds",
    "× mihe's",
    "import + job",
    "CPU s",
    "B/key",
    "MiB receiver",
    "MiB sender",
)
_GROUPS = {
    ANY: "two owners, any protocol",
    CURVES: "two owners, elliptic curves only",
    SM2: "two owners, SM2's curve",
    THREE: "three owners",
}


def title(setting: Setting) -> str:
    """What all rows of one table have in common."""
    text = f"{LINKS[setting.link]}: {_GROUPS[setting.group]}"
    return text[0].upper() + text[1:]


def table(figures: Iterable[Figure]) -> str:
    """One row for each figure."""
    return _markdown(_HEAD, [_row(figure) for figure in figures])


def timeline(spells: Sequence[tuple[str, dict[str, float]]]) -> str:
    """Phases by rows, parties by columns."""
    rows = [
        (name, *(f"{parties[party]:.2f}" for party in (RECEIVER, SENDER)))
        for name, parties in spells
    ]
    return _markdown(("phase", "receiver s", "sender s"), rows)


def count(keys: int) -> str:
    """A number of keys as people write it."""
    power = keys.bit_length() - 1
    if keys == 1 << power:
        return f"2^{power}"
    return f"{keys:,}".replace(",", " ")


def _row(figure: Figure) -> tuple[str, ...]:
    keys, engine = _lists(figure.setting), _engine(figure)
    if figure.wall is None:
        return (keys, engine, figure.problem, *("" for _ in _HEAD[3:]))
    return (
        keys,
        engine,
        _spread(figure.wall),
        "" if figure.ratio is None else _ratio(figure.ratio),
        ""
        if figure.imported is None or figure.job is None
        else f"{figure.imported:.2f} + {figure.job:.2f}",
        f"{figure.processor:.2f}",
        f"{figure.bytes_a_key:.0f}",
        f"{figure.receiver_peak / MIB:.0f}",
        f"{figure.sender_peak / MIB:.0f}",
    )


def _lists(setting: Setting) -> str:
    """Their size, and what is unusual about them."""
    kind = (setting.shape, setting.overlap)
    return count(setting.keys) + ("" if kind == USUAL else f", {kind[0]}, {kind[1]:.0%} common")


def _engine(figure: Figure) -> str:
    family = figure.suite.split("/")[0].removeprefix("psi-")
    named = not family or family in figure.engine.lower()
    return figure.engine if named else f"{figure.engine} ({family})"


def _spread(spread: Spread) -> str:
    if spread.low == spread.high:
        return f"{spread.median:.2f}"
    return f"{spread.median:.2f} ({spread.low:.2f}–{spread.high:.2f})"


def _ratio(spread: Spread) -> str:
    if spread.low == spread.high:
        return f"{spread.median:.2g}"
    return f"{spread.median:.2g} ({spread.low:.2g}–{spread.high:.2g})"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
