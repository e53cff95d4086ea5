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
    if counts and heavy:
        say_words(f"not to be had: they need the mean count, which Student-t effects (of {', '.join(heavy)}) do not have")
    else:
        say(of_numbers(fit.variance_shares()))
    if (family.is_share or counts) and not heavy:
        say_words("\nShares of the variance, observed scale (of the outcome itself)")
        say(of_numbers(fit.variance_shares(scale="observed")))
    found = fit.r2()
    marginal = ", and marginal, of the predictors alone" if "marginal" in found.index else ""
    say_words(f"\nR² (Gelman et al. 2019): conditional on the groups' effects{marginal}")
    say(of_numbers(found))
    if heavy and not identity:
        say_words(
            f"\nNot to be had where effects (of {', '.join(heavy)}) are Student-t: shares on the observed scale, and the marginal R²."
        )
    return 0
