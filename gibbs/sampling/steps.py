"""The steps of a sweep: one list, which the compiled loops run and ``gibbs check`` prints.

A step is a code of ``kernels/layout.py``, the unit it is for, and what the plan says of it. ``kernels/sweep.py`` (models that are normal,
or normal given latents), ``kernels/second_order.py`` and ``kernels/factorised.py`` run the codes in this order, sweep after sweep. A new
step is a kernel, its code, a line in the loop that knows it, and a line here.
"""

from __future__ import annotations

from typing import NamedTuple

from gibbs.kernels import layout as kl
from gibbs.model import families, laws
from gibbs.model.records import Design
from gibbs.sampling import plan_words as words
from gibbs.sampling.plan_words import Blocks


class Step(NamedTuple):
    """What is done, for which unit (−1: for none in particular), and the sentences about it."""

    code: int
    unit: int = -1
    words: tuple[str, ...] = ()


def of(design: Design, blocks: Blocks) -> tuple[Step, ...]:
    """The steps of a sweep, in their order; ``design`` as the sampler sees it (``by_group.arrange``)."""
    family = families.of(design)
    augmented = not family.is_gaussian and blocks.scheme != "second-order"
    alike = words.of_levels_alike(design) if augmented and blocks.scheme != "one-at-a-time" and words.latent_of_ones(design) else []
    found = []
    if any(laws.moves(f) for f in design.factors):
        found.append(Step(kl.BETWEEN, words=tuple(words.of_effects(design.factors))))
    if alike:
        found.append(Step(kl.OWN_LAW, words=tuple(alike)))
    if augmented:
        found.append(Step(kl.LATENTS, words=words.of_latents(design, blocks)))
    found += {"one-at-a-time": _one_at_a_time, "second-order": _second_order}.get(blocks.scheme, _exact)(design, blocks)
    return (*found, Step(kl.PRIOR_SCALES, words=words.of_priors(design)))


def lines(design: Design, blocks: Blocks) -> tuple[str, ...]:
    """The sentences of all steps, after what is said of the outcome where no step is needed for it."""
    said = [line for step in of(design, blocks) for line in step.words]
    return (*words.of_outcome(design, blocks), *words.of_groups(design.factors), *words.of_structures(design.factors), *said)


def _one_at_a_time(design: Design, blocks: Blocks) -> list[Step]:
    """β given all effects, then every factor given the rest: the scheme of the deck."""
    location, *variances = words.one_at_a_time(design, blocks)
    units = [Step(kl.EFFECTS, unit) for unit in range(len(blocks.units))]
    return [Step(kl.COEFFICIENTS, words=(location,)), *units, Step(kl.COVARIANCES, words=tuple(variances)), *_scales(design)]


def _exact(design: Design, blocks: Blocks) -> list[Step]:
    """Normal, or normal given the latents: everything in one draw, or (core, one unit) given the other units, in turn."""
    if len(blocks.units) < 2:
        return [Step(kl.JOINTLY, 0, tuple(words.joint(design, blocks))), Step(kl.COVARIANCES), *_scales(design)]
    location, variances, sigma = words.collapsed(design, blocks)
    units = [Step(kl.UNIT, unit, (line,)) for unit, line in enumerate(location)]
    return [*units, Step(kl.COVARIANCES, words=tuple(variances)), *_scales(design, tuple(sigma))]


def _scales(design: Design, said: tuple[str, ...] = ()) -> list[Step]:
    """The residual sd of gaussian outcomes; that of Student-t ones goes with their latents."""
    return [Step(kl.SCALES, words=said)] if families.of(design).is_gaussian else []


def _second_order(design: Design, blocks: Blocks) -> list[Step]:
    """Levels and core of every unit with its variances, then everything else given the effects."""
    location, variances, scale, own = words.second_order(design, blocks)
    units = [Step(kl.UNIT, unit if blocks.units else -1, (line,)) for unit, line in enumerate(location)]
    found = [*units, Step(kl.COVARIANCES, words=tuple(variances)), Step(kl.OWN_LAW, words=tuple(words.of_levels_alike(design)))]
    if scale:
        found.append(Step(kl.EVERYTHING, words=tuple(scale)))
    return [*found, Step(kl.FAMILY_SCALES, words=tuple(own))]
