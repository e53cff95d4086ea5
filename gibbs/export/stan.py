"""The model in Stan, with its data as JSON and scripts (cmdstanpy, cmdstanr) that run it and compare the posteriors.

Effects are written non-centred, u = D L z with z ~ N(0, I), which is the same law and samples better where a group says little. A density
that is left out of the model block is flat, so an improper prior needs no stand-in here. Syntax of Stan 2.33 and later.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import OutputError
from gibbs.export.program import Effects, OwnLaw, Program, as_json, describe, gibbs_csv, name_pairs, names_csv, number
from gibbs.files import whole
from gibbs.model.prior_kinds import cut_off, kind_of
from gibbs.model.records import CoefficientPrior, Prior
from gibbs.posterior import parameters

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit


def export(fit: Fit, folder: str | Path, *, force: bool = False) -> Path:
    """Write model.stan, data.json, run.py, run.R, names.csv and gibbs.csv into ``folder``; gives its absolute path.

    Raises OutputError where the model cannot be written, where the data of the run are gone, or where the folder is not free.
    """
    program = describe(fit.design, fit.spec.title, fit.spec.formula)
    pairs = name_pairs(program)
    known = {name: i for i, name in enumerate(parameters.all_names(fit.arrays, fit.outline))}
    wanted = tuple(name for name, _ in pairs)
    draws = parameters.stack(fit.arrays)[:, :, [known[name] for name in wanted]]
    chains, kept = fit.arrays.beta.shape[:2]
    settings = {"chains": chains, "warmup": max(1000, fit.arrays.warmup), "kept": kept, "seed": (fit.spec.sampling.seed or 1) % 2**31}
    files: dict[str, str] = {
        "model.stan": model_file(program),
        "data.json": as_json(_data(program)),
        "names.csv": names_csv(pairs, "stan"),
        "gibbs.csv": gibbs_csv(wanted, draws),
        "run.py": _RUN_PY.format(**settings),
        "run.R": _RUN_R.format(**settings),
    }
    return whole.write_folder(folder, dict(files), force=force)


def _data(program: Program) -> dict[str, Any]:
    return {name: value for name, value in program.data.items() if name != "V"}


# ----------------------------------------------------------------------------------------------------------------- model


class _Blocks:
    """The lines of every block of a Stan file."""

    NAMES = ("data", "parameters", "transformed parameters", "model")

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {name: [] for name in self.NAMES}
        self.computed: list[str] = []  # statements of transformed parameters, after its declarations

    def add(self, block: str, *lines: str) -> None:
        self.lines[block] += lines

    def text(self) -> str:
        written = []
        for name in self.NAMES:
            lines = self.lines[name] + (self.computed if name == "transformed parameters" else [])
            if lines:
                written.append("\n".join([f"{name} {{", *(f"  {line}" for line in lines), "}"]))
        return "\n".join(written) + "\n"


def model_file(program: Program) -> str:
    """model.stan."""
    heading = [f"// {line}" for line in (program.title, program.formula) if line] + [f"// {note}." for note in program.notes]
    blocks = _Blocks()
    _declare_data(program, blocks)
    _coefficients(program, blocks)
    for own in program.own_laws:
        write = _degree if own.law.multipliers is None else _multipliers
        write(own, program.factors[own.factor], blocks)
    for effects in program.effects:
        _effects(effects, program.factors[effects.factor], blocks)
    _further(program, blocks)
    _likelihood(program, blocks)
    return "\n".join([*heading, blocks.text()])


def _declare_data(program: Program, blocks: _Blocks) -> None:
    data = program.data
    blocks.add("data", "int<lower=1> N;", *program.family.stan_outcome.splitlines())
    if "trials" in data:
        blocks.add("data", "array[N] int<lower=1> trials;")
    if "se" in data:
        blocks.add("data", "vector<lower=0>[N] se;")
    if "precision" in data:
        blocks.add("data", "vector<lower=0>[N] precision;  // the residual variance of a row is sigma^2 / precision")
    if "offset_" in data:
        blocks.add("data", "vector[N] offset_;")
    if "p" in data:
        blocks.add("data", "int<lower=1> p;", "matrix[N, p] X;")
    if "W" in data:
        blocks.add("data", "matrix[p, p] W;  // weights of the priors on combinations of coefficients, a row each")
    if "x_mean" in data:
        blocks.add("data", "vector[p] x_mean;")
    declared = set()
    for e in program.effects:
        if e.index not in declared:
            blocks.add("data", f"int<lower=1> {e.count};", f"array[N] int<lower=1, upper={e.count}> {e.index};")
            declared.add(e.index)
            if e.basis in data:
                if e.coordinates:
                    blocks.add("data", f"int<lower=1> {e.coordinates};")
                size = f"{e.count}, {e.coordinates or e.count}"
                blocks.add("data", f"matrix[{size}] {e.basis};  // times its transpose: the covariance of levels that know each other")
        if e.members:
            blocks.add("data", f"int<lower=1> {e.members_count};")
            blocks.add("data", f"array[{e.members_count}] int<lower=1, upper={e.count}> {e.members};")
        if e.z and e.first:
            blocks.add("data", f"vector[N] {e.z};" if e.columns == 1 else f"matrix[N, {e.columns}] {e.z};")
        if f"A_{e.tag}" in data:
            blocks.add("data", f"matrix[{e.columns}, {e.columns}] A_{e.tag};")
        if f"S_{e.tag}" in data:
            blocks.add("data", f"cov_matrix[{e.columns}] S_{e.tag};")


def _coefficients(program: Program, blocks: _Blocks) -> None:
    if not program.coefficients:
        return
    blocks.add("parameters", "vector[p] b;")
    for j, statement in enumerate(program.statements, start=1):
        row = statement.row
        if row is None:
            blocks.add("model", f"// {statement.name}: flat")
        elif statement.single:
            blocks.add("model", f"b[{j}] ~ {_law(row)};  // {statement.name}: {row.prior}")
        else:
            kind, _, arguments = _law(row).partition("(")
            blocks.add("model", f"target += {kind}_lpdf(dot_product(W[{j}], b) | {arguments};  // {statement.name}: {row.prior}")


def _law(row: CoefficientPrior) -> str:
    if np.isinf(row.df):
        return f"normal({number(row.mean)}, {number(row.scale)})"
    return f"student_t({number(row.df)}, {number(row.mean)}, {number(row.scale)})"


def _degree(own: OwnLaw, factor: str, blocks: _Blocks) -> None:
    """rho, and B, whose BB' is the covariance of levels that know their neighbours to that degree."""
    rho, tag, J = own.name, own.tag, own.count
    blocks.add("model", f"// effects of {factor}: {own.law.label}, {own.law.meaning}")
    _degrees_of_freedom(own.prior, rho, blocks, own.law.parameter)
    blocks.add("transformed parameters", f"matrix[{J}, {J}] B_{tag};")
    if own.law.name == "ar1":
        blocks.add("data", f"array[{J}, {J}] int<lower=0> lag_{tag};  // steps from the level of the column to that of the row")
        blocks.computed += [
            f"B_{tag} = rep_matrix(0, {J}, {J});",
            f"for (k in 1:{J}) {{",
            f"  for (j in k:{J}) B_{tag}[j, k] = {rho}^lag_{tag}[j, k] * (k > 1 ? sqrt(1 - {rho}^(2 * lag_{tag}[k, k - 1])) : 1);",
            "}",
        ]
        return
    blocks.add("data", f"matrix[{J}, {J}] V_{tag};", f"vector[{J}] eigen_{tag};")
    if own.law.name == "bym2":
        blocks.computed.append(f"B_{tag} = diag_post_multiply(V_{tag}, sqrt({rho} * eigen_{tag} + 1 - {rho}));")
        return
    blocks.add("data", f"vector[{J}] free_{tag};", f"matrix[{J}, {J}] mean_{tag};")
    blocks.add("transformed parameters", f"vector[{J}] a_{tag};")
    blocks.computed += [
        f"a_{tag} = free_{tag} ./ sqrt({rho} * eigen_{tag} + 1 - {rho});",
        f"a_{tag} = a_{tag} .* exp(-0.5 * mean_{tag} * log(square(V_{tag}) * square(a_{tag})));",
        f"B_{tag} = diag_post_multiply(V_{tag}, a_{tag});",
    ]


