"""Threads as hands: every task done once, errors raised, and nothing begun after the end."""

from __future__ import annotations

import pickle
import threading
import time

import pytest

from gibbs import errors, signals
from gibbs.tasks.hands import Desk, Threads, each


def square(shared: int, task: int, desk: Desk) -> int:
    return shared + task * task


def test_every_task_is_done_once_whatever_the_number_of_hands() -> None:
    for count in (1, 3):
        found: list[tuple[int, int]] = []
        each(Threads(count), square, 100, list(range(50)), lambda *result, found=found: found.append(result))
        assert sorted(found) == [(k, 100 + k * k) for k in range(50)]


def test_what_goes_wrong_in_one_ends_all_and_those_under_way_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "abandoned", threading.Event())
    begun, told = [], threading.Event()

    def work(shared: None, task: int, desk: Desk) -> None:
        begun.append(task)
        if task == 1:
            raise errors.SamplingError("numbers failed", where="chain 1")
        while not desk.is_set():
            time.sleep(0.01)
        told.set()

    with pytest.raises(errors.SamplingError, match="numbers failed"):
        each(Threads(2), work, None, list(range(100)), lambda number, result: None)
    assert told.wait(5) and len(begun) < 10


def test_an_error_of_another_process_is_the_same_here() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GibbsError)]
    assert len(kinds) > 8
    for kind in kinds:
        error = kind("what was found", where="model.yaml, line 7")
        error.exit_code = 5
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind and str(again) == str(error)
        assert (again.message, again.where, again.exit_code) == ("what was found", "model.yaml, line 7", 5)
