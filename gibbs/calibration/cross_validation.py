"""Cross-validation by group: the model is fitted without some levels of a factor, and asked how probable their rows are.

The levels of a factor are dealt into K folds at random; fold k is fitted on the rows of the others. For a level j that was left out

    elpd_j = log (1/S) Σ_s p(y_j | θ_s),   θ_s drawn from the posterior without j's fold,

p(y_j | θ) being the likelihood of all rows of the level with its effects integrated out (``gibbs.criticism.marginal``). It is what
``loo(group=…)`` estimates from the one fit by importance weights, and needs no weights to be well behaved. Levels of other factors that
occur in no row of a fit have effects drawn from their law. Priors, and the bases of poly(), scale() and bs(), are those of all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.calibration import datasets, sbc
from gibbs.criticism import criteria, marginal
from gibbs.draws import diagnostics, names
from gibbs.draws.outline import outline
from gibbs.draws.records import Draws
from gibbs.errors import SamplingError, SpecError
from gibbs.model import laws
from gibbs.model.records import Design, Spec
from gibbs.pipeline import Prepared
from gibbs.tasks.hands import Desk, Hands, Threads, each

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 10
RHAT = 1.05


@dataclass(frozen=True)
class CrossValidation:
    """What came out. levels, folds (1 … K), rows, elpd, mcse : one entry a level; rhat : (K,) the largest of each fit."""

    spec: Spec
    by: str
    levels: tuple[Any, ...]
    folds: np.ndarray
    rows: np.ndarray
    pointwise: np.ndarray
    mcse: np.ndarray
    rhat: np.ndarray

    @property
    def elpd(self) -> float:
        """Expected log predictive density, summed over the levels."""
        return float(self.pointwise.sum())

    @property
    def se(self) -> float:
        """Standard error of ``elpd``, over levels."""
        return criteria.standard_error(self.pointwise, np.ones(len(self.pointwise)))

    @property
    def ok(self) -> bool:
        """Whether every fit has converged (R-hat at most 1.05)."""
        return bool(np.all(self.rhat <= RHAT))

    def table(self) -> pd.DataFrame:
        """One row a level: level, fold, rows, elpd, mcse (the Monte Carlo error of elpd)."""
        import pandas as pd

        columns = {"level": self.levels, "fold": self.folds, "rows": self.rows, "elpd": self.pointwise, "mcse": self.mcse}
        return pd.DataFrame(columns)

    def __str__(self) -> str:
        lines = [
            f"elpd {self.elpd:,.1f} (standard error {self.se:,.1f}, Monte Carlo error {np.sqrt(np.sum(self.mcse**2)):,.2f}): new levels of "
            f"{self.by}, {len(self.levels):,} of them left out in {len(self.rhat)} folds, their effects integrated out."
        ]
        if not self.ok:
            bad = ", ".join(str(k + 1) for k in np.flatnonzero(~(self.rhat <= RHAT)))
            lines.append(f"Not converged (R-hat above {RHAT:g}): the fits without folds {bad}. More draws or a longer warm-up would tell.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from gibbs.files import pages

        return pages.text(str(self))


def validate(
    prepared: Prepared,
    by: str,
    *,
    folds: int | None = None,
    cores: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    hands: Hands | None = None,
) -> CrossValidation:
    """Fit the model without each fold of the levels of ``by``.

    folds : 10 where None, or as many as there are levels where these are fewer; as many as levels leaves them out one by one.
    cores : fits at a time, by threads of this process. hands : who fits instead. Neither ever changes a number.

    Raises SpecError for a factor that is none, or whose effects cannot be integrated out, and for fewer than two folds; SamplingError where
    a fit fails, naming its fold. KeyboardInterrupt on Ctrl-C.
    """
    spec, design = prepared.spec, prepared.design
    design.require_rows("cross-validation")
    criteria.check_rows(design, "cross-validation")
    levels = marginal.levels_of(outline(design), design, by)
    J = len(levels.which)
    K = min(FOLDS, J) if folds is None else folds
    if not 2 <= K <= J:
        raise SpecError(f"folds is a number from 2 to {J:,}, the levels of {by} that have rows; found {K:,}.", where="folds")
    sequence = np.random.SeedSequence([spec.sampling.seed or 0, 0xF01D])
    deal, *seeds = sequence.spawn(K + 1)
    of_level = np.empty(J, dtype=np.int64)
    of_level[np.random.default_rng(deal).permutation(J)] = np.arange(J) % K
    tasks = [(k, int(seed.generate_state(1)[0])) for k, seed in enumerate(seeds)]
    found: dict[int, tuple[np.ndarray, np.ndarray, float]] = {}

    def received(number: int, result: tuple[np.ndarray, np.ndarray, float]) -> None:
        found[number] = result
        if progress is not None:
            progress(len(found), K)

    each(hands or Threads(cores), _fold, (spec, design, by, levels.which, of_level), tasks, received)
    elpd, mcse = np.empty(J), np.empty(J)
    for k, (own, error, _) in found.items():
        elpd[of_level == k], mcse[of_level == k] = own, error
    factor = levels.grouping
    rows = np.bincount(factor.codes, minlength=len(factor.levels))[levels.which]
    labels = tuple(factor.levels[j] for j in levels.which)
    return CrossValidation(spec, by, labels, of_level + 1, rows, elpd, mcse, np.array([found[k][2] for k in range(K)]))


def _fold(
    shared: tuple[Spec, Design, str, np.ndarray, np.ndarray], task: tuple[int, int], desk: Desk
) -> tuple[np.ndarray, np.ndarray, float]:
    """elpd and its Monte Carlo error of each level of fold k, and the largest R-hat of the fit without them."""
    (spec, design, by, which, of_level), (k, seed) = shared, task
    factor = next(f for f in design.factors if f.name == by)
    out = np.zeros(len(factor.levels), dtype=bool)
    out[which[of_level == k]] = True
    left = out[factor.codes]
    training = datasets.some_rows(design, np.flatnonzero(~left))
    if names.hyper_names(training) != names.hyper_names(design):
        raise SpecError(f"without fold {k + 1} of {by} the model has other parameters: a group of levels is gone.", where="folds")
    try:
        draws = sbc.fit_until(training, replace(spec.sampling, seed=seed, cores=1), desk)
    except SamplingError as error:
        raise SamplingError(f"the fit without fold {k + 1} of {by} failed: {error.message}", where=error.where) from error
    free = np.concatenate(
        [draws.beta, draws.hyper[:, :, [i for i, n in enumerate(draws.hyper_names) if n not in names.fixed_values(design)]]], axis=2
    )
    whole = placed(draws, training, design, np.random.default_rng([seed, k]))
    values = marginal.matrix(whole, outline(design), design, chosen(marginal.levels_of(outline(design), design, by), of_level == k))
    top = values.max(axis=(0, 1))
    weights = np.exp(values - top)
    mean = weights.mean(axis=(0, 1))
    return top + np.log(mean), np.nan_to_num(diagnostics.mcse_mean(weights)) / mean, float(np.max(diagnostics.rhat(free), initial=1.0))


def placed(draws: Draws, training: Design, design: Design, rng: np.random.Generator) -> Draws:
    """The draws with effects for all levels of ``design``; those of levels without a row in ``training`` are drawn from their law."""
    chains, kept = draws.beta.shape[:2]
    parts, offsets, at = [], [], 0
    for f, (whole, factor) in enumerate(zip(design.factors, training.factors, strict=True)):
        q = len(whole.columns)
        u = np.empty((chains * kept, len(whole.levels), q))
        place = {label: j for j, label in enumerate(whole.levels)}
        known = np.array([place[label] for label in factor.levels], dtype=np.int64)
        start = draws.u_offsets[f]
        own = draws.u[:, :, start : start + len(factor.levels) * q].reshape(chains * kept, -1, q)
        u[:, known] = own
        new = np.setdiff1d(np.arange(len(whole.levels)), known)
        if new.size:
            if what := laws.not_integrated(whole):
                raise SpecError(f"the effects of {whole.name} {what}, and a fold leaves levels of it without a row.", where="folds")
            root = marginal.roots(draws, outline(training), f)
            u[:, new] = np.einsum("sab,sjb->sja", root, rng.standard_normal((chains * kept, new.size, q)))
        parts.append(u.reshape(chains, kept, -1))
        offsets.append(at)
        at += parts[-1].shape[2]
    effects = np.concatenate(parts, axis=2) if parts else draws.u
    return replace(draws, u=effects, u_offsets=tuple(offsets))


def chosen(levels: marginal.Levels, which: np.ndarray) -> marginal.Levels:
    """Some of the Levels; ``which`` (J,) says for each whether it is among them. What is nested in what is as all rows have it."""
    sizes = np.diff(np.append(levels.starts, len(levels.place)))
    rows = np.repeat(which, sizes)
    starts = np.concatenate([[0], np.cumsum(sizes[which])[:-1]]).astype(levels.starts.dtype)
    return replace(levels, place=levels.place[rows], weights=levels.weights[rows], starts=starts, which=levels.which[which])
