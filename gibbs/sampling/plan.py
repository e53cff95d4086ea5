"""Design → Plan: which sampler draws which block, and why. Pure decisions; nothing is drawn here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gibbs.errors import SpecError, nearest
from gibbs.model import alike, averages, by_group, families, laws, nesting
from gibbs.model import cells as equal_rows
from gibbs.model.records import SCHEMES, Design, Factor
from gibbs.model.structures import LIMIT
from gibbs.sampling import decisions, plan_words, steps
from gibbs.sampling.plan_words import Blocks

SMALL_FACTOR = 64
"""A factor with at most this many effects goes to the core of a large crossed design."""
CORE_LIMIT = 150
"""Columns of a core that is factored once or more a sweep."""
DENSE_LIMIT = 2500
"""Columns that a forced or last-resort dense core may have."""
FLOPS_BUDGET = 2.0e5
"""Operations one evaluation of the collapsed variances may cost before several units are cheaper (about 0.2 ms)."""
_OF_NODES, _OF_CONSTRAINTS, _OF_PRODUCTS = 95.0, 75.0, 1.5
"""Operations of a sparse factorisation and of all that goes with it, as `benchmarks/fields.md` has them: for each node, for each constraint
beyond the first of each, for each product of the factorisation (walks of 1,000 and 10,000, maps of 100, 150, 3,100 and 10,000)."""
_OF_COLUMNS = 2.4
"""The power of the columns that vary over a field (two: 4.7 and 5.7 times one, a walk of 1,000 and a map of 3,100)."""
_OF_FRONTS, _OF_ENTRIES, _OF_DENSE_PRODUCTS = 340.0, 4.3, 0.2
"""And of a factorisation by large fronts: for each, for each entry of Λ, for each product (a map of 35,000, 24,976 fronts: 10.7 ms; full
ones of 300 and 600 levels 0.60 and 4.4 ms)."""
ALL_IN_CORE = 64
"""A second-order model with at most this many location effects, and at least ``ROWS_AN_EFFECT`` rows for each, is all core."""
ROWS_AN_EFFECT = 100
MANY_ALIKE = 0.25
"""Share of a factor's levels whose rows are all alike above which decisions do not read single rows, which leave such levels no move by
their own law (`benchmarks/alike.md`)."""
MOST_BY_FACTORS = 250
"""Location effects up to which all stand in the core where decisions read single rows."""
NANOSECONDS = {"probit": (55.0, 55.0), "logit": (125.0, 30.0)}
"""Cost of a sweep of augmentation a row, and of second-order moves a cell, for the choice between them. Measured on 1,500 and more rows of
which few are alike (`benchmarks/prices.md`): 28–49 and 28–51 of probit, 68–161 and 13–63 of logit."""
SECOND_ORDER_IAT = 2.0
"""Sweeps an effective draw of second-order moves takes (measured there: 1.4–2.3 where no level is all alike)."""
RARE, EVENTS_AN_EFFECT = 0.05, 5.0
"""Events are rare, and few, below this share of ones (mean of counts) and this number for each random effect."""
TRIALS_OF_A_LEVEL = 10.0
"""A level with fewer trials says nothing by itself of how rare its events are."""
EVENTS_A_CYCLE, MOST_CYCLES = 400.0, 8
"""A sweep then goes EVENTS_A_CYCLE/events times through its moves: at least twice, at most MOST_CYCLES times."""
MANY_VARIANCES = 6
"""With more hyper-parameters than this, or slopes in several units, the variances of a model that is normal given its latents move by rows
(``kernels/by_rows.py``), with one more where the core has no factor, since then it costs less to integrate out; those of a second-order
model where terms of several columns have as many. What it gains and loses in effective draws a second was measured:
`benchmarks/variances.md`."""
ELLIPTICAL_LIMIT = 30
"""With more hyper-parameters than this the variances of a second-order model are sliced one by one throughout."""
NANOSECONDS_A_ROW = 60.0
"""Cost of one latent draw; an evaluation that costs less than the latents is free."""


@dataclass(frozen=True)
class Plan:
    """Who is in the core, who is eliminated, in which order.

    core: indices of factors whose effects stand in the dense core beside β.
    units: chains of factors, leaf first, each eliminated level by level.
    cycles: times that a sweep of second-order moves goes through all of them.
    rounds: of moves by rows after each draw of the location (``kernels/by_rows.py``); 0: the variances move otherwise.
    decided: order of the expansion by which second-order decisions read single rows (``kernels/expansion.py``); 0: they pass over all.
    cells: rows, those that are equal counted as one where a likelihood takes them together.
    scheme: "joint" (one unit or none: everything in one draw), "collapsed" (several units), "one-at-a-time", "second-order".
    """

    scheme: str
    core: tuple[int, ...]
    units: tuple[tuple[int, ...], ...]
    lines: tuple[str, ...]
    core_columns: int
    effects: int
    hyper: int
    rho: float | None = None
    cycles: int = 1
    rounds: int = 0
    decided: int = 0
    cells: int = 0
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def compiled(self) -> str:
        """What is compiled for it: the scheme, and what is done otherwise within it."""
        return self.scheme + (" by rows" if self.rounds else "") + (" by factors" if self.decided else "")

    def memory(self, chains: int, draws: int) -> int:
        """Bytes of the draws kept: every parameter, every effect, 8 bytes each."""
        return 8 * chains * draws * (self.details["coefficients"] + self.hyper + self.effects + 1)

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "scheme": self.scheme,
            "core": [self.details["names"][f] for f in self.core],
            "units": [[self.details["names"][f] for f in unit] for unit in self.units],
            "core_columns": self.core_columns,
            "rho": self.rho,
            "cycles": self.cycles,
            "decided": self.decided,
            "lines": list(self.lines),
        }


def parents(child: Factor, parent: Factor) -> np.ndarray | None:
    """Level of ``parent`` that holds each level of ``child``, or None where a child level meets two parents; a parent that is a field may
    have levels without any."""
    if len(child.levels) < len(parent.levels) and parent.field is None:
        return None
    return nesting.parents(child.codes, parent.codes, len(child.levels))


def make(design: Design, scheme: str = "auto") -> Plan:
    """Decide the blocks for ``design``, as the sampler sees it (``by_group.arrange``).

    Parameters
    ----------
    scheme : ``auto`` (the default), or one of ``joint``, ``collapsed``, ``one-at-a-time`` to force it. For probit and logit ``auto``
        compares augmentation with second-order moves (``choice``); ``augmented`` and ``second-order`` force one of them, and the
        other three names mean augmentation. Binomial models of many trials are drawn by second-order moves unless augmentation is asked
        for, by any of these names (links logit and probit).

    Raises
    ------
    SpecError : an unknown scheme, one that the family does not have, or a joint draw that would need a dense matrix beyond reason.
    """
    by_group.require(design)
    if scheme not in SCHEMES:
        raise SpecError(f"scheme '{scheme}' is not one of {', '.join(SCHEMES)}.{nearest(scheme, SCHEMES)}", where="sampling.scheme")
    cells = equal_rows.number(design) if families.of(design).is_discrete else design.y.size
    return replace(_decide(design, scheme, cells), cells=cells)


def _decide(design: Design, scheme: str, cells: int) -> Plan:
    family = families.of(design)
    if not family.is_discrete:
        if scheme in ("augmented", "second-order"):
            raise SpecError(f"scheme '{scheme}' is for binary outcomes; a {design.family} model is drawn exactly.", where="sampling.scheme")
    elif family.augmented and design.survey is not None and not design.survey.flat:
        if scheme not in ("auto", "second-order"):
            raise SpecError(
                f"scheme '{scheme}' draws a latent outcome for every row, and a row that sampling weights count as half of one, or as one "
                "and a half, has none. Use 'auto' or 'second-order'.",
                where="sampling.scheme",
            )
        return _second_order(design, "why: sampling weights are powers of each row's likelihood, which no latent outcome has", cells=cells)
    elif family.outcome == families.TRIALS and family.augmented and scheme not in ("auto", "second-order"):
        if family.link not in family.augmented:
            raise SpecError(
                f"scheme '{scheme}' augments the trials, and there is no augmentation for link {design.link}: it is there for logit "
                "(Polya-Gamma) and probit (Albert-Chib). Use 'auto' or 'second-order'.",
                where="sampling.scheme",
            )
        plan = _structure(design, "auto" if scheme == "augmented" else scheme)
        return replace(plan, lines=(*plan.lines, "why: augmentation forced; second-order moves, which auto takes, cost no draw a trial"))
    elif family.outcome == families.BINARY:
        better, why = choice(design, cells)
        if scheme == "second-order" or (scheme == "auto" and better == "second-order"):
            return _second_order(design, why, cells=cells, forced=scheme != "auto")
        if scheme in ("auto", "augmented"):
            plan = _structure(design, "auto")
            return replace(plan, lines=(*plan.lines, why if scheme == "auto" else f"{why} (augmentation forced)"))
    else:
        if scheme not in ("auto", "second-order"):
            raise SpecError(
                f"scheme '{scheme}' is not one that {design.family} models have; they are drawn by second-order moves ('auto' or "
                "'second-order').",
                where="sampling.scheme",
            )
        return _second_order(design, "", cells=cells)
    return _structure(design, scheme)


def choice(design: Design, cells: int) -> tuple[str, str]:
    """(the cheaper of "augmented" and "second-order" for a binary outcome, the sentence that says why).

    The autocorrelation of augmentation follows from the share of ones (PG: 2 sinh(η)/η − 1; Albert–Chib: 2 p(1−p)/φ² − 1), as far as the
    data and not the prior hold an effect. All rows count, or the slowest level of any factor: every effect has to be drawn. The cost of
    augmentation goes with the rows, that of second order with the cells; rows without an outcome are in neither.
    """
    known = slice(None) if design.missing_outcome is None else ~design.missing_outcome
    times = None if design.counts is None else design.times[known]
    y = design.y[known] if times is None else times * design.y[known]
    n = y.size if times is None else round(float(times.sum()))
    link = families.of(design).link
    overall = (y.sum() + 0.5) / (n + 1.0)
    augmented, slowest = float(_autocorrelation(link, np.array([overall]))[0][0]), "all rows"
    for factor in design.factors:
        of_row = factor.codes[known]
        size = np.bincount(of_row, weights=times, minlength=len(factor.levels))
        ones = np.bincount(of_row, weights=y, minlength=len(factor.levels))
        iat, information = _autocorrelation(link, (ones + 10.0 * overall) / (size + 10.0))
        of_level = 1.0 + (iat - 1.0) * size * information / (size * information + 1.0)
        j = int(np.argmax(of_level))
        if of_level[j] > augmented:
            augmented, slowest = float(of_level[j]), f"{factor.name} {factor.levels[j]}"
    a_row, a_cell = NANOSECONDS[link]
    cost = a_row * n * augmented, a_cell * cells * SECOND_ORDER_IAT
    better = "second-order" if cost[1] < cost[0] else "augmented"
    return better, (
        f"why: augmentation would need about {augmented:.1f} sweeps an effective draw (of {slowest}) over {n:,} rows, "
        f"second-order moves about {SECOND_ORDER_IAT:.1f} over {cells:,} cells; {better} is the cheaper"
    )


def _autocorrelation(link: str, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(sweeps an effective draw by augmentation, information of a row) at each share of ones."""
    if link == "probit":
        from scipy.special import ndtri

        density = np.exp(-0.5 * ndtri(share) ** 2) / np.sqrt(2.0 * np.pi)
        return 2.0 * share * (1.0 - share) / density**2 - 1.0, density**2 / (share * (1.0 - share))
    eta = np.log(share / (1.0 - share))
    eta = np.where(np.abs(eta) < 1e-3, 1e-3, eta)
    return 2.0 * np.sinh(eta) / eta - 1.0, share * (1.0 - share)


