"""A design study: data simulated at stated parameter values (or from the priors) are fitted, and the fits held against the truth.

Of N data sets, with posterior mean m_i, interval (l_i, u_i) and truth θ_i of a parameter in the i-th, each with its Monte Carlo error
(Morris, White and Crowther 2019, table 6):

    bias       mean of m_i − θ_i; error sd/√N              rmse   √ mean (m_i − θ_i)²; error sd of the squares/(2 rmse √N)
    coverage   share of intervals with θ_i in them; error √(p(1 − p)/N); of 50 % and of 95 % intervals between quantiles
    width      mean of u_i − l_i, of 95 %                  power  share of 95 % intervals without 0, of coefficients and correlations

A data set's seed depends on the study's seed and the data set's number alone, so that the first hundred of a study of two hundred are the
study of one hundred: it can be broken off, and gone on with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gibbs import paths
from gibbs.calibration import datasets, sbc, study_folder
from gibbs.calibration.fitted import COLUMNS, QUANTILES, Fitted
from gibbs.calibration.stated import Stated
from gibbs.draws import diagnostics, names
from gibbs.draws.records import Draws
from gibbs.errors import DataError, SamplingError, SpecError
from gibbs.model.records import Design, Spec
from gibbs.pipeline import Prepared
from gibbs.tasks.hands import Desk, Hands, Threads, each

if TYPE_CHECKING:
    import pandas as pd

MOST = 100_000
RHAT, ESS, SHARE = 1.05, 100.0, 0.05
"""A fit beyond either of the first two has not converged; a study with more than this share of such fits, or of failed ones, says so."""


@dataclass(frozen=True)
class Study:
    """What came out. ``stated``: the values that were given; other parameters came from their priors, data set by data set."""

    spec: Spec
    parameters: tuple[str, ...]
    stated: Mapping[str, float]
    fits: tuple[Fitted, ...]
    rows: int

    @property
    def fitted(self) -> tuple[Fitted, ...]:
        """The data sets that could be fitted."""
        return tuple(f for f in self.fits if not f.problem)

    @property
    def slow(self) -> tuple[Fitted, ...]:
        """Fits that have not converged: R-hat above 1.05, or fewer than 100 effective draws, of some parameter."""
        return tuple(f for f in self.fitted if not np.all((f.values[:, -2] <= RHAT) & (f.values[:, -1] >= ESS)))

    @property
    def ok(self) -> bool:
        """Whether the fits can be gone by: few failed, and few have not converged."""
        troubled = len(self.slow) + sum(f.failed for f in self.fits)
        return bool(self.fitted) and troubled <= SHARE * len(self.fits)

    def estimates(self) -> pd.DataFrame:
        """One row a data set and parameter: dataset, seed (of its fit), parameter, truth, mean, sd, quantiles, rhat, ess."""
        import pandas as pd

        done, K = self.fitted, len(self.parameters)
        values = np.concatenate([f.values for f in done]) if done else np.zeros((0, len(COLUMNS)))
        found = pd.DataFrame(values, columns=list(COLUMNS))
        found.insert(0, "parameter", list(self.parameters) * len(done))
        found.insert(0, "seed", np.repeat([f.seed for f in done], K))
        found.insert(0, "dataset", np.repeat([f.number for f in done], K))
        return found

    def table(self) -> pd.DataFrame:
        """One row a parameter: truth (its mean), datasets, bias, rmse, coverage_50, coverage_95, width_95, power, each with ``…_mcse``."""
        import pandas as pd

        rows = [performance(name, np.array([f.values[k] for f in self.fitted])) for k, name in enumerate(self.parameters) if self.fitted]
        return pd.DataFrame(rows, index=pd.Index(self.parameters if rows else (), name="parameter"))

    @property
    def verdict(self) -> str:
        """What was simulated, and whether the fits can be gone by."""
        done = len(self.fitted)
        held = ", ".join(f"{name} = {value:g}" for name, value in self.stated.items())
        rest = "" if len(self.stated) >= len(self.parameters) else "; the rest from their priors" if held else ", from the priors"
        lines = [f"{done} of {len(self.fits)} data sets of {self.rows:,} rows simulated and fitted{f', at {held}' if held else ''}{rest}."]
        unfit = [f for f in self.fits if f.problem and not f.failed]
        failed = [f for f in self.fits if f.failed]
        if unfit:
            lines.append(f"{len(unfit)} data sets cannot be fitted and are left out ({sbc.counted(unfit)}).")
        if failed:
            lines.append(f"{len(failed)} fits failed ({sbc.counted(failed)}).")
        if self.slow:
            lines.append(
                f"{len(self.slow)} fits have not converged (R-hat above {RHAT:g}, or fewer than {ESS:.0f} effective draws, of some "
                "parameter): more draws (--draws) or longer warm-up would tell."
            )
        return "\n".join(lines)

    def __str__(self) -> str:
        return f"{self._shown()}\n\n{self.verdict}" if self.fitted else self.verdict

    def __repr__(self) -> str:
        return str(self)

    def _shown(self) -> str:
        """The table with Monte Carlo errors in brackets."""
        table = self.table()
        shown = {"parameter": list(table.index), "truth": [f"{x:.4g}" for x in table["truth"]]}
        heads = {
            "bias": "bias",
            "rmse": "rmse",
            "coverage_50": "in 50 %",
            "coverage_95": "in 95 %",
            "width_95": "width of 95 %",
            "power": "power",
        }
        for name, head in heads.items():
            digits = 3 if name.startswith(("coverage", "power")) else None
            shown[head] = [_cell(x, e, digits) for x, e in zip(table[name], table[f"{name}_mcse"], strict=True)]
        widths = [max(len(head), *map(len, cells)) for head, cells in shown.items()]
        lines = zip(*([head, *cells] for head, cells in shown.items()), strict=True)
        return "\n".join(
            "  ".join(c.ljust(w) if k == 0 else c.rjust(w) for k, (c, w) in enumerate(zip(line, widths, strict=True))) for line in lines
        )

    def _repr_html_(self) -> str:
        from gibbs.files import pages

        return pages.text(str(self))

    def save(self, folder: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write performance.csv, estimates.csv, verdict.txt, spec.yaml and manifest.json into a new folder; gives its path."""
        return study_folder.write(self.contents(), folder, force=force)

    def contents(self) -> study_folder.Contents:
        """What the folder of a study holds."""
        about = {
            "at": dict(self.stated),
            "rows": self.rows,
            "datasets": len(self.fits),
            "fitted": len(self.fitted),
            "not_converged": len(self.slow),
            "problems": [{"dataset": f.number, "seed": f.seed, "problem": f.problem, "failed": f.failed} for f in self.fits if f.problem],
        }
        return study_folder.Contents(self.spec, self.table(), self.estimates(), self.verdict, about)


