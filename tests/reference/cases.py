"""The cases beside the checkout (../shared/cases), the specs here that state the same models, and how the one is run as the other."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    import gibbs

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[2] / "shared" / "cases"
ABSENT = "the reference posteriors (../shared/cases beside the checkout) are not here"
SPECS = tuple(sorted(path.stem for path in HERE.glob("*.yaml")))


@cache
def case(name: str) -> dict[str, Any]:
    """case.json of one case."""
    return json.loads((FOLDER / name / "case.json").read_text(encoding="utf-8"))


def reference(name: str) -> dict[str, dict[str, float]]:
    """The reference of every parameter, missing outcomes (``ymis[i]``, i the 1-based row of the data) among them."""
    return case(name)["reference"]["parameters"]


def table(name: str) -> pd.DataFrame | None:
    """The data where the file alone would not do: categories written as numbers, or with another base than the first letter's.

    None where the spec names the file itself.
    """
    import pandas as pd

    about = case(name)
    bases = {c: v["levels_base_first"] for c, v in about.get("fixed_factors", {}).items()}
    if all(levels == sorted(levels) and not any(level.isdigit() for level in levels) for levels in bases.values()):
        return None
    frame = pd.read_csv(FOLDER / name / about["data_file"], dtype={column: str for column in bases})
    for column, levels in bases.items():
        frame[column] = pd.Categorical(frame[column], categories=levels)
    return frame


def fit(name: str, **changes: Any) -> gibbs.Fit:
    """The posterior of one case by the engine; ``changes`` are arguments of ``gibbs.fit`` (draws, scheme, …)."""
    import gibbs

    return gibbs.fit(HERE / f"{name}.yaml", table(name), progress=False, **changes)
