"""What a check of a run to precision looks at, and what it is not passed for, on draws that are made up."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws import diagnostics
from gibbs.errors import SpecError
from gibbs.model import by_group
from gibbs.model.records import Sampling, Until
from gibbs.sampling import plan, watch
from gibbs.sampling.chain import Kept
from gibbs.sampling.pack import pack
from gibbs.sampling.watch import Look, Watch
from tests.posterior.fabricated import autoregressive
from tests.sampling.models import fitted_design

DRAWS, LEVELS = 1000, 60
DESIGN = by_group.arrange(fitted_design("one_factor", levels=LEVELS, rows=240))
PACKED = pack(DESIGN, plan.make(DESIGN))


def seen(until: Until) -> Watch:
    return Watch(DESIGN, PACKED, Sampling(seed=1, until=until), [])


def chains(change=lambda of: None) -> list[SimpleNamespace]:
    """Four chains of independent draws, in two chunks; ``change`` is given the arrays by name, (chain, draw, …)."""
    rng = np.random.default_rng(1)
    of = {
        "beta": rng.standard_normal((4, DRAWS, DESIGN.X.shape[1])),
        "L": np.exp(0.1 * rng.standard_normal((4, DRAWS, 1))),
        "scale": np.exp(0.1 * rng.standard_normal((4, DRAWS, 2))),
        "own": np.zeros((4, DRAWS, 0)),
        "lp": rng.standard_normal((4, DRAWS)),
        "u": rng.standard_normal((4, DRAWS, LEVELS)),
    }
    change(of)
    parts = slice(0, 300), slice(300, None)
    return [
        SimpleNamespace(kept=[Kept(*(of[name][c, part] for name in Kept.NAMES)) for part in parts], stream=None, likelihood=True)
        for c in range(4)
    ]


def test_draws_within_all_limits_pass() -> None:
    look = seen(Until()).look(chains())
    assert look.passed(4) and look.unmet(4) == ("", 1.0) and look.draws == DRAWS and look.effective == 1000.0


def test_an_effect_whose_tails_are_seldom_visited_does_not_pass() -> None:
    """Its mean is known well, its 5 % and 95 % quantiles are not."""
    slow = np.exp(autoregressive((4, DRAWS), 0.99, 3))

    def change(of) -> None:
        of["u"][:, :, 17] *= slow

    look = seen(Until()).look(chains(change))
    assert not look.passed(4) and look.name == f"r_{DESIGN.factors[0].name}[{DESIGN.factors[0].levels[17]},Intercept]" and look.ess < 400


def test_the_one_that_is_short_is_found_behind_others_that_looked_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact diagnostics are made of all that come near a limit before a check is passed, not of the first so many."""
    monkeypatch.setattr(watch, "EXACT", 3)
    exact = watch.diagnostics.diagnose

    def misjudged(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ess = np.linspace(420.0, 900.0, block.shape[2])
        return np.full(block.shape[2], 1.001), ess, ess

    monkeypatch.setattr(watch.screen, "screen", misjudged)
    asked = seen(Until())
    assert asked.look(chains()).passed(4)

    def change(of) -> None:
        of["u"][:, :, 50] = autoregressive((4, DRAWS), 0.95, 5)

    look = asked.look(chains(change))
    assert look.name.startswith("r_") and DESIGN.factors[0].levels[50] in look.name and not look.passed(4)
    found = exact(autoregressive((4, DRAWS), 0.95, 5)[:, :, None], (0.5,))
    assert look.ess == pytest.approx(min(found.ess_bulk[0], found.ess_tail[0]))


def test_an_effect_with_an_error_of_its_own_may_need_most_draws() -> None:
    """(sd/error)² effective draws, which decides how many are worth storing."""
    factor = DESIGN.factors[0]
    name = f"r_{factor.name}[{factor.levels[4]},Intercept]"
    some = chains()
    sd = np.stack([np.concatenate([k.u[:, 4] for k in chain.kept]) for chain in some]).std()
    look = seen(Until(mcse={name: 0.01})).look(some)
    assert look.effective == pytest.approx((sd / 0.01) ** 2) and look.effective > 5000 and not look.passed(4) and look.name == name


def test_what_a_check_is_not_passed_for() -> None:
    base = {"draws": 500, "name": "b_x", "rhat": 1.02, "ess": 800.0, "effective": 1000.0}
    assert Look(short=2.0, least=800.0, **base).unmet(4) == ("b_x has R-hat 1.020 and an effective sample size of 800", 2.0)
    words, short = Look(short=0.5, least=100.0, **base).unmet(4)
    assert "25 autocorrelation times" in words and "needs 50" in words and short == 2.0
    assert Look(short=0.5, least=800.0, words="of sd_g, one excursion", **base).unmet(4) == ("of sd_g, one excursion", np.inf)
    assert Look(short=1.0, least=200.0, **base).passed(4)


def school_tables() -> pd.DataFrame:
    """200 rows of 9 schools of two kinds, 5 years."""
    r = np.random.default_rng(1)
    school, year, x = r.integers(0, 9, 200), r.integers(0, 5, 200), r.normal(size=200)
    y = r.normal(size=9)[school] + 0.3 * x + r.normal(size=200)
    kind = np.where(school % 2, "state", "church")
    return pd.DataFrame({"y": y, "x": x, "school": school.astype(str), "year": year.astype(str), "kind": kind})


@pytest.mark.filterwarnings("ignore::UserWarning")  # four schools are few for an sd
@pytest.mark.parametrize("school", ["(1 + x | gr(school, by = kind))", '(1 | gr(school, dist = "student", by = kind))'])
def test_effects_by_groups_are_watched_as_they_are_reported(school: str):
    """Covariances that differ by a variable of the group: 9 schools, not 9 of each kind, whatever the sampler has; summarised too."""
    table, name = school_tables(), "r_school[3,Intercept]"
    text, keys = f"y ~ x + {school} + (1 | year)", {"seed": 1, "progress": False, "chains": 2, "cores": 1}
    fit = gibbs.fit(text, table, **keys, until={"ess": 200, "mcse": {name: 0.05}})
    effects = fit.arrays.u.shape[2]
    assert effects == 9 * (2 if "x |" in school else 1) + 5 and fit.convergence.ok
    draws = fit.arrays.u[:, :, fit.arrays.u_offsets[0] + fit.outline.factors[0].levels.index("3") * (effects - 5) // 9]
    assert diagnostics.mcse_mean(draws) <= 0.05 and diagnostics.ess_bulk(draws) >= 80.0
    kept = gibbs.fit(text, table, **keys, until={"ess": 200}, keep=[])
    assert kept.convergence.ok and kept.ranef()["school"].shape[0] == 9
    with pytest.raises(SpecError, match=r"no parameter 'r_school\[12,Intercept\]'"):
        gibbs.fit(text, table, **keys, until={"of": ["r_school[12,Intercept]"]})