def _second_order(design: Design, why: str, *, cells: int, forced: bool = False) -> Plan:
    """The blocks of a second-order sweep: everything in the core where that is small and well informed, else the structure of ``joint``."""
    factors, decision = design.factors, decisions.Decision()
    effects = design.X.shape[1] + sum(f.coordinates * len(f.columns) for f in factors)
    small = effects <= ALL_IN_CORE
    by_rows = effects <= MOST_BY_FACTORS and design.rows_used >= ROWS_AN_EFFECT * effects
    if by_rows and all(f.field is None for f in factors) and not _many_alike(design):
        decision = decisions.choose(design, effects, cells, decisions.PASS if small else NANOSECONDS_A_ROW)
    if decision.order or (small and design.rows_used >= ROWS_AN_EFFECT * effects):
        plan = _finish(design, "joint", tuple(range(len(factors))), (), None)
    else:
        plan = _structure(design, "auto")
    cycles, rare = _cycles(design)
    rounds = 0 if decision.order or _open_ended(design) else _rounds(design, "second-order", plan.units, plan.core)
    blocks = Blocks("second-order", plan.core, plan.units, plan.core_columns, plan.rho, forced, ELLIPTICAL_LIMIT, rounds, decision.order)
    how = decision.words() if decision.order else decisions.of_shards(cells)
    lines = (*steps.lines(design, blocks), *filter(None, (how, rare, why)))
    return replace(plan, scheme="second-order", lines=lines, cycles=cycles, rounds=rounds, decided=decision.order)


