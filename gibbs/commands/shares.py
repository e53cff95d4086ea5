"""``gibbs shares RUN``: how much of the variance each factor has, and how much the model explains."""

from __future__ import annotations

import argparse

SUMMARY = "Shares of the variance of every grouping factor (ICC), on each scale the family has, and R², conditional and marginal."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a folder that gibbs run has written")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.posterior.averages import BINARY
    from gibbs.posterior.fit import load
    from gibbs.posterior.textfile import columns
    from gibbs.terminal import say

    fit = load(arguments.run)
    identity = fit.family in ("gaussian", "student")
    say("Shares of the variance" + ("" if identity else ", latent scale (of the linear predictor)"))
    say(columns(fit.variance_shares()))
    if fit.family in BINARY or fit.outline.link == "log":
        say("\nShares of the variance, observed scale (of the outcome itself)")
        say(columns(fit.variance_shares(scale="observed")))
    say("\nR² (Gelman et al. 2019): conditional on the groups' effects, and marginal, of the predictors alone")
    say(columns(fit.r2()))
    return 0
