"""Coefficients as ratios: exp(b) is an odds ratio under the logit link, a rate ratio under log, a hazard ratio under cloglog.

An estimate is exp of the posterior mean of b (the geometric mean of the ratio's draws), its error that times the posterior sd of b (the
delta method), and an interval's ends are exp of the ends of b's: what a reader gets who takes exp of the printed coefficients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws import names
from gibbs.errors import SpecError
from gibbs.model.families import FAMILIES

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.draws.outline import Outline

WORDS = {"logit": "odds ratio", "log": "rate ratio", "cloglog": "hazard ratio"}
"""What exp of a coefficient is, by link."""
_SPREADS = ("sd", "mcse_mean", "mcse_sd")


def word(outline: Outline) -> str:
    """What exp of a coefficient is under the model's link. SpecError where it is no ratio of anything."""
    link = outline.link or FAMILIES[outline.family].link
    if link not in WORDS:
        other = "differences of the outcome" if link == "identity" else "differences of a latent normal variable"
        raise SpecError(
            f"the link is {link}, whose coefficients are {other}: their exp is no ratio. Links with ratios: "
            f"{', '.join(f'{link} ({words}s)' for link, words in WORDS.items())}.",
            where="exp",
        )
    return WORDS[link]


def exponentiated(table: pd.DataFrame, outline: Outline) -> pd.DataFrame:
    """A summary with its coefficients as ratios; cutpoints, sds and all others stay as they are."""
    word(outline)
    rows = [name for name in names.coefficient_names(outline) if name in table.index]
    made = table.copy()
    estimate = np.exp(made.loc[rows, "mean"])
    for column in made.columns:
        if column in _SPREADS:
            made.loc[rows, column] = estimate * made.loc[rows, column]
        elif column == "mean" or column.startswith(("q", "hdi")):
            made.loc[rows, column] = np.exp(made.loc[rows, column])
    return made
