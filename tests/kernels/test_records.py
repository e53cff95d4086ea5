"""Records in kernels: by address, the same values as in Python; what is made in a kernel, and returned from it."""

from __future__ import annotations

import ast
import gc
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from gibbs.kernels.compiling import _OPTIONS
from gibbs.kernels.records import record
from numba import njit, typeof
from numba.core.errors import LoweringError, TypingError

import gibbs.kernels
from gibbs.kernels import layout, records, shards, standing

OPTIONS = {name: value for name, value in _OPTIONS.items() if name != "cache"}
RECORDS = {name for module in (layout, shards) for name, value in vars(module).items() if type(value) is records._Record}


def kernel(function):
    return standing.made(standing.Kernel, function, OPTIONS | {"no_cpython_wrapper": True})


@record
class Inner(NamedTuple):
    """Of two fields."""

    x: np.ndarray
    on: bool


@record
class Outer(NamedTuple):
    """Of fields of every kind."""

    inner: Inner
    table: np.ndarray
    size: int
    real: float
    addresses: tuple[int, ...]
    last: Inner


def outer(on: bool = True) -> Outer:
    return Outer(Inner(np.arange(3.0), on), np.arange(6.0).reshape(2, 3), 7, 0.5, (11, 12), Inner(np.array([5.0]), not on))


@kernel
def total(of):
    if of.inner.on:
        return of.inner.x[2] + of.table[1, 2] + of.size + of.real + of.addresses[1] + of.last.x[0]
    return -of.real


@kernel
def with_another(of, x):
    """A record made here, of one that was given and one that was made here too."""
    return Outer(Inner(x, of.last.on), of.table, of.size + 1, 2.0 * of.real, of.addresses, of.inner)


@kernel
def overwrite(depth):
    """Uses the stack below its caller."""
    small = Inner(np.float64(depth), False)
    return small.x if depth == 0 else overwrite(depth - 1) + small.x


@kernel
def made_and_read(of, x):
    one = with_another(of, x)
    two = with_another(one, x[1:])
    overwrite(np.int64(5))
    one.inner.x[0] = 40.0
    return one.inner.x[0], one.inner.on, one.real, two.inner.x[0], two.inner.on, two.size, two.last.x[0], two.last.on


@kernel
def in_a_loop(of, x):
    """Last made in the line, in every round."""
    found = 0.0
    for k in range(x.size):
        now = with_another(of, x[k:])
        found = 10.0 * found + now.inner.x[0] + now.size
    return found


with_another.large = overwrite.large = 0  # they stand: LLVM cannot make their frames a part of their caller's


def test_fields_of_every_kind_are_those_of_python():
    assert total(outer()) == 2.0 + 5.0 + 7 + 0.5 + 12 + 5.0
    assert total(outer(False)) == -0.5


def test_what_is_made_and_returned_outlives_the_kernel_with_all_that_was_made_for_it():
    one, x = outer(), np.array([3.0, 4.0])
    assert made_and_read(one, x) == (40.0, False, 1.0, 4.0, True, 9, 40.0, False)
    assert x[0] == 40.0
    assert in_a_loop(one, np.array([1.0, 2.0])) == 10.0 * 9.0 + 10.0


def test_back_in_python():
    one, x = outer(), np.array([3.0, 4.0])
    made = with_another(one, x)
    gc.collect()
    assert type(made) is Outer
    assert type(made.inner) is Inner
    assert (np.shares_memory(made.inner.x, x), made.inner.on, made.size, made.real) == (True, False, 8, 1.0)
    assert made.addresses == (11, 12)
    np.testing.assert_array_equal(made.last.x, one.inner.x)


def test_a_type_for_every_class_and_types_of_its_fields():
    plain = typeof(outer())
    assert plain is typeof(outer(False))
    assert plain is not typeof(outer()._replace(real=1))
    assert typeof(Inner(np.zeros(2), True)) is not typeof(Inner(np.zeros(2, dtype=np.int64), True))
    assert total(outer()._replace(real=1)) == 2.0 + 5.0 + 7 + 1 + 12 + 5.0  # compiled anew


