"""What is measured: one run of one engine on one setting, as a line of JSON keeps it."""

import json
from dataclasses import asdict, dataclass

RECEIVER, SENDER, THIRD = "receiver", "sender", "third"
OWNERS = (RECEIVER, SENDER, THIRD)
"""Who has a list: the first two, or all."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all engines of a comparison are given alike."""

    link: str
    shape: str
    overlap: float
    keys: int
    """In each owner's list."""
    group: str
    """Which engines are compared: between two of any kind, on curves only, or between three."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What a party was at, in seconds from the start of the run."""

    party: str
    name: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took."""

    wall: float
    """Seconds from CSV files to the CSV file of the result."""
    cpu: dict[str, float]
    """Seconds of processor time of each process, with its children."""
    peak: dict[str, int]
    """The most bytes that each process held, with its workers."""
    wire: int
    """Bytes that all sites sent, headers and encryption included."""
    imported: float | None = None
    """Of `wall`, until both owners had imported; None where nothing is kept for later runs."""
    job: float | None = None
    """Of `wall`, from the proposal to the result."""
    suite: str = ""
    """Which protocol a node chose."""
    phases: tuple[Phase, ...] = ()

    @property
    def processor(self) -> float:
        """Seconds of processor time of all processes."""
        return sum(self.cpu.values())


@dataclass(frozen=True, slots=True)
class Run:
    """A run's place in the comparison, and its cost or why there is none."""

    setting: Setting
    engine: str
    round: int
    cost: Cost | None = None
    problem: str = ""

    def line(self) -> str:
        """As a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def of(cls, line: str) -> "Run":
        """What `line` made."""
        raw = json.loads(line)
        setting = Setting(**raw.pop("setting"))
        cost = raw.pop("cost")
        if cost is not None:
            phases = tuple(Phase(**phase) for phase in cost.pop("phases"))
            cost = Cost(**cost, phases=phases)
        return cls(setting=setting, cost=cost, **raw)
