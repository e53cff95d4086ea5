"""A table of cases inside one test: one name in the report, every row run, and the rows that fail told by theirs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

_SHOWN = 12  # rows that fail, told in full


def table(names: str | Sequence[str], rows: Iterable[Any], ids: Callable[[Any], str] | Sequence[str] | None = None) -> Callable:
    """As ``pytest.mark.parametrize`` is written, for tests of one line on many numbers.

    Rows share the fixtures of the test, so that this is for tests that change nothing; tables stack, as a cross. AssertionError with every
    row that failed, whatever it raised.
    """
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    rows = [(row,) if len(names) == 1 else tuple(row) for row in rows]
    if not rows:
        raise ValueError("a table without a row tests nothing.")

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(test)

        @functools.wraps(test)
        def run(*arguments: Any, **fixtures: Any) -> None:
            failed = []
            for k, row in enumerate(rows):
                try:
                    test(*arguments, **fixtures, **dict(zip(names, row, strict=True)))
                except Exception as error:
                    failed.append((_label(ids, k, row), error))
            if failed:
                told = "\n".join(f"{label}: {type(error).__name__}: {error}" for label, error in failed[:_SHOWN])
                raise AssertionError(f"{len(failed)} of {len(rows)} rows fail\n{told}") from failed[0][1]

        run.__signature__ = signature.replace(parameters=[p for p in signature.parameters.values() if p.name not in names])
        return run

    return decorate


def _label(ids: Callable[[Any], str] | Sequence[str] | None, k: int, row: tuple[Any, ...]) -> str:
    if ids is None:
        return "-".join(map(str, row))
    return "-".join(str(ids(value)) for value in row) if callable(ids) else ids[k]