def _multipliers(heavy: OwnLaw, factor: str, blocks: _Blocks) -> None:
    """df, and for every level 1/√λ, by which its normal effects are multiplied to be Student-t."""
    df, tag = heavy.name, heavy.tag
    blocks.add("model", f"// effects of {factor}: {heavy.law.label}")
    _degrees_of_freedom(heavy.prior, df, blocks, heavy.law.parameter)
    blocks.add("parameters", f"vector<lower=0>[{heavy.count}] lambda_{tag};")
    blocks.add("model", f"lambda_{tag} ~ {heavy.law.stan.format(df)};")


def _effects(e: Effects, factor: str, blocks: _Blocks) -> None:
    of = f" ({e.term.group})" if e.term.group else ""
    blocks.add("model", f"// {' + '.join(e.term.columns)} by {factor}{of}")
    q, count, u = e.columns, e.coordinates or e.members_count, f"u_{e.u}"
    some = f"[{e.members}]" if e.members else ""
    if e.first:
        blocks.add("transformed parameters", f"vector[{e.count}] {u};" if q == 1 else f"matrix[{e.count}, {q}] {u};")
    by = f"{e.basis} * " if e.basis else ""  # levels that know their neighbours
    spread = f"{e.multiplier}{some}"
    if q == 1:
        _scale(e.term.sd_priors[0], f"sd_{e.tag}", blocks, declare=True)
        blocks.add("parameters", f"vector[{count}] z_{e.tag};")
        blocks.computed.append(
            f"{u} = {by}(sd_{e.tag} * z_{e.tag});"
            if by
            else f"{u}{some} = sd_{e.tag} * z_{e.tag}" + (f" ./ sqrt({spread});" if e.multiplier else ";")
        )
        blocks.add("model", f"z_{e.tag} ~ std_normal();")
        return
    blocks.add("parameters", f"matrix[{q}, {count}] z_{e.tag};")
    some = f"[{e.members}, ]" if e.members else ""

    def effects(root: str) -> str:
        normal = f"{by}({root} * z_{e.tag})'"
        return f"{u}{some} = " + (f"diag_pre_multiply(inv_sqrt({spread}), {normal});" if e.multiplier else f"{normal};")

    blocks.add(
        "transformed parameters",
        f"vector[{q}] sd_{e.tag};",
        f"matrix[{q}, {q}] cor_{e.tag};",
    )
    blocks.add("model", f"to_vector(z_{e.tag}) ~ std_normal();")
    prior = e.term.covariance
    if prior is None:
        inner = f"sd_{e.tag}_c" if e.turned else f"sd_{e.tag}"
        for a, scale in enumerate(e.term.sd_priors):
            _scale(scale, f"{inner}[{a + 1}]", blocks, declare=False, own=f"sd{a + 1}_{e.tag}")
        eta = number(float(e.term.correlation.args[0]))
        blocks.add("parameters", f"cholesky_factor_corr[{q}] L_{e.tag};")
        if e.turned:  # the priors are on the sds and correlations with the columns at their means
            blocks.add("transformed parameters", f"vector[{q}] {inner};", f"matrix[{q}, {q}] root_{e.tag};")
            blocks.computed += [
                f"root_{e.tag} = A_{e.tag} * diag_pre_multiply({inner}, L_{e.tag});",
                f"sd_{e.tag} = sqrt(diagonal(tcrossprod(root_{e.tag})));",
                f"cor_{e.tag} = quad_form_diag(tcrossprod(root_{e.tag}), inv(sd_{e.tag}));",
                effects(f"root_{e.tag}"),
            ]
            blocks.add("model", f"L_{e.tag} ~ lkj_corr_cholesky({eta});")
            return
        blocks.computed += [
            f"cor_{e.tag} = multiply_lower_tri_self_transpose(L_{e.tag});",
            effects(f"diag_pre_multiply(sd_{e.tag}, L_{e.tag})"),
        ]
        blocks.add("model", f"L_{e.tag} ~ lkj_corr_cholesky({eta});")
        return
    blocks.add("parameters", f"cov_matrix[{q}] Sigma_{e.tag};")
    blocks.computed += [
        f"sd_{e.tag} = sqrt(diagonal(Sigma_{e.tag}));",
        f"cor_{e.tag} = quad_form_diag(Sigma_{e.tag}, inv(sd_{e.tag}));",
        effects(f"cholesky_decompose(Sigma_{e.tag})"),
    ]
    if prior.kind == "inverse_wishart":
        blocks.add("model", f"Sigma_{e.tag} ~ inv_wishart({number(float(prior.args[0]))}, S_{e.tag});")
        return
    nu, scales = float(prior.args[0]), np.broadcast_to(np.asarray(prior.args[1], dtype=float), (q,))
    blocks.add("parameters", f"vector<lower=0>[{q}] a_{e.tag};")
    for a, A in enumerate(scales):
        blocks.add("model", f"a_{e.tag}[{a + 1}] ~ inv_gamma(0.5, 1 / square({number(float(A))}));  // {prior}")
    blocks.add("model", f"Sigma_{e.tag} ~ inv_wishart({number(nu + q - 1.0)}, diag_matrix({number(2.0 * nu)} * inv(a_{e.tag})));")


