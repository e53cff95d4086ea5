"""Simulation-based calibration: is the posterior that the sampler draws the posterior of the model?

Parameters are drawn from the spec's own priors, an outcome from the parameters, and the model is fitted to it as any data would be:
starting values, warm-up, stopping rule. The rank of each parameter's truth among its draws is then uniform (Talts, Betancourt, Simpson,
Vehtari and Gelman 2018), and so is that of the log-likelihood, which sees what ranks of parameters alone do not (Modrák et al. 2023).

A data set that cannot be held in numbers (a count of 10^40 under a wide prior) is left out and counted. Whether one is left out depends
on the data alone, so the ranks of the others are uniform still.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs import paths
from gibbs.calibration import datasets, picture, ranks
from gibbs.calibration import folder as folders
from gibbs.calibration.ranks import SUITE
from gibbs.draws import diagnostics, names
from gibbs.draws.records import Draws
from gibbs.errors import SamplingError, SpecError
from gibbs.model import by_group, families, small_fields
from gibbs.model.records import Design, Sampling, Spec, Until
from gibbs.pipeline import Prepared
from gibbs.posterior import linear
from gibbs.tasks.hands import Desk, Hands, Threads, each

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LOG_LIKELIHOOD = "log-likelihood"
RANKS = 100
"""Draws that a truth is ranked among: about so many, a multiple of the chains."""
LONGEST = 20
"""Times the draws asked for, at most, that a replicate goes on for draws that are independent."""
EFFECTS = 3
"""Random effects looked at in each column of a factor: the level with most rows, a middle one, one with fewest."""


@dataclass(frozen=True)
class Replicate:
    """One data set fitted. truth, rank, ess : (K,), K the quantities; rank counts the draws below the truth. ``problem``: why there is
    none; ``failed``: whether the sampler is to blame for that.
    """

    number: int
    seed: int
    truth: np.ndarray
    rank: np.ndarray
    ess: np.ndarray
    problem: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Calibration:
    """What came out. ``L`` draws were ranked against; ``stopped`` is set where Ctrl-C ended it early."""

    spec: Spec
    quantities: tuple[str, ...]
    L: int
    replicates: tuple[Replicate, ...]
    asked: int
    rows: int
    stopped: str = ""

    @property
    def fitted(self) -> tuple[Replicate, ...]:
        """The replicates that have ranks."""
        return tuple(r for r in self.replicates if not r.problem)

    @property
    def failures(self) -> tuple[Replicate, ...]:
        """The replicates that the sampler gave up on."""
        return tuple(r for r in self.replicates if r.failed)

    def ranks(self) -> pd.DataFrame:
        """One row a replicate and quantity: replicate, seed (of its fit), quantity, truth, rank, draws, ess."""
        import pandas as pd

        done = self.fitted
        K = len(self.quantities)
        return pd.DataFrame(
            {
                "replicate": np.repeat([r.number for r in done], K),
                "seed": np.repeat([r.seed for r in done], K),
                "quantity": list(self.quantities) * len(done),
                "truth": np.concatenate([r.truth for r in done]) if done else np.zeros(0),
                "rank": np.concatenate([r.rank for r in done]) if done else np.zeros(0, dtype=np.int64),
                "draws": self.L,
                "ess": np.concatenate([r.ess for r in done]) if done else np.zeros(0),
            }
        )

    def table(self) -> pd.DataFrame:
        """One row a quantity: p (of its ECDF), p_all (Bonferroni over the quantities), mean of rank/L (½ is right), z of that mean,
        spread (12 × variance of rank/L: 1 is right, above 1 the draws are too narrow), slow (replicates with fewer effective draws
        than were ranked against).
        """
        import pandas as pd

        K, matrix = len(self.quantities), self._matrix()
        p = np.array([ranks.p_value(column, self.L) for column in matrix.T]) if len(matrix) else np.full(K, np.nan)
        share = (matrix + 0.5) / (self.L + 1.0)
        n = max(len(matrix), 1)
        mean = share.mean(axis=0) if len(matrix) else np.full(K, np.nan)
        slow = np.sum([r.ess < self.L for r in self.fitted], axis=0) if len(matrix) else np.zeros(K, dtype=np.int64)
        return pd.DataFrame(
            {
                "p": p,
                "p_all": np.minimum(p * K, 1.0),
                "mean": mean,
                "z": (mean - 0.5) * np.sqrt(12.0 * n),
                "spread": 12.0 * np.mean((share - 0.5) ** 2, axis=0) if len(matrix) else np.full(K, np.nan),
                "slow": slow,
            },
            index=pd.Index(self.quantities, name="quantity"),
        )

    def _matrix(self) -> np.ndarray:
        """(fitted, K) ranks."""
        return np.array([r.rank for r in self.fitted], dtype=np.int64).reshape(-1, len(self.quantities))

    @property
    def ok(self) -> bool:
        """Whether every quantity is uniform enough and the sampler gave up on no data set."""
        return bool(self.fitted) and not self.failures and float(self.table()["p_all"].min()) > SUITE

    @property
    def verdict(self) -> str:
        """What was found, in a few lines."""
        done, table = len(self.fitted), self.table()
        lines = [
            f"{done} of {self.asked} data sets simulated from the priors and fitted; {len(self.quantities)} quantities, each truth ranked "
            f"among {self.L} draws."
        ]
        unfit = [r for r in self.replicates if r.problem and not r.failed]
        if unfit:
            lines.append(
                f"{len(unfit)} data sets could not be held in numbers and were left out ({counted(unfit)}): the priors are wider than any "
                f"data{_log_words(self.spec)}. The ranks of the others are not touched by that."
            )
        if self.failures:
            lines.append(f"{len(self.failures)} fits failed ({counted(self.failures)}).")
        if self.stopped:
            lines.append(f"Stopped early: {self.stopped}.")
        if not done:
            return "\n".join([*lines, "Verdict: nothing could be fitted."])
        slow = sum(bool((r.ess < self.L).any()) for r in self.fitted)
        if slow:
            lines.append(
                f"{slow} fits had fewer than {self.L} effective draws of some quantity after {LONGEST} times the draws asked for: their "
                "ranks are more extreme than they should be. More draws (--draws, or until: in the spec) would tell."
            )
        worst = table["p_all"].idxmin()
        found = (
            f"the farthest from uniform is {worst} (p = {table.loc[worst, 'p']:.2g}, over all quantities {table.loc[worst, 'p_all']:.2g})"
        )
        off = table.index[table["p_all"] <= SUITE]
        if len(off):
            lines.append(f"Verdict: not calibrated. {', '.join(off)}: {found}.")
            lines += [f"  {name}: {_what(table.loc[name])}" for name in off]
        elif self.failures:
            lines.append(f"Verdict: the ranks are uniform, but fits failed; {found}.")
        else:
            lines.append(f"Verdict: calibrated; {found}.")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.verdict

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from gibbs.files import pages

        return pages.text(str(self))

    def plot(self, **wanted: Any) -> Figure:
        """A panel a quantity: ECDF differences of the ranks, with bands; takes ax, size, level, title, path, force."""
        from gibbs import plots

        return plots.drawn(lambda: picture.draw(self.quantities, self._matrix(), self.L, self.table()), **wanted)

    def save(self, folder: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write ranks.csv, quantities.csv, verdict.txt, spec.yaml, manifest.json and ranks.png into a new folder; gives its path."""
        return folders.write(self.contents(), folder, force=force)

    def contents(self) -> folders.Contents:
        """What the folder of a calibration holds."""
        counts = {
            "asked": self.asked,
            "fitted": len(self.fitted),
            "failed": len(self.failures),
            "left_out": len(self.replicates) - len(self.fitted) - len(self.failures),
            "rows": self.rows,
            "ranked_among": self.L,
            "calibrated": self.ok,
        }
        return folders.Contents(self.spec, self.ranks(), self.table(), self.verdict, counts, self.plot if self.fitted else None)