def _open_ended(design: Design) -> bool:
    """Whether nobody chose some category of an ordinal outcome: its cutpoints have no stand-in, under which the moves by rows draw them."""
    return bool(design.categories) and np.unique(design.observed[0]).size < len(design.categories)


def _many_alike(design: Design) -> bool:
    """Whether the rows of more than ``MANY_ALIKE`` of some factor's levels are all alike."""
    return any(level.mean() > MANY_ALIKE for level in alike.levels(design) if level.size)


def _cycles(design: Design) -> tuple[int, str]:
    """(times that a sweep goes through its moves, the sentence that says so, "" for once).

    Where events are rare and few, the sds and the correlations are held by little more than their priors, and the likelihood is far from
    any normal: moves do less there (measured: `benchmarks/rare.md`), and the default number of draws needs more of them. Of binary
    outcomes the rarer one of each level counts, in the factor where that leaves least: levels that are all 0 and levels that are all 1
    do not make up for each other.
    """
    effects = sum(len(f.levels) * len(f.columns) for f in design.factors)
    family = families.of(design)
    if family.outcome in (families.ORDINAL, families.REAL) or effects == 0:
        return 1, ""
    known = slice(None) if design.missing_outcome is None else ~design.missing_outcome
    weight = averages.once(design.y.size, design.weights)
    trials = (weight if design.trials is None else weight * design.trials)[known]
    ones = (design.y if design.weights is None else weight * design.y)[known]
    all_trials, events = float(trials.sum()), float(ones.sum())
    if family.is_share:
        of_factors = (_rarer(f, ones, trials, known) for f in design.factors)
        events = min(events, all_trials - events, *of_factors)
    if events >= RARE * all_trials or events >= EVENTS_AN_EFFECT * effects:
        return 1, ""
    cycles = int(np.clip(np.round(EVENTS_A_CYCLE / max(events, 1.0)), 2, MOST_CYCLES))
    return cycles, f"rare events: {events:,.0f} for {effects:,} random effects; a sweep goes {cycles} times through its moves"