def _scale(prior: Prior, sd: str, blocks: _Blocks, *, declare: bool, own: str = "") -> None:
    """An sd under its prior. ``declare``: it is a variable of its own; else an entry of a vector, set from the variable ``own``."""
    of_variance = kind_of(prior).of_variance
    if prior.kind == "fixed" or of_variance:
        if declare:
            blocks.add("transformed parameters", f"real {sd};")
        if prior.kind == "fixed":
            blocks.computed.append(f"{sd} = {number(prior.args[0])};")
            return
        variance = "var_" + (own or sd)
        blocks.add("parameters", f"real<lower=0> {variance};")
        blocks.computed.append(f"{sd} = sqrt({variance});")
        blocks.add("model", f"{variance} ~ {_positive(prior)};  // {prior} on the variance")
        return
    variable = own or sd
    blocks.add("parameters", f"real<{_bounds(prior)}> {variable};")
    if own:
        blocks.computed.append(f"{sd} = {own};")
    if prior.kind == "flat":
        blocks.add("model", f"// {variable}: flat")
        return
    blocks.add("model", f"{variable} ~ {_positive(prior)};  // {prior}")


def _positive(prior: Prior) -> str:
    """The law of a positive parameter (of a variance, where the prior is on it), up to the constant of its truncation."""
    law = kind_of(prior).stan
    if not law:
        raise OutputError(f"the prior {prior} cannot be written for Stan.")
    return law.format(*(number(x) for x in prior.args))


