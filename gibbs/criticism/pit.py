"""Leave-one-out probability integral transforms: where each outcome lies in what the model predicts of it from the other rows.

    PIT_i = Pr(ỹ_i < y_i | y_−i) + v_i Pr(ỹ_i = y_i | y_−i),   v_i uniform on (0, 1)

ỹ_i is drawn at every draw of the posterior, and weighted by the Pareto-smoothed weights of leaving row i out (Vehtari, Gelman and
Gabry 2017; Gelfand, Dey and Chang 1992). Under the right model the PIT are uniform, of whole numbers too (Czado, Gneiting and Held 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.criticism import criteria
from gibbs.draws.outline import Outline
from gibbs.draws.records import Draws
from gibbs.draws.tails import HEAVY
from gibbs.files import pages
from gibbs.model.records import Design
from gibbs.posterior import family, loglik
from gibbs.posterior.linear import linear_predictor

if TYPE_CHECKING:
    import pandas as pd

_TIES = 22
"""Of the seed of v, beside the run's own."""


@dataclass(frozen=True)
class LooPit:
    """By row with an outcome: its number in the data (rows), how many rows it stands for (weights), the weighted probabilities of less
    (below) and of no more (upto) than what was observed, the PIT, and the Pareto k of the weights."""

    rows: np.ndarray
    weights: np.ndarray
    below: np.ndarray
    upto: np.ndarray
    pit: np.ndarray
    pareto_k: np.ndarray

    @property
    def sentence(self) -> str:
        """How far the PIT is from uniform: its mean and sd beside ½ and 0.289, and rows whose weights do not tell."""
        mean = float(np.average(self.pit, weights=self.weights))
        sd = float(np.sqrt(np.average((self.pit - mean) ** 2, weights=self.weights)))
        bad = int(np.sum(~(self.pareto_k <= HEAVY)))
        said = f"PIT of {len(self.pit):,} rows, each left out: mean {mean:.3f} (uniform: 0.5), sd {sd:.3f} (uniform: 0.289; larger where "
        return f"{said}predictions are too narrow). Pareto k above {HEAVY:g}: {bad:,}. table has the rows; fit.plot.loo_pit() draws them."

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return pages.table(self.table, "Leave-one-out PIT", self.sentence, index=True)

    @property
    def table(self) -> pd.DataFrame:
        """pit and pareto_k by row."""
        import pandas as pd

        return pd.DataFrame({"pit": self.pit, "pareto_k": self.pareto_k}, index=pd.Index(self.rows, name="row"))


def loo_pit(draws: Draws, outline: Outline, design: Design, wanted: int | None = None, seed: int | None = None) -> LooPit:
    """The PIT of every row; ``wanted`` draws at most, evenly spaced. A row of frequency weight w is one of w, of which one is left out.

    Raises what ``criteria.criterion`` raises of loo.
    """
    criteria.check_rows(design, "loo_pit")
    used = loglik.thinned(draws, wanted)
    criteria.check_draws(used)
    rng = np.random.default_rng(np.random.SeedSequence([seed or 0, _TIES]))
    units, rows = loglik.distinct_rows(design), loglik.rows_with_outcome(design)
    below, upto, k = (np.empty(len(units.place)) for _ in range(3))
    for part, values in loglik.stream(used, outline, design, units.place):
        place = units.place[part]
        weights, k[part] = criteria.smoothed_weights(values)
        factors = [(factor.codes[place], factor.Z[place]) for factor in design.factors]
        eta = linear_predictor(used, design.X[place], factors, design.offset[place])
        given = loglik.family_parameters(used, outline, design, place)
        drawn = family.simulate(rng, outline.family, eta, link=outline.link, **given).T
        y = design.y[place][:, None]
        below[part] = np.sum(weights * (drawn < y), axis=1)
        upto[part] = np.sum(weights * (drawn <= y), axis=1)
    below, upto, k = (values[units.inverse] for values in (below, upto, k))
    pit = np.clip(below + rng.random(len(below)) * (upto - below), 0.0, 1.0)
    return LooPit(design.rows[rows.place], rows.weights, below, upto, pit, k)
