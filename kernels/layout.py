"""How a model is laid out in plain arrays: the same few array types for every model, so nothing is compiled per model.

Factors stand in the order of the design. Factor f has J levels and q columns a level; all random effects are one vector u, level j,
column a of factor f at ``factor[f].u0 + j*q + a``. The joint draw of all location effects eliminates a *unit* level by level and
factors the *core* densely:

core   the p fixed effects, then the levels of every small factor (``factor[f].core0 + j*q + a``), pc columns in all. A factor with a
       basis B stands there as its C coordinates (``structured.py``).
unit   a chain of nested factors, leaf first: row t of ``units``, padded with −1; one factor alone is a chain of one.

Layout, Rows, Gram, Priors, Work … below are the records that kernels take, by address (``records.py``): what each array is, its shape and
its life span stands there, once. Further names:

node   blocks of every level ("node") of every unit factor:
           G  q×q  Z'ΩZ                          at g0 + j*q*q
           B  q×qa Z'Ω(columns of the ancestors) at b0 + j*q*qa, parent first
           C  q-vectors Z'Ω(core column)         at c0 + e*q, e = entry of the node's list (below)
L      (…) float64     Cholesky factors of the terms' covariances, row-major, positive diagonal, at l0
row_scale (R,)         precision multipliers λ_r of the coefficient statements

The list of a node names the core columns it meets, ascending: entries ``index[pointer0 + j] … index[pointer0 + j + 1]`` counted within
the factor, core column ``index[list0 + e]``. Above the leaf the list is full: entry = j*pc + column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .records import record

GAUSSIAN, STUDENT, PROBIT, LOGIT = 0, 1, 2, 3
"""Families, as the compiled loop knows them."""

JOINT, COLLAPSED, ONE_AT_A_TIME = 0, 1, 2
"""Schemes, as the compiled loop knows them."""

BETWEEN, LATENTS, JOINTLY, COEFFICIENTS, EFFECTS, UNIT, COVARIANCES, SCALES, OWN_LAW, EVERYTHING, FAMILY_SCALES, PRIOR_SCALES = range(12)
"""Steps of a sweep, as the loops know them: ``sweep.py`` and ``second_order.py`` say what each does, ``gibbs.sampling.steps`` which a
model has, in which order."""

FACTOR = np.dtype(
    [
        (name, np.int64)
        for name in (
            "levels",  # J
            "width",  # q, columns a level
            "z0",  # first column in Z
            "u0",  # offset in u
            "unit",  # that it belongs to; −1: the core
            "core0",  # offset in the core, or −1
            "g0",  # offset of G in ``node``
            "ancestors",  # qa, columns of the factors further up its chain
            "b0",  # offset of B
            "c0",  # offset of C
            "list0",  # offset of the lists of core columns in ``index``
            "pointer0",  # offset of the pointers into them
            "root0",  # offset in ``roots``
            "entry0",  # first column of ``core_entry`` (a leaf; else −1)
            "parent0",  # offset of the parents of its levels in ``index`` (−1: a root of its chain)
            "coordinates",  # C, what it has of columns in the core for each of its q: J, or the columns of B
            "basis0",  # offset of B in ``basis``, J×C (−1: the levels are exchangeable, or a field)
            "sparse",  # row of ``Fields.table`` (−1: the factor is no field)
            "runs",  # runs of rows of one level (``runs.py``); 0: there are too many, −1: no sweep passes over the rows
            "runs0",  # offset in ``index`` of where they begin, and the last ends
            "ones",  # 1: its first column of Z is 1 in every row
        )
    ],
    align=True,
)
"""One row of ``factor``."""

TERM = np.dtype(
    [
        (name, np.int64)
        for name in (
            "factor",
            "column",  # first, within the factor
            "width",  # number of columns
            "l0",  # offset in L
            "s0",  # row of its first sd in ``sd_prior``
            "given",  # 1 where the sd is given, not drawn
            "first",  # first of the levels that have these columns
            "count",  # and how many: all, unless the covariance differs by groups of levels (the effects of the others meet no row); of a
            # field its rank
        )
    ],
    align=True,
)
"""One row of ``term``."""

COUNT = np.dtype(
    [
        (name, np.int64)
        for name in (
            "evaluations",  # of the target of the variances, at points that were tried
            "rejected",  # independent proposals of the variances
            "core_tried",  # the part of the core that the variances move with
            "core_accepted",
            "parts_tried",  # the core's other parts
            "parts_accepted",
            "rows_read",  # by decisions that read single rows (``expansion.py``)
            "passes",  # of such decisions, those made by a pass over the rows after all
            "held_tried",  # what the pieces of a field hold fast, decided on by itself (``field_moves.py``)
            "held_accepted",
            "rows_tried",  # moves of the variances by rows of their covariances, where a decision follows (``by_rows.py``)
            "rows_accepted",
        )
    ],
    align=True,
)
"""One row of ``Counts.moves``."""


FIELD = np.dtype(
    [
        (name, np.int64)
        for name in (
            "width",  # q, columns a level
            "nodes",  # J q, level by level
            "parts",  # connected components with constraints
            "constraints",  # of each, k q, column by column of a constraint
            "differences",
            "order0",  # offsets in ``index``: the node at each place of the order (J q)
            "rows0",  # pointers of the rows of Λ below its diagonal (J q + 1)
            "entries0",  # by row: the column, and the place of the entry by column (pairs)
            "columns0",  # pointers of the columns (J q + 1)
            "below0",  # by column: the row
            "priors0",  # pointers of the rows of R̃ ⊗ I, lower triangle, with a place for every two nodes of a level (J q + 1)
            "prior_column0",
            "descend0",  # the first place of the subtree of every place (J q)
            "band",  # of Λ but for rows of pinned levels, where they are eliminated as they stand; else 0
            "walk",  # 1: of one column, each level met by the next and by a pinned one alone (``walks.py``); else 0
            "first0",  # pointers by level into (J + 1)
            "members0",  # its rows (M)
            "part0",  # the component of every node, −1 where it has no constraint (J q)
            "ends0",  # levels of every difference (3 each, any of weight 0)
            "prior0",  # offsets in ``value``: R̃
            "null0",  # N by node, constraint after constraint
            "weight0",  # of ``ends0``
            "lower0",  # offsets in ``Work.field``: Λ below its diagonal, by column
            "diagonal0",  # inverses of its diagonal (J q)
            "constraint0",  # a (constraints·J q)
            "scratch0",  # (J q)
            "held0",  # what a piece of the order has of a, by place (constraints·J q)
            "spare0",  # (q·pc)
            "side",  # columns that are solved for side by side: of the core, the right-hand side, constraints; a multiple of 4
            "side0",  # by place (J q·side)
            "fronts",  # of Λ (``fronts.py``); 0: it is found row by row
            "fronts0",  # in ``index``; so the next three
            "assembly0",
            "grams0",
            "places0",
            "front0",  # offsets in ``Work.field``: F, by column
            "updates0",  # all U that are there at a time
            "law",  # of a ρ that is drawn (``field_degrees.py``), −1 where there is none; the rest is for those that have one
            "multipliers",
            "multiplier0",  # offsets in ``value``
            "products0",  # of effects, by multiplier (3 each)
            "base0",  # weights of the differences, each times a multiplier
            "extra0",  # what R̃ has beside D'D
            "codes0",  # in ``index``: which
            "pairs0",  # entries of R̃ that the two weights of a difference meet in (3 each, −1: none), column after column
            "steps0",  # of ar1: lengths of steps, and how many are as long
            "terms",  # of leroux: of the series that follow
            "scale0",  # offset in ``value``: κ, the series of log|K⁻|, those of log v of every component
            "sums0",  # (parts·max(pc, constraints + 2))
        )
    ],
    align=True,
)
"""One row of ``Fields.table``."""


def table(rows: int, of: np.dtype) -> np.recarray:
    """A table of ``rows`` rows, every entry −1; columns by name, ``factor.levels``, ``factor[f].levels``."""
    out = np.zeros(rows, dtype=of)
    for name in of.names:
        out[name] = -1
    return out.view(np.recarray)


@record
class Fields(NamedTuple):
    """Factors whose levels know their neighbours, and are eliminated as a sparse unit (``fields.py``); frozen, but where a ρ is drawn:
    then ``value`` is a chain's own."""

    table: np.ndarray  # (…) FIELD
    index: np.ndarray  # (…) int64: patterns and places, at the offsets that ``table`` gives
    value: np.ndarray  # (…) likewise


