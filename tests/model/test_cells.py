"""Equal rows beside a count by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gibbs.model import cells
from tests import oracles


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_cells_are_the_different_rows_in_the_order_of_their_first(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(0, 12)), data.draw(st.integers(0, 4))
    value = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2.0**-52, -3.5])
    table = np.array(data.draw(st.lists(st.lists(value, min_size=rows, max_size=rows), min_size=columns, max_size=columns)))
    table = table.reshape(columns, rows)
    seen: dict[tuple[float, ...], int] = {}
    wanted = [seen.setdefault(tuple(row), len(seen)) for row in table.T]
    for few in (-1, rows):  # with pandas and without
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cells, "FEW", few)
            cell, first = cells.of_rows(list(table), rows)
            assert cell.tolist() == wanted and first.tolist() == [wanted.index(k) for k in range(len(seen))]
            for most in range(rows + 1):
                found = cells.of_rows(list(table), rows, most=most)
                assert (found is None) == (len(seen) > most)


@pytest.mark.parametrize("family", ["probit", "ordinal"])
def test_the_number_counts_rows_with_an_outcome_and_of_ordinal_models_the_outcome_too(family: str) -> None:
    design = oracles.random_design(np.random.default_rng(1), "one_factor", family=family, rows=8)
    same = replace(design, X=np.ones_like(design.X), offset=np.zeros(8), y=np.array([0, 0, 1, 1, 0, 1, 1, 0.0]))
    codes = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=np.int32)
    same = replace(same, factors=tuple(replace(f, codes=codes, Z=np.ones_like(f.Z), centred=None) for f in same.factors))
    assert cells.number(same) == (4 if family == "ordinal" else 2)
    assert cells.number(replace(same, missing_outcome=codes == 1)) == (2 if family == "ordinal" else 1)
    assert cells.number(replace(same, offset=np.arange(8.0))) == 8
