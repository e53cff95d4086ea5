"""NumPyro's NUTS: the same model as ``pymc_nutpie``, effects not centred, the priors as stated, double precision."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.engines.problem import Problem
from benchmarks.engines.pymc_nutpie import collect
from benchmarks.engines.record import Clock, Found, Refused


def run(job: dict[str, Any], problem: Problem) -> Found:
    """Draws of every parameter. JAX compiles what it runs when it first runs it, so compiling is part of warm-up and of sampling."""
    clock = Clock()
    import jax
    import numpyro

    jax.config.update("jax_enable_x64", True)
    numpyro.set_host_device_count(1)
    model = build(problem)
    setup = clock.lap()
    key = jax.random.PRNGKey(job["seed"])
    sampler = numpyro.infer.MCMC(
        numpyro.infer.NUTS(model), num_warmup=job["warmup"], num_samples=job["draws"], num_chains=1, progress_bar=False
    )
    sampler.warmup(key)
    jax.block_until_ready(sampler.post_warmup_state)
    warmed = clock.lap()
    sampler.run(sampler.post_warmup_state.rng_key)
    found = {name: np.asarray(value) for name, value in sampler.get_samples().items()}
    sampled = clock.lap()
    return Found(
        names=problem.names,
        draws=collect(problem, found),
        setup=setup,
        warmup=warmed,
        sampling=sampled,
        note="compiling is counted with warm-up and sampling, where it happens",
    )


def build(problem: Problem) -> Any:
    """The model as a function."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    family = problem.facts["family"]
    if family not in ("gaussian", "probit", "logit", "poisson"):
        raise Refused(f"no adaptor for {family} outcomes")
    y, codes = problem.array("y").ravel(), {e.index: problem.array(e.index).ravel() - 1 for e in problem.effects}
    X, V = (problem.array(name) if problem.has(name) else None for name in ("X", "V"))
    Z = {e.z: problem.array(e.z).reshape(len(y), e.q) for e in problem.effects if e.z}
    offset = problem.array("offset_") if problem.has("offset_") else 0.0
    means, scales = (np.array([s[key] for s in problem.statements]) for key in ("mean", "scale"))

    def half_t(name: str, scale: np.ndarray | float) -> Any:
        return numpyro.sample(name, dist.FoldedDistribution(dist.StudentT(3.0, 0.0, jnp.asarray(scale))))

    def model() -> None:
        eta = jnp.zeros(len(y)) + offset
        if problem.coefficients:
            stated = numpyro.sample("stated", dist.Normal(means, scales))
            eta = eta + X @ numpyro.deterministic("b", V @ stated if problem.about["centred"] else stated)
        for e in problem.effects:
            sd = half_t(f"sd_{e.tag}", np.array([arguments[2] for _, arguments in e.sds]))
            z = numpyro.sample(f"z_{e.tag}", dist.Normal(jnp.zeros((e.levels, e.q)), 1.0))
            if e.q > 1:
                root = numpyro.sample(f"root_{e.tag}", dist.LKJCholesky(e.q, e.eta))
                numpyro.deterministic(f"cor_{e.tag}", root @ root.T)
                u = z @ (sd[:, None] * root).T
            else:
                u = z * sd
            u = numpyro.deterministic(f"u_{e.tag}", u)[codes[e.index]]
            eta = eta + ((Z[e.z] * u).sum(axis=1) if e.z else u[:, 0])
        if family == "gaussian":
            numpyro.sample("y", dist.Normal(eta, half_t("sigma", problem.about["own"]["sigma"][1][2])), obs=y)
        elif family == "poisson":
            numpyro.sample("y", dist.Poisson(jnp.exp(eta)), obs=y)
        elif family == "logit":
            numpyro.sample("y", dist.Bernoulli(logits=eta), obs=y)
        else:
            one, zero = dist.Normal().cdf(eta), dist.Normal().cdf(-eta)
            numpyro.factor("y", jnp.sum(jnp.where(y == 1, jnp.log(one), jnp.log(zero))))

    return model
