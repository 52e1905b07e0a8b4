"""What a preflight finds, and the judgements behind it: facts in, a finding with its fix out.

The checks run where the facts are: node/check.py and coordinator/check.py read files and ask the
network as their daemons would; the command line asks a running node. What a fact means is decided
here, once for all of them, without looking at a file or a clock.

A finding holds names, sizes and dates; never a value or an identifier.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contract.canonical import Frozen, OrgId
from contract.credentials import Credentials
from contract.dataset import CatalogueEntry
from contract.errors import BY_CODE, BadSetting, MiheError, StorageFull, nearest
from contract.job import CLOCK_TOLERANCE, JobKind
from contract.policy import Allow, Policy
from contract.standing import WARNED_AHEAD, Notice, Whose
from contract.suites import Aggregation

NOTICEABLE = timedelta(seconds=5)
"""How far two clocks may differ before anybody is told."""
LITTLE_ROOM = 2 << 30
NO_ROOM = 256 << 20
"""Bytes free where the data lies: a warning below the one, a problem below the other."""


class Check(StrEnum):
    """What is checked, in the order in which it is told; names are stable, for scripts."""

    CONFIGURATION = "configuration"
    CERTIFICATE = "certificate"
    LIFETIME = "certificate-lifetime"
    POLICY = "policy"
    EXTRAS = "extras"
    SOCKET = "socket"
    DATA = "data-folder"
    SPACE = "disk-space"
    STATE = "state"
    DATASETS = "datasets"
    LISTEN = "listen"
    COORDINATOR = "coordinator"
    CLOCK = "clock"
    VERSION = "version"
    RUNNING = "running"
    ATTACHED = "attached"
    REACHED = "reached-back"
    MEMBERS = "members"
    JOBS = "jobs"


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(Frozen):
    """What one check found, and for all but ok what to do about it."""

    check: Check
    outcome: Outcome
    what: Annotated[str, StringConstraints(max_length=600)]
    fix: Annotated[str, StringConstraints(max_length=600)] | None = None
    code: str | None = Field(default=None, description="of a problem: the error that it would be")


class Subject(StrEnum):
    """Whose preflight it is."""

    NODE = "node"
    COORDINATOR = "coordinator"


class Report(Frozen):
    """Everything that was checked."""

    subject: Subject
    org: OrgId | None = None
    running: bool = Field(default=False, description="whether a process holds the data folder")
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 without a problem, else that of the first problem's error (contract/errors.py)."""
        problems = [one for one in self.findings if one.outcome is Outcome.PROBLEM]
        return BY_CODE[problems[0].code or ""].exit_code if problems else 0


def ok(check: Check, what: str) -> Finding:
    """As it should be."""
    return Finding(check=check, outcome=Outcome.OK, what=what)


def warning(check: Check, what: str, fix: str) -> Finding:
    """Nothing is wrong yet, or not for everybody."""
    return Finding(check=check, outcome=Outcome.WARNING, what=what, fix=fix)


def problem(check: Check, error: MiheError) -> Finding:
    """What keeps a daemon from starting, or jobs from running."""
    return Finding(
        check=check,
        outcome=Outcome.PROBLEM,
        what=error.what[:600],
        fix=error.fix[:600],
        code=error.code,
    )


# ── what facts mean ─────────────────────────────────────────────────────────────────────────────


def lifetime(whose: str, ends: datetime, now: datetime, *, fix: str) -> Finding:
    """A certificate that is valid now, and how long it will be."""
    left = ends - now
    said = f"{whose}: valid until {ends:%Y-%m-%d}"
    if left < WARNED_AHEAD:
        return warning(Check.LIFETIME, f"{said}, {max(left.days, 0)} days from now", fix)
    return ok(Check.LIFETIME, f"{said}, {left.days} days")