MOST_REPLICATES = 100_000
"""Data sets of one calibration, all of which are asked for at once."""


def calibrate(
    prepared: Prepared,
    *,
    replicates: int = 200,
    rows: int | None = None,
    cores: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    hands: Hands | None = None,
) -> Calibration:
    """Simulate and fit ``replicates`` data sets.

    Parameters
    ----------
    prepared : spec, design and plan; the spec's sampling says how each fit is drawn, its seed begins everything.
    rows : so many rows, chosen at random with the spec's seed; all where None.
    cores : data sets fitted at a time, by threads of this process. hands : who fits them instead. Neither ever changes a number.
    progress : called with (done, asked).

    Raises SpecError where a prior is improper, and for more than MOST_REPLICATES. KeyboardInterrupt ends it with what is done.
    """
    spec, design = replace(prepared.spec, sampling=as_long_as_asked(prepared.spec.sampling)), prepared.design
    datasets.check(design)
    if not 1 <= replicates <= MOST_REPLICATES:
        raise SpecError(f"replicates is a number from 1 to {MOST_REPLICATES:,}; found {paths.shown(f'{replicates:,}')}.", where="sbc")
    seeds = np.random.SeedSequence(spec.sampling.seed)
    choose, *each_seed = seeds.spawn(replicates + 1)
    if rows is not None and rows < design.y.size:
        design = fewer(design, rows, np.random.default_rng(choose))
    L = _ranked(spec.sampling)
    watched = Watched.of(design)
    done: list[Replicate] = []
    stopped = ""

    def received(number: int, replicate: Replicate) -> None:
        done.append(replicate)
        if progress is not None:
            progress(len(done), replicates)

    try:
        each(hands or Threads(cores), _replicate, (spec, design, watched, L), list(enumerate(each_seed, start=1)), received)
    except KeyboardInterrupt:
        if not done:
            raise
        stopped = "interrupted"
    done.sort(key=lambda r: r.number)
    return Calibration(spec, watched.names, L, tuple(done), replicates, int(design.y.size), stopped)


