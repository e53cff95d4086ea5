"""A model as another program needs it: arrays under plain names, terms, priors, and our name of every parameter beside theirs.

``describe`` turns a Design into a Program; ``jags`` and ``stan`` only write one down. The rows are those that count: a row whose outcome
is missing, or that has no trials, says nothing and is left out; a frequency weight w is w equal rows.

The prior rows of a Design, (w'β − mean)/scale, are each on one coefficient (w a unit vector) or on a combination, such as the intercept
with predictors at their means, or a default of a product. Together they are p independent statements (a flat prior is none, and leaves its
coefficient to itself), so that w'β of every row is as good as β itself: β = V θ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gibbs.draws import names
from gibbs.errors import OutputError
from gibbs.model import families, laws, structures
from gibbs.model.prior_rows import rank
from gibbs.model.records import CoefficientPrior, Design, Factor, Prior, Term

MOST_ROWS = 5_000_000
"""Rows of text that a frequency weight may blow the data up to."""


@dataclass(frozen=True)
class Effects:
    """One term of one factor: J levels × q columns, one covariance.

    tag : what its variables are called: ``sd_province``. index : the variable with every row's level, ``g_province``.
    start : its first column in the factor's Z. z : the name of its columns in the data; "" for a lone intercept, whose column is 1.
    u : the tag of its effects: ``u_province``; its own, but where covariances differ by groups of levels: there the Effects of every group
    (``sd_province_zA``) fill some levels of one variable. members : of such a group, the variable with its levels. first : whether it is
    the first to fill that variable.
    multiplier : of Student-t effects, the variable with what multiplies the precision of each level, ``lambda_province``, shared by all
    terms of the factor; "" of normal ones. basis : of levels that know their neighbours, the variable with B (J, C), ``B_year``: effects
    are B w, w independent; "" of exchangeable ones. coordinates : the variable with C, where that is not J.
    """

    tag: str
    factor: int
    term: Term
    levels: tuple[str, ...]
    index: str
    count: str
    start: int
    z: str
    u: str
    members: str = ""
    first: bool = True
    multiplier: str = ""
    basis: str = ""
    coordinates: str = ""

    @property
    def members_count(self) -> str:
        """How many levels it has: the variable that says so."""
        return f"n_{self.members.removeprefix('in_')}" if self.members else self.count

    @property
    def turned(self) -> bool:
        """Whether the priors are on Σ with the columns at their means: as written it is A Σ A', with ``A_tag`` in the data."""
        return self.term.back is not None and not self.term.written

    @property
    def columns(self) -> int:
        """q."""
        return len(self.term.columns)


@dataclass(frozen=True)
class OwnLaw:
    """A law of one factor's effects that has a parameter of its own: ``df_g`` and, for every level, ``lambda_g``; or ``rho_g``, of which
    ``B_g`` is made."""

    factor: int
    tag: str
    count: str
    prior: Prior
    law: laws.Law

    @property
    def name(self) -> str:
        """The variable of its parameter."""
        return f"{self.law.parameter}_{self.tag}"


@dataclass(frozen=True)
class Statement:
    """A prior on the combination w'β, or a flat one (row None) on the coefficient of its place.

    name : what it is on: a coefficient, or the label of a combination.
    """

    name: str
    row: CoefficientPrior | None
    single: bool


@dataclass(frozen=True)
class Program:
    """What a model file says.

    data : variable → array or number, in the order in which they are best read. statements : p priors on combinations of the coefficients.
    single : whether each is on the coefficient of its place; else the data have their weights ``W`` (p, p) and the inverse ``V``.
    factors : our names of the grouping factors. own : the priors of the family's parameters beside η, by name.
    """

    title: str
    formula: str
    family: families.Family
    coefficients: tuple[str, ...]
    statements: tuple[Statement, ...]
    effects: tuple[Effects, ...]
    own_laws: tuple[OwnLaw, ...]
    factors: tuple[str, ...]
    own: Mapping[str, Prior]
    cutpoint: Prior | None
    categories: int
    data: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def single(self) -> bool:
        """Whether every statement is on one coefficient, that of its place."""
        return all(s.single for s in self.statements)


