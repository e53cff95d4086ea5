"""Tasks of one job on the workers of a Dask cluster.

A worker that dies loses nothing but the task it was at, which the scheduler gives to another; what all tasks share goes out again where
the only workers that had it are gone. A task depends on nothing but its words, so that its result is the same the second time.
"""

from __future__ import annotations

import queue
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gibbs.errors import ClusterError
from gibbs.tasks.hands import Desk, Function, waited

if TYPE_CHECKING:
    from distributed import Client, Future

AGAIN = 4
"""Times that a task is given when it, or what it needs, is lost."""
SCATTER = 30.0
"""Seconds that it may take to hand what tasks share to a first worker."""
LOOK = 3.0
"""Seconds without a result after which the cluster is looked at."""
GONE, IDLE = 15.0, 60.0
"""Seconds after which a scheduler that does not answer, and one that has no worker fit for work, are given up."""

_desks: dict[str, Desk] = {}
"""In a worker: the desk of each job that it has had a task of."""
_ended: set[str] = set()
"""In a worker: jobs that are over."""


class Shared:
    """What tasks share, as one thing that nobody looks into on the way."""

    def __init__(self, value: Any) -> None:
        self.value = value


class DaskJob:
    """See ``gibbs.tasks.hands.Job``."""

    def __init__(self, client: Client, name: str, function: Function, shared: Any) -> None:
        self.client, self.name, self.function = client, name, function
        self.shared = Shared(shared)
        self.key, self.round = secrets.token_hex(8), 0
        self.over: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self.under_way: dict[str, tuple[int, Any, int, int, Future]] = {}
        self.waiting: list[tuple[int, Any, int, int]] = []
        self.sent: Future | None = None
        self.error: BaseException | None = None
        self.heard = self.looked = time.monotonic()
        self.trouble: tuple[str, float] = ("", 0.0)

    def __enter__(self) -> DaskJob:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with suppress(Exception):
            self.client.cancel([future for *_, future in self.under_way.values()], force=True)
        self._tell(_forget, self.key, list(range(self.round + 1)))
        self.under_way.clear()
        self.waiting.clear()
        self.sent = None

    def give(self, number: int, task: Any) -> None:
        self.waiting.append((number, task, 1, self.round))
        self._send()

    def done(self, seconds: float) -> list[tuple[int, Any]]:
        if self.error is not None:
            raise self.error
        found = []
        self._send()
        for future in waited(self.over, seconds):
            if future.key in self.under_way:
                try:
                    found += self._result(future)
                except BaseException as error:
                    self.error = self.error or error
        if self.error is not None and not found:
            raise self.error
        now = time.monotonic()
        if found or not (self.under_way or self.waiting):
            self.heard, self.trouble = now, ("", 0.0)
        elif now - max(self.heard, self.looked) > LOOK:
            self._look()
        return found

    def stop(self) -> None:
        self._tell(_stop, f"{self.key}-{self.round}")
        self.round += 1

    def _send(self) -> None:
        """What waits goes out, where there is a worker for it."""
        while self.waiting:
            number, task, times, turn = self.waiting[0]
            if self.client.status != "running":
                return
            try:
                if self.sent is None or self.sent.status in ("cancelled", "lost", "error"):
                    if not self.client.nthreads():
                        return
                    self.sent = self.client.scatter(self.shared, broadcast=True, hash=False, timeout=SCATTER)
                key = f"gibbs-{self.key}-{number}-{secrets.token_hex(4)}"
                words = (self.function, self.sent, task, self.key, f"{self.key}-{turn}")
                future = self.client.submit(_do, *words, key=key, pure=False)
            except (OSError, TimeoutError, RuntimeError):  # workers that go while it is under way: ``_look`` gives them up
                self.sent = None
                return
            self.waiting.pop(0)
            self.under_way[key] = (number, task, times, turn, future)
            future.add_done_callback(self.over.put)

    def _result(self, future: Future) -> list[tuple[int, Any]]:
        """The result, in a list; [] where the task was lost, and is given again unless it was told to end."""
        number, task, times, turn, _ = self.under_way.pop(future.key)
        status, problem = future.status, None
        if status == "finished":
            try:
                return [(number, future.result())]
            except Exception as error:  # the worker is gone since
                problem = error
        elif status == "error":
            problem = future.exception()
            if not _is_loss(problem):
                raise self._said(problem) from problem
        if turn < self.round:
            return []
        if times >= AGAIN or self.client.status == "closed":
            raise self._lost() from problem
        self.sent = None
        self.waiting.append((number, task, times + 1, turn))
        return []

    def _said(self, problem: BaseException) -> BaseException:
        """What a task raised, as it is to be raised here."""
        from distributed import KilledWorker

        if isinstance(problem, KilledWorker):
            return self._died()
        if isinstance(problem, MemoryError):
            return _later(f"a worker ran out of memory{_limit(self.client)}. Give workers more, or fewer threads each.", self.name)
        if isinstance(problem, ImportError):
            return _later(f"a worker lacks a package ({problem}).", self.name)
        return problem

    def _lost(self) -> ClusterError:
        if self.client.status != "running":
            return _later("the scheduler does not answer any more", self.name)
        return self._died()

    def _died(self) -> ClusterError:
        return _later(
            f"the workers that were given a task have died {AGAIN} times in a row, most often for want of memory{_limit(self.client)}. "
            "Give workers more memory, or fewer threads each (dask worker --nthreads 1 --memory-limit …).",
            self.name,
        )

    def _look(self) -> None:
        """Whether anybody is still at work. ClusterError where nobody has been for long."""
        self.looked = time.monotonic()
        trouble = ""
        if self.client.status != "running":
            trouble = "the scheduler does not answer any more"
        else:
            try:
                workers = self.client.scheduler_info()["workers"]
            except Exception:
                trouble = "the scheduler does not answer any more"
            else:
                if not workers:
                    trouble = "there is no worker any more"
                elif all(one.get("status") == "paused" for one in workers.values()):
                    trouble = f"all workers wait for want of memory{_limit(self.client)}; give them more, or fewer threads each"
        if trouble != self.trouble[0]:
            self.trouble = (trouble, self.looked)
        elif trouble and self.looked - self.trouble[1] > (GONE if "scheduler" in trouble else IDLE):
            raise _later(trouble, self.name)

    def _tell(self, function: Any, *words: Any) -> None:
        """Have every worker hear something at once, whatever it is at."""
        if self.client.status != "running":
            return
        with suppress(Exception):
            self.client.run(function, *words, on_error="ignore")


