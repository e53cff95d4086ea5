"""The model in the BUGS language of JAGS, with data, starts of the random numbers, and an R script (rjags) that runs and compares it.

Scales become precisions here and nowhere else. What BUGS cannot say as it stands:

- LKJ(η) on a correlation matrix: partial correlations of a C-vine, ½(1 + π_ab) ~ Beta(b_a, b_a) with b_a = η + (q − 1 − a)/2 for its
  a-th tree (Lewandowski, Kurowicka and Joe 2009, section 2.4), from which the Cholesky factor follows row by row; for q = 2 the one
  correlation itself.
- Huang–Wand: Σ⁻¹ | 1/a ~ Wishart(2ν diag(1/a), ν + q − 1), 1/a_k ~ Gamma(½, 1/A_k²) (Huang and Wand 2013, eq. 2).
- Student-t effects: a scale mixture, one multiplier λ_j ~ Gamma(df/2, df/2) of the precision a level, shared by all its columns.
- ordered cutpoints with equal priors: the order statistics of independent draws, whose law is that product on the ordered cone.
- an improper prior: JAGS has none. A flat coefficient gets a normal about its posterior mean with an sd of 10⁴ posterior sds, which is
  level to a few parts in 10⁸ where the posterior is; the model file says so.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import OutputError
from gibbs.export.program import (
    Effects,
    OwnLaw,
    Program,
    as_r_dump,
    describe,
    gibbs_csv,
    name_pairs,
    names_csv,
    number,
    sd_of,
)
from gibbs.files import whole
from gibbs.model.prior_kinds import cut_off, kind_of, location
from gibbs.model.records import CoefficientPrior, Prior
from gibbs.posterior import parameters

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit

WIDE = 1e4
"""Posterior sds that a normal in place of a flat prior has for its sd."""


def export(fit: Fit, folder: str | Path, *, force: bool = False) -> Path:
    """Write model.bug, data.R, inits1.R …, run.R, names.csv and gibbs.csv into ``folder``; gives its absolute path.

    Raises OutputError where the model has what JAGS cannot take, where the data of the run are gone, or where the folder is not free.
    """
    program = describe(fit.design, fit.spec.title, fit.spec.formula)
    pairs = name_pairs(program)
    draws = {name: parameters.values(fit.arrays, fit.outline, name) for name, _ in pairs if not name.startswith("r_")}
    model = model_file(program, {name: (float(x.mean()), float(x.std())) for name, x in draws.items()})
    theirs = [(name, _as_coda_has_it(variable, program)) for name, variable in pairs]
    chains = fit.arrays.beta.shape[0]
    seed = fit.spec.sampling.seed or 1
    files: dict[str, str] = {
        "model.bug": model,
        "data.R": as_r_dump(_used(program, model)),
        **{f"inits{c}.R": as_r_dump(_inits(program, seed, c)) for c in range(1, chains + 1)},
        "names.csv": names_csv(theirs, "jags"),
        "gibbs.csv": gibbs_csv(*_ours(fit, [name for name, _ in pairs])),
        "run.R": _script(program, chains, fit.arrays.warmup, fit.arrays.beta.shape[1]),
    }
    return whole.write_folder(folder, dict(files), force=force)


def _ours(fit: Fit, wanted: list[str]) -> tuple[tuple[str, ...], np.ndarray]:
    known = {name: i for i, name in enumerate(parameters.all_names(fit.arrays, fit.outline))}
    stack = parameters.stack(fit.arrays)
    return tuple(wanted), stack[:, :, [known[name] for name in wanted]]


def _as_coda_has_it(variable: str, program: Program) -> str:
    """coda writes an array of one element without its index."""
    alone = {"b[1]": len(program.coefficients) == 1, "cut[1]": program.categories == 2}
    return variable.partition("[")[0] if alone.get(variable) else variable


def _used(program: Program, model: str) -> dict[str, object]:
    """The data that the model names: JAGS warns of others."""
    code = re.sub(r"#.*", "", model)
    return {name: value for name, value in program.data.items() if re.search(rf"(?<![\w.]){name}(?![\w.])", code)}


# ----------------------------------------------------------------------------------------------------------------- model


def model_file(program: Program, posterior: dict[str, tuple[float, float]]) -> str:
    """model.bug. ``posterior``: (mean, sd) of every coefficient and cutpoint by our name, for the normals that stand in for flat priors."""
    lines = [f"# {line}" for line in (program.title, program.formula) if line]
    lines += [f"# {note}." for note in program.notes]
    stated: list[str] = []
    body = [*_likelihood(program), *_coefficients(program, posterior, stated)]
    for own in program.own_laws:
        write = _degree if own.law.multipliers is None else _multipliers
        body += write(own, program.factors[own.factor])
    for effects in program.effects:
        body += _effects(effects, program.factors[effects.factor])
    body += _further(program, posterior, stated)
    lines += [f"# {line}" for line in stated]
    return "\n".join([*lines, "model {", *(f"  {line}" if line else "" for line in body), "}"]) + "\n"


def _likelihood(program: Program) -> list[str]:
    parts = []
    p = len(program.coefficients)
    if p:
        parts.append("inprod(X[i,], b[])" if p > 1 else "X[i,1] * b[1]")
    if "offset_" in program.data:
        parts.append("offset_[i]")
    for e in (e for e in program.effects if e.first):
        if e.columns == 1:
            parts.append(f"u_{e.u}[{e.index}[i]]" + (f" * {e.z}[i]" if e.z else ""))
        else:
            parts.append(f"inprod({e.z}[i,], u_{e.u}[{e.index}[i],])")
    lines = ["for (i in 1:N) {", f"  eta[i] <- {' + '.join(parts) or '0'}"]
    lines += [f"  {line}" for line in program.family.jags(program.data, program.family.link)]
    return [*lines, "}"]


def _coefficients(program: Program, posterior: dict[str, tuple[float, float]], notes: list[str]) -> list[str]:
    lines: list[str] = []
    p = len(program.statements)
    for j, statement in enumerate(program.statements, start=1):
        variable = f"b[{j}]" if statement.single else f"stated[{j}]"
        if statement.row is None:
            lines.append(f"{variable} ~ {_in_place_of_flat(posterior[f'b_{statement.name}'])}  # {statement.name}: flat")
            notes.append(
                f"JAGS has no improper prior: in place of the flat one on {statement.name} stands a normal with {WIDE:g} posterior sds."
            )
        else:
            on = "" if statement.single else f", on sum(W[{j},] * b)"
            lines.append(f"{variable} ~ {_location(statement.row)}  # {statement.name}: {statement.row.prior}{on}")
    if not program.single:
        lines.append("# b = V stated, V the inverse of W")
        for j, statement in enumerate(program.statements, start=1):
            solved = f"inprod(V[{j},], stated[])" if p > 1 else "V[1,1] * stated[1]"
            lines.append(f"stated[{j}] <- b[{j}]" if statement.single else f"b[{j}] <- {solved}  # {program.coefficients[j - 1]}")
    return ["", *lines] if lines else []


def _location(row: CoefficientPrior) -> str:
    """A normal or t law with a mean and a scale."""
    return _law(row.df, row.mean, row.scale)


def _law(df: float, mean: float, scale: float) -> str:
    precision = f"pow({number(scale)}, -2)"
    return f"dnorm({number(mean)}, {precision})" if np.isinf(df) else f"dt({number(mean)}, {precision}, {number(df)})"


def _in_place_of_flat(posterior: tuple[float, float]) -> str:
    mean, sd = posterior
    return _law(np.inf, mean, WIDE * (sd or 1.0))


def _degree(own: OwnLaw, factor: str) -> list[str]:
    """rho, and B, whose BB' is the covariance of levels that know their neighbours to that degree."""
    rho, tag, J = own.name, own.tag, own.count
    prior = _degrees_of_freedom(own.prior, rho, own.law.parameter)
    head = ["", f"# effects of {factor}: {own.law.label}, {own.law.meaning}", prior]
    if own.law.name == "ar1":
        return [
            *head,
            f"a_{tag}[1] <- 1",
            f"for (j in 2:{J}) {{",
            f"  a_{tag}[j] <- sqrt(1 - pow({rho}, 2 * lag_{tag}[j,j-1]))",
            "}",
            f"for (j in 1:{J}) {{",
            f"  for (k in 1:{J}) {{",
            f"    B_{tag}[j,k] <- step(j - k) * pow({rho}, lag_{tag}[j,k]) * a_{tag}[k]",
            "  }",
            "}",
        ]
    lines = [f"for (k in 1:{J}) {{"]
    if own.law.name == "leroux":
        lines += [f"  a0_{tag}[k] <- free_{tag}[k] / sqrt({rho} * eigen_{tag}[k] + 1 - {rho})"]
        lines += [f"  log_variance_{tag}[k] <- log(inprod(pow(V_{tag}[k,], 2), pow(a0_{tag}[], 2)))"]
        lines += [f"  a_{tag}[k] <- a0_{tag}[k] * exp(-0.5 * inprod(mean_{tag}[k,], log_variance_{tag}[]))"]
    else:
        lines += [f"  a_{tag}[k] <- sqrt({rho} * eigen_{tag}[k] + 1 - {rho})"]
    lines += [f"  for (j in 1:{J}) {{", f"    B_{tag}[j,k] <- V_{tag}[j,k] * a_{tag}[k]", "  }", "}"]
    return [*head, *lines]


