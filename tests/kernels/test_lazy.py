"""Lazy kernels: compiled when they are first called, whoever calls and whatever comes between; never anything else in their place."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from gibbs.kernels.compiling import _decorator
from numba import config

from gibbs.kernels import compiled, lazy

from . import modules

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """
from typing import NamedTuple

import numpy as np
from numba import types
from gibbs.kernels.compiling import kernel, lazy, loop
from gibbs.kernels.records import record


@record
class Pair(NamedTuple):
    x: np.ndarray
    y: np.ndarray


@lazy(types.float64)
def product(pair, k):
    if k >= pair.x.size:
        raise ValueError("no such place")
    return inner(pair.x[k]) * pair.y[k]


@lazy(types.UniTuple(types.float64, 2))
def ends(x):
    return x[0], x[-1]


@lazy()
def double(x):
    for k in range(x.size):
        x[k] *= 2.0


@lazy(types.int64)
def misdeclared(x):
    return 0.5 * x


@kernel
def inner(value):
    return value + 1.0


@kernel
def between(pair, k):
    return product(pair, k) if k >= 0 else 0.0


@loop
def outer(pair, k, rounds):
    total = 0.0
    for _ in range(rounds):
        total += between(pair, k)
    return total


@loop
def changed(x):
    double(x)
    first, last = ends(x)
    return last - first


@loop
def wrong(x, call):
    return misdeclared(x) if call else 7
"""
NAME, KERNELS = "a_module_of_lazy_kernels", ("product", "inner", "between", "outer")
VALUE = (2.0 + 1.0) * 5.0


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    (tmp_path / f"{NAME}.py").write_text(SOURCE, encoding="utf-8")
    compiled.problems()
    return tmp_path


def load(folder: Path) -> ModuleType:
    return modules.load(folder, NAME)


def pair(module: ModuleType) -> Any:
    return module.Pair(np.array([1.0, 2.0]), np.array([4.0, 5.0]))


def compilations(module: ModuleType) -> dict[str, int]:
    return {name: sum(getattr(module, name).stats.cache_misses.values()) for name in KERNELS}


def test_it_is_compiled_when_it_is_called(folder: Path) -> None:
    module = load(folder)
    assert module.outer(pair(module), -1, 3) == 0.0
    assert not module.product.overloads and not module.inner.overloads
    assert module.outer(pair(module), 1, 3) == 3 * VALUE
    assert len(module.product.overloads) == len(module.inner.overloads) == 1
    x = np.array([1.0, 2.0, 4.0])
    assert module.changed(x) == 6.0 and x.tolist() == [2.0, 4.0, 8.0]
    assert module.product(pair(module), 1) == VALUE and len(module.product.overloads) == 1  # from Python, the same code


def test_its_errors_go_on_to_the_caller(folder: Path) -> None:
    module = load(folder)
    with pytest.raises(ValueError, match="no such place"):
        module.outer(pair(module), 2, 1)
    assert module.outer(pair(module), 1, 1) == VALUE


def test_what_is_cached_is_not_compiled_again(folder: Path) -> None:
    module = load(folder)
    assert module.outer(pair(module), 1, 1) == VALUE
    again = load(folder)  # nothing of the module before it stands in the places
    assert again.outer(pair(again), 1, 1) == VALUE and len(again.product.overloads) == 1
    assert compilations(again) == dict.fromkeys(KERNELS, 0) and compiled.problems() == ""


@pytest.mark.parametrize("ending", ["nbi", "nbc", ""])
def test_callers_from_the_cache_in_another_process(folder: Path, ending: str) -> None:
    """What it called then is there, missing or damaged."""
    module = load(folder)
    assert module.outer(pair(module), 1, 1) == VALUE
    for file in (folder / "cache").rglob(f"{NAME}.product-*.{ending}"):
        file.unlink() if ending == "nbi" else file.write_bytes(file.read_bytes()[:-5])
    program = (
        "import sys, json; from pathlib import Path; from tests.kernels import test_lazy as t; m = t.load(Path(sys.argv[1]));"
        "assert m.outer(t.pair(m), -1, 1) == 0.0 and not m.product.overloads; assert m.outer(t.pair(m), 1, 1) == t.VALUE;"
        "print(json.dumps(t.compilations(m)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == dict.fromkeys(KERNELS, 0) | {"product": int(ending != "")}


def test_threads_that_call_it_at_once_compile_it_once(folder: Path) -> None:
    module = load(folder)
    module.outer(pair(module), -1, 1)
    values: list[float] = []
    threads = [threading.Thread(target=lambda: values.append(module.outer(pair(module), 1, 1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [VALUE] * 8 and len(module.product.overloads) == 1


def test_a_result_of_another_type_than_declared_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module = load(folder)
    assert module.wrong(3.0, False) == 7
    for _ in range(2):
        with pytest.raises(RuntimeError, match="misdeclared could not be compiled"):
            module.wrong(3.0, True)
    assert module.wrong(3.0, False) == 7
    capfd.readouterr()


def expired(*_: object) -> None:
    raise TimeoutError


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="a system without such signals")
@pytest.mark.parametrize(("number", "raised"), [("SIGINT", KeyboardInterrupt), ("SIGALRM", TimeoutError)])
def test_what_a_signal_raises_comes_when_the_kernels_have_been_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: str, raised: type[BaseException]
) -> None:
    module = load(folder)
    module.outer(pair(module), -1, 1)
    fill, former = lazy.Place.fill, signal.signal(signal.SIGALRM, expired)

    def slowly(self: lazy.Place) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, getattr(signal, number))
        time.sleep(0.2)
        fill(self)

    monkeypatch.setattr(lazy.Place, "fill", slowly)
    value = 0.0
    with pytest.raises(raised):
        value = module.outer(pair(module), 1, 1)
        for _ in range(100):
            time.sleep(0.05)
    signal.signal(signal.SIGALRM, former)
    assert value == VALUE


LOADED = """
import importlib, json, pkgutil, sys
import gibbs.kernels
from gibbs.kernels.lazy import Lazy
from tests.kernels import every

