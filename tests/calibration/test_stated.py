"""Parameters at stated values: those are the values, and the others have the law that the priors give them beside these."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gibbs
from gibbs.calibration import stated
from gibbs.calibration.stated import Stated
from gibbs.draws import names
from gibbs.errors import SpecError

RNG = np.random.default_rng(5)
ROWS = pd.DataFrame({"g": np.repeat(np.arange(400), 2), "x": RNG.normal(3.0, 1.0, 800), "z": RNG.normal(size=800)})
ROWS["y"] = RNG.normal(size=800)
ROWS["k"] = RNG.integers(0, 3, 800)
PRIORS = {"b[x]": "normal(0, 2)", "b[z]": "normal(1, 0.5)", "intercept": "normal(2, 1.5)"}


def design(formula: str = "y ~ x + z + (1 + x | g)", **keys):
    return gibbs.check(formula, ROWS, **{"priors": PRIORS, **keys}).design


def drawn(of, stated: dict[str, float], n: int = 2000) -> dict[str, np.ndarray]:
    found = Stated.of(stated, of)
    rng = np.random.default_rng(1)
    truths = [found(of, rng) for _ in range(n)]
    labels = (*names.coefficient_names(of), *names.hyper_names(of))
    values = np.array([np.concatenate([t.beta[0], t.hyper[0]]) for t in truths])
    return dict(zip(labels, values.T, strict=True)) | {"u": np.array([t.u[0] for t in truths[:20]])}


def test_the_rest_of_the_coefficients_given_the_stated_ones() -> None:
    """The intercept is stated at means: given b_x it is N(2 − x̄ b_x − z̄ b_z, 1.5²), b_z being independent of b_x."""
    found = drawn(design(), {"x": 0.7})
    assert (found["b_x"] == 0.7).all()
    at_means = found["b_Intercept"] + 0.7 * ROWS["x"].mean() + found["b_z"] * ROWS["z"].mean()
    for values, mean, sd in ((at_means, 2.0, 1.5), (found["b_z"], 1.0, 0.5)):
        assert abs(values.mean() - mean) < 4.0 * sd / np.sqrt(2000)
        assert abs(values.std() / sd - 1.0) < 4.0 / np.sqrt(4000)
    assert abs(np.corrcoef(at_means, found["b_z"])[0, 1]) < 4.0 / np.sqrt(2000)
    intercept = drawn(design(), {"b_Intercept": 5.0, "x": 0.7}, 2000)["b_z"]
    zbar, left = ROWS["z"].mean(), 2.0 - 5.0 - 0.7 * ROWS["x"].mean()  # z̄ b_z ~ N(left, 1.5²) beside the prior of b_z
    precision = 1 / 0.5**2 + zbar**2 / 1.5**2
    mean = (1.0 / 0.5**2 + zbar * left / 1.5**2) / precision
    assert abs(intercept.mean() - mean) < 4.0 / np.sqrt(2000 * precision)


def test_a_t_that_the_stated_values_speak_of_is_drawn_given_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """b_x given b_Intercept: N(b_x; 0, 2²) t₃((b_Intercept + x̄ b_x − 2)/0.5), by quadrature; more statements than coefficients are left."""
    of = design("y ~ x + (1 | g)", priors={"b[x]": "normal(0, 2)", "intercept": "student_t(3, 2, 0.5)"})
    grid, xbar = np.linspace(-15.0, 15.0, 20_001), ROWS["x"].mean()
    density = stats.norm.pdf(grid, 0.0, 2.0) * stats.t.pdf((30.0 + xbar * grid - 2.0) / 0.5, 3)
    cdf = np.cumsum(density) / density.sum()
    assert stats.kstest(drawn(of, {"b_Intercept": 30.0}, 600)["b_x"], lambda x: np.interp(x, grid, cdf)).pvalue > 1e-4
    monkeypatch.setattr(stated, "ROUNDS", 1)  # λ as the prior has it
    assert stats.kstest(drawn(of, {"b_Intercept": 30.0}, 600)["b_x"], lambda x: np.interp(x, grid, cdf)).pvalue < 1e-6


@pytest.mark.parametrize("priors", [{}, {"sd[g]": "half_normal(0, 1)"}])
def test_effects_have_the_covariance_that_is_stated_as_written(priors) -> None:
    """400 levels and 20 data sets: 8,000 pairs, whose sample covariance is that of 0.5, 0.2 and −0.6 to 4 standard errors."""
    of = design(priors={**PRIORS, **priors})
    found = drawn(of, {"sd_g__Intercept": 0.5, "sd_g__x": 0.2, "cor_g__Intercept__x": -0.6}, 20)
    assert (found["sd_g__x"] == 0.2).all() and (found["cor_g__Intercept__x"] == -0.6).all()
    u = found["u"].reshape(-1, 2)
    n = len(u)
    assert abs(u[:, 0].std() / 0.5 - 1) < 4 / np.sqrt(2 * n) and abs(u[:, 1].std() / 0.2 - 1) < 4 / np.sqrt(2 * n)
    assert abs(np.corrcoef(u.T)[0, 1] + 0.6) < 4 * (1 - 0.36) / np.sqrt(n)


def test_one_sd_alone_and_an_sd_of_0() -> None:
    found = drawn(design(), {"sd_g__x": 0.2}, 200)
    assert (found["sd_g__x"] == 0.2).all() and np.ptp(found["sd_g__Intercept"]) > 0
    assert abs(found["u"].reshape(-1, 2)[:, 1].std() / 0.2 - 1) < 4 / np.sqrt(16000)
    nothing = drawn(design("y ~ x + z + (1 | g)"), {"sd_g__Intercept": 0.0}, 20)
    assert (nothing["u"] == 0.0).all()


def test_cutpoints_family_parameters_and_flat_priors_of_what_is_stated() -> None:
    cut = {"b_Intercept[1]": -0.5, "b_Intercept[2]": 1.0}
    found = drawn(design("k ~ x + (1 | g)", family="ordinal", priors={"b[x]": "normal(0, 2)"}), cut, 5)
    assert (found["b_Intercept[2]"] == 1.0).all()
    found = drawn(
        design("k ~ x", family="negative_binomial", priors={"b": "flat", "intercept": "flat"}), {"x": 0, "Intercept": 1, "shape": 2}, 5
    )
    assert (found["shape"] == 2.0).all()


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"b_xx": 1.0}, "there is no parameter 'b_xx'. Did you mean 'b_x'"),
        ({"sigma": 0.0}, "sigma = 0: it is positive"),
        ({"cor_g__Intercept__x": 1.0}, "between −1 and 1"),
        ({"x": float("nan")}, "a value is a number"),
        ({"x": 1.0, "b_x": 1.0}, "stated twice"),
    ],
)
def test_what_cannot_be_is_refused(stated, words) -> None:
    with pytest.raises(SpecError) as error:
        Stated.of(stated, design())
    assert words in str(error.value)
    flat = design(priors={"b": "flat"})
    with pytest.raises(SpecError, match=r"the prior of b_z is flat.*--at b_z=") as error:
        Stated.of({"x": 1.0}, flat)
    Stated.of({"x": 1.0, "z": 1.0}, flat)
    three = design("y ~ x + z + (1 + x + z | g)")
    cor = {"cor_g__Intercept__x": 0.9, "cor_g__Intercept__z": 0.9, "cor_g__x__z": -0.9}
    with pytest.raises(SpecError, match="those of no covariance"):
        Stated.of(cor, three)
    with pytest.raises(SpecError, match="state all 3 correlations"):
        Stated.of({"cor_g__x__z": 0.1}, three)
    ordinal = design("k ~ x + (1 | g)", family="ordinal", priors={"b[x]": "normal(0, 2)"})
    with pytest.raises(SpecError, match="state all cutpoints"):
        Stated.of({"b_Intercept[1]": 0.0}, ordinal)
    with pytest.raises(SpecError, match="fixes sigma at 2"):
        Stated.of({"sigma": 1.0}, design(priors={**PRIORS, "sigma": "fixed(2)"}))
