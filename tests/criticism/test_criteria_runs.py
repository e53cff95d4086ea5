"""Criteria, comparisons, hypotheses and shares of real runs: from Python, from a folder, and from the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.cli import main
from gibbs.criticism import criteria, marginal
from gibbs.posterior import loglik
from gibbs.posterior.fit import load


def _data(rows: int = 120, levels: int = 8, seed: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = rng.integers(0, levels, size=rows)
    x = rng.normal(size=rows)
    eta = 0.4 + 0.8 * x + rng.normal(scale=0.8, size=levels)[g]
    return pd.DataFrame(
        {
            "y": eta + rng.normal(scale=0.9, size=rows),
            "w": (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int),
            "x": np.where(np.arange(rows) == 5, np.nan, x),
            "g": [f"n{j}" for j in g],
        }
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    _data().dropna().to_csv(folder / "whole.csv", index=False)
    _data().to_csv(folder / "data.csv", index=False)
    for name, formula, family, data in (
        ("m0", "w ~ 1 + (1 | g)", "logit", "whole.csv"),
        ("m1", "w ~ x + (1 | g)", "logit", "whole.csv"),
        ("m2", "y ~ x + (1 | g)", "gaussian", "whole.csv"),
        ("m3", "y ~ 1 + (1 | g)", "gaussian", "data.csv"),
        ("m4", "y ~ x + (1 | g)", "gaussian", "data.csv"),
    ):
        lines = [f"data: {data}", f"family: {family}", f"formula: {formula}"]
        lines += ["sampling: {chains: 2, seed: 1, warmup: 200, draws: 250}", f"output: {name}"]
        (folder / f"{name}.yaml").write_text("\n".join(lines))
        main(["run", str(folder / f"{name}.yaml"), "--out", str(folder / name), "--quiet"])
    return folder


def test_the_likelihood_is_the_one_that_was_sampled(runs: Path) -> None:
    """Draws.lp is the log-likelihood up to a constant, by the sampler's own code."""
    for name in ("m1", "m2"):
        fit = load(runs / name)
        difference = fit.log_likelihood().sum(axis=2) - fit.arrays.lp
        np.testing.assert_allclose(difference, difference.mean(), atol=1e-6)