def _multipliers(heavy: OwnLaw, factor: str) -> list[str]:
    """df, and the multipliers of the levels' precisions that make their effects Student-t."""
    df, tag = heavy.name, heavy.tag
    return [
        "",
        f"# effects of {factor}: {heavy.law.label}",
        _degrees_of_freedom(heavy.prior, df, heavy.law.parameter),
        f"for (j in 1:{heavy.count}) {{",
        f"  lambda_{tag}[j] ~ {heavy.law.jags.format(df)}",
        "}",
    ]


def _degrees_of_freedom(prior: Prior, name: str, on: str) -> str:
    """A positive parameter (nu, the df of effects, a shape) under its prior, cut off below 1 where the kind is ``on`` it."""
    if prior.kind == "fixed":
        return f"{name} <- {number(prior.args[0])}"
    return f"{name} ~ {_positive(prior)}{' T(1,)' if cut_off(prior, on) else ''}  # {prior}"


def _effects(e: Effects, factor: str) -> list[str]:
    if e.basis:
        return _structured(e, factor)
    of = f" ({e.term.group})" if e.term.group else ""
    lines = ["", f"# {' + '.join(e.term.columns)} by {factor}{of}"]
    level = f"{e.members}[j]" if e.members else "j"
    times = f" * {e.multiplier}[{level}]" if e.multiplier else ""
    if e.columns == 1:
        if e.term.covariance is not None:
            raise OutputError(f"the covariance prior {e.term.covariance} on one column of '{factor}' cannot be written for JAGS.")
        prior = e.term.sd_priors[0]
        gone = prior.kind == "fixed" and prior.args[0] == 0.0
        lines += _scale(prior, f"sd_{e.tag}", f"tau_{e.tag}", precision=not gone)
        effect = f"u_{e.u}[{level}] <- 0" if gone else f"u_{e.u}[{level}] ~ dnorm(0, tau_{e.tag}{times})"
        return [*lines, f"for (j in 1:{e.members_count}) {{", f"  {effect}", "}"]
    q = e.columns
    if e.turned:
        inner = replace(e, tag=f"{e.tag}_c", u=f"{e.u}_c", term=replace(e.term, back=None))
        return [*lines, "# with the columns at their means, then as written", *_effects(inner, factor)[2:], *_as_written(e, level)]
    if e.term.covariance is not None:
        lines += _wishart(e, factor)
    else:
        for a, prior in enumerate(e.term.sd_priors):
            lines += _scale(prior, sd_of(e, a), f"tau{a + 1}_{e.tag}", precision=False)
        lines += _vine(e)
        lines += [
            f"for (r in 1:{q}) {{",
            f"  for (s in 1:{q}) {{",
            f"    cor_{e.tag}[r,s] <- inprod(L_{e.tag}[r,], L_{e.tag}[s,])",
            f"    Sigma_{e.tag}[r,s] <- sd_{e.tag}[r] * sd_{e.tag}[s] * cor_{e.tag}[r,s]",
            "  }",
            "}",
        ]
        return [*lines, *_standardised(e, level)]
    lines += [f"for (r in 1:{q}) {{", f"  zero_{e.tag}[r] <- 0", "}"]
    effect = f"u_{e.u}[{level},1:{q}] ~ dmnorm(zero_{e.tag}[], Omega_{e.tag}[,]{times})"
    return [*lines, f"for (j in 1:{e.members_count}) {{", f"  {effect}", "}"]


