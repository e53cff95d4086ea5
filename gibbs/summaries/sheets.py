"""What a table of one or several fits says: headings, words, and rows of cells, before they are set for a terminal or a page.

Styles: ``brms`` (summary() of brms), ``lme4`` (print() of an lmer fit), ``display`` (display() of arm). Several fits go side by side, as
journals print them: a row a parameter, an interval or a standard error below each estimate, then sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gibbs.columns import number
from gibbs.draws import names, selection
from gibbs.errors import SpecError
from gibbs.model import families, laws
from gibbs.posterior import intervals, ratios, variances
from gibbs.summaries import display
from gibbs.summaries.display import as_in_r, decimals

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit

Row = tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One part of a table. kind: "heading", "group" (a heading below another), "words" or "verdict" (on the draws), each with ``lines``, or
    "table": ``rows``, the first of them the head; None is a rule.

    left : so many columns are flush left. The first cell of a row is its label.
    """

    kind: str
    lines: tuple[str, ...] = ()
    rows: tuple[Row | None, ...] = ()
    left: int = 1


@dataclass(frozen=True)
class Options:
    """What a person may choose. ``level`` None: 0.95, where the style has an interval of itself."""

    level: float | None = None
    interval: str = "equal"
    parameters: tuple[str, ...] | None = None
    below: str = "interval"
    digits: int = 2
    exp: bool = False

    @property
    def of(self) -> float:
        """The level in force."""
        return 0.95 if self.level is None else self.level


# ------------------------------------------------------------------------------------------------------------------ brms


def brms(fit: Fit, options: Options) -> list[Part]:
    """brms' summary; with ``parameters``, its rows for these alone, and a part for random effects among them."""
    found = [_part(block) for block in display.blocks(fit, options.of, options.interval, options.digits, options.exp)]
    if options.parameters is None:
        return found
    table = _chosen(fit, options)
    ends = intervals.column_names(options.of, options.interval)
    head = ("", "Estimate", "Est.Error", *intervals.heading(options.of, options.interval), "Rhat", "Bulk_ESS", "Tail_ESS")
    rows: list[Row | None] = [head]
    for name, row in table.iterrows():
        places = decimals(row["sd"], options.digits, significant=2)
        cells = [number(row[column], places) for column in ("mean", "sd", *ends)]
        rows.append(
            (str(name), *cells, display.rhat_text(row["rhat"]), display.count_text(row["ess_bulk"]), display.count_text(row["ess_tail"]))
        )
    return [found[0], Part("heading", ("Parameters:",)), Part("table", rows=tuple(rows)), *[p for p in found if p.kind == "verdict"]]


def _part(block: display.Block) -> Part:
    if block.rows:
        return Part("table", rows=block.rows)
    return Part("verdict" if block.kind in ("good", "bad") else block.kind, block.lines)


def _chosen(fit: Fit, options: Options) -> pd.DataFrame:
    """The rows of the summary and of the random effects that ``parameters`` names; ends of the interval under their column names."""
    import pandas as pd

    summary = fit.summary(options.of, options.interval, options.exp)
    effects = names.ranef_names(fit.outline)
    places = selection.pick(options.parameters or ("*",), (*summary.index, *effects))
    known, wanted = len(summary), [p - len(summary) for p in places if p >= len(summary)]
    chosen = summary.iloc[[p for p in places if p < known]].drop(columns=["mcse_mean"])
    if not wanted:
        return chosen
    table = fit.ranef(summary=True).iloc[wanted]
    draws = fit.arrays.u.reshape(-1, fit.arrays.u.shape[2])[:, wanted]
    low, high = intervals.interval(draws, options.of, options.interval)
    table = table.drop(columns=["group", "level", "term", "q2.5", "q97.5"]).set_axis([effects[w] for w in wanted], axis=0)
    first, last = intervals.column_names(options.of, options.interval)
    return pd.concat([chosen, table.assign(**{first: low, last: high})]) if len(chosen) else table.assign(**{first: low, last: high})


# ----------------------------------------------------------------------------------------------------------- lme4 and arm


