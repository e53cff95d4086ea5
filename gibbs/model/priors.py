"""The priors of a spec, looked up by what they are on: the most specific key wins, and a key that names nothing is an error.

Keys: ``b``, ``b[coefficient]``, ``intercept`` (predictors at their means), ``b[Intercept]`` (the coefficient as written), ``sd``,
``sd[factor]``, ``sd[factor,column]``, ``cor``, ``cor[factor]``, ``cov``, ``cov[factor]``, ``df``, ``df[factor]``, ``cutpoints``, and the
family's own parameters by name (``sigma``, ``nu``, …).
``b`` alone is for every coefficient but the intercept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gibbs.errors import SpecError, nearest
from gibbs.model.families import FAMILIES, PARAMETERS, Parameter, named
from gibbs.model.laws import Law
from gibbs.model.prior_kinds import RHO, kind_of, log_density, names_on
from gibbs.model.prior_words import (
    COEFFICIENT_KINDS,
    CORRELATION_KINDS,
    COVARIANCE_KINDS,
    NU_KINDS,
    SD_KINDS,
    SHAPE_KINDS,
    describe,
    parse,
    write,
)
from gibbs.model.records import Prior, Spec

__all__ = [
    "CLASSES",
    "COEFFICIENT_KINDS",
    "CORRELATION_KINDS",
    "COVARIANCE_KINDS",
    "NU_KINDS",
    "SD_KINDS",
    "SHAPE_KINDS",
    "PriorBook",
    "default_coefficient",
    "default_correlation",
    "default_cutpoints",
    "default_intercept",
    "default_nu",
    "default_of",
    "default_scale",
    "default_sigma",
    "describe",
    "log_density",
    "parse",
    "write",
]

CLASSES: dict[str, tuple[str, ...]] = {
    "b": COEFFICIENT_KINDS,
    "intercept": COEFFICIENT_KINDS,
    "sd": (*SD_KINDS, "flat"),
    "cor": CORRELATION_KINDS,
    "cov": COVARIANCE_KINDS,
    "df": NU_KINDS,
    "rho": names_on(RHO),
    "sigma": (*SD_KINDS, "flat"),
    "cutpoints": COEFFICIENT_KINDS,
} | {p.name: names_on(p.on) for p in PARAMETERS.values() if p.name != "sigma"}
"""What may stand before a bracket, or alone, and the kinds of prior that fit it."""
_KEY_HELP = (
    "The keys are b, b[coefficient], intercept, b[Intercept], sd, sd[factor], sd[factor,column], cor, cor[factor], cov, "
    f"cov[factor], df, df[factor], rho, rho[factor], {', '.join(PARAMETERS)}, cutpoints."
)
_KEY = re.compile(r"\s*(\w+)\s*(?:\[(.*)\])?\s*", re.DOTALL)
_OF_LAWS = {
    "df": '{0} are normal, and have no degrees of freedom; write (1 | gr(g, dist = "student")) for Student-t effects.',
    "rho": "{0} have no rho that is drawn; it is of ar1(g), bym2(g, graph = …) and leroux(g, graph = …).",
}
"""What is said of the own parameter of a law that no factor has."""
_OUTPUT_NAME = re.compile(r"(b|sd|cor|cov|df|rho)_(.+)")


class PriorBook:
    """The user's priors of one spec, each read and checked, ready to be asked.

    Every method gives the Prior that the most specific key states, or None where the spec says nothing and the default holds.
    Names are compared without spaces, so ``b[poly(x,2)1]`` finds ``poly(x, 2)1``; ``(Intercept)`` is ``Intercept``.

    Raises SpecError while being built: an unknown class of key, words that are no prior, the same key twice, or keys that contradict
    each other (``intercept`` with ``b[Intercept]``; ``cov[g]`` with ``sd[g]`` or ``cor[g]``; sigma or nu on a family without it).
    """

    def __init__(self, spec: Spec) -> None:
        self.family = named(spec.family)
        self._file = str(spec.path) if spec.path is not None else ""
        self._lines = spec.lines
        self._priors: dict[tuple[str, ...], Prior] = {}
        self._written: dict[tuple[str, ...], str] = {}
        for written, value in spec.priors.items():
            self._add(str(written), value)
        self._check_contradictions()

    def coefficient(self, name: str) -> Prior | None:
        """On the coefficient ``name`` as written: ``b[name]``, else ``b`` unless it is the intercept."""
        own = self._get("b", name)
        return own if own is not None or _plain(name) == "Intercept" else self._get("b")

    def intercept(self) -> Prior | None:
        """On the intercept with all predictors at their means."""
        return self._get("intercept")

    def scale(self, factor: str, column: str, group: str = "") -> Prior | None:
        """On the sd of ``column`` over the levels of ``factor`` (those of ``group``: ``sd[g,x:zA]`` goes before ``sd[g,x]``)."""
        own = self._get("sd", factor, f"{column}:{group}") if group else None
        return own or self._get("sd", factor, column) or self._get("sd", factor) or self._get("sd")

    def of_law(self, law: Law, factor: str) -> Prior | None:
        """On the own parameter of the law of the effects of ``factor``, its default where nothing is stated; None where it has none."""
        if not law.parameter:
            return None
        found = self._get(law.parameter, factor) or self._get(law.parameter) or Prior(*law.default)
        if law.on == RHO:
            self._check_degree(found, law, factor)
        return found

    def _check_degree(self, prior: Prior, law: Law, factor: str) -> None:
        """SpecError where the prior leaves the range of a rho, or fixes it at an end."""
        (low, high), (first, last) = law.range, kind_of(prior).support(prior.args)
        if not (low < first < high if prior.kind == "fixed" else low <= first and last <= high):
            key = next(k for k in ((law.parameter, _plain(factor)), (law.parameter,)) if k in self._priors)
            self._refuse(key, f"the rho of {law.name}({factor}) lies between {low:g} and {high:g}; {prior} does not.")

    def correlation(self, factor: str) -> Prior | None:
        """On the correlation matrix of the columns of ``factor``."""
        return self._get("cor", factor) or self._get("cor")

    def covariance(self, factor: str, columns: int = 2) -> Prior | None:
        """On the covariance matrix of a term of ``factor`` with ``columns`` columns.

        ``cov`` without a factor is for terms of two columns and more, and gives way to ``sd[factor…]`` and ``cor[factor]``.
        """
        own = self._get("cov", factor)
        if own is not None or columns < 2 or self._about(_plain(factor), ("sd", "cor")):
            return own
        return self._get("cov")

    def stated(self, kind: str, factor: str) -> Prior | None:
        """What a key of class ``kind`` (sd, cor, cov) says of ``factor`` by its name; a key without a bracket does not count."""
        return self._get(kind, factor)

    def sigma(self) -> Prior | None:
        """On the residual sd (student: the scale)."""
        return self._get("sigma")

    def of_family(self, parameter: Parameter | None) -> Prior | None:
        """On a parameter of the family, its default where nothing is stated; None where the family has no such parameter."""
        if parameter is None:
            return None
        return self._get(parameter.name) or default_of(parameter)

    def cutpoints(self) -> Prior | None:
        """On each cutpoint of family ordinal, under their order."""
        return self._get("cutpoints")

    def check_all_used(
        self, coefficients: Collection[str], factors: Mapping[str, Iterable[str]], laws: Mapping[str, Law] | None = None
    ) -> None:
        """Refuse keys that name nothing in the model.

        ``coefficients`` are the names in ``Design.coefficients``; ``factors`` maps each grouping factor to its columns (``x``, and ``x:zA``
        where there are groups of levels), ``laws`` to the law of its effects.
        Raises SpecError with the line, what is in the model, and the nearest match.
        """
        columns: dict[str, list[str]] = {}
        for f, names in factors.items():
            columns.setdefault(_plain(f), []).extend(_plain(n) for n in names)
        known = [_plain(c) for c in coefficients]
        if self.family.outcome == "ordinal":
            for key in self._priors:
                if key == ("intercept",) or (key[0] == "b" and len(key) == 2 and key[1].partition("[")[0] == "Intercept"):
                    self._refuse(key, "an ordinal model has cutpoints in place of the intercept; write their prior as 'cutpoints'.")
        if ("intercept",) in self._priors and "Intercept" not in known:
            self._refuse(("intercept",), "the model has no intercept.")
        for key in self._priors:
            if key[0] == "b" and len(key) == 2 and key[1] not in known:
                self._refuse(key, _unknown("coefficient", key[1], coefficients))
            if key[0] in {"sd", "cor", "cov", *_OF_LAWS}:
                self._check_factor(key, columns, list(factors))
            if key[0] in _OF_LAWS and not any(
                law.parameter == key[0] and (len(key) == 1 or _plain(name) == key[1]) for name, law in (laws or {}).items()
            ):
                of = f"the effects of {key[1]}" if len(key) == 2 else "all effects"
                self._refuse(key, _OF_LAWS[key[0]].format(of))

    def check_correlated(self, any_correlated: bool) -> None:
        """Refuse ``cor`` and ``cov`` without a bracket where no term of the model has two correlated columns."""
        for kind, what in (("cor", "correlation"), ("cov", "covariance matrix of two columns or more")):
            if (kind,) in self._priors and not any_correlated:
                self._refuse(
                    (kind,),
                    f"no term of the model has correlated columns (|| and separate terms make them independent), so there is no {what}; "
                    "write (1 + x | g) for them.",
                )

    def _check_factor(self, key: tuple[str, ...], columns: Mapping[str, list[str]], shown: list[str]) -> None:
        """One key on a grouping factor: the factor exists, the column varies over it, and there is something to correlate."""
        if not columns:
            self._refuse(key, "the model has no grouping factor.")
        if len(key) == 1:
            if key[0] == "cor" and all(len(c) < 2 for c in columns.values()):
                self._refuse(key, "no factor of the model has two columns, so there is no correlation.")
            return
        if key[1] not in columns:
            self._refuse(key, _unknown("grouping factor", key[1], shown))
        if len(key) == 3 and key[2] not in columns[key[1]]:
            self._refuse(key, _unknown(f"column varying over {key[1]}", key[2], columns[key[1]]))
        if key[0] == "cor" and len(columns[key[1]]) < 2:
            self._refuse(key, f"{key[1]} has only one column, so there is no correlation.")

    def _add(self, written: str, value: Any) -> None:
        key = self._split(written)
        where = self._where(written)
        if key in self._priors:
            raise SpecError(f"the priors '{self._written[key]}' and '{written}' are on the same thing; keep one.", where=where)
        line = self._lines.get(f"priors.{written}")
        source = f"spec, line {line}: {written}" if line else f"spec: {written}"
        self._priors[key] = parse(value, allowed=CLASSES[key[0]], key=written, where=where, source=source)
        self._written[key] = written

    def _split(self, written: str) -> tuple[str, ...]:
        """``"sd[province, x]"`` → ``("sd", "province", "x")``; the column is what follows the first comma."""
        parts = _KEY.fullmatch(written)
        where = self._where(written)
        if parts is None or parts[1] not in CLASSES:
            raise SpecError(f"unknown prior '{written}'. {_KEY_HELP}{self._hint(written, parts[1] if parts else written)}", where=where)
        name, inside = parts[1], parts[2]
        if inside is None:
            return (name,)
        if name in {"intercept", "cutpoints", *PARAMETERS}:
            raise SpecError(f"'{name}' takes no bracket; found '{written}'. {_KEY_HELP}", where=where)
        names = [inside] if name != "sd" else inside.split(",", 1)
        names = [_plain(n) for n in names]
        if not all(names):
            raise SpecError(f"a name is missing inside the bracket of '{written}'. {_KEY_HELP}", where=where)
        return (name, *names)

    @staticmethod
    def _hint(written: str, word: str) -> str:
        """The nearest key, also for the names that the output carries: b_x, sd_g__x, sd_g."""
        output = _OUTPUT_NAME.fullmatch(written.strip())
        if output:
            inside = output[2].replace("__", ",", 1) if output[1] == "sd" else output[2].split("__")[0] if output[1] != "b" else output[2]
            return f" Did you mean '{output[1]}[{inside}]'?"
        if word in {"R", "tau", "precision"}:
            return " Priors here are on sds, never on precisions."
        return nearest(word, CLASSES) or (" Did you mean 'sigma'?" if word.startswith("resid") else "")

    def _check_contradictions(self) -> None:
        if ("intercept",) in self._priors and ("b", "Intercept") in self._priors:
            self._refuse(
                ("b", "Intercept"),
                "it is on the intercept as written (all predictors at 0), and 'intercept' is on the intercept with predictors at their "
                f"means{self._on_line(('intercept',))}: two statements on one coefficient; keep one.",
            )
        for key in self._priors:
            if key[0] == "cov" and len(key) == 2:
                for other in self._about(key[1], ("sd", "cor")):
                    self._refuse(
                        other,
                        f"'{self._written[key]}'{self._on_line(key)} is a prior on the whole covariance matrix of {key[1]}; keep one.",
                    )
        own = {p.name for p in self.family.parameters}
        for name in PARAMETERS:
            if name not in own and (name,) in self._priors:
                self._refuse((name,), _not_of(self.family.name, name))
        if self.family.outcome != "ordinal" and ("cutpoints",) in self._priors:
            self._refuse(("cutpoints",), f"the family {self.family.name} has no cutpoints; only family ordinal has.")

    def _about(self, factor: str, classes: Collection[str]) -> list[tuple[str, ...]]:
        """The keys of ``classes`` that name ``factor``."""
        return [k for k in self._priors if k[0] in classes and len(k) > 1 and k[1] == factor]

    def _get(self, *key: str) -> Prior | None:
        return self._priors.get((key[0], *(_plain(k) for k in key[1:])))

    def _on_line(self, key: tuple[str, ...]) -> str:
        line = self._lines.get(f"priors.{self._written[key]}")
        return f" (line {line})" if line else ""

    def _where(self, written: str) -> str:
        line = self._lines.get(f"priors.{written}")
        return ", ".join(x for x in (self._file, f"line {line}" if line else "") if x)

    def _refuse(self, key: tuple[str, ...], what: str) -> None:
        raise SpecError(f"the prior '{self._written[key]}': {what}", where=self._where(self._written[key]))


def _not_of(family: str, parameter: str) -> str:
    """The sentence that a family has no such parameter, and which have."""
    if parameter == "sigma":
        return f"the family {family} has no residual sd; take the prior away."
    have = [f.name for f in FAMILIES.values() if any(p.name == parameter for p in f.parameters)]
    called = "no degrees of freedom; only family student has nu" if parameter == "nu" else f"no {parameter}; only family {have[0]} has"
    return f"the family {family} has {called}."


def _plain(name: str) -> str:
    """A name without its spaces, as keys are compared; R's ``(Intercept)`` is ``Intercept``."""
    bare = "".join(name.split())
    return "Intercept" if bare == "(Intercept)" else bare


