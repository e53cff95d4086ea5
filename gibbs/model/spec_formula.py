"""The formula of a spec, taken apart: with what the spec's keys ``effects:`` and ``weights:`` say beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gibbs.errors import FormulaError
from gibbs.model import formula
from gibbs.model.formula import Formula


def read(
    text: str,
    effects: Mapping[str, Mapping[str, str]],
    weights: str | None,
    weights_type: str,
    where: Callable[[str], str],
) -> Formula:
    """The Formula that ``text`` and the two keys say together; FormulaError with the place, ``where(key)``, of what is wrong."""
    try:
        found = formula.parse(text)
    except FormulaError as error:
        raise FormulaError(error.message, where=error.where or where("formula")) from None
    if effects:
        try:
            found = formula.with_effects(found, effects)
        except FormulaError as error:
            raise FormulaError(f"effects: {error.message}", where=where("effects")) from None
    if weights is None:
        return found
    try:
        return formula.with_weights(found, weights, weights_type)
    except FormulaError as error:
        raise FormulaError(f"weights: {error.message}", where=where("weights.column")) from None
