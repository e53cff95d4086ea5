"""Whether the tails of the standard deviations were visited: what R-hat and effective sample sizes of bulk and 5 % tails do not see.

A tail that no chain has entered leaves no trace in the draws of its parameter, so the sampler is asked as well. In turn:

    draws       the upper 2.5 % of each log sd: how many effective visits, and whether one excursion makes up most of them
    levels      u_j given all else has E[q + u_j'∇l − u_j'Σ⁻¹u_j | Σ] = 0 (integrate by parts along u_j), so it holds in the tail of an sd
                as anywhere: a level that does not follow its sd there breaks it (``score``, which the sampler keeps)
    moves       blocks, and worst levels, whose proposals are hardly accepted and that have no other move
    heavy tails the Pareto k of the largest draws: above 0.7 their mean and sd are not settled by any number of draws, quantiles are

Arrays are (chain, draw).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gibbs.draws import diagnostics

UPPER = 0.975
VISITS = 4.0
"""Effective draws beyond the upper point that are asked for, of 2.5 % of all: 160 effective draws of the indicator."""
ONE_EXCURSION = 0.5
"""Share of the draws beyond the upper point that one excursion may make up."""
SCORE = 5.0
"""Monte Carlo errors that the score of a level may be from 0."""
LEAST_LEVEL = 0.7
"""Acceptance of the worst level that has no other move; warm-up gives one to those below 0.9."""
HEAVY = 0.7
"""Pareto k above which a mean of the draws is no estimate (Vehtari et al. 2024)."""
_LONG = 6.0
"""Sds that a draw has to be from the mean before the tail is looked at: far fewer than the largest of 100 draws of k = 0.7 is."""
_RETURN = 2
"""An excursion ends where the parameter has been below the upper point for so many autocorrelation times, or this many draws."""


def unvisited(sd: np.ndarray) -> str:
    """What is wrong with the upper tail of the draws of a sd, in words; "" for nothing, or for draws that are constant or too few."""
    chains, draws = sd.shape
    if draws < 100 or np.ptp(sd) == 0.0 or not np.all(np.isfinite(sd)):
        return ""
    beyond = sd > np.quantile(sd, UPPER)
    effective = float(diagnostics.ess_quantile(sd, UPPER))
    visits = effective * (1.0 - UPPER)
    if visits < VISITS:
        return f"the upper 2.5 % of its draws are some {max(visits, 1.0):.0f} visits"
    longest = max(_longest(row, int(_RETURN * chains * draws / effective)) for row in beyond)
    if longest > ONE_EXCURSION * beyond.sum():
        return f"one excursion makes up {longest / beyond.sum():.0%} of the upper 2.5 % of its draws"
    return ""


def _longest(beyond: np.ndarray, gap: int) -> int:
    """Draws beyond the point in the excursion that has most: a gap of more than ``gap`` draws ends one."""
    places = np.flatnonzero(beyond)
    if not places.size:
        return 0
    ends = np.flatnonzero(np.diff(places) > max(gap, _RETURN))
    return int(np.diff(np.concatenate([[-1], ends, [places.size - 1]])).max())


def score(values: np.ndarray, sd: np.ndarray) -> float:
    """Largest |mean| of ``values`` (expected 0 whatever the sd) over the whole, the upper quarter and tenths of ``sd``, in MC errors."""
    worst = 0.0
    for p in (0.0, 0.75, 0.9, 0.95):
        part = values * (sd >= np.quantile(sd, p))
        error = float(diagnostics.mcse_mean(part))
        if error > 0.0 and np.isfinite(error):
            worst = max(worst, abs(float(part.mean())) / error)
    return worst


def hidden(info: Mapping[str, Any]) -> list[str]:
    """What the sampler knows and the draws do not show, in words."""
    found = [str(alarm) for alarm in info.get("alarms", ())]
    scores, acceptance = info.get("scores"), info.get("acceptance")
    for label, z in scores.items() if isinstance(scores, Mapping) else ():
        if z is not None and z > SCORE:
            found.append(f"In the upper tail of its sd the effect of {label} is not where its law has it ({z:.0f} MC errors away).")
    for block, shares in acceptance.items() if isinstance(acceptance, Mapping) else ():
        known = [share for share in shares if share is not None]
        if block.startswith("worst level of ") and known and min(known) < LEAST_LEVEL and not any(block in words for words in found):
            found.append(f"The {block} moves in {min(known):.0%} of its proposals only, and in no other way.")
    return found


def no_mean(values: np.ndarray, *, outcomes: bool = False) -> np.ndarray:
    """(…): whether the draws (S, …) along the first axis settle no mean: one is infinite, or the largest of either sign have a Pareto k
    above ``HEAVY``. So it is with exp(η + σ²/2), the mean count over all groups, where the posterior of σ falls slower than exp(−σ²/2).
    What stays between −1 and 1, as probabilities and their differences do, has a mean.

    outcomes : each column has noise of its own, with the tail of the family's law; k is then to be 3 of its errors, (1 + k)/√m of the m
        largest draws, above ½, so that rows of one law are not told apart by chance.
    """
    flat = values.reshape(len(values), -1)
    with np.errstate(all="ignore"):
        mean = flat.mean(axis=0)
        low, high = flat.min(axis=0), flat.max(axis=0)
        far = np.maximum(high - mean, mean - low)
        found = ~np.isfinite(far)
        sd = flat.std(axis=0)  # infinite where squares are
        long = np.flatnonzero(~found & (np.maximum(high, -low) > 1.0) & ~(np.isfinite(sd) & (far <= _LONG * sd)))
    error = 1.0 / np.sqrt(max(1.0, _tail_size(len(flat))))
    for i in long:
        x = np.ascontiguousarray(flat[:, i])
        k = max(pareto_k(x), pareto_k(-x))
        found[i] = k > HEAVY and (not outcomes or k > 0.5 + 3.0 * (1.0 + k) * error)
    return found.reshape(values.shape[1:])


def _tail_size(draws: int) -> int:
    """How many of the largest draws make the tail."""
    return int(min(0.2 * draws, 3.0 * np.sqrt(draws)))


def pareto_k(draws: np.ndarray) -> float:
    """Shape of the generalised Pareto law of the largest draws, all chains together; nan of fewer than 100 (Zhang & Stephens 2009)."""
    x = np.sort(np.ravel(draws))
    size = _tail_size(x.size)
    if x.size < 100 or not np.all(np.isfinite(x)) or x[-1] <= x[-size - 1]:
        return float("nan")
    tail = x[-size:] - x[-size - 1]
    tail = tail[tail > 0.0]
    n = tail.size
    if n < 5:
        return float("nan")
    m = 30 + int(np.sqrt(n))
    theta = 1.0 / tail[-1] + (1.0 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3.0 * tail[int(n / 4 + 0.5) - 1])
    with np.errstate(all="ignore"):
        k = np.log1p(-theta[:, None] * tail).mean(axis=1)
        profile = n * (np.log(-theta / k) - k - 1.0)
        weight = 1.0 / np.exp(profile[None, :] - profile[:, None]).sum(axis=1)
    estimate = float(np.log1p(-np.sum(theta * weight) * tail).mean())
    return estimate * n / (n + 10.0) + 5.0 / (n + 10.0)
