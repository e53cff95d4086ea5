"""Chains that run elsewhere, in slices: draws, and where the chains stand at the end, are those of chains that run here, bit for bit.

Words and results go through pickle on their way, as they do to the workers of a cluster; what a lost slice costs is in ``tests/tasks``.
"""

from __future__ import annotations

import pickle
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gibbs.errors import ClusterError, OutputError
from gibbs.model import by_group
from gibbs.model.records import Sampling, Until
from gibbs.sampling import chains, far, plan
from gibbs.sampling.keeper import Keeper
from gibbs.tasks.hands import Desk, Threads
from tests import fingerprints
from tests.sampling.cases import by_factors
from tests.sampling.gr_effects import DF, changed
from tests.sampling.models import fitted_design

QUICK = ("gaussian crossed slopes collapsed", "student slopes", "probit crossed", "ordinal slopes", "t effects by groups, poisson")


class Posted:
    """Two workers that each task reaches as bytes, and leaves as bytes. ``forget``: no chain stays at the desk."""

    count = 2

    def __init__(self, forget: bool = False) -> None:
        self.forget = forget

    def job(self, function: Any, shared: Any) -> Any:
        posted = pickle.dumps((function, shared))

        def carried(shared: Any, task: bytes, desk: Desk) -> bytes:
            work, model = pickle.loads(posted)
            if self.forget:
                desk.kept.clear()
            return pickle.dumps(work(model, pickle.loads(task), desk))

        return Opened(Threads(self.count).job(carried, None))


class Opened:
    def __init__(self, job: Any) -> None:
        self.job = job
        self.stop, self.__exit__ = job.stop, job.__exit__

    def give(self, number: int, task: Any) -> None:
        self.job.give(number, pickle.dumps(task))

    def done(self, seconds: float) -> list[tuple[int, Any]]:
        return [(number, pickle.loads(found)) for number, found in self.job.done(seconds)]


def design_of(name: str):
    """(design, plan) of a model of the fingerprints."""
    model = fingerprints.MODELS[name]
    design = fitted_design(model.structure, model.family, rows=60, levels=5)
    design = changed(design, np.random.default_rng(3), (0,), (0,), DF["gamma"]) if model.gr else design
    seen = by_group.arrange(design)
    return seen, by_factors(seen, model.order) if model.order else plan.make(seen, model.scheme)


def both(name: str, sampling: Sampling, monkeypatch: pytest.MonkeyPatch, *, forget: bool = False, **more: Any):
    """The draws of a model made here, and elsewhere in slices that are as short as can be."""
    monkeypatch.setattr(far, "SLICE_SECONDS", 0.0005)
    design, decided = design_of(name)
    here = chains.run(design, decided, sampling, **more)
    with far.crews(Posted(forget)) as crew:
        return here, chains.run(design, decided, sampling, **more, **crew)


def assert_same(here: Any, there: Any) -> None:
    for name in ("beta", "hyper", "lp", *(() if here.streamed else ("u",))):
        assert np.array_equal(getattr(here, name), getattr(there, name), equal_nan=True), name
    for ours, theirs in zip(here.standing.chains, there.standing.chains, strict=True):
        assert set(ours) == set(theirs)
        for name, part in ours.items():
            assert name == "seconds" or np.array_equal(part, theirs[name], equal_nan=part.dtype.kind == "f"), name
    told = [{k: v for k, v in draws.info.items() if k != "compile_seconds"} for draws in (here, there)]
    assert told[0] == told[1]


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in fingerprints.MODELS])
def test_draws_and_the_end_are_those_of_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(*both(name, Sampling(chains=2, warmup=60, draws=20, seed=1, cores=1), monkeypatch))


def test_a_run_to_precision_whose_chains_are_made_again_for_every_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warm-up that is made longer, checks, thinning; and no worker that remembers a chain."""
    sampling = Sampling(chains=3, warmup=30, draws=50, seed=1, cores=1, until=Until(ess=300, max_draws=4000))
    here, there = both("gaussian crossed joint", sampling, monkeypatch, forget=True)
    assert here.info["to_precision"]["checks"] > 1 and here.info["to_precision"]["warmup"] > 30
    assert_same(here, there)


def test_effects_that_are_summarised(monkeypatch: pytest.MonkeyPatch) -> None:
    sampling = Sampling(chains=2, warmup=60, draws=100, seed=1, cores=1)
    here, there = both("gaussian nested", sampling, monkeypatch, keep=())
    assert here.streamed and set(here.streamed) == set(there.streamed)
    for name in here.streamed:
        assert np.array_equal(here.streamed[name].mean, there.streamed[name].mean)
    assert_same(here, there)


def test_it_goes_on_from_where_a_run_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    sampling = Sampling(chains=2, warmup=60, draws=20, seed=1, cores=1)
    first, _ = both("logit nested", sampling, monkeypatch)
    standing = first.standing
    u = [np.concatenate([first.u[k]]) for k in range(2)]
    kept = tuple([replace(chunks[0], u=u[k])] for k, chunks in enumerate(standing.kept))
    longer = replace(sampling, draws=60)
    here, there = both("logit nested", longer, monkeypatch, before=replace(standing, kept=kept, course={}))
    assert here.beta.shape[1] == 60
    assert_same(here, there)


def test_stopped_and_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C keeps what the slices brought; where the cluster is lost, a checkpoint is written at once, and the error says so."""
    monkeypatch.setattr(far, "SLICE_SECONDS", 0.0005)
    design, decided = design_of("gaussian slopes")
    sampling = Sampling(chains=2, warmup=60, draws=10**7, seed=1, cores=1)
    stop, written = threading.Event(), []

    def progress(said: Any) -> None:
        if min(said.done) > 500:
            stop.set()

    with far.crews(Posted()) as crew:
        found = chains.run(design, decided, sampling, progress=progress, stop=stop, **crew)
    assert found.stopped == "interrupted" and found.beta.shape[1] > 300 and found.standing is not None

    def lost(said: Any) -> None:
        if min(said.done) > 500:
            raise_lost.append(True)

    raise_lost: list[bool] = []
    done = Opened.done

    def gone(self: Opened, seconds: float) -> Any:
        if raise_lost:
            raise ClusterError("the scheduler does not answer any more.", where="tcp://far:1")
        return done(self, seconds)

    monkeypatch.setattr(Opened, "done", gone)
    with (
        far.crews(Posted()) as crew,
        pytest.raises(ClusterError, match=r"any more\. What the chains had done is kept: gibbs resume") as error,
    ):
        chains.run(design, decided, sampling, progress=lost, keeper=Keeper(written.append), **crew)
    assert error.value.exit_code == 1 and min(written[-1].done()) > 500

    def refuse(standing: Any) -> None:
        if min(standing.done()) > 100:  # on a slow machine the first is asked for before there is a draw
            raise OSError(28, "No space left on device", "there")

    monkeypatch.setattr(Opened, "done", done)
    with far.crews(Posted()) as crew:
        found = chains.run(design, decided, sampling, keeper=Keeper(refuse, every=0.05), **crew)
    assert found.stopped == "checkpoint" and found.beta.shape[1] > 0 and "no space left" in found.info["no_checkpoint"]
    with far.crews(Posted()) as crew, pytest.raises(OutputError, match=r"the checkpoint cannot be written.*There was no draw yet"):
        chains.run(design, decided, replace(sampling, warmup=10**7), keeper=Keeper(refuse, every=0.05), **crew)