def certificates(
    credentials: Credentials, now: datetime, *, whose: str, renew: str
) -> list[Finding]:
    """Key, certificate and CA that were found to fit, and for how long they will."""
    identity = credentials.signer.identity
    fit = f"key, certificate and CA fit; fingerprint {identity.fingerprint}"
    return [
        ok(Check.CERTIFICATE, fit),
        lifetime(f"{whose} certificate", identity.expires, now, fix=renew),
        lifetime(
            "the CA's certificate",
            credentials.authority.expires,
            now,
            fix="let the consortium make its next CA, and all members take it over in time",
        ),
    ]


def noticed(notice: Notice) -> Finding | None:
    """What a running daemon knows of others' certificates and of the CA's lists."""
    if notice.whose in (Whose.OWN, Whose.AUTHORITY):
        return None  # told from the files, with more
    said = f"{notice.whose.value} of {notice.name}: {notice.what}"
    return warning(Check.LIFETIME, said, notice.fix)


def room(free: int, where: str) -> Finding:
    """Free space where snapshots, results and the state lie."""
    said = f"{free >> 20:,} MiB free at {where}"
    fix = "make room there, or set `data` to a folder on a larger disk"
    if free < NO_ROOM:
        return problem(Check.SPACE, StorageFull(said, fix=fix))
    return warning(Check.SPACE, said, fix) if free < LITTLE_ROOM else ok(Check.SPACE, said)


def private(check: Check, where: str, mode: int, *, others_may: int) -> Finding:
    """A file or folder, and what other users of the machine may do with it."""
    if mode & 0o077 & ~others_may:
        return warning(
            check,
            f"{where} is open to other users of this machine (mode {mode & 0o777:o})",
            "take their permissions away with chmod",
        )
    return ok(check, f"{where}, mode {mode & 0o777:o}")


def clock(theirs: datetime, asked: datetime, answered: datetime) -> Finding:
    """This machine's clock beside the coordinator's, which read its own between the two moments."""
    if asked <= theirs <= answered:
        return ok(Check.CLOCK, "agrees with the coordinator's")
    apart = min(abs(theirs - asked), abs(theirs - answered))
    way = "ahead of" if theirs < asked else "behind"
    said = f"{apart.total_seconds():.0f} s {way} the coordinator's"
    fix = "set both machines' clocks by the same source (NTP)"
    if apart > CLOCK_TOLERANCE:
        return problem(Check.CLOCK, BadSetting(f"{said}: jobs would be refused", fix=fix))
    return warning(Check.CLOCK, said, fix) if apart > NOTICEABLE else ok(Check.CLOCK, said)


def versions(ours: str, theirs: str, whose: str) -> Finding:
    """The version here beside another process's; the protocols have been compared already."""
    if ours == theirs:
        return ok(Check.VERSION, f"{ours}, as {whose}")
    return warning(
        Check.VERSION,
        f"this is mihe {ours}, {whose} is {theirs}",
        "install the same version; a daemon runs a new one once it is restarted",
    )


def policy(rules: Policy, datasets: Mapping[str, CatalogueEntry], today: date) -> list[Finding]:
    """An owner's policy beside the datasets that it has; a finding for whatever never applies."""
    if not rules.allow:
        return [
            warning(
                Check.POLICY,
                "it allows nothing: every job is refused",
                "add an [[allow]] for each permission; `mihe init node` wrote an example",
            )
        ]
    numbered = enumerate(rules.allow, 1)
    found = [one for number, rule in numbered for one in _rule(number, rule, datasets, today)]
    listed = {rule.dataset for rule in rules.allow}
    # A name that is mistyped is told above.
    unlisted = sorted(set(datasets) - listed) if listed <= set(datasets) else []
    found += [
        warning(
            Check.POLICY,
            f"no permission is about '{name}': every job with it is refused",
            f'add an [[allow]] with dataset = "{name}" when others may ask about it',
        )
        for name in unlisted
    ]
    return found or [ok(Check.POLICY, f"{len(rules.allow)} permissions, all for data that is here")]


