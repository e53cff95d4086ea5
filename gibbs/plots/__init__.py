"""Pictures of a fit, one kind a module: ``fit.plot.ranef()``, ``gibbs plot RUN ranef``.

Every module has ``draw(fit, …) -> Picture`` and, apart from it, the function that computes the numbers it shows. matplotlib is
imported with the first picture; figures are made without pyplot, so neither a backend nor the current figure of the user is touched.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gibbs.errors import PlotError, nearest
from gibbs.plots import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from gibbs.posterior.fit import Fit

OF_EVERY_KIND = ("title", "size", "level", "ax")
"""Options that every picture has."""

KINDS: dict[str, tuple[str, str]] = {
    "ranef": ("ranef", "effects of each level, sorted, with 50 % and 95 % intervals"),
    "coef": ("coef", "α_j and β_j: what each level has, its predictors included, sorted, with intervals"),
    "level2": ("level2", "α_j and β_j against a predictor of the level, with the line of the second level"),
    "effects": ("effects", "the expected outcome along a predictor, for each value of another"),
    "groups": ("groups", "the line of each group with its points: partial pooling, no pooling, complete pooling"),
    "coefficients": ("coefficients", "fixed effects with 50 % and 95 % intervals"),
    "priors": ("priors", "prior against posterior of each coefficient, sd, correlation and parameter of the family"),
    "trace": ("trace", "traces and ranks of the chains"),
    "ppc": ("ppc", "what the model predicts against what was observed, as fits the family"),
    "pareto_k": ("pareto_k", "leave-one-out: how much the posterior leans on each row, or on each level of a group"),
    "loo_pit": ("loo_pit", "leave-one-out: where each outcome lies in what is predicted of it from the other rows"),
    "pairs": ("pairs", "parameters two by two: draws, densities, correlations"),
    "time": ("timeline", "effects of an ordered factor (elections, cohorts) along time, with bands"),
    "variance": ("variance", "each factor's share of the variance, with its interval"),
}
"""kind → its module here, and what it shows."""


def picture(
    fit: Fit,
    kind: str,
    *,
    path: str | Path | None = None,
    force: bool = False,
    title: str | None = None,
    size: Sequence[float] | None = None,
    level: float | None = None,
    ax: Any = None,
    **options: Any,
) -> Figure:
    """Draw one kind; ``path`` writes it as well (png, pdf or svg), and replaces a file only with ``force``.

    title, size (width and height in inches), level (of the outer intervals) and ax (Axes to draw on) are of every kind.

    Raises PlotError for a kind or an option that there is not, where matplotlib is missing, and where the fit has nothing to show;
    OutputError where the file cannot be written or is there already.
    """
    draw = drawer(kind)
    allowed = takes(kind)
    for name in options:
        if name not in allowed:
            every = [*allowed, *OF_EVERY_KIND]
            raise PlotError(f"{kind} has no option {name}; it has {', '.join(every)}.{nearest(name, every)}")
    return drawn(lambda: draw(fit, **options), path=path, force=force, title=title, size=size, level=level, ax=ax)


def drawn(make: Callable[[], Figure], *, path: str | Path | None = None, force: bool = False, **wanted: Any) -> Figure:
    """What ``make`` draws, as it was asked for: title, size, level, ax; written to ``path`` where there is one."""
    canvas = module("canvas")
    target = None if path is None else canvas.check_path(path, force=force)
    with canvas.style(), asked.during(asked.of(**wanted)):
        made = make()
    if target is not None:
        canvas.save(made, target)
    return made


def drawer(kind: str) -> Any:
    """The function that draws ``kind``. PlotError for a kind there is not, and where matplotlib is not installed."""
    if kind not in KINDS:
        raise PlotError(f"there is no picture '{kind}'.{nearest(kind, KINDS)} The kinds are {', '.join(KINDS)}.")
    return module(KINDS[kind][0]).draw


def module(name: str) -> Any:
    """One module of pictures. PlotError where matplotlib is not installed."""
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise PlotError('pictures are drawn by matplotlib, which is not installed: pip install "gibbs-engine[plots]".') from error
    return import_module(f"gibbs.plots.{name}")


def takes(kind: str) -> tuple[str, ...]:
    """The options of one kind."""
    return tuple(inspect.signature(drawer(kind)).parameters)[1:]
