"""Compiling leanly makes the same code, and leaves Numba as it was."""

from __future__ import annotations

import re

import numpy as np
import pytest
from gibbs.kernels.signatures import types_of
from numba import float64
from numba.core.codegen import CPUCodeLibrary
from numba.core.errors import TypingError
from numba.core.types.functions import BaseFunction

from gibbs.kernels import compiling, elimination, lean, special, standing

PLAIN = {(owner, name): owner.__dict__.get(name) for owner, name, _ in lean._changes()}
OPTIONS = {name: value for name, value in compiling._OPTIONS.items() if name != "cache"}


def code(function: object, types: tuple) -> str:
    """LLVM's text of what is compiled anew, names of versions and of modules taken out."""
    made = standing.made(standing.Kernel, function, OPTIONS | {"no_cpython_wrapper": True})
    made.compile(types)
    text = made.overloads[types].library.get_llvm_str()
    text = re.sub(r"v\d+B\d+|\b_ZN\w+|0x[0-9a-f]+|const\.\w+|\.(?:const|bytes|pickle)[.\w]*|\b\d{9,}\b", "*", text)
    return "\n".join(line for line in text.splitlines() if not line.startswith(("; ModuleID", "source_filename", "@", "declare")))


@pytest.mark.parametrize("kernel", [elimination.factor_core, special.log_normal_cdf], ids=lambda kernel: kernel.py_func.__name__)
def test_the_same_code_is_made(kernel, monkeypatch):
    """But for loops that are not written out, which is the same arithmetic."""
    types = types_of(kernel) if kernel is elimination.factor_core else (float64,)
    with monkeypatch.context() as patch:
        rolled = [change for change in lean._changes() if change[1].startswith("_optimize")]
        patch.setattr(lean, "_changes", lambda: rolled)
        plain = code(kernel.py_func, types)
    code(kernel.py_func, types)  # what it asks is kept now, if it was not
    lean_code = code(kernel.py_func, types)
    assert len(plain) > 500
    assert lean_code == plain


def test_answers_are_kept_but_not_those_that_are_functions():
    def sums(a, b):
        return np.linalg.det(a) + a[0, 1] * b - float(np.argmax(a[0]))

    lean._kept.clear()
    types = (np.zeros((2, 2)), 1.0)
    made = standing.made(standing.Outermost, sums, {})
    assert made(*types) == sums(*types)
    kept = {function.typing_key for _, function, _ in lean._kept}
    assert any(getattr(key, "__name__", "") == "getitem" for key in kept)
    assert all(function._impl_keys[signature.args] is function.typing_key for (_, function, _), signature in lean._kept.items())


def _now() -> dict:
    return {(owner, name): owner.__dict__.get(name) for owner, name in PLAIN}


def test_numba_is_left_as_it_was():
    assert standing.made(standing.Outermost, lambda a: a + 1, {})(2) == 3
    with pytest.raises(TypingError):
        standing.made(standing.Outermost, lambda a: a.nothing + 1, {})(2.0)
    assert _now() == PLAIN
    with lean.leanly():
        meanwhile = _now()
        with lean.leanly():
            assert _now() == meanwhile
    assert _now() == PLAIN


def test_all_that_is_changed_is_there():
    """A newer Numba may have it by another name: first runs would take longer, and nobody would see why."""
    assert len(PLAIN) == len(lean._INSTEAD) and None not in PLAIN.values()
    with lean.leanly():
        assert all(now is not plain for now, plain in zip(_now().values(), PLAIN.values(), strict=True))


def test_a_numba_that_is_not_as_we_know_it_is_left_alone(monkeypatch):
    def other(self, context, args, kws):
        return PLAIN[BaseFunction, "get_call_type"](self, context, args, kws)

    monkeypatch.setattr(BaseFunction, "get_call_type", other)
    with lean.leanly():
        assert BaseFunction.get_call_type is other
    assert standing.made(standing.Outermost, lambda a: 2 * a, {})(2) == 4


def test_kernels_that_mostly_call_others_are_optimised_with_them_only(monkeypatch):
    done = []
    plain = CPUCodeLibrary._optimize_functions

    def noted(self, module):
        done.append(self.name)
        plain(self, module)

    noted.__module__ = CPUCodeLibrary.__module__
    monkeypatch.setattr(CPUCodeLibrary, "_optimize_functions", noted)

    def alone(a):
        return a + 1.0

    def together(a):
        return a + 2.0

    monkeypatch.setattr(lean, "OPTIMISED_TOGETHER", {together.__qualname__})
    assert standing.made(standing.Outermost, alone, {})(1.0) == 2.0
    assert standing.made(standing.Outermost, together, {})(1.0) == 3.0
    assert alone.__qualname__ in done
    assert together.__qualname__ not in done


def test_they_are_the_loops_and_two_more():
    assert {"run_chunk", "run_second_order", "run_factorised", "pass_over_shard"} < lean.OPTIMISED_TOGETHER
    assert {"draw_hyper", "move_given_the_others"} < lean.OPTIMISED_TOGETHER
