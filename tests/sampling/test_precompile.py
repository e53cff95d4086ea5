"""The compilation shared with a child: it asks for the types that are used, never changes a draw, and a bad child does no harm."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from gibbs.kernels.between import before_a_sweep, own_law_of_levels

from gibbs.sampling import precompile

HERE = Path(__file__).resolve()
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
BEGIN = "import os, time; from gibbs.sampling import precompile as p; [p._begin(k, os.getpid()) for k in p.SHARED['joint']]; "
"""A child that has begun with everything, and then …"""


def python(program: str, **environment: str) -> str:
    """Standard output of a program in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=HERE.parents[2], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


RECORD = """
import json, sys
import numba
from numba.core.dispatcher import Dispatcher
from gibbs.kernels import elimination, second_order, sweep
from gibbs.kernels.signatures import types_of
from gibbs.model.records import Sampling
from gibbs.sampling import chain, chains, plan, precompile, second_order as second
from tests.sampling.models import fitted_design

shared = {kernel for kernels in precompile.SHARED.values() for kernel in kernels}
kernels = (elimination.factor_core, elimination.eliminate_unit, *shared)
seen = {kernel.__name__: set() for kernel in kernels}
wanted = {kernel.__name__: tuple(str(t) for t in types_of(kernel)) for kernel in kernels}

def interpreted(kernel):
    def call(*arguments):
        if kernel in kernels:
            seen[kernel.__name__].add(tuple(str(numba.typeof(a)) for a in arguments))
        return kernel.py_func(*arguments)
    return call

precompile.SHARED.clear()  # nothing is compiled here, whether a cache has it or not
loops = {chain.Chain: sweep.run_chunk, second.SecondOrderChain: second_order.run_second_order}
for module in [m for name, m in sys.modules.items() if name.startswith("gibbs.")]:
    for name, value in list(vars(module).items()):
        if isinstance(value, Dispatcher):
            setattr(module, name, interpreted(value))
for kind, loop in loops.items():
    kind.LOOP, kind.compile = staticmethod(loop.py_func), lambda self, besides: None
for kind, family, scheme in (("slopes", "gaussian", "auto"), ("crossed", "gaussian", "collapsed"), ("crossed", "probit", "joint"),
                             ("one_factor", "logit", "second-order"), ("crossed", "student", "collapsed")):
    design = fitted_design(kind, family, rows=24, levels=3)
    chains.run(design, plan.make(design, scheme), Sampling(chains=1, seed=1, warmup=4, draws=1, scheme=scheme, cores=1))
print(json.dumps([[name, sorted(found), wanted[name]] for name, found in seen.items()]))
"""


def test_the_types_asked_for_are_those_of_the_arguments_in_a_sweep():
    """A type that differed would be compiled in vain, and the right one a second time. Interpreted, so that every call is seen."""
    found = json.loads(python(RECORD).splitlines()[-1])
    assert len(found) == 2 + len({kernel for kernels in precompile.SHARED.values() for kernel in kernels})
    by_rows = {"move_by_rows", "propose_wishart", "move_variances_by_rows"}  # of models with more variances than these
    for name, seen, wanted in found:
        assert seen == [wanted] or (name in by_rows and not seen), name


@pytest.fixture
def nothing_of_ours(monkeypatch):
    """As on a first run, without its half minute: the cache counts as empty."""
    monkeypatch.setattr(precompile, "_pays", lambda scheme, cores: True)
    monkeypatch.setattr(precompile, "_compiled", lambda kernel: False)


def started(monkeypatch, command: list[str]) -> list[subprocess.Popen]:
    """From now on the child is ``command``; the children started."""
    children: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        children.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        return children[-1]

    monkeypatch.setattr(precompile, "_start", start)
    return children


def begun(child: int) -> int:
    """With how many kernels of the scheme ``joint`` somebody has begun."""
    return sum(precompile._begun_by(kernel, child).exists() for kernel in precompile.SHARED["joint"])