def no_fields() -> Fields:
    """Of a model that has none."""
    return Fields(table(0, FIELD), np.zeros(0, dtype=np.int64), np.zeros(0))


@record
class Layout(NamedTuple):
    """Where everything of a model stands; frozen."""

    factor: np.ndarray  # (K,) FACTOR
    term: np.ndarray  # (T,) TERM
    index: np.ndarray  # (…) int64: parents, list pointers and lists, at the offsets that ``factor`` gives
    units: np.ndarray  # (n_units, depth) int64
    core_factors: np.ndarray  # (…) int64
    basis: np.ndarray  # (…) float64: B of every factor that has one (``structured.py``, ``designed.py``); they stand in the core. A
    # chain's own where some B hangs on a ρ that is drawn
    fields: Fields


@record
class Rows(NamedTuple):
    """Rows of the data, or cells of equal rows; frozen (with Student-t effects a chain has a Z of its own)."""

    X: np.ndarray  # (M, p)
    Z: np.ndarray  # (M, ΣQ)
    level: np.ndarray  # (M, K) int32
    offset: np.ndarray  # (M,)
    y: np.ndarray  # (M,) outcome less the reference fit (real outcomes), or number of ones in the cell
    trials: np.ndarray  # (M,) int64
    weight: np.ndarray  # (M,)
    core_entry: np.ndarray  # (M, …) int32