def _cell(x: float, error: float, digits: int | None) -> str:
    """``0.0050 (0.0036)``."""
    if not np.isfinite(x):
        return "–"
    if digits is None:
        digits = int(np.clip(1 - np.floor(np.log10(error)), 0, 9)) if error > 0.0 else 4
    return f"{x:.{digits}f} ({error:.{digits}f})"


def performance(name: str, values: np.ndarray) -> dict[str, float]:
    """The row of one parameter; values (N, len(COLUMNS))."""
    of = dict(zip(COLUMNS, values.T, strict=True))
    n, truth = len(values), of["truth"]
    error = of["mean"] - truth
    squares = error**2
    rmse = float(np.sqrt(squares.mean()))
    found = {"truth": float(truth.mean()), "datasets": n, "bias": float(error.mean()), "bias_mcse": _error(error)}
    found |= {"rmse": rmse, "rmse_mcse": _error(squares) / (2.0 * rmse) if rmse > 0.0 else 0.0}
    for level, low, high in ((50, "q25", "q75"), (95, "q2.5", "q97.5")):
        found |= _share(f"coverage_{level}", (of[low] <= truth) & (truth <= of[high]), known=bool(np.isfinite(truth).all()))
    width = of["q97.5"] - of["q2.5"]
    found |= {"width_95": float(width.mean()), "width_95_mcse": _error(width)}
    return found | _share("power", (of["q2.5"] > 0.0) | (of["q97.5"] < 0.0), known=name.startswith(("b_", "cor_")))


def _error(x: np.ndarray) -> float:
    """Monte Carlo error of a mean; nan of a single number."""
    return float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else np.nan


def _share(name: str, x: np.ndarray, *, known: bool) -> dict[str, float]:
    p = float(x.mean()) if known else np.nan
    return {name: p, f"{name}_mcse": float(np.sqrt(p * (1.0 - p) / len(x)))}


# ------------------------------------------------------------------------------------------------------------ simulating