def _bounds(prior: Prior, on: str = "sd") -> str:
    """The bounds of a positive parameter ``on`` under its prior."""
    low, high = kind_of(prior).support(prior.args)
    low = 1.0 if cut_off(prior, on) else low if on == "rho" else max(low, 0.0)
    return f"lower={number(low)}" + (f", upper={number(high)}" if np.isfinite(high) else "")


def _further(program: Program, blocks: _Blocks) -> None:
    for name, prior in program.own.items():
        if name == "sigma":
            _scale(prior, name, blocks, declare=True)
        else:
            _degrees_of_freedom(prior, name, blocks, name)
    if program.cutpoint is not None:
        blocks.add("parameters", "ordered[C - 1] cut;")
        if program.cutpoint.kind != "flat":
            law, _, arguments = _positive(program.cutpoint).removesuffix(")").partition("(")
            if "x_mean" in program.data:
                blocks.add("model", f"target += {law}_lpdf(cut - dot_product(x_mean, b) | {arguments});  // at means: {program.cutpoint}")
            else:
                blocks.add("model", f"cut ~ {law}({arguments});  // {program.cutpoint}")


def _degrees_of_freedom(prior: Prior, name: str, blocks: _Blocks, on: str) -> None:
    """A positive parameter (nu, the df of effects, a shape) under its prior, cut off below 1 where the kind is ``on`` it."""
    if prior.kind == "fixed":
        blocks.add("transformed parameters", f"real {name};")
        blocks.computed.append(f"{name} = {number(prior.args[0])};")
        return
    blocks.add("parameters", f"real<{_bounds(prior, on)}> {name};")
    blocks.add("model", f"{name} ~ {_positive(prior)};  // {prior}")


def _likelihood(program: Program, blocks: _Blocks) -> None:
    parts = ["X * b"] if program.coefficients else []
    if "offset_" in program.data:
        parts.append("offset_")
    for e in (e for e in program.effects if e.first):
        if e.columns > 1:
            parts.append(f"rows_dot_product({e.z}, u_{e.u}[{e.index}])")
        elif e.z:
            parts.append(f"{e.z} .* u_{e.u}[{e.index}]")
        else:
            parts.append(f"u_{e.u}[{e.index}]")
    eta = " + ".join(parts) or "rep_vector(0, N)"
    law = program.family.stan(program.data, program.family.link)
    blocks.lines["model"] = [f"vector[N] eta = {eta};", law, *blocks.lines["model"]]


# --------------------------------------------------------------------------------------------------------------- scripts