def _rule(
    number: int, rule: Allow, datasets: Mapping[str, CatalogueEntry], today: date
) -> list[Finding]:
    name = f"allow[{number}]"  # counted as a refusal counts (node/gate.py)
    if rule.until is not None and rule.until < today:
        fix = "take the rule out, or set a later day"
        return [warning(Check.POLICY, f"{name} ended on {rule.until}", fix)]
    entry = datasets.get(rule.dataset)
    if entry is None:
        hint = nearest(rule.dataset, list(datasets))
        return [
            warning(
                Check.POLICY,
                f"{name} is about '{rule.dataset}', which is not imported.{hint}",
                "import it with `mihe dataset add`, or correct `dataset`",
            )
        ]
    known = [column.name for column in entry.columns]
    unknown = sorted({*rule.on, *(rule.columns or {})} - set(known))
    if JobKind.QUERY in rule.jobs and not rule.columns:
        return [
            warning(
                Check.POLICY,
                f"{name} lists queries and no use of a column, so that it allows none",
                'write columns = { … = ["join"], … = ["sum"] } in it, or take "query" out of jobs',
            )
        ]
    return [
        warning(
            Check.POLICY,
            f"{name} names '{column}', and '{rule.dataset}' has no such column."
            f"{nearest(column, known)}",
            "correct the name, or import the dataset with that column",
        )
        for column in unknown
    ]


def extras(rules: Policy, org: str, installed: Collection[str]) -> list[Finding]:
    """What is installed on an owner's wish alone, beside the permissions that take it."""
    takes: dict[str, Callable[[Allow], bool]] = {
        # A query's receiver draws no noise.
        "noise": lambda rule: (
            JobKind.QUERY in rule.jobs and rule.asks_noise and {*rule.receivers} != {org}
        ),
        "paillier": lambda rule: Aggregation.PAILLIER in rule.aggregation,
    }
    absent = {
        extra: [f"allow[{number}]" for number, rule in enumerate(rules.allow, 1) if wanted(rule)]
        for extra, wanted in takes.items()
        if extra not in installed
    }
    found = [
        warning(
            Check.EXTRAS,
            f"{', '.join(names)}: {extra} takes mihe[{extra}], which is not installed; jobs with it"
            " are refused",
            f"pip install 'mihe[{extra}]' where the node runs, or take it out of the policy",
        )
        for extra, names in absent.items()
        if names
    ]
    if absent and not found:
        listed = ", ".join(f"mihe[{extra}]" for extra in absent)
        return [ok(Check.EXTRAS, f"no permission asks for what is not installed: {listed}")]
    return found or [ok(Check.EXTRAS, "all installed that a permission can ask for")]


def leftovers(unfinished: Collection[tuple[str, datetime]], now: datetime) -> Finding:
    """Jobs without an end, by their first digits, and when their contracts end."""
    over = sorted(job for job, expires in unfinished if expires < now)
    if over:
        return warning(
            Check.JOBS,
            f"{len(over)} jobs have not ended though their contracts have: {', '.join(over[:5])}",
            "look at them with `mihe show`, and end them with `mihe abort`",
        )
    return ok(Check.JOBS, f"{len(unfinished)} under way, none left over")


def members(rules: Policy, known: Collection[str]) -> Finding:
    """The organisations that a policy names, beside those that have ever attached."""
    named = {org for rule in rules.allow for org in (*rule.others, *rule.receivers)}
    if unknown := sorted(named - set(known)):
        hint = nearest(unknown[0], sorted(known)) if len(unknown) == 1 else ""
        return warning(
            Check.MEMBERS,
            f"the policy names organisations that never attached: {', '.join(unknown)}.{hint}",
            "correct the names; for one that is new, wait until its node has attached",
        )
    return ok(Check.MEMBERS, f"{len(known)} organisations, all that the policy names among them")
