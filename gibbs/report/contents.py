"""What a report says, section by section, as plain parts: words, tables, equations, pictures. No HTML here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gibbs.columns import number
from gibbs.draws import diagnostics, names
from gibbs.errors import GibbsError
from gibbs.model import laws
from gibbs.model.families import COUNT, of
from gibbs.model.records import Design
from gibbs.numerals import plain
from gibbs.report import letters, pictures
from gibbs.summaries import display

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.model import equations
    from gibbs.posterior.fit import Fit

SHOWN = 300
"""Random effects listed under convergence; of more, those known least well."""


@dataclass(frozen=True)
class Words:
    """A paragraph. tone : "", "good", "bad" or "note"."""

    text: str
    tone: str = ""
    kind: str = "words"


@dataclass(frozen=True)
class Grid:
    """A table: the first ``left`` cells of a row are labels. fold : a heading under which it is shown when asked for."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    left: int = 1
    fold: str = ""
    kind: str = "grid"


@dataclass(frozen=True)
class Equations:
    """The lines of one level; each line is pieces of (text, index). small : in columns, as what the letters stand for."""

    heading: str
    lines: tuple[list[tuple[str, str]], ...]
    small: bool = False
    kind: str = "equations"


@dataclass(frozen=True)
class Listing:
    """Text that keeps its lines."""

    text: str
    fold: str = ""
    kind: str = "listing"


@dataclass(frozen=True)
class Picture:
    """source : a data: URI; words : what it shows, for those who cannot see it."""

    source: str
    words: str
    kind: str = "picture"


Part = Words | Grid | Equations | Listing | Picture


@dataclass(frozen=True)
class Section:
    """One heading of the report and what stands under it. name : for links within the page."""

    name: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Page:
    """The whole report."""

    title: str
    lines: tuple[str, ...]
    verdict: Words
    sections: tuple[Section, ...]
    foot: str


def gather(fit: Fit, folder: Path | None = None) -> Page:
    """Everything the report of ``fit`` says. folder : where it will be."""
    design, why = _rows(fit)
    judged = fit.convergence
    if fit.arrays.stopped:
        verdict = Words(f"Sampling stopped before it was asked to: {fit.arrays.stopped}. {judged.sentence}", "bad")
    else:
        verdict = Words(judged.sentence, "good" if judged.ok else "bad")
    lost = () if design is not None else (Words(f"Parts of this section need the rows of the data: {why}", "note"),)
    sections = (
        Section("model", "The model", (*_model(fit, design), *lost)),
        Section("data", "The data", (*_data(fit, design), *lost)),
        Section("groups", "Groups", tuple(_groups(fit, design))),
        Section("priors", "Priors", (*_priors(fit, design), *lost)),
        Section("results", "Results", tuple(_results(fit))),
        Section("shares", "Shares of the variance", tuple(_shares(fit))),
        Section("pictures", "Pictures", tuple(_pictures(fit, design, why))),
        Section("convergence", "Convergence", (verdict, *_convergence(fit))),
        Section("reproduce", "How to reproduce it", tuple(_reproduce(fit, folder))),
    )
    chains, kept = fit.arrays.beta.shape[:2]
    lines = (
        *((fit.spec.formula,) if fit.spec.title else ()),
        f"{chains} chains of {kept:,} draws each, after {fit.arrays.warmup:,} sweeps of warm-up",
    )
    from gibbs.version import __version__

    made = fit.made.get("created")
    foot = f"Written by gibbs {__version__}" + (f"; the run is of {made}." if made else ".")
    return Page(fit.spec.title or fit.spec.formula, lines, verdict, sections, foot)


def _rows(fit: Fit) -> tuple[Design | None, str]:
    """The Design, or why it cannot be had."""
    try:
        return fit.design, ""
    except GibbsError as error:
        return None, error.message


# ----------------------------------------------------------------------------------------------------- before the draws


def _model(fit: Fit, design: Design | None) -> Iterator[Part]:
    from gibbs import preview
    from gibbs.model.equations import write

    if design is None:
        yield Listing(fit.spec.formula)
        yield Words(f"Family {fit.family}" + (f", link {fit.outline.link}." if fit.outline.link else "."))
        return
    yield Words(_sentence(preview.family_sentence(design)))
    model = write(design)
    for level in model.levels:
        lines = [*(_one_line(equation) for equation in level.equations), *level.laws]
        yield Equations(level.heading, tuple(letters.set_low(line) for line in lines))
    yield Equations(
        "In the tables of results", tuple([*letters.set_low(letter), (f"  {name}", "")] for letter, name in model.symbols), small=True
    )


