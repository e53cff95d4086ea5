"""Levels that the data hold on one side only are found, for every kind of outcome, and named in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.model import alike

G = np.repeat(["a", "b", "c", "d"], 3)
X = np.tile([-1.0, 0.0, 2.0], 4)


def found(formula: str, family: str, y: list, **columns) -> dict[str, list[str]]:
    design = gibbs.check(
        formula, pd.DataFrame({"y": y, "g": G, "x": X, **columns}), family=family, seed=1, **FURTHER.get(family, {})
    ).design
    return {f.name: [f.levels[j] for j in np.flatnonzero(a)] for f, a in zip(design.factors, alike.levels(design), strict=True)}


FURTHER: dict[str, dict] = {}
CASES = [
    ("y ~ 1 + (1 | g)", "logit", [0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0], ["a", "b"]),
    ("y ~ 1 + (1 | g)", "probit", [0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0], ["a", "b"]),
    ("y ~ 1 + (1 | g)", "poisson", [0, 0, 0, 1, 1, 1, 0, 4, 0, 0, 0, 0], ["a", "d"]),
    ("y ~ 1 + (1 | g)", "negative_binomial", [0, 0, 0, 1, 1, 1, 0, 4, 0, 0, 0, 0], ["a", "d"]),
    ("y ~ 1 + (1 | g)", "ordinal", [1, 1, 1, 2, 2, 2, 3, 3, 3, 1, 3, 2], ["a", "c"]),
    ("y ~ 1 + (1 | g)", "gaussian", [0, 0, 0, 1, 1, 1, 2, 4, 2, 4, 5, 3], []),
    ("y ~ 1 + (0 + x | g)", "logit", [0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0], ["b", "c"]),  # −1 and 2: alike says nothing, apart does
]


@pytest.mark.parametrize(("formula", "family", "y", "wanted"), CASES)
def test_levels_that_are_held_on_one_side_only(formula, family, y, wanted):
    assert found(formula, family, y) == {"g": wanted}


def test_trials_count_and_rows_without_any_or_without_an_outcome_say_nothing():
    y, n = [0, 0, 0, 4, 5, 2, 0, 1, 0, 2, 0, 0], [4, 1, 2, 4, 5, 2, 3, 1, 3, 2, 0, 0]
    assert found("y | trials(n) ~ 1 + (1 | g)", "binomial", y, n=n) == {"g": ["a", "b", "d"]}
    missing = pd.DataFrame({"y": [0, 0, np.nan, 1, 0, np.nan, 0, 1, 1, np.nan, np.nan, np.nan], "g": G})
    design = gibbs.check("y ~ 1 + (1 | g)", missing, family="logit", missing="predict", seed=1).design
    assert [a.tolist() for a in alike.levels(design)] == [[True, False, False, False]]


def test_a_region_whose_states_are_all_alike():
    """States all 0 and all 1 in one region: the states are held on one side, the region is not."""
    region = np.where(np.isin(G, ["a", "b"]), "north", "south")
    names = found("y ~ 1 + (1 | region) + (1 | g)", "logit", [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0], region=region)
    assert names == {"region": ["north"], "g": ["a", "b", "c", "d"]}


def test_groups_of_levels_have_columns_of_their_own():
    design = gibbs.check(
        "y ~ 1 + (1 | gr(g, by = z))",
        pd.DataFrame({"y": [0] * 3 + [1, 0, 1] * 3, "g": G, "z": np.repeat(["p", "q"], 6)}),
        family="logit",
        seed=1,
    ).design
    from gibbs.model import by_group

    assert [a.sum() for a in alike.levels(by_group.arrange(design))] == [1]


def test_check_names_them():
    data = pd.DataFrame({"r": [3, 4, 2, 0, 9], "n": [9, 9, 9, 13, 9], "state": ["TX", "NY", "CA", "DC", "GU"]})
    said = " ".join(str(gibbs.check("r | trials(n) ~ 1 + (1 | state)", data, family="binomial", seed=1)).split())
    assert "state: all outcomes are alike in 2 of 5 levels: DC (no success in 13 trials), GU (9 successes in 9 trials)." in said
    assert "levels whose outcomes are all alike (2 of 5 of state)" in said
    many = pd.DataFrame({"y": [0] * 12 + [0, 1], "g": [*"aabbccddeeff", "g", "g"]})
    assert "a (all 0, 2 rows), b (all 0, 2 rows), c (all 0, 2 rows) and 3 more" in " ".join(
        str(gibbs.check("y ~ 1 + (1 | g)", many, family="logit", seed=1)).split()
    )


def test_what_is_said_of_a_level_whose_sd_is_fixed_is_true():
    """The size of its effect leans on that sd: there is no upper tail, and no prior, to lean on."""
    y = [0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0]
    of = {
        prior: gibbs.check("y ~ 1 + (1 | g)", pd.DataFrame({"y": y, "g": G}), family="logit", priors={"sd[g]": prior}).design
        for prior in ("fixed(0.3)", "half_t(3, 0, 1)")
    }
    (fixed,), (drawn,) = alike.words(of["fixed(0.3)"]), alike.words(of["half_t(3, 0, 1)"])
    assert fixed.endswith("its size leans on sd[g], which is fixed.")
    assert drawn.endswith("its size, and the upper tail of sd[g], lean on the prior of the sd.")
