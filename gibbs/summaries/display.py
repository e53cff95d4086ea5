"""A Fit as words: brms' layout on the terminal and in notebooks, and R arm's display()."""

from __future__ import annotations

import html as html_module
import math
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TextIO

from gibbs import wrap
from gibbs.columns import align, number
from gibbs.draws import names
from gibbs.model import families
from gibbs.posterior import intervals, ratios
from gibbs.printable import printable

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.files.grid import Grid
    from gibbs.posterior.fit import Fit

_WIDTH = 88


@dataclass(frozen=True)
class Block:
    """One part of the summary: a heading, lines of words, or a table (first cell of each row is its label)."""

    kind: str  # "heading", "group", "words", "good", "bad", "table"
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def blocks(fit: Fit, level: float = 0.95, interval: str = "equal", digits: int = 2, exp: bool = False) -> list[Block]:
    """The summary in brms' order: what was fitted, hyperparameters by factor, coefficients, the rest, whether to trust it.

    level, interval : of the two columns of limits; see ``intervals``. digits : decimals at least. exp : coefficients as ratios.
    """
    outline, draws = fit.outline, fit.arrays
    chains, kept = draws.beta.shape[:2]
    found = [Block("words", tuple(_header(fit, chains, kept)))]
    plain = (level, interval, exp) == (0.95, "equal", False) and fit.estimates is None
    fit._tell()
    table: Any = fit._grid if plain else fit.summary(level, interval, exp and fit.estimates is None)
    if fit.estimates is not None:
        table = _of_survey(fit, table, level, intervals.column_names(level, interval))
        table = ratios.exponentiated(table, outline) if exp else table
    head = ("Estimate", "Est.Error", *intervals.heading(level, interval), "Rhat", "Bulk_ESS", "Tail_ESS")
    ends = intervals.column_names(level, interval)
    if outline.factors:
        found.append(Block("heading", ("Multilevel Hyperparameters:",)))
    for factor in outline.factors:
        found.append(Block("group", (f"~{factor.name} (Number of levels: {factor.shown:,})",)))
        found.append(Block("table", rows=_rows(table, names.varying_labels(factor), head, ends, digits)))
    coefficients = {name: name.removeprefix("b_") for name in names.cutpoint_names(outline)}
    coefficients |= {f"b_{name}": name for name in outline.coefficients}
    if coefficients:
        found.append(Block("heading", (f"Regression Coefficients{f' ({ratios.word(outline)}s)' if exp else ''}:",)))
        found.append(Block("table", rows=_rows(table, coefficients, head, ends, digits)))
    further = {name: name for name in families.of(outline).priors(outline) if name in table.index}
    if further:
        found.append(Block("heading", ("Further Distributional Parameters:",)))
        found.append(Block("table", rows=_rows(table, further, head, ends, digits)))
    if fit.estimates is not None:
        found.append(Block("heading", tuple(_wrap(fit.estimates.words))))
    judged = fit.convergence
    found.append(Block("good" if judged.ok else "bad", tuple(_wrap(judged.sentence))))
    found += [Block("bad", tuple(_wrap(alarm))) for alarm in draws.info.get("alarms", ()) if alarm not in judged.sentence]
    if draws.stopped:
        found.append(Block("bad", tuple(_wrap(f"Sampling stopped before it was asked to: {draws.stopped}."))))
    return [replace(block, lines=tuple(printable(line) for line in block.lines)) for block in found]


def _of_survey(fit: Fit, table: pd.DataFrame, level: float, ends: tuple[str, str]) -> pd.DataFrame:
    """The summary with estimates, standard errors and intervals of the survey; what has none of these is left out."""
    found = fit.estimates.table(level)
    table = table.loc[[name for name in table.index if name in found.index]].copy()
    for column, of_survey in (("mean", "estimate"), ("sd", "se"), (ends[0], "low"), (ends[1], "high")):
        table[column] = found[of_survey].reindex(table.index)
    return table


def text(fit: Fit) -> str:
    """The summary as plain text."""
    lines: list[str] = []
    for block in blocks(fit):
        if block.kind in ("heading", "good", "bad") and lines:
            lines.append("")
        lines += block.lines or align(block.rows)
    return "\n".join(lines)


