"""The kinds of prior, one record each: how it is written, where it may stand, what it means, its density, its draws, its lines elsewhere.

Everything that asks what a prior is asks its record, ``kind_of(prior)``. A new kind of prior of a sd is one more record here, and one more
branch of ``gibbs.kernels.priors.log_scale_prior`` where the kernels have no code for its density yet.

Priors are on standard deviations, not on precisions. Degrees of freedom begin at 1: on ``nu`` a gamma is cut off below 1, on the ``df`` of
effects an exponential is as well, for multipliers under- and overflow where tails are heavier than Cauchy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gibbs.model.records import Prior

Args = tuple[Any, ...]
Refuse = Callable[[str], None]

COEFFICIENT, SD, NU, SHAPE, RHO, CORRELATION, COVARIANCE = "coefficient", "sd", "nu", "shape", "rho", "correlation", "covariance"
PLACES = {
    COEFFICIENT: "a coefficient",
    SD: "an sd",
    NU: "nu",
    SHAPE: "the shape of a family",
    RHO: "the rho of levels that know their neighbours",
    CORRELATION: "correlations",
    COVARIANCE: "a covariance matrix",
}
"""Where a prior may stand, in words."""
CUT_OFF = {"nu": ("gamma",), "df": ("gamma", "exponential")}
"""The kinds that are cut off below 1, by what they are on."""


@dataclass(frozen=True)
class Kind:
    """One kind of prior.

    name : as written. on : the places (keys of ``PLACES``) where it may stand. forms : the ways it may be written, names of the arguments
    in order; the first is the form it is stored in. words : of ``describe``, filled with the arguments. spellings : other names that can
    mean nothing else. keywords : other names of its arguments. signed : arguments that need not be positive; matrix : the one that may be
    a list. check : refuses impossible values beyond these, given the arguments by name.
    location : (df, centre, scale) of a kind on coefficients, df = inf of a normal.
    code : name of the kernels' density (``gibbs.kernels.priors``), and its two numbers. Densities on a sd, and what else is positive:
    log_density (normalised, at numbers inside the support), draw (n numbers), above_one (n numbers, given that they exceed 1), mass_above
    (log of the prior mass beyond a bound) and support.
    at_zero : the power a of Pr(sd < s) ~ s^a as s → 0, inf where it falls faster than every power or is 0.
    of_variance : what is stated is the law of the variance. jags, stan : the law in those languages, filled with the arguments (of the
    variance in Stan, of the precision in JAGS, where ``of_variance``).
    example : how a prior of this kind looks; "" where another kind is the better example.
    """

    name: str
    on: tuple[str, ...]
    forms: tuple[tuple[str, ...], ...]
    words: str
    spellings: tuple[str, ...] = ()
    keywords: Mapping[str, str] = field(default_factory=dict)
    signed: tuple[str, ...] = ("mean",)
    matrix: str = ""
    check: Callable[[dict[str, Any], Refuse], None] | None = None
    location: Callable[[Args], tuple[float, float, float]] | None = None
    code: tuple[str, Callable[[Args], tuple[float, float]]] | None = None
    log_density: Callable[[Args, np.ndarray], np.ndarray] | None = None
    draw: Callable[[Args, np.random.Generator, int], np.ndarray] | None = None
    above_one: Callable[[Args, np.random.Generator, int], np.ndarray] | None = None
    mass_above: Callable[[Args, float], float] | None = None
    support: Callable[[Args], tuple[float, float]] = lambda a: (0.0, math.inf)
    at_zero: Callable[[Args], float] = lambda a: 1.0
    of_variance: bool = False
    jags: str = ""
    stan: str = ""
    example: str = ""


# -------------------------------------------------------------------------------------------------------------- densities


def _log_t(x: np.ndarray, df: float, centre: float, scale: float) -> np.ndarray:
    from scipy import special

    z = (x - centre) / scale
    constant = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - 0.5 * math.log(df * math.pi) - math.log(scale)
    return constant - 0.5 * (df + 1) * np.log1p(z * z / df)


def _log_normal(x: np.ndarray, mean: float, sd: float) -> np.ndarray:
    z = (x - mean) / sd
    return -0.5 * z * z - math.log(sd) - 0.5 * math.log(2 * math.pi)


def _log_gamma(x: np.ndarray, shape: float, rate: float) -> np.ndarray:
    from scipy import special

    return shape * math.log(rate) - special.gammaln(shape) + special.xlogy(shape - 1, x) - rate * x


def _gamma_above_one(a: Args, rng: np.random.Generator, n: int) -> np.ndarray:
    """By the inverse of the distribution function."""
    from scipy import special

    shape, rate = a
    return special.gammainccinv(shape, (1.0 - rng.random(n)) * special.gammaincc(shape, rate)) / rate


def _gamma_mass_above(a: Args, bound: float) -> float:
    from scipy import special

    return math.log(special.gammaincc(a[0], a[1] * bound))


def _log_inverse_gamma_of_variance(x: np.ndarray, shape: float, scale: float) -> np.ndarray:
    """Of the sd x whose square is inverse-gamma: with the Jacobian 2x. 0 at 0, where it is ∞ − ∞."""
    from scipy import special

    v = x * x
    out = shape * math.log(scale) - special.gammaln(shape) - (shape + 1) * np.log(v) - scale / v + np.log(2 * x)
    return np.where(np.isnan(out), -np.inf, out)


def _log_beta(x: np.ndarray, a: float, b: float) -> np.ndarray:
    from scipy import special

    return special.xlogy(a - 1.0, x) + special.xlog1py(b - 1.0, -x) - special.betaln(a, b)


def _log_lognormal(x: np.ndarray, m: float, s: float) -> np.ndarray:
    log_x = np.log(x)
    return np.where(x > 0, _log_normal(log_x, m, s) - np.where(x > 0, log_x, 0.0), -np.inf)


# ----------------------------------------------------------------------------------------------------------------- checks


def _begins_at_zero(values: dict[str, Any], refuse: Refuse) -> None:
    if values["mean"] != 0:
        refuse("a half prior begins at 0, so its location must be 0")


def _check_uniform(values: dict[str, Any], refuse: Refuse) -> None:
    if values["low"] >= values["high"]:
        refuse("low must be less than high")


def _check_huang_wand(values: dict[str, Any], refuse: Refuse) -> None:
    scales = values["A"] if isinstance(values["A"], tuple) else (values["A"],)
    if not scales or any(isinstance(v, tuple) for v in scales):
        refuse("A must be one number, or a list of one number a column")
    if min(scales) <= 0:
        refuse("every number in A must be greater than 0")


def _check_matrix(values: dict[str, Any], refuse: Refuse) -> None:
    """The scale matrix must be square, symmetric and positive definite."""
    rows = values["scale"]
    if not isinstance(rows, tuple) or not rows or not all(isinstance(r, tuple) for r in rows):
        refuse("the scale matrix must be a list of rows, such as [[1, 0], [0, 1]]")
    if any(len(r) != len(rows) for r in rows) or any(isinstance(v, tuple) for r in rows for v in r):
        refuse(f"the scale matrix must be square; it has {len(rows)} rows of {', '.join(str(len(r)) for r in rows)} numbers")
    S = np.array(rows, dtype=float)
    if not np.allclose(S, S.T, rtol=1e-10, atol=0.0):
        i, j = np.argwhere(~np.isclose(S, S.T, rtol=1e-10, atol=0.0))[0]
        refuse(
            f"the scale matrix must be symmetric; row {i + 1}, column {j + 1} has {S[i, j]:g}, row {j + 1}, column {i + 1} has {S[j, i]:g}"
        )
    if (np.diag(S) <= 0).any():
        refuse("the diagonal of the scale matrix must be greater than 0")
    d = 1.0 / np.sqrt(np.diag(S))  # judged as a correlation matrix, so that units do not matter
    smallest = np.linalg.eigvalsh(S * np.outer(d, d)).min()
    if smallest <= 1e-12:
        refuse("the scale matrix must be positive definite; it is singular or its off-diagonal numbers are too large")


# ------------------------------------------------------------------------------------------------------------ the records


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "normal",
            (COEFFICIENT,),
            (("mean", "sd"),),
            "normal, mean {0}, sd {1}",
            spellings=("gaussian",),
            location=lambda a: (math.inf, a[0], a[1]),
            log_density=lambda a, x: _log_normal(x, *a),
            support=lambda a: (-math.inf, math.inf),
            jags="dnorm({0}, pow({1}, -2))",
            stan="normal({0}, {1})",
            example="normal(0, 10)",
        ),
        Kind(
            "student_t",
            (COEFFICIENT,),
            (("df", "mean", "scale"),),
            "Student-t, {0} df, mean {1}, scale {2}",
            spellings=("t", "studentt"),
            location=lambda a: a,
            log_density=lambda a, x: _log_t(x, *a),
            support=lambda a: (-math.inf, math.inf),
            jags="dt({1}, pow({2}, -2), {0})",
            stan="student_t({0}, {1}, {2})",
        ),
        Kind(
            "cauchy",
            (COEFFICIENT,),
            (("mean", "scale"),),
            "Cauchy, centre {0}, scale {1}",
            location=lambda a: (1.0, a[0], a[1]),
            log_density=lambda a, x: _log_t(x, 1.0, *a),
            support=lambda a: (-math.inf, math.inf),
            jags="dt({0}, pow({1}, -2), 1)",
            stan="cauchy({0}, {1})",
        ),
        Kind(
            "flat",
            (COEFFICIENT,),
            ((),),
            "flat (improper)",
            spellings=("improper",),
            code=("HALF_NORMAL", lambda a: (math.inf, 0.0)),
            log_density=lambda a, x: np.zeros_like(x),
            support=lambda a: (-math.inf, math.inf),
        ),
        Kind(
            "half_t",
            (SD, SHAPE),
            (("df", "mean", "scale"), ("df", "scale")),
            "half-Student-t, {0} df, scale {2}",
            spellings=("half_student_t", "halft"),
            check=_begins_at_zero,
            code=("HALF_T", lambda a: (a[0], a[2])),
            log_density=lambda a, x: _log_t(x, *a) + math.log(2),
            draw=lambda a, rng, n: a[2] * np.abs(rng.standard_t(a[0], n)),
            jags="dt(0, pow({2}, -2), {0}) T(0,)",
            stan="student_t({0}, 0, {2})",
            example="half_t(3, 0, 2.5)",
        ),
        Kind(
            "half_normal",
            (SD, SHAPE),
            (("mean", "sd"), ("sd",)),
            "half-normal, scale {1}",
            spellings=("halfnormal",),
            check=_begins_at_zero,
            code=("HALF_NORMAL", lambda a: (a[1], 0.0)),
            log_density=lambda a, x: _log_normal(x, *a) + math.log(2),
            draw=lambda a, rng, n: a[1] * np.abs(rng.standard_normal(n)),
            jags="dnorm(0, pow({1}, -2)) T(0,)",
            stan="normal(0, {1})",
        ),
        Kind(
            "half_cauchy",
            (SD, SHAPE),
            (("mean", "scale"), ("scale",)),
            "half-Cauchy, scale {1}",
            spellings=("halfcauchy",),
            check=_begins_at_zero,
            code=("HALF_T", lambda a: (1.0, a[1])),
            log_density=lambda a, x: _log_t(x, 1.0, *a) + math.log(2),
            draw=lambda a, rng, n: a[1] * np.abs(rng.standard_cauchy(n)),
            jags="dt(0, pow({1}, -2), 1) T(0,)",
            stan="cauchy(0, {1})",
        ),
        Kind(
            "gamma",
            (SD, NU, SHAPE),
            (("shape", "rate"),),
            "gamma, shape {0}, rate {1}",
            code=("GAMMA", lambda a: a),
            log_density=lambda a, x: _log_gamma(x, *a),
            draw=lambda a, rng, n: rng.gamma(a[0], size=n) / a[1],
            above_one=_gamma_above_one,
            mass_above=_gamma_mass_above,
            at_zero=lambda a: a[0],
            jags="dgamma({0}, {1})",
            stan="gamma({0}, {1})",
            example="gamma(2, 0.1)",
        ),
        Kind(
            "lognormal",
            (SD, SHAPE),
            (("m", "s"),),
            "lognormal, its log of mean {0} and sd {1}",
            spellings=("log_normal",),
            keywords={"mu": "m", "meanlog": "m", "sigma": "s", "sdlog": "s"},
            signed=("m",),
            code=("LOGNORMAL", lambda a: a),
            log_density=lambda a, x: _log_lognormal(x, *a),
            draw=lambda a, rng, n: np.exp(a[0] + a[1] * rng.standard_normal(n)),
            at_zero=lambda a: math.inf,
            jags="dlnorm({0}, pow({1}, -2))",
            stan="lognormal({0}, {1})",
        ),
        Kind(
            "exponential",
            (SD, NU, SHAPE),
            (("rate",),),
            "exponential, rate {0}",
            code=("EXPONENTIAL", lambda a: (a[0], 0.0)),
            log_density=lambda a, x: math.log(a[0]) - a[0] * x,
            draw=lambda a, rng, n: rng.exponential(1.0 / a[0], n),
            above_one=lambda a, rng, n: 1.0 + rng.exponential(1.0 / a[0], n),  # it has no memory
            mass_above=lambda a, bound: -a[0] * bound,
            jags="dexp({0})",
            stan="exponential({0})",
        ),
        Kind(
            "uniform",
            (SD, NU, SHAPE, RHO),
            (("low", "high"),),
            "uniform from {0} to {1}",
            signed=("low", "high"),
            check=_check_uniform,
            code=("UNIFORM", lambda a: a),
            log_density=lambda a, x: np.where((x >= a[0]) & (x <= a[1]), -math.log(a[1] - a[0]), -np.inf),
            draw=lambda a, rng, n: rng.uniform(a[0], a[1], n),
            support=lambda a: (a[0], a[1]),
            at_zero=lambda a: 1.0 if a[0] <= 0.0 else math.inf,
            jags="dunif({0}, {1})",
            stan="uniform({0}, {1})",
        ),
        Kind(
            "beta",
            (RHO,),
            (("a", "b"),),
            "beta, {0} and {1}",
            keywords={"alpha": "a", "beta": "b", "shape1": "a", "shape2": "b"},
            code=("BETA", lambda a: a),
            log_density=lambda a, x: _log_beta(x, *a),
            draw=lambda a, rng, n: rng.beta(a[0], a[1], n),
            support=lambda a: (0.0, 1.0),
            at_zero=lambda a: a[0],
            jags="dbeta({0}, {1})",
            stan="beta({0}, {1})",
            example="beta(1, 1)",
        ),
        Kind(
            "inverse_gamma",
            (SD,),
            (("shape", "scale"),),
            "inverse-gamma on the variance, shape {0}, scale {1}",
            code=("INVERSE_GAMMA", lambda a: a),
            log_density=lambda a, x: _log_inverse_gamma_of_variance(x, *a),
            draw=lambda a, rng, n: np.sqrt(a[1] / rng.gamma(a[0], size=n)),
            at_zero=lambda a: math.inf,
            of_variance=True,
            jags="dgamma({0}, {1})",
            stan="inv_gamma({0}, {1})",
        ),
        Kind(
            "fixed",
            (SD, NU, RHO),
            (("value",),),
            "fixed at {0}",
            spellings=("constant",),
            code=("FIXED", lambda a: (0.0, 0.0)),
            log_density=lambda a, x: np.where(x == a[0], 0.0, -np.inf),
            draw=lambda a, rng, n: np.full(n, float(a[0])),
            support=lambda a: (a[0], a[0]),
            at_zero=lambda a: math.inf,
        ),
        Kind("lkj", (CORRELATION,), (("eta",),), "LKJ, eta {0}", spellings=("lkj_corr",), example="lkj(2)"),
        Kind(
            "inverse_wishart",
            (COVARIANCE,),
            (("df", "scale"),),
            "inverse-Wishart, {0} df, scale matrix {1}",
            spellings=("inv_wishart", "invwishart"),
            matrix="scale",
            check=_check_matrix,
            example="inverse_wishart(4, [[1, 0], [0, 1]])",
        ),
        Kind(
            "huang_wand",
            (COVARIANCE,),
            (("nu", "A"),),
            "Huang-Wand, nu {0}, scale {1}",
            matrix="A",
            check=_check_huang_wand,
        ),
    )
}


# ---------------------------------------------------------------------------------------------------------------- answers


def names_on(place: str) -> tuple[str, ...]:
    """The kinds that may stand at ``place``, in the order of the records."""
    return tuple(kind.name for kind in KINDS.values() if place in kind.on)


def kind_of(prior: Prior) -> Kind:
    """The record of ``prior``. ValueError where there is no such kind."""
    found = KINDS.get(prior.kind)
    if found is None:
        raise ValueError(f"there is no prior '{prior.kind}'; the kinds are {', '.join(KINDS)}")
    return found


def cut_off(prior: Prior, on: str) -> bool:
    """Whether ``prior`` on the parameter ``on`` (``nu``, ``df[g]``, ``df_g``, …) is cut off below 1."""
    return prior.kind in CUT_OFF.get(on.partition("[")[0].partition("_")[0], ())


def location(prior: Prior) -> tuple[float, float, float]:
    """(df, centre, scale) of a prior on coefficients or cutpoints. ValueError for a kind that has none, as flat."""
    kind = kind_of(prior)
    if kind.location is None:
        raise ValueError(f"{prior.kind} is no prior with a centre and a scale")
    df, centre, scale = kind.location(prior.args)
    return float(df), float(centre), float(scale)


def log_density(prior: Prior, x: Any, *, lower: float = 0.0, columns: int = 2) -> np.ndarray:
    """Log density of a scalar prior at ``x``, normalised, −inf outside its support. For plots and tests; kernels have their own.

    Kinds on an sd are densities of the sd: inverse_gamma is on the variance and carries its Jacobian 2x. ``lower`` cuts a gamma or an
    exponential off below it (on nu and df: 1). lkj is the marginal of one correlation of a matrix with ``columns`` columns. flat is 0
    everywhere (improper); fixed is 0 at its value, −inf elsewhere.

    Raises ValueError for inverse_wishart and huang_wand, which are on matrices.
    """
    x, kind = np.asarray(x, dtype=float), kind_of(prior)
    if kind.name == "lkj":
        return _log_correlation(float(prior.args[0]), columns, x)
    if kind.log_density is None:
        raise ValueError(f"{prior.kind} is a prior on a matrix; it has no density in one number")
    low, high = kind.support(prior.args)
    low = max(low, lower) if kind.mass_above is not None else low
    with np.errstate(divide="ignore", invalid="ignore"):
        out = kind.log_density(prior.args, x)
    if kind.mass_above is not None and lower > 0.0:
        out = out - kind.mass_above(prior.args, lower)
    return np.where(np.isnan(x), np.nan, np.where((x >= low) & (x <= high), out, -np.inf))


def _log_correlation(eta: float, columns: int, x: np.ndarray) -> np.ndarray:
    from scipy import special

    b = eta + (columns - 2) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        out = (b - 1) * np.log1p(-x * x) - (2 * b - 1) * math.log(2) - special.betaln(b, b)
    return np.where(np.isnan(x), np.nan, np.where(np.abs(x) < 1, out, -np.inf))


def draw(prior: Prior, rng: np.random.Generator, n: int, *, on: str = "sd") -> np.ndarray:
    """``n`` draws of a positive parameter ``on`` (sd, sigma, nu, df, shape, …). ValueError for a kind that is no law of one."""
    kind = kind_of(prior)
    one = kind.above_one if cut_off(prior, on) else kind.draw
    if one is None:
        raise ValueError(f"{prior.kind} is no prior of {PLACES.get(on, on)}")
    return one(prior.args, rng, n)


def code(prior: Prior | None, *, on: str = "sd") -> tuple[str, float, float]:
    """(name of the density in ``gibbs.kernels.priors``, its two numbers) of the prior of a positive parameter ``on``.

    What is not drawn (None, or fixed) is ``FIXED``. ValueError for a kind that has no density in one number.
    """
    if prior is None:
        return "FIXED", 0.0, 0.0
    kind = kind_of(prior)
    if kind.code is None:
        raise ValueError(f"{prior.kind} is no prior of {PLACES.get(on, on)}")
    name, numbers = kind.code
    a, b = numbers(prior.args)
    if cut_off(prior, on):  # an exponential is a gamma of shape 1
        return "GAMMA_ABOVE_ONE", *((1.0, a) if name == "EXPONENTIAL" else (a, b))
    return name, a, b
