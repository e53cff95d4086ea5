"""``keep:`` from the words of a spec to the tables of a run: what works on summaries is the same, what cannot says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import NotKeptError, SpecError
from gibbs.model import spec as specs
from gibbs.posterior import parameters
from gibbs.posterior.fit import Fit

FORMULA = "y ~ x + (1 + x | g) + (1 | h)"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    g, h = np.arange(240) % 12, np.arange(240) // 30
    x = rng.normal(size=240)
    y = 1 + 0.5 * x + rng.normal(size=12)[g] + 0.5 * rng.normal(size=8)[h] + rng.normal(size=240)
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": [f"h{j}" for j in h]})


def run(frame: pd.DataFrame, **keys: object) -> Fit:
    return gibbs.fit(FORMULA, frame, chains=4, warmup=200, draws=500, seed=5, cores=1, progress=False, **keys)


@pytest.fixture(scope="module")
def whole(frame: pd.DataFrame) -> Fit:
    return run(frame)


@pytest.fixture(scope="module")
def part(frame: pd.DataFrame) -> Fit:
    return run(frame, keep=["h"])


@pytest.mark.parametrize(
    ("written", "kept"),
    [("all", None), ("none", ()), (["g"], ("g",)), ("g", ("g",)), (["g", "h", "g"], ("g", "h")), ([], ())],
)
def test_words(written: object, kept: object) -> None:
    spec = specs.build(FORMULA, keep=written)
    assert spec.keep == kept
    again = specs.build(specs.yaml_lines.parse(specs.to_yaml(spec), "")[0])
    assert specs.same(again, spec)
    assert "keep:" in specs.to_yaml(spec) and "keep:" not in specs.to_yaml(specs.build(FORMULA))  # "all" is more than nothing said


def test_words_that_are_wrong(frame: pd.DataFrame) -> None:
    with pytest.raises(SpecError, match="keep says none among names"):
        specs.build(FORMULA, keep=["g", "none"])
    with pytest.raises(SpecError, match=r"keep names 'hh', which is no grouping factor; the grouping factors are g, h\. Did you mean 'h'"):
        gibbs.check(FORMULA, frame, keep=["hh"])
    with pytest.raises(SpecError, match="the model has none"):
        gibbs.check("y ~ x", frame, keep=["g"])


def test_check_counts_the_memory_of_what_is_kept() -> None:
    frame = pd.DataFrame({"y": np.arange(60_000.0) % 7, "g": np.arange(60_000) // 3})
    all_of_it, none_of_it = (gibbs.check("y ~ 1 + (1 | g)", frame, keep=keep, draws=1000).bytes_kept for keep in ("all", "none"))
    assert all_of_it > 20_000 * 4 * 1000 * 8
    assert none_of_it < 0.12 * all_of_it


def test_the_same_tables(whole: Fit, part: Fit) -> None:
    assert whole.summary().equals(part.summary())
    for mine, theirs in ((whole.ranef(), part.ranef()), (whole.se_ranef(), part.se_ranef()), (whole.coef(), part.coef())):
        assert list(mine) == list(theirs) == ["g", "h"]
        for factor in mine:
            pd.testing.assert_frame_equal(mine[factor], theirs[factor], rtol=1e-9)
    one, other = whole.ranef(summary=True), part.ranef(summary=True)
    assert list(one.columns) == list(other.columns) and one[["group", "level", "term"]].equals(other[["group", "level", "term"]])
    stored = one["group"] == "h"
    pd.testing.assert_frame_equal(one[stored], other[stored])
    draws = dict(zip(parameters.all_names(whole.arrays, whole.outline), np.moveaxis(parameters.stack(whole.arrays), -1, 0), strict=True))
    ranges = np.array([np.ptp(draws[f"r_{row.group}[{row.level},{row.term}]"]) for row in one.itertuples()])
    for name in ("q2.5", "q50", "q97.5"):  # off by a bin, one of 128 that hold four times the range of the draws at most
        error = np.abs(one[name] - other[name])
        assert np.all(error <= 4.0 * ranges / 128)
        assert np.mean(error / ranges) < 0.25 * 2.0 / 128  # as a rule twice the range, and off by less than a quarter
    assert other.loc[~stored, "ess_tail"].isna().all() and other.loc[~stored, "ess_bulk"].gt(0).all()
    assert part.convergence.parameters == whole.convergence.parameters
    assert part.convergence.max_rhat == pytest.approx(whole.convergence.max_rhat, abs=0.02)
    pd.testing.assert_frame_equal(whole.varcorr(), part.varcorr())
    assert repr(part).splitlines()[0] == repr(whole).splitlines()[0]


def test_what_needs_whole_draws_says_so(part: Fit) -> None:
    words = r"every draw of the effects of g, .* keep: all"
    for ask in (
        lambda: part.arrays.u,
        lambda: part.coef(summary=True),
        lambda: part.plot.ppc(),
        lambda: part.plot.groups(),
        lambda: parameters.values(part.arrays, part.outline, "r_g[3,x]"),
        lambda: parameters.stack(part.arrays),
    ):
        with pytest.raises(NotKeptError, match=words):
            ask()
    assert "streamed=['g']" in repr(part.arrays)


def test_what_does_not_need_them_goes_on(whole: Fit, part: Fit) -> None:
    name = "r_h[h3,Intercept]"
    np.testing.assert_array_equal(parameters.values(part.arrays, part.outline, name), parameters.values(whole.arrays, whole.outline, name))
    axis = part.plot.ranef("g", "x").axes[0]
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == list(part.ranef()["g"]["x"].sort_values().index)
    outer = np.array(axis.collections[0].get_segments())[:, :, 0]
    table = part.ranef(summary=True).query("group == 'g' and term == 'x'").set_index("level").loc[labels]
    np.testing.assert_allclose(outer, table[["q2.5", "q97.5"]])


def test_a_run_folder_has_the_summaries(part: Fit, tmp_path: Path) -> None:
    again = gibbs.load(part.save(tmp_path / "run"))
    assert again.spec.keep == ("h",)
    pd.testing.assert_frame_equal(again.ranef(summary=True), part.ranef(summary=True))
    np.testing.assert_array_equal(again.arrays.whole, part.arrays.whole)
    for name, values in vars(part.arrays.streamed["g"]).items():
        np.testing.assert_array_equal(getattr(again.arrays.streamed["g"], name), values)
    with pytest.raises(NotKeptError):
        _ = again.arrays.u
    tree = again.draws
    assert "r_h" in tree["posterior"].data_vars and "r_g" not in tree["posterior"].data_vars
    assert tree["streamed"]["mean_g"].sel(g_level="3", g_term="x").item() == pytest.approx(part.ranef()["g"].loc["3", "x"])
    assert tree["streamed"]["quantiles_g"].sel(probability=0.5, g_level="3", g_term="x").item() == pytest.approx(
        part.ranef(summary=True).query("group == 'g' and level == '3' and term == 'x'")["q50"].item()
    )


@pytest.mark.filterwarnings("ignore::UserWarning")  # of so few draws
def test_effects_by_groups_of_levels_are_summed_up_as_they_are_reported(frame: pd.DataFrame) -> None:
    """The sampler has a column of every group; what is summarised is the level's own, in the order of the levels."""
    data = frame.assign(z=np.where(frame["g"] % 3 == 1, "b", "a"))
    formula = 'y ~ x + (1 + x | gr(g, by = z, dist = "student")) + (1 | h)'
    keys = dict(priors={"sd": "half_normal(2)"}, chains=2, warmup=60, draws=80, seed=5, cores=1, progress=False)
    whole, part = (gibbs.fit(formula, data, keep=keep, **keys) for keep in ("all", "none"))
    assert whole.summary().equals(part.summary())
    one, other = whole.ranef(summary=True), part.ranef(summary=True)
    assert one[["group", "level", "term"]].equals(other[["group", "level", "term"]])
    for column in ("mean", "sd"):
        np.testing.assert_allclose(one[column], other[column], rtol=1e-9)
    by_level = data.groupby("g")["y"].mean() - data.groupby("g")["x"].mean() * 0.5
    assert np.corrcoef(whole.coef()["g"]["Intercept"], by_level)[0, 1] > 0.8
