"""The page of outputs: files of a run folder and their columns, names of parameters, exit codes, errors.

What is written here of files and columns is compared with a run folder by a test; exit codes and errors come from the code.
"""

from __future__ import annotations

from gibbs import errors
from gibbs.model.families import PARAMETERS
from gibbs.reference.markdown import code, table

FILES = {
    "spec.yaml": "the spec with every default filled in; running it again gives the same draws, bit for bit",
    "manifest.json": "versions, seed, fingerprint of the data, rows, plan, timings, convergence, sizes of the model",
    "summary.csv": "a row a parameter",
    "ranef.csv": "a row a level and term: what each level adds",
    "estimates.csv": "estimates of a survey: design-based standard errors, Rubin's rules (`design:`, `replicates:`, several versions)",
    "posterior.nc": "all draws, in ArviZ' layout (NetCDF)",
    "missing.csv": "the outcomes that were missing, where they were drawn (`missing: predict`)",
    "report.html": "what `gibbs report` has written",
    "data.parquet": "the columns that were used, of a table from Python (unless `save_data: false`)",
    "chains.state": "where every chain stands, and what it has learnt: `gibbs resume` goes on from here (no pickle, SHA-256)",
}
COLUMNS = {
    "summary.csv": {
        "parameter": "its name, see below",
        "mean": "posterior mean",
        "sd": "posterior standard deviation",
        "q2.5": "lower end of the central 95 % interval",
        "q50": "median",
        "q97.5": "upper end",
        "mcse_mean": "Monte Carlo standard error of the mean",
        "ess_bulk": "effective sample size of the middle (rank-normalised)",
        "ess_tail": "effective sample size of the 5 % and 95 % quantiles, the smaller",
        "rhat": "rank-normalised R-hat; above 1.01 the chains disagree",
    },
    "ranef.csv": {
        "group": "grouping factor",
        "level": "its level",
        "term": "Intercept, or the x of a slope",
        "mean": "posterior mean",
        "sd": "posterior standard deviation",
        "q2.5": "lower end of the central 95 % interval",
        "q50": "median",
        "q97.5": "upper end",
        "rhat": "as above",
        "ess_bulk": "as above",
    },
}
GROUPS = {
    "posterior": f"every coefficient, sd, correlation, {', '.join(PARAMETERS)} (chain, draw); r_g (chain, draw, g_level, g_term)",
    "sample_stats": "lp, the log posterior density",
    "observed_data": "the outcome, by row of the data",
    "constant_data": "n_g: rows in each level",
}
STORED = {
    "log_likelihood": "of each row with an outcome, under its name (chain, draw, obs_id); with `store`",
    "log_prior": "the log density of the priors, by what they are on: `b`, `sd[g]`, `cor[g]`, `sigma`, … (chain, draw); with `store`",
    "posterior_predictive": "a new outcome for each row (chain, draw, obs_id), with `store`; `ymis`, outcomes that are missing",
}
NAMES = (
    ("b_Intercept, b_x", "coefficients, under the names of their columns"),
    ("b_Intercept[1], …", "cutpoints of an ordinal model"),
    ("sd_g__Intercept, sd_g__x", "standard deviations of the effects of g"),
    ("sd_g__Intercept_at_means", "of the intercepts with the columns beside them at their means"),
    ("sd_g__x:zA", "of the levels with z = A, under `gr(g, by = z)`"),
    ("cor_g__Intercept__x", "correlations"),
    ("df_g", "degrees of freedom of Student-t effects"),
    ("rho_g", "how much levels know of their neighbours: of `ar1`, `bym2` and `leroux`"),
    *((parameter.name, parameter.about) for parameter in PARAMETERS.values()),
    ("r_g[level,term]", "what a level adds"),
)
CODES = (
    ("DONE", "done, and converged"),
    ("NOT_TO_BE_TRUSTED", "drawn, but stopped short, not converged, or not written where it was asked for: it says why and where"),
    ("WRONG", "the spec, the data or the command line are wrong; nothing is left behind"),
    ("FAULT", "a fault of ours: please report it"),
    ("INTERRUPTED", "stopped by Ctrl-C, TERM or HUP, and no results were written"),
)


def page() -> str:
    """Files, columns, names, exit codes, errors."""
    from gibbs import cli

    lines = ["# Outputs", "", "## Files of a run folder", "", table(["file", "what it holds"], [[code(f), w] for f, w in FILES.items()])]
    for file, columns in COLUMNS.items():
        lines += [f"### Columns of {file}", "", table(["column", "what it is"], [[code(c), w] for c, w in columns.items()])]
    lines += [
        "### Groups of posterior.nc",
        "",
        "`arviz.from_netcdf(\"posterior.nc\")` reads it. Effects that were summarised as they were drawn (`keep:`) are in the group",
        "streamed. `store: all` (or `gibbs export RUN --to netcdf --out FILE.nc`, of any run) adds log_likelihood, log_prior and",
        "posterior_predictive, of which arviz-stats makes `loo`, `psense_summary` and `loo_pit`.",
        "",
        table(["group", "variables"], [[code(g), w] for g, w in {**GROUPS, **STORED}.items()]),
        "## Names of parameters",
        "",
        table(["name", "what it is"], [[code(n), w] for n, w in NAMES]),
        "## Exit codes",
        "",
        table(["code", "meaning"], [[str(getattr(cli, name)), words] for name, words in CODES]),
        "## Errors",
        "",
        "Each is one message: stage, place, what was found, what is allowed, the nearest match. From Python they are exceptions,",
        "`gibbs.NAME`.",
        "",
        table(["class", "stage", "exit code", "what it says"], _errors()).rstrip(),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _errors() -> list[list[str]]:
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.GibbsError) and e is not errors.GibbsError]
    return [[code(e.__name__), e.stage, str(e.exit_code), (e.__doc__ or "").split("\n\n")[0].strip()] for e in found]