def test_a_child_that_fails_is_not_waited_for(monkeypatch, nothing_of_ours):
    children = started(monkeypatch, [sys.executable, "-c", BEGIN + "raise SystemExit(3)"])
    monkeypatch.setattr(precompile, "LEAST_PATIENCE", 600.0)
    with precompile.together("joint", None) as meet:
        assert children[0].wait(120) == 3 and begun(children[0].pid) == len(precompile.SHARED["joint"])
        began = time.monotonic()
        meet()
        assert time.monotonic() - began < 300.0
    assert gc.isenabled() and begun(children[0].pid) == 0


def test_a_child_that_hangs_is_given_up(monkeypatch, nothing_of_ours):
    children = started(monkeypatch, [sys.executable, "-c", BEGIN + "time.sleep(600)"])
    monkeypatch.setattr(precompile, "LEAST_PATIENCE", 0.2)
    monkeypatch.setattr(precompile, "PATIENCE", 0.0)
    with precompile.together("joint", None) as meet:
        for _ in range(1200):
            if begun(children[0].pid) == len(precompile.SHARED["joint"]):
                break
            time.sleep(0.1)
        meet()
        assert children[0].returncode not in (None, 0)
    assert begun(children[0].pid) == 0


def test_what_the_child_has_not_begun_is_not_waited_for(monkeypatch, nothing_of_ours):
    children = started(monkeypatch, SLEEP)
    with precompile.together("joint", None) as meet:
        meet()
        assert children[0].poll() is None and begun(children[0].pid) == len(precompile.SHARED["joint"])
    assert children[0].returncode is not None and begun(children[0].pid) == 0


def test_a_kernel_is_begun_once(monkeypatch, tmp_path):
    kernel = precompile.SHARED["joint"][0]
    monkeypatch.setattr(precompile, "_begun_by", lambda kernel, child: tmp_path / f"{child}")
    assert [precompile._begin(kernel, child) for child in (1, 1, 2, 1)] == [True, False, True, False]
    monkeypatch.setattr(precompile, "_begun_by", lambda kernel, child: tmp_path / "nowhere" / f"{child}")
    assert precompile._begin(kernel, 1) and precompile._begin(kernel, 1)  # no folder: both compile it


def test_no_child_is_left_when_the_parent_stops(monkeypatch, nothing_of_ours):
    children = started(monkeypatch, SLEEP)
    with pytest.raises(KeyboardInterrupt), precompile.together("joint", None):
        assert not gc.isenabled()
        raise KeyboardInterrupt
    assert children[0].returncode is not None and gc.isenabled()


def test_the_child_ends_with_its_parent():
    """Killed, the parent cannot tell it; the end of its standard input does."""
    program = (
        "import time; from gibbs.sampling import precompile as p; p.elimination.eliminate_unit.compile = lambda _: time.sleep(600)\n"
        "p.be_the_child()"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=HERE.parents[2], stdin=subprocess.PIPE) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.5)
        child.stdin.close()
        assert child.wait(120) == 1


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["joint", "second-order"])
def test_the_child_is_done_when_it_has_compiled_what_the_scheme_calls(scheme):
    """From a cache that has all of it, in a moment; it waits to be told the scheme."""
    for kernel in precompile.SHARED[scheme]:
        precompile._compile(kernel)
    program = "from gibbs.sampling import precompile; precompile.be_the_child()"
    with subprocess.Popen([sys.executable, "-c", program], cwd=HERE.parents[2], stdin=subprocess.PIPE) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(8.0)
        precompile._tell(child, scheme)
        assert child.wait(120) == 0


def test_a_child_that_cannot_be_started_is_done_without(monkeypatch, nothing_of_ours):
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    with precompile.together("joint", None) as meet:
        meet()
    monkeypatch.setattr(sys, "executable", "/usr/bin/editor")  # Python inside another program
    assert precompile._start() is None