def _standardised(e: Effects, level: str) -> list[str]:
    """u_j = diag(sd) L e_j/√λ_j with e_j ~ N(0, I): written with Σ⁻¹, JAGS stops where an sd comes near 0 or a correlation near 1."""
    q, scale = e.columns, f" / sqrt({e.multiplier}[{level}])" if e.multiplier else ""
    return [
        f"for (j in 1:{e.members_count}) {{",
        f"  for (r in 1:{q}) {{",
        f"    e_{e.u}[{level},r] ~ dnorm(0, 1)",
        f"    u_{e.u}[{level},r] <- sd_{e.tag}[r] * inprod(L_{e.tag}[r,], e_{e.u}[{level},]){scale}",
        "  }",
        "}",
    ]


def _structured(e: Effects, factor: str) -> list[str]:
    """Effects whose levels know their neighbours: B w, w independent from level to level, so that their covariance is K ⊗ Σ, K = BB'."""
    inner = _effects(replace(e, u=f"{e.u}_w", basis="", count=e.coordinates or e.count), factor)
    row = f"{e.basis}[j,]"
    if e.columns == 1:
        each = [f"  u_{e.u}[j] <- inprod({row}, u_{e.u}_w[])"]
    else:
        each = [f"  u_{e.u}[j,{a + 1}] <- inprod({row}, u_{e.u}_w[,{a + 1}])" for a in range(e.columns)]
    return [*inner, "# effects are B w, with independent w", f"for (j in 1:{e.count}) {{", *each, "}"]


