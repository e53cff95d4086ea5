"""A plan in words: what a sweep draws, block by block, and which moves draw the variances.

The sentences stand beside the steps that they are about (``steps.py``), for every scheme and structure: factors that are eliminated,
factors that stand in the core beside β, both, or none. Every variance that is drawn is named with the move that draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gibbs.model import alike, families, laws, structures
from gibbs.model.records import Design, Factor


class Blocks(NamedTuple):
    """What the sentences are about, names as in ``Plan``; ``limit``: more variances of a second-order model are sliced one by one."""

    scheme: str
    core: tuple[int, ...]
    units: tuple[tuple[int, ...], ...]
    core_columns: int
    rho: float | None = None
    forced: bool = False
    limit: int = 0
    rounds: int = 0
    decided: int = 0


BY_ROWS = (
    "by rows of each covariance, a column of its effects integrated out and drawn anew, and directions given the effects; "
    "then the coefficients and all sds in one draw; then given the effects"
)
"""What ``kernels/by_rows.py`` does, and step 4 of a sweep after it."""
OF_STAND_IN = (
    "by rows of each covariance under the stand-in, a column of its effects integrated out, then directions given the effects, then the "
    "coefficients and all sds at once, or in reverse order: one decision; then with their effects, and given them"
)
"""The same in a second-order sweep."""


# ------------------------------------------------------------------------------------------------- outcome, effects, priors


def of_outcome(design: Design, blocks: Blocks) -> list[str]:
    """The outcome, where nothing is drawn for it: gaussian, and likelihoods that stand beside a stand-in."""
    if blocks.scheme == "second-order":
        forced = " (forced)" if blocks.forced else ""
        return [
            f"outcome: {design.family} by second-order moves: a normal stand-in of the likelihood, fitted in warm-up, proposes, "
            f"and Metropolis steps make it exact{forced}"
        ]
    gaussian = "outcome: gaussian; cross-products are sufficient, so a sweep never passes over the rows"
    return [gaussian] if families.of(design).is_gaussian else []


def of_latents(design: Design, blocks: Blocks) -> tuple[str, ...]:
    """The latent variables of an augmented outcome."""
    of, each = families.of(design), ""
    if of.outcome == families.TRIALS:
        trials = int(np.sum(design.trials if design.weights is None else design.trials * design.weights))
        each = f", for each of {trials:,} trials"
    augmentation = of.augmented.get(of.link)
    if augmentation == "PROBIT":
        whole = blocks.scheme == "joint" and not design.offset.any() and all(not laws.of(f).parameter for f in design.factors)
        haar = ", with the Haar scale move where the priors of β are centred at 0" if whole else ""
        return (f"outcome: {design.family} by Albert-Chib truncated normals{each}{haar}",)
    if augmentation == "LOGIT":
        return (f"outcome: {design.family} by exact Polya-Gamma PG(1, z) draws{each}",)
    return ("outcome: Student-t as a scale mixture; nu and sigma drawn with the scales integrated out, then the scales",)


def latent_of_ones(design: Design) -> bool:
    """Whether latents stand for ones and zeros, which may all be alike in a level."""
    of = families.of(design)
    return of.augmented.get(of.link) in ("PROBIT", "LOGIT")


def of_effects(factors: tuple[Factor, ...]) -> list[str]:
    """Laws of effects that are not normal."""
    return [f"effects of {f.name}: {laws.of(f).plan}" for f in factors if laws.moves(f)]


def of_structures(factors: tuple[Factor, ...]) -> list[str]:
    """Levels that know their neighbours."""
    neighbours = "levels that know their neighbours"
    return [
        f"effects of {f.name}: {f.structure.words}, {structures.ROLE.get(f.structure.kind, neighbours)}, "
        + ("in the core, in coordinates independent a priori" if f.field is None else "all in one sparse factorisation")
        for f in factors
        if f.structure is not None
    ]


def of_groups(factors: tuple[Factor, ...]) -> list[str]:
    """Covariances that differ by groups of levels."""
    return [
        f"effects of {f.name}: covariances by {f.by}, columns of their own for each of {len(f.groups)} groups of levels"
        for f in factors
        if f.group is not None
    ]


def of_levels_alike(design: Design) -> list[str]:
    """Levels that are held on one side only."""
    found = zip(design.factors, alike.levels(design), strict=True)
    counts = [(f.name, int(a.sum()), a.size) for f, a in found if a.any() and f.structure is None]
    if not counts:
        return []
    named = ", ".join(f"{n:,} of {J:,} of {name}" for name, n, J in counts)
    return [f"levels whose outcomes are all alike ({named}): also by their own law, an elliptical slice with nothing but their rows"]


def of_priors(design: Design) -> tuple[str, ...]:
    """Priors of coefficients that are not normal."""
    heavy = [row.label for row in design.coefficient_priors if np.isfinite(row.df)]
    return (f"priors of {_listed(heavy)}: Student-t, as a scale mixture; their scales given the coefficients",) if heavy else ()


# ------------------------------------------------------------------------------------------------------------ location


def one_at_a_time(design: Design, blocks: Blocks) -> list[str]:
    why = " (forced)" if blocks.forced else ""
    everything = range(len(design.factors))
    drawn = [*_covariances(design, everything), *(["sigma"] if sigma_drawn(design) else [])]
    if not design.factors:
        lines = [f"location{why}: β in one draw (there are no grouping factors)"]
    elif blocks.core:
        first = f"{_core(design, blocks)} in one draw given all other effects"
        effects = ", ".join(sizes(design, f) for unit in blocks.units for f in unit)
        lines = [f"location{why}: {first}" + (f"; then each factor given the rest, in turn: {effects}" if effects else "")]
    else:
        effects = ", ".join(sizes(design, f) for f in everything)
        lines = [f"location{why}: β given all effects, then each factor given the rest (equations 5 and 6 of the deck), in turn: {effects}"]
    if drawn:
        lines.append(
            f"variances ({', '.join(drawn)}): each given its own effects or residuals; expect slow mixing where a variance is small"
        )
    return lines


def joint(design: Design, blocks: Blocks) -> list[str]:
    """One unit or none: everything in one draw."""
    why = " (forced)" if blocks.forced else ""
    inside = [f for unit in blocks.units for f in unit] + list(blocks.core)
    if blocks.units:
        lines = [
            f"location{why}: one joint draw of everything; {_chain(design, blocks.units[0])}"
            + (f"; dense core of {_columns(blocks)}: {_core(design, blocks)}" if blocks.core_columns else "")
        ]
    elif blocks.core:
        lines = [f"location{why}: one joint draw of everything, in a dense core of {_columns(blocks)}: {_core(design, blocks)}"]
    else:
        lines = [f"location{why}: {_core(design, blocks)} in one draw (there are no grouping factors)"]
    gaussian = families.of(design).is_gaussian
    together = [*_covariances(design, inside), *(["sigma"] if gaussian and sigma_drawn(design) else [])]
    if not together:
        return lines
    if blocks.rounds:
        lines.append(f"variances ({', '.join(_covariances(design, inside))}): {BY_ROWS}")
        return [*lines, "sigma: given the residuals"] if gaussian and sigma_drawn(design) else lines
    if gaussian:
        how = (
            "all at once: independent proposals, every eighth sweep an elliptical slice, around the fit of warm-up; "
            "the slice alone where few are accepted"
        )
    else:
        how = "all at once: an elliptical slice around the fit of warm-up"
    given = f"; then given the {'effects' if inside else 'residuals'}"
    return [*lines, f"variances ({', '.join(together)}): with every location effect integrated out ({how}){given}"]


def collapsed(design: Design, blocks: Blocks) -> tuple[list[str], list[str], list[str]]:
    """Several units, gaussian given the latents: a line for each unit (the last says why), the variances, sigma."""
    why = " (forced)" if blocks.forced else ""
    core = f"a dense core of {_columns(blocks)} ({_core(design, blocks)})"
    location = [f"location{why}: {_chain(design, unit)}, drawn jointly with {core}, given the rest" for unit in blocks.units]
    variances = [_several(blocks)]
    inside, outside = (_covariances(design, fs) for fs in (blocks.core, [f for unit in blocks.units for f in unit]))
    if blocks.rounds:
        variances.append(f"variances ({', '.join([*inside, *outside])}): unit by unit with the core, {BY_ROWS}")
        inside = outside = []
    if inside:
        how = (
            "slices, one by one"
            if hyper_parameters(design, blocks.core) > blocks.limit
            else "an elliptical slice around the fit of warm-up"
        )
        variances.append(
            f"variances of the core ({', '.join(inside)}): with the core and one unit integrated out ({how}); then given the effects"
        )
    if outside:
        variances.append(
            f"variances of the units ({', '.join(outside)}): by ASIS, ancillary (the effects follow), then sufficient (given them)"
        )
    sigma = ["sigma: given the residuals"] if families.of(design).is_gaussian and sigma_drawn(design) else []
    return location, variances, sigma


def second_order(design: Design, blocks: Blocks) -> tuple[list[str], list[str], list[str], list[str]]:
    """Likelihoods that are not normal given anything: a line for each unit (one where all is in the core), the variances, what scales
    everything, the family's own parameters."""
    core = f"the dense core of {_columns(blocks)} ({_core(design, blocks)})" if blocks.core_columns else "what there is beside the levels"
    together = ", together with the variances" if _covariances(design, range(len(design.factors))) and not blocks.rounds else ""
    location = []
    if not blocks.units:
        none = "" if design.factors else "; there are no grouping factors"
        parts = "" if blocks.decided else ", in parts where few are accepted"
        location.append(f"location: {core} in one proposal{together}{parts}{none}")
    for unit in blocks.units:
        rest = ", given the rest" if len(blocks.units) > 1 else ""
        location.append(
            f"location: {_chain(design, unit)}, {_accepted(design, unit)}; then {core} in one proposal{together}, "
            f"in parts where few are accepted{rest}"
        )
    variances = [_several(blocks)] if len(blocks.units) > 1 else []
    most = max(hyper_parameters(design, [*unit, *blocks.core]) for unit in blocks.units or ((),))
    how = "one by one" if most > blocks.limit else "all at once around the fit of warm-up"
    for unit in blocks.units or ((),):
        words = _covariances(design, [*unit, *blocks.core])
        if words and blocks.rounds:
            variances.append(f"variances ({', '.join(words)}): {OF_STAND_IN}")
        elif words:
            out = "every location effect" if len(blocks.units) < 2 else "the core and this unit"
            variances.append(
                f"variances ({', '.join(words)}): with {out} integrated out of the stand-in ({how}), decided with the core; "
                "then with their effects, which follow, and given them"
            )
    everything = "scale: now and then everything, coefficients, effects and sds, is multiplied at once"
    own = ["cutpoints: in the core, and now and then by slices given the linear predictor"] if design.categories else []
    parameter = families.of(design).parameter("dispersion_prior")
    if parameter is not None:
        own.append(f"{parameter.name}: slices given the linear predictor")
    return location, variances, [everything] if _scalable(design) else [], own


