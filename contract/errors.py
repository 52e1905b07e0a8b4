"""Every error a user or a peer can meet: one tree, drawn once, each leaf with a stable code.

    MiheError
    ├── RequestError      the request is wrong                      exit 2
    │   ├── UnknownOrganisation, UnknownDataset, UnknownColumn, UnknownJob
    │   ├── UnknownSetting, BadSetting                              (TOML: file, line, nearest key)
    │   ├── KeyKindMismatch, BadRequest, JobFinished, AlreadyThere
    │   ├── BadQuery, KeyInQuery, UnprovenSum                       (SQL: line, column, what works)
    │   └── TooManyResults
    ├── PolicyError       an owner said no
    │   ├── Refused, BudgetExhausted                                exit 3
    │   ├── ContractExpired                                         exit 3
    │   └── Withheld                                                exit 4
    ├── PeerError         another party broke the protocol          exit 5
    │   ├── ForeignCertificate, CertificateRevoked, WrongRole, FingerprintChanged, BadSignature
    │   ├── ContractAltered, ForeignStart, PartyRestarted, PartyLost, PartyStalled
    │   ├── VersionMismatch
    │   ├── BadPoint, BadMessage, BadReceipt, ForeignEncryptionKey, ForeignCiphertext
    │   └── FrameRepeated, FrameOutOfOrder, FrameTooLarge, ForeignFrame
    ├── Unreachable       somebody is not there                     exit 6
    │   ├── NodeAbsent, CoordinatorAbsent, PeerAbsent, StateAbsent
    ├── DataError         the owner's own data or disk              exit 7
    │   ├── InvalidKey, BadValue, DuplicateRows, MissingColumn, UnreadableSource
    │   ├── DrasticChange, SnapshotChanged, DatasetOutgrown, StorageFull, StateTooNew
    │   └── SeveralRows, SmallBranch, LargeShare, QueryTooLong
    ├── Aborted           a person stopped the job                  exit 8
    └── OurError          a defect of mihe                          exit 70

An error says who is at fault, at which party, in which phase, which rule, and the fix. Its text is
written by this project alone: no message of another library and no value out of a dataset, an
identifier or a key may be passed in, because causes travel to peers and into logs.

The docstring of a leaf is its page in docs/errors (contract/error_pages.py says how it is read).
"""

from difflib import get_close_matches
from enum import StrEnum
from typing import ClassVar

DONE = 0
INTERRUPTED = 130
"""The exit codes of the command that no error has; all others stand at their branch or leaf."""


class Fault(StrEnum):
    """Whose fault an error is."""

    REQUEST = "request"
    POLICY = "policy"
    PEER = "peer"
    NETWORK = "network"
    DATA = "data"
    PERSON = "person"
    OURS = "ours"


