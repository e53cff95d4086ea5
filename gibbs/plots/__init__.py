"""Pictures of a fit, one kind a module: ``fit.plot.ranef()``, ``gibbs plot RUN ranef``.

Every module has ``draw(fit, …) -> Picture`` and, apart from it, the function that computes the numbers it shows. matplotlib is
imported with the first picture; figures are made without pyplot, so neither a backend nor the current figure of the user is touched.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gibbs.errors import PlotError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

KINDS: dict[str, tuple[str, str]] = {
    "ranef": ("ranef", "effects of each level, sorted, with 50 % and 95 % intervals"),
    "groups": ("groups", "the line of each group with its points: partial pooling, no pooling, complete pooling"),
    "coefficients": ("coefficients", "fixed effects with 50 % and 95 % intervals"),
    "priors": ("priors", "prior against posterior of each sd, correlation, sigma, nu and shape"),
    "trace": ("trace", "traces and ranks of the chains"),
    "ppc": ("ppc", "what the model predicts against what was observed, as fits the family"),
    "time": ("timeline", "effects of an ordered factor (elections, cohorts) along time, with bands"),
    "variance": ("variance", "each factor's share of the variance, with its interval"),
}
"""kind → its module here, and what it shows."""


def picture(fit: Fit, kind: str, *, path: str | Path | None = None, force: bool = False, **options: Any) -> Picture:
    """Draw one kind; ``path`` writes it as well (png, pdf or svg), and replaces a file only with ``force``.

    Raises PlotError for a kind or an option that there is not, where matplotlib is missing, and where the fit has nothing to show;
    OutputError where the file cannot be written or is there already.
    """
    draw = drawer(kind)
    allowed = takes(kind)
    for name in options:
        if name not in allowed:
            raise PlotError(f"{kind} has no option {name}; it has {', '.join(allowed) or 'none'}.{nearest(name, allowed)}")
    canvas = import_module("gibbs.plots.canvas")
    target = None if path is None else canvas.check_path(path, force=force)
    with canvas.style():
        made = draw(fit, **options)
    if target is not None:
        canvas.save(made, target)
    return made


def drawer(kind: str) -> Any:
    """The function that draws ``kind``. PlotError for a kind there is not, and where matplotlib is not installed."""
    if kind not in KINDS:
        raise PlotError(f"there is no picture '{kind}'.{nearest(kind, KINDS)} The kinds are {', '.join(KINDS)}.")
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise PlotError('pictures are drawn by matplotlib, which is not installed: pip install "gibbs-engine[plots]".') from error
    return import_module(f"gibbs.plots.{KINDS[kind][0]}").draw


def takes(kind: str) -> tuple[str, ...]:
    """The options of one kind."""
    return tuple(inspect.signature(drawer(kind)).parameters)[1:]
