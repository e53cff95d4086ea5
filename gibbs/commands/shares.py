"""``gibbs shares RUN``: how much of the variance each factor has, and how much the model explains."""

from __future__ import annotations

import argparse

from gibbs.commands.run_arguments import run_argument

SUMMARY = "Shares of the variance of every grouping factor (ICC), on each scale the family has, and R², conditional and marginal."


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from gibbs.columns import of_numbers
    from gibbs.model import families, laws
    from gibbs.posterior.fit import load
    from gibbs.terminal import say, say_words

    fit = load(arguments.run)
    heavy = [factor.name for factor in fit.outline.factors if laws.of(factor).not_averaged]
    family = families.of(fit.outline)
    identity = not family.is_discrete
    say_words("Shares of the variance" + ("" if identity else ", latent scale (of the linear predictor)"))
    counts = family.outcome == families.COUNT
    tables = []
    if counts and heavy:
        say_words(f"not to be had: they need the mean count, which Student-t effects (of {', '.join(heavy)}) do not have")
    else:
        tables.append(fit.variance_shares())
        say(of_numbers(tables[0]))
    if (family.is_share or counts) and not heavy:
        say_words("\nShares of the variance, observed scale (of the outcome itself)")
        tables.append(fit.variance_shares(scale="observed"))
        say(of_numbers(tables[-1].rename(index={"Residual (observed, about the mean count)": "Residual (observed)"})))
    if any("variance_q50" in table for table in tables):
        say_words(
            "\nvariance: posterior means; – where there is none, for the few largest draws would make it up, however many there are. "
            "variance_q50 has the medians. The variance of a count goes with exp(2σ²), and few groups leave σ a long tail."
        )
    found = fit.r2()
    marginal = ", and marginal, of the predictors alone" if "marginal" in found.index else ""
    say_words(f"\nR² (Gelman et al. 2019): conditional on the groups' effects{marginal}")
    say(of_numbers(found))
    if heavy and not identity:
        say_words(
            f"\nNot to be had where effects (of {', '.join(heavy)}) are Student-t: shares on the observed scale, and the marginal R²."
        )
    return 0
