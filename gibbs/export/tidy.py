"""Draws as one table: ``.chain``, ``.iteration``, ``.draw`` (counted from 1) and a column a parameter under brms' names.

It is what R's posterior::as_draws_df() gives and takes. CSV through pandas, Parquet through pyarrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws import selection
from gibbs.files import spreadsheet, whole
from gibbs.posterior import parameters

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit


def frame(fit: Fit, wanted: Sequence[str] | None = None) -> pd.DataFrame:
    """One row a draw, chain after chain. ``wanted``: names or patterns (``sd_*``); every parameter where None.

    Raises SpecError for a name or pattern that no parameter has.
    """
    import pandas as pd

    labels, draws = selected(fit, wanted)
    chains, kept = draws.shape[:2]
    index = {
        ".chain": np.repeat(np.arange(1, chains + 1), kept),
        ".iteration": np.tile(np.arange(1, kept + 1), chains),
        ".draw": np.arange(1, chains * kept + 1),
    }
    return pd.concat([pd.DataFrame(index), pd.DataFrame(draws.reshape(chains * kept, -1), columns=list(labels))], axis=1)


def selected(fit: Fit, wanted: Sequence[str] | None = None) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the parameters that ``wanted`` picks, and their draws (chain, draw, parameter); see ``selection.pick``."""
    labels = parameters.all_names(fit.arrays, fit.outline)
    draws = parameters.stack(fit.arrays)
    if wanted is None:
        return labels, draws
    places = selection.pick(wanted, labels)
    return tuple(labels[i] for i in places), draws[:, :, places]


def csv(fit: Fit, path: str | Path, wanted: Sequence[str] | None = None, *, force: bool = False) -> Path:
    """Write the table as CSV, ten significant digits; gives the absolute path. OutputError where the file is there (unless ``force``)."""
    target = whole.check_file(path, force=force)
    made = frame(fit, wanted)
    return whole.write_file(target, lambda file: spreadsheet.to_csv(made, file, index=False, float_format="%.10g"), force=force)


def parquet(fit: Fit, path: str | Path, wanted: Sequence[str] | None = None, *, force: bool = False) -> Path:
    """Write the table as Parquet, every bit; gives the absolute path. OutputError where the file is there (unless ``force``)."""
    target = whole.check_file(path, force=force)
    made = frame(fit, wanted)
    return whole.write_file(target, lambda file: made.to_parquet(file, engine="pyarrow", index=False), force=force)
