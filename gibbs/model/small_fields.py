"""Walks and maps of some tens of levels as fields: what the sampler sees of a design, where that is quicker than the dense core.

A sparse factorisation takes time in proportion to the levels, a dense one as their cube; from ``LEAST`` levels on the first is the quicker
one (`benchmarks/fields.md`). In the core, on the other hand, structured factors are drawn together with all others in one move. So a factor
becomes a field here where it is the only one that knows its neighbours, and the others are few columns, which stand in the core then. Where
the three numbers stand was measured (`benchmarks/fields.md`).
"""

from __future__ import annotations

from dataclasses import replace

from gibbs.model import families, fields, structures
from gibbs.model.records import Design, Factor

LEAST = 40
"""Levels from which on it is one."""
OTHERS = 0.25
"""Columns that the others have at most, for each of its own."""
ROWS_A_LEVEL = 5
"""Rows that a level has at most, on average, where a sweep passes over them: in the core it does so less often."""


def arrange(design: Design, scheme: str) -> Design:
    """``design``, as ``by_group.arrange`` left it, with such a factor as a field; itself where there is none, or ``scheme`` is not auto."""
    known = [f for f, factor in enumerate(design.factors) if factor.structure is not None]
    if scheme != "auto" or len(known) != 1 or not _may(design, design.factors[known[0]]):
        return design
    factors, (f,) = list(design.factors), known
    others = sum(len(other.levels) * len(other.columns) for other in factors if other.structure is None)
    if others > OTHERS * len(factors[f].levels) * len(factors[f].columns):
        return design
    factors[f] = replace(factors[f], structure=structures.as_field(factors[f].structure))
    if factors[f].field is None:  # a precision that is all but full
        return design
    return replace(design, factors=tuple(factors), asked=design.asked or design)


def _may(design: Design, factor: Factor) -> bool:
    structure, family = factor.structure, families.of(design)
    if structure.field is not None or structure.kind not in fields.KINDS or len(factor.levels) < LEAST:
        return False
    return family.is_gaussian or (family.outcome != families.ORDINAL and design.rows_used <= ROWS_A_LEVEL * len(factor.levels))