def _rarer(factor: Factor, ones: np.ndarray, trials: np.ndarray, known: slice | np.ndarray) -> float:
    """Σ over levels of the number of the rarer outcome, ``known`` rows only; of levels with few trials, that of all of them together."""
    of, J = factor.codes[known], len(factor.levels)
    one, size = np.bincount(of, weights=ones, minlength=J), np.bincount(of, weights=trials, minlength=J)
    few = size < TRIALS_OF_A_LEVEL
    together = min(one[few].sum(), (size - one)[few].sum())
    return float(np.minimum(one, size - one)[~few].sum() + together)


def _structure(design: Design, scheme: str) -> Plan:
    """Which factors are eliminated, and which stand in the core, for a model that is gaussian given its latents."""
    factors = design.factors
    sizes = [f.coordinates * len(f.columns) for f in factors]
    p = design.X.shape[1]
    always = structured_factors(design)
    if any(f.field is not None for f in factors):
        return _with_fields(design, scheme, always)
    alike = [f for f in range(len(factors)) if f not in always]
    if scheme == "one-at-a-time":
        return _finish(design, "one-at-a-time", always, tuple((f,) for f in alike), None, forced=True)
    chains = _chains(factors, alike)
    if scheme == "joint" or len(chains) <= 1:
        units, core = chains[:1], tuple(sorted([*always, *(f for chain in chains[1:] for f in chain)]))
        columns = p + sum(sizes[f] for f in core)
        if columns > DENSE_LIMIT:
            raise SpecError(
                f"scheme 'joint' needs a dense matrix of {columns} columns here ({8 * columns**2 / 1e9:.1f} GB a chain); "
                f"at most {DENSE_LIMIT} are allowed. Use scheme 'auto' or 'collapsed'.",
                where="sampling.scheme",
            )
        return _finish(design, "joint", core, tuple(units), None, forced=scheme == "joint")
    core = tuple(sorted([*always, *(f for chain in chains[1:] for f in chain)]))
    columns = p + sum(sizes[f] for f in core)
    flops = joint_flops(design, chains[0], core)
    budget = FLOPS_BUDGET if families.of(design).is_gaussian else max(FLOPS_BUDGET, NANOSECONDS_A_ROW * design.rows_used)
    if scheme == "auto" and columns <= CORE_LIMIT and flops <= budget:
        return _finish(design, "joint", core, (chains[0],), None)
    small: list[int] = list(always)
    room = CORE_LIMIT - p - sum(sizes[f] for f in always)
    if scheme == "auto":
        for f in sorted(alike, key=lambda f: sizes[f]):
            if sizes[f] <= min(SMALL_FACTOR, room):
                small.append(f)
                room -= sizes[f]
    units = _chains(factors, [f for f in range(len(factors)) if f not in small])
    if not units:
        return _finish(design, "joint", core, (chains[0],), None)
    rho = _connection(factors[units[0][0]], factors[units[1][0]], design.counts) if len(units) > 1 else None
    if scheme == "auto" and len(units) > 1 and rho is not None and rho > 0.97 and columns <= DENSE_LIMIT:
        return _finish(design, "joint", core, (chains[0],), rho)
    return _finish(design, "joint" if len(units) == 1 else "collapsed", tuple(sorted(small)), tuple(units), rho, forced=scheme != "auto")