def study(
    prepared: Prepared,
    *,
    data_sets: int = 100,
    at: Mapping[str, float] | None = None,
    rows: int | None = None,
    cores: int | None = None,
    done: Sequence[Fitted] = (),
    received: Callable[[Fitted], object] | None = None,
    hands: Hands | None = None,
) -> Study:
    """Simulate and fit ``data_sets`` data sets.

    Parameters
    ----------
    prepared : spec, design and plan; the spec's sampling says how each fit is drawn, its seed begins everything.
    at : parameters at stated values, by the names of tables; the others from their priors, anew in each data set.
    rows : so many rows, chosen at random with the spec's seed; all where None.
    cores : data sets fitted at a time, by threads of this process. hands : who fits them instead. Neither ever changes a number.
    done : data sets that were fitted before. received : called with each that is fitted now, in whatever order that is.

    Raises SpecError for parameters that are not there, values that cannot be, and parameters that are neither stated nor have a proper
    prior. KeyboardInterrupt on Ctrl-C.
    """
    spec = replace(prepared.spec, sampling=sbc.as_long_as_asked(prepared.spec.sampling))
    design = prepared.design
    datasets.check_rows(design)
    stated = Stated.of(at or {}, design)
    if not any(name in stated.values for name in names.hyper_names(design)):
        datasets.check_dispersion(design)
    if not 1 <= data_sets <= MOST:
        raise SpecError(f"datasets is a number from 1 to {MOST:,}; found {paths.shown(f'{data_sets:,}')}.", where="study")
    choose, *seeds = np.random.SeedSequence(spec.sampling.seed).spawn(data_sets + 1)
    if rows is not None and rows < design.y.size:
        design = sbc.fewer(design, rows, np.random.default_rng(choose))
    fits = {f.number: f for f in done if f.number <= data_sets}
    tasks = [(number, seed) for number, seed in enumerate(seeds, start=1) if number not in fits]

    def came(number: int, fitted: Fitted) -> None:
        fits[fitted.number] = fitted
        if received is not None:
            received(fitted)

    each(hands or Threads(cores), _fitted, (spec, design, stated), tasks, came)
    return Study(spec, parameters(design), dict(stated.values), tuple(fits[k] for k in sorted(fits)), int(design.y.size))


def with_all(found: Study, fitted: Sequence[Fitted]) -> Study:
    """The study with further data sets of it."""
    every = {f.number: f for f in (*fitted, *found.fits)}
    return replace(found, fits=tuple(every[k] for k in sorted(every)))


def parameters(design: Design) -> tuple[str, ...]:
    """What a study tells of: coefficients, and hyper-parameters that are not fixed."""
    fixed = names.fixed_values(design)
    return (*names.coefficient_names(design), *(name for name in names.hyper_names(design) if name not in fixed))


def _fitted(shared: tuple[Spec, Design, Stated], task: tuple[int, np.random.SeedSequence], desk: Desk) -> Fitted:
    """One data set, simulated and fitted."""
    (spec, design, stated), (number, seed) = shared, task
    for_data, for_fit = seed.spawn(2)
    fit_seed = int(for_fit.generate_state(1)[0])
    made = datasets.simulate(design, np.random.default_rng(for_data), stated)
    nothing = np.full((len(parameters(design)), len(COLUMNS)), np.nan)
    if made.problem:
        return Fitted(number, fit_seed, nothing, made.problem)
    try:
        draws = sbc.fit_until(made.design, replace(spec.sampling, seed=fit_seed, cores=1), desk)
    except SamplingError as error:
        return Fitted(number, fit_seed, nothing, error.message, failed=True)
    except DataError as error:
        return Fitted(number, fit_seed, nothing, error.message)
    return Fitted(number, fit_seed, summarised(design, made.truths, draws))


def summarised(design: Design, truths: Draws, draws: Draws) -> np.ndarray:
    """(K, len(COLUMNS)) of what ``parameters`` names."""
    fixed = names.fixed_values(design)
    free = [k for k, name in enumerate(names.hyper_names(design)) if name not in fixed]
    truth = np.concatenate([truths.beta[0, 0], truths.hyper[0, 0, free]])
    values = np.concatenate([draws.beta, draws.hyper[:, :, free]], axis=2)
    flat = values.reshape(-1, values.shape[2])
    quantiles = np.quantile(flat, QUANTILES, axis=0)
    ess = np.minimum(diagnostics.ess_bulk(values), diagnostics.ess_tail(values))
    return np.column_stack([truth, flat.mean(axis=0), flat.std(axis=0, ddof=1), quantiles.T, diagnostics.rhat(values), ess])
