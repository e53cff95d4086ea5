"""Parameters at stated values, and the others from their priors: what the data sets of a study are simulated from.

coefficients    β_R given β_F, the stated ones: priors are statements Wβ = mean + scale·e, so the rest is normal given what is stated,
                with precision W_R' D W_R. An e of Student's t is a normal one with precision λ ~ Gamma(df/2, df/2); where there are more
                statements of β_R than coefficients, β_F says something of λ, and λ | β and β_R | λ are drawn in turn ``ROUNDS`` times
sds             a stated one replaces what the prior drew
correlations    likewise; of a term with three columns or more all are stated, or none
cutpoints       all, in order, or none
the rest        one by one
effects         N(0, Σ) of what came out
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gibbs.draws import names
from gibbs.errors import SpecError, nearest
from gibbs.model import families, laws, prior_draws
from gibbs.model.prior_draws import Truths
from gibbs.model.prior_kinds import draw as positive
from gibbs.model.records import Design, Term

WHERE = "stated values"
ROUNDS = 100


@dataclass(frozen=True)
class Stated:
    """Values by the names of tables. ``Stated.of`` checks them; as a function it draws the parameters of one data set."""

    values: Mapping[str, float]

    @classmethod
    def of(cls, given: Mapping[str, float], design: Design) -> Stated:
        """``given``, coefficients with or without their ``b_``. SpecError: no such parameter, no possible value, or too few to go by."""
        known = (*names.coefficient_names(design), *names.hyper_names(design))
        values: dict[str, float] = {}
        for word, value in given.items():
            name = word if word in known else f"b_{word}"
            if name not in known:
                raise SpecError(
                    f"there is no parameter '{word}'.{nearest(word, (*known, *design.coefficients))} There is {', '.join(known)}.",
                    where=WHERE,
                )
            if name in values:
                raise SpecError(f"'{name}' is stated twice.", where=WHERE)
            if problem := _impossible(name, float(value), design):
                raise SpecError(f"{name} = {value:g}: {problem}.", where=WHERE)
            values[name] = float(value)
        fixed = names.fixed_values(design)
        for name in values.keys() & fixed.keys():
            if values[name] != fixed[name]:
                raise SpecError(f"the model fixes {name} at {fixed[name]:g}, so it cannot be {values[name]:g}.", where=WHERE)
        found = cls(values)
        found._check(design)
        return found

    def __call__(self, design: Design, rng: np.random.Generator) -> Truths:
        """One draw of every parameter."""
        hyper: list[np.ndarray] = []
        effects: list[np.ndarray] = []
        for factor in design.factors:
            inner = [self._covariance(factor.name, term, rng) for term in factor.terms]
            with np.errstate(invalid="ignore"):  # an sd of 0 has no correlations
                hyper += prior_draws.scales([prior_draws.as_written(term, c) for term, c in zip(factor.terms, inner, strict=True)])
            law, prior = laws.of(factor), laws.own_prior(factor)
            own = None
            if prior is not None:
                name = names.own_name(factor)
                own = np.array([self.values[name]]) if name in self.values else positive(prior, rng, 1, on=law.parameter)
                hyper.append(own[:, None])
            effects.append(prior_draws.effects_of(factor, inner, own, rng, 1))
        beta = self._coefficients(design, rng)
        if design.cutpoint_prior is not None:
            hyper.append(self._cutpoints(design, beta, rng))
        for name, prior in families.of(design).priors(design).items():
            hyper.append(np.array([[self.values[name]]]) if name in self.values else positive(prior, rng, 1, on=name)[:, None])
        flat = np.concatenate(hyper, axis=1) if hyper else np.zeros((1, 0))
        for k, name in enumerate(names.hyper_names(design)):  # to the last digit
            flat[0, k] = self.values.get(name, flat[0, k])
        return Truths(beta, flat, np.concatenate(effects, axis=1) if effects else np.zeros((1, 0)))

    def _covariance(self, factor: str, term: Term, rng: np.random.Generator) -> np.ndarray:
        """What ``prior_draws.covariance`` gives, (1, q, q), with the stated sds and correlations in it."""
        sds = [self.values.get(names.sd_name(factor, column, term.group)) for column in term.columns]
        pairs = self._correlations(factor, term)
        if all(sd is None for sd in sds) and not pairs:
            return prior_draws.covariance(term, rng, 1)
        q = len(term.columns)
        if None in sds:
            written = prior_draws.as_written(term, prior_draws.covariance(term, rng, 1))[0]
            drawn = np.sqrt(np.diagonal(written))
            R = written / np.outer(drawn, drawn)
        else:
            drawn = np.ones(q)
            R = prior_draws.lkj(q, float(term.correlation.args[0]), rng, 1)[0] if term.correlation is not None else np.eye(q)
        for (a, b), value in pairs.items():
            R[a, b] = R[b, a] = value
        size = np.array([d if sd is None else sd for d, sd in zip(drawn, sds, strict=True)])
        written = R * np.outer(size, size)
        if term.back is None or term.written:
            return written[None]
        there = np.linalg.inv(np.array(term.back))
        return (there @ written @ there.T)[None]

    def _correlations(self, factor: str, term: Term) -> dict[tuple[int, int], float]:
        """The stated ones by places."""
        at = {
            (a, b): names.correlation_name(factor, term.columns[a], term.columns[b], term.group)
            for b in range(len(term.columns))
            for a in range(b)
        }
        return {pair: self.values[name] for pair, name in at.items() if name in self.values}

    def _coefficients(self, design: Design, rng: np.random.Generator) -> np.ndarray:
        """β (1, p)."""
        known = [name in self.values for name in names.coefficient_names(design)]
        if not any(known):
            return prior_draws.draw_coefficients(design, rng, 1)
        F = np.array(known)
        beta = np.array([self.values.get(name, 0.0) for name in names.coefficient_names(design)])
        if F.all():
            return beta[None]
        rows = [row for row in design.coefficient_priors if np.any(row.weights[~F])]
        W, mean = np.array([row.weights for row in rows], dtype=float), np.array([row.mean for row in rows])
        scale, df = np.array([row.scale for row in rows]), np.array([row.df for row in rows])
        heavy = np.isfinite(df)
        precision = np.ones(len(rows))
        precision[heavy] = rng.chisquare(df[heavy]) / df[heavy]
        for round_ in range(ROUNDS if heavy.any() and len(rows) > np.sum(~F) else 1):
            if round_:
                e = (W @ beta - mean) / scale
                precision[heavy] = rng.gamma(0.5 * (df[heavy] + 1.0), 2.0 / (df[heavy] + e[heavy] ** 2))
            A, b = W * (np.sqrt(precision) / scale)[:, None], mean * np.sqrt(precision) / scale
            Q, R = np.linalg.qr(A[:, ~F])  # β_R = R⁻¹ (Q'(b − A_F β_F) + e): mean and precision of the conditional normal
            beta[~F] = np.linalg.solve(R, Q.T @ (b - A[:, F] @ beta[F]) + rng.standard_normal(int((~F).sum())))
        return beta[None]

    def _cutpoints(self, design: Design, beta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        at = names.cutpoint_names(design)
        if at[0] in self.values:
            return np.array([[self.values[name] for name in at]])
        cut = np.sort(prior_draws.coefficient(design.cutpoint_prior, rng, (1, len(at))), axis=1)
        return cut if design.cutpoint_means is None else cut + (beta @ design.cutpoint_means)[:, None]

    def _check(self, design: Design) -> None:
        """SpecError where what is left over has no prior to be drawn from, or what is stated is no covariance and no order."""
        self._check_priors(design)
        for factor in design.factors:
            for term in factor.terms:
                pairs = self._correlations(factor.name, term)
                q = len(term.columns)
                if not pairs:
                    continue
                if len(pairs) < q * (q - 1) // 2:
                    raise SpecError(
                        f"state all {q * (q - 1) // 2} correlations of ({', '.join(term.columns)} | {factor.name}), or none.", where=WHERE
                    )
                R = np.eye(q)
                for (a, b), value in pairs.items():
                    R[a, b] = R[b, a] = value
                if np.linalg.eigvalsh(R)[0] <= 1e-10:
                    raise SpecError(
                        f"the correlations of ({', '.join(term.columns)} | {factor.name}) are those of no covariance.", where=WHERE
                    )
        cut = [self.values[name] for name in names.cutpoint_names(design) if name in self.values]
        if cut and (len(cut) < len(names.cutpoint_names(design)) or np.any(np.diff(cut) <= 0.0)):
            raise SpecError(
                f"state all cutpoints ({', '.join(names.cutpoint_names(design))}), each above the one before, or none.", where=WHERE
            )

    def _check_priors(self, design: Design) -> None:
        rest = [j for j, name in enumerate(names.coefficient_names(design)) if name not in self.values]
        rows = np.array([row.weights for row in design.coefficient_priors], dtype=float).reshape(-1, len(design.coefficients))
        if rest and np.linalg.matrix_rank(rows[:, rest]) < len(rest):
            there = {row.label for row in design.coefficient_priors}
            there |= {f"b[{design.coefficients[design.intercept]}]"} if design.intercept is not None and "intercept" in there else set()
            flat = [f"b_{design.coefficients[j]}" for j in rest if f"b[{design.coefficients[j]}]" not in there]
            raise _flat(flat or [f"b_{design.coefficients[j]}" for j in rest])
        flat = [n for n, prior in names.hyper_priors(design).items() if prior is not None and prior.kind == "flat" and n not in self.values]
        if flat:
            raise _flat(flat)
        cut = design.cutpoint_prior
        if cut is not None and cut.kind == "flat" and names.cutpoint_names(design)[0] not in self.values:
            raise _flat(names.cutpoint_names(design))


def _flat(some: Sequence[str]) -> SpecError:
    return SpecError(
        f"the prior of {', '.join(some)} is flat, so that nothing can be drawn from it. State {'a value' if len(some) == 1 else 'values'} "
        f"(--at {some[0]}=…), or give a proper prior, such as normal(0, 10) or half_t(3, 0, 2.5).",
        where=WHERE,
    )


def _impossible(name: str, value: float, design: Design) -> str:
    """Why a parameter cannot have a value, or ""."""
    if not np.isfinite(value):
        return "a value is a number"
    if name in names.coefficient_names(design) or name in names.cutpoint_names(design):
        return ""
    if name.startswith("cor_"):
        return "" if -1.0 < value < 1.0 else "a correlation lies between −1 and 1, both excluded"
    if (law := next((laws.of(f) for f in design.factors if laws.of(f).parameter and names.own_name(f) == name), None)) is not None:
        low, high = law.range
        return "" if low < value < high else f"it lies between {low:g} and {high:g}, both excluded"
    if value < 0.0 or (value == 0.0 and not name.startswith("sd_")):
        return "it is positive"
    return ""