def _with_fields(design: Design, scheme: str, core: tuple[int, ...]) -> Plan:
    """Every field ends a chain, whose others are the factors that are nested in it; the rest as without fields, small ones in the core."""
    factors = design.factors
    if scheme == "one-at-a-time":
        return _finish(design, "one-at-a-time", core, tuple((f,) for f in range(len(factors)) if f not in core), None, forced=True)
    left, chains = [f for f in range(len(factors)) if f not in core and factors[f].field is None], []
    for f in (f for f in range(len(factors)) if factors[f].field is not None):
        inside = [g for g in left if parents(factors[g], factors[f]) is not None]
        leaf = _chains(factors, inside)[:1]
        chains.append((*(leaf[0] if leaf else ()), f))
        left = [g for g in left if g not in chains[-1]]
    sizes, room = [f.coordinates * len(f.columns) for f in factors], CORE_LIMIT - design.X.shape[1]
    small, room = list(core), room - sum(f.coordinates * len(f.columns) for k, f in enumerate(factors) if k in core)
    for g in sorted(left, key=lambda g: sizes[g]):
        if sizes[g] <= min(SMALL_FACTOR, room) or (scheme == "joint" and len(chains) == 1 and sizes[g] <= DENSE_LIMIT + room - CORE_LIMIT):
            small.append(g)
            room -= sizes[g]
    chains += _chains(factors, [g for g in left if g not in small])
    if scheme == "joint" and len(chains) > 1:
        named = " and ".join(factors[chain[-1]].name for chain in chains)
        raise SpecError(
            f"scheme 'joint' draws everything at once, and {named} cannot be eliminated one inside the other. Use 'auto' or 'collapsed'.",
            where="sampling.scheme",
        )
    made = "joint" if len(chains) == 1 else "collapsed"
    return _finish(design, made, tuple(sorted(small)), tuple(chains), None, forced=scheme == made)


