"""Ranks of levels: against counting by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.errors import SpecError
from gibbs.posterior.fit import Fit
from tests.posterior.fabricated import draws, fit, slopes


def _fit(u: np.ndarray | None = None) -> Fit:
    model = slopes()
    made = draws(model)
    if u is not None:  # (S, 3) effects of x, one chain
        wide = np.zeros((1, len(u), 6))
        wide[0, :, 1::2] = u
        made = replace(made, beta=made.beta[:1, : len(u)], hyper=made.hyper[:1, : len(u)], u=wide, lp=made.lp[:1, : len(u)])
    return fit(model, made)


def test_four_draws_by_hand() -> None:
    made = _fit(np.array([[3.0, 1.0, 2.0], [3.0, 2.0, 1.0], [1.0, 3.0, 2.0], [9.0, 1.0, 2.0]]))
    found = made.ranks("province", term="x")
    assert found.index.tolist() == ["21801", "21802", "40107"]
    assert found["rank"].tolist() == [(1 + 1 + 3 + 1) / 4, (3 + 2 + 1 + 3) / 4, (2 + 3 + 2 + 2) / 4]
    assert found["p_best"].tolist() == [0.75, 0.25, 0.0]
    assert found["p_above"].tolist() == [0.75, 0.25, 0.0]  # of means 2, 2, 2 and 4
    assert found[["lower", "upper"]].to_numpy().tolist() == [[1, 3], [1, 3], [2, 3]]
    assert found["mean"].tolist() == [4.0, 1.75, 1.75]
    turned = made.ranks("province", term="x", best="lowest")
    assert turned.loc["21801", "rank"] == 4 - 1.5 and turned.loc["21802", "p_best"] == 0.5
    pairs = made.pairs("province", term="x")
    assert pairs.loc["21801", "21802"] == 0.75 and pairs.loc["21802", "21801"] == 0.25 and np.isnan(pairs.loc["21801", "21801"])
    some = made.pairs("province", "x", levels=["40107", "21802"])
    assert some.shape == (2, 2) and some.loc["40107", "21802"] == 0.5


def test_mean_ranks_are_sums_of_pairs() -> None:
    """rank_j = 1 + Σ_k Pr(k above j)."""
    made = _fit()
    found, pairs = made.ranks("province"), made.pairs("province").fillna(0.0)
    for level in found.index:
        assert found.loc[level, "rank"] == pytest.approx(1 + pairs[level].sum())
    assert found["p_best"].sum() == pytest.approx(1.0)


def test_ties_are_shared() -> None:
    found = _fit(np.zeros((5, 3))).ranks("province", term="x")
    assert found["rank"].tolist() == [2.0, 2.0, 2.0] and found["p_best"].tolist() == pytest.approx([1 / 3] * 3)
    assert found["p_above"].tolist() == [0.0, 0.0, 0.0]


def test_words_that_are_none() -> None:
    made = fit()
    for call, words in (
        (lambda: made.ranks("provinc"), "Did you mean 'province'"),
        (lambda: made.ranks("province", term="z"), "'z' does not vary over province; Intercept, x do"),
        (lambda: made.ranks("province", best="first"), "highest or lowest"),
        (lambda: made.ranks("province", level=2.0), "between 0 and 1"),
        (lambda: made.pairs("province", levels=["21801", "1"]), "no level '1'"),
        (lambda: made.pairs("province", levels=["21801", "21801"]), "named twice"),
    ):
        with pytest.raises(SpecError, match=words):
            call()
