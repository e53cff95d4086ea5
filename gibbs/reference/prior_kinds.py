"""The page of priors: what may have one, the kinds, and the laws of effects, from the lists that the readers go by."""

from __future__ import annotations

from gibbs.model import prior_words, priors, structures
from gibbs.model.families import PARAMETERS
from gibbs.model.formula import DISTRIBUTIONS
from gibbs.model.prior_kinds import KINDS
from gibbs.model.records import Prior
from gibbs.reference.markdown import code, table

KEYS = {
    "b": "every coefficient but the intercept; `b[x]` one of them",
    "intercept": "the linear predictor with every column at its mean; `b[Intercept]`: the intercept as written",
    "sd": "every sd of effects; `sd[g]` those of a factor, `sd[g,x]` one",
    "cor": "the correlations of every factor; `cor[g]` of one",
    "cov": "the whole covariance matrix of a factor's effects, in place of sd and cor",
    "df": "the degrees of freedom of Student-t effects, `df[g]`",
    "rho": "how much levels know of their neighbours, `rho[g]`: of ar1, bym2 and leroux",
    **{parameter.name: parameter.about for parameter in PARAMETERS.values()},
    "cutpoints": "each cutpoint of an ordinal model",
}
"""What may have a prior; a test compares the keys with those that are read."""
_NUMBERS = {"df": 3.0, "mean": 0.0, "sd": 2.5, "scale": 2.5, "rate": 1.0, "low": 0.0, "high": 10.0, "shape": 2.0, "value": 1.0, "eta": 2.0}
_NUMBERS |= {"nu": 2.0, "A": 2.5, "m": 0.0, "s": 1.0, "a": 2.0, "b": 2.0}


def page() -> str:
    """Keys with the kinds they take, kinds with their arguments and what they say."""
    keys = [[code(key), words, ", ".join(map(code, priors.CLASSES[key]))] for key, words in KEYS.items()]
    kinds = []
    for name, kind in KINDS.items():
        forms = kind.forms
        written = ", ".join(code(f"{name}({', '.join(form)})" if form else name) for form in forms)
        arguments = tuple(_NUMBERS[argument] for argument in forms[0])
        kinds.append([written, code(str(Prior(name, arguments))), prior_words.describe(Prior(name, arguments))])
    others: dict[str, list[str]] = {}
    for word, meant in prior_words._SPELLINGS.items():
        others.setdefault(meant, []).append(word)
    habits = [[code(word), words] for word, words in prior_words._HABITS.items()]
    structured = [[code(kind), words, ", ".join(map(code, structures.OPTIONS[kind]))] for kind, words in structures.KINDS.items()]
    return "\n".join(
        [
            "# Kinds of prior",
            "",
            "A prior is written by what it is on, `sd[g]: half_t(3, 0, 2.5)`. Scales are standard deviations everywhere, never precisions;",
            "a number alone fixes the parameter. What nothing is said of has a default that knows neither units nor where 0 is: `gibbs",
            "check` prints every prior in force, `gibbs help priors` is about choosing them.",
            "",
            table(["key", "is on", "kinds"], keys),
            "## Kinds",
            "",
            "Arguments stand in this order or by name. inverse_gamma is on the variance, inverse_wishart and huang_wand are on the",
            "covariance matrix.",
            "",
            table(["kind", "example", "in words"], kinds),
            "Other spellings: " + "; ".join(f"{code(meant)} also {', '.join(map(code, words))}" for meant, words in others.items()) + ".",
            "",
            "## Laws of effects",
            "",
            f"`dist = …` in `gr(g, dist = …)`, or `effects: {{g: {{dist: …}}}}`: {', '.join(map(code, DISTRIBUTIONS))}. normal is the",
            "default; student has heavier tails, with degrees of freedom that are drawn.",
            "",
            "Levels may know their neighbours: `effects: {year: {structure: rw1}}`, a term (`rw1(year)`), or a key of the two-level form.",
            "",
            table(["structure", "what it is", "takes"], structured),
            "## What BUGS, JAGS and Stan write",
            "",
            table(["word", "here"], habits).rstrip(),
        ]
    ) + "\n"  # fmt: skip