def _one_line(equation: equations.Equation) -> str:
    """The equation, and after a wider space the law of its error."""
    return f"{equation.left} = {' + '.join(equation.terms) or '0'}" + (f",\u2003{equation.law}" if equation.law else "")


def _data(fit: Fit, design: Design | None) -> Iterator[Part]:
    from gibbs import preview

    outline = fit.outline
    lost = outline.rows_read - outline.outside - outline.rows_used
    outside = f" {outline.outside:,} outside the subset ({fit.spec.data.subset})," if outline.outside else ""
    yield Words(f"{fit.source or 'Data'}: {outline.rows_read:,} rows read,{outside} {outline.rows_used:,} used, {lost:,} dropped.")
    dropped = tuple((column, f"{count:,}") for column, count in outline.dropped.items() if count)
    if dropped:
        yield Grid(("column", "rows"), dropped, "Rows dropped for a value that is missing there; a row may count in several columns.")
    if design is not None:
        yield Words(_sentence(preview.outcome_sentence(design)))
        if design.missing_outcome is not None:
            yield Words(f"In {int(design.missing_outcome.sum()):,} rows the outcome is missing, and is drawn with the parameters.")
        if outline.survey:
            yield Words(_sentence(outline.survey))
        if design.way is not None:
            yield Words(f"{design.way.words[0].upper()}{design.way.words[1:]}.")
        if design.weights is not None and fit.spec.parsed.frequency is not None:
            yield Words(f"With their frequency weights the rows stand for {int(design.weights.sum()):,}.")
    for note in _warnings(fit, design):
        yield Words(_stopped(note), "note")


def _warnings(fit: Fit, design: Design | None) -> list[str]:
    from gibbs.model import structure

    return list(fit.outline.notes) if design is None else [str(warning) for warning in structure.warnings(design)]


def _groups(fit: Fit, design: Design | None) -> Iterator[Part]:
    from gibbs.model import structure

    factors = fit.outline.factors
    if not factors:
        yield Words("None: an ordinary regression.")
        return
    rows = tuple(
        (f.name, ", ".join(f.columns), f"{len(f.levels):,}", f"{f.sizes.min():,}", f"{np.median(f.sizes):,g}", f"{f.sizes.max():,}")
        for f in factors
    )
    yield Grid(("factor", "what varies", "levels", "rows a level: smallest", "median", "largest"), rows, left=2)
    for f in factors:
        if text := structure.groups_of_levels(f):
            yield Words(_stopped(text))
    if design is not None:
        for pair in structure.describe(design).pairs:
            yield Words(_stopped(str(pair)))


def _priors(fit: Fit, design: Design | None) -> Iterator[Part]:
    from gibbs import preview
    from gibbs.model.priors import describe

    if design is not None:
        found = list(preview.all_priors(fit.spec, design))
    else:
        found = [pair for factor in fit.outline.factors for term in factor.terms for pair in preview.term_priors(factor.name, term)]
        found += [(f"{laws.of(f).parameter}[{f.name}]", laws.own_prior(f)) for f in fit.outline.factors if laws.of(f).parameter]
        found += of(fit.outline).priors(fit.outline).items()
        if fit.outline.cutpoint_prior is not None:
            found.append(("cutpoints", fit.outline.cutpoint_prior))
    at = {} if design is None else preview.applies(design)
    rows = tuple(
        (label, describe(prior, label), "; ".join(filter(None, (preview.prior_source(prior), at.get(label))))) for label, prior in found
    )
    if rows:
        yield Grid(("on", "prior", "source"), rows, "Scales are standard deviations, on the scale of the linear predictor.", left=3)
    if design is None:
        yield Words("The priors of the coefficients are in the spec below; default scales depend on the data.")
        return
    if any(prior.source == "default" for _, prior in found):
        yield Words(preview.default_rule(design))
    if design.intercept is not None:
        yield Words(preview.intercept_sentence(design))


# ------------------------------------------------------------------------------------------------------ after the draws


