"""The page of families and links, from their records."""

from __future__ import annotations

from gibbs.model.families import _ALIASES, FAMILIES, LINKS
from gibbs.model.families.numbers import LATENT_VARIANCE
from gibbs.posterior.ratios import WORDS
from gibbs.reference.markdown import code, table

_OUTCOMES = {
    "real": "any number",
    "binary": "two values: 0 and 1, two words, true and false",
    "trials": "successes of a number of trials",
    "count": "whole numbers from 0",
    "ordinal": "ordered categories",
}


def page() -> str:
    """Families with links and outcomes, other names, and what links mean."""
    rows = [
        [
            code(name),
            ", ".join(map(code, LINKS.get(name, (family.link,)))),
            _OUTCOMES.get(family.outcome, family.outcome),
            family.description,
        ]
        for name, family in FAMILIES.items()
    ]
    others = [
        [code(word), ", ".join(code(f"{name} ({link})") if len(links) > 1 else code(name) for link, name in links.items())]
        for word, links in _ALIASES.items()
    ]
    every = dict.fromkeys(link for name, family in FAMILIES.items() for link in LINKS.get(name, (family.link,)))
    of_links = [
        [
            code(link),
            ", ".join(code(name) for name, family in FAMILIES.items() if link in LINKS.get(name, (family.link,))),
            f"{WORDS[link]}s" if link in WORDS else "",
            f"{LATENT_VARIANCE[link] ** 0.5:.4g}" if link in LATENT_VARIANCE else "",
        ]
        for link in every
    ]
    return "\n".join(
        [
            "# Families and links",
            "",
            "`family: logit` in a spec, `family=\"logit\"` in Python. A link is written behind a family as in R, `binomial(probit)`, or as",
            "`link: probit`. Where two are listed the first is the default.",
            "",
            table(["family", "links", "outcome", "what it is"], rows),
            "## Other names",
            "",
            "What people bring from elsewhere. With trials, `cbind(s, f)` or `s | trials(n)`, all names of binary families mean binomial.",
            "",
            table(["name", "means"], others),
            "## Links",
            "",
            "`gibbs summary --exp` prints exp of the coefficients under the links that give it a name. The residual sd is that of the",
            "latent variable behind the link, which shares of the variance divide by.",
            "",
            table(["link", "families", "exp of a coefficient", "latent residual sd"], of_links).rstrip(),
        ]
    ) + "\n"  # fmt: skip
