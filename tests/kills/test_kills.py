"""A few of the examples of ``python -m tests.kills``, and that a run which is not what it should be is noticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.kills import run
from tests.kills.run import Ground, example
from tests.thin import some

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the examples are forked")


@pytest.fixture(scope="module", name="ground")
def _ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("ground"))


@pytest.mark.parametrize("name", some(["logit, streamed", "gaussian, to precision", "poisson, t effects"], 3))
def test_killed_and_gone_on_with(ground: Ground, name: str) -> None:
    found = example(ground, name, 0)
    assert not found.wrong, found


def test_another_run_is_noticed(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison has teeth: the same with another seed is wrong."""
    name = "gaussian, to precision"
    ground.whole(name)
    spec = Path(ground.folder) / f"{run._slug(name)}.yaml"
    before = spec.read_text(encoding="utf-8")
    spec.write_text(before.replace("seed: 11", "seed: 12"), encoding="utf-8")
    monkeypatch.setattr(run, "MOST_KILLS", 0)
    try:
        assert example(ground, name, 99).wrong.endswith(" differs")
    finally:
        spec.write_text(before, encoding="utf-8")