every.fit(*json.loads(sys.argv[1]))
modules = [importlib.import_module("gibbs.kernels." + info.name) for info in pkgutil.iter_modules(gibbs.kernels.__path__)]
print(json.dumps(sorted({name for m in modules for name, value in vars(m).items() if isinstance(value, Lazy) and value.overloads})))
"""
OF_FIELDS = {"eliminate_field", "place_field", "whiten_field", "complete_noise", "independent_differences", "refresh_field"}
OF_DEGREES = {"place_degree", "log_density_at_degree", "sum_products"}
OF_STRUCTURES = {"turn_core", "turn_rhs", "effects_of_coordinates", "add_row_of_designed"}
OF_SECOND_ORDER = {"refresh_levels", "move_given_the_others", "scale_effects", "_gaps_of_others"}
CALLED = {
    ("slopes", "auto"): ({}, {"draw_hyper", "draw_jointly", "_eliminate_pairs"}),
    ("slopes", "second-order"): ({"family": "negative_binomial", "coefficient_prior": "student_t"}, OF_SECOND_ORDER | {"draw_family"}),
    ("nested_mixed", "auto"): (
        {"covariance_prior": "huang_wand", "coefficient_prior": "student_t"},
        {"draw_hyper", "draw_jointly", "_eliminate_chain", "eliminate_factor", "_accumulate_nested", "_log_prior_of_inverse"},
    ),
    ("one_factor", "joint"): ({"kinds": ("ar1",)}, OF_STRUCTURES - {"add_row_of_designed"} | {"draw_hyper", "draw_jointly"}),
}
"""Model of ``every.MODELS`` → what it calls, among others."""


@pytest.mark.parametrize(("model", "called"), [((*model, options), called) for model, (options, called) in CALLED.items()])
def test_a_model_has_what_it_calls_and_nothing_else(model: tuple[str, str, dict], called: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, json.dumps(model)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded, others = set(json.loads(done.stdout)), OF_FIELDS | OF_DEGREES | OF_STRUCTURES | OF_SECOND_ORDER
    assert called <= loaded and not (others - called) & loaded


def test_without_numba_it_is_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "DISABLE_JIT", True)
    from gibbs.kernels.compiling import lazy as decorate

    assert decorate()(abs_of) is abs_of and _decorator(lazy.Lazy)(abs_of) is abs_of


def abs_of(x: float) -> float:
    return abs(x)
