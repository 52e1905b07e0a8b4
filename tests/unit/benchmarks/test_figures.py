"""From runs to figures, a table and a plot: right medians, and no figure where there is none."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.psi.measured import RECEIVER, SENDER, Cost, Phase, Run, Setting
from benchmarks.psi.plot import plot
from benchmarks.psi.report import Report, main
from benchmarks.psi.summary import Figure, Spread, figures, spells
from benchmarks.psi.table import count, table, timeline

SETTING = Setting("loopback", "uscc", 0.5, 1024, "any")
SVG = "{http://www.w3.org/2000/svg}"


def run(engine: str, number: int, wall: float, setting: Setting = SETTING) -> Run:
    cost = Cost(
        wall=wall,
        cpu={RECEIVER: wall, SENDER: 1.0},
        peak={RECEIVER: 2 << 20, SENDER: (number + 1) << 20},
        wire=setting.keys * (30 + number),
    )
    return Run(setting, engine, number, cost)


def test_a_ratio_is_taken_inside_each_round() -> None:
    """Not between medians: a slow round is slow for all."""
    runs = [run("ours", n, wall) for n, wall in enumerate((1.0, 10.0, 2.0))]
    runs += [run("theirs", n, wall) for n, wall in enumerate((4.0, 20.0, 6.0))]
    ours, theirs = figures(runs, "ours")
    assert ours.wall == Spread(2.0, 1.0, 10.0)
    assert ours.ratio == Spread(1.0, 1.0, 1.0)
    assert theirs.wall == Spread(6.0, 4.0, 20.0)
    assert theirs.ratio == Spread(3.0, 2.0, 4.0)
    assert theirs.bytes_a_key == 31
    assert (theirs.receiver_peak, theirs.sender_peak) == (2 << 20, 3 << 20)
    assert theirs.processor == 7.0


def test_one_wrong_round_leaves_an_engine_without_a_figure() -> None:
    runs = [run("ours", 0, 1.0), run("theirs", 0, 4.0)]
    runs += [run("ours", 1, 1.0), Run(SETTING, "theirs", 1, problem="the result is wrong")]
    ours, theirs = figures(runs, "ours")
    assert ours.wall is not None
    assert theirs == Figure(SETTING, "theirs", "the result is wrong")
    row = table([theirs]).splitlines()[-1]
    assert "the result is wrong" in row
    assert row.count("|") == table([ours]).splitlines()[-1].count("|")


def test_without_our_own_figure_there_is_no_ratio() -> None:
    runs = [Run(SETTING, "ours", 0, problem="failed"), run("theirs", 0, 4.0)]
    _, theirs = figures(runs, "ours")
    assert theirs.wall is not None
    assert theirs.ratio is None


def test_a_row_tells_import_and_job_apart() -> None:
    cost = Cost(3.0, {RECEIVER: 1.0}, {RECEIVER: 0, SENDER: 0}, 0, imported=1.0, job=1.75)
    (figure,) = figures([Run(SETTING, "ours", 0, cost)], "ours")
    assert "| 2^10 | ours | 3.00 | 1 | 1.00 + 1.75 | 1.00 |" in table([figure])


def test_phases_are_medians_in_the_order_of_their_beginnings() -> None:
    def told(number: int, loads: float) -> Run:
        phases = (
            Phase(RECEIVER, "match", 2.0, 3.0),
            Phase(RECEIVER, "load", 0.0, loads),
            Phase(RECEIVER, "load", 4.0, 4.5),
            Phase(SENDER, "load", 0.5, 1.0),
        )
        return Run(SETTING, "ours", number, Cost(5.0, {}, {}, 0, phases=phases))

    found = spells([told(0, 1.0), told(1, 1.5), told(2, 9.0), run("theirs", 0, 1.0)])
    assert found == [
        ("load", {RECEIVER: 2.0, SENDER: 0.5}),
        ("match", {RECEIVER: 1.0, SENDER: 0.0}),
    ]
    assert timeline(found).splitlines()[2:] == ["| load | 2.00 | 0.50 |", "| match | 1.00 | 0.00 |"]


def test_unusual_lists_are_said_to_be() -> None:
    other = Setting("loopback", "id_number", 0.01, 1024, "any")
    (figure,) = figures([run("ours", 0, 1.0, other)], "ours")
    assert "| 2^10, id_number, 1% common | ours |" in table([figure])


def test_numbers_of_keys_read_well() -> None:
    assert [count(keys) for keys in (4096, 10**7, 131072)] == ["2^12", "10 000 000", "2^17"]


def test_a_plot_is_to_scale_on_both_axes() -> None:
    """From 2^10 to 2^20 at one and at ten times the time: the middle lies in the middle."""
    drawn = [
        figure
        for power, wall in ((10, 1.0), (15, 10.0**0.5), (20, 10.0))
        for figure in figures([run("a <b>", 0, wall, keys(1 << power))], "a <b>")
    ]
    image = ElementTree.fromstring(plot([("here", drawn)]))  # noqa: S314  # written one line above
    dots = [
        (float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in image.iter(f"{SVG}circle")
    ]
    (x0, y0), (x1, y1), (x2, y2) = dots
    assert x0 < x1 < x2
    assert y0 > y1 > y2
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.1)
    assert "a <b>" in {text.text for text in image.iter(f"{SVG}text")}


def test_names_at_the_ends_of_lines_do_not_overlap() -> None:
    drawn = [f for n in range(4) for f in figures([run(f"engine {n}", 0, 1.0 + n / 100)], "")]
    image = ElementTree.fromstring(plot([("here", drawn)]))  # noqa: S314  # written one line above
    heights = sorted(
        float(text.attrib["y"])
        for text in image.iter(f"{SVG}text")
        if (text.text or "").startswith("engine")
    )
    assert all(b - a >= 12 for a, b in pairwise(heights))


def test_a_plot_of_nothing_is_still_one() -> None:
    for panels in ([], [("here", [Figure(SETTING, "theirs", "failed")])]):
        ElementTree.fromstring(plot(panels))  # noqa: S314  # written one line above


def test_a_report_keeps_every_run_and_writes_table_and_plot(tmp_path: Path) -> None:
    report = Report(tmp_path, 2)
    report.note("something is missing here")
    runs = [run("mihe", 0, 1.0), run("spu RR22", 0, 4.0)]
    for one in runs:
        report.add(one)
    report.write()
    (lines,) = tmp_path.glob("*.jsonl")
    told = lines.read_text().splitlines()
    assert ["note" in json.loads(line) for line in told] == [True, True, False, False]
    assert [Run.of(line) for line in told[2:]] == runs
    (text,) = tmp_path.glob("*.md")
    assert "something is missing here" in text.read_text()
    assert "| 2^10 | spu RR22 | 4.00 | 4 |" in text.read_text()
    (image,) = tmp_path.glob("*.svg")
    ElementTree.fromstring(image.read_text())  # noqa: S314  # written one line above


def test_runs_of_several_files_make_one_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, marked = (
        tmp_path / "benchmarks.md",
        "<!-- Below: written by benchmarks/psi/report.py. -->\n",
    )
    page.write_text(f"What is counted.\n{marked}what was measured before\n")
    monkeypatch.setattr("benchmarks.psi.report._PAGE", page)
    phases = (Phase(RECEIVER, "match", 0.0, 1.0), Phase(SENDER, "match", 0.0, 0.5))
    large = run("mihe", 0, 9.0, keys(1 << 20))
    assert large.cost is not None
    large = replace(large, cost=replace(large.cost, phases=phases))
    files = []
    for number, runs in enumerate(([large], [run("mihe", 0, 1.0), run("spu RR22", 0, 4.0)])):
        file = tmp_path / f"{number}.jsonl"
        noted = json.dumps({"note": f"machine {number}"})
        file.write_text("".join(f"{line}\n" for line in (noted, *(one.line() for one in runs))))
        files.append(str(file))
    monkeypatch.setattr("sys.argv", ["report", *files])
    main()
    text = page.read_text()
    assert text.startswith(f"What is counted.\n{marked}")
    assert "before" not in text
    assert text.index("machine 0") < text.index("machine 1") < text.index("| 2^10 | mihe |")
    assert text.index("| 2^10 | spu RR22 |") < text.index("| 2^20 | mihe |")
    assert "| match | 1.00 | 0.50 |" in text
    ElementTree.fromstring((tmp_path / "benchmarks.svg").read_text())  # noqa: S314  # as above


def keys(number: int) -> Setting:
    return Setting("loopback", "uscc", 0.5, number, "any")