def describe(design: Design, title: str = "", formula: str = "") -> Program:
    """The Program of a Design. Raises OutputError where its priors or weights cannot be written so."""
    notes: list[str] = []
    keep = _rows_that_count(design, notes)
    family = families.of(design)
    statements, W = _statements(design)
    data: dict[str, Any] = {"N": int(keep.size)}
    y = design.y[keep]
    data["y"] = y.astype(np.int64) if family.is_discrete else y
    if design.trials is not None:
        data["trials"] = design.trials[keep].astype(np.int64)
    if design.known_se is not None:
        data["se"] = design.known_se[keep]
    if design.precision is not None:
        data["precision"] = design.precision[keep]
    if np.any(design.offset[keep] != 0.0):
        data["offset_"] = design.offset[keep]
    p = len(design.coefficients)
    if p:
        data["p"] = p
        data["X"] = design.X[keep]
    if not all(s.single for s in statements):
        data["W"] = W
        data["V"] = np.linalg.solve(W / np.abs(W).max(axis=1, keepdims=True), np.diag(1.0 / np.abs(W).max(axis=1)))
    if design.categories:
        data["y"] = data["y"] + 1
        data["C"] = len(design.categories)
        if design.cutpoint_means is not None and p:
            data["x_mean"] = design.cutpoint_means
    effects: list[Effects] = []
    own_laws: list[OwnLaw] = []
    tags: set[str] = set()
    for f, factor in enumerate(design.factors):
        tag = _tag(factor.name, tags)
        data[f"J_{tag}"] = len(factor.levels)
        data[f"g_{tag}"] = factor.codes[keep].astype(np.int64) + 1
        law = laws.of(factor)
        if law.parameter:
            own_laws.append(OwnLaw(f, tag, f"J_{tag}", laws.own_prior(factor), law))
        of = Effects(tag, f, factor.terms[0], tuple(factor.levels), f"g_{tag}", f"J_{tag}", 0, "", tag)
        of = replace(of, multiplier=f"lambda_{tag}" if law.multipliers is not None else "")
        if factor.structure is not None:
            of = replace(of, basis=f"B_{tag}")
            data |= (
                _of_degree(factor, tag) if factor.structure.has_degree else {of.basis: structures.dense_basis(factor.structure, "export")}
            )
            if factor.coordinates != factor.nodes:
                of = replace(of, coordinates=f"C_{tag}")
                data[of.coordinates] = factor.coordinates
        effects += _of_factor(of, factor, factor.Z[keep], tags, data)
    return Program(
        title=title,
        formula=formula,
        family=family,
        coefficients=tuple(design.coefficients),
        statements=statements,
        effects=tuple(effects),
        own_laws=tuple(own_laws),
        factors=tuple(factor.name for factor in design.factors),
        own=family.priors(design),
        cutpoint=design.cutpoint_prior,
        categories=len(design.categories or ()),
        data=data,
        notes=tuple(notes),
    )


def _of_degree(factor: Factor, tag: str) -> dict[str, Any]:
    """What B is made of at a rho: of an autoregression the steps from level to level, of areas directions and their eigenvalues."""
    structure = structures.dense(factor.structure, "export")
    if structure.kind == "ar1":
        at = np.cumsum(structure.numbers).astype(np.int64)
        return {f"lag_{tag}": np.maximum(at[:, None] - at, 0)}
    found = {f"V_{tag}": structure.basis, f"eigen_{tag}": np.maximum(structure.numbers, 0.0)}
    if structure.kind == "leroux":
        same = structure.components[:, None] == structure.components
        found |= {f"free_{tag}": (structure.numbers >= 0.0).astype(float), f"mean_{tag}": same / same.sum(axis=1)}
    return found