def _later(what: str, where: str) -> ClusterError:
    """What happened when there was work under way already."""
    error = ClusterError(what if what.endswith(".") else f"{what}.", where=where)
    error.exit_code = 1
    return error


def _is_loss(problem: BaseException | None) -> bool:
    """Whether it was the cluster, not the task, so that the same task may go well elsewhere."""
    return type(problem).__name__ in (
        "CancelledError",
        "FutureCancelledError",
        "FuturesCancelledError",
        "LostDependency",
        "CommClosedError",
    )


def _limit(client: Client) -> str:
    """``" (512.0 MB each)"``: what the workers may have."""
    from gibbs import memory

    with suppress(Exception):
        limits = [one.get("memory_limit") for one in client.scheduler_info()["workers"].values()]
        if limits and all(limits):
            return f" ({memory.words(min(limits))} each)"
    return ""


# ------------------------------------------------------------------------------------------------------------ in a worker


def _do(function: Function, shared: Shared, task: Any, job: str, desk: str) -> Any:
    """A task, at the worker's desk for its round of its job."""
    return function(shared.value, task, _desk(job, desk))


def _desk(job: str, name: str) -> Desk:
    """The desk of one round. Rounds of one job have what is kept in common."""
    if name not in _desks:
        desk = Desk()
        desk.kept = _desks.setdefault(job, Desk()).kept
        _desks.setdefault(name, desk)
        if job in _ended:
            desk.stopped.set()
    return _desks[name]


def _stop(name: str) -> None:
    _desk(name.rpartition("-")[0], name).stopped.set()


def _forget(job: str, rounds: list[int]) -> None:
    _ended.add(job)
    for k in rounds:
        if (desk := _desks.pop(f"{job}-{k}", None)) is not None:
            desk.stopped.set()
    if (desk := _desks.pop(job, None)) is not None:
        desk.kept.clear()
