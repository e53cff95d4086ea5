"""The Outline holds what it says of the Design, and survives the manifest."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from gibbs.draws import outline as outlines
from gibbs.model.records import Prior, Term
from tests.posterior.fabricated import HALF_T, design, factor, slopes, term


def test_sums_over_rows() -> None:
    model = slopes(rows=13)
    found = outlines.outline(model).factors[0]
    assert found.sizes.tolist() == [5, 4, 4]
    by_rows = np.mean([np.outer(z, z) for z in model.factors[0].Z], axis=0)
    np.testing.assert_allclose(found.cross_product, by_rows, rtol=1e-12)
    errors = np.linspace(1, 3, 12)
    assert outlines.outline(design(known_se=errors)).known_variance == np.mean(errors**2)


def test_round_trip_through_json() -> None:
    wishart = Term(("Intercept", "x"), (HALF_T, HALF_T), None, Prior("inverse_wishart", (4.0, ((1.0, 0.5), (0.5, 2.0))), "spec, line 3"))
    model = design(
        factor("g", ("a", "b"), np.ones((12, 3)), wishart, term("z")),
        factor("g:h", ("a_1", "b_1", "b_2"), np.ones((12, 1)), term("Intercept")),
        family="student",
        dropped={"x": 3},
        rows_read=15,
        notes=("a note",),
        outcome_labels=("no", "yes"),
    )
    before = outlines.outline(model)
    words = json.loads(json.dumps(outlines.to_dict(before)))
    after = outlines.from_dict(words, {f.name: f.levels for f in before.factors}, {f.name: f.sizes for f in before.factors})
    assert replace(after, factors=()) == replace(before, factors=())
    for one, other in zip(before.factors, after.factors, strict=True):
        assert (one.name, one.levels, one.columns, one.terms) == (other.name, other.levels, other.columns, other.terms)
        np.testing.assert_array_equal(one.cross_product, other.cross_product)