@record
class Gram(NamedTuple):
    """What rows amount to under precisions Ω and working responses ỹ; frozen where neither moves, else a chain's own.

    Never state: it can be had again from rows, latents or stand-in, and ``State.spread``, to the last bit.
    """

    node: np.ndarray  # (…) G, B and C of every level
    h: np.ndarray  # (U,) Z'Ωỹ
    m: np.ndarray  # (pc,) core'Ωỹ
    core: np.ndarray  # (pc, pc) core'Ω core, lower triangle
    cross_pointer: np.ndarray  # (U + 1,) CSR of Z_f'ΩZ_g over the effects of different units
    cross_column: np.ndarray
    cross_value: np.ndarray
    places: np.ndarray  # (pc, pc) scratch: ``core`` at the levels that rows name; (0, 0) where all levels are exchangeable


@record
class Priors(NamedTuple):
    """Codes and numbers of the priors (``priors.py``); frozen."""

    row: np.ndarray  # (R, 3 + p) coefficient statements: mean, 1/s², df, weights
    sd: np.ndarray  # (…, 3)
    cov: np.ndarray  # (T, 74)
    scale: np.ndarray  # (2, 3) σ, ν
    size: np.ndarray  # (3,) of the family's own dispersion


@record
class Target(NamedTuple):
    """What the marginal density of the variances is of, beside ``Gram``."""

    core_only: bool  # one unit is eliminated already, and only the variances of the core's factors move
    n: float  # rows of the data
    yy: float  # ỹ'Ωỹ
    prior_quadratic: float  # b₀'B₀⁻¹b₀
    known: float  # log target at the current point where it is known from the move before, its factorisation in ``Work``; else nan


