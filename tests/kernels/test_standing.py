"""Kernels of records stand outside their callers: the same results and errors, from the cache too, whatever happened to its files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gibbs.kernels import compiled, standing
from tests.thin import some

from . import modules

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """
from typing import NamedTuple

import numpy as np
from gibbs.kernels.compiling import kernel, loop
from gibbs.kernels.records import record


@record
class Tables(NamedTuple):
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray
    e: np.ndarray
    f: np.ndarray
    g: np.ndarray


@kernel
def weighted(tables, weight):
    \"\"\"Of a record: it stands if it is large.\"\"\"
    if weight < 0.0:
        raise ValueError("a weight below zero")
    return weight * tables.a[0, 0] + tables.g[1, 1], tables.b.shape[1]


@kernel
def doubled(x):
    return 2.0 * x


@kernel
def between(tables, weight):
    value, columns = weighted(tables, doubled(weight))
    return value + columns


@loop
def repeated(tables, weight, times):
    total = 0.0
    for _ in range(times):
        total += between(tables, weight)
    return total
"""
NAME = "a_module_of_kernels"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    (tmp_path / f"{NAME}.py").write_text(SOURCE, encoding="utf-8")
    compiled.problems()
    return tmp_path


def load(folder: Path) -> ModuleType:
    made = modules.load(folder, NAME)
    made.weighted.large = made.between.large = 0  # instructions
    return made


def tables(module: ModuleType) -> tuple:
    return module.Tables(*(np.arange(6.0).reshape(2, 3) + k for k in range(7)))


def value(module: ModuleType) -> float:
    return module.repeated(tables(module), 1.5, 4)


VALUE = 4 * (2 * 1.5 * 0.0 + (4.0 + 6.0) + 3)


def compilations(module: ModuleType) -> dict[str, int]:
    names = ("weighted", "doubled", "between", "repeated")
    return {name: sum(getattr(module, name).stats.cache_misses.values()) for name in names}


def test_callers_do_not_contain_it(folder: Path) -> None:
    module = load(folder)
    assert value(module) == VALUE
    (signature,) = module.between.signatures
    code = module.between.inspect_llvm(signature)
    assert f"declare i32 @standing.{NAME}.weighted." in code and not any(
        "weighted" in line for line in code.splitlines() if line.startswith("define")
    )
    assert not any("doubled" in line for line in code.splitlines() if line.startswith("declare"))  # of one number: that is contained
    assert len(module.weighted.signatures) == 1 and len(module.repeated.signatures) == 1


def test_small_kernels_are_contained(folder: Path) -> None:
    module = load(folder)
    module.weighted.large = 1000
    assert value(module) == VALUE
    (signature,) = module.between.signatures
    assert not any("weighted" in line for line in module.between.inspect_llvm(signature).splitlines() if line.startswith("declare"))


def test_python_calls_the_same_code(folder: Path) -> None:
    module = load(folder)
    assert value(module) == VALUE and module.between(tables(module), 1.5) == VALUE / 4
    assert module.weighted(tables(module), 2.0) == (10.0, 3) and module.doubled(1.5) == 3.0
    assert len(module.weighted.signatures) == len(module.between.signatures) == len(module.doubled.signatures) == 1


def test_errors_go_on_to_the_caller(folder: Path) -> None:
    module = load(folder)
    for call in (
        lambda: module.weighted(tables(module), -1.0),
        lambda: module.between(tables(module), -1.0),
        lambda: module.repeated(tables(module), -1.0, 1),
    ):
        with pytest.raises(ValueError, match="a weight below zero"):
            call()
    assert value(module) == VALUE


def test_what_is_cached_is_not_compiled_again(folder: Path) -> None:
    module = load(folder)
    assert value(module) == VALUE and module.weighted(tables(module), 2.0) == (10.0, 3)
    again = load(folder)
    assert value(again) == VALUE and again.weighted(tables(again), 2.0) == (10.0, 3)
    assert compilations(again) == dict.fromkeys(compilations(again), 0) and not sum(again.weighted.from_python.stats.cache_misses.values())
    assert compiled.problems() == ""


CACHES = [(name, damaged, ending) for name in ("weighted", "between") for damaged in (False, True) for ending in ("nbi", "nbc")]


@pytest.mark.parametrize(("name", "damaged", "ending"), some(CACHES, 3, several=True))
def test_a_caller_from_the_cache_finds_what_it_calls(folder: Path, name: str, damaged: bool, ending: str) -> None:
    """In a process of its own: LLVM ends one that loads code whose symbols are not there."""
    assert value(load(folder)) == VALUE
    (file,) = [path for path in (folder / "cache").rglob(f"{NAME}.{name}-*.{ending}")]
    if damaged:
        file.write_bytes(file.read_bytes()[:-5])
    else:
        file.unlink()
    assert compiled_elsewhere(folder) == dict.fromkeys(("weighted", "doubled", "between", "repeated"), 0) | {name: 1}


def compiled_elsewhere(folder: Path, large: int = 0) -> dict[str, int]:
    """What a new process has to compile for the value, which is right; ``large``: from which size on ``between`` stands."""
    program = (
        "import sys, json; from pathlib import Path; from tests.kernels import test_standing as t; m = t.load(Path(sys.argv[1]));"
        f"m.between.large = {large}; assert t.value(m) == t.VALUE; print(json.dumps(t.compilations(m)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_contained_code_calls_is_found_too(folder: Path) -> None:
    """The caller was compiled where ``between``, which it contains, came from the cache itself."""
    module = load(folder)
    module.between.large = 1000
    assert module.between(tables(module), 1.5) == VALUE / 4
    module = load(folder)
    module.between.large = 1000
    assert value(module) == VALUE and compilations(module) == {"weighted": 0, "doubled": 0, "between": 0, "repeated": 1}
    assert sum(compiled_elsewhere(folder, large=1000).values()) == 0


def test_code_whose_symbols_are_nowhere_is_compiled_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(folder)
    monkeypatch.setattr(standing.Needed, "__call__", lambda self: None)
    monkeypatch.setattr(compiled.llvm, "address_of_symbol", lambda name: None)
    assert value(module) == VALUE
    again = load(folder)
    assert value(again) == VALUE and compilations(again)["repeated"] == 1 and "could not be read" in compiled.problems()
