"""A plot of seconds over keys as SVG, both axes logarithmic: one panel a link, one line an engine.

Dots are medians, bars reach from the fastest round to the slowest. Each line bears its engine's
name at its end, so that nothing needs a legend or a second look for colours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log2, log10

from benchmarks.psi.summary import Figure, Spread
from benchmarks.psi.table import count

_PANEL_WIDTH, _PANEL_HEIGHT = 430, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 112, 44, 48
_APART = 14
"""Pixels between two names, at least."""
_COLOURS = ("#0b6e4f", "#c1440e", "#3d5a98", "#8a6d00", "#7a3e8e", "#5f6b6d")
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600;font-size:13px}"
    ".grid{stroke:#e3e3e3}.axis{stroke:#999}.line{fill:none;stroke-width:2}.whisker{stroke-width:1.5}"
)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From a logarithm to pixels."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)


def plot(panels: Sequence[tuple[str, Sequence[Figure]]]) -> str:
    """SVG of panels with a title each; an engine has the same colour in all of them."""
    drawn = [figure for _, figures in panels for figure in figures if figure.wall is not None]
    engines = list(dict.fromkeys(figure.engine for figure in drawn))
    colours = {engine: _COLOURS[i % len(_COLOURS)] for i, engine in enumerate(engines)}
    width = _PANEL_WIDTH * max(1, len(panels))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_PANEL_HEIGHT}" '
        f'width="{width}" height="{_PANEL_HEIGHT}" role="img">',
        "<title>Seconds of an intersection over the keys of each list</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{_PANEL_HEIGHT}" fill="#fff"/>',
    ]
    if drawn:
        x, y = _scales(drawn)
        for place, (title, figures) in enumerate(panels):
            parts.append(f'<g transform="translate({place * _PANEL_WIDTH} 0)">')
            parts += [*_frame(title, x, y), *_lines(figures, colours, x, y), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _scales(drawn: Sequence[Figure]) -> tuple[_Scale, _Scale]:
    keys = [log2(figure.setting.keys) for figure in drawn]
    walls = [wall for figure in drawn if (wall := figure.wall) is not None]
    low = floor(log10(min(wall.low for wall in walls)))
    high = max(low + 1, ceil(log10(max(wall.high for wall in walls))))
    x = _Scale(min(keys), max(min(keys) + 1, *keys), _LEFT, _PANEL_WIDTH - _RIGHT)
    return x, _Scale(low, high, _PANEL_HEIGHT - _BOTTOM, _TOP)


def _frame(title: str, x: _Scale, y: _Scale) -> Iterable[str]:
    yield f'<text class="title" x="{_LEFT}" y="24">Seconds {escape(title)}</text>'
    for decade in range(int(y.low), int(y.high) + 1):
        at = y(decade)
        yield f'<line class="grid" x1="{x.begin}" x2="{x.end}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>'
    for power in range(ceil(x.low), floor(x.high) + 1, 2):
        at = x(power)
        yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{y.begin}" y2="{y.end}"/>'
        below = f'x="{at:.1f}" y="{y.begin + 18}" text-anchor="middle"'
        yield f"<text {below}>{count(1 << power)}</text>"
    yield f'<line class="axis" x1="{x.begin}" x2="{x.end}" y1="{y.begin}" y2="{y.begin}"/>'
    middle = (x.begin + x.end) / 2
    yield f'<text x="{middle}" y="{y.begin + 38}" text-anchor="middle">keys in each list</text>'


def _lines(
    figures: Sequence[Figure], colours: dict[str, str], x: _Scale, y: _Scale
) -> Iterable[str]:
    ends: list[tuple[float, float, str]] = []
    for engine, colour in colours.items():
        points = sorted(
            (x(log2(figure.setting.keys)), figure.wall)
            for figure in figures
            if figure.engine == engine and figure.wall is not None
        )
        if not points:
            continue
        yield from _line(points, colour, y)
        ends.append((y(log10(points[-1][1].median)), points[-1][0], engine))
    below = float("-inf")
    for height, across, engine in sorted(ends):
        below = max(height + 4, below + _APART)
        named = f'<text x="{across + 8:.1f}" y="{below:.1f}" style="fill:{colours[engine]}">'
        yield f"{named}{escape(engine)}</text>"


def _line(points: Sequence[tuple[float, Spread]], colour: str, y: _Scale) -> Iterable[str]:
    path = " ".join(f"{across:.1f},{y(log10(wall.median)):.1f}" for across, wall in points)
    yield f'<polyline class="line" stroke="{colour}" points="{path}"/>'
    for across, wall in points:
        low, high = y(log10(wall.low)), y(log10(wall.high))
        yield (
            f'<line class="whisker" stroke="{colour}" x1="{across:.1f}" x2="{across:.1f}" '
            f'y1="{low:.1f}" y2="{high:.1f}"/>'
        )
        at = y(log10(wall.median))
        yield f'<circle cx="{across:.1f}" cy="{at:.1f}" r="3.5" fill="{colour}"/>'