def _results(fit: Fit) -> Iterator[Part]:
    """The blocks of the summary, as ``gibbs summary`` prints them."""
    caption = ""
    for block in display.blocks(fit):
        if block.kind == "heading":
            caption = block.lines[0].removesuffix(":")
        elif block.kind == "group":
            caption = block.lines[0].removeprefix("~")
        elif block.kind == "table":
            head, *rows = block.rows
            yield Grid(tuple(head), tuple(tuple(row) for row in rows), caption)
    scale = "" if not of(fit.outline).is_discrete else ", on the scale of the linear predictor"
    yield Words(f"Posterior means (Estimate) and standard deviations (Est.Error){scale}, with equal-tailed 95 % intervals.")
    if sentence := linear_probability(fit):
        yield Words(sentence)


def linear_probability(fit: Fit) -> str:
    """What has to be said of a model for real numbers whose outcome is 0 or 1; empty of any other."""
    if of(fit.outline).is_discrete or fit.observed is None or set(np.unique(fit.observed[0])) != {0.0, 1.0}:
        return ""
    name = fit.outline.outcome
    return (
        f"{name} is 0 or 1 and the family {fit.family}: a linear probability model. Coefficients are differences in Pr({name} = 1), so "
        "that 0.05 is five percentage points; fitted values may lie outside 0 to 1, and sigma stands for √(p(1 − p)), which is not the "
        "same in all rows, so that intervals are approximate. family: logit and family: probit stay within 0 to 1; gibbs effects gives "
        "their differences in probability."
    )


def _explained(fit: Fit) -> Iterator[Part]:
    """R², where the rows are at hand."""
    try:
        found = fit.r2()
    except GibbsError as error:
        yield Words(f"R² is not to be had: {error.message}", "note")
        return
    yield _numbers(found, "R² (Gelman et al. 2019): the share of the variance of the outcome that fitted values have")
    marginal = "; marginal: by the predictors alone" if "marginal" in found.index else ""
    yield Words(f"conditional: by predictors and the groups' effects{marginal}.")


def _shares(fit: Fit) -> Iterator[Part]:
    if not fit.outline.factors:
        yield Words("No grouping factor, no shares.")
        yield from _explained(fit)
        return
    try:
        yield _numbers(fit.variance_shares(), "Shares of the variance (ICC)" + _latent(fit))
    except GibbsError as error:
        yield Words(f"Not to be had: {error.message}", "note")
        return
    family = of(fit.outline)
    if family.is_share or family.outcome == COUNT:
        yield Words("gibbs shares has the shares on the scale of the outcome itself as well.")
    yield from _explained(fit)


def _latent(fit: Fit) -> str:
    return "" if not of(fit.outline).is_discrete else ", on the latent scale, that of the linear predictor"


def _numbers(frame: pd.DataFrame, caption: str) -> Grid:
    rows = []
    for label, row in zip(frame.index, frame.to_numpy(float), strict=True):
        cells = ("–" if np.isnan(value) else number(float(value), 3) for value in row)
        rows.append((str(label), *cells))
    return Grid(("", *map(str, frame.columns)), tuple(rows), caption)


def _pictures(fit: Fit, design: Design | None, why: str) -> Iterator[Part]:
    from gibbs.plots import timeline

    wanted = [("coefficients", "Coefficients with 50 % and 95 % intervals", {})]
    if fit.outline.factors:
        wanted.append(("ranef", "Effects of the levels of each grouping factor, sorted, with 50 % and 95 % intervals", {}))
    if any(timeline.is_ordered(factor) for factor in fit.outline.factors):
        wanted.append(("time", "Effects along time, with bands", {}))
    wanted.append(("priors", "Prior against posterior of each standard deviation and correlation", {}))
    if design is not None:
        wanted.append(("ppc", "What the model predicts against what was observed", {}))
    worst = pictures.worst(fit)
    if worst:
        wanted.append(("trace", "Traces and ranks of the parameters known least well", {"parameters": worst}))
    for kind, words, options in wanted:
        source, problem = pictures.draw(fit, kind, **options)
        yield Picture(source, words) if source else Words(f"{words}: not drawn, for {problem}", "note")
    if design is None:
        yield Words(f"The predictive check needs the rows of the data: {why}", "note")


