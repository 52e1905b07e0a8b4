"""What a person reads about errors: a page for each code, and the index, which draws the tree.

Pure functions of contract/errors.py, where a class's docstring is its page: a first sentence that
says what it means, and then

    Met     when one meets it
    Do      what to do about it
    Left    what is as it was; where a leaf does not say it, its branch does

`make docs` writes the pages to docs/errors, `mihe explain` shows them.
"""

from collections.abc import Iterator
from inspect import cleandoc
from re import MULTILINE
from re import split as split_by

from contract.errors import BY_CODE, DONE, INTERRUPTED, Fault, MiheError

_WHOSE = {
    Fault.REQUEST: "whoever asked",
    Fault.POLICY: "nobody's: an owner decided so",
    Fault.PEER: "the party's that the error names",
    Fault.NETWORK: "the network's, or the machine's of whoever is not there",
    Fault.DATA: "the party's whose data or disk it is",
    Fault.PERSON: "nobody's: a person decided so",
    Fault.OURS: "mihe's own",
}


def meaning_of(error: type[MiheError]) -> str:
    """What a code, or a branch, means: one sentence."""
    return _read(error)[0]


def facts_of(error: type[MiheError]) -> tuple[tuple[str, str], ...]:
    """What else there is to say about a code, each under its heading."""
    said = _read(error)[1]
    left = said.get("Left") or _read(_branch(error))[1]["Left"]
    return (
        ("When you meet it", said["Met"]),
        ("Whose fault", _WHOSE[error.fault]),
        ("What to do", said["Do"]),
        ("What is as it was", left),
        ("Exit code", f"{error.exit_code}, of the command that ends with it"),
    )


def page(error: type[MiheError]) -> str:
    """The page of one code, as Markdown."""
    facts = [f"* **{heading}:** {text}." for heading, text in facts_of(error)]
    return "\n".join([f"# {error.code}", "", meaning_of(error), "", *facts]) + "\n"


def index() -> str:
    """All exit codes and all codes, as Markdown."""
    lines = [
        "# Errors",
        "",
        "Every error has a code that stays. It says what happened, always what to do, and where it"
        " is known which",
        "party, phase and rule it is about. All sides of a job tell the same cause. Nothing"
        " personal stands in any.",
        "`mihe explain CODE` shows a page at a terminal.",
        "",
        "```text",
        *tree(),
        "```",
        "",
        "| exit code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in exit_codes().items()),
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| [{code}]({code}.md) | {meaning_of(leaf)} |" for code, leaf in BY_CODE.items()),
    ]
    return "\n".join(lines) + "\n"


def tree() -> list[str]:
    """The tree, drawn line by line: branches with their exit code, leaves as codes."""
    return ["MiheError", *_drawn(MiheError, "")]


def exit_codes() -> dict[int, str]:
    """What each exit code of the command says, in ascending order."""
    meanings = {
        DONE: "Done.",
        INTERRUPTED: "Ctrl-C while a job was followed; the job goes on.",
    }
    for error in _all_below(MiheError):
        if "exit_code" in vars(error):
            meanings[error.exit_code] = meaning_of(error)
    return dict(sorted(meanings.items()))


def _drawn(error: type[MiheError], indent: str) -> Iterator[str]:
    below = error.__subclasses__()
    for sub in below:
        last = sub is below[-1]
        line = f"{indent}{'└' if last else '├'}── {getattr(sub, 'code', sub.__name__)}"
        yield f"{line:<40}exit {sub.exit_code}" if "exit_code" in vars(sub) else line
        yield from _drawn(sub, indent + ("    " if last else "│   "))


def _all_below(error: type[MiheError]) -> Iterator[type[MiheError]]:
    for sub in error.__subclasses__():
        yield sub
        yield from _all_below(sub)


def _branch(error: type[MiheError]) -> type[MiheError]:
    (branch,) = error.__bases__
    return branch


def _read(error: type[MiheError]) -> tuple[str, dict[str, str]]:
    """The first sentence of a docstring, and what stands under its labels."""
    meaning, *said = split_by(r"^(Met|Do|Left) ", cleandoc(error.__doc__ or ""), flags=MULTILINE)
    labels, texts = said[::2], said[1::2]
    return _line(meaning), {label: _line(text) for label, text in zip(labels, texts, strict=True)}


def _line(text: str) -> str:
    return " ".join(text.split())
