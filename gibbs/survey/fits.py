"""The fits behind survey estimates: every version of the data under its full weights, and under the weights of every replicate.

A replicate's fit is one short chain. The chain begins near the mode of its own posterior, as every chain here does, and warms up anew: 150
of its 650 sweeps, so that a start from the full fit's draws could save no more than that. What the Monte Carlo error of a replicate adds
to the variance is known, and taken off. Fits are independent, run beside each other in threads or on the workers of a cluster, and each has
a seed of its own, so that nothing depends on where they are done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from gibbs.draws import diagnostics, estimates, names
from gibbs.draws.estimates import Estimates
from gibbs.draws.records import Draws
from gibbs.errors import DataError, SamplingError
from gibbs.model.records import Design, Sampling, Spec, Table
from gibbs.sampling.plan import Plan
from gibbs.sampling.progress import Progress
from gibbs.survey import replication
from gibbs.tasks.hands import Desk, Hands, Threads, each

PHASE = "replicates"


class Version(Protocol):
    """One version of the data, ready to be fitted: ``pipeline.Version``. ``frame``: its table, where it came from Python."""

    @property
    def spec(self) -> Spec: ...
    @property
    def table(self) -> Table: ...
    @property
    def design(self) -> Design: ...
    @property
    def seen(self) -> Design: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def frame(self) -> Any: ...


def estimate(
    versions: Sequence[Version], draws: Draws, progress: Callable[[Progress], object] | None = None, hands: Hands | None = None
) -> Estimates | None:
    """The estimates of a model of one version or several; None where the spec asks for neither replicates nor versions.

    versions : the model made of each version of the data. draws : of the first, under its full weights.
    hands : who draws the others; threads of this process where None.

    Raises DataError where versions differ in their parameters, SamplingError where a fit fails (naming it), KeyboardInterrupt on Ctrl-C.
    """
    spec = versions[0].spec
    if len(versions) == 1 and spec.replication is None:
        return None
    labels, places = _parameters(versions[0].design)
    for k, other in enumerate(versions[1:], start=2):
        if _parameters(other.design)[0] != labels:
            differ = sorted(set(labels) ^ set(_parameters(other.design)[0]))
            raise DataError(
                f"version {k} of the data has other parameters than the first ({', '.join(differ[:4]) or 'in another order'}): a category "
                "that is missing in one of them?",
                where=other.table.source,
            )
    weights = [replication.of(v.spec, v.design, v.frame) for v in versions]
    jobs = _jobs(versions, weights, spec)
    found = _run(versions, jobs, hands or Threads(spec.sampling.cores), progress)
    first = _moments(draws, places)
    full = [first, *(found[m, -1] for m in range(1, len(versions)))]
    means, variances, errors = (np.array([moments[k] for moments in full]) for k in range(3))
    replicated = weights[0] is not None
    R = 0 if weights[0] is None else len(weights[0].coefficients)
    each = noise = None
    if replicated:
        each = np.array([[found[m, r][0] for r in range(R)] for m in range(len(versions))])
        noise = np.array([[found[m, r][2] for r in range(R)] for m in range(len(versions))]) + errors[:, None, :]
    coefficients, df = (None, np.inf) if weights[0] is None else (weights[0].coefficients, weights[0].df)
    return estimates.combine(labels, means, variances, each, noise, coefficients, df, _words(spec, len(versions), weights[0]))


def _words(spec: Spec, versions: int, weights: replication.Replicates | None) -> str:
    """Where estimates and intervals come from."""
    parts = []
    if weights is not None:
        parts.append(f"standard errors and intervals are design-based: {weights.words}")
    if versions > 1:
        what = f"{versions} plausible values" if spec.plausible else f"{versions} imputations"
        parts.append(f"{what} combined by Rubin's rules" if weights is not None else f"estimates of {what} combined by Rubin's rules")
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def _parameters(design: Design) -> tuple[tuple[str, ...], tuple[np.ndarray, np.ndarray]]:
    """Names of what is estimated, and the places of these in β and in hyper."""
    fixed = names.fixed_values(design)
    hyper = [(k, name) for k, name in enumerate(names.hyper_names(design)) if name not in fixed]
    labels = (*names.coefficient_names(design), *(name for _, name in hyper))
    return labels, (np.arange(len(design.coefficients)), np.array([k for k, _ in hyper], dtype=np.int64))


def _moments(draws: Draws, places: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posterior means, variances, and squared Monte Carlo errors of the means (P,)."""
    values = np.concatenate([draws.beta[:, :, places[0]], draws.hyper[:, :, places[1]]], axis=2)
    variance = values.reshape(-1, values.shape[2]).var(axis=0, ddof=1)
    return values.mean(axis=(0, 1)), variance, np.nan_to_num(diagnostics.mcse_mean(values)) ** 2


