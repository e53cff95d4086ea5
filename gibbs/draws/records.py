"""Draws: what the sampler hands over. Plain arrays, (chain, draw, …); names beside them.

Where the spec says ``keep:``, the effects of some factors were summarised as they were drawn. The record is then a ``StreamedDraws``,
whose ``u`` refuses: whoever needs every draw of every effect says so by asking for it, and the user is told, rather than shown a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gibbs.errors import NotKeptError

STREAMED_PROBABILITIES = (0.025, 0.25, 0.5, 0.75, 0.975)
"""Quantiles that a streamed factor has."""


@dataclass(frozen=True)
class Draws:
    """Kept draws of every parameter, C chains, S draws a chain.

    beta : (C, S, p) coefficients as written, in the order of ``Design.coefficients``.
    hyper : (C, S, h) sds, correlations, sigma, nu, named by ``hyper_names`` in brms' names
        (``sd_g__x``, ``cor_g__a__b``, ``sigma``, ``nu``), factors in the order of the Design.
    u : (C, S, U) random effects: factor by factor, level by level, column by column
        (factor f starts at ``u_offsets[f]``; level j, column a is at ``+ j*q + a``).
    lp : (C, S) log-likelihood of the data at the draw (up to a constant), a monitored quantity.
    """

    beta: np.ndarray
    hyper: np.ndarray
    hyper_names: tuple[str, ...]
    u: np.ndarray
    u_offsets: tuple[int, ...]
    lp: np.ndarray
    warmup: int
    seconds_warmup: tuple[float, ...] = ()  # one a chain
    seconds_sampling: tuple[float, ...] = ()
    stopped: str = ""  # "", or why sampling ended before it was asked to ("interrupted", "max_seconds", "max_draws", "checkpoint")
    info: Mapping[str, Any] = field(default_factory=dict)  # counters of the sampler: evaluations, acceptance

    streamed: Mapping[str, Streamed] = field(default_factory=dict)  # by factor; {} where every effect is stored whole
    standing: Any = field(default=None, repr=False, compare=False)  # where the sampler stood at the end, for a run that goes on

    @property
    def whole(self) -> np.ndarray:
        """(C, S, U) the effects that are stored whole: ``u`` itself, or what there is of it; ``u_offsets`` is −1 for the others."""
        return self.u


@dataclass(frozen=True)
class Streamed:
    """The effects of one factor, summarised as they were drawn; arrays (J, q), levels × columns, over all chains.

    mean, sd : exact. quantiles : (5, J, q) at ``STREAMED_PROBABILITIES``, from a histogram of 128 bins, good to about 0.02 sd.
    above : probability of an effect above the average of its column over all levels. rank : expected rank, 1 the highest (from every
    eighth draw). rhat, ess : split R-hat and effective sample size from means of 16 to 31 batches a chain; the ESS of a single effect is
    good to about 15 %, and with slow chains too large by some more (15 % at an autocorrelation of 0.9 and 2,000 draws a chain).
    """

    mean: np.ndarray
    sd: np.ndarray
    quantiles: np.ndarray
    above: np.ndarray
    rank: np.ndarray
    rhat: np.ndarray
    ess: np.ndarray


class StreamedDraws(Draws):
    """Draws of which some factors' effects are not stored: ``u`` raises NotKeptError, ``whole`` has what there is."""

    @property
    def u(self) -> np.ndarray:
        """Raises NotKeptError."""
        names = " and ".join(self.streamed)
        raise NotKeptError(
            f"this needs every draw of the effects of {names}, and they were summarised as they were drawn (keep: in the spec). "
            "Run the spec again with keep: all."
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(streamed={list(self.streamed)}, chains={self.beta.shape[0]}, draws={self.beta.shape[1]})"

    @u.setter
    def u(self, values: np.ndarray) -> None:
        self.__dict__["_whole"] = values

    @property
    def whole(self) -> np.ndarray:
        """(C, S, U) the effects of the factors stored whole, in the order of the Design."""
        return self.__dict__["_whole"]
