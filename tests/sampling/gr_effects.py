"""Invariance (``invariance.py``) of models with gr(g, dist = "student", by = z): Student-t effects, covariances by groups of levels.

The λ_j are among what is drawn at first, and whatever the sampler holds of effects that meet no row is put far out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from gibbs.kernels import between, level_scales
from gibbs.kernels import layout as kl
from gibbs.model import by_group
from gibbs.model.records import Design, Prior
from gibbs.sampling import plan
from gibbs.sampling.chain import Chain, Kept
from tests import oracles
from tests.sampling.invariance import Engine, Stopped, draw_data, some_widening

DF = {
    "gamma": Prior("gamma", (2.0, 0.1)),
    "uniform": Prior("uniform", (1.5, 12.0)),
    "exponential": Prior("exponential", (0.2,)),
    "fixed": Prior("fixed", (2.5,)),
}


@dataclass(frozen=True)
class GrCase:
    """A model of a few rows. student, by: which factors."""

    family: str
    structure: str
    scheme: str
    student: tuple[int, ...] = (0,)
    by: tuple[int, ...] = ()
    df: str = "gamma"
    elliptical: bool = False
    rows: int = 24
    core: tuple[int, ...] = ()

    def __str__(self) -> str:
        by = f"-by{self.by}" if self.by else ""
        return f"{self.family}-{self.structure}-{self.scheme}-t{self.student}{by}-{self.df}" + ("-ellipse" if self.elliptical else "")


def design_of(case: GrCase, rng: np.random.Generator) -> Design:
    """The random design of the case, its factors changed as gr() changes them."""
    design = oracles.random_design(
        rng, case.structure, family=case.family, rows=case.rows, levels=6, predictors=1 + (case.family == "ordinal")
    )
    return changed(design, rng, case.student, case.by, DF[case.df])


def changed(design: Design, rng: np.random.Generator, student: tuple[int, ...], by: tuple[int, ...], df: Prior) -> Design:
    """``design`` with Student-t effects of the factors ``student``, and two groups of levels of the factors ``by``."""
    factors = []
    for f, factor in enumerate(design.factors):
        if f in by:
            group = rng.permutation(np.arange(len(factor.levels)) % 2).astype(np.int32)
            groups = ("zA", "zB")
            terms = tuple(replace(term, group=g) for g in groups for term in factor.terms)
            factor = replace(factor, by="z", groups=groups, group=group, terms=terms)
        factors.append(replace(factor, own_prior=df) if f in student else factor)
    return replace(design, factors=tuple(factors))


def plan_of(case: GrCase, design: Design) -> plan.Plan:
    seen = by_group.arrange(design)
    made = plan.make(seen, case.scheme)
    if case.core:
        made = plan._finish(seen, "joint", case.core, (), None)
        return replace(made, scheme="second-order")
    return made


class GrEngine(Engine):
    """``Engine`` for factors with df and groups; packs every data set anew."""

    def place(self, values: dict, y: np.ndarray) -> None:
        plain = {**values, "u": []}  # effects are put in place here
        super().place(plain, y)
        packed, chain = self.packed, self.chain
        state, multipliers = chain.state, chain.multipliers
        spread, idle = np.ones(packed.effects), np.full(packed.effects, 3.0)
        for f, factor in enumerate(self.design.factors):
            first, width = int(packed.layout.factor[f].u0), int(packed.layout.factor[f].width)
            for place, j in enumerate(by_group.order(factor)):
                spread[first + place * width : first + (place + 1) * width] = values["multipliers"][f][j] ** -0.5
        state.u[:] = idle
        everything = np.arange(packed.effects) if packed.reported is None else packed.reported
        state.u[everything] = np.concatenate([np.ravel(u) for u in values["u"]])
        state.own[:] = [values["df"][f] for f in packed.own_laws]
        if packed.student.size:
            multipliers.spread[:] = multipliers.change[:] = spread
            level = chain.rows.level if packed.family != kl.GAUSSIAN else chain.rows.level[:0]
            level_scales.rescale(packed.layout, chain.gram, multipliers, chain.rows.Z, level, state.u, state.core)
        for of in packed.layout.factor[packed.layout.core_factors]:
            size = of.levels * of.width
            state.core[of.core0 : of.core0 + size] = state.u[of.u0 : of.u0 + size]

    def _freeze(self) -> None:
        """A normal fit of the coordinates, as good as any."""
        d = self.chain.coordinate.shape[0]
        coordinates = self.chain.tuning.coordinates
        coordinates.fit[:] = np.tile([-0.4, 0.3, 1.0], (d, 1))
        coordinates.root[:] = 0.7 * np.eye(d) + 0.1 * np.tril(np.ones((d, d)), -1)
        coordinates.widening[:] = some_widening(self.chain.coordinate)
        self.chain.elliptical = True


def quantities(design: Design, values: dict, y: np.ndarray) -> dict[str, float]:
    """Functions of (θ, y) that the law of is looked at."""
    out = {f"b{k}": b for k, b in enumerate(values["beta"])}
    if values.get("sigma") is not None:
        out["log sigma"] = np.log(values["sigma"])
    if values.get("cutpoints") is not None:
        out |= {f"cutpoint {k}": c for k, c in enumerate(values["cutpoints"])}
    eta = oracles.linear_predictor(design, values)
    for f, factor in enumerate(design.factors):
        u = values["u"][f]
        for t, block in enumerate(values["covariances"][f]):
            sds = np.sqrt(np.diag(block))
            out |= {f"log sd {f},{t},{a}": np.log(s) for a, s in enumerate(sds)}
            if len(sds) > 1:
                out[f"cor {f},{t}"] = block[0, 1] / (sds[0] * sds[1])
        if factor.structure is not None and factor.structure.has_degree and factor.own_prior.kind != "fixed":
            rho = values["df"][f]
            sd = np.sqrt(values["covariances"][f][0][0, 0])
            out |= {f"rho {f}": rho, f"log(1 - rho) {f}": np.log1p(-rho), f"log(1 - rho²) {f}": np.log1p(-rho * rho)}
            out[f"neighbours {f}"] = alike = np.tanh(u[1:, 0] * u[:-1, 0]).sum()
            out |= {f"rho and neighbours {f}": rho * alike, f"rho and sd {f}": rho * rho * np.log(sd)}
        elif factor.own_prior is not None and factor.own_prior.kind != "fixed":
            out[f"log df {f}"] = np.log(values["df"][f])
        if factor.own_prior is not None and factor.structure is None:
            multiplier, df = values["multipliers"][f], values["df"][f]
            out[f"first λ{f}"] = np.log(multiplier[0])
            out[f"law of λ{f}"] = np.sum(stats.gamma.logpdf(multiplier, 0.5 * df, scale=2.0 / df))
        out[f"size of u{f}"] = np.mean(np.log(0.1 + np.abs(u)))
        out[f"largest u{f}"] = np.log(np.max(np.abs(u)))
        out[f"first u{f}"] = u[0, 0]
        out[f"last u{f}"] = u[-1, -1]
        out[f"u{f}'y"] = np.tanh(u[factor.codes, 0]) @ y
        if factor.group is not None:
            out[f"first of B, u{f}"] = u[int(np.flatnonzero(factor.group == 1)[0]), -1]
    out["log-likelihood"] = oracles.log_likelihood(replace(design, y=y), values)
    out["eta'y"] = np.tanh(0.3 * eta) @ y
    return out


def run(chain: Chain, out: Kept, patched: bool = False) -> tuple[int, int]:
    """One sweep into ``out``; ``patched``: what comes between two sweeps as Python, with the names of its module that were patched."""
    if not patched:
        return chain._sweeps(1, False, out)
    if chain.state.sweeps[0] > 0.0:
        p = chain.packed
        between.before_a_sweep.py_func(
            chain.rng, False, chain.between_sweeps(), chain.layout, chain.gram, p.priors, chain.state, chain.work
        )  # fmt: skip
    rng, orders, *further = chain._arguments(1, False, out)
    orders = orders._replace(steps=orders.steps[orders.steps[:, 0] != kl.BETWEEN])
    return chain.LOOP(rng, orders, *further)


def examine(
    case: GrCase,
    *,
    replicates: int,
    sweeps: int = 5,
    seed: int = 1,
    broken=None,
    miswritten=lambda design: design,
    patched: bool = False,
) -> tuple[str, float]:
    """(the most extreme statistic, its p-value times their number).

    broken, miswritten : break the engine before every run, or the Design that it gets. patched : as ``run`` has it.
    """
    rng = np.random.default_rng([seed, 3])
    design = design_of(case, rng)
    engine = GrEngine(miswritten(design), plan_of(case, design), elliptical=case.elliptical, seed=seed, repack=True)
    return judge(engine, design, rng, replicates=replicates, sweeps=sweeps, broken=broken, patched=patched)


def judge(
    engine: Engine, design: Design, rng: np.random.Generator, *, replicates: int, sweeps: int, broken=None, patched: bool = False
) -> tuple[str, float]:
    """The verdict of ``examine`` on one engine; θ₀ and y are those of ``design``."""
    before, after = [], []
    for _ in range(replicates):
        values, y = draw_data(design, rng)
        before.append(quantities(design, values, y))
        engine.place(values, y)
        if broken is not None:
            broken(engine)
        mine = []
        for k in range(sweeps):
            kept = engine.chain.new_kept(1, False)
            status, _ = run(engine.chain, kept, patched)
            if status != 0:
                raise Stopped(f"sweep {k + 1} stopped with status {status}")
            mine.append(quantities(design, _values(engine, design, kept, 0), y))
        after.append(mine)
    p = {}
    for name in before[0]:
        zero = np.array([b[name] for b in before])
        last = np.array([[m[name] for m in mine] for mine in after])
        centre, scale = np.median(zero), stats.iqr(zero) or 1.0
        squashed = np.tanh((last - centre) / scale).mean(axis=1) - np.tanh((zero - centre) / scale)
        if squashed.std() > 1e-12:
            z = np.sqrt(replicates) * squashed.mean() / squashed.std(ddof=1)
            p[f"{name} (z = {z:+.1f})"] = 2.0 * stats.norm.sf(abs(z))
        if np.ptp(last[:, -1] - zero) > 0.0:
            p[f"{name} (two-sample)"] = float(stats.ks_2samp(last[::2, -1], zero[1::2], method="asymp").pvalue)
    name = min(p, key=p.get)
    return name, p[name] * len(p)


SUITE = 1e-4
"""Probability that an exact sampler fails a suite."""


def assert_joint_law_stays(case: object, found: tuple[str, float], cases: int) -> None:
    """Of a suite of so many cases: ``found``, what ``examine`` said of ``case``, is no more extreme than chance makes it."""
    name, p = found
    assert p * cases > SUITE, f"{case}: {name}"


def _values(engine: GrEngine, design: Design, kept, k: int) -> dict:
    """Sweep k of the chain, its last, in the words of the model."""
    packed = engine.packed
    beta = packed.coefficients(kept.beta[k])
    values: dict = {"beta": beta[packed.cutpoints :], "u": [], "covariances": [], "df": [], "multipliers": [], "sigma": None}
    if packed.cutpoints:
        values["cutpoints"] = beta[: packed.cutpoints]
    if packed.family >= 0:
        values |= {"sigma": kept.scale[k, 0], "nu": kept.scale[k, 1]}
    elif kept.scale.shape[1]:
        values["shape"] = np.exp(kept.scale[k, 0])
    u = kept.u[k] if packed.reported is None else kept.u[k, packed.reported]
    for f, (first, levels, columns) in enumerate(packed.blocks):
        values["u"].append(u[first : first + levels * columns].reshape(levels, columns))
        mine = packed.layout.term[packed.layout.term.factor == f]
        blocks = [kept.L[k, l0 : l0 + q * q].reshape(q, q) for q, l0 in mine[["width", "l0"]].tolist()]
        values["covariances"].append([b @ b.T for b in blocks])
        own = np.flatnonzero(packed.own_laws == f)
        values["df"].append(kept.own[k, own[0]] if own.size else None)
        at = int(packed.layout.factor[f].u0) + int(packed.layout.factor[f].width) * np.arange(levels)
        multiplier = np.empty(levels)
        multiplier[by_group.order(design.factors[f])] = engine.chain.multipliers.spread[at] ** -2.0
        values["multipliers"].append(multiplier)
    return values