_here = threading.local()
"""``desk`` of the replicate that this thread is at."""


@dataclass(frozen=True)
class Watched:
    """Which quantities have ranks: places in β, in hyper and in u, and the log-likelihood last."""

    names: tuple[str, ...]
    hyper: np.ndarray
    effects: np.ndarray

    @classmethod
    def of(cls, design: Design) -> Watched:
        """Everything that is drawn, of the random effects a few."""
        fixed = names.fixed_values(design)
        hyper = [k for k, name in enumerate(names.hyper_names(design)) if name not in fixed]
        effects, start = [], 0
        for factor in design.factors:
            J, q = len(factor.levels), len(factor.columns)
            by_size = np.argsort(-np.bincount(factor.codes, minlength=J), kind="stable")
            few = by_size[np.unique(np.linspace(0, J - 1, min(EFFECTS, J)).round().astype(int))]
            effects += [start + j * q + a for j in few for a in range(q)]
            start += J * q
        every = names.ranef_names(design)
        found = (
            *names.coefficient_names(design),
            *(names.hyper_names(design)[k] for k in hyper),
            *(every[k] for k in effects),
            LOG_LIKELIHOOD,
        )
        return cls(found, np.array(hyper, dtype=np.int64), np.array(effects, dtype=np.int64))

    def values(self, design: Design, draws: Draws) -> np.ndarray:
        """(draws, K), chain after chain; the log-likelihood from its definition, not as the sampler knows it."""
        parts = [draws.beta, draws.hyper[:, :, self.hyper], draws.u[:, :, self.effects]]
        return np.column_stack([*(linear.flat(part) for part in parts), datasets.log_likelihood(design, draws)])

    def ess(self, draws: Draws) -> np.ndarray:
        """(K,) the smaller of bulk and tail effective sample size. Where the sampler did not follow the log-likelihood, that of the
        slowest parameter stands for it.
        """
        parts = [draws.beta, draws.hyper[:, :, self.hyper], draws.u[:, :, self.effects], draws.lp[:, :, None]]
        values = np.concatenate(parts, axis=2)
        ess = np.minimum(diagnostics.ess_bulk(values), diagnostics.ess_tail(values))
        if np.isnan(draws.lp).any():
            ess[-1] = np.min(ess[:-1], initial=np.inf)
        return np.nan_to_num(ess, nan=0.0, posinf=float(values.shape[0] * values.shape[1]))