class MiheError(Exception):
    """Root of the tree. Raise a leaf; catch a branch."""

    code: ClassVar[str]
    fault: ClassVar[Fault]
    exit_code: ClassVar[int]

    def __init__(
        self,
        what: str,
        *,
        fix: str,
        party: str | None = None,
        phase: str | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.party = party
        self.phase = phase
        self.rule = rule

    def at(self, *, party: str | None = None, phase: str | None = None) -> "MiheError":
        """The same error, with the party or phase filled in where it was not known deeper down."""
        self.party = self.party or party
        self.phase = self.phase or phase
        return self

    def __str__(self) -> str:
        where = " ".join(
            f"{name}={value}"
            for name, value in (("party", self.party), ("phase", self.phase), ("rule", self.rule))
            if value is not None
        )
        return f"{self.code}: {self.what}{f' [{where}]' if where else ''} Fix: {self.fix}"

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the error itself, and no lines of code or values of a notebook."""
        facts = ((name, getattr(self, name)) for name in ("party", "phase", "rule", "fix"))
        known = [f"  {name:<6} {clean(value)}" for name, value in facts if value is not None]
        return [f"error {self.code}: {clean(self.what)}", *known]


# ── the request is wrong ────────────────────────────────────────────────────────────────────────


class RequestError(MiheError):
    """The request is wrong.

    Left  nothing was sent to anybody and nothing was begun; a job that it refused has read no data
          on any side
    """

    fault = Fault.REQUEST
    exit_code = 2


class UnknownOrganisation(RequestError):
    """A name stands for no organisation here, or for one that is no party of the job.

    Met   a dataset, --to or a contract names an organisation with a slip of the pen, or one whose
          node has never attached; or a member speaks about a job of others
    Do    take the name that the error proposes, or one that `mihe catalog` lists
    """

    code = "UNKNOWN_ORGANISATION"


class UnknownDataset(RequestError):
    """The organisation is known, and has no dataset of this name.

    Met   the name has a slip of the pen, or its owner's node has lost its state and offers nothing
          yet
    Do    take the name that the error proposes or `mihe catalog` lists; else ask the owner to
          import it
    """

    code = "UNKNOWN_DATASET"


class UnknownColumn(RequestError):
    """The dataset has no such column, or the column is not what it is used as.

    Met   --on names a column that is not declared as a key, or a query a column that is not there
    Do    take a column that `mihe catalog` shows; for --on it must be a key
    """

    code = "UNKNOWN_COLUMN"


class UnknownJob(RequestError):
    """No job begins with these digits at this node, or it has nothing of what was asked for.

    Met   an id has a slip of the pen, belongs to another organisation's job, or is too short to
          mean one job; or the rows of a job were asked for that gives this organisation none
    Do    copy the id from `mihe jobs`; `mihe show` says who receives what
    """

    code = "UNKNOWN_JOB"


class UnknownSetting(RequestError):
    """A TOML file has a key that means nothing there.

    Met   a daemon starts, a dataset is added or a policy is read; the error names file, line and
          the nearest key that exists
    Do    correct the key; a key that was meant as a note belongs in a comment
    Left  nothing was started, imported or allowed
    """

    code = "UNKNOWN_SETTING"


class BadSetting(RequestError):
    """A file of settings, or a file or folder that it names, is not there or not usable.

    Met   a daemon starts, a dataset is added, or the command looks for its node; the error names
          the file, and the line where there is one
    Do    correct the value as the error says; `mihe init` writes a file that works
    Left  nothing was started, imported or sent
    """

    code = "BAD_SETTING"


class KeyKindMismatch(RequestError):
    """Two columns hold keys of different kinds, which can never match.

    Met   --on pairs, for example, a company's code with a person's number
    Do    match columns of the same kind; `mihe catalog` shows the kinds
    """

    code = "KEY_KIND_MISMATCH"


class BadRequest(RequestError):
    """What was typed or proposed does not make a command, a request or a contract.

    Met   an option is misspelt, missing or out of its range, or options do not fit together
    Do    follow the fix; `--help` after the command lists every option with its values
    """

    code = "BAD_REQUEST"


class JobFinished(RequestError):
    """The job has ended, or is past the point up to which it can be stopped.

    Met   `mihe abort` comes too late
    Do    see `mihe show` for how it ended
    Left  the job is as it was
    """

    code = "JOB_FINISHED"


class AlreadyThere(RequestError):
    """Something would be overwritten or taken twice.

    Met   a file or folder to be written exists, or a daemon is started on a data folder or socket
          that another process holds
    Do    name another place, or move or stop what is there
    Left  what was there is untouched
    """

    code = "ALREADY_THERE"


class BadQuery(RequestError):
    """The SQL is not a query that can be answered over several owners.

    Met   it has a mistake, or uses something that joint statistics do not have; the error points at
          line and column
    Do    write it as the error shows; docs/sql.md says what may be asked
    """

    code = "BAD_QUERY"


class KeyInQuery(RequestError):
    """A query would show, group by or compute with an identifier.

    Met   a key column stands anywhere but in the condition that joins two owners
    Do    leave the key out of the result; for lists of own rows there is `mihe psi`
    """

    code = "KEY_IN_QUERY"


class UnprovenSum(RequestError):
    """A sum could, in the worst case, be larger than what is added exactly.

    Met   the declared bounds of a column, times the rows that can meet, exceed 2^58
    Do    declare a tighter bound or fewer decimals for the column, or filter the rows
    """

    code = "UNPROVEN_SUM"


class TooManyResults(RequestError):
    """A query has more result rows or sums than one run can release safely.

    Met   it groups too finely, or asks for too many sums at once; sometimes known only when the
          lists are matched
    Do    group by fewer or coarser columns, ask for fewer sums, or filter the rows
    Left  nothing of a result exists; a job that it ended has ended so on all sides
    """

    code = "TOO_MANY_RESULTS"


# ── an owner said no ────────────────────────────────────────────────────────────────────────────


class PolicyError(MiheError):
    """An owner said no.

    Left  no row was read and nothing of a result exists; a job that was proposed has ended on all
          sides
    """

    fault = Fault.POLICY
    exit_code = 3


class Refused(PolicyError):
    """An owner's policy file does not list what the job asks for.

    Met   a job is planned or proposed; `party` is the owner and `rule` the place in its policy file
          that comes closest, or that the file can't be read
    Do    propose what the owner lists, or ask the owner to list this use; what is not listed is
          denied
    """

    code = "REFUSED"


class BudgetExhausted(PolicyError):
    """What an owner's answers to this receiver have cost leaves too little for one more.

    Met   a query with noise is proposed to an owner whose rule has an `epsilon_budget`, and earlier
          answers about the same dataset to the same receiver, in its `epsilon_days`, have used it
          up; `party` is that owner. Answers add up, whatever they were about (docs/noise.md)
    Do    ask with a smaller `--noise`; or wait until earlier answers are not counted any more; or
          ask the owner for a larger budget
    """

    code = "BUDGET_EXHAUSTED"


class ContractExpired(PolicyError):
    """The contract's time was over before every party had signed the start.

    Met   a party's node was away, or its clock is wrong; `mihe show` says whose word was missing
    Do    propose the job again, with a later --expires if parties answer slowly
    """

    code = "CONTRACT_EXPIRED"


class Withheld(PolicyError):
    """An owner's policy did not allow the job's result, while it ran.

    Met   the policy file was changed or became unreadable between consent and release: it is read
          again before the message leaves from which a result can be computed. Or its `min_change`
          forbids the answer: it differs by too few of the owner's subjects from an earlier one; or
          another job has spent what was left of its `epsilon_budget`
    Do    ask the owner; propose the job again when it allows it, or ask for something that differs
          by more
    Left  the job has ended on all sides; what had been computed is removed and nobody has seen it
    """

    code = "WITHHELD"
    exit_code = 4


# ── another party broke the protocol ────────────────────────────────────────────────────────────


class PeerError(MiheError):
    """Another party broke the protocol.

    Left  a job that ran has ended on all sides with this cause; nothing of a result is kept
          anywhere, and the keys of the attempt are gone; datasets and other jobs are as they were
    """

    fault = Fault.PEER
    exit_code = 5


class ForeignCertificate(PeerError):
    """A certificate is not one of this consortium's, is not valid now, or is not a member's.

    Met   a node dials the coordinator or a peer, a daemon starts, or a statement is verified
    Do    compare CA, dates and clock on both sides with `mihe ca show`; have the certificate signed
          anew by the consortium's CA
    Left  nothing was exchanged with whoever showed it
    """

    code = "FOREIGN_CERTIFICATE"


class CertificateRevoked(PeerError):
    """The consortium's CA has taken a certificate back: nothing is exchanged under it any more.

    Met   a key was lost or stolen, or its holder has left; the CA's revocation list has arrived
    Do    at the party named, make a new key with `mihe init renew` and have it certified, then
          propose the job again; docs/certificates.md
    """

    code = "CERTIFICATE_REVOKED"


class WrongRole(PeerError):
    """A valid certificate is used in a role that it does not state.

    Met   a node is given the coordinator's certificate, or the other way round
    Do    give every daemon the certificate that was made for it with `mihe init`
    Left  nothing was exchanged under it
    """

    code = "WRONG_ROLE"


class FingerprintChanged(PeerError):
    """An organisation uses another certificate than the one that a contract names.

    Met   a certificate was renewed between proposal and run, or somebody else speaks in its place
    Do    confirm the new fingerprint with that organisation by another way, then propose the job
          again
    """

    code = "FINGERPRINT_CHANGED"


class BadSignature(PeerError):
    """A signature does not fit the statement, its certificate or the one who sent it.

    Met   a statement was altered after it was signed, or is passed off as another's
    Do    compare versions at the party named; if they agree, look for who altered it
    """

    code = "BAD_SIGNATURE"


class ContractAltered(PeerError):
    """A contract's bytes are not those of its job id, or its signer is not its initiator.

    Met   a node proposes something else than it signed, or in another's name
    Do    propose the job again; if it recurs, compare versions at the party named
    Left  the contract reached nobody; no job exists
    """

    code = "CONTRACT_ALTERED"


class ForeignStart(PeerError):
    """A statement belongs to another contract, run or plan than the one at hand.

    Met   statements are replayed or altered, or the parties' versions compile different plans
    Do    install the same version everywhere; if it recurs, compare both sides' evidence
    """

    code = "FOREIGN_START"


class PartyRestarted(PeerError):
    """A node was restarted in the middle of a run, or attached a second time.

    Met   a daemon was killed or updated while a job ran; it says so itself when it is back. An
          intersection in several buckets goes on instead, and ends so at its third interruption
    Do    run the job again: what the attempt had exchanged is of no use to anybody
    """

    code = "PARTY_RESTARTED"


class PartyLost(PeerError):
    """A party that the job needs stays away, or came back without what it had promised.

    Met   a node was away for longer than the coordinator's `node_grace_seconds` or lost its state,
          or the coordinator lost its log
    Do    bring the node back, with its data folder or with its datasets imported anew, then
          propose again
    """

    code = "PARTY_LOST"


class PartyStalled(PeerError):
    """A party stays on the line and does not go on.

    Met   a node's process is stopped or hangs, its disk or its machine is stuck, it never sends
          what comes next, or one of its steps takes longer than `step_seconds`; a coordinator
          that took every part of a query and does not say what came of it
    Do    look at that party's machine, restart its daemon, then run the job again; if the work
          is honest and long, raise `step_seconds` at the other parties
    """

    code = "PARTY_STALLED"


class VersionMismatch(PeerError):
    """Two programs have no version of the protocol in common.

    Met   a node and its coordinator, peer or command line are of different releases
    Do    install releases of mihe that have a protocol in common
    Left  nothing was exchanged; a node keeps trying, and attaches when the versions fit
    """

    code = "VERSION_MISMATCH"


class BadPoint(PeerError):
    """A party sent something that is no valid element of the group, or one twice.

    Met   a run's blinded keys arrive; an honest node never sends it
    Do    compare versions; if they agree, keep the evidence file and talk to that party
    """

    code = "BAD_POINT"


class BadMessage(PeerError):
    """A party sent something that does not have the form, size or place that the protocol gives it.

    Met   anything arrives: a statement, a stream, a share of a query; or a check fails of what was
          sent before (`--engine rr22-active`); an honest node never sends it
    Do    compare versions; if they agree, keep the evidence file and talk to that party
    """

    code = "BAD_MESSAGE"


class BadReceipt(PeerError):
    """A signed receipt does not fit what arrived, or two sides' evidence does not agree.

    Met   a stream ends, a part is handed in, or both sides sign off a run
    Do    compare the evidence files of all sides: one of them, or the path between, altered
          something
    """

    code = "BAD_RECEIPT"


class ForeignEncryptionKey(PeerError):
    """An encryption key is not the one that the receiver signed for this run.

    Met   an owner fetches the receiver's one-time key from the coordinator, or reads a key that was
          made for other parameters
    Do    run the job again; if it recurs, the coordinator exchanges keys: its operator has to
          explain
    """

    code = "FOREIGN_ENCRYPTION_KEY"


class ForeignCiphertext(PeerError):
    """A ciphertext was made under another key, or in another run.

    Met   an owner's encrypted column or the coordinator's sums are read; an honest node never sends
          it
    Do    run the job again; if it recurs, compare versions at the party named
    """

    code = "FOREIGN_CIPHERTEXT"


class FrameRepeated(PeerError):
    """A frame of a stream came twice.

    Met   two nodes exchange the messages of a run; somebody replays, or a node is defective
    Do    compare versions at the party named; if they agree, keep the evidence file
    """

    code = "FRAME_REPEATED"


class FrameOutOfOrder(PeerError):
    """A frame of a stream was left out, or came before its turn.

    Met   two nodes exchange the messages of a run; somebody drops frames, or a node is defective
    Do    compare versions at the party named; if they agree, keep the evidence file
    """

    code = "FRAME_OUT_OF_ORDER"


class FrameTooLarge(PeerError):
    """Something is larger than the plan or the protocol allows.

    Met   a stream is opened, a record or a part arrives; it is refused before it takes memory or
          disk
    Do    compare versions at the party named; if they agree, keep the evidence file
    """

    code = "FRAME_TOO_LARGE"


class ForeignFrame(PeerError):
    """A frame or part belongs to another run, stream or party.

    Met   two nodes exchange the messages of a run, or a part of a query is handed in or fetched
    Do    compare versions at the party named; if they agree, keep the evidence file
    """

    code = "FOREIGN_FRAME"


# ── somebody is not there ───────────────────────────────────────────────────────────────────────


class Unreachable(MiheError):
    """Somebody is not there.

    Left  nothing is lost: what this node has said and heard lies on its disk and goes out when the
          line is back
    """

    fault = Fault.NETWORK
    exit_code = 6


class NodeAbsent(Unreachable):
    """No node answers, or this user may not talk to it.

    Met   the command line asks its own node, whose daemon is not running, hangs, or belongs to
          another user
    Do    start it with `mihe node run`, or work as the user or group that runs it
    Left  nothing was sent; jobs that the node had begun are not lost, and go on or end when it is
          back
    """

    code = "NODE_ABSENT"


class CoordinatorAbsent(Unreachable):
    """The coordinator does not answer, or does not let this node attach.

    Met   a job is proposed or the catalogue asked for while the line is down; the error says
          whether name, port, path or certificate is at fault
    Do    start the coordinator, or correct what the error names; the node attaches again by itself
    """

    code = "COORDINATOR_ABSENT"


class PeerAbsent(Unreachable):
    """Another party's node was not on the line of the run for as long as this one waits.

    Met   the peer, or the path to it, stalls while it stays attached to the coordinator
    Do    check that node and the path to it (`mihe status` there), then run the job again;
          `peer_patience_seconds` in node.toml is how long a node waits
    Left  the job has ended on all sides, with nothing of a result anywhere
    """

    code = "PEER_ABSENT"


class StateAbsent(Unreachable):
    """The PostgreSQL server that keeps a daemon's state is not there, or lets the daemon not in.

    Met   a node or the coordinator starts, or its server has been away for longer than it waits,
          or was lost in the very moment of a write
    Do    see that the server runs, that this machine reaches it, and that role, password and TLS
          fit the `url` in [state]; the daemon has ended, so start it again if nothing else does
    Left  what was committed still is, and nothing was done that was not; a run that this node was
          in ends with PARTY_RESTARTED or PARTY_LOST
    """

    code = "STATE_ABSENT"


# ── the owner's own data or disk ────────────────────────────────────────────────────────────────


class DataError(MiheError):
    """Something is wrong with an owner's own data or disk.

    Left  an import has changed nothing, and what was imported before still serves; a job that ran
          has ended on all sides, with nothing of a result anywhere
    """

    fault = Fault.DATA
    exit_code = 7


class InvalidKey(DataError):
    """A file has keys that are not valid for their kind.

    Met   a dataset is imported, and its description does not say `invalid_keys = "warn"`; rows and
          counts are given, keys never
    Do    correct the file, or let the description leave out or mark invalid keys
    """

    code = "INVALID_KEY"


class BadValue(DataError):
    """A file has cells that do not fit their column's declared type, decimals or bounds.

    Met   a dataset is imported; line and column are given, the cell never
    Do    correct the file, or declare the column as it is
    """

    code = "BAD_VALUE"


class DuplicateRows(DataError):
    """A file has the same row more than once.

    Met   a dataset is imported that does not allow it
    Do    remove the repetitions, or allow them in the description if they are meant
    """

    code = "DUPLICATE_ROWS"


class MissingColumn(DataError):
    """A file lacks a column that its description declares.

    Met   a dataset is imported; the names that the file has instead are given where they are close
    Do    correct the name in the description or in the file
    """

    code = "MISSING_COLUMN"


class UnreadableSource(DataError):
    """A dataset's source can't be read as what its description says it is.

    Met   a file is missing, is not readable for the node's user, or is no CSV or Parquet
    Do    correct path, owner, mode or format
    """

    code = "UNREADABLE_SOURCE"


class DrasticChange(DataError):
    """A new import would lose most rows, or end open jobs.

    Met   more than half of the rows of a dataset are gone from its source, as after an export that
          broke off; or open jobs were planned on other columns, or on fewer keys
    Do    look at the source; if it is right so, repeat the import with `--accept`
    """

    code = "DRASTIC_CHANGE"


class SnapshotChanged(DataError):
    """The data that an owner consented on are not there any more as they were.

    Met   the dataset was imported anew with other columns, or files in the data folder were
          changed, lost or damaged, between consent and run
    Do    propose the job again; if nobody imported anything, restore the data folder from its
          backup
    """

    code = "SNAPSHOT_CHANGED"


class DatasetOutgrown(DataError):
    """A dataset has more keys than the contract allows, or longer ones than a job takes.

    Met   a larger file was imported between plan and consent, or between consent and run; or the
          keys of a job that takes them all at once come to 4 GiB
    Do    propose the job again: it is planned on the present size; of keys that are too long,
          prepare shorter ones, or fewer
    """

    code = "DATASET_OUTGROWN"


class StorageFull(DataError):
    """A disk, a quota, or the memory for one query is used up, or can't be written.

    Met   a node, the coordinator or the command line writes; `party` is whose disk it is
    Do    free space or correct owner and mode, then repeat
    Left  nothing half-written stays; what was durable before still is
    """

    code = "STORAGE_FULL"


class StateTooNew(DataError):
    """A daemon's state was last opened by a newer mihe, whose tables this one does not know.

    Met   an older version is started on it
    Do    install the newer version again; or, to stay with the older one, restore the state from
          before the upgrade (`state.sqlite.before-upgrade` in the data folder, or a backup of the
          PostgreSQL database) and lose what came after
    Left  the state is as it was
    """

    code = "STATE_TOO_NEW"


class SeveralRows(DataError):
    """An owner's dataset has several rows for one key, and a join takes one from each owner.

    Met   a query reads a table with, say, one row a month; known only when the owner's own part is
          run
    Do    add the rows up first in a sub-query, as the fix shows, or leave one row per key with
          WHERE
    """

    code = "SEVERAL_ROWS"


class SmallBranch(DataError):
    """What a query adds up picks fewer of an owner's keys than a row of its result must have.

    Met   a branch of a CASE, NULLIF, ABS, LEAST or GREATEST inside SUM, AVG or COUNT is taken by
          some keys, but by fewer than the contract's smallest group; known only when the owner's
          own part is run, on its whole list. Everybody in the job hears that there is one, not
          which
    Do    widen the conditions; or GROUP BY the CASE: small groups are folded into one row
    """

    code = "SMALL_BRANCH"


class LargeShare(DataError):
    """One key may have more of what a query adds up than its owner lets anybody see.

    Met   an owner's policy sets `largest_share`, shares are not checked in the join, and one key
          exceeds it in the owner's whole list, or in all of its groups that have to be folded
          together; known only when the owner's own part is run. Everybody in the job hears that
          there is one, not which
    Do    ask with --largest-share, by which cells are checked in the join; or group by less, or
          leave the sum out
    """

    code = "LARGE_SHARE"


class QueryTooLong(DataError):
    """An owner's own part of a query takes longer than its node allows.

    Met   the owner's data are large and the statement computes much on each row
    Do    prepare the columns in the dataset, or ask for a shorter period
    """

    code = "QUERY_TOO_LONG"


# ── a person stopped the job; a defect of ours ──────────────────────────────────────────────────


class Aborted(MiheError):
    """A person stopped the job, or said no at a question.

    Met   `mihe abort`, at any party; or Ctrl-C or no at a question before anything is sent
    Do    ask the party named why; propose the job again when the reason is gone
    Left  the job has ended on all sides with this cause, and nothing of a result is kept; stopped
          at a question, nothing was sent
    """

    code = "ABORTED"
    fault = Fault.PERSON
    exit_code = 8


class OurError(MiheError):
    """mihe itself did something wrong.

    Met   it should not be met; the daemon's log says where, without any data in it
    Do    report it with the log; run the job again
    Left  a job that ran has ended on all sides with this cause, and nothing of a result is kept;
          other jobs and the daemon go on
    """

    code = "OUR_DEFECT"
    fault = Fault.OURS
    exit_code = 70


def _leaves(cls: type[MiheError]) -> list[type[MiheError]]:
    below = [leaf for sub in cls.__subclasses__() for leaf in _leaves(sub)]
    return below or [cls]


BY_CODE: dict[str, type[MiheError]] = {leaf.code: leaf for leaf in _leaves(MiheError)}


def clean(text: str) -> str:
    """`text` without anything that would move a cursor or turn the writing direction."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def nearest(name: str, known: list[str]) -> str:
    """`" Did you mean 'x'?"` for the known name closest to `name`, or an empty string."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
