"""Starting values: the conditional mode of all location effects, by Newton steps on the log posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.kernels.elimination import coefficient_precision
from gibbs.kernels.likelihood import add_derivatives, is_count
from gibbs.kernels.newton import newton_step
from gibbs.kernels.statistics import linear_predictor

if TYPE_CHECKING:
    from gibbs.sampling.chain_parts import ChainParts

NO_CUTPOINTS = np.zeros(0)


def start_near_mode(
    chain: ChainParts,
    code: int,
    first: np.ndarray,
    omega: np.ndarray,
    node: np.ndarray,
    *,
    steps: int,
    spread: float,
    shape: float = 1.0,
    cut: np.ndarray = NO_CUTPOINTS,
) -> None:
    """``steps`` Newton steps at the covariances of ``chain``, the first about η = ``first`` (M,), the last with normal noise of
    ``spread`` sds.

    No η moves by more than 4 a step, and those of binary and ordinal outcomes stay within ±8, where separated data have no mode. An
    ordinal outcome's cutpoints ``cut``, the first numbers of the core, stay where they are. Sets core and u (to 0 where there is no
    finite mode), and leaves ω and ω(ỹ − offset) of the last step in ``omega`` (M,) and ``working``. Overwrites the cross-products, those
    of the levels in ``node``.
    """
    p, s, w, r = chain.packed, chain.state, chain.work, chain.packed.rows
    eta, cuts = s.eta, cut.size
    layout, gram = chain.layout, chain.gram._replace(node=node, m=w.rhs_core, h=w.rhs)
    limit = 30.0 if is_count(code) else 8.0
    trial, sums = np.empty_like(eta), np.empty((3, eta.size))
    eta[:] = first
    s.core[:] = 0.0
    s.u[:] = 0.0
    coefficient_precision(p.priors.row, s.row_scale, w.B)
    for step in range(steps):
        noise = spread if step == steps - 1 else 0.0
        if step > 0:
            linear_predictor(r, layout, s.core, s.u, trial)
            eta[:] = np.clip(np.clip(trial, eta - 4.0, eta + 4.0), -limit, limit)
        sums[:] = 0.0
        add_derivatives(code, r.y, r.weight, eta, shape, cut, sums)
        omega[:] = np.maximum(sums[2], 1e-6)
        s.working[:] = omega * (eta - r.offset) + sums[1]
        newton_step(chain.rng, omega, noise, cut, trial, r, layout, gram, s, w)
    if not (np.all(np.isfinite(s.core)) and np.all(np.isfinite(s.u))):
        s.core[:] = 0.0
        s.core[:cuts] = cut
        s.u[:] = 0.0