def test_when_it_pays(monkeypatch, tmp_path):
    cache = tmp_path / "not" / "yet" / "there"

    def kernel(name: str) -> SimpleNamespace:
        return SimpleNamespace(__name__=name, __module__="gibbs.kernels.hyper", stats=SimpleNamespace(cache_path=str(cache)))

    monkeypatch.setattr(precompile, "SHARED", {"joint": (kernel("one"),), "second-order": (kernel("two"), kernel("one"))})
    monkeypatch.setattr(precompile, "usable_cores", lambda: 2)
    assert precompile._pays("joint", None) and precompile._pays("second-order", 4)
    assert not precompile._pays("joint", 1)  # the user gives one core
    assert not precompile._pays("one-at-a-time", None)  # shares nothing
    answers = []
    thread = threading.Thread(target=lambda: answers.append(precompile._pays("joint", None)))
    thread.start()
    thread.join()
    assert answers == [False]  # one of many fits at a time
    cache.mkdir(parents=True)
    assert precompile._pays("joint", None)
    (cache / "hyper.one-124.py311.nbi").touch()
    assert not precompile._pays("joint", None) and precompile._pays("second-order", None)  # after a gaussian model, a first binary one
    (cache / "hyper.one-124.py311.nbi").unlink()
    monkeypatch.setattr(precompile.os, "access", lambda path, mode: False)
    assert not precompile._pays("joint", None)  # a cache that cannot be written
    monkeypatch.setattr(precompile.os, "access", lambda path, mode: True)
    monkeypatch.setattr(precompile, "usable_cores", lambda: 1)
    assert not precompile._pays("joint", None)


COLD = """
import hashlib, subprocess, sys
from gibbs.kernels.hyper import draw_hyper
from gibbs.model.records import Sampling
from gibbs.sampling import chains, plan, precompile
from tests.sampling.models import fitted_design

precompile.usable_cores = lambda: 2
if {broken}:
    precompile._start = lambda: subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], stdin=subprocess.PIPE)
design = fitted_design("slopes", "gaussian", rows=60, levels=6)
draws = chains.run(design, plan.make(design, "auto"), Sampling(chains=1, seed=1, warmup=60, draws=40, cores={cores}))
digest = hashlib.sha256(b"".join(a.tobytes() for a in (draws.beta, draws.hyper, draws.u, draws.lp))).hexdigest()
print(digest, sum(draw_hyper.stats.cache_hits.values()), sum(draw_hyper.stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_same_draws_from_an_empty_cache_with_a_child_without_and_with_a_broken_one(tmp_path):
    """And with the child ``draw_hyper`` is not compiled here: it comes from the cache, so the child compiled what was needed."""
    found = {}
    for name, cores, broken in (("with", 2, False), ("without", 1, False), ("broken", 2, True)):
        out = python(COLD.format(cores=cores, broken=broken), NUMBA_CACHE_DIR=str(tmp_path / name))
        digest, hits, misses = out.split()
        found[name] = digest, int(hits), int(misses)
    assert found["with"][1:] == (1, 0)
    assert found["without"][1:] == found["broken"][1:] == (0, 1)
    assert len({digest for digest, _, _ in found.values()}) == 1


@pytest.mark.parametrize("scheme", ["joint", "second-order", "one-at-a-time"])
def test_a_child_that_was_begun_is_taken_over_or_ended(scheme, monkeypatch):
    started = []

    def start():
        started.append(subprocess.Popen(SLEEP, stdin=subprocess.PIPE))
        return started[-1]

    monkeypatch.setattr(precompile, "_pays", lambda scheme, cores: scheme in precompile.SHARED)
    monkeypatch.setattr(precompile, "_compiled", lambda kernel: False)
    monkeypatch.setattr(precompile, "_start", start)
    precompile.begin(None, "joint")
    precompile.begin(None, "joint")
    assert len(started) == 1 and started[0].poll() is None
    with precompile.together(scheme, None):
        assert (started[0].poll() is None) == (scheme in precompile.SHARED)
    assert len(started) == 1 and started[0].poll() is not None and not precompile._begun


def test_what_only_some_models_call_is_compiled_by_those_alone():
    """Student-t effects take twice as long to compile as the variances of all models."""
    everything = {kernel for kernels in precompile.SHARED.values() for kernel in kernels}
    assert not {before_a_sweep, own_law_of_levels} & everything
