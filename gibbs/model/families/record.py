"""What a family of outcomes is: one record, which everything that depends on the family asks.

A new family is a file of this folder with its record, a line in ``__init__``, and its log-likelihood with two derivatives in
``gibbs.kernels.likelihood``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.model.families.numbers import LATENT_VARIANCE
from gibbs.model.prior_kinds import NU, SD, SHAPE

if TYPE_CHECKING:
    from gibbs.model.records import Design, Prior

REAL, BINARY, TRIALS, COUNT, ORDINAL = "real", "binary", "trials", "count", "ordinal"
"""Kinds of outcome: any finite number; two values; successes of a number of trials; whole numbers from 0 on; ordered categories."""
SUM, EQUAL, APART = "sum", "equal", "apart"
"""How rows with one linear predictor become one cell: outcomes and trials add up; only rows of one outcome do, and are counted; none do."""


class Given(dict):
    """Values of what a family needs beside η, by name; asking for one that is not there says which family needs it."""

    def __init__(self, family: str, values: Mapping[str, Any]) -> None:
        super().__init__({name: value for name, value in values.items() if value is not None})
        self.family = family

    def __missing__(self, name: str) -> Any:
        raise ValueError(f"family {self.family} needs {name}" if name != "cutpoints" else f"family {self.family} needs its cutpoints")


@dataclass(frozen=True)
class Parameter:
    """A positive parameter that a family has beside its linear predictor.

    name : in specs, summaries and exports. slot : the attribute of a Design that holds its prior: ``sigma_prior``, ``nu_prior`` or
    ``dispersion_prior`` (of any other one, whatever it is called). symbol : in equations. on : where among the places of
    ``prior_kinds.PLACES`` its prior stands. about : what it is, in words. default : (kind, arguments) of its default prior; None where it
    depends on the data.
    beyond : what an effect of every row would stand for, too, in words; "" where the data tell the two apart.
    """

    name: str
    slot: str
    symbol: str
    on: str
    about: str
    default: tuple[str, tuple[float, ...]] | None = None
    beyond: str = ""


SIGMA = Parameter("sigma", "sigma_prior", "σ", SD, "the residual sd")
NU = Parameter("nu", "nu_prior", "df", NU, "the degrees of freedom of the family student", ("gamma", (2.0, 0.1)))


def dispersion(name: str, symbol: str, about: str, default: tuple[str, tuple[float, ...]], beyond: str) -> Parameter:
    """A family's own dispersion, which kernels and records carry in one place whatever its name."""
    return Parameter(name, "dispersion_prior", symbol, SHAPE, about, default, beyond)


@dataclass(frozen=True)
class Row:
    """The equation of the rows: the left side, error terms on the right with their law, and the laws below."""

    left: str
    error: str = ""
    law: str = ""
    below: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """One family of outcomes, with the link in force.

    Words
        name : as it stands in a spec. links : that it can have, the default first; link : the one in force. outcome : one of ``REAL`` …
        ``ORDINAL``. description : one line in plain words. aliases : other names for it. brms : its name there, where that differs.
        needs_trials : numbers of trials have to be stated. equation : of the rows of a Design; symbols : (symbol, name of the parameter)
        in them.
    Parameters
        parameters : beside η, in the order that draws hold them. latent_sd : residual sd of the latent variable on the link scale, what
        variance shares of a binary model divide by; None where there is none.
    Numbers: elementwise with numpy's broadcasting; ``given`` holds the parameters, link, trials and cutpoints by name
        log_likelihood (y, η, given), simulate (rng, η, given); expected (η, given): E(y | η), where it is not the inverse of the link;
        within (E μ, E μ², given): the mean of Var(y | μ) over whatever μ varies with (of one trial; None: no such formula); variance
        (μ, given): Var(y | μ) of a row, of all its trials; latent_variance (given): of an outcome about η on the scale of η.
    Kernels
        likelihood : names of codes of ``gibbs.kernels.likelihood`` by link; augmented : of ``gibbs.kernels.layout``, for links that make
        the outcome conditionally gaussian. cells : one of ``SUM``, ``EQUAL``, ``APART``. constant_of : what the part of the log-likelihood
        in the dispersion alone depends on, ``"y"`` or ``"trials"``.
    Programs
        jags : the lines of a row i, given η_i and the link; stan : the statement of all rows. glm : whether JAGS' glm module draws the
        model as it is. stan_outcome : the declaration of y in Stan.
    """

    name: str
    links: tuple[str, ...]
    outcome: str
    description: str
    equation: Callable[[Design, Family], Row]
    log_likelihood: Callable[[np.ndarray, np.ndarray, Given], np.ndarray]
    simulate: Callable[[np.random.Generator, np.ndarray, Given], np.ndarray]
    latent_variance: Callable[[Given], float | np.ndarray]
    jags: Callable[[Mapping[str, Any], str], list[str]]
    stan: Callable[[Mapping[str, Any], str], str]
    expected: Callable[[np.ndarray, Given], np.ndarray] | None = None
    within: Callable[[np.ndarray, np.ndarray, Given], np.ndarray] | None = None
    variance: Callable[[np.ndarray, Given], np.ndarray] | None = None
    link: str = ""
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    brms: str = ""
    needs_trials: bool = False
    symbols: Callable[[Design], tuple[tuple[str, str], ...]] | None = None
    likelihood: Mapping[str, str] = field(default_factory=dict)
    augmented: Mapping[str, str] = field(default_factory=dict)
    cells: str = SUM
    constant_of: str = ""
    glm: bool = False
    stan_outcome: str = "array[N] int<lower=0> y;"

    @property
    def is_discrete(self) -> bool:
        """Whether outcomes are no real numbers, so that some of them push η without end."""
        return self.outcome != REAL

    @property
    def is_gaussian(self) -> bool:
        """Whether outcomes are normal given η, so that cross-products are all that the rows say."""
        return self.augmented.get(self.link) == "GAUSSIAN"

    @property
    def is_share(self) -> bool:
        """Whether the expected outcome is a probability, of one trial."""
        return self.outcome in (BINARY, TRIALS)

    @property
    def latent_sd(self) -> float | None:
        """Residual sd of the latent variable behind the link in force; None where there is none."""
        variance = LATENT_VARIANCE.get(self.link or self.links[0])
        return None if variance is None else math.sqrt(variance)

    @property
    def has_sigma(self) -> bool:
        """Whether a residual sd (of Student-t outcomes the scale) is estimated."""
        return SIGMA in self.parameters

    @property
    def has_nu(self) -> bool:
        """Whether degrees of freedom of the outcome are estimated."""
        return NU in self.parameters

    def parameter(self, slot: str) -> Parameter | None:
        """The parameter whose prior is the attribute ``slot`` of a Design."""
        return next((p for p in self.parameters if p.slot == slot), None)

    def priors(self, model: Any) -> dict[str, Prior]:
        """The priors of the family's parameters by name, of a Design, or what has its attributes; without those that it does not have."""
        found = {p.name: getattr(model, p.slot) for p in self.parameters}
        return {name: prior for name, prior in found.items() if prior is not None}
