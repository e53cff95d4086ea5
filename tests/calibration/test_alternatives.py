"""Other priors of sds: posteriors beside quadrature, and whose sds are looked at."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gibbs
from gibbs.calibration import alternatives
from gibbs.cli import main
from gibbs.draws import diagnostics
from gibbs.errors import SpecError
from tests.posterior import built

SCHOOLS = pd.DataFrame(
    {"y": [28, 8, -3, 7, -1, 1, 18, 12.0], "s": [15, 10, 16, 11, 9, 11, 10, 18.0], "school": list("ABCDEFGH"), "x": [0, 1] * 4}
)
LAWS = {
    "as fitted": stats.halfnorm(scale=10),
    "half-Cauchy": stats.halfcauchy(scale=10),
    "uniform": stats.uniform(0, 40),
}


@pytest.fixture(scope="module")
def fit():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gibbs.fit(
            "y | se(s) ~ 0 + (1 | school)", SCHOOLS, priors={"sd": "half_normal(0, 10)"}, chains=2, warmup=300, draws=3000, seed=3,
            progress=False, title="Schools",
        )  # fmt: skip


def test_every_posterior_is_that_of_quadrature(fit: object, tmp_path: Path) -> None:
    """y_j ~ N(0, s_j² + τ²) and the prior of τ, on a grid."""
    found = fit.alternative_priors()
    assert found.names == ("as fitted", "half-Cauchy", "uniform", "half-t") and found.parameters == ("sd_school__Intercept",)
    tau = np.linspace(1e-3, 400, 400_000)
    y, s = SCHOOLS["y"].to_numpy(), SCHOOLS["s"].to_numpy()
    log = sum(stats.norm.logpdf(a, 0, np.sqrt(b**2 + tau**2)) for a, b in zip(y, s, strict=True))
    for name, draws in zip(found.names, found.draws, strict=True):
        prior = 2 * stats.t.pdf(tau / 10, 3) if name == "half-t" else LAWS[name].pdf(tau)
        density = np.exp(log - log.max()) * prior
        cumulative = np.cumsum(density) / density.sum()
        for q in (0.25, 0.5, 0.75):
            at = tau[np.searchsorted(cumulative, q)]
            below = (draws < at).astype(float)
            error = below.std() / np.sqrt(float(diagnostics.ess_bulk(below)[0]))
            assert abs(below.mean() - q) < 4.5 * error, (name, q)
    table = found.table.set_index("prior")
    assert table.loc["as fitted", "shift"] == 0.0 and table.loc["uniform", "shift"] > 0.3
    assert "half-Cauchy: sd[school,Intercept] ~ half_cauchy(0, 10)." in found.sentences and "Not converged" not in repr(found)
    pytest.importorskip("matplotlib")
    found.plot(path=tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_on_the_command_line(fit: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    run = str(fit.save(tmp_path / "run"))
    csv, picture = tmp_path / "a.csv", tmp_path / "a.png"
    assert main(["sensitivity", run, "--csv", str(csv)]) == 0
    said = capsys.readouterr().out
    expected = fit.prior_sensitivity()
    assert expected.sentence.split(":")[0][:30] in said
    np.testing.assert_allclose(pd.read_csv(csv)["prior"], expected.table["prior"], rtol=1e-5)
    assert main(["sensitivity", run, "--rerun", "--csv", str(csv)]) == 2  # it is there already
    capsys.readouterr()
    assert main(["sensitivity", run, "--rerun", "--group", "school", "--csv", str(csv), "--picture", str(picture), "--force"]) == 0
    said = capsys.readouterr()
    assert "largest shift" in said.out and "half-t: sd[school,Intercept] ~ half_t(3, 0, 10)." in said.out and "uniform priors" in said.err
    assert list(pd.read_csv(csv)["prior"]) == ["as fitted", "half-Cauchy", "uniform", "half-t"] and picture.exists()
    for words, message in (
        (["--group", "school"], "are of --rerun"),
        (["--picture", "b.png"], "are of --rerun"),
        (["--on", "local"], "are of --rerun"),
        (["--rerun", "--group", "schol"], "Did you mean 'school'?"),
    ):
        assert main(["sensitivity", run, *words]) == 2
        said = capsys.readouterr()
        assert message in said.err and said.out == ""


def chosen(formula: str, group: str | None = None, **keys: object) -> list[str]:
    rows = built.table().assign(many=np.arange(60) // 1.5)
    return alternatives._chosen(built.fit(formula, rows, kept=5, **keys).design, group)


def test_whose_sds_are_looked_at() -> None:
    assert chosen("y ~ x + (1 | g) + (1 | many)") == ["g"]
    assert chosen("y ~ x + (1 | g) + (1 | year)") == ["g", "year"]
    assert chosen("y ~ x + (1 | g) + (1 | many)", "many") == ["many"]
    assert chosen("y ~ x + (1 | g) + (1 | year)", priors={"sd[g]": "fixed(1)"}) == ["year"]
    for formula, keys, message in (
        ("y ~ x", {}, "no grouping factor whose sds are estimated"),
        ("y ~ x + (1 | g)", {"priors": {"sd[g]": "fixed(1)"}}, "no grouping factor whose sds"),
        ("y ~ x + (1 | many)", {}, "30 levels or fewer (many 40)"),
    ):
        with pytest.raises(SpecError) as caught:
            chosen(formula, **keys)
        assert message in str(caught.value)


def test_scales_of_priors_that_have_none_are_the_defaults() -> None:
    usual = built.fit("y ~ x + (1 + x | g)", kept=5)
    default = [prior.args[2] for prior in usual.design.factors[0].terms[0].sd_priors]
    for priors in ({"sd[g]": "exponential(1)"}, {"cov[g]": "inverse_wishart(3, [[1, 0], [0, 1]])"}, {"cov[g]": "huang_wand(2, 1)"}):
        fit = built.fit("y ~ x + (1 + x | g)", kept=5, priors=priors)
        factor = fit.design.factors[0]
        scales = alternatives._scales(fit, factor)
        np.testing.assert_allclose(scales, [default])
        term = alternatives._replaced(factor, alternatives.NAMED["half-normal"], scales).terms[0]
        assert [prior.kind for prior in term.sd_priors] == ["half_normal"] * 2 and term.covariance is None
        assert term.correlation is not None
    fit = built.fit("y ~ x + (1 + x | g)", kept=5, priors={"sd[g,x]": "half_cauchy(0, 7)"})
    assert alternatives._scales(fit, fit.design.factors[0])[0][1] == 7.0