@record
class Coordinates(NamedTuple):
    """The variances that move together, and the t that warm-up fitted to them; Tuning, frozen after warm-up."""

    place: np.ndarray  # (d, 4) int64: kind, where its row of L begins, the row, the column (``hyper.py``)
    fit: np.ndarray  # (d, 3) mean of the t; c in log(s_k + c); slice widths
    root: np.ndarray  # (d, d) its Cholesky factor
    widening: np.ndarray  # (d, d) log width of a partial correlation (row) by coordinates of sds (``hyper.log_width``)
    plain_fit: np.ndarray = np.zeros((0, 3))  # (d, 3) mean of a second t, of a sd's plain towards 0; first, in the second column, the share
    # of independent proposals that are from it, 0 where there is none. Second-order chains have no room for one
    plain_root: np.ndarray = np.zeros((0, 0))  # (d, d)


@record
class Work(NamedTuple):
    """Scratch of one chain. Within a chunk a factorisation outlives its sweep where its log target is known; nothing outlives a chunk."""

    roots: np.ndarray  # (…) L of every factor, block diagonal over its terms, q×q at root0
    V: np.ndarray  # laid out as ``node``: Λ, V_B, V_C of every level
    vh: np.ndarray  # (U,)
    B: np.ndarray  # (p, p + 1) prior precision of β; last column: precision times prior mean
    core: np.ndarray  # (pc, pc + 1) the core after elimination, right-hand side in the last column; lower triangle
    R: np.ndarray  # (pc, pc + 1) its factor with the prior
    saved: np.ndarray  # a factorisation put by; or what the moves by rows need
    numbers: np.ndarray  # (ΣQ + pc,) int64
    small: np.ndarray  # (8, 64) small matrices
    points: np.ndarray  # (4, d) coordinates of the variances: current, trial, direction, noise
    rhs: np.ndarray  # (U,) right-hand sides with the other units' effects taken off
    rhs_core: np.ndarray  # (pc,)
    H: np.ndarray  # (≥ 36 and ≥ 2q(q + 1) of every factor, 64) regression of a root on its levels' e; or levels side by side
    x: np.ndarray  # (5, 36)
    effects: np.ndarray  # (largest factor,)
    change: np.ndarray  # (U,) new spread over old
    core_change: np.ndarray  # (pc,) that of the core's columns
    known: np.ndarray  # (1,) log target of the variances where a sweep of this chunk left them, its factorisation above; else nan
    field: np.ndarray  # (…) Λ and a of every field, at the offsets of ``Fields``


@record
class State(NamedTuple):
    """What a chain is: with its generator, ``Tuning`` or ``Moves`` and ``Counts``, all that the next sweep depends on."""

    core: np.ndarray  # (pc,) cutpoints and β in the internal basis, then the small factors
    u: np.ndarray  # (U,)
    L: np.ndarray  # (…)
    sigma: np.ndarray  # (1,) 1 where the family has none
    nu: np.ndarray  # (1,)
    psi: np.ndarray  # (1,) log of the family's own dispersion, or (0,)
    row_scale: np.ndarray  # (R,)
    omega: np.ndarray  # (M,) latent precisions; second order: ω of the stand-in
    working: np.ndarray  # (M,) ω(ỹ − offset)
    eta: np.ndarray  # (M,) second order: to the bits that the moves since ``FRESH`` gave it
    gap: np.ndarray  # (M,) second order: log likelihood less stand-in, of every row at η
    own: np.ndarray  # (F,) own parameters of laws of effects: ν of Student-t effects, then ρ of levels that know their neighbours
    spread: np.ndarray  # (U,) 1/√λ_j at every effect of level j, 1 for normal effects
    sweeps: np.ndarray  # (1,) done
    held: np.ndarray  # (1,) second order: 1 where η and gap are those of coefficients, effects and stand-in, else 0


