"""Levels of new rows that the fit has not seen: named, with what stands behind them, and with the level of the fit they may have meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, SpecError, nearest
from gibbs.model import spelling
from gibbs.predictions.newdata import Rows

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit

WORDS = ("draw", "error")
_SHOWN = 12


def check(word: str | None) -> None:
    """SpecError unless it is draw, error or nothing."""
    if word is not None and word not in WORDS:
        raise SpecError(
            f"'{word}' is nothing that can be done with levels the fit has not seen.{nearest(str(word), WORDS)} draw: from N(0, Σ) of each "
            "draw; error: refuse them.",
            where="new_levels",
        )


def table(fit: Fit, rows: Rows, modes: Mapping[str, str], weights: np.ndarray | None = None) -> pd.DataFrame:
    """A row a level: factor, level, rows, (``population``: the sum of its weights,) nearest: a level of the fit that no row has.

    Of factors whose mode is ``new``, most people first; under other modes a level is not asked for, or drawn whatever it is called.
    """
    import pandas as pd

    found: list[dict[str, object]] = []
    for factor, outline in zip(rows.factors, fit.outline.factors, strict=True):
        if factor.codes is None or not factor.new or factor.determined or modes.get(factor.name) != "new":
            continue
        unseen = factor.codes < 0
        place = -1 - factor.codes[unseen]
        counts = np.bincount(place, minlength=len(factor.new))
        people = counts if weights is None else np.bincount(place, weights=weights[unseen], minlength=len(factor.new))
        absent = np.setdiff1d(np.arange(len(outline.levels)), factor.codes[~unseen])
        free = [outline.levels[k] for k in absent]
        for k in np.argsort(-people, kind="stable"):
            found.append(
                {
                    "factor": factor.name,
                    "level": factor.new[k],
                    "rows": int(counts[k]),
                    **({} if weights is None else {"population": float(people[k])}),
                    "nearest": meant(factor.new[k], free),
                }
            )
    columns = ["factor", "level", "rows", *([] if weights is None else ["population"]), "nearest"]
    return pd.DataFrame(found, columns=columns)


def meant(label: str, free: list[str]) -> str:
    """The level among ``free`` that a label may stand for: the same number, or the nearest in letters; else nothing."""
    value = spelling.number_of(label)
    if value is not None:
        return next((text for text in free if spelling.number_of(text) == value), "")
    bare = {"".join(c for c in text.casefold() if c.isalnum()): text for text in free}
    if (folded := "".join(c for c in label.casefold() if c.isalnum())) in bare:
        return bare[folded]
    hint = nearest(label, [text for text in free if spelling.number_of(text) is None])
    return hint.removeprefix(" Did you mean '").removesuffix("'?")


def sentences(unseen: pd.DataFrame, rows: Rows, weights: np.ndarray | None = None) -> list[str]:
    """One a factor: ``state WY, VT: 194,040 people drawn as new (1.2 % of all)``."""
    found = []
    total = float(len(rows) if weights is None else weights.sum())
    for name, part in unseen.groupby("factor", sort=False):
        behind = float(part["rows" if weights is None else "population"].sum())
        amount = f"{behind:,.0f}" if behind.is_integer() else f"{behind:,.6g}"
        noun = ("row" if behind == 1 else "rows") if weights is None else "people"
        shown = ", ".join(part["level"][:_SHOWN]) + (f" and {len(part) - _SHOWN:,} more levels" if len(part) > _SHOWN else "")
        share = f"{100 * behind / total:.3g} % of all" if total else "of none"
        hints = [f"'{near}' for '{level}'" for level, near in zip(part["level"], part["nearest"], strict=True) if near][:_SHOWN]
        hint = f" Did you mean {', '.join(hints)}?" if hints else ""
        factor = next(factor for factor in rows.factors if factor.name == name)
        none = f" No row has a level of {name} that the fit knows." if factor.codes is not None and (factor.codes < 0).all() else ""
        found.append(f"{name} {shown}: {amount} {noun} drawn as new ({share}); the fit has not seen {_these(part)}.{none}{hint}")
    return found


def _these(part: pd.DataFrame) -> str:
    return "this level" if len(part) == 1 else "these levels"


def refuse(unseen: pd.DataFrame, rows: Rows, source: str, weights: np.ndarray | None = None) -> None:
    """DataError where there are any, in the same words."""
    if len(unseen):
        each = " ".join(text.replace(" drawn as new", "", 1) for text in sentences(unseen, rows, weights))
        raise DataError(f"{each} New levels are refused here (new_levels: error); draw draws them.", where=source)