def _scalable(design: Design) -> bool:
    """Whether a second-order sweep scales everything at once: a latent outcome, with no sd that is given."""
    return families.of(design).outcome != families.COUNT and not any(t.given for f in design.factors for t in f.terms)


def _several(blocks: Blocks) -> str:
    share = f"; connection of the two largest factors {blocks.rho:.2f} (0 fast, 1 slow)" if blocks.rho is not None else ""
    if blocks.scheme == "collapsed" and blocks.forced:
        return f"why: forced{share}"
    return f"why: one joint draw would need a dense factorisation that costs more than these sweeps{share}"


# -------------------------------------------------------------------------------------------------------------- pieces


def sizes(design: Design, f: int) -> str:
    """``school (10 levels × 2)``."""
    factor = design.factors[f]
    if factor.coordinates != factor.nodes:
        return f"{factor.name} ({factor.coordinates:,} coordinates × {len(factor.columns)})"
    return f"{factor.name} ({len(factor.levels):,} levels × {len(factor.columns)})"


def _chain(design: Design, unit: Sequence[int]) -> str:
    """``class (40 levels × 1) → school (10 levels × 2) nested chain, eliminated leaf to root``."""
    how = "nested chain, eliminated leaf to root" if len(unit) > 1 else "eliminated level by level"
    if design.factors[unit[-1]].field is not None:
        how = "eliminated leaf to root, the last by a sparse factorisation" if len(unit) > 1 else "eliminated by a sparse factorisation"
    return f"{' → '.join(sizes(design, f) for f in unit)} {how}"


