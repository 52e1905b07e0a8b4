"""A job under way: watch it, wait for it, stop it, and take its result.

A `Job` is a name for what the nodes do: it holds no data, and may be dropped or made again from the
job's id at any time. The job does not end with the program that proposed it.
"""

from collections.abc import Iterator

from contract.cause import error_of
from contract.errors import MiheError, OurError
from contract.learns import LeakageStatement
from contract.lifecycle import TERMINAL, State
from contract.views import JobView
from mihe import explain
from mihe.client import NodeClient
from mihe.result import Result


class Job:
    """One job, at the own node."""

    def __init__(self, client: NodeClient, last: JobView) -> None:
        self._client = client
        self._last = last

    def __repr__(self) -> str:
        return explain.job(self._last)

    @property
    def id(self) -> str:
        """The job's id: SHA-256 of its contract, in hexadecimal."""
        return self._last.job

    @property
    def last(self) -> JobView:
        """The job as it was when the node was last asked."""
        return self._last

    @property
    def leakage(self) -> LeakageStatement:
        """Who learns what, computed from the contract."""
        return self._last.leakage

    def explain(self) -> str:
        """Who learns what, as text."""
        return explain.who_learns_what(self.leakage)

    @property
    def state(self) -> State:
        """How the job stands now."""
        return self.view().state

    def view(self) -> JobView:
        """Everything that the node knows of the job now."""
        if self._last.state not in TERMINAL:
            self._last = self._client.show(self.id)
        return self._last

    def watch(self) -> Iterator[JobView]:
        """The job now and at every change, with every party's progress, until it has ended.

        Leaving the loop, or a Ctrl-C, ends the watching; the job goes on.
        """
        for view in self._client.watch(self.id):
            self._last = view
            yield view

    def wait(self) -> State:
        """Wait for the end, whatever it is; the state that the job ended in."""
        for view in self.watch():
            if view.state in TERMINAL:
                return view.state
        raise OurError(
            "the node stopped telling of the job before its end", fix="look at the node's log"
        )

    @property
    def error(self) -> MiheError | None:
        """Why the job ended without a result: the same at every party. None if it is done."""
        if self._last.state is State.DONE or self._last.state not in TERMINAL:
            return None
        if self._last.cause is not None:
            return error_of(self._last.cause)
        return OurError(
            f"the job is {self._last.state.value}, and its node states no cause",
            fix="look at the node's log, then report this defect",
        )

    def result(self) -> Result:
        """Wait for the end, then the result; raises why if there is none."""
        if self._last.state not in TERMINAL:
            self.wait()
        if (error := self.error) is not None:
            raise error
        return self.released()

    def released(self) -> Result:
        """What this organisation has received, without waiting; raises if that is nothing."""
        return Result(self._client, self._last)

    def abort(self) -> JobView:
        """Stop the job at every party; what was released before can't be called back."""
        self._last = self._client.abort(self.id)
        return self._last
