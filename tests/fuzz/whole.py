"""Whole fits of kinds that the other examples leave out: laws of levels, weights, missing outcomes, effects that are not stored.

Beside "a result or one message" each has answers that must agree: a fit and the same fit read back, and a fit with ``keep: all`` beside one
without (a draw depends on the model, the data and the seed alone).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd

import gibbs
from gibbs.errors import GibbsError, SamplingError
from gibbs.posterior.fit import Fit
from tests.fuzz import tables, words

_GROUPS = (
    "(1 | g)", "(1 + x | g)", "(1 + x + z | g)", "(x || g)", "(0 + c | g)", "(1 | c/k)", "(1 | gr(g, by = half))",
    "(1 + x | gr(g, by = half))", '(1 + x | gr(g, dist = "student"))', '(1 | gr(g, by = half, dist = "student"))', "rw1(year)",
    "(1 + x | rw1(year))", "rw2(year)", 'icar(area, graph = "borders.csv")', '(1 + x | icar(area, graph = "borders.csv"))',
    '(1 | gr(g, cov = "A.csv"))', "s(x, k = 5)", "mm(g, g2)", "(1 + x | mm(g, g2))", "(1 | gr(g, pw = w2))", "(1 | h)", "(1 | row)",
)  # fmt: skip
_FIXED = (
    "x", "z", "c", "x * z", "c * x", "x + I(x^2)", "poly(z, 2)", "bs(x, df = 4)", "relevel(c, 'top')", "offset(z / 10)", "scale(x):c + c",
    "half",
)  # fmt: skip
_FILES = ("frame", "frame", "frame", "data.csv", "data.parquet", "data.dta")
_WEIGHTS = ({"column": "n1", "type": "frequency"}, {"column": "w1", "type": "precision"}, {"column": "w1", "type": "sampling"})


def table(r: Random, folder: Path) -> pd.DataFrame:
    """``tables.base`` with columns of levels, borders and kinship beside it, and sometimes outcomes that are missing."""
    made = tables.base(40, r.getrandbits(16))
    k = np.arange(40)
    made["half"] = np.where(made["g"].isin(["g0", "g3"]), "left", "right")
    made["w2"] = made["g"].map({f"g{j}": 0.5 + j for j in range(5)})
    made["g2"] = [f"g{(i * 2) % 5}" for i in k]
    made["area"] = [f"a{i % 6}" for i in k]
    made["row"], made["w1"], made["n1"] = k, 0.5 + k % 4, 1 + k % 3
    (folder / "borders.csv").write_text("a,b\na0,a1\na1,a2\na2,a3\na3,a4\na4,a5\n")
    levels = [f"g{j}" for j in range(5)]
    pd.DataFrame(0.5 * np.eye(5) + 0.5, index=levels, columns=levels).to_csv(folder / "A.csv")
    return made


def write(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".dta":
        table.to_stata(path, write_index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)


def model(r: Random, odd: float) -> tuple[str, dict[str, Any]]:
    """A formula, and keys that most fits have not."""
    family = r.choice(words.FAMILIES)
    terms = r.sample(_FIXED, r.choice((0, 1, 2))) + r.sample(_GROUPS, r.choice((1, 1, 2)))
    keys: dict[str, Any] = {"family": family, "seed": r.randrange(99), "chains": r.choice((1, 2, 3)), "warmup": 50}
    if r.random() < 0.4:
        keys["draws"] = 20
    if r.random() < 0.3:
        keys["missing"] = "predict"
    if r.random() < 0.3:
        keys["weights"] = r.choice(_WEIGHTS if family in ("gaussian", "student") or r.random() < odd else (_WEIGHTS[0], _WEIGHTS[2]))
    keys["keep"] = r.choice(("none", "none", ["g"] if any("| g)" in one for one in terms) else "none", "all"))
    if r.random() < 0.2 and keys["keep"] == "all":
        keys["store"] = r.choice(("all", "log_likelihood", ["log_prior", "posterior_predictive"]))
    if r.random() < 0.2:
        keys["save_data"] = False
    if r.random() < 0.2:
        keys["scheme"] = r.choice(("joint", "collapsed", "one-at-a-time", "augmented", "second-order"))
    if r.random() < 0.2:
        keys["priors"] = words.priors(r, 0.3 * odd)
    if r.random() < 0.1:
        keys["base"] = {"c": r.choice(("mid", "top", "nowhere"))}
    return f"{words.outcome(r, 0.0, family)} ~ {' + '.join(terms)}", keys


def of(r: Random, odd: float, folder: Path, small: Callable[[], Any]) -> Callable[[], str]:
    """A fit, its answers, the same read back from its folder, and with other effects stored."""
    text, keys = model(r, odd)
    data: Any = table(r, folder)
    if keys.get("missing") == "predict":
        holes = data["y"].astype(float).index % 7 == 3
        for name in ("y", "b", "n", "o", "s", "yes"):
            data[name] = data[name].astype(object).where(~holes, None) if name == "yes" else data[name].astype(float).mask(holes)
    frame = data.copy()
    where = r.choice(_FILES)
    if where != "frame":
        write(data, folder / where)
        data = where
    answers = r.sample(list(_ANSWERS), 3)

    def go() -> str:
        with small():
            try:
                fit = gibbs.fit(text, data, progress=False, **keys)
                other = gibbs.fit(text, data, progress=False, **{**keys, "keep": "all"})
            except SamplingError as error:
                return str(error)
            same(fit.summary(), other.summary(), f"keep: {keys['keep']} and keep: all")
            said = repr(fit) + str(fit.summary())
            fit.save("out")
            again = gibbs.load("out", **({"data": data} if keys.get("save_data") is False and not isinstance(data, str) else {}))
            same(fit.summary(), again.summary(), "a fit and itself read back")
            for name in answers:
                said += agree(fit, again, other, name, frame)
        return said

    return go


def same(one: pd.DataFrame, two: pd.DataFrame, what: str) -> None:
    """The same tables, but for the last digits."""
    assert list(one.index) == list(two.index) and list(one.columns) == list(two.columns), f"{what}: rows or columns differ"
    for column in one.columns:
        if one[column].dtype.kind in "fiu":
            a, b = one[column].to_numpy(float), two[column].to_numpy(float)
            ok = np.isclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)
            assert ok.all(), f"{what}: {column} of {one.index[~ok][0]} is {a[~ok][0]!r} and {b[~ok][0]!r}"
        else:
            assert one[column].astype(str).tolist() == two[column].astype(str).tolist(), f"{what}: {column} differs"


_ANSWERS: dict[str, Callable[[Fit, pd.DataFrame], pd.DataFrame]] = {
    "ranef": lambda fit, frame: fit.ranef(summary=True),
    "predict": lambda fit, frame: fit.predict(frame.head(8), seed=1),
    "predict new": lambda fit, frame: fit.predict(
        frame.head(8).assign(g="new", h="new"), groups="new", allow_new=True, seed=1, probabilities=(0.5,)
    ),
    "population": lambda fit, frame: fit.predict(frame.head(5), groups="population", seed=1),
    "poststratify": lambda fit, frame: fit.poststratify(frame, "t", "c", seed=1).table,
    "shares": lambda fit, frame: fit.variance_shares(),
    "loo": lambda fit, frame: fit.loo().pointwise,
}


def agree(fit: Fit, again: Fit, other: Fit, name: str, frame: pd.DataFrame) -> str:
    """An answer of a fit and of itself read back; and of one that stores all effects, where the first can answer."""
    found = []
    for one in (fit, again, other):
        try:
            found.append(_ANSWERS[name](one, frame))
        except GibbsError as error:
            found.append(str(error))
    first, second, third = found
    if isinstance(first, str) or isinstance(second, str):
        assert isinstance(first, str) == isinstance(second, str), f"{name}: {str(first)[:200]} and, read back, {str(second)[:200]}"
        return str(first)
    same(first, second, f"{name} of a fit and of itself read back")
    assert not isinstance(third, str), f"{name}: answered, but not where all effects are stored: {third}"
    exact = [c for c in first.columns if name != "ranef" or c in ("group", "level", "term", "mean", "sd")]  # quantiles on the way are near
    same(first[exact], third[exact], f"{name} with fewer effects stored and with all")
    return str(first)
