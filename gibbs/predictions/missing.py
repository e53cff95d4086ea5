"""Outcomes that are missing, drawn as what they are: unknowns like any parameter (``missing: predict``).

Row i of the data has ``ymis[i]``, a draw from p(y_i | η_i, …) at each draw of the posterior; its law over the draws is the posterior
predictive of that row. The rows play no part in the likelihood. Draws depend on the fit's seed alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.posterior.intervals import PROBABILITIES
from gibbs.predictions import newdata
from gibbs.predictions.predict import Predictor, statistic_names, summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from gibbs.model.records import Design
    from gibbs.posterior.fit import Fit

_STREAM = 3  # of random numbers, apart from those of predictions


def rows_of(design: Design) -> np.ndarray:
    """The 1-based rows of the data without an outcome, (M,)."""
    return design.rows[:0] if design.missing_outcome is None else design.rows[design.missing_outcome]


def draw(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """The rows (M,) and the draws of their outcomes (chain, draw, M), coded as in the data (ordinal: 0 … C − 1)."""
    model = fit.design
    rows = rows_of(model)
    chains, kept = fit.arrays.beta.shape[:2]
    drawn = np.empty((chains * kept, len(rows)))
    if len(rows):
        assert model.missing_outcome is not None
        predictor = Predictor(fit, newdata.of_fit(fit, "known", outcomes=True), "outcome", stream=_STREAM)
        done = 0
        for at, values in predictor.blocks(np.flatnonzero(model.missing_outcome)):
            drawn[:, done : done + len(at)] = values
            done += len(at)
    return rows, drawn.reshape(chains, kept, len(rows))


def table(rows: np.ndarray, drawn: np.ndarray, probabilities: Sequence[float] = PROBABILITIES) -> pd.DataFrame:
    """Mean, sd and quantiles of each; the index is ``row``."""
    import pandas as pd

    statistics = summarise(drawn.reshape(-1, drawn.shape[2]), probabilities, outcomes=True)
    return pd.DataFrame(dict(zip(statistic_names(probabilities), statistics, strict=True)), index=pd.Index(rows, name="row"))