def test_what_a_record_has_not_is_refused():
    @kernel
    def missing(of):
        return of.nothing

    @kernel
    def too_few(of):
        return Inner(of.table).x

    with pytest.raises(TypingError, match="nothing"):
        missing(outer())
    with pytest.raises(TypingError, match="missing a required argument"):
        too_few(outer())


@pytest.mark.parametrize(
    ("function", "given"),
    [(lambda of: 0, outer()), (lambda of: of.inner.x[0], outer()), (lambda x: Inner(x, True).on, np.zeros(2))],
    ids=["is given", "reads", "makes"],
)
def test_where_numba_counts_references_no_record_is_used(function, given):
    """The array would be freed under its owner, who fails much later, or not at all."""
    with pytest.raises(LoweringError, match=r"gibbs\.kernels\.compiling"):
        njit(function)(given)


# --------------------------------------------------------------------------------------- what a line made, in kernels as they are


def _sources() -> list[ast.Module]:
    return [ast.parse(path.read_text()) for path in sorted(Path(gibbs.kernels.__path__[0]).glob("*.py"))]


def _called(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def makers(modules: list[ast.Module]) -> set[str]:
    """Records, and functions that return one that was made."""
    found, before = set(RECORDS), -1
    while len(found) > before:
        before = len(found)
        for module in modules:
            for function in (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
                own = {
                    name.id
                    for node in ast.walk(function)
                    if isinstance(node, ast.Assign) and _called(node.value) in found
                    for name in node.targets
                    if isinstance(name, ast.Name)
                }
                for node in ast.walk(function):
                    if isinstance(node, ast.Return) and node.value is not None:
                        if _called(node.value) in found or (isinstance(node.value, ast.Name) and node.value.id in own):
                            found.add(function.name)
    return found


def kept_longer(modules: list[ast.Module]) -> list[str]:
    """Lines in loops whose record has a second name, or none."""
    making, found = makers(modules), []
    for module in modules:
        for function in (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
            loops = [node for node in ast.walk(function) if isinstance(node, ast.For | ast.While)]
            names, assigned = set(), set()
            for node in (inner for one in loops for inner in ast.walk(one)):
                if isinstance(node, ast.Assign) and _called(node.value) in making:
                    assigned.add(id(node.value))
                    names |= {name.id for name in node.targets if isinstance(name, ast.Name)}
                    if len(node.targets) > 1 or not isinstance(node.targets[0], ast.Name):
                        found.append(f"{function.name}, line {node.lineno}")
                elif _called(node) in RECORDS and any(_called(each) in making or getattr(each, "id", "") in names for each in node.args):
                    found.append(f"{function.name}, line {node.lineno}")  # in a record that may live longer
            argued = {id(each) for node in ast.walk(function) if isinstance(node, ast.Call) for each in node.args}
            for node in (inner for one in loops for inner in ast.walk(one)):
                if _called(node) in making and id(node) not in assigned | argued:
                    found.append(f"{function.name}, line {node.lineno}")
            for node in ast.walk(function):
                if isinstance(node, ast.Assign):
                    values = node.value.elts if isinstance(node.value, ast.Tuple | ast.List) else [node.value]
                    values += [part for value in values if isinstance(value, ast.IfExp) for part in (value.body, value.orelse)]
                    if any(isinstance(value, ast.Name) and value.id in names for value in values):
                        found.append(f"{function.name}, line {node.lineno}")
    return found


def test_no_kernel_keeps_a_record_that_its_line_makes_again():
    modules = _sources()
    assert {"Target", "Layout", "given_the_others", "make_room", "coordinates_of_unit"} <= makers(modules)
    assert kept_longer(modules) == []


@pytest.mark.parametrize(
    "body",
    [
        "now = Target(k)\n  before = now",
        "now = Target(k)\n  before, j = now, k",
        "box[k] = Target(k)",
        "a = b = of(k)",
        "now = Target(k)\n  if k == 0:\n   kept = Model(now)",
        "before = now if k else of(k)\n  now = of(k)",
    ],
)
def test_and_one_that_did_would_be_found(body):
    module = ast.parse(f"def of(k):\n return Target(k)\ndef f(n):\n for k in range(n):\n  {body}\n")
    assert kept_longer([module]) != []
