"""Groups of levels as columns of their own: the same linear predictor, and the places of what is reported, by loops over the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.model import by_group
from gibbs.model.records import Design
from tests.model.tables import build, example


def design(second: bool = False) -> Design:
    """Twelve levels g in three groups, in no order, two columns; with a second factor with groups where that is asked for."""
    frame = example(120)
    frame["s"] = np.array(["b", "c", "a"])[(frame["g"] * 5 % 7) % 3]
    frame["t"] = np.isin(frame["h"], ["p", "s", "t"])
    more = "(1 | gr(h, by = t))" if second else "(1 | h)"
    return build(f"y ~ x + (1 + z | gr(g, by = s)) + {more}", frame)


def effects(model: Design, rng: np.random.Generator) -> list[np.ndarray]:
    """(J, q) of each factor."""
    return [rng.normal(size=(len(f.levels), len(f.columns))) for f in model.factors]


def linear(model: Design, u: list[np.ndarray]) -> np.ndarray:
    found = np.zeros(len(model.y))
    for f, of in zip(model.factors, u, strict=True):
        for i in range(len(model.y)):
            for a in range(len(f.columns)):
                found[i] += f.Z[i, a] * of[f.codes[i], a]
    return found


@pytest.mark.parametrize("second", [False, True])
def test_the_linear_predictor_is_the_same(second: bool) -> None:
    """Effects of every level in every group, put where ``reported`` says they are; those of the other groups are anything."""
    model, rng = design(second), np.random.default_rng(1)
    arranged, u = by_group.arrange(model), effects(model, rng)
    assert all(map(by_group.is_arranged, arranged.factors)) and not by_group.is_arranged(model.factors[0])
    long = rng.normal(size=sum(len(f.levels) * len(f.columns) for f in arranged.factors))
    places = by_group.reported(model)
    long[places] = np.concatenate([of.ravel() for of in u])
    assert len(set(places.tolist())) == len(places)
    parts, start = [], 0
    for f in arranged.factors:
        size = len(f.levels) * len(f.columns)
        parts.append(long[start : start + size].reshape(len(f.levels), -1))
        start += size
    np.testing.assert_allclose(linear(arranged, parts), linear(model, u), rtol=0, atol=1e-14)


@pytest.mark.parametrize("second", [False, True])
def test_every_reported_effect_is_where_a_loop_finds_it(second: bool) -> None:
    model = design(second)
    expected, start = [], 0
    for f, wide in zip(model.factors, by_group.arrange(model).factors, strict=True):
        for j, level in enumerate(f.levels):
            for column in f.columns:
                name = column if f.group is None else f"{column}:{f.groups[f.group[j]]}"
                expected.append(start + wide.levels.index(level) * len(wide.columns) + wide.columns.index(name))
        start += len(wide.levels) * len(wide.columns)
    assert by_group.reported(model).tolist() == expected


def test_levels_stand_by_group_and_terms_have_their_columns() -> None:
    model = design()
    g, wide = model.factors[0], by_group.arrange(model).factors[0]
    assert wide.columns == ("Intercept:sa", "z:sa", "Intercept:sb", "z:sb", "Intercept:sc", "z:sc")
    assert np.all(np.diff(wide.group) >= 0) and wide.Z.flags.c_contiguous and wide.codes.dtype == np.int32
    assert [wide.levels[c] for c in wide.codes] == [g.levels[c] for c in g.codes]
    of = dict(zip(wide.levels, wide.group.tolist(), strict=True))
    assert of == dict(zip(g.levels, g.group.tolist(), strict=True))
    for i in range(len(model.y)):
        own = 2 * int(g.group[g.codes[i]])
        others = [a for a in range(6) if a not in (own, own + 1)]
        np.testing.assert_array_equal(wide.Z[i, own : own + 2], g.Z[i])
        assert not wide.Z[i, others].any()


def test_without_groups_nothing_changes() -> None:
    plain = build("y ~ x + (1 + z | g) + (1 | h)", example(60))
    assert by_group.arrange(plain) is plain and by_group.reported(plain) is None
    arranged = by_group.arrange(design())
    assert by_group.arrange(arranged) is arranged and by_group.reported(arranged) is None
    assert by_group.order(plain.factors[0]).tolist() == list(range(len(plain.factors[0].levels)))


def test_groups_that_lie_in_order_already_are_arranged_too() -> None:
    frame = example(60)
    frame["s"] = np.where(frame["g"] < 6, "a", "b")
    model = build("y ~ (1 | gr(g, by = s))", frame)
    assert by_group.arrange(replace(model)).factors[0].levels == model.factors[0].levels
    at = by_group.reported(model)
    J, a = len(model.factors[0].levels), int((model.factors[0].group == 0).sum())
    assert at.tolist() == [2 * j + (j >= a) for j in range(J)]