def lme4(fit: Fit, options: Options) -> list[Part]:
    """The print of an lmer fit: Random effects (Groups, Name, Variance, Std.Dev., Corr), sizes, Fixed effects (Estimate, Std. Error).

    All are posterior means and sds, so the variance is a little above the square of the sd. With a level, the interval follows.
    """
    outline = fit.outline
    chains, kept = fit.arrays.beta.shape[:2]
    link = families.of(outline).link
    parts = [
        Part(
            "words",
            (
                f"Multilevel model fit by Gibbs sampling ({chains} chains of {kept:,} draws); posterior means",
                f" Family: {'binomial' if families.of(outline).outcome == families.BINARY else outline.family}  ( {link} )",
                f"Formula: {fit.spec.formula}",
                f"   Data: {fit.source or 'data'}",
            ),
        )
    ]
    if outline.factors or outline.sigma_prior is not None:
        parts += [Part("heading", ("Random effects:",)), Part("table", rows=_error_terms(fit, options), left=2)]
    sizes = "; ".join(f"{factor.name}, {factor.shown}" for factor in outline.factors)
    parts.append(Part("words", (f"Number of obs: {outline.rows_used}" + (f", groups:  {sizes}" if sizes else ""), *_heavy(fit))))
    for heading, wanted in (
        (f"Fixed effects{_ratios(fit, options)}:", {f"b_{name}": as_in_r(name) for name in outline.coefficients}),
        ("Threshold coefficients:", {name: name.removeprefix("b_") for name in names.cutpoint_names(outline)}),
        ("Further parameters:", {name: name for name in families.of(outline).priors(outline) if name != "sigma"}),
    ):
        if wanted:
            parts += [Part("heading", (heading,)), Part("table", rows=_estimates(fit, wanted, ("Estimate", "Std. Error"), options))]
    return parts + _doubts(fit)


def arm(fit: Fit, options: Options) -> list[Part]:
    """arm's display: coef.est and coef.se, Error terms (Groups, Name, Std.Dev., Corr), sizes."""
    outline = fit.outline
    wanted = {f"b_{name}": as_in_r(name) for name in outline.coefficients}
    wanted |= {name: name.removeprefix("b_") for name in names.cutpoint_names(outline)}
    parts = [Part("words", (f"{outline.family}: {fit.spec.formula}{_ratios(fit, options)}",))]
    parts.append(Part("table", rows=_estimates(fit, wanted, ("coef.est", "coef.se"), options)))
    terms = display.error_terms(fit.varcorr(), options.digits)
    if len(terms) > 1:
        parts += [Part("heading", ("Error terms:",)), Part("table", rows=tuple(terms), left=2)]
    sizes = "; ".join(f"{factor.name}, {factor.shown}" for factor in outline.factors)
    counts = f"number of obs: {outline.rows_used}" + (f", groups: {sizes}" if sizes else "")
    return [*parts, Part("words", ("---", counts, *_heavy(fit))), *_doubts(fit)]


def _heavy(fit: Fit) -> tuple[str, ...]:
    """A sentence on factors whose effects are Student-t: what lme4's columns hold of them."""
    found = []
    for factor in fit.outline.factors:
        df = variances.degrees_of_freedom(fit.arrays, fit.outline, factor)
        if df is not None:
            mean = number(float(df.mean()), 1)
            law = laws.of(factor)
            found.append(f"Effects of {factor.name}: {law.label}, {law.parameter} {mean}; {law.scales}")
    return tuple(found)


def _error_terms(fit: Fit, options: Options) -> tuple[Row, ...]:
    """display.error_terms with the variances."""
    found = fit.varcorr()
    rows = display.error_terms(found, options.digits)
    alone = found[[second is None for second in found["var2"]]]
    values = [number(v, decimals(v, options.digits, significant=2)) for v in alone["vcov"]]
    return (
        (rows[0][0], rows[0][1], "Variance", *rows[0][2:]),
        *((row[0], row[1], value, *row[2:]) for row, value in zip(rows[1:], values, strict=True)),
    )


def _estimates(fit: Fit, wanted: dict[str, str], head: tuple[str, str], options: Options) -> tuple[Row, ...]:
    """Estimates and standard errors, with the interval where a level was asked for."""
    with_interval = options.level is not None or options.interval != "equal"
    table = fit.summary(options.of, options.interval, options.exp)
    ends = intervals.column_names(options.of, options.interval) if with_interval else ()
    rows: list[Row] = [("", *head, *(intervals.heading(options.of, options.interval) if with_interval else ()))]
    for name, label in wanted.items():
        row = table.loc[name]
        places = decimals(row["sd"], options.digits, significant=2 if head[0] == "Estimate" else 1)
        rows.append((label, *(number(row[column], places) for column in ("mean", "sd", *ends))))
    return tuple(rows)


def _ratios(fit: Fit, options: Options) -> str:
    """What a heading adds where coefficients are ratios."""
    return f" ({ratios.word(fit.outline)}s)" if options.exp else ""


def _doubts(fit: Fit) -> list[Part]:
    """A sentence where the draws are not to be trusted."""
    judged = fit.convergence
    words = [] if judged.ok else [judged.sentence]
    if fit.arrays.stopped:
        words.append(f"Sampling stopped before it was asked to: {fit.arrays.stopped}.")
    return [Part("verdict", (sentence,)) for sentence in words]