def _of_factor(of: Effects, factor: Factor, Z: np.ndarray, tags: set[str], data: dict[str, Any]) -> Iterable[Effects]:
    """The Effects of one factor, group by group of its levels where there are groups; what they need is added to ``data``.

    of : what they have in common. Z (N, q): of the rows that count.
    """
    each = len(factor.terms) // max(len(factor.groups), 1)  # terms of a group; every group has the same columns
    shared = [of.tag, *(_tag(f"{factor.name}_{k + 1}", tags) for k in range(1, each))]
    for number, term in enumerate(factor.terms):
        u, q = shared[number % each], len(term.columns)
        start = sum(len(t.columns) for t in factor.terms[: number % each])
        columns = Z[:, start : start + q]
        own = _tag(f"{u}_{term.group}", tags) if term.group else u
        z = "" if q == 1 and np.all(columns == 1.0) else f"Z_{u}"
        if z:
            data[z] = columns[:, 0] if q == 1 else columns
        if term.group:
            members = np.flatnonzero(factor.group == factor.groups.index(term.group)) + 1
            data[f"n_{own}"], data[f"in_{own}"] = int(members.size), members
        if term.covariance is not None and term.covariance.kind == "inverse_wishart":
            data[f"S_{own}"] = np.asarray(term.covariance.args[1], dtype=float)
        if term.back is not None and not term.written:
            data[f"A_{own}"] = np.array(term.back)
        among = f"in_{own}" if term.group else ""
        yield replace(of, tag=own, term=term, start=start, z=z, u=u, members=among, first=number < each)


def _rows_that_count(design: Design, notes: list[str]) -> np.ndarray:
    """Places of the rows of the likelihood, a row of frequency weight w repeated w times."""
    design.require_rows("an export")
    keep = np.arange(len(design.y))
    if design.survey is not None or any(factor.level_weights is not None for factor in design.factors):
        raise OutputError("sampling weights make a pseudo-posterior, which is no model that these programs could be given.")
    if design.missing_outcome is not None:
        keep = keep[~design.missing_outcome]
        notes.append(f"{int(design.missing_outcome.sum())} rows without an outcome are left out: they say nothing of the parameters")
    if design.trials is not None and np.any(design.trials[keep] == 0):
        notes.append(f"{int((design.trials[keep] == 0).sum())} rows without trials are left out")
        keep = keep[design.trials[keep] > 0]
    if design.weights is not None:
        weights = design.weights[keep]
        if int(weights.sum()) > MOST_ROWS:
            raise OutputError(
                f"the frequency weights stand for {int(weights.sum()):,} rows; an export writes each of them out, at most {MOST_ROWS:,}."
            )
        keep = np.repeat(keep, weights)
        notes.append("every row is repeated as often as its frequency weight says")
    return keep


def _statements(design: Design) -> tuple[tuple[Statement, ...], np.ndarray]:
    """p statements in the places of the coefficients, and their weights (p, p)."""
    p = len(design.coefficients)
    rows = {row.label: row for row in design.coefficient_priors}
    found: list[Statement] = []
    W = np.eye(p)
    for j, name in enumerate(design.coefficients):
        row = rows.get(f"b[{name}]") or (rows.get("intercept") if j == design.intercept else None)
        if row is not None:
            W[j] = row.weights
        single = row is None or bool(row.weights[j] == 1.0 and np.count_nonzero(row.weights) == 1)
        found.append(Statement(name if single else row.words or row.label, row, single))
    if p and rank(list(W)) < p:
        flat = ", ".join(s.name for s in found if s.row is None)
        raise OutputError(f"the priors leave a direction of the coefficients open beside the flat ones on {flat}; give those a scale.")
    return tuple(found), W


