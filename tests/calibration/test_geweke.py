"""Geweke's joint test (2004): parameters and data drawn in turn from each other have the prior as their law.

Through the package's public pieces: ``gibbs.sampling.chains.run`` draws from the posterior of the data at hand — with its starting
values and its warm-up, and the last draw is kept —, ``gibbs.calibration.datasets`` draws the data from the parameters. If a run's last
draw were exact, each turn would leave the joint law of (θ, y) as it is, and the chain of turns would wander over the prior; a run that is
not exact, or that is not warm, pulls it away from there. The test functions are bounded, for priors may have no mean; standard errors
of the chain account for its autocorrelation (ESS of every function).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gibbs.calibration import datasets, sbc
from gibbs.draws import diagnostics
from gibbs.draws.records import Draws
from gibbs.model import prior_draws
from gibbs.model.records import Design, Prior, Sampling
from gibbs.posterior.family import simulate
from gibbs.sampling import pack as packing
from tests import oracles

TURNS = 600
FAILS = 1e-4
"""Probability that an exact sampler fails one model."""


def quantities(design: Design, draws: Draws) -> np.ndarray:
    """(draws, K): everything that is drawn, and the log-likelihood of the design's own y."""
    return sbc.Watched.of(design).values(design, draws)


def bounded(values: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Rank of each value among the prior's draws, about ½, and its square about 1/12: moments of a distribution function."""
    place = np.stack([np.searchsorted(np.sort(p), v) / len(p) for v, p in zip(values.T, prior.T, strict=True)], axis=1)
    return np.concatenate([place, (place - 0.5) ** 2], axis=1)


def joint_test(design: Design, turns: int, seed: int) -> tuple[np.ndarray, int]:
    """z of every test function, prior draws against turns; and how many functions there are."""
    rng = np.random.default_rng(seed)
    n = 4000
    truths = prior_draws.draw(design, rng, n)
    sets = [datasets.as_draws(design, prior_draws.Truths(truths.beta[[k]], truths.hyper[[k]], truths.u[[k]])) for k in range(n)]
    prior = np.concatenate([quantities(replace(design, y=_data(design, one, rng)), one) for one in sets])
    now, y, chain = sets[0], _data(design, sets[0], rng), []
    for turn in range(turns):
        sampling = Sampling(chains=1, seed=1000 * seed + turn, warmup=150, draws=10, cores=1)
        drawn = sbc.fit(replace(design, y=y), sampling)
        now = replace(drawn, beta=drawn.beta[:, -1:], hyper=drawn.hyper[:, -1:], u=drawn.u[:, -1:], lp=drawn.lp[:, -1:])
        y = _data(design, now, rng)
        chain.append(quantities(replace(design, y=y), now)[0])
    half = n // 2  # one half of the prior's draws makes the functions, the other is compared
    ours, theirs = bounded(np.array(chain), prior[:half]), bounded(prior[half:], prior[:half])
    error = diagnostics.mcse_mean(ours[None])
    return (ours.mean(axis=0) - theirs.mean(axis=0)) / np.hypot(error, theirs.std(axis=0) / np.sqrt(half)), ours.shape[1]


def _data(design: Design, truths: Draws, rng: np.random.Generator) -> np.ndarray:
    """y given the parameters."""
    eta = datasets.linear.linear_predictor(truths, *datasets.linear.rows_of(design))
    own = datasets._parameters(design, truths, [0], np.arange(design.y.size))
    return simulate(rng, design.family, eta, link=design.link, **own)[0]


def model(family: str, kind: str) -> Design:
    """Twelve rows, priors of a size at which data still matter."""
    how = {"sd_prior": Prior("half_normal", (0.0, 0.7)), "sigma_prior": Prior("half_normal", (0.0, 1.0)), "rows": 12, "levels": 3}
    return oracles.random_design(np.random.default_rng(1), kind, family=family, **how)


MODELS = [("gaussian", "slopes"), ("student", "one_factor"), ("probit", "crossed"), ("logit", "one_factor")]
MODELS += [("poisson", "one_factor"), ("negative_binomial", "none"), ("ordinal", "one_factor"), ("binomial", "nested")]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "kind"), MODELS)
def test_parameters_and_data_in_turn_have_the_prior_as_their_law(family, kind):
    z, count = joint_test(model(family, kind), TURNS, seed=3)
    assert 2.0 * stats.norm.sf(np.abs(z).max()) * count > FAILS


@pytest.mark.slow
def test_a_prior_on_the_wrong_scale_is_caught(monkeypatch):
    true_pack = packing.pack

    def broken(design, decided):
        packed = true_pack(design, decided)
        packed.priors.sd[:, 1] **= 2
        return packed

    monkeypatch.setattr("gibbs.sampling.chains.pack", broken)
    z, count = joint_test(model("gaussian", "one_factor"), 3 * TURNS, seed=3)
    assert 2.0 * stats.norm.sf(np.abs(z).max()) * count < 1e-6
