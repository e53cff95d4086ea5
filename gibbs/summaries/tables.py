"""Tables of fits for the terminal, for programs and for pages: ``gibbs summary``, ``fit.table()``, ``gibbs.tables([...])``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gibbs.errors import SpecError, nearest
from gibbs.files import pages, spreadsheet
from gibbs.summaries import sheets, typeset
from gibbs.summaries.sheets import Options

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit

STYLES = ("brms", "lme4", "display")
SYNONYMS = {"arm": "display"}
FORMATS = ("terminal", "csv", "markdown", "latex")
BELOW = ("interval", "se")
SUFFIXES = {".csv": "csv", ".md": "markdown", ".tex": "latex", ".txt": "terminal"}
"""The format that the name of a file asks for."""


def tables(
    fits: Fit | Sequence[Fit],
    *,
    style: str = "brms",
    format: str = "terminal",
    level: float | None = None,
    interval: str = "equal",
    exp: bool = False,
    parameters: Sequence[str] | None = None,
    below: str = "interval",
    digits: int | None = None,
    labels: Sequence[str] | None = None,
    caption: str = "",
) -> pages.Page:
    """One fit as a table, or several side by side; the text of it.

    Parameters
    ----------
    fits : a Fit, or several.
    style : brms, lme4 or display (arm's): what one fit looks like, and what the columns of a CSV are called. Several fits are set as
        journals do.
    format : terminal, csv (plain numbers for programs, eight digits unless ``digits`` is given), markdown, latex (booktabs).
    level : probability of the intervals, 0.95 where None. The styles lme4 and display have none unless it is given.
    interval : equal (tails), or hdi (the shortest).
    exp : coefficients as odds, rate or hazard ratios, under the links that have them; see ``gibbs.posterior.ratios``.
    parameters : names, or patterns with * (``b_*``, ``r_province[*``); all but the random effects where None.
    below : under each estimate of several fits its interval, or its posterior standard deviation (se).
    digits : decimals, more where a number would read as zero; 2 where None, but a CSV has all its digits then.
    labels : a heading for each of several fits. caption : of a LaTeX table.

    Raises SpecError for a word that is none of these, with the nearest.
    """
    fits = list(fits) if isinstance(fits, Sequence) else [fits]
    if not fits:
        raise SpecError("there is no fit to print.", where="table")
    style = SYNONYMS.get(style, style)
    for word, allowed, what in ((style, STYLES, "style"), (format, FORMATS, "format"), (below, BELOW, "below")):
        if word not in allowed:
            raise SpecError(f"there is no {what} '{word}'; there is {', '.join(allowed)}.{nearest(word, allowed)}", where="table")
    plain, digits = digits is None, 2 if digits is None else digits
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= 7:
        raise SpecError(f"digits is a whole number from 0 to 7; found {digits}.", where="table")
    labels = [""] * len(fits) if labels is None else list(labels)
    if len(labels) != len(fits):
        raise SpecError(f"there are {len(labels)} labels for {len(fits)} fits.", where="table")
    if isinstance(parameters, str):
        parameters = (parameters,)
    options = sheets.check(style, fits, Options(level, interval, None if parameters is None else tuple(parameters), below, digits, exp))
    if format == "csv":
        found = sheets.records(fits, labels, style, options)
        found = found if plain else sheets.rounded(found, digits)
        return pages.Page(spreadsheet.to_csv(found, index=False, float_format="%.8g", lineterminator="\n"))
    if len(fits) > 1:
        parts = sheets.side_by_side(fits, labels, options)
    else:
        parts = {"brms": sheets.brms, "lme4": sheets.lme4, "display": sheets.arm}[style](fits[0], options)
    if format == "terminal":
        return pages.Page(typeset.plain(parts) + "\n")
    return pages.Page(typeset.markdown(parts) if format == "markdown" else typeset.latex(parts, caption))