def _tag(name: str, taken: set[str]) -> str:
    """``name`` in letters, digits and single underscores, unlike any in ``taken``, to which it is added."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "g"
    tag, number = plain, 1
    while tag in taken:
        number += 1
        tag = f"{plain}_{number}"
    taken.add(tag)
    return tag


# ---------------------------------------------------------------------------------------------------------------- names


def sd_of(effects: Effects, a: int) -> str:
    """The variable of the sd of column a: ``sd_g``, or ``sd_g[2]`` where there are several."""
    return f"sd_{effects.tag}" if effects.columns == 1 else f"sd_{effects.tag}[{a + 1}]"


def cor_of(effects: Effects, a: int, b: int) -> str:
    """The variable of the correlation of columns a < b."""
    return f"cor_{effects.tag}[{a + 1},{b + 1}]"


def effect_of(effects: Effects, j: int, a: int) -> str:
    """The variable of the effect of level j (from 0) in column a."""
    return f"u_{effects.u}[{j + 1}]" if effects.columns == 1 else f"u_{effects.u}[{j + 1},{a + 1}]"


def name_pairs(program: Program) -> list[tuple[str, str]]:
    """(our name, the variable in the model file) of every parameter: coefficients, hyper-parameters, effects, in the order of the draws."""
    pairs = [(f"b_{name}", f"b[{j + 1}]") for j, name in enumerate(program.coefficients)]
    for f, factor in enumerate(program.factors):
        own = [e for e in program.effects if e.factor == f]
        for e in own:
            pairs += [(names.sd_name(factor, column, e.term.group), sd_of(e, a)) for a, column in enumerate(e.term.columns)]
        for e in own:
            place = {column: a for a, column in enumerate(e.term.columns)}
            for a, b in names.correlation_pairs(e.term):
                pairs.append((names.correlation_name(factor, a, b, e.term.group), cor_of(e, place[a], place[b])))
        pairs += [(f"{own.law.parameter}_{factor}", own.name) for own in program.own_laws if own.factor == f]
    pairs += [(f"b_Intercept[{k}]", f"cut[{k}]") for k in range(1, program.categories)]
    pairs += [(name, name) for name in program.own]
    for f, factor in enumerate(program.factors):
        own = [e for e in program.effects if e.factor == f and e.first]
        for j, level in enumerate(own[0].levels):
            pairs += [(f"r_{factor}[{level},{column}]", effect_of(e, j, a)) for e in own for a, column in enumerate(e.term.columns)]
    return pairs


def names_csv(pairs: list[tuple[str, str]], theirs: str) -> str:
    """A table of two columns, ``parameter`` and ``theirs``."""
    return "\n".join([f"parameter,{theirs}", *(f"{_quoted(a)},{_quoted(b)}" for a, b in pairs)]) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\n\'#]', text) else text


# ----------------------------------------------------------------------------------------------------------------- data


def as_json(data: dict[str, Any]) -> str:
    """The data as JSON, matrices row by row, every number to the last bit."""
    return json.dumps({name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in data.items()}) + "\n"


def as_r_dump(data: dict[str, Any]) -> str:
    """The data in R's dump format, which R's source() and JAGS read: matrices column by column."""
    return "".join(f'"{name}" <-\n{_r_value(value)}\n' for name, value in data.items())


def _r_value(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if not isinstance(value, np.ndarray):
        return number(value)
    entries = ", ".join(number(x) for x in value.ravel(order="F").tolist())
    if value.ndim == 1:
        return f"c({entries})"
    return f"structure(c({entries}), .Dim = c({', '.join(str(n) for n in value.shape)}))"


def number(value: float) -> str:
    """A number as R, JAGS and Stan read it, to the last bit."""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    written = repr(float(value))
    return written[:-2] if written.endswith(".0") else written


def gibbs_csv(parameters: tuple[str, ...], draws: np.ndarray) -> str:
    """Our own answer, for the comparison: parameter, mean, sd and Monte Carlo error of the mean. ``draws`` (chain, draw, parameter)."""
    from gibbs.draws import diagnostics

    found = diagnostics.diagnose(draws)
    rows = zip(parameters, found.mean, found.sd, found.mcse_mean, strict=True)
    return "parameter,mean,sd,mcse_mean\n" + "".join(f"{_quoted(n)},{m:.10g},{s:.10g},{e:.6g}\n" for n, m, s, e in rows)
