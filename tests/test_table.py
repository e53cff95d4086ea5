"""A table of cases finds what as many tests would find."""

from __future__ import annotations

import inspect

import pytest

from tests.table import table


def test_every_row_is_run_and_every_failure_told() -> None:
    ran = []

    @table("a, b", [(1, 2), (3, 3), (4, 5), (0, 1)])
    def below(a: int, b: int) -> None:
        ran.append((a, b))
        assert 1 / a and a < b

    with pytest.raises(AssertionError, match="2 of 4 rows fail") as caught:
        below()
    assert ran == [(1, 2), (3, 3), (4, 5), (0, 1)]
    assert "3-3: AssertionError" in str(caught.value) and "0-1: ZeroDivisionError" in str(caught.value) and "4-5" not in str(caught.value)


def test_tables_stack_and_leave_fixtures_to_pytest() -> None:
    ran = []

    @table("x", [1, 2])
    @table("y", "abc", ids=str.upper)
    def cross(tmp_path: object, x: int, y: str) -> None:
        ran.append((x, y))
        assert (x, y) != (2, "b"), tmp_path

    assert list(inspect.signature(cross).parameters) == ["tmp_path"]
    with pytest.raises(AssertionError, match=r"1 of 2 rows fail\n2: AssertionError: 1 of 3 rows fail\nB: AssertionError: here"):
        cross(tmp_path="here")
    assert len(ran) == 6


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ValueError, match="without a row"):
        table("x", [])