def structured_factors(design: Design) -> tuple[int, ...]:
    """The factors whose levels know their neighbours in the core, all but fields. SpecError where they are too many columns for it."""
    found = tuple(f for f, factor in enumerate(design.factors) if factor.structure is not None and factor.field is None)
    columns = sum(design.factors[f].coordinates * len(design.factors[f].columns) for f in found)
    if columns > LIMIT:
        sizes = ", ".join(plan_words.sizes(design, f) for f in found)
        raise SpecError(
            f"effects whose levels know their neighbours are drawn in one dense block of at most {LIMIT} columns; here are {columns:,}: "
            f"{sizes}. Take coarser levels, or fewer columns that vary over them.",
            where="formula",
        )
    return found


def _chains(factors: tuple[Factor, ...], members: list[int]) -> list[tuple[int, ...]]:
    """Split factors into chains, leaf first: the largest factor with the factors it is nested in, then the largest of the rest …"""
    left = sorted(members, key=lambda f: (-len(factors[f].levels), f))
    chains = []
    while left:
        chain = [left.pop(0)]
        for f in list(left):
            if parents(factors[chain[-1]], factors[f]) is not None:
                chain.append(f)
                left.remove(f)
        chains.append(tuple(chain))
    weight = [sum(len(factors[f].levels) * len(factors[f].columns) for f in chain) for chain in chains]
    return [chains[k] for k in sorted(range(len(chains)), key=lambda k: (-weight[k], k))]


