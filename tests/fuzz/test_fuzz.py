"""A slice of the fuzzers with a fixed seed; ``python -m tests.fuzz 10000`` is the whole."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from gibbs.errors import DataError
from tests.fuzz import judge, kinds, run
from tests.thin import some

LIGHT = [kind for kind in kinds.KINDS if kind not in kinds.SAMPLING]


@pytest.mark.parametrize("kind", LIGHT)
def test_every_example_ends_in_a_result_or_one_message(kind: str) -> None:
    for ended in run.many(2012, range(15), kind=kind):
        assert not ended.verdict.wrong, f"{ended.verdict.kind}\n{ended.verdict.words}\nagain: {ended.again} --kind {kind}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sampled", "whole"])
def test_tiny_fits_end_in_a_result_or_one_message_and_agree_with_themselves(kind: str) -> None:
    kinds.warm()
    for ended in run.many(2012, range(25), kind=kind):
        assert not ended.verdict.wrong, f"{ended.verdict.kind}\n{ended.verdict.words}\nagain: {ended.again} --kind {kind}"


@pytest.mark.parametrize("kind", some(LIGHT, 2))
def test_examples_depend_on_seed_and_number_alone_and_are_of_both_ends(kind: str) -> None:
    ended = [run.one(7, number, kind=kind).verdict for number in range(16)]
    assert {v.kind for v in ended} == {"result", "refused"}
    assert run.one(7, 5, kind=kind).verdict.kind == ended[5].kind


# ------------------------------------------------------------------------------------------- what the judge would see


def raising(error: BaseException):
    def go() -> str:
        raise error

    return go


def warning() -> str:
    warnings.warn("of a library", RuntimeWarning, stacklevel=1)
    return "fine"


def swallowing() -> str:
    began = time.process_time()
    while time.process_time() - began < 20.0:
        try:
            sum(range(1_000))
        except Exception:
            pass
    return "fine"


def in_a_destructor() -> str:
    class Bad:
        def __del__(self) -> None:
            raise ValueError("printed and ignored")

    Bad()
    return "fine"


@pytest.mark.parametrize(
    ("example", "kind"),
    [
        (lambda: "fine", "result"),
        (raising(DataError("the column is missing.")), "refused"),
        (raising(KeyError("x")), "traceback"),
        (raising(DataError("  ")), "silent"),
        (lambda: "a \x1b[31mred\x1b[0m word", "control characters"),
        (lambda: "\u202egnp", "control characters"),
        (warning, "warned"),
        (swallowing, "too long"),
        (in_a_destructor, "traceback"),
        (lambda: str(subprocess.run([sys.executable, "-V"], capture_output=True)), "touched"),
    ],
)
def test_the_judge_sees_what_is_wrong(tmp_path: Path, example, kind: str) -> None:
    assert judge.judge(example, tmp_path, 0.3).kind == kind


def test_the_judge_sees_files_elsewhere_and_lets_those_in_the_folder_be(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()

    def writing(file: Path) -> str:
        file.write_text("x")
        return "fine"

    assert judge.judge(lambda: writing(inside / "a"), inside).kind == "result"
    assert judge.judge(lambda: writing(outside / "a"), inside).kind == "touched"
    assert judge.judge(lambda: str((outside / "new").mkdir()), inside).kind == "touched"
