"""What the moves beside the compiled loop (starting values, scales of levels, laws of single levels) see of a chain, and change."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.sampling.pack import Packed


class ChainParts(Protocol):
    """A chain as its own moves know it; ``gibbs.sampling.chain.Chain`` is one."""

    rng: np.random.Generator
    packed: Packed
    rows: kl.Rows
    gram: kl.Gram
    state: kl.State
    multipliers: kl.Multipliers
    trial: kl.Trial
    work: kl.Work

    def shape(self) -> float:
        """The size of a negative binomial; 1 elsewhere."""

    def effects_have_moved(self) -> None:
        """What the chain keeps of the likelihood at its state is made anew."""

    def likelihood_beside_normal(self) -> kl.StandIn | None:
        """A likelihood that is not normal given the latents, with its stand-in; None where it is not to be had."""