def _as_written(e: Effects, level: str) -> list[str]:
    """Sds, correlations and effects as written, from those of the centred columns."""
    q, tag = e.columns, e.tag
    return [
        f"Sigma_{tag} <- A_{tag} %*% Sigma_{tag}_c %*% t(A_{tag})",
        f"for (r in 1:{q}) {{",
        f"  sd_{tag}[r] <- sqrt(Sigma_{tag}[r,r])",
        f"  for (s in 1:{q}) {{",
        f"    cor_{tag}[r,s] <- Sigma_{tag}[r,s] / sqrt(Sigma_{tag}[r,r] * Sigma_{tag}[s,s])",
        "  }",
        "}",
        f"for (j in 1:{e.members_count}) {{",
        f"  for (r in 1:{q}) {{",
        f"    u_{e.u}[{level},r] <- inprod(A_{tag}[r,], u_{e.u}_c[{level},])",
        "  }",
        "}",
    ]


def _vine(e: Effects) -> list[str]:
    """The Cholesky factor L of an LKJ correlation matrix from partial correlations π[i,j], j < i."""
    q, eta = e.columns, float(e.term.correlation.args[0])
    lines = [f"# lkj({eta:g})"]
    for i in range(1, q):
        for j in range(i):
            shape = number(eta + (q - 2 - j) / 2.0)
            lines += [f"half_{e.tag}[{i + 1},{j + 1}] ~ dbeta({shape}, {shape})"]
            lines += [f"pi_{e.tag}[{i + 1},{j + 1}] <- 2 * half_{e.tag}[{i + 1},{j + 1}] - 1"]
    for i in range(q):
        for j in range(q):
            rest = [f"sqrt(1 - pow(pi_{e.tag}[{i + 1},{k + 1}], 2))" for k in range(min(i, j))]
            entry = [] if j > i else [*([f"pi_{e.tag}[{i + 1},{j + 1}]"] if j < i else []), *rest]
            lines.append(f"L_{e.tag}[{i + 1},{j + 1}] <- " + ("0" if j > i else " * ".join(entry) or "1"))
    return lines


def _wishart(e: Effects, factor: str) -> list[str]:
    q, prior = e.columns, e.term.covariance
    lines = [f"# {prior}"]
    if prior.kind == "inverse_wishart":
        df = float(prior.args[0])
        if df < q:
            raise OutputError(
                f"the prior {prior} of '{factor}' has fewer degrees of freedom than columns ({q}); the Wishart of JAGS takes {q} or more."
            )
        lines.append(f"Omega_{e.tag}[1:{q},1:{q}] ~ dwish(S_{e.tag}[,], {number(df)})")
    else:
        nu, scales = float(prior.args[0]), np.broadcast_to(np.asarray(prior.args[1], dtype=float), (q,))
        if nu + q - 1 < q:
            raise OutputError(f"the prior {prior} of '{factor}' is on fewer degrees of freedom than the Wishart of JAGS takes; nu >= 1.")
        for a in range(q):
            lines.append(f"inv_a_{e.tag}[{a + 1}] ~ dgamma(0.5, pow({number(scales[a])}, -2))")
        for a in range(q):
            for b in range(q):
                entry = f"{number(2.0 * nu)} * inv_a_{e.tag}[{a + 1}]" if a == b else "0"
                lines.append(f"S_{e.tag}[{a + 1},{b + 1}] <- {entry}")
        lines.append(f"Omega_{e.tag}[1:{q},1:{q}] ~ dwish(S_{e.tag}[,], {number(nu + q - 1.0)})")
    return [
        *lines,
        f"Sigma_{e.tag} <- inverse(Omega_{e.tag})",
        f"for (r in 1:{q}) {{",
        f"  sd_{e.tag}[r] <- sqrt(Sigma_{e.tag}[r,r])",
        f"  for (s in 1:{q}) {{",
        f"    cor_{e.tag}[r,s] <- Sigma_{e.tag}[r,s] / sqrt(Sigma_{e.tag}[r,r] * Sigma_{e.tag}[s,s])",
        "  }",
        "}",
    ]