def show(fit: Fit, file: TextIO | None = None) -> None:
    """Print the summary: with colours where ``file`` (standard output by default) is a terminal, else as plain text."""
    file = sys.stdout if file is None else file
    if not (hasattr(file, "isatty") and file.isatty()):
        print(text(fit), file=file)
        return
    from rich.console import Console
    from rich.text import Text

    styles = {"heading": "bold", "group": "cyan", "good": "green", "bad": "bold red"}
    console = Console(file=file, highlight=False, soft_wrap=True)
    for i, block in enumerate(blocks(fit)):
        if block.kind in ("heading", "good", "bad") and i:
            console.print()
        for n, line in enumerate(block.lines or align(block.rows)):
            console.print(Text(line, style="dim" if block.rows and n == 0 else styles.get(block.kind, "")))


def html(fit: Fit) -> str:
    """The summary for a notebook."""
    parts = ["<div class='gibbs-fit'>"]
    for block in blocks(fit):
        if block.rows:
            head, *body = block.rows
            cells = "".join(f"<th>{html_module.escape(cell)}</th>" for cell in head)
            parts.append(f"<table><thead><tr>{cells}</tr></thead><tbody>")
            for label, *numbers in body:
                cells = "".join(f"<td style='text-align:right'>{html_module.escape(number)}</td>" for number in numbers)
                parts.append(f"<tr><th style='text-align:left'>{html_module.escape(printable(label))}</th>{cells}</tr>")
            parts.append("</tbody></table>")
        else:
            words = "<br>".join(html_module.escape(line) for line in block.lines)
            parts.append(f"<p><b>{words}</b></p>" if block.kind in ("heading", "bad") else f"<p>{words}</p>")
    return "".join([*parts, "</div>"])


def arm(fit: Fit, digits: int = 2) -> str:
    """R arm's display(): posterior means and sds of the coefficients, then the error terms and the numbers of rows and levels.

    ``Std.Dev.`` and ``Corr`` are posterior means. Numbers have ``digits`` decimals, more where they would read as zero.
    """
    outline, table, variances = fit.outline, fit.summary(), fit.varcorr()
    rows: list[tuple[str, ...]] = [("", "coef.est", "coef.se")]
    for name in outline.coefficients:
        mean, sd = float(table.at[f"b_{name}", "mean"]), float(table.at[f"b_{name}", "sd"])
        places = decimals(sd, digits, significant=1)
        rows.append((as_in_r(name), number(mean, places), number(sd, places)))
    for name in names.cutpoint_names(outline):
        mean, sd = float(table.at[name, "mean"]), float(table.at[name, "sd"])
        places = decimals(sd, digits, significant=1)
        rows.append((name.removeprefix("b_"), number(mean, places), number(sd, places)))
    lines = [f"{fit.family}: {fit.spec.formula}", *align(tuple(rows))]
    terms = error_terms(variances, digits)
    if len(terms) > 1:
        lines += ["", "Error terms:", *(" " + line for line in align(tuple(terms), left=2))]
    sizes = "; ".join(f"{factor.name}, {factor.shown}" for factor in outline.factors)
    lines += ["---", f"number of obs: {outline.rows_used}" + (f", groups: {sizes}" if sizes else "")]
    return "\n".join(lines)