def test_compare_from_the_command_line(runs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    csv = tmp_path / "table.csv"
    for extra in ([], ["--group", "g"]):
        assert main(["compare", str(runs / "m0"), str(runs / "m1"), *extra, "--csv", str(csv), "--force"]) == 0
        said = capsys.readouterr().out
        assert said.startswith("LOO of 8 levels of g" if extra else "LOO of 119 rows") and "Focus: " in said
        table = pd.read_csv(csv, index_col="model")
        assert table.index.tolist() == ["m1", "m0"] and table["elpd_diff"].iloc[1] < -4
        expected = load(runs / "m1").loo(group="g" if extra else None)
        assert table.loc["m1", "elpd"] == pytest.approx(expected.elpd, rel=1e-7)
    assert main(["compare", str(runs / "m0"), str(runs / "m1"), "--csv", str(csv)]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["compare", str(runs / "m1"), "--criterion", "dic"]) == 0
    said = capsys.readouterr().out
    assert "elpd_dic" in said and "Plug-in" in said


def test_runs_that_cannot_be_compared(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for pair, words in ((("m3", "m4"), "rows 6; 'm4' dropped"), (("m1", "m2"), "different outcomes"), (("m1", "m1"), "named twice")):
        assert main(["compare", *(str(runs / name) for name in pair)]) == 2
        assert words.replace("rows 6", "row 6") in capsys.readouterr().err
    assert main(["compare", str(runs / "m1"), "--group", "h"]) == 2
    assert "no grouping factor 'h'" in capsys.readouterr().err


def test_hypothesis_shares_and_ranks_from_the_command_line(runs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fit = load(runs / "m1")
    csv = tmp_path / "h.csv"
    assert main(["hypothesis", str(runs / "m1"), "b_x > 0", "x - 1", "--csv", str(csv)]) == 0
    assert "b_x > 0" in capsys.readouterr().out
    pd.testing.assert_frame_equal(pd.read_csv(csv, index_col="hypothesis"), fit.hypothesis(["b_x > 0", "x - 1"]), rtol=1e-6)
    assert main(["hypothesis", str(runs / "m1"), "b_z > 0"]) == 2
    assert "no parameter 'b_z'" in capsys.readouterr().err
    assert main(["hypothesis", str(runs / "m1"), "b_x > 0", "--level", "95"]) == 2
    assert "between 0 and 1" in capsys.readouterr().err
    assert main(["shares", str(runs / "m1")]) == 0
    said = capsys.readouterr().out
    assert all(words in said for words in ("latent scale", "observed scale", "conditional", "marginal", "π²/3"))
    assert main(["shares", str(runs / "m2")]) == 0
    assert "observed" not in capsys.readouterr().out
    assert main(["ranks", str(runs / "m1"), "g", "--lowest", "--csv", str(tmp_path / "r.csv")]) == 0
    assert fit.ranks("g", best="lowest").index[0] in capsys.readouterr().out.splitlines()[1]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "outcome"), [("gaussian", "y"), ("logit", "w")])
def test_leaving_out_a_group_is_what_refits_say(family: str, outcome: str) -> None:
    """log p(y_j | the other groups), from fits that have not seen group j, against importance sampling in the fit to all.

    Both are means over 16,000 draws; what two such means of a log density differ by is held to 5 of their standard errors, found
    from the spread of the density over the draws of the refit and of the weights.
    """
    data = _data(rows=60, levels=8).dropna().reset_index(drop=True)
    asked = {"family": family, "chains": 4, "warmup": 500, "draws": 4000, "progress": False}
    whole = gibbs.fit(f"{outcome} ~ x + (1 | g)", data, seed=1, **asked)
    found = whole.loo(group="g")
    levels = marginal.levels_of(whole.outline, whole.design, "g")
    assert found.bad_k == 0
    total = error = 0.0
    for j, label in enumerate(found.labels):
        refit = gibbs.fit(f"{outcome} ~ x + (1 | g)", data[data["g"] != label], seed=2, priors=_priors(whole), **asked)
        assert refit.arrays.hyper_names == whole.arrays.hyper_names
        unseen = replace(refit.arrays, u=np.zeros_like(whole.arrays.u), u_offsets=whole.arrays.u_offsets)
        log_density = marginal.matrix(unseen, whole.outline, whole.design, levels)[:, :, j].reshape(-1)
        density = np.exp(log_density - log_density.max())
        expected = np.log(density.mean()) + log_density.max()
        relative = density.std() / density.mean() / np.sqrt(len(density) / 2)  # Gibbs draws: half as many effective ones at least
        assert found.pointwise_elpd[j] == pytest.approx(expected, abs=5 * np.sqrt(2) * relative + 0.01), label
        total += found.pointwise_elpd[j] - expected
        error += 2 * relative**2
    assert abs(total) < 5 * np.sqrt(error) + 0.03


def _priors(fit: gibbs.Fit) -> dict[str, str]:
    """The priors of the fit to all rows, whose default scales come from the data, written out."""
    design = fit.design
    found = {prior.label: str(prior.prior) for prior in design.coefficient_priors}
    found["sd[g]"] = str(design.factors[0].terms[0].sd_priors[0])
    if design.sigma_prior is not None:
        found["sigma"] = str(design.sigma_prior)
    return found


def test_lines_of_a_criterion_are_about_what_was_used(runs: Path) -> None:
    fit = load(runs / "m2")
    assert fit.loo().labels == tuple(range(1, 120)) and fit.loo(group="g").labels == fit.outline.factors[0].levels
    assert loglik.rows_with_outcome(fit.design).weights.sum() == 119
    assert criteria.criterion(fit.arrays, fit.outline, fit.design, "waic").elpd == fit.waic().elpd
