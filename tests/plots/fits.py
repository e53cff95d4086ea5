"""A small Fit of every family, with two crossed factors (one of them years) and draws whose law is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from gibbs.model.records import Design, Prior
from gibbs.posterior.fit import Fit
from tests.posterior import built, fabricated
from tests.posterior.fabricated import HALF_T

FAMILIES = ("gaussian", "student", "probit", "logit", "binomial", "poisson", "negative_binomial", "ordinal")
ROWS = 60


def design(family: str = "gaussian", **changes: Any) -> Design:
    """y ~ x + z + x:z + (1 + x | g) + (1 | year), or without its intercept for ordinal; z is constant within g."""
    rng = np.random.default_rng(5)
    x = np.round(rng.normal(size=ROWS), 2)
    z = (np.arange(ROWS) % 4) / 2.0
    X, names = np.column_stack((np.ones(ROWS), x, z, x * z)), ("Intercept", "x", "z", "x:z")
    g = fabricated.factor("g", ("a", "b", "c", "$d$"), X[:, :2], fabricated.term("Intercept", "x"))
    year = fabricated.factor("year", ("1990", "1994", "1999"), np.ones((ROWS, 1)), fabricated.term("Intercept"))
    eta = 0.5 + 0.4 * x
    fields: dict[str, Any] = {"X": X, "coefficients": names, "link": "identity"}
    if family in ("gaussian", "student"):
        fields["y"] = eta + rng.normal(size=ROWS)
    elif family in ("logit", "probit"):
        fields |= {"y": (rng.random(ROWS) < 0.5).astype(float), "link": family}
    elif family == "binomial":
        trials = rng.integers(1, 9, ROWS)
        fields |= {"y": rng.binomial(trials, 0.4).astype(float), "trials": trials, "link": "logit"}
    elif family == "ordinal":
        fields |= {"y": rng.integers(0, 3, ROWS).astype(float), "categories": ("low", "middle", "high"), "link": "logit"}
        fields |= {"X": X[:, 1:], "coefficients": names[1:], "cutpoint_prior": Prior("student_t", (3.0, 0.0, 2.5))}
    else:
        fields |= {"y": rng.poisson(np.exp(eta)).astype(float), "link": "log"}
        fields["dispersion_prior"] = Prior("gamma", (0.01, 0.01)) if family == "negative_binomial" else None
    fields |= {"family": family, "sigma_prior": HALF_T if family in ("gaussian", "student") else None}
    return fabricated.design(g, year, **{"rows": ROWS} | fields | changes)


def fit(family: str = "gaussian", kept: int = 100, **changes: Any) -> Fit:
    """A Fit of ``design``; four chains."""
    model = design(family, **changes)
    fixed = {"b_Intercept[1]": -1.0, "b_Intercept[2]": 1.0} if family == "ordinal" else {}
    draws = fabricated.draws(model, kept=kept, **fixed)
    if "nu" in draws.hyper_names:
        draws.hyper[:, :, draws.hyper_names.index("nu")] += 3.0  # it has no value below 1
    return fabricated.fit(model, draws, formula="y ~ x * z + (1 + x | g) + (1 | year)")


def of_a_table(family: str = "gaussian", kept: int = 100) -> Fit:
    """The same with its data, for pictures that turn new rows into numbers; z is constant within g, and c a category."""
    table = built.table()
    z = np.array([0.5 * int(level[1]) for level in table["g"]])
    outcome = {"binomial": "cbind(s, n)", "poisson": "count", "negative_binomial": "count", "ordinal": "grade"}.get(family, "y")
    table["y"] = table["bin"] if family in ("probit", "logit") else table["y"]
    return built.fit(f"{outcome} ~ x * z + c + (1 + x | g)", table.assign(z=z), family, kept, title="y")


def drawn(figure: Any) -> None:
    """Draw the whole of a figure, without the search for a layout."""
    figure.set_layout_engine("none")
    figure.canvas.draw()
