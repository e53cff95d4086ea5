"""The pictures of a report, as PNG in the page itself."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs import plots
from gibbs.errors import GibbsError

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit

DPI = 144
WORST = 6
"""Parameters of the picture of the chains."""


def draw(fit: Fit, kind: str, **options: Any) -> tuple[str, str]:
    """A data: URI of one picture and "", or "" and why it cannot be drawn."""
    try:
        made = plots.picture(fit, kind, **options)
    except GibbsError as error:
        return "", error.message
    file = io.BytesIO()
    made.savefig(file, format="png", dpi=DPI)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii"), ""


def worst(fit: Fit) -> list[str]:
    """The parameters known least well, random effects included: the smallest of their bulk and tail ESS. Effects whose draws were not
    stored cannot be shown, and are passed over.
    """
    from gibbs.draws import names
    from gibbs.posterior import parameters

    both = [*fit.summary()[["sd", "ess_bulk", "ess_tail"]].itertuples(index=True, name=None)]
    effects = fit.ranef(summary=True)
    both += zip(names.ranef_names(fit.outline), effects["sd"], effects["ess_bulk"], effects["ess_tail"], strict=True)
    ranked = sorted((least, name) for name, sd, *ess in both if sd > 0 and (least := float(np.fmin(*ess))) == least)
    found: list[str] = []
    refused: set[str] = set()
    for _, name in ranked:
        kind = name.partition("[")[0]
        if len(found) == WORST:
            break
        if kind in refused:
            continue
        try:
            parameters.values(fit.arrays, fit.outline, name)
        except GibbsError:
            refused.add(kind)
        else:
            found.append(name)
    return found
