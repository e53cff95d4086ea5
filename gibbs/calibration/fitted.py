"""What a study knows of one data set: the truth, and what the fit says of it, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)
COLUMNS = ("truth", "mean", "sd", *(f"q{100 * q:g}" for q in QUANTILES), "rhat", "ess")


@dataclass(frozen=True)
class Fitted:
    """One data set. values (K, len(COLUMNS)), K the parameters. ``problem``: why there are none; ``failed``: the sampler is to blame."""

    number: int
    seed: int
    values: np.ndarray
    problem: str = ""
    failed: bool = False
