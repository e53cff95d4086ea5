"""Who does tasks: one interface, with threads of this process behind it here, and the workers of a cluster in ``gibbs.tasks.cluster``.

A task is a call ``function(shared, task, desk)``: what all tasks of a job have in common, what this one is about, and the desk at which it
is done. What a task gives depends on its first two words alone, never on where it was done, or after which other one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from gibbs import signals
from gibbs.cores import usable_cores

POLL = 0.1
AHEAD = 4
"""Tasks that are given at a time, for each that can be done at a time: results are with us before all tasks are made."""


class Desk:
    """Where tasks of one job are done. ``is_set()``: whether they are to end soon; ``kept``: what the tasks done here may leave there."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}
        self.stopped = threading.Event()

    def is_set(self) -> bool:
        """Whether what is being done here is not wanted any more."""
        return self.stopped.is_set()


Function = Callable[[Any, Any, Any], Any]


class Job(Protocol):
    """Tasks of one function. A context: at its end nothing of it is begun any more, and what is under way is told to end."""

    def __enter__(self) -> Job: ...
    def __exit__(self, *error: object) -> None: ...

    def give(self, number: int, task: Any) -> None:
        """One task, ``number`` being how its result is known."""

    def done(self, seconds: float) -> list[tuple[int, Any]]:
        """The results that are there, after waiting for one so many seconds at most. Raises what a task has raised, when all results
        that were there beside it have been given."""

    def stop(self) -> None:
        """Tasks given so far are to end soon: their desk says so. Their results still come."""


class Hands(Protocol):
    """Who does tasks. ``count``: how many at a time."""

    @property
    def count(self) -> int: ...
    def job(self, function: Function, shared: Any) -> Job:
        """A new job."""


class Threads:
    """``count`` threads of this process: for functions that spend their time in compiled code."""

    def __init__(self, cores: int | None = None) -> None:
        self.count = max(1, cores or usable_cores())

    def job(self, function: Function, shared: Any) -> Job:
        """A new job."""
        return _ThreadJob(function, shared, self.count)


class _ThreadJob:
    def __init__(self, function: Function, shared: Any, count: int) -> None:
        self.function, self.shared = function, shared
        self.desk = Desk()
        self.over: queue.SimpleQueue[tuple[int, Future[Any]]] = queue.SimpleQueue()
        self.pool = ThreadPoolExecutor(max_workers=count)
        self.error: BaseException | None = None

    def __enter__(self) -> _ThreadJob:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.stop()
        self.pool.shutdown(wait=kind is None, cancel_futures=True)
        if kind is not None:
            signals.abandoned.set()  # a task that is at a compilation does not hear it

    def give(self, number: int, task: Any) -> None:
        future = self.pool.submit(self.function, self.shared, task, self.desk)
        future.add_done_callback(lambda done: self.over.put((number, done)))

    def done(self, seconds: float) -> list[tuple[int, Any]]:
        if self.error is not None:
            raise self.error
        found = []
        for number, future in waited(self.over, seconds):
            if (error := future.exception()) is None:
                found.append((number, future.result()))
            else:
                self.error = self.error or error
        if self.error is not None and not found:
            raise self.error
        return found

    def stop(self) -> None:
        self.desk.stopped.set()


def waited(over: queue.SimpleQueue[Any], seconds: float) -> list[Any]:
    """What is in the queue, after waiting for one so many seconds at most."""
    found = []
    try:
        found.append(over.get(timeout=seconds))
        while True:
            found.append(over.get_nowait())
    except queue.Empty:
        return found


def each(
    hands: Hands,
    function: Function,
    shared: Any,
    tasks: Sequence[Any],
    received: Callable[[int, Any], object],
    passed: Callable[[], object] | None = None,
) -> None:
    """Every task done; ``received(number, result)`` is called from this thread as results come, in whatever order that is.

    passed : called a few times a second. What goes wrong in one task ends all, and is raised. KeyboardInterrupt on Ctrl-C.
    """
    given = over = 0
    try:
        with hands.job(function, shared) as job, signals.deferred():
            while over < len(tasks):
                while given < len(tasks) and given - over < AHEAD * hands.count:
                    job.give(given, tasks[given])
                    given += 1
                for number, result in job.done(POLL):
                    over += 1
                    received(number, result)
                if passed is not None:
                    passed()
                if signals.pressed():
                    raise KeyboardInterrupt
    except BaseException:
        signals.dealt_with()
        raise
