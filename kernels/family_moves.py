"""The parameters that are a family's own, given η: the log of its dispersion, or its cutpoints."""

from __future__ import annotations

import math

import numpy as np

from .compiling import kernel, lazy
from .likelihood import dispersion_term, log_likelihood
from .priors import log_scale_prior
from .shards import OF_FAMILY, STATE, ask


@kernel
def in_order(cut):
    """Whether the cutpoints rise."""
    for k in range(1, cut.size):
        if not cut[k] > cut[k - 1]:
            return False
    return True


@kernel
def log_family(data, priors, state, psi):
    """Log density of the family's own parameters ψ given η: the log of its dispersion (Jacobian included), or the cutpoints.

    Cutpoints have the normal (given λ) statements of ``priors.row``, as the core that they begin; ψ stands in the place of its first
    numbers.
    """
    code, y, trials, eta, row_prior, core, total, shape = data.code, data.y, data.trials, state.eta, priors.row, state.core, 0.0, 1.0
    if state.psi.size > 0:
        shape = math.exp(psi[0])
        if not (shape > 1e-8 and shape < 1e12):
            return -np.inf
        total += log_scale_prior(priors.size[0], priors.size[1], priors.size[2], shape) + psi[0]
        total += dispersion_term(code, shape, data.values, data.value_rows)
    else:
        if not in_order(psi):
            return -np.inf
        for r in range(row_prior.shape[0]):
            d = -row_prior[r, 0]
            for a in range(row_prior.shape[1] - 3):
                d += row_prior[r, 3 + a] * (psi[a] if a < psi.size else core[a])
            total -= 0.5 * state.row_scale[r] * row_prior[r, 1] * d * d
    if data.shards != 0:
        total += ask(data.shards, OF_FAMILY, STATE, 0)
        return total if total < np.inf else -np.inf
    for i in range(eta.size):
        total += log_likelihood(code, y[i], trials[i], eta[i], shape, psi)
    return total if total < np.inf else -np.inf


@lazy()
def draw_family(rng, data, priors, state, psi, root, direction, trial_psi):
    """Slice ψ along a random direction root·ε (Neal 2003; hit and run), given η. Mutates psi; trial_psi ← every point tried."""
    d = psi.size
    for a in range(d):
        direction[a] = rng.standard_normal()
        trial_psi[a] = psi[a]
    for a in range(d - 1, -1, -1):
        s = 0.0
        for k in range(a + 1):
            s += root[a, k] * direction[k]
        direction[a] = s
    log_y = log_family(data, priors, state, trial_psi[:d]) - rng.standard_exponential()
    low = -2.0 * rng.random()
    high = low + 2.0
    stage, tries, at = 0, 0, low  # stages: 0 stepping out down, 1 stepping out up, 2 shrinking
    while tries < 200:
        for a in range(d):
            trial_psi[a] = psi[a] + at * direction[a]
        tries += 1
        inside = log_family(data, priors, state, trial_psi[:d]) > log_y
        if stage == 0:
            if inside and tries < 20:
                low -= 2.0
                at = low
            else:
                stage, at = 1, high
        elif stage == 1:
            if inside and tries < 40:
                high += 2.0
                at = high
            else:
                stage, at = 2, low + (high - low) * rng.random()
        else:
            if inside:
                for a in range(d):
                    psi[a] = trial_psi[a]
                break
            if at < 0.0:
                low = at
            else:
                high = at
            at = low + (high - low) * rng.random()