@record
class StandIn(NamedTuple):
    """Rows of a likelihood with its normal stand-in b_iη_i − ω_iη_i²/2, frozen after warm-up; ω and b are zeros where there is none."""

    code: int  # of ``likelihood.py``
    columns: np.ndarray  # (p, M) X'
    Z: np.ndarray
    level: np.ndarray
    offset: np.ndarray
    y: np.ndarray
    trials: np.ndarray
    omega: np.ndarray  # (M,); ordinal: (3M,)
    linear: np.ndarray  # b, as ω
    values: np.ndarray  # distinct outcomes, or trials, that the part in the dispersion alone depends on
    value_rows: np.ndarray  # and how many rows have each
    shards: int = 0  # address of what shares passes over the rows out, 0 where they stay together (``shards.py``)


@record
class Tuning(NamedTuple):
    """What warm-up learns and freezes."""

    coordinates: Coordinates
    reference: np.ndarray  # like L: stand-in for the effects' spread where levels are few
    width: np.ndarray  # (2,) of the slices of a Student-t outcome's scale and degrees of freedom
    own_step: np.ndarray  # (F,) of proposals of the own parameters of laws of effects, effects out
    own_fit: np.ndarray  # (F, 10) of (logit ρ, log sd, log σ): ``neighbours.log_fitted_degree``


@record
class Moves(NamedTuple):
    """What warm-up learns and freezes of a second-order chain. The variances that move with each unit: a view each."""

    reference: np.ndarray  # like L
    sizes: np.ndarray  # (views,) how many coordinates
    place: np.ndarray  # (views, d, 4); with the next three, ``Coordinates`` of every view
    fit: np.ndarray  # (views, d, 3)
    root: np.ndarray  # (views, d, d)
    widening: np.ndarray  # (views, d, d)
    steps: np.ndarray  # (S + 1,) of ``scale_effects`` for every sd, and of ``scale_everything``
    psi_root: np.ndarray  # directions of the slices of ψ, or of the cutpoints
    chosen: np.ndarray  # (K, 4) levels that also move by their own law
    own_rows: np.ndarray  # their rows
    information: np.ndarray  # like L: typical cross-products of a level
    slope: np.ndarray  # (length of L, p): how the coefficients give way to the variances; (0, p): they do not
    shifts: np.ndarray  # (2, p) scratch of that


@record
class Expansion(NamedTuple):
    """The likelihood as a Taylor polynomial about a centre, and bounds on what it leaves of each row (``expansion.py``); Tuning.

    Frozen after warm-up; all but the centre and the sums can be had again from them.
    """

    order: int  # 2 or 3; 0: the quadratic alone is the likelihood, at the beginning of warm-up
    X: np.ndarray  # (M, p) of ``Rows``
    centre: np.ndarray  # (pc,) θ̂
    root: np.ndarray  # (pc, pc) R' by row, upper triangle: distances are |R'(θ − θ̂)|
    cubic: np.ndarray  # (pc(pc + 1)(pc + 2)/6,) coefficients, a ≥ b ≥ k; (0,) of order 2
    bound: np.ndarray  # (M,) b_i
    threshold: np.ndarray  # (M,) and the next: an alias table of the rows in proportion to their bounds
    alias: np.ndarray  # (M,) int32
    total: float  # Σ b_i
    reach: float  # distance up to which bounds hold
    most: float  # rows read, on average, from which on a pass over all of them is cheaper
    drawn: np.ndarray  # (pc + 1,) sum of the cores since warm-up learnt last, and how many
    here: np.ndarray  # (2,) distance of the core and the cubic part there, where they are known in this chunk; else nan
    there: np.ndarray  # (2,) scratch: those of the proposal
    spare: np.ndarray  # (pc,) scratch


@record
class Model(NamedTuple):
    """What a second-order sweep is of; frozen while it runs."""

    layout: Layout
    gram: Gram
    priors: Priors
    data: StandIn


