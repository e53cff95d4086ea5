"""What the sampler sees knows no origin, no unit, no base level and no order of columns: so the posterior of predictions does not, either.

Deterministic, for every family: prior law of the linear predictors (with cutpoints), columns and prior scales of varying effects.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gibbs
from gibbs.model import by_group
from gibbs.sampling import plan
from gibbs.sampling.pack import Packed, pack
from tests.model.tables import build
from tests.model.test_default_rows import of_family, sample
from tests.thin import some

FAMILIES = {
    "gaussian": ("gaussian", "auto"), "student": ("student", "auto"), "known se": ("gaussian", "auto"), "precision": ("student", "auto"),
    "probit augmented": ("probit", "augmented"), "probit": ("probit", "second-order"), "logit": ("logit", "second-order"),
    "logit augmented": ("logit", "augmented"), "cloglog": ("binomial cloglog", "auto"), "binomial": ("binomial", "auto"),
    "poisson": ("poisson", "auto"), "negative binomial": ("negative_binomial", "auto"), "ordinal": ("ordinal", "auto"),
}  # fmt: skip
OUTCOME = {"known se": "y | se(s)", "precision": 'y | weights(s, type = "precision")'}
FORMULAS = [
    "x * z", "f * x", "x + I(x^2)", "f / x", "x * z * w", "x + center(x):z + z", "0 + f * x", "f + offset(w) + x", "poly(x, 2) * f",
    "x + (1 + x | h)", "x * z + (1 + x + z | h)", "x + z + (1 + x * z | h)", "f * x + (1 + x | h) + (1 + z | k)", "z + (1 + z | h/k)",
    "x + (1 + x | gr(h, by = b))", 'x + (1 | gr(h, dist = "student")) + (1 + x | k)', "x + I(x * z) + z", "bs(x, df = 5) + z",
    "scale(x) * f + (scale(x) | h)", "f * g * x",
]  # fmt: skip
ANOTHER_ORDER = {"x * z": "z * x", "f * x": "x * f", "x + I(x^2)": "I(x^2) + x", "x * z + (1 + x + z | h)": "z * x + (1 + z + x | h)"}


def frame_of(name: str, seed: int) -> pd.DataFrame:
    frame = of_family(sample(36, seed), FAMILIES[name][0].split()[0])
    return frame.assign(h=np.arange(36) % 6, k=np.arange(36) % 4, s=0.5 + np.arange(36) % 3, b=np.where(np.arange(36) % 6 < 3, "p", "q"))


def packed_of(name: str, formula: str, frame: pd.DataFrame) -> Packed:
    (family, *link), scheme = FAMILIES[name][0].split(), FAMILIES[name][1]
    outcome = OUTCOME.get(name, "y | trials(n)" if family == "binomial" else "y")
    if link:
        made = gibbs.check(f"{outcome} ~ {formula}", frame, family=family, link=link[0], seed=1).design
    else:
        made = build(f"{outcome} ~ {formula}", frame, family)
    made = by_group.arrange(made)
    return pack(made, plan.make(made, scheme))


def law_of_predictors(packed: Packed) -> tuple[np.ndarray, np.ndarray]:
    """Prior mean and covariance of the linear predictors, less the cutpoints of an ordinal model; of real outcomes less the reference."""
    X = packed.rows.X if packed.pieces is None else packed.pieces.X
    row = packed.priors.row
    W, root = row[:, 3:], X @ np.linalg.inv(row[:, 3:] * np.sqrt(row[:, 1])[:, None])
    reference = X[: len(packed.rows.X)] @ packed.reference if packed.pieces is None else 0.0
    return X @ np.linalg.solve(W, row[:, 0]) + reference, root @ root.T


def varying(packed: Packed) -> list[np.ndarray]:
    """Columns of effects times the scale of the prior of their sd."""
    found = []
    for t in packed.layout.term:
        z0 = packed.layout.factor[t.factor].z0 + t.column
        found += [packed.rows.Z[:, z0 + a] * packed.priors.sd[t.s0 + a, 2] for a in range(t.width)]
    return found


def assert_same(a: Packed, b: Packed, tolerance: float) -> None:
    for one, other in zip(law_of_predictors(a), law_of_predictors(b), strict=True):
        assert np.abs(one - other).max() <= tolerance * max(np.abs(one).max(), 1.0)
    mine, others = varying(a), varying(b)
    assert len(mine) == len(others)
    for column in mine:
        assert min(np.abs(np.abs(column) - np.abs(other)).max() for other in others) <= tolerance * np.abs(column).max()


@pytest.mark.parametrize("name", FAMILIES)
@given(
    formula=st.sampled_from(FORMULAS), shift=st.floats(-1e6, 1e6), exponent=st.floats(-6.0, 6.0), sign=st.sampled_from([1.0, -1.0]),
    seed=st.integers(0, 50), levels=st.permutations(list("abcd")),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_predictions_know_no_origin_no_unit_and_no_base(
    name: str, formula: str, shift: float, exponent: float, sign: float, seed: int, levels: list[str]
) -> None:
    powers = "^2" in formula or "poly" in formula or "bs" in formula
    shift = shift / 1e3 if powers else shift
    frame = frame_of(name, seed)
    moved = frame.assign(x=(frame["x"] + shift) * sign * 10.0**exponent, f=frame["f"].map(dict(zip("abcd", levels, strict=True))))
    assert_same(packed_of(name, formula, frame), packed_of(name, formula, moved), 1e-6 if powers else 1e-8)


@pytest.mark.parametrize("name", some(FAMILIES, 2))
@pytest.mark.parametrize("formula", ANOTHER_ORDER)
def test_predictions_know_no_order(name: str, formula: str) -> None:
    frame = frame_of(name, 3)
    assert_same(packed_of(name, formula, frame), packed_of(name, ANOTHER_ORDER[formula], frame), 1e-9)
