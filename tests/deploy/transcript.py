"""Consoles in a document, as a person follows them: what is typed where, and what comes back.

A fenced block ```console MACHINE holds what a person sees on that machine. A line that begins with
`# ` or `$ ` is typed, with the lines that it goes on over: after a backslash, or up to the end of a
here-document. What follows is the answer, line by line: … stands for anything within a line, a line
that is only … for any lines, and blanks count as one. Where the answer ends in a question,
`[y/N]: y`, the letter is typed. Every command must succeed, and one without an answer says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from re import escape, findall, fullmatch, search, sub

ANY = "…"
_QUESTION = r"\[y/N\]: ([yn])$"


@dataclass(frozen=True)
class Command:
    """One command line, on one machine."""

    machine: str
    typed: str
    answer: tuple[str, ...]
    line: int

    @property
    def replies(self) -> tuple[str, ...]:
        """What is typed at its questions, in order."""
        return tuple(letter for line in self.answer for letter in findall(_QUESTION, line))

    def require(self, code: int, output: str) -> None:
        """Fail unless this is what the document shows."""
        told = f"line {self.line}, on {self.machine}: {self.typed}\n{output}"
        assert code == 0, f"exit code {code}\n{told}"
        shown = "\n".join(self.answer)
        assert agrees(shown, output), f"the document shows another answer:\n{shown}\n\n{told}"


def commands(document: str) -> Iterator[Command]:
    """Every command of every console, in the order of the document."""
    machine: str | None = None
    block: list[tuple[int, str]] = []
    for number, line in enumerate(document.splitlines(), 1):
        if machine is None:
            opening = fullmatch(r"```console(?: ([a-z-]+))?", line)
            if opening:
                assert opening[1], f"line {number}: which machine is this console on?"
                machine, block = opening[1], []
        elif line == "```":
            yield from _of_block(machine, block)
            machine = None
        else:
            block.append((number, line))
    assert machine is None, "a console without an end"


def agrees(shown: str, output: str) -> bool:
    """Whether an output is the one that a document shows."""
    pattern = ""
    for line in _lines(shown):
        if line == ANY:
            pattern += r"(?:.*\n)*?"
        else:
            pattern += escape(line).replace(ANY, ".*?") + r"\n"
    return fullmatch(pattern, "".join(f"{line}\n" for line in _lines(output))) is not None


def _lines(text: str) -> list[str]:
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if line]


def _of_block(machine: str, block: list[tuple[int, str]]) -> Iterator[Command]:
    left = list(block)
    while left:
        number, first = left.pop(0)
        assert first[:2] in ("# ", "$ "), f"line {number}: an answer to nothing: {first}"
        typed = [first[2:]]
        until = search(r"<<'?(\w+)'?", first)
        while typed[-1].endswith("\\") or (until and typed[-1] != until[1]):
            assert left, f"line {number}: the command has no end"
            typed.append(left.pop(0)[1])
        answer = []
        while left and left[0][1][:2] not in ("# ", "$ "):
            answer.append(left.pop(0)[1])
        yield Command(machine, "\n".join(typed), tuple(answer), number)


def plain(output: bytes) -> str:
    """What a terminal showed, without what moves its cursor."""
    text = sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode("utf-8", "replace"))
    return text.replace("\r\n", "\n")