@record
class Trial(NamedTuple):
    """Scratch of second-order moves: proposals, and the noise that the state is."""

    eta: np.ndarray  # (M,)
    gap: np.ndarray  # (M,)
    core: np.ndarray  # (pc,)
    u: np.ndarray  # (U,)
    L: np.ndarray
    core_noise: np.ndarray  # (pc,) of the current core
    fresh_core_noise: np.ndarray  # (pc,) of the proposal
    noise: np.ndarray  # (U,)
    fresh: np.ndarray  # (U,)
    change: np.ndarray  # (U,)


@record
class Orders(NamedTuple):
    """What one call of the loop is to do."""

    steps: np.ndarray  # (n, 2) int64 what a sweep does, in order: a step, and the unit that it is for (−1: none)
    sweeps: int
    move: int  # of the variances: SLICES, ELLIPTICAL, INDEPENDENT …
    rounds: int  # of moves by rows after each draw of the location; 0: the variances move with the location integrated out
    learn: bool  # warm-up: widths and steps follow the moves
    family: int  # GAUSSIAN, STUDENT, PROBIT, LOGIT
    crossed: bool  # several units, or one at a time
    likelihood: bool  # the log-likelihood is wanted
    haar: bool  # the scale of a probit model's latents moves too
    n: float  # rows of the data
    yy: float  # ỹ'Ωỹ (gaussian)
    sliced_every: float  # sweeps between slices of all variances, for corners that a t seldom reaches; 0: none


@record
class SecondOrders(NamedTuple):
    """What one call of the second-order loop is to do."""

    steps: np.ndarray  # as ``Orders.steps``
    sweeps: int
    cycles: int  # times that a sweep goes through its moves, each a sweep to what follows
    move: int
    times: int  # that the variances move before the decision
    rounds: int  # of moves by rows, each with a decision; 0: the variances move with the core
    learn: bool
    blocks: int  # parts in which the core's noise is redrawn
    pieces: int  # and that of a field
    every: float  # sweeps between moves of ``scale_effects`` and ``scale_everything``
    small_every: float  # sweeps between small steps of the noise
    own_every: float  # sweeps between moves of single levels by their own law
    cuts: int  # cutpoints, the first numbers of the core
    low: int  # cutpoints from here on, and below high, have likelihood on both sides
    high: int
    empty: int  # categories that nobody chose


@record
class Counts(NamedTuple):
    """What is counted as a chain goes on; warm-up learns from it and begins anew."""

    moves: np.ndarray  # (units, at least 1) COUNT
    tried: np.ndarray  # (U,) int64 proposals of every level, at its first effect; gaussian: of a covariance, at its first level's
    accepted: np.ndarray  # (U,) int64 those accepted


def counts_of(units: int, effects: int) -> Counts:
    """Nothing counted yet."""
    moves = table(max(units, 1), COUNT)
    moves[:] = np.zeros((), dtype=COUNT)
    return Counts(moves, np.zeros(effects, dtype=np.int64), np.zeros(effects, dtype=np.int64))


@record
class Levels(NamedTuple):
    """What the levels of one factor know, for the moves of its covariances (``row_moves.py``)."""

    gram: np.ndarray  # G of level j (as wide as the factor) from gram0 + j·width²
    gram0: int
    residual: np.ndarray  # (U,) Z'Ω(ỹ − Wθ)


@record
class Room(NamedTuple):
    """Scratch of the moves by rows (``by_rows.py``): parts of ``Work``."""

    small: np.ndarray  # (8, 64)
    B: np.ndarray  # (p, p + 1) of ``Work``
    effects: np.ndarray  # (largest factor,) e of a term
    residual: np.ndarray  # (U,)
    core_residual: np.ndarray  # (pc,)
    levels: np.ndarray  # (8, most levels)
    block: np.ndarray  # G of the levels of a factor in the core
    direction: np.ndarray  # (U,) effects in units of their sd
    core_direction: np.ndarray  # (pc,)
    joint: np.ndarray  # (p + sds, p + sds + 1) precision of (β, s), then its root
    gamma: np.ndarray  # (5, p + sds)
    precision: np.ndarray  # (sds,)
    image: np.ndarray  # (widest factor, pc)
    sd_of: np.ndarray  # (ΣQ,) int64
    core_sd: np.ndarray  # (pc,) int64