def _unknown(what: str, found: str, known: Iterable[str]) -> str:
    known = list(known)
    return f"there is no {what} '{found}' in the model; there is {', '.join(known) or 'none'}.{nearest(found, known)}"


# ------------------------------------------------------------------------------------------------------- defaults


def _unit(sd: float) -> float:
    """``sd``, or 1 where it is 0 or no number: a constant column has no unit to adapt to."""
    return sd if math.isfinite(sd) and sd > 0 else 1.0


def default_coefficient(sd_y: float, sd_x: float) -> Prior:
    """normal(0, 2.5 sd(y)/sd(x)): weak on the scale of the data, whatever the units (as rstanarm's default)."""
    return Prior("normal", (0.0, 2.5 * _unit(sd_y) / _unit(sd_x)))


def default_intercept(mean_y: float, sd_y: float) -> Prior:
    """normal(mean(y), 2.5 sd(y)) on the intercept with predictors at their means."""
    return Prior("normal", (float(mean_y), 2.5 * _unit(sd_y)))


def default_scale(sd_y: float, sd_z: float = 1.0) -> Prior:
    """half_t(3, 0, 2.5 sd(y)/sd(z)) on the sd of a varying coefficient of z; sd_z = 1 for a varying intercept."""
    return Prior("half_t", (3.0, 0.0, 2.5 * _unit(sd_y) / _unit(sd_z)))


def default_sigma(sd_y: float) -> Prior:
    """half_t(3, 0, 2.5 sd(y)) on the residual sd."""
    return Prior("half_t", (3.0, 0.0, 2.5 * _unit(sd_y)))


def default_correlation() -> Prior:
    """lkj(1): uniform over correlation matrices."""
    return Prior("lkj", (1.0,))


def default_of(parameter: Parameter) -> Prior | None:
    """The default prior of a family's own parameter, as its record states it; None where it depends on the data (sigma)."""
    return None if parameter.default is None else Prior(*parameter.default)


def default_nu() -> Prior:
    """gamma(2, 0.1) truncated to nu > 1 (Juárez and Steel 2010; the default of brms), also for Student-t effects."""
    return Prior(*PARAMETERS["nu"].default)


def default_cutpoints() -> Prior:
    """student_t(3, 0, 2.5) on each cutpoint with predictors at their means, under their order (as the default of brms)."""
    return Prior("student_t", (3.0, 0.0, 2.5))