@dataclass(frozen=True)
class Job:
    """A version under its own weights (replicate −1), or under those of a replicate. places: of the parameters in β and in hyper."""

    version: int
    replicate: int
    sampling: Sampling
    factors: np.ndarray | None
    places: tuple[np.ndarray, np.ndarray]


def _jobs(versions: Sequence[Version], weights: Sequence[replication.Replicates | None], spec: Spec) -> list[Job]:
    """What is to be fitted."""
    seeds = np.random.SeedSequence([spec.sampling.seed or 0, 0xF175]).spawn(
        len(versions) * (1 + max(len(w.coefficients) if w else 0 for w in weights))
    )
    short = spec.sampling
    if spec.replication is not None:
        short = replace(short, chains=1, warmup=spec.replication.warmup, draws=spec.replication.draws, until=None)
    found: list[Job] = []
    for m, (version, of_version) in enumerate(zip(versions, weights, strict=True)):
        places = _parameters(version.design)[1]
        numbers = [] if of_version is None else list(range(len(of_version.coefficients)))
        for r in [*([-1] if m else []), *numbers]:
            seed = int(seeds[len(found)].generate_state(1)[0])
            sampling = replace(spec.sampling if r < 0 else short, seed=seed, cores=1)
            factors = None if r < 0 or of_version is None else of_version.factors[r]
            found.append(Job(m, r, sampling, factors, places))
    return found


def _fit(seen: Sequence[tuple[Design, Plan]], job: Job, desk: Desk) -> tuple[np.ndarray, ...]:
    """The moments of one fit. seen : design, as the sampler sees it, and plan of every version."""
    from gibbs.sampling import chains, plan

    design, decided = seen[job.version]
    if job.factors is not None:
        design = replication.reweighted(design, job.factors)
        decided = plan.make(design, job.sampling.scheme)
    if desk.is_set():
        raise KeyboardInterrupt
    try:
        draws = chains.run(design, decided, job.sampling, stop=desk)
    except SamplingError as error:
        which = f"replicate {job.replicate + 1}" if job.replicate >= 0 else "the full weights"
        raise SamplingError(f"the fit of version {job.version + 1} under {which} failed: {error.message}", where=error.where) from error
    if draws.stopped == "interrupted":
        raise KeyboardInterrupt
    return _moments(draws, job.places)


def _run(
    versions: Sequence[Version], jobs: Sequence[Job], hands: Hands, progress: Callable[[Progress], object] | None
) -> dict[tuple[int, int], tuple[np.ndarray, ...]]:
    """Every job done, by (version, replicate). What goes wrong in one ends all."""
    found: dict[tuple[int, int], tuple[np.ndarray, ...]] = {}
    began = time.perf_counter()

    def received(number: int, moments: tuple[np.ndarray, ...]) -> None:
        found[jobs[number].version, jobs[number].replicate] = moments

    def passed() -> None:
        if progress:
            seconds = time.perf_counter() - began
            ahead = seconds / len(found) * (len(jobs) - len(found)) if found else None
            progress(Progress(PHASE, (len(found),), len(jobs), seconds, ahead))

    each(hands, _fit, [(version.seen, version.plan) for version in versions], jobs, received, passed)
    return found