def _scale(prior: Prior, sd: str, tau: str, *, precision: bool = True) -> list[str]:
    """An sd under its prior, and its precision ``tau`` where that is asked for."""
    if prior.kind == "flat":
        raise OutputError(f"{sd} has a flat prior, and JAGS has none that is improper; state uniform(0, A), A beyond what it can be.")
    if kind_of(prior).of_variance:  # the precision has the reciprocal's law: an inverse-gamma's is a gamma
        return [f"{tau} ~ {_positive(prior)}  # {prior} on the variance", f"{sd} <- 1 / sqrt({tau})"]
    if prior.kind == "fixed":
        lines = [f"{sd} <- {number(prior.args[0])}"]
    else:
        lines = [f"{sd} ~ {_positive(prior)}  # {prior}"]
    return [*lines, f"{tau} <- pow({sd}, -2)"] if precision else lines


def _positive(prior: Prior) -> str:
    """The law of a positive parameter (of a precision, where the prior is on a variance), as the record of its kind writes it."""
    law = kind_of(prior).jags
    if not law:
        raise OutputError(f"the prior {prior} cannot be written for JAGS.")
    return law.format(*(number(x) for x in prior.args))


def _further(program: Program, posterior: dict[str, tuple[float, float]], stated: list[str]) -> list[str]:
    lines: list[str] = []
    for name, prior in program.own.items():
        lines += _scale(prior, "sigma", "tau") if name == "sigma" else [_degrees_of_freedom(prior, name, name)]
    if program.cutpoint is not None:
        if program.cutpoint.kind == "flat":
            at = [posterior[f"b_Intercept[{k}]"] for k in range(1, program.categories)]
            means = [mean for mean, _ in at]
            law = _law(np.inf, float(np.mean(means)), WIDE * (max(means) - min(means) + max(sd for _, sd in at)))
            stated.append("JAGS has no improper prior: in place of the flat one on the cutpoints stands a normal that is level over them.")
        else:
            law = _law(*location(program.cutpoint))
        lines += [
            "for (k in 1:(C - 1)) {",
            f"  unordered[k] ~ {law}  # {program.cutpoint}",
            "}",
        ]
        inner = "cut"
        if "x_mean" in program.data:
            inner = "centred"
            at = "inprod(x_mean, b)" if len(program.coefficients) > 1 else "x_mean * b[1]"
            lines += [
                f"at_means <- {at}  # the prior is on the cutpoints with predictors at their means",
                "for (k in 1:(C - 1)) {",
                "  cut[k] <- centred[k] + at_means",
                "}",
            ]
        lines.append(f"{inner}[1:(C - 1)] <- sort(unordered)" if program.categories > 2 else f"{inner}[1] <- unordered[1]")
    return ["", *lines] if lines else []


# ---------------------------------------------------------------------------------------------------------------- script


def _inits(program: Program, seed: int, chain: int) -> dict[str, object]:
    """The random numbers of one chain. Starting values are JAGS' own choice, from the priors, but for cutpoints: equal ones leave no room
    for the categories between them, so they start where the shares of the categories put them when nothing else matters."""
    found: dict[str, object] = {".RNG.name": "base::Mersenne-Twister", ".RNG.seed": (seed * 1009 + chain) % 2_147_483_647}
    if program.categories:
        counts = np.bincount(program.data["y"] - 1, minlength=program.categories) + 0.5
        below = np.cumsum(counts)[:-1] / counts.sum()
        found["unordered"] = np.log(below / (1.0 - below)) if program.family.link == "logit" else _normal_quantile(below)
    return found


