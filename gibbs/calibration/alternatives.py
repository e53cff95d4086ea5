"""The model fitted again under other priors of its sds: what three usual ones make of a factor that has few levels.

Where a factor has few levels the data say little about its sd, and the prior much. The sds of such factors have, all at once, another law
of the scale s that the prior in force has: half-normal and half-Cauchy with scale s, uniform from 0 to 4 s, half-t with 3 degrees of
freedom; three of these that are not in force. A prior without such a scale (on a covariance matrix, say) gives way to priors of the
default's scale. Correlations keep their prior (LKJ(1) in the place of one on the matrix). Every alternative is a run of its own, with the
seed, chains and length of the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.draws.records import Draws
from gibbs.errors import SpecError, nearest
from gibbs.files import pages, tablefile
from gibbs.model.records import Design, Factor, Prior, Spec, Term

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from gibbs.posterior.fit import Fit
    from gibbs.tasks.cluster import Workers

FEW = 30
"""Factors of at most so many levels are those whose sds are looked at, where none is named."""
IN_FORCE = "as fitted"
NAMED: dict[str, Callable[[float], Prior]] = {
    "half-normal": lambda s: Prior("half_normal", (0.0, s)),
    "half-Cauchy": lambda s: Prior("half_cauchy", (0.0, s)),
    "uniform": lambda s: Prior("uniform", (0.0, 4.0 * s)),
    "half-t": lambda s: Prior("half_t", (3.0, 0.0, s)),
}
HOW_MANY = 3
MOST = 12
"""Parameters that a picture has a panel of."""
_SCALE = {"half_t": 2, "half_normal": 1, "half_cauchy": 1}
"""Kinds on an sd that have a scale, and its place among their numbers."""


@dataclass(frozen=True)
class Alternatives:
    """The posterior under each prior.

    names : of the priors, the one in force first. words : of each, what it is, by sd. parameters (P,). draws : of each, (chain, draw, P).
    rhat : the worst of each run.
    """

    names: tuple[str, ...]
    words: tuple[dict[str, str], ...]
    parameters: tuple[str, ...]
    draws: tuple[np.ndarray, ...] = field(repr=False)
    rhat: tuple[float, ...]
    title: str = ""

    @property
    def table(self) -> pd.DataFrame:
        """A row a parameter and prior: mean, sd, q2.5, q97.5, and ``shift``: how many sds of the posterior in force the mean moved."""
        import pandas as pd

        rows = []
        first = self.draws[0].reshape(-1, len(self.parameters))
        for k, parameter in enumerate(self.parameters):
            for name, draws in zip(self.names, self.draws, strict=True):
                values = draws[:, :, k].ravel()
                low, high = np.quantile(values, (0.025, 0.975))
                shift = (values.mean() - first[:, k].mean()) / first[:, k].std(ddof=1)
                rows.append((parameter, name, values.mean(), values.std(ddof=1), low, high, shift))
        return pd.DataFrame(rows, columns=["parameter", "prior", "mean", "sd", "q2.5", "q97.5", "shift"])

    @property
    def wide(self) -> pd.DataFrame:
        """A row a parameter, a column a prior: mean (sd); ``largest shift``, in posterior sds."""
        table = self.table
        cells = table.assign(cell=[_cell(m, s) for m, s in zip(table["mean"], table["sd"], strict=True)])
        wide = cells.pivot(index="parameter", columns="prior", values="cell").loc[list(self.parameters), list(self.names)]
        most = table.groupby("parameter", sort=False)["shift"].agg(lambda shift: float(shift.iloc[np.argmax(np.abs(shift.to_numpy()))]))
        return wide.assign(**{"largest shift": most.loc[list(self.parameters)].to_numpy()}).rename_axis(None, axis=1).reset_index()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What each prior is, and which runs did not converge."""
        found = [
            f"{name}: {'; '.join(f'{sd} ~ {text}' for sd, text in words.items())}."
            for name, words in zip(self.names, self.words, strict=True)
        ]
        bad = [name for name, rhat in zip(self.names, self.rhat, strict=True) if not rhat <= 1.01]
        return (*found, f"Not converged (R-hat above 1.01): {', '.join(bad)}.") if bad else tuple(found)

    def __repr__(self) -> str:
        return "\n".join([tablefile.text(self.wide), "", *self.sentences])

    def _repr_html_(self) -> str:
        return pages.table(self.wide, "Posterior means (sds) under other priors", " ".join(self.sentences))

    def plot(self, **wanted: Any) -> Figure:
        """A panel a parameter, a line a prior; takes ax, size, level, title, path, force."""
        from gibbs import plots

        return plots.drawn(self._draw, **wanted)

    def _draw(self) -> Figure:
        from gibbs.plots import asked, canvas, choose

        P, columns = min(len(self.parameters), MOST), min(2, len(self.parameters))
        rows = -(-P // columns)
        figure, axes = canvas.sheet(rows, columns, width=3.4 * columns + 0.4, height=1.1 + rows * (0.55 + 0.22 * len(self.names)))
        place = np.arange(len(self.names))[::-1].astype(float)
        for k, (axis, name) in enumerate(zip(axes.flat, self.parameters[:P], strict=False)):
            found = [choose.intervals(draws[:, :, k].reshape(-1, 1)) for draws in self.draws]
            inner, outer = (np.concatenate([one[part] for one in found], axis=1) for part in (0, 1))
            canvas.dots(axis, place, inner, outer, np.concatenate([one[2] for one in found]), zero=False)
            axis.set_yticks(place, self.names if k % columns == 0 else [""] * len(place))
            axis.tick_params(axis="y", length=0)
            axis.set_ylim(-0.6, len(place) - 0.4)
            axis.locator_params(axis="x", nbins=5)
            canvas.panel_title(axis, name)
        canvas.leave_empty(axes.flat[P:])
        note = f"Posterior means with 50 % (thick) and {asked.percent()} (thin) intervals under {len(self.names)} priors of the sds. "
        note += " ".join(self.sentences)
        canvas.head(figure, f"Other priors{f': {self.title}' if self.title else ''}", note)
        return figure


def rerun(
    fit: Fit, group: str | None = None, progress: Callable[[str], object] | None = None, *, hands: Workers | None = None, on: Any = None
) -> Alternatives:
    """Fit the model of ``fit`` again under three other priors of the sds of its factors with few levels, or of one factor.

    progress : called with the name of each prior before its run. hands : the workers of a cluster that chains are handed to; they change
    no draw. on : which cluster, where it has still to be reached.

    Raises SpecError where no factor has few levels, or none of that name; OutputError where the data are gone.
    """
    if on is not None:
        from gibbs.tasks import cluster

        with cluster.opened(on, fit.spec.sampling.cores) as reached:
            return rerun(fit, group, progress, hands=reached)
    from gibbs.draws import names

    design = fit.design
    chosen = _chosen(design, group)
    scales = {name: _scales(fit, next(f for f in design.factors if f.name == name)) for name in chosen}
    parameters = _parameters(fit, chosen)
    fixed = names.fixed_values(design)
    found, words, labels, rhat = [_values(fit.arrays, fit, parameters)], [_words(design, chosen)], [IN_FORCE], [_worst(fit.arrays, fixed)]
    current = {p.kind for f in design.factors if f.name in chosen for t in f.terms for p in t.sd_priors if t.covariance is None}
    for name in [n for n, make in NAMED.items() if {make(1.0).kind} != current][:HOW_MANY]:
        if progress:
            progress(name)
        other = replace(
            design, factors=tuple(_replaced(f, NAMED[name], scales[f.name]) if f.name in chosen else f for f in design.factors), asked=None
        )
        draws = _fit(other, fit.spec, hands)
        found.append(_values(draws, fit, parameters))
        words.append(_words(other, chosen))
        labels.append(name)
        rhat.append(_worst(draws, fixed))
    return Alternatives(tuple(labels), tuple(words), tuple(parameters), tuple(found), tuple(rhat), fit.spec.title)


def _fit(design: Design, spec: Spec, hands: Workers | None) -> Draws:
    from gibbs.model import by_group, small_fields
    from gibbs.sampling import chains, far, plan

    seen = small_fields.arrange(by_group.arrange(design), spec.sampling.scheme)
    keep = {} if spec.keep is None else {"keep": spec.keep}
    with nullcontext({}) if hands is None else far.crews(hands) as crew:
        draws = chains.run(seen, plan.make(seen, spec.sampling.scheme), spec.sampling, **keep, **crew)
    if draws.stopped == "interrupted":
        raise KeyboardInterrupt
    return draws


def _cell(mean: float, sd: float) -> str:
    """Mean (sd), to two digits of the sd."""
    digits = max(0, 1 - math.floor(math.log10(sd))) if sd > 0 else 2
    return f"{mean:,.{digits}f} ({sd:,.{digits}f})" if digits <= 7 else f"{mean:.3g} ({sd:.2g})"


def _chosen(design: Design, group: str | None) -> list[str]:
    """The names of the factors. SpecError where there are none, or none of that name."""
    free = [f for f in design.factors if any(not term.given for term in f.terms)]
    known = [f.name for f in free]
    if not known:
        raise SpecError("the model has no grouping factor whose sds are estimated.", where="sensitivity")
    if group is not None:
        if group not in known:
            raise SpecError(
                f"there is no grouping factor '{group}' with an sd to estimate; there is {', '.join(known)}.{nearest(group, known)}",
                where="sensitivity",
            )
        return [group]
    few = [f.name for f in free if len(f.levels) <= FEW * max(len(f.groups), 1)]
    if not few:
        sizes = ", ".join(f"{f.name} {len(f.levels):,}" for f in free)
        raise SpecError(
            f"no grouping factor has {FEW} levels or fewer ({sizes}): the data say what their sds are. One that is named is looked at.",
            where="sensitivity",
        )
    return few


def _scales(fit: Fit, factor: Factor) -> list[list[float]]:
    """The scale of every sd, by term: that of the prior in force, else that of the default."""
    default: list[Term] | None = None
    found = []
    for t, term in enumerate(factor.terms):
        own = []
        for a in range(len(term.columns)):
            prior = None if term.covariance is not None else term.sd_priors[a]
            if prior is not None and prior.kind in _SCALE:
                own.append(float(prior.args[_SCALE[prior.kind]]))
            else:
                default = default if default is not None else _default_terms(fit, factor.name)
                own.append(float(default[t].sd_priors[a].args[2]))
        found.append(own)
    return found


def _default_terms(fit: Fit, name: str) -> list[Term]:
    """The terms of a factor with the default priors of sds."""
    from gibbs.model import design

    kept = {key: value for key, value in fit.spec.priors.items() if not key.startswith(("sd", "cov", "cor"))}
    made = design.build(replace(fit.spec, priors=kept), fit.table_again())
    return list(next(f for f in made.factors if f.name == name).terms)


def _replaced(factor: Factor, make: Callable[[float], Prior], scales: Sequence[Sequence[float]]) -> Factor:
    terms = []
    for term, own in zip(factor.terms, scales, strict=True):
        if term.given:
            terms.append(term)
            continue
        priors = tuple(
            prior if prior.kind == "fixed" else make(s)
            for prior, s in zip(term.sd_priors if term.covariance is None else [Prior("flat", ())] * len(own), own, strict=True)
        )
        correlation = term.correlation or (Prior("lkj", (1.0,)) if len(own) > 1 else None)
        terms.append(replace(term, sd_priors=priors, covariance=None, correlation=correlation))
    return replace(factor, terms=tuple(terms))


def _words(design: Design, chosen: Sequence[str]) -> dict[str, str]:
    """What is in force on every sd of these factors."""
    found: dict[str, str] = {}
    for factor in (f for f in design.factors if f.name in chosen):
        for term in factor.terms:
            if term.covariance is not None:
                found[f"cov[{factor.name}]"] = str(term.covariance)
                continue
            at = term.words if term.back is not None and not term.written else [""] * len(term.columns)
            for column, prior, words in zip(term.columns, term.sd_priors, at, strict=True):
                name = f"sd[{factor.name},{column}{f':{term.group}' if term.group else ''}]"
                found[f"{name} {words}" if words else name] = str(prior)
    return found


def _parameters(fit: Fit, chosen: Sequence[str]) -> list[str]:
    """The sds and correlations of these factors, then the coefficients."""
    from gibbs.draws import names

    fixed = names.fixed_values(fit.outline)
    found = [
        n
        for f in fit.outline.factors
        if f.name in chosen
        for n in names.varying_labels(f)
        if n in fit.arrays.hyper_names and n not in fixed
    ]
    return [*found, *names.coefficient_names(fit.outline)]


def _values(draws: Draws, fit: Fit, parameters: Sequence[str]) -> np.ndarray:
    from gibbs.posterior import parameters as named

    return np.stack([named.values(draws, fit.outline, name) for name in parameters], axis=2)


def _worst(draws: Draws, fixed: dict[str, float]) -> float:
    from gibbs.draws import diagnostics

    free = [k for k, name in enumerate(draws.hyper_names) if name not in fixed]
    values = np.concatenate([draws.beta, draws.hyper[:, :, free]], axis=2)
    return float(np.max(diagnostics.rhat(values)))
