"""What starting values (``start.py``) see of a chain, and change."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.sampling.pack import Packed


class ChainParts(Protocol):
    """A chain as its own moves know it; ``gibbs.sampling.chain.Chain`` is one."""

    rng: np.random.Generator
    packed: Packed
    layout: kl.Layout
    rows: kl.Rows
    gram: kl.Gram
    state: kl.State
    work: kl.Work
