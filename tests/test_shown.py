"""What Python and notebooks show of every answer: words and tables of a page, never the arrays that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import gibbs
from gibbs.posterior.fit import Fit
from tests.posterior import built


@pytest.fixture(scope="module")
def fit() -> Fit:
    return built.fit("y ~ x + c + (1 + x | g)", kept=150)


ANSWERS: dict[str, Callable[[Fit], Any]] = {
    "fit": lambda fit: fit,
    "check": lambda fit: gibbs.check("y ~ x + c + (1 + x | g)", built.table()),
    "effects": lambda fit: fit.effects("x", by="c"),
    "contrasts": lambda fit: fit.contrasts("c"),
    "loo": lambda fit: fit.loo(),
    "loo_pit": lambda fit: fit.loo_pit(),
    "waic": lambda fit: fit.waic(),
    "prior_predictive": lambda fit: fit.prior_predictive(20),
    "prior_sensitivity": lambda fit: fit.prior_sensitivity(),
    "poststratify": lambda fit: fit.poststratify(built.table().assign(N=1), "N", "g"),
    "table": lambda fit: fit.table(),
    "display": lambda fit: fit.summary(),
    "sbc": lambda fit: gibbs.sbc(
        "y ~ 1", built.table(), priors={"intercept": "normal(0, 1)", "sigma": "half_normal(1)"},
        replicates=2, chains=1, warmup=50, draws=50, progress=False,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", list(ANSWERS))
def test_an_answer_shows_itself_in_words(name: str, fit: Fit) -> None:
    made = ANSWERS[name](fit)
    text = repr(made)
    assert 20 < len(text) < 20_000 and not any(mark in text for mark in ("array(", "Spec(", " object at 0x", "Replicate("))
    if not isinstance(made, pd.Series):
        assert made._repr_html_().lstrip().startswith("<")