def _accepted(design: Design, unit: Sequence[int]) -> str:
    """How the levels of a unit of second-order moves are decided on."""
    if design.factors[unit[-1]].field is None:
        return "each level accepted on its own rows"
    part = f"the noise of {design.factors[unit[-1]].name} part by part, each accepted on all rows that it moves"
    return f"{part}, then each level of the others on its own" if len(unit) > 1 else part


def _core(design: Design, blocks: Blocks) -> str:
    """``β, cutpoints, election (12)``: what stands in the core, with the columns of each factor."""
    parts = ["β"] if design.X.shape[1] else []
    parts += ["cutpoints"] if design.categories else []
    parts += [f"{design.factors[f].name} ({design.factors[f].coordinates * len(design.factors[f].columns)})" for f in blocks.core]
    return ", ".join(parts) or "nothing"


def _columns(blocks: Blocks) -> str:
    return "1 column" if blocks.core_columns == 1 else f"{blocks.core_columns:,} columns"


def _covariances(design: Design, members: Sequence[int]) -> list[str]:
    """``sd of school``, ``2 sds and 1 correlation of class``: what is drawn of each factor's covariances; nothing of one that is given."""
    found = []
    for f in sorted(members):
        factor = design.factors[f]
        terms = [t for t in factor.terms if not t.given]
        sds = sum(len(t.columns) for t in terms)
        correlations = sum(len(t.columns) * (len(t.columns) - 1) // 2 for t in terms)
        if sds:
            words = "sd" if sds == 1 else f"{sds} sds"
            words += f" and {correlations} correlation{'s' * (correlations > 1)}" if correlations else ""
            found.append(f"{words} of {factor.name}")
    return found


def hyper_parameters(design: Design, members: Sequence[int], least: int = 1) -> int:
    """Coordinates of the covariances that are drawn, of terms of at least so many columns."""
    terms = [t for f in members for t in design.factors[f].terms if not t.given and len(t.columns) >= least]
    return sum(len(t.columns) * (len(t.columns) + 1) // 2 for t in terms)


def sigma_drawn(design: Design) -> bool:
    """Whether a residual sd of the normal model is drawn; that of a Student-t outcome is drawn with its latents."""
    return families.of(design).is_gaussian and design.sigma_prior is not None and design.sigma_prior.kind != "fixed"


def _listed(words: Sequence[str], most: int = 6) -> str:
    return ", ".join(words[:most]) + (f" and {len(words) - most:,} more" if len(words) > most else "")
