"""``gibbs export RUN --to NAME --out PLACE``: draws, or the model itself, in the files of another program."""

from __future__ import annotations

import argparse

from gibbs.commands.run_arguments import parameters_argument, run_argument

SUMMARY = """\
Write a run in the files of another program.

  csv, parquet   the draws as one table: .chain, .iteration, .draw and a column a parameter, under brms' names
  netcdf         the draws as ArviZ reads them, with log_likelihood, log_prior and posterior_predictive: for loo, psense, loo_pit
  coda           the draws as CODAindex.txt and CODAchain1.txt …, which R's coda reads
  jags, stan     the same model, priors and data for that program, with a script that runs it and compares the two posteriors"""


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("--to", metavar="NAME", required=True, help="csv, parquet, netcdf, coda, jags or stan")
    parser.add_argument("--out", metavar="PLACE", required=True, help="the file to write, or the folder (coda, jags, stan)")
    parameters_argument(parser, "csv, parquet, coda: only these; * stands for anything ('sd_*', 'r_province[*')")
    parser.add_argument("--force", action="store_true", help="replace what is there")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.posterior.fit import load
    from gibbs.terminal import say, say_words

    fit = load(arguments.run)
    written = fit.export(arguments.to, arguments.out, arguments.parameters, force=arguments.force)
    if written.is_dir():
        say_words(f"Written to {written}: {', '.join(sorted(file.name for file in written.iterdir()))}")
        if (written / "run.R").exists():
            program = "rjags" if arguments.to == "jags" else "cmdstanr; or python run.py with cmdstanpy"
            say_words(f"Run it there: Rscript run.R (needs {program}); compare.csv then has both posteriors side by side.")
    else:
        say(f"Written to {written}")
    return 0
