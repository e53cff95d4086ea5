"""Every engine, by name. Of each: where it runs, what it gives, and how its priors differ from those that every problem states."""

from __future__ import annotations

from benchmarks.engines.record import NULL, OWN, PEERS, POINT, POSTERIOR, Engine, R

_BINARY = frozenset({"probit", "logit", "binomial"})
_OF_BOTH = frozenset({"gaussian", "logit", "probit", "poisson"})
"""Families of the packages for mixed models in Python alone."""
_LIKELIHOOD = "none: it maximises the likelihood"
SCHEMES = ("joint", "collapsed", "one-at-a-time", "augmented", "second-order")

_ALL = (
    Engine("null", "null (independent normals)", OWN, NULL, "null", ("numpy",), structured=True),
    Engine("gibbs", "gibbs", OWN, POSTERIOR, "ours", ("gibbs-engine",), {"scheme": "auto"}, kept=True, structured=True),
    *(
        Engine(f"gibbs-{s}", f"gibbs, {s}", OWN, POSTERIOR, "ours", ("gibbs-engine",), {"scheme": s}, kept=True, structured=True)
        for s in SCHEMES
    ),
    Engine(
        "gibbs-run",
        "gibbs run, 4 chains, 2 cores",
        OWN,
        POSTERIOR,
        "shell",
        ("gibbs-engine",),
        {"chains": 4},
        cores=2,
        kept=True,
        structured=True,
    ),
    Engine("jags", "JAGS as people write it", R, POSTERIOR, "jags.R", ("rjags",), {"file": "model.bug"}, structured=True),
    Engine("jags-additive", "JAGS, glm module, additive form", R, POSTERIOR, "jags.R", ("rjags",), {"file": "additive.bug"}),
    Engine("pymc-nutpie", "PyMC + nutpie", PEERS, POSTERIOR, "pymc_nutpie", ("nutpie", "pymc")),
    Engine("numpyro", "NumPyro", PEERS, POSTERIOR, "numpyro_nuts", ("numpyro", "jax")),
    Engine(
        "bambi-nutpie",
        "Bambi + nutpie",
        PEERS,
        POSTERIOR,
        "bambi_nutpie",
        ("bambi", "nutpie"),
        families=frozenset({"gaussian", "probit", "logit", "poisson"}),
        correlated=False,
    ),
    Engine("brms", "brms + rstan", R, POSTERIOR, "brms.R", ("brms", "rstan")),
    Engine(
        "rstanarm",
        "rstanarm",
        R,
        POSTERIOR,
        "rstanarm.R",
        ("rstanarm",),
        families=frozenset({"gaussian", "probit", "logit", "binomial", "poisson"}),
        priors="covariances decov(1, 1, 1, scale of the first sd): of a lone sd an exponential, not a half-t",
    ),
    Engine(
        "lme4",
        "lme4 (point estimate)",
        R,
        POINT,
        "lme4.R",
        ("lme4",),
        families=_BINARY | {"gaussian", "poisson"},
        priors=_LIKELIHOOD,
    ),
    Engine(
        "glmmTMB",
        "glmmTMB (point estimate)",
        R,
        POINT,
        "glmmTMB.R",
        ("glmmTMB",),
        families=_BINARY | {"gaussian", "poisson", "negative_binomial"},
        priors=_LIKELIHOOD,
    ),
    Engine(
        "clmm",
        "ordinal's clmm (point estimate)",
        R,
        POINT,
        "clmm.R",
        ("ordinal",),
        families=frozenset({"ordinal"}),
        correlated=False,
        priors=_LIKELIHOOD,
    ),
    Engine(
        "statsmodels",
        "statsmodels MixedLM (point estimate)",
        PEERS,
        POINT,
        "statsmodels_points",
        ("statsmodels",),
        families=frozenset({"gaussian"}),
        factors=1,
        priors=_LIKELIHOOD,
    ),
    Engine(
        "mixedlm",
        "mixedlm (point estimate)",
        PEERS,
        POINT,
        "mixedlm_points",
        ("mixedlm",),
        families=_OF_BOTH,
        priors=_LIKELIHOOD,
    ),
    Engine(
        "glmm",
        "glmm (point estimate)",
        PEERS,
        POINT,
        "glmm_points",
        ("glmm",),
        families=_OF_BOTH,
        priors=_LIKELIHOOD,
    ),
)
ENGINES = {engine.name: engine for engine in _ALL}
NO_ADAPTOR = {
    "MCMCglmm": "is not among Debian's packages, so no adaptor could be tried",
    "cmdstan": "is fetched by its own installer, from no registry; brms and rstanarm use rstan",
}
"""Engines that were asked for and cannot be had here."""
