"""Starting values: the conditional mode of all location effects, by Newton steps on the log posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.kernels.newton import newton_steps

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
    p, s, w, r, cuts = chain.packed, chain.state, chain.work, chain.packed.rows, cut.size
    gram = chain.gram._replace(node=node, m=w.rhs_core, h=w.rhs)
    scratch = np.empty_like(s.eta)
    data = kl.StandIn(code, r.X, r.Z, r.level, r.offset, r.y, r.weight, omega, scratch, p.values, p.value_rows)
    s.eta[:] = first
    s.core[:] = 0.0
    s.u[:] = 0.0
    newton_steps(chain.rng, steps, spread, shape, cut, r, kl.Model(chain.layout, gram, p.priors, data), s, w)
    if not (np.all(np.isfinite(s.core)) and np.all(np.isfinite(s.u))):
        s.core[:] = 0.0
        s.core[:cuts] = cut
        s.u[:] = 0.0