_RUN_PY = '''\
"""Runs model.stan by CmdStan (Python package cmdstanpy) and compares its posterior with that of gibbs.

Reads data.json, names.csv (our name of every parameter beside Stan's) and gibbs.csv (mean, sd and Monte Carlo error of gibbs);
writes draws.csv (under our names) and compare.csv.
"""

import numpy as np
import pandas as pd
from cmdstanpy import CmdStanModel

CHAINS, WARMUP, DRAWS, SEED = {chains}, {warmup}, {kept}, {seed}

fit = CmdStanModel(stan_file="model.stan").sample(
    data="data.json", chains=CHAINS, iter_warmup=WARMUP, iter_sampling=DRAWS, seed=SEED, adapt_delta=0.95
)
print(fit.diagnose())
names = pd.read_csv("names.csv", dtype=str)
found = fit.draws_pd()
draws = found[list(names["stan"])].set_axis(list(names["parameter"]), axis=1)
index = pd.DataFrame({{".chain": np.repeat(np.arange(CHAINS) + 1, DRAWS), ".iteration": np.tile(np.arange(DRAWS) + 1, CHAINS)}})
index[".draw"] = np.arange(len(index)) + 1
pd.concat([index, draws], axis=1).to_csv("draws.csv", index=False)

gibbs = pd.read_csv("gibbs.csv")
summary = fit.summary()
compare = gibbs.rename(columns={{"mean": "gibbs_mean", "sd": "gibbs_sd", "mcse_mean": "gibbs_mcse"}})
compare["stan_mean"], compare["stan_sd"] = draws.mean().to_numpy(), draws.std().to_numpy()
compare["stan_mcse"] = summary["MCSE"].reindex(names["stan"]).fillna(0.0).to_numpy()
error = np.hypot(compare["gibbs_mcse"], compare["stan_mcse"])
compare["z"] = np.where(error > 0, (compare["gibbs_mean"] - compare["stan_mean"]) / np.where(error > 0, error, 1.0), 0.0)
compare.to_csv("compare.csv", index=False)
worst = compare.loc[compare["z"].abs().idxmax()]
print(compare.head(40).to_string(index=False))
far, where = abs(worst["z"]), worst["parameter"]
print(f"Over {{len(compare)}} parameters the means differ by at most {{far:.2f}} combined standard errors ({{where}}).")
'''

_RUN_R = """\
# Runs model.stan by CmdStan (R packages cmdstanr and posterior) and compares its posterior with that of gibbs.
#
# Reads data.json, names.csv (our name of every parameter beside Stan's) and gibbs.csv (mean, sd and Monte Carlo error of gibbs);
# writes draws.csv (under our names) and compare.csv.
library(cmdstanr)
library(posterior)

fit <- cmdstan_model("model.stan")$sample(
  data = "data.json", chains = {chains}, iter_warmup = {warmup}, iter_sampling = {kept}, seed = {seed}, adapt_delta = 0.95
)
fit$cmdstan_diagnose()
names <- read.csv("names.csv", colClasses = "character")
gibbs <- read.csv("gibbs.csv", colClasses = c("character", "numeric", "numeric", "numeric"))
draws <- subset_draws(fit$draws(), variable = names$stan)
found <- summarise_draws(draws, "mean", "sd", "mcse_mean")
found <- found[match(names$stan, found$variable), ]
table <- as.data.frame(as_draws_df(draws))
colnames(table)[match(names$stan, colnames(table))] <- names$parameter
write.csv(table[, c(".chain", ".iteration", ".draw", names$parameter)], "draws.csv", row.names = FALSE)
error <- sqrt(gibbs$mcse_mean^2 + ifelse(is.na(found$mcse_mean), 0, found$mcse_mean)^2)
compare <- data.frame(
  parameter = names$parameter, gibbs_mean = gibbs$mean, stan_mean = found$mean, gibbs_sd = gibbs$sd, stan_sd = found$sd,
  z = ifelse(error > 0, (gibbs$mean - found$mean) / error, 0)
)
write.csv(compare, "compare.csv", row.names = FALSE)
print(head(compare, 40), row.names = FALSE, digits = 4)
far <- which.max(abs(compare$z))
cat(sprintf(
  "\\nOver %d parameters the means differ by at most %.2f combined standard errors (%s).\\n",
  nrow(compare), abs(compare$z[far]), compare$parameter[far]
))
"""
