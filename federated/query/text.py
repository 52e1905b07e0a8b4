"""The text of a statement: where something stands in it, and how a refusal says so.

Learns      nobody. A refusal quotes names that have passed the check for keys, never a literal and
            never a message of the SQL parser: both may hold what must not travel.
"""

from dataclasses import dataclass
from re import search

from sqlglot import exp

from contract.errors import BadQuery, MiheError

_CALL = r"\w+\s*\(\s*\Z"


@dataclass(frozen=True, slots=True, repr=False)
class Text:
    """A statement as it was written."""

    sql: str

    def place(self, offset: int) -> str:
        """`line 3, column 12`, both from 1."""
        before = self.sql[:offset]
        return f"line {before.count(chr(10)) + 1}, column {offset - before.rfind(chr(10))}"

    def start(self, node: exp.Expr) -> int:
        """Where `node` begins."""
        starts = (part.meta.get("start") for part in node.walk())
        first = min((start for start in starts if start is not None), default=0)
        if isinstance(node, exp.Func) and "start" not in node.meta:
            # The parser notes where a name or a literal stands, but not for every function.
            call = search(_CALL, self.sql[:first])
            return call.start() if call else first
        return first

    def refuse(
        self,
        at: exp.Expr | int,
        what: str,
        fix: str,
        *,
        error: type[MiheError] = BadQuery,
        rule: str = "the language of queries",
    ) -> MiheError:
        """The error that says what is wrong at a node or an offset."""
        offset = at if isinstance(at, int) else self.start(at)
        return error(f"{self.place(offset)}: {what}", fix=fix, phase="plan", rule=rule)