def joint_flops(design: Design, chain: tuple[int, ...], core: tuple[int, ...]) -> float:
    """Operations of one elimination: Σ over leaf levels of q·(core columns met)²/2, and the dense core."""
    leaf = design.factors[chain[0]]
    J, q, p = len(leaf.levels), len(leaf.columns), design.X.shape[1]
    met = np.full(J, float(p))
    for f in core:
        other = design.factors[f]
        if other.structure is not None:
            met += other.coordinates * len(other.columns)
            continue
        pairs = np.unique(leaf.codes.astype(np.int64) * len(other.levels) + other.codes)
        met += np.bincount(pairs // len(other.levels), minlength=J) * len(other.columns)
    columns = p + sum(design.factors[f].coordinates * len(design.factors[f].columns) for f in core)
    upper = sum(len(design.factors[f].levels) * len(design.factors[f].columns) for f in chain[1:])
    return float(np.sum(q * met**2) / 2 + upper * columns**2 / 2 + columns**3 / 6 + fill(design, chain))


def fill(design: Design, chain: tuple[int, ...]) -> float:
    """Operations of the field of a chain, 0 where it has none."""
    total = 0.0
    for factor in (design.factors[k] for k in chain if design.factors[k].field is not None):
        of = factor.field
        each, made = _OF_NODES + _OF_CONSTRAINTS * max(of.constraints - 1, 0), of.elimination
        by_fronts = _OF_FRONTS * made.fronts + _OF_ENTRIES * made.entries + _OF_DENSE_PRODUCTS * made.operations
        total += (each * of.nodes + min(_OF_PRODUCTS * made.operations, by_fronts)) * len(factor.columns) ** _OF_COLUMNS
    return total


def _connection(a: Factor, b: Factor, counts: np.ndarray | None = None, steps: int = 40) -> float:
    """Squared second singular value of the normalised table of two factors: 0 complete, 1 disconnected or nested.

    Power iteration with the leading vector √n_j deflated (ALGORITHMS: rate of the collapsed Gibbs sampler, Papaspiliopoulos,
    Roberts & Zanella 2020).
    """
    root_a = np.sqrt(np.bincount(a.codes, weights=counts, minlength=len(a.levels)).astype(float))
    root_b = np.sqrt(np.bincount(b.codes, weights=counts, minlength=len(b.levels)).astype(float))
    times = 1.0 if counts is None else counts
    lead = root_a / np.linalg.norm(root_a)
    x = np.random.default_rng(0).standard_normal(root_a.size)
    value = 0.0
    for _ in range(steps):
        x -= lead * (lead @ x)
        norm = np.linalg.norm(x)
        if norm == 0.0:
            return 0.0
        x /= norm
        y = np.bincount(b.codes, weights=(x / root_a)[a.codes] * times, minlength=root_b.size) / root_b
        x = np.bincount(a.codes, weights=(y / root_b)[b.codes] * times, minlength=root_a.size) / root_a
        value = float(np.linalg.norm(x))
    return min(value, 1.0)


def _rounds(design: Design, scheme: str, units: tuple[tuple[int, ...], ...], core: tuple[int, ...]) -> int:
    """Of moves by rows after each draw of the location: 1 or 0."""
    everything = range(len(design.factors))
    if any(f.structure is not None for f in design.factors):  # their columns are not apart level by level, as moves by rows take them to be
        return 0
    if scheme == "joint":
        together = plan_words.hyper_parameters(design, everything) + plan_words.sigma_drawn(design)
        return int(together > MANY_VARIANCES + (not core))
    if scheme == "second-order":
        by_unit = [plan_words.hyper_parameters(design, [*unit, *core], least=2) for unit in units or ((),)]
        return int(max(by_unit) >= MANY_VARIANCES)
    slopes = any(len(t.columns) > 1 for f in design.factors for t in f.terms)
    return int(scheme == "collapsed" and slopes)


def _finish(
    design: Design,
    scheme: str,
    core: tuple[int, ...],
    units: tuple[tuple[int, ...], ...],
    rho: float | None,
    forced: bool = False,
) -> Plan:
    """Fill in the counts and the sentences."""
    factors = design.factors
    p = design.X.shape[1]
    cutpoints = len(design.categories) - 1 if design.categories else 0
    columns = p + cutpoints + sum(factors[f].coordinates * len(factors[f].columns) for f in core)
    hyper = sum(len(t.columns) * (len(t.columns) + 1) // 2 for f in factors for t in f.terms)
    hyper += len(families.of(design).priors(design))
    hyper += cutpoints + sum(bool(laws.of(f).parameter) for f in factors)
    rounds = _rounds(design, scheme, units, core)
    return Plan(
        scheme=scheme,
        core=core,
        units=units,
        rounds=rounds,
        lines=steps.lines(design, Blocks(scheme, core, units, columns, rho, forced, ELLIPTICAL_LIMIT, rounds)),
        core_columns=columns,
        effects=sum(len(f.levels) * len(f.columns) // max(len(f.groups), 1) for f in factors),  # those that are reported
        hyper=hyper,
        rho=rho,
        details={"names": [f.name for f in factors], "coefficients": p},
    )