def _normal_quantile(p: np.ndarray) -> np.ndarray:
    from scipy import special

    return special.ndtri(p)


def _script(program: Program, chains: int, warmup: int, kept: int) -> str:
    tops = list(dict.fromkeys(variable.partition("[")[0] for _, variable in name_pairs(program)))
    monitors = ", ".join(f'"{top}"' for top in tops)
    glm = program.family.glm
    module = (
        'load.module("glm", quiet = TRUE)  # block updates'
        if glm
        else "# The glm module is not loaded: what it does for counts, binomials of many trials and t errors is not this model exactly."
    )
    return _RUN.format(module=module, monitors=monitors, chains=chains, warmup=max(1000, warmup), kept=max(5000, kept))


_RUN = """\
# Runs the model of model.bug in JAGS (R packages rjags and coda) and compares its posterior with that of gibbs.
#
#   Rscript run.R [ITERATIONS [BURN-IN [THIN]]]
#
# Reads model.bug, data.R, inits*.R, names.csv (our name of every parameter beside JAGS') and gibbs.csv (mean, sd and Monte Carlo
# error of gibbs); writes draws.csv (under our names) and compare.csv.
library(rjags)
{module}

wanted <- as.numeric(commandArgs(trailingOnly = TRUE))
iterations <- if (length(wanted) > 0) wanted[1] else {kept}
burn_in <- if (length(wanted) > 1) wanted[2] else {warmup}
thin <- if (length(wanted) > 2) wanted[3] else 1
monitors <- c({monitors})

dumped <- function(file) {{
  place <- new.env()
  sys.source(file, envir = place)
  as.list(place, all.names = TRUE)
}}
data <- dumped("data.R")
starts <- lapply(sprintf("inits%d.R", 1:{chains}), dumped)
model <- jags.model("model.bug", data = data, inits = starts, n.chains = {chains}, n.adapt = 1000, quiet = TRUE)
if (burn_in > 0) update(model, burn_in, progress.bar = "none")
samples <- coda.samples(model, monitors, n.iter = iterations, thin = thin, progress.bar = "none")

names <- read.csv("names.csv", colClasses = "character")
gibbs <- read.csv("gibbs.csv", colClasses = c("character", "numeric", "numeric", "numeric"))
ours <- function(chain) {{
  found <- as.matrix(chain)[, names$jags, drop = FALSE]
  colnames(found) <- names$parameter
  found
}}
chains <- lapply(samples, ours)
each <- nrow(chains[[1]])
index <- data.frame(chain = rep(seq_along(chains), each = each), iteration = rep(seq_len(each), length(chains)))
index$draw <- seq_len(nrow(index))
names(index) <- paste0(".", names(index))
draws <- do.call(rbind, chains)
write.csv(cbind(index, as.data.frame(draws, check.names = FALSE)), "draws.csv", row.names = FALSE)

varies <- apply(draws, 2, sd) > 0
size <- rep(NA_real_, ncol(draws))
for (i in which(varies)) size[i] <- sum(sapply(chains, function(chain) effectiveSize(chain[, i])))
jags_mean <- colMeans(draws)
jags_sd <- apply(draws, 2, sd)
jags_mcse <- ifelse(varies, jags_sd / sqrt(size), 0)
error <- sqrt(gibbs$mcse_mean^2 + jags_mcse^2)
compare <- data.frame(
  parameter = names$parameter, gibbs_mean = gibbs$mean, jags_mean = jags_mean, gibbs_sd = gibbs$sd, jags_sd = jags_sd,
  gibbs_mcse = gibbs$mcse_mean, jags_mcse = jags_mcse, jags_ess = size,
  z = ifelse(error > 0, (gibbs$mean - jags_mean) / error, 0)
)
write.csv(compare, "compare.csv", row.names = FALSE)
print(head(compare[, c("parameter", "gibbs_mean", "jags_mean", "gibbs_sd", "jags_sd", "z")], 40), row.names = FALSE, digits = 4)
far <- which.max(abs(compare$z))
cat(sprintf(
  "\\nOver %d parameters the means differ by at most %.2f combined standard errors (%s); least effective sample size %.0f.\\n",
  nrow(compare), abs(compare$z[far]), compare$parameter[far], min(size, na.rm = TRUE)
))
"""