# ---------------------------------------------------------------------------------------------------------- side by side


def side_by_side(fits: Sequence[Fit], labels: Sequence[str], options: Options) -> list[Part]:
    """A column a fit: estimates with an interval or a standard error below, then rows and levels, then notes."""
    numbers = [f"({i})" for i in range(1, len(fits) + 1)]
    tables = [(fit.summary(options.of, options.interval, options.exp), names.fixed_values(fit.outline)) for fit in fits]
    rows: list[Row | None] = [("", *numbers)]
    if any(labels):
        rows.append(("", *labels))
    outcomes = [fit.outline.outcome for fit in fits]
    if len(set(outcomes)) > 1:
        rows.append(("Outcome", *outcomes))
    kinds = [_kind(fit) for fit in fits]
    if len(set(kinds)) > 1:
        rows.append(("Family", *kinds))
    head = len(rows)
    order = _order(fits, options)
    for group in order:
        if len(rows) > head or head > 1:
            rows.append(None)
        for name, label in group.items():
            estimates, below = zip(*(_cell(table, fixed, name, options) for table, fixed in tables), strict=True)
            rows += [(label, *estimates), ("", *below)]
    rows.append(None)
    rows.append(("N", *(f"{fit.outline.rows_used:,}" for fit in fits)))
    for name in dict.fromkeys(factor.name for fit in fits for factor in fit.outline.factors):
        sizes = [{f.name: f"{f.shown:,}" for f in fit.outline.factors}.get(name, "") for fit in fits]
        rows.append((f"Levels of {name}", *sizes))
    return [Part("table", rows=tuple(rows)), Part("words", tuple(_notes(fits, numbers, options)))]


def _kind(fit: Fit) -> str:
    family = families.of(fit.outline)
    return fit.family if family.link == family.links[0] else f"{fit.family} ({family.link})"


def _order(fits: Sequence[Fit], options: Options) -> list[dict[str, str]]:
    """The parameters in the order of the rows, in groups with a rule between: coefficients and cutpoints; the rest."""
    fixed: dict[str, str] = {}
    varying: dict[str, str] = {}
    last: dict[str, str] = {}
    for fit in fits:
        outline = fit.outline
        fixed |= {f"b_{name}": name for name in outline.coefficients}
        fixed |= {name: name.removeprefix("b_") for name in names.cutpoint_names(outline)}
        for factor in outline.factors:
            varying |= {name: f"{label} {factor.name}" for name, label in names.varying_labels(factor, ", ").items()}
        last |= {name: name for name in families.of(outline).priors(outline)}
    everything = fixed | varying | last
    if options.parameters is not None:
        labels = list(everything)
        chosen = {labels[i] for i in selection.pick(options.parameters, labels)}
    else:
        chosen = set(everything)
    groups = [{name: label for name, label in group.items() if name in chosen} for group in (fixed, varying | last)]
    return [group for group in groups if group]


def _cell(table: pd.DataFrame, fixed: Mapping[str, float], name: str, options: Options) -> tuple[str, str]:
    """An estimate and what stands below it; empty where the fit has no such parameter."""
    if name not in table.index:
        return "", ""
    row = table.loc[name]
    if name in fixed:
        return number(row["mean"], options.digits), "(fixed)"
    places = decimals(row["sd"], options.digits, significant=1)
    if options.below == "se":
        return number(row["mean"], places), f"({number(row['sd'], places)})"
    low, high = (number(row[column], places) for column in intervals.column_names(options.of, options.interval))
    return number(row["mean"], places), f"[{low}, {high}]"


def _notes(fits: Sequence[Fit], numbers: Sequence[str], options: Options) -> list[str]:
    percent = f"{100 * options.of:.6g}%"
    below = {
        "se": "posterior standard deviations in parentheses",
        "interval": f"{percent} {'equal-tailed' if options.interval == 'equal' else 'highest-density'} intervals in brackets",
    }[options.below]
    lines = [f"Posterior means; {below}."]
    if options.exp:
        lines.append(f"Coefficients are {' or '.join(sorted({ratios.word(fit.outline) for fit in fits}))}s, exp of the posterior means.")
    families = {_kind(fit) for fit in fits}
    for label, fit in zip(numbers, fits, strict=True):
        lines.append(f"{label} {fit.spec.formula}" + ("" if len(families) > 1 else f", {_kind(fit)}"))
    for label, fit in zip(numbers, fits, strict=True):
        if not fit.convergence.ok:
            lines.append(f"{label} {fit.convergence.sentence}")
        if fit.arrays.stopped:
            lines.append(f"{label} Sampling stopped before it was asked to: {fit.arrays.stopped}.")
    return lines


# ------------------------------------------------------------------------------------------------------------------- csv