def _convergence(fit: Fit) -> Iterator[Part]:
    yield Words(
        "R-hat compares the chains with each other (1 is perfect); ESS is the number of independent draws that would tell as much, of the "
        "mean (bulk) and of the tails; MCSE is the Monte Carlo standard error of the mean. The limits are those of Vehtari et al. (2021)."
    )
    alarms = fit.arrays.info.get("alarms", ())
    for alarm in alarms:
        yield Words(str(alarm), "bad")
    head = ("parameter", "R-hat", "bulk ESS", "tail ESS", "MCSE of the mean", "sd")
    table = fit.summary()
    columns = ("rhat", "ess_bulk", "ess_tail", "mcse_mean", "sd")
    yield Grid(head, tuple((name, *_diagnosed(row)) for name, row in zip(table.index, table[list(columns)].to_numpy(float), strict=True)))
    labels = np.array(names.ranef_names(fit.outline), dtype=object)
    if not len(labels):
        return
    effects = fit.ranef(summary=True)
    least = np.fmin(effects["ess_bulk"].to_numpy(float), effects["ess_tail"].to_numpy(float))
    chosen = np.arange(len(labels))
    title = f"All {len(labels):,} random effects"
    if len(labels) > SHOWN:
        chosen = np.sort(np.argsort(np.where(np.isnan(least), 0.0, least), kind="stable")[:SHOWN])
        title = f"{SHOWN} of {len(labels):,} random effects, those with the smallest effective sample sizes; ranef.csv has all"
    try:
        mcse = diagnostics.diagnose(np.ascontiguousarray(fit.arrays.u[:, :, chosen])).mcse_mean
    except GibbsError:  # effects that were summarised as they were drawn have none
        mcse = np.full(len(chosen), np.nan)
    numbers = np.column_stack((effects[["rhat", "ess_bulk", "ess_tail"]].to_numpy(float)[chosen], mcse, effects["sd"].to_numpy()[chosen]))
    yield Grid(head, tuple((str(labels[j]), *_diagnosed(row)) for j, row in zip(chosen, numbers, strict=True)), fold=title)


def _diagnosed(row: np.ndarray) -> tuple[str, ...]:
    rhat, bulk, tail, mcse, sd = (float(value) for value in row)
    shown = "–" if np.isnan(rhat) else f"{rhat:.3f}"
    return (shown, display.count_text(bulk), display.count_text(tail), _short(mcse), _short(sd))


def _short(value: float) -> str:
    """Three digits."""
    return "–" if not np.isfinite(value) else plain(value, 3)


def _reproduce(fit: Fit, folder: Path | None) -> Iterator[Part]:
    from gibbs.model import spec
    from gibbs.runfolder import runfolder

    sampling = fit.spec.sampling
    yield Words("Save the spec below as spec.yaml beside this report (a run folder has it there already) and run it:")
    if not fit.spec.data.named:
        yield Listing('gibbs.fit("spec.yaml", table)')
        yield Words("in Python, for the data were a table there, and no file.")
    else:
        yield Listing("gibbs run spec.yaml --out again")
    yield Words("The same spec, data and versions give the same draws, bit for bit. The data have to be those with this fingerprint.")
    versions = fit.made.get("versions") or runfolder.versions()
    rows = [
        ("seed", str(sampling.seed)),
        ("chains, warm-up, draws", f"{sampling.chains}, {fit.arrays.warmup:,}, {fit.arrays.beta.shape[1]:,}"),
        ("data", fit.source or "–"),
        ("sha256 of the columns used", fit.fingerprint or "–"),
        *versions.items(),
    ]
    seconds = [f"{stage} {value:.2f}" for stage, value in fit.timings.items() if value >= 0.005]
    if seconds:
        rows.append(("seconds", ", ".join(seconds)))
    yield Grid(("what", "which"), tuple(rows), left=2)
    if fit.plan is not None:
        yield Listing("\n".join(fit.plan.lines), fold="The sampler, block by block")
    yield Listing(spec.to_yaml(fit.spec, folder=folder), fold="The resolved spec")


def _sentence(text: str) -> str:
    """With a capital and a full stop; of what begins with a word of ours (names of the user's stay as they are)."""
    return _stopped(text[:1].upper() + text[1:])


def _stopped(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