def error_terms(variances: pd.DataFrame, digits: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    widest = 0
    for group in dict.fromkeys(variances["grp"]):
        part = variances[variances["grp"] == group]
        sds = part[[second is None for second in part["var2"]]]
        correlations = {(a, b): value for a, b, value in zip(part["var1"], part["var2"], part["sdcor"], strict=True) if b is not None}
        columns = list(sds["var1"])
        for i, (column, sd) in enumerate(zip(columns, sds["sdcor"], strict=True)):
            row = ["" if i else group, as_in_r(column or ""), number(sd, decimals(sd, digits, significant=1))]
            row += [number(correlations[earlier, column], digits) for earlier in columns[:i] if (earlier, column) in correlations]
            widest = max(widest, len(row) - 3)
            rows.append(tuple(row))
    head = ("Groups", "Name", "Std.Dev.", *(["Corr"] if widest else []), *[""] * (widest - 1))
    return [head, *(row + ("",) * (len(head) - len(row)) for row in rows)]


def as_in_r(name: str) -> str:
    return "(Intercept)" if name == "Intercept" else name


# ---------------------------------------------------------------------------------------------------------------- pieces


def _header(fit: Fit, chains: int, kept: int) -> list[str]:
    outline, warmup = fit.outline, fit.arrays.warmup
    family = families.of(outline)
    links = "; ".join([f"mu = {family.link}", *(f"{name} = identity" for name in family.priors(outline))])
    lines = [f" Title: {fit.spec.title}"] if fit.spec.title else []
    lines += [
        f" Family: {family.brms or family.name}",
        f"  Links: {links}",
        *_wrap(f"Formula: {fit.spec.formula}", "         "),
        f"   Data: {fit.source or 'data'} (Number of observations: {outline.rows_used:,})",
    ]
    if outline.rows_read != outline.rows_used:
        outside = f", {outline.outside:,} outside the subset" if outline.outside else ""
        by_column = ", ".join(f"{column} {count:,}" for column, count in outline.dropped.items() if count)
        lost = outline.rows_read - outline.outside - outline.rows_used
        missing = f": missing {by_column}" if by_column else ""
        lines += _wrap(f"   Rows: {outline.rows_read:,} read{outside}, {lost:,} dropped{missing}", "         ")
        if outline.outside:
            lines += _wrap(f" Subset: {fit.spec.data.subset}", "         ")
    if outline.survey:
        lines += _wrap(f"Weights: {outline.survey}", "         ")
    if outline.categories:
        lines += _wrap(f"Outcome: {outline.outcome} = {' < '.join(outline.categories)}", "         ")
    if outline.outcome_labels:
        lines.append(f"Outcome: {outline.outcome} = {outline.outcome_labels[1]} (against {outline.outcome_labels[0]})")
    how = fit.arrays.info.get("to_precision") or {"draws_a_chain": kept, "every": 1}
    iterations, thin = warmup + how["draws_a_chain"], how["every"]
    lines.append(f"  Draws: {chains} chain{'s' * (chains != 1)}, each with iter = {iterations}; warmup = {warmup}; thin = {thin};")
    lines.append(f"         total post-warmup draws = {chains * kept}")
    return lines


def _rows(
    table: pd.DataFrame | Grid, labels: dict[str, str], head: tuple[str, ...], ends: tuple[str, str], digits: int
) -> tuple[tuple[str, ...], ...]:
    rows: list[tuple[str, ...]] = [("", *head)]
    for name, label in labels.items():
        if name not in table.index:
            continue
        mean, sd, low, high, rhat, bulk, tail = (
            float(table.at[name, column]) for column in ("mean", "sd", *ends, "rhat", "ess_bulk", "ess_tail")
        )
        places = decimals(sd, digits, significant=2)
        numbers = [number(value, places) for value in (mean, sd, low, high)]
        rows.append((label, *numbers, rhat_text(rhat), *(count_text(value) for value in (bulk, tail))))
    return tuple(rows)


def decimals(sd: float, least: int, significant: int) -> int:
    """Decimals that show ``significant`` digits of ``sd``, and no fewer than ``least``."""
    if not math.isfinite(sd) or sd <= 0:
        return least
    shown = max(0, significant - 1 - math.floor(math.log10(sd)))
    if shown > least and round(sd * 10**least, 8) >= 10 ** (significant - 1):  # 0.0999… needs no digit more than 0.10 does
        shown = least
    return max(least, shown)


def rhat_text(value: float) -> str:
    """Two decimals as brms; three where two would hide that the limit of 1.01 is passed."""
    if math.isnan(value):
        return "–"
    return f"{value:.2f}" if value <= 1.01 or value >= 1.1 else f"{value:.3f}"


def count_text(value: float) -> str:
    return f"{value:.0f}" if math.isfinite(value) else "–"


def _wrap(words: str, indent: str = "") -> list[str]:
    return wrap.lines(words, min(wrap.width(sys.stdout, _WIDTH), _WIDTH), "", indent)