def _replicate(shared: tuple[Spec, Design, Watched, int], task: tuple[int, np.random.SeedSequence], desk: Desk) -> Replicate:
    """One data set, fitted, and fitted again for longer while its draws are too few to be independent.

    task : number and seed. desk : KeyboardInterrupt soon after it is set.
    """
    (spec, design, watched, L), (number, seed), _here.desk = shared, task, desk
    for_data, for_fit = seed.spawn(2)
    fit_seed = int(for_fit.generate_state(1)[0])
    made = datasets.simulate(design, np.random.default_rng(for_data))
    nothing = np.full(len(watched.names), np.nan)
    if made.problem:
        return Replicate(number, fit_seed, nothing, nothing, nothing, made.problem)
    sampling = replace(spec.sampling, seed=fit_seed, cores=1)
    truth = watched.values(made.design, made.truths)[0]
    try:
        longest, draws = LONGEST * sampling.draws, fit(made.design, sampling)
        ess = watched.ess(draws)
        while sampling.until is None and ess.min() < L and sampling.draws < longest:
            times = max(1.5 * L / max(ess.min(), 1.0), 2.0)  # an estimate from few draws is a poor one
            sampling = replace(sampling, draws=min(int(np.ceil(times * sampling.draws)), longest))
            draws = fit(made.design, sampling)
            ess = watched.ess(draws)
    except SamplingError as error:
        return Replicate(number, fit_seed, truth, nothing, nothing, error.message, failed=True)
    return Replicate(number, fit_seed, truth, ranks.rank(truth, watched.values(made.design, _thinned(draws, L))), ess)


def fit(design: Design, sampling: Sampling) -> Draws:
    """The posterior of one data set, as ``gibbs run`` would draw it. KeyboardInterrupt where the calibration was stopped meanwhile."""
    return fit_until(design, sampling, getattr(_here, "desk", None))


def fit_until(design: Design, sampling: Sampling, desk: Desk | None) -> Draws:
    """As ``fit``. KeyboardInterrupt soon after ``desk`` is set."""
    from gibbs.sampling import chains, plan

    seen = small_fields.arrange(by_group.arrange(design), sampling.scheme)
    draws = chains.run(seen, plan.make(seen, sampling.scheme), sampling, stop=desk)
    if draws.stopped == "interrupted":
        raise KeyboardInterrupt
    return draws


def _thinned(draws: Draws, L: int) -> Draws:
    """L draws, evenly spaced over every chain, each chain's last among them."""
    C, S = draws.beta.shape[:2]
    per = L // C
    place = ((np.arange(per) + 1) * S) // per - 1
    return replace(draws, beta=draws.beta[:, place], hyper=draws.hyper[:, place], u=draws.u[:, place], lp=draws.lp[:, place])


def as_long_as_asked(sampling: Sampling) -> Sampling:
    """A spec that says nothing of its length is not run to precision: a rank needs few draws, and a fit that has too few is made longer."""
    return replace(sampling, until=None, draws=Sampling.draws) if sampling.until == Until() else sampling


def _ranked(sampling: Sampling) -> int:
    """Draws to rank among: the multiple of the chains next to ``RANKS``, and no more than are drawn."""
    per = min(max(1, round(RANKS / sampling.chains)), sampling.draws)
    return per * sampling.chains


def fewer(design: Design, rows: int, rng: np.random.Generator) -> Design:
    """``rows`` rows of the design at random. SpecError where a factor is left with one level."""
    chosen = datasets.some_rows(design, np.sort(rng.choice(design.y.size, rows, replace=False)))
    for factor in chosen.factors:
        if len(factor.levels) < 2:
            raise SpecError(f"{rows} rows leave the grouping factor '{factor.name}' with one level; take more.", where="rows")
    return chosen


def _log_words(spec: Spec) -> str:
    """What makes counts grow beyond numbers; "" for families without a log link."""
    log = families.FAMILIES[spec.family].outcome == families.COUNT
    return " (on a log scale a sd of 1 is wide already: half_normal(1) is a prior that counts can have)" if log else ""


def counted(some: tuple[Replicate, ...] | list[Replicate]) -> str:
    """``"an outcome beyond 9e+15: 3"``, commonest first, three kinds at most."""
    kinds: dict[str, int] = {}
    for replicate in some:
        kinds[replicate.problem] = kinds.get(replicate.problem, 0) + 1
    return "; ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1])[:3])


def _what(row: pd.Series) -> str:
    """How the ranks of one quantity differ from uniform."""
    said = []
    if abs(row["z"]) > 3.0:
        said.append(
            f"draws {'below' if row['z'] > 0 else 'above'} the truth too often (mean rank {row['mean']:.2f} of the way up, ½ is right)"
        )
    if abs(row["spread"] - 1.0) > 0.15:
        said.append(f"draws too {'narrow' if row['spread'] > 1.0 else 'wide'} (variance of the ranks {row['spread']:.2f} of what is right)")
    return "; ".join(said) or "the ranks are not uniform"
