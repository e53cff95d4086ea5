"""The report of ``gibbs check``: everything a careful reader would want to see before the first sweep.

(Not called ``check``: a module of that name would hide the function ``gibbs.check``.)
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gibbs import memory, wrap
from gibbs.draws.limits import EFFECTS
from gibbs.model import (
    alike,
    averages,
    equations,
    factor_warnings,
    families,
    laws,
    overview,
    prior_rows,
    structure,
    structures,
    survey_weights,
)
from gibbs.model.priors import PriorBook, describe
from gibbs.model.records import Design, Prior, Sampling, Spec, Table, Term
from gibbs.numerals import plain
from gibbs.printable import printable
from gibbs.sampling import duration, footprint, stopping
from gibbs.sampling.duration import Duration
from gibbs.sampling.footprint import Footprint

if TYPE_CHECKING:
    from gibbs.sampling.plan import Plan

UNKNOWN_WIDTH = 100
"""Columns of the report where no terminal says how many it has."""
_LEAST_ROOM = 16
"""Columns within which the last cell of a table's row may go on below itself."""
_WIDTH = ContextVar("columns of the page that is being written", default=UNKNOWN_WIDTH)


@dataclass(frozen=True)
class Check:
    """What will be sampled, and how. ``str(check)`` is the report, as wide as the terminal is, but at most 100 columns.

    spec : the words, every default filled in. design : the model as numbers. plan : which sampler draws which block, and why.
    source : where the data came from. table : what the design was made of, where it is at hand.
    """

    spec: Spec
    design: Design
    plan: Plan
    source: str
    table: Table | None = None  # what the design was made of
    notes: tuple[str, ...] = ()  # what was decided beside the plan
    resampled: str = ""  # where design-based standard errors come from

    @property
    def equations(self) -> equations.Model:
        """The model, level by level."""
        return equations.write(self.design)

    @property
    def structure(self) -> structure.Structure:
        """Sizes of the grouping factors, and how they lie to each other."""
        return structure.describe(self.design)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be known before sampling; empty where there is nothing."""
        found = [*map(printable, self.notes), *(printable(str(w)) for w in structure.warnings(self.design))]
        if self.design.survey is not None:
            found += survey_weights.warning(self.design.survey, self.spec.replication is not None)
        needed, installed = self.memory.peak, memory.installed()
        if installed is not None and needed > installed:
            keep = (
                "fewer draws or chains, or a machine with more, are the ways left"
                if self._nothing_kept
                else ("have the effects of large factors summarised as they are drawn (keep: none), or ask for fewer draws or chains")
            )
            found.append(
                f"the run needs about {memory.words(needed)} of memory at its peak, and there are {memory.words(installed)}: it may end by "
                f"being killed; {keep}."
            )
        return tuple(found)

    @property
    def _nothing_kept(self) -> bool:
        return self.spec.keep == ()

    @cached_property
    def memory(self) -> Footprint:
        """What the run will need at its peak, by stage."""
        return footprint.predict(self.design, self.plan, self.spec.sampling, self.spec.keep)

    @cached_property
    def duration(self) -> Duration:
        """How long the run will sample on this machine, about: of a run to precision with draws as good as is typical of its kind."""
        return duration.predict(self.design, self.plan, self.spec.sampling)

    @property
    def bytes_kept(self) -> int:
        """Bytes of the draws that will be kept; of a run to precision, by the earliest check at which it may end."""
        chains, draws = self.spec.sampling.chains, footprint.stored_draws(self.spec.sampling)
        if self.spec.keep is None:
            return self.plan.memory(chains, draws)
        from gibbs.sampling.stream import BYTES

        streamed = sum(len(f.levels) * len(f.columns) for f in self.design.factors if f.name not in self.spec.keep)
        return self.plan.memory(chains, draws) + chains * streamed * (BYTES - 8 * draws)

    def disk(self) -> int:
        """Bytes of the run folder, about: the draws, a line of a table for every effect, the outcome and its rows, names."""
        effects = sum(len(f.levels) * len(f.columns) for f in self.design.factors)
        parameters = self.plan.details["coefficients"] + self.plan.hyper
        absent = self.design.missing_outcome
        missing = 0 if absent is None else 8 * self.spec.sampling.chains * footprint.stored_draws(self.spec.sampling) * int(np.sum(absent))
        return self.bytes_kept + missing + 16 * self.design.y.size + 160 * effects + 2_500 * parameters + 40_000

    def __str__(self) -> str:
        return self.text(wrap.width(sys.stdout, UNKNOWN_WIDTH))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from gibbs.files import pages

        return pages.text(self.text(UNKNOWN_WIDTH))

    @np.errstate(over="ignore")  # squares of enormous numbers
    def text(self, width: int) -> str:
        """The report in lines of at most ``width`` characters, never broken inside a word."""
        before = _WIDTH.set(width)
        try:
            return self._text()
        finally:
            _WIDTH.reset(before)

    def _text(self) -> str:
        spec = self.spec
        parts = [
            *(wrap.lines(spec.title, _WIDTH.get()) if spec.title else []),
            *_wrap(spec.formula, "", "    "),
            *_wrap(family_sentence(self.design), "", "  "),
            *_section("Model", self.equations.lines(_WIDTH.get() - 2)),
            *_section("Data", self._data()),
            *self._predictors(),
            *_section("Groups", self._groups()),
            *_section("Priors (sd language: scales are standard deviations)", _priors(spec, self.design)),
            *_section("Plan", [line for text in self.plan.lines for line in _wrap(text, "", "  ")]),
            *_section("Sampling", self._sampling()),
        ]
        warnings = [line for w in self.warnings for line in _wrap(w, "- ", "  ")]
        parts += _section("Warnings" if warnings else "No warnings", warnings)
        return printable("\n".join(line.rstrip() for line in parts), lines=True)

    def _data(self) -> list[str]:
        """Rows read, used, dropped; the outcome in a line."""
        design = self.design
        used, read = design.rows_used, design.rows_read
        outside = f", {design.outside:,} outside the subset" if design.outside else ""
        lines = _wrap(
            f"{self.source}: {_count(read, 'row')} read{outside}, {used:,} used, {read - design.outside - used:,} dropped", "", "  "
        )
        if design.way is not None:
            lines += _wrap(design.way.words, "  ", "    ")
        if self.spec.data.subset is not None:
            lines += _wrap(f"subset: {self.spec.data.subset}", "  ", "    ")
        if self.spec.data.complete:
            lines += _wrap(f"rows with no value missing in {', '.join(self.spec.data.complete)} either (complete)", "  ", "    ")
        if read - design.outside > used:
            lines += _wrap(dropped_sentence(design), "  ", "    ")
        lines += _wrap(outcome_sentence(design), "", "  ")
        if design.missing_outcome is not None:
            unknown = int(design.missing_outcome.sum())
            lines += _wrap(
                f"in {_count(unknown, 'row')} of these the outcome is missing, and will be drawn (missing: predict)", "  ", "    "
            )
        if design.weights is not None and self.spec.parsed.frequency is not None:
            lines += _wrap(f"with their frequency weights the rows stand for {_count(int(design.weights.sum()), 'row')}", "  ", "    ")
        if design.survey is not None:
            lines += _wrap(survey_weights.sentence(design.survey), "  ", "    ")
        if self.resampled:
            lines += _wrap(f"standard errors and intervals of the design: {self.resampled}", "  ", "    ")
        for factor in design.factors:
            if factor.level_weights is not None:
                effective = factor.level_weights.sum() ** 2 / np.sum(factor.level_weights**2)
                lines += _wrap(
                    f"sampling weights {factor.pw} of the levels of {factor.name}: effective number {effective:,.1f} of "
                    f"{len(factor.levels):,}",
                    "  ",
                    "    ",
                )
        if families.of(design).is_discrete:
            equal = "predictors, groups and outcome" if design.categories else "predictors and groups"
            known = used if design.missing_outcome is None else used - int(design.missing_outcome.sum())
            lines += _wrap(f"{_count(self.plan.cells, 'cell')} (rows equal in {equal}) of {_count(known, 'row')}", "", "  ")
        return lines

    def _predictors(self) -> list[str]:
        if self.table is None:
            return []
        numbers, categories = overview.describe(self.spec, self.table)
        lines = _table(numbers, right=(1, 2, 3, 4)) if numbers else []
        lines += [line for text in categories for line in _wrap(text, "", "  ")]
        of = "the subset" if self.design.outside else "all rows read"
        return _section(f"Predictors (of {of})", lines) if lines else []

    def _groups(self) -> list[str]:
        found = self.structure
        if not found.factors:
            return ["none: an ordinary regression"]
        table = [("factor", "levels", "rows a level: smallest", "median", "largest")]
        table += [(s.factor, f"{s.levels:,}", f"{s.smallest:,}", f"{s.median:,g}", f"{s.largest:,}") for s in found.factors]
        further = [text for factor in self.design.factors if (text := structure.groups_of_levels(factor))]
        further += [text for f in self.design.factors if f.structure is not None for text in structures.described(f.structure, f.levels)]
        further += [*map(str, found.pairs), *factor_warnings.of_levels(self.design)]
        further += alike.words(self.design)
        return _table(table, right=(1, 2, 3, 4)) + [line for text in further for line in _wrap(text, "", "  ")]

    def _sampling(self) -> list[str]:
        return [
            *_wrap(length_sentence(self.spec.sampling), "", "  "),
            *_wrap(self.duration.words(), "", "  "),
            *_wrap(f"memory: draws {memory.words(self.bytes_kept)}, data {memory.words(_data_bytes(self.design))}", "", "  "),
            *_wrap(memory_sentence(self.memory, self.spec.sampling), "", "  "),
        ]


def memory_sentence(found: Footprint, sampling: Sampling) -> str:
    """``at the peak about 770 MB: …``, stage by stage."""
    grows = " (of a run to precision that ends as early as it may; a longer one keeps more)" if sampling.until is not None else ""
    beside = (
        f"; beside it about {memory.words(_round(found.mapped))} of files, of which the system keeps in memory what there is room for"
        if found.mapped
        else ""
    )
    compiling = f"compiling the sampler, which is done once, {memory.words(found.compiling)}, " if found.compiling else ""
    return (
        f"at the peak about {memory.words(_round(found.peak))}: this process with the data {memory.words(found.so_far)} (while they were "
        f"read {memory.words(found.before)}), {compiling}packing {memory.words(found.packing)}, work space {memory.words(found.work)}, "
        f"draws {memory.words(found.draws)}{grows}, what the run can be gone on with from {memory.words(found.standing)}, tables "
        f"{memory.words(found.tables)}{beside}"
    )


def _round(number: int) -> int:
    """To two digits: more are not known."""
    unit = 10 ** max(len(str(number)) - 2, 0)
    return round(number / unit) * unit


def length_sentence(s: Sampling) -> str:
    """How long the run is: a fixed number of draws, or what it has to be for a run to precision."""
    chains = _count(s.chains, "chain")
    if s.until is None:
        return f"{chains} of {s.warmup:,} warm-up sweeps and {_count(s.draws, 'draw')}; seed {s.seed}"
    u, first = s.until, min(s.draws, s.until.max_draws)
    checks = [first]
    while len(checks) < 3 and checks[-1] < u.max_draws:
        checks.append(stopping.next_check(checks[-1], u.max_draws))
    ess = f"bulk and tail ESS at least {u.ess:,g}" if u.tail_ess is None else f"bulk ESS at least {u.ess:,g}, tail ESS {u.tail_ess:,g}"
    what = "of every fixed effect, sd, correlation and family parameter"
    what = f"of {', '.join(u.of)}" if u.of else f"{what}, {EFFECTS:g} of that of every random effect"
    errors = "".join(f", the Monte Carlo error of {name} at most {error:g}" for name, error in u.mcse.items())
    return (
        f"{chains} of {s.warmup:,} warm-up sweeps, or more where they have not settled, then draws until they are precise: R-hat at most "
        f"{u.rhat:g}, {ess} {what}{errors}, at two checks in a row (after {', '.join(f'{c:,}' for c in checks)}, … draws a chain); at most "
        f"{u.max_seconds:g} seconds and {u.max_draws:,} draws a chain; seed {s.seed}"
    )


# -------------------------------------------------------------------------------------------------------------- priors


def _priors(spec: Spec, design: Design) -> list[str]:
    """Every prior in words, with where it came from; then which statement on the intercept is in force."""
    priors = list(all_priors(spec, design))
    at = applies(design)
    lines = _table(
        [(label, describe(prior, label), "; ".join(filter(None, (prior_source(prior), at.get(label))))) for label, prior in priors]
    )
    if any(prior.source == "default" for _, prior in priors):
        lines += _wrap(default_rule(design), "", "  ")
    if design.intercept is not None:
        lines += _wrap(intercept_sentence(design), "", "  ")
    return lines


def all_priors(spec: Spec, design: Design) -> Iterable[tuple[str, Prior]]:
    """(what it is on, the prior), in the order of the tables of results."""
    stated = {row.label: row.prior for row in design.coefficient_priors}
    blocks = {row.label: row.block for row in design.coefficient_priors if row.block}
    book = PriorBook(spec)
    for j, name in enumerate(design.coefficients):
        label = f"b[{name}]"
        if label in blocks:
            if blocks[label][0] == name:
                yield block_label(blocks[label]), stated[label]
            continue
        if j == design.intercept and label not in stated:
            flat = book.coefficient(name)
            yield (label, flat) if flat is not None else ("intercept", stated.get("intercept") or book.intercept() or Prior("flat"))
        else:
            yield label, stated.get(label) or book.coefficient(name) or Prior("flat")
    for factor in design.factors:
        for term in factor.terms:
            yield from term_priors(factor.name, term)
        if (own := laws.own_prior(factor)) is not None:
            yield f"{laws.of(factor).parameter}[{factor.name}]", own
    yield from families.of(design).priors(design).items()
    if design.cutpoint_prior is not None:
        yield "cutpoints", design.cutpoint_prior


def block_label(block: Sequence[str]) -> str:
    """``b[fb], b[fc]`` of coefficients whose defaults are stated together."""
    if len(block) > 3:
        return f"b[{block[0]}], …, b[{block[-1]}]"
    return ", ".join(f"b[{name}]" for name in block)


def applies(design: Design) -> dict[str, str]:
    """At which values of the others each default applies, by the labels of ``all_priors``; nothing where it is the coefficient itself."""
    found = {}
    for row in design.coefficient_priors:
        if row.block:
            found[block_label(row.block)] = f"together, {row.words}: the sd is that over the rows, in every direction"
        elif row.words:
            found[row.label] = row.words
    for factor in design.factors:
        for term in factor.terms:
            found |= _where_varying(factor.name, term)
    return found


def _where_varying(factor: str, term: Term) -> dict[str, str]:
    """Where the default priors of a correlated term are stated: with the columns at their means, or as written beside stated ones."""
    if term.back is None or term.covariance is not None:
        return {}
    named = dict(term_priors(factor, term))
    sds = [label for label in named if label.startswith("sd[")]
    if term.written:
        return {label: "as written" for label, words in zip(sds, term.words, strict=True) if words and named[label].source == "default"}
    at = {label: words for label, words in zip(sds, term.words, strict=True) if words}
    return at | {label: "with the columns at their means" for label in named if label.startswith("cor[")}


def term_priors(factor: str, term: Term) -> Iterable[tuple[str, Prior]]:
    columns = [f"{column}:{term.group}" if term.group else column for column in term.columns]
    if term.covariance is not None:
        yield f"cov[{factor}] of {', '.join(columns)}", term.covariance
        return
    for column, prior in zip(columns, term.sd_priors, strict=True):
        yield f"sd[{factor},{column}]", prior
    if term.correlation is not None and len(columns) > 1:
        yield f"cor[{factor}] of {', '.join(columns)}", term.correlation


def intercept_sentence(design: Design) -> str:
    """Which of the two statements on the intercept holds, in words."""
    labels = {row.label for row in design.coefficient_priors}
    if "b[Intercept]" in labels:
        return "The intercept's prior is on the coefficient as written, with every predictor at 0 (b[Intercept])."
    if "intercept" in labels and len(design.coefficients) > 1:
        return "The intercept's prior is on its value with every predictor at its mean (intercept), not at 0 (b[Intercept])."
    if "intercept" in labels:
        return "The intercept's prior is on the coefficient itself: there is no predictor (intercept and b[Intercept] are the same)."
    return "The intercept's prior is flat."


def default_rule(design: Design) -> str:
    """The rule behind the default scales."""
    kind = families.of(design).outcome
    if kind != "real":
        words = "Default scales are 2.5/sd(x), 2.5 for intercepts, on the link scale."
        if kind == "count":
            exposure = "mean(y)/mean(exp(offset))" if design.offset.any() else "mean(y)"
            words += f" The intercept's default is centred at log({exposure})."
        if kind == "ordinal":
            words += " The cutpoints' default is on each cutpoint with predictors at their means."
        return words + _ORIGIN
    return "Default scales are 2.5 sd(y)/sd(x), and 2.5 sd(y) for intercepts and sigma, so that units do not matter." + _ORIGIN


_ORIGIN = " x stands for a column with its parts centred, so that the place of 0 and the base level of a category do not matter either."


def prior_source(prior: Prior) -> str:
    """``default`` or ``spec, line 9``."""
    return prior.source.partition(": ")[0] if prior.source.startswith("spec") else prior.source


# --------------------------------------------------------------------------------------------------------------- text


def family_sentence(design: Design) -> str:
    """The family in force, with its link where it has several."""
    family = families.of(design)
    if design.trials is not None and (design.trials == 1).all() and not family.needs_trials:
        return f"family {family.name}, link {design.link}: binary outcome, probability {_PROBABILITY[design.link]}"
    if len(family.links) > 1:
        probability = (
            f"; F is {_DISTRIBUTION[design.link]}" if design.categories else f", each with probability {_PROBABILITY[design.link]}"
        )
        return f"family {design.family}, link {design.link}: {family.description}{probability}"
    return f"family {design.family}: {family.description}"


_PROBABILITY = {"logit": "1/(1+exp(−η))", "probit": "Φ(η)", "cloglog": "1 − exp(−exp(η))"}
_DISTRIBUTION = {"logit": "logistic", "probit": "normal"}


def dropped_sentence(design: Design) -> str:
    """Why rows were dropped, column by column; rows of weight 0 apart; and that a row may count twice, where one does."""
    missing = {column: count for column, count in design.dropped.items() if count and not column.endswith("(weight 0)")}
    empty = {column: count for column, count in design.dropped.items() if count and column not in missing}
    without = sum(empty.values())
    parts = []
    if missing:
        lost = design.rows_read - design.outside - design.rows_used - without
        several = f" ({_count(lost, 'row')} in all: some miss several)" if sum(missing.values()) > lost else ""
        parts.append(f"dropped because a value is missing in: {', '.join(f'{c} {n:,}' for c, n in missing.items())}{several}")
    parts += [f"{_count(count, 'row')} left out for weight 0: {column.removesuffix(' (weight 0)')}" for column, count in empty.items()]
    return "; ".join(parts)


def outcome_sentence(design: Design) -> str:
    y = design.y
    if design.missing_outcome is not None:
        known = ~design.missing_outcome
        trials = None if design.trials is None else design.trials[known]
        weights = None if design.weights is None else design.weights[known]
        design = replace(design, y=y[known], trials=trials, weights=weights, missing_outcome=None)
        y = design.y
    times = design.times
    if families.of(design).outcome == families.BINARY:
        labels = design.outcome_labels
        meaning = f" (1 is '{labels[1]}', 0 is '{labels[0]}')" if labels else ""
        ones, zeros = round(float(times @ y)), round(float(times @ (1 - y)))
        return f"outcome {design.outcome}{meaning}: {_count(ones, 'one')} and {_count(zeros, 'zero')}, {ones / (ones + zeros):.1%} ones"
    if design.trials is not None:
        n, successes = round(float(times @ design.trials)), round(float(times @ y))
        labels = design.outcome_labels
        if (design.trials == 1).all():
            meaning = f" (1 is '{labels[1]}', 0 is '{labels[0]}')" if labels else ""
            zeros = n - successes
            return f"outcome {design.outcome}{meaning}: {_count(successes, 'one')} and {_count(zeros, 'zero')}, {successes / n:.1%} ones"
        return f"outcome {design.outcome}: {successes:,} successes in {_count(n, 'trial')}, {successes / max(n, 1):.1%}"
    if design.categories:
        counts = np.bincount(y.astype(int), weights=times, minlength=len(design.categories)).round().astype(int)
        said = " < ".join(f"{c} ({k:,})" for c, k in zip(design.categories, counts, strict=True))
        return f"outcome {design.outcome}, {len(design.categories)} categories (rows): {said}"
    mean = averages.mean(y, design.counts)
    sd = prior_rows.deviation(y, design.counts)
    extent = f", from {plain(y.min())} to {plain(y.max())}" if design.way is None or design.way.kind != "moments" else ""
    known = "; its standard errors are known" if design.known_se is not None else ""
    if design.precision is not None:
        low, high = design.precision.min(), design.precision.max()
        known = "; the residual variance of a row is sigma²/w, with precision weights w from "
        known += f"{plain(low)} to {plain(high)} (sigma: of w = 1)"
    return f"outcome {design.outcome}: mean {plain(mean)}, sd {plain(sd)}{extent}{known}"


def _count(number: int, noun: str) -> str:
    """``1 row``, ``2 rows``, ``2 zeros``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _data_bytes(design: Design) -> int:
    arrays = [design.y, design.X, design.offset, design.rows, *(a for f in design.factors for a in (f.codes, f.Z))]
    return sum(a.nbytes for a in arrays)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", *wrap.lines(title, _WIDTH.get()), *("  " + line for line in lines)]


def _wrap(text: str, first: str, rest: str) -> list[str]:
    return wrap.lines(text, _WIDTH.get() - 2, first, rest)


def _table(rows: Sequence[tuple[str, ...]], right: tuple[int, ...] = ()) -> list[str]:
    """Columns lined up, the numbers of ``right`` to the right; a row too wide for the page goes on below itself, or below its last cell."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    last = sum(widths[:-1]) + 3 * (len(widths) - 1)
    room = _WIDTH.get() - 2 - last
    longest = max((len(word) for row in rows for word in row[-1].split()), default=0)
    hanging = room >= max(longest, _LEAST_ROOM) and len(widths) - 1 not in right
    lines = []
    for row in rows:
        cells = [cell.rjust(w) if k in right else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))]
        line = "   ".join(cells).rstrip()
        if len(line) <= _WIDTH.get() - 2:
            lines.append(line)
        elif hanging:
            lines += wrap.lines(row[-1], last + room, "   ".join(cells[:-1]) + "   ", " " * last)
        else:
            lines += [*_wrap(row[0], "", "  "), *_wrap("   ".join(row[1:]), "    ", "      ")]
    return lines
