"""PyMC, sampled by nutpie: the model as its users write it, effects not centred, the priors as stated."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.engines.problem import Effects, Problem
from benchmarks.engines.record import Clock, Found, Refused


def run(job: dict[str, Any], problem: Problem) -> Found:
    """Draws of every parameter."""
    clock = Clock()
    import nutpie

    model = build(problem)
    setup = clock.lap()
    compiled = nutpie.compile_pymc_model(model)
    compiling = clock.lap()
    trace = nutpie.sample(compiled, chains=1, cores=1, tune=job["warmup"], draws=job["draws"], seed=job["seed"], progress_bar=False)
    sampled = clock.lap()
    share = share_of_draws(trace)
    draws = collect(problem, {name: np.asarray(trace.posterior[name].values)[0] for name in trace.posterior.data_vars})
    return Found(names=problem.names, draws=draws, setup=setup, compile=compiling, warmup=(1.0 - share) * sampled, sampling=share * sampled)


def share_of_draws(trace: Any) -> float:
    """Of all gradients those after warm-up: nutpie has one clock for both."""
    kept = float(np.sum(trace.sample_stats["n_steps"].values))
    return kept / (kept + float(np.sum(trace.warmup_sample_stats["n_steps"].values)))


def build(problem: Problem) -> Any:
    """The model, with variables b, sd_…, cor_…, u_…, cut, sigma."""
    import pymc as pm
    import pytensor.tensor as pt

    family = problem.facts["family"]
    if family not in ("gaussian", "probit", "logit", "binomial", "poisson", "ordinal"):
        raise Refused(f"no adaptor for {family} outcomes")
    with pm.Model() as model:
        eta: Any = pt.zeros(problem.array("y").shape[0])
        if problem.coefficients:
            said = problem.statements
            stated = pm.Normal("stated", np.array([s["mean"] for s in said]), np.array([s["scale"] for s in said]), shape=len(said))
            b = pm.Deterministic("b", pt.dot(problem.array("V"), stated) if problem.about["centred"] else stated)
            eta = eta + pt.dot(problem.array("X"), b)
        for e in problem.effects:
            u = effects(pm, pt, e)
            codes = problem.array(e.index).ravel() - 1
            if not e.z:
                eta = eta + u[codes, 0]
            else:
                eta = eta + (problem.array(e.z).reshape(len(codes), e.q) * u[codes]).sum(axis=1)
        if problem.has("offset_"):
            eta = eta + problem.array("offset_")
        outcome(pm, pt, problem, family, eta)
    return model


def effects(pm: Any, pt: Any, e: Effects) -> Any:
    """u (J, q) of one term."""
    scales = np.array([arguments[2] for _, arguments in e.sds])
    z = pm.Normal(f"z_{e.tag}", shape=(e.levels, e.q))
    if e.q == 1:
        sd = pm.HalfStudentT(f"sd_{e.tag}", nu=3.0, sigma=scales, shape=1)
        return pm.Deterministic(f"u_{e.tag}", z * sd)
    law = pm.HalfStudentT.dist(nu=3.0, sigma=1.0, shape=e.q)  # scales of its own would not broadcast where nutpie draws a start
    root, correlation, unscaled = pm.LKJCholeskyCov(f"root_{e.tag}", eta=e.eta, n=e.q, sd_dist=law, compute_corr=True)
    root, sd = scales[:, None] * root, scales * unscaled
    pm.Deterministic(f"sd_{e.tag}", sd)
    pm.Deterministic(f"cor_{e.tag}", correlation)
    return pm.Deterministic(f"u_{e.tag}", pt.dot(z, root.T))


def outcome(pm: Any, pt: Any, problem: Problem, family: str, eta: Any) -> None:
    """The likelihood."""
    y = problem.array("y").ravel()
    if family == "gaussian":
        sigma = pm.HalfStudentT("sigma", nu=3.0, sigma=problem.about["own"]["sigma"][1][2])
        pm.Normal("y", eta, sigma, observed=y)
    elif family == "poisson":
        pm.Poisson("y", pt.exp(eta), observed=y)
    elif family == "ordinal":
        start = np.array(problem.about["starts"]["unordered"])
        location, scale = problem.about["cutpoint"][1]
        cut = pm.Normal("centred", location, scale, shape=len(start), transform=pm.distributions.transforms.ordered, initval=start)
        if problem.has("x_mean"):
            cut = cut + pt.dot(problem.array("x_mean"), model_variable("b"))
        cut = pm.Deterministic("cut", cut)
        law = pm.OrderedLogistic if problem.facts["link"] == "logit" else pm.OrderedProbit
        law("y", eta=eta, cutpoints=cut, observed=y - 1, compute_p=False)
    elif family == "binomial" or problem.has("trials"):
        pm.Binomial("y", n=problem.array("trials").ravel(), logit_p=eta, observed=y)
    elif family == "logit":
        pm.Bernoulli("y", logit_p=eta, observed=y)
    else:
        pm.Bernoulli("y", p=pm.math.invprobit(eta), observed=y)


def model_variable(name: str) -> Any:
    """A variable of the model that is being written."""
    import pymc as pm

    return pm.modelcontext(None)[name]


def collect(problem: Problem, found: dict[str, np.ndarray]) -> np.ndarray:
    """(draw, parameter) in the order of the problem's names, from arrays (draw, …) by variable: b, sd_…, cor_…, u_…, cut, sigma."""
    named: dict[str, np.ndarray] = {}
    for j, name in enumerate(problem.coefficients):
        named[name] = found["b"][:, j]
    for e in problem.effects:
        sds = found[f"sd_{e.tag}"].reshape(-1, e.q)
        named |= {name: sds[:, a] for a, name in enumerate(e.sd_names)}
        named |= {name: found[f"cor_{e.tag}"][:, a, b] for a, b, name in e.correlation_names}
        named |= dict(zip(problem.effect_names(e), found[f"u_{e.tag}"].reshape(-1, e.levels * e.q).T, strict=True))
    named |= {f"b_Intercept[{k + 1}]": found["cut"][:, k] for k in range(max(0, problem.about["categories"] - 1))}
    named |= {name: found[name].reshape(-1) for name in problem.about["own"]}
    return np.column_stack([named[name] for name in problem.names])
