"""Hypotheses and contrasts: what the draws say of an expression of parameters (see ``gibbs.criticism.expressions`` for the language)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gibbs.criticism import expressions
from gibbs.criticism.expressions import Both, Compare, Constant, HypothesisError, Node, Operation, Parameter, Statement
from gibbs.draws import diagnostics, names
from gibbs.draws.outline import Outline
from gibbs.draws.records import Draws
from gibbs.errors import SpecError
from gibbs.posterior import parameters

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("estimate", "sd", "lower", "upper", "probability", "mcse", "evidence_ratio")


def table(draws: Draws, outline: Outline, hypotheses: str | Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """One row a hypothesis, index as written.

    estimate, sd, lower, upper : posterior mean, sd and central interval of left − right (of an expression without a comparison: of itself;
        nan for several comparisons joined).
    probability : posterior probability that it holds; of an expression, that it is above 0. mcse : Monte Carlo standard error of it.
    evidence_ratio : probability/(1 − probability); infinite where it holds in every draw, which says no more than that
        1 − probability is below about 3 in as many draws.

    Raises HypothesisError (a SpecError) for words that are none, with a caret; SpecError where a draw of the expression is no number.
    """
    import pandas as pd

    if not 0.0 < level < 1.0:
        raise SpecError(f"an interval has a level between 0 and 1, such as 0.95, not {level:g}.", where="level")
    words = [hypotheses] if isinstance(hypotheses, str) else list(hypotheses)
    known = frozenset((*parameters.all_names(draws, outline), *names.fixed_values(outline)))
    rows = [_row(draws, outline, text, known, level) for text in words]
    return pd.DataFrame(rows, columns=list(COLUMNS), index=pd.Index(words, name="hypothesis"))


def _row(draws: Draws, outline: Outline, text: str, known: frozenset[str], level: float) -> tuple[float, ...]:
    tree = expressions.parse(text, known)
    wanted = expressions.parameters(tree)
    if not wanted:
        raise HypothesisError(f"'{text}' names no parameter.")
    values = {name: np.asarray(parameters.values(draws, outline, name), dtype=float) for name in wanted}
    shape = draws.beta.shape[:2]
    with np.errstate(all="ignore"):
        if isinstance(tree, Both):
            difference, holds = None, statement(tree, values)
        elif isinstance(tree, Compare):
            difference, holds = value(tree.left, values) - value(tree.right, values), statement(tree, values)
        else:
            difference = value(tree, values)
            holds = difference > 0
    if difference is not None:
        bad = int(np.sum(~np.isfinite(difference)))
        if bad:
            raise SpecError(f"'{text}' is no finite number in {bad:,} of {difference.size:,} draws.", where="hypothesis")
        difference = np.broadcast_to(difference, shape)
        tail = (1.0 - level) / 2.0
        with np.errstate(all="ignore"):
            about = (difference.mean(), _sd(difference), *np.quantile(difference, (tail, 1.0 - tail)))
        if not np.isfinite(about).all():
            raise SpecError(f"'{text}' has draws too large to be averaged, up to {np.abs(difference).max():.2g}.", where="hypothesis")
    else:
        about = (math.nan,) * 4
    probability = float(np.mean(holds))
    odds = math.inf if probability == 1.0 else probability / (1.0 - probability)
    return (*(float(a) for a in about), probability, _mcse(np.broadcast_to(holds, shape)), odds)


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else 0.0


def _mcse(holds: np.ndarray) -> float:
    """Of a probability; nan where it held in all draws or in none, or there are too few to tell."""
    if holds.all() or not holds.any() or holds.shape[1] < 4:
        return math.nan
    return float(diagnostics.mcse_mean(holds.astype(float)))


def statement(tree: Statement, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether it holds, draw by draw. SpecError where a side of a comparison is no number at a draw."""
    if isinstance(tree, Both):
        parts = np.stack(np.broadcast_arrays(*(statement(part, values) for part in tree.parts)))
        return parts.all(axis=0) if tree.operator == "&" else parts.any(axis=0)
    left, right = value(tree.left, values), value(tree.right, values)
    bad = int(np.sum(np.isnan(left) | np.isnan(right)))
    if bad:
        raise SpecError(f"one side of '{tree.operator}' is no number in {bad:,} draws.", where="hypothesis")
    return {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[tree.operator](left, right)


def value(tree: Node, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """An expression at every draw."""
    match tree:
        case Parameter(name):
            return values[name]
        case Constant(number):
            return np.float64(number)
        case Operation(operator, operands):
            from scipy import special

            arguments = [value(operand, values) for operand in operands]
            functions = {
                "+": np.add,
                "-": np.subtract,
                "*": np.multiply,
                "/": np.divide,
                "^": np.power,
                "negative": np.negative,
                "exp": np.exp,
                "log": np.log,
                "sqrt": np.sqrt,
                "abs": np.abs,
                "inv_logit": special.expit,
                "Phi": special.ndtr,
            }
            return functions[operator](*arguments)
    raise AssertionError(tree)  # pragma: no cover
