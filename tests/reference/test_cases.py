"""The engine beside other software on real data: BUGS' classics, lme4's and mlmRev's data sets, posteriordb.

The references were computed by exact marginalisation, Stan, JAGS or quadrature and lie beside the checkout; see ``cases``.
``python -m tests.reference.table`` prints the comparison as a table.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

from gibbs.draws import names
from gibbs.model import data, design, spec
from gibbs.model.records import Design
from tests.reference import cases
from tests.reference.compare import Comparison, compare

pytestmark = [
    pytest.mark.skipif(not cases.FOLDER.is_dir(), reason=cases.ABSENT),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # what `gibbs check` would say of the data
]

QUICK = {
    "bugs_seeds_gamma",  # binomial
    "ordinal_wine_probit",
    "lme4_pastes_ig",  # nested
    "bugs_equiv_missing",  # missing outcomes
    "lme4_sleepstudy_missing",  # correlated slopes, missing outcomes
    "lme4_sleepstudy_student",
    "pdb_eight_schools",  # known standard errors
    "pdb_kidiq_momhsiq",  # no groups
    "pdb_pilots",  # crossed
    "pdb_radon_mn_vi",
}
LEAST_ESS = 4000
RUN = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in cases.SPECS]


@cache
def compared(name: str) -> Comparison:
    return compare(name, cases.fit(name))


@cache
def built(name: str) -> Design:
    loaded = spec.load(cases.HERE / f"{name}.yaml")
    return design.build(loaded, data.read(loaded, cases.table(name)))


# -------------------------------------------------------------------------------------------------------------- the same models


def test_every_case_is_run() -> None:
    there = {path.parent.name for path in cases.FOLDER.glob("*/case.json")}
    assert set(cases.SPECS) == there


@pytest.mark.parametrize("name", cases.SPECS)
def test_the_rows_and_groups_are_those_of_the_case(name: str) -> None:
    about, found = cases.case(name), built(name)
    assert len(found.y) == about["n_rows"]
    missing = 0 if found.missing_outcome is None else int(found.missing_outcome.sum())
    assert missing == about["n_missing_response"]
    assert {f.name: len(f.levels) for f in found.factors} == {g["group"]: g["levels"] for g in about["groups"]}


@pytest.mark.parametrize("name", cases.SPECS)
def test_the_priors_are_those_of_the_case(name: str) -> None:
    """The numbers of the words in case.json, coefficient by coefficient, sd by sd."""
    stated, found = cases.case(name)["priors"], built(name)
    fixed = {} if isinstance(stated["fixed"], str) else stated["fixed"]
    ours = {f"b_{p.label[2:-1]}": (p.mean, p.scale, p.df) for p in found.coefficient_priors}
    assert ours == {b: (*numbers(words), np.inf) for b, words in fixed.items()}
    hyper = names.hyper_priors(found)
    for parameter, words in stated.items():
        if parameter.startswith("sd_") or (parameter == "sigma" and found.sigma_prior is not None):
            prior = hyper[parameter]
            shown = words.split("i.e. variance ~")[-1]  # "precision ~ Gamma(a, b), i.e. variance ~ inverse-gamma(a, b)"
            kinds = {"inverse_gamma": "inverse-gamma", "half_t": "half-Student-t", "half_normal": "half-normal", "uniform": "Uniform"}
            assert kinds[prior.kind] in shown
            assert list(prior.args) == numbers(shown)
        if parameter.startswith("cov_"):
            term = next(t for f in found.factors if f.name == parameter[4:] for t in f.terms)
            assert term.covariance.kind == "inverse_wishart"
            assert term.covariance.args == (words["df"], tuple(tuple(row) for row in words["scale"]))
    assert ("nu" in stated) == (found.nu_prior is not None)
    if found.nu_prior is not None:
        assert (found.nu_prior.kind, list(found.nu_prior.args)) == ("gamma", numbers(stated["nu"].split("truncated")[0]))


def numbers(words: str) -> list[float]:
    """The numbers in the brackets that end some words, in order."""
    inside = re.search(r"\((.*)\)", words)
    return [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", inside[1])]


# --------------------------------------------------------------------------------------------------------- the same posteriors


@pytest.mark.parametrize("name", RUN)
def test_the_posterior_is_the_reference(name: str) -> None:
    """Means within 4 combined standard errors; sds within 5 % or 4 standard errors; quantiles within 5.

    Over all cases there are some 270 means: by chance the largest is near 3. The errors of the references' quantiles are known
    less well (from the effective sample size of the mean), hence 5. Medians come first where a parameter has heavy tails.
    """
    found = compared(name)
    rows = found.rows.round(3).to_string()
    assert found.rows["ess"].min() >= LEAST_ESS, rows
    assert found.rows["rhat"].max() <= 1.01, rows
    for column, limit in (("z_q50", 5.0), ("z_q5", 5.0), ("z_q95", 5.0), ("z_mean", 4.0)):
        assert found.rows[column].abs().max() <= limit, f"{column}\n{rows}"
    off = (np.log(found.rows["sd_ratio"]).abs() > 0.05) & (found.rows["z_sd"].abs() > 4.0)
    assert not off.any(), rows


@pytest.mark.slow
def test_all_cases_pooled() -> None:
    """Mean z² of a case is 1 on average where two posteriors are equal and their errors are stated rightly.

    The 24 cases are independent; within a case all parameters may move together, so that the mean z² of one has an sd of at most
    √2: the mean over the cases is 1 ± 0.31, and a bias of one standard error everywhere would make it 2.
    """
    means = np.array([(compared(name).rows["z_mean"] ** 2).mean() for name in cases.SPECS])
    middles = np.array([(compared(name).rows["z_q50"] ** 2).mean() for name in cases.SPECS])
    assert 0.3 < means.mean() < 2.0, dict(zip(cases.SPECS, means.round(2), strict=True))
    assert 0.3 < middles.mean() < 2.0, dict(zip(cases.SPECS, middles.round(2), strict=True))