@record
class Out(NamedTuple):
    """Where draws go, a row a sweep, and what is counted."""

    beta: np.ndarray  # (sweeps, p)
    L: np.ndarray
    scale: np.ndarray  # (sweeps, 2) σ, ν; second order: ψ
    own: np.ndarray  # (sweeps, F) own parameters of laws of effects
    lp: np.ndarray  # (sweeps,)
    u: np.ndarray  # (sweeps or 0, U)
    counts: Counts


@record
class Multipliers(NamedTuple):
    """Student-t effects: multipliers λ_j of the precision of every level (``level_scales.py``)."""

    chosen: np.ndarray  # (F,) int64, the factors that have them
    prior: np.ndarray  # (F, 3) of each ν
    df: np.ndarray  # (F,) and the next: those of ``State``, the same arrays (the first of ``own``)
    spread: np.ndarray  # (U,)
    change: np.ndarray  # (U,) and the next: those of ``Work``
    core_change: np.ndarray  # (pc,)


@record
class Neighbours(NamedTuple):
    """Factors whose levels know their neighbours to a degree ρ that is drawn (``neighbours.py``); frozen but for ``root``."""

    chosen: np.ndarray  # (N,) int64, the factors
    law: np.ndarray  # (N,) int64
    prior: np.ndarray  # (N, 3) of each ρ
    bounds: np.ndarray  # (N, 2) of each ρ, by law and prior
    first: np.ndarray  # (N,) int64, where in the next two its levels begin
    numbers: np.ndarray  # (…) steps from the level before, or eigenvalues
    component: np.ndarray  # (…) int64, connected components
    V: np.ndarray  # like ``Layout.basis``: B at A(ρ) = I
    root: np.ndarray  # (3, most levels) scratch: A(ρ)


@record
class Between(NamedTuple):
    """What moves between two sweeps (``between.py``): own parameters of laws of effects, and single levels by their own law."""

    second_order: bool  # the likelihood stands beside a stand-in; else the model is normal, or normal given its latents
    integrable: bool  # ν moves with the effects integrated out too
    summed: bool  # every sweep sums the cross-products anew
    cuts: int  # cutpoints, the first numbers of the core
    n: float  # rows of the data
    yy: float  # ỹ'Ωỹ (gaussian)
    chosen: np.ndarray  # (F,) int64 factors with Student-t effects
    prior: np.ndarray  # (F, 3) of each ν
    neighbours: Neighbours
    steps: np.ndarray  # (F + N,) ``Tuning.own_step``
    fits: np.ndarray  # (F + N, 10) ``Tuning.own_fit``
    rows: Rows  # those that a sweep passes over, none of gaussian outcomes; its Z is the chain's own where effects are Student-t
    plain: Gram  # the cross-products where every multiplier is 1, and every A(ρ) is I
    plain_Z: np.ndarray  # (M, ΣQ) likewise
    data: StandIn  # the likelihood, latents integrated out; of gaussian outcomes no rows
    members: np.ndarray  # (F·M,) int64, factor by factor: rows by level, those of level j from first[first0 + j] to the next
    first: np.ndarray  # (…) int64
    first0: np.ndarray  # (F + 1,) int64
    own: np.ndarray  # (K, 4) int64 levels that move by their own law (augmented families; ``Moves.chosen`` of others)
    own_rows: np.ndarray  # (…) int64
    trial: Trial  # scratch


@record
class Linear(NamedTuple):
    """What a sweep of a model that is normal, or normal given its latents, is of; frozen while it runs."""

    layout: Layout
    gram: Gram
    priors: Priors
    between: Between