def records(fits: Sequence[Fit], labels: Sequence[str], style: str, options: Options) -> pd.DataFrame:
    """The table as one rectangle of plain numbers, for programs.

    brms: the summary. lme4, display: effect, group, term, estimate, std.error (and conf.low, conf.high with a level), terms named as
    broom.mixed does: ``sd__(Intercept)``, ``cor__(Intercept).x``, ``sd__Observation``. Several fits: one below the other, with the
    column ``model`` first, and rows ``N`` and ``N_g``.
    """
    import pandas as pd

    made = [_one_record(fit, style, options) for fit in fits]
    if len(fits) == 1:
        return made[0]
    for i, (fit, label) in enumerate(zip(fits, labels, strict=True)):
        first, value = ("parameter", "mean") if style == "brms" else ("term", "estimate")
        sizes = {"N": fit.outline.rows_used, **{f"N_{f.name}": f.shown for f in fit.outline.factors}}
        made[i] = pd.concat([made[i], pd.DataFrame({first: list(sizes), value: [float(n) for n in sizes.values()]})], ignore_index=True)
        made[i].insert(0, "model", label if labels.count(label) == 1 and label else f"({i + 1}) {label}".strip())
    return pd.concat(made, ignore_index=True)


def _one_record(fit: Fit, style: str, options: Options) -> pd.DataFrame:
    import pandas as pd

    if style == "brms":
        table = fit.summary(options.of, options.interval, options.exp) if options.parameters is None else _chosen(fit, options)
        return table.rename_axis("parameter").reset_index()
    outline, table = fit.outline, fit.summary(options.of, options.interval, options.exp)
    rows = [("fixed", "", as_in_r(name), f"b_{name}") for name in outline.coefficients]
    rows += [("fixed", "", name.removeprefix("b_"), name) for name in names.cutpoint_names(outline)]
    for factor in outline.factors:
        for term in factor.terms:
            group = f"{factor.name}:{term.group}" if term.group else factor.name
            rows += [("ran_pars", group, f"sd__{as_in_r(c)}", names.sd_name(factor.name, c, term.group)) for c in term.columns]
        for term in factor.terms:
            group = f"{factor.name}:{term.group}" if term.group else factor.name
            for a, b in names.correlation_pairs(term):
                name = names.correlation_name(factor.name, a, b, term.group)
                rows.append(("ran_pars", group, f"cor__{as_in_r(a)}.{as_in_r(b)}", name))
        rows += [("ran_pars", factor.name, own, names.own_name(factor))] if (own := laws.of(factor).parameter) else []
    if outline.sigma_prior is not None:
        rows.append(("ran_pars", "Residual", "sd__Observation", "sigma"))
    rows += [("aux", "", name, name) for name in families.of(outline).priors(outline) if name != "sigma"]
    frame = pd.DataFrame([row[:3] for row in rows], columns=["effect", "group", "term"])
    found = table.loc[[row[3] for row in rows]]
    frame["estimate"], frame["std.error"] = found["mean"].to_numpy(), found["sd"].to_numpy()
    if options.level is not None or options.interval != "equal":
        low, high = intervals.column_names(options.of, options.interval)
        frame["conf.low"], frame["conf.high"] = found[low].to_numpy(), found[high].to_numpy()
    return frame


def rounded(table: pd.DataFrame, digits: int) -> pd.DataFrame:
    """``records`` as text with at least so many decimals: those that show the posterior sd of a row's parameter, as elsewhere."""
    spread = next(name for name in ("sd", "std.error") if name in table.columns)
    places = [decimals(sd, digits, significant=2) if sd == sd else digits for sd in table[spread]]
    out = table.astype(object)
    for name in table.columns:
        if name in ("ess_bulk", "ess_tail"):
            out[name] = ["" if v != v else display.count_text(v) for v in table[name]]
        elif table[name].dtype.kind == "f":
            at_least = 3 if name == "rhat" else 0
            sizes = table.get("parameter", table.get("term")).astype(str).str.match(r"N(_|$)") & table[spread].isna()
            out[name] = [
                "" if v != v else f"{v:.0f}" if size else number(v, max(p, at_least))
                for v, p, size in zip(table[name], places, sizes, strict=True)
            ]
    return out


def check(style: str, fits: Sequence[Fit], options: Options) -> Options:
    """``options`` as they hold for ``style``; SpecError where they cannot."""
    if options.parameters is not None and (style != "brms" and len(fits) == 1):
        raise SpecError(
            f"parameters picks rows of the style brms and of several fits side by side; {style} prints all.", where="parameters"
        )
    intervals.check(options.of, options.interval)
    return replace(options, parameters=None if options.parameters is None else tuple(options.parameters))
