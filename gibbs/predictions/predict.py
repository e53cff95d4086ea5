"""Predictions: the linear predictor, the expected outcome or new outcomes of any rows, draw by draw, in blocks of rows.

    linear      η = offset + x'β + Σ_k z_k'u_k
    expected    E(y | η); of binary and binomial outcomes the probability of one success; of an ordinal one that of every category
    outcome     a new y, coded as in the data (ordinal: 0 … C − 1)

What u_k is, ``newdata`` says: the effects of a level of the fit, of a new level, integrated out, or zero. A new level's effects are drawn
once a draw from N(0, Σ_k) of that draw, by a generator seeded with the seed, the factor and the label: so they are the same in all
rows, and do not depend on what else is predicted; new positions of a random walk are drawn together, given the fit's (``kriging``).
Integrated out, a linear predictor is x'β, an expected outcome the mean over u (``population``), and a new outcome that of a row whose
level is nobody else's; of levels that know their neighbours the mean is over N(0, Σ), a level of typical variance.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.draws import names, tails
from gibbs.errors import SpecError, nearest, outside
from gibbs.model import families
from gibbs.posterior import family, variances
from gibbs.posterior.intervals import PROBABILITIES
from gibbs.posterior.linear import flat, spread
from gibbs.predictions import kriging, newdata, newlevels, population
from gibbs.predictions.newdata import FactorRows, Groups, Rows

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit

KINDS = ("linear", "expected", "outcome")
BLOCK = 2**17
"""Numbers (draws × rows × categories) of a block: 1 MB, so that it stays in the processor's cache."""
_CACHE = 2**22
"""Numbers (draws × columns × levels) of effects at hand: 32 MB."""
_OUTCOMES = 1  # streams of random numbers beside those of new levels
_ROW_EFFECTS = 2


def predict(
    fit: Fit,
    data: Any = None,
    groups: Groups = "known",
    *,
    kind: str = "expected",
    allow_new: bool = False,
    new_levels: str | None = None,
    trials: Any = None,
    probabilities: Sequence[float] = PROBABILITIES,
    draws: bool = False,
    seed: int | None = None,
    max_draws: int | None = None,
) -> pd.DataFrame | np.ndarray:
    """See ``Fit.predict``."""
    import pandas as pd

    check_kind(kind)
    newlevels.check(new_levels)
    allow_new = allow_new or new_levels is not None  # named and refused below, where they are an error
    outcomes = kind == "outcome"
    if data is None:
        fit.design.require_rows("a prediction for every row of the data")
        if trials is not None:
            raise SpecError("trials are of new data; the rows of the fit have their own.", where="trials")
        rows = newdata.of_fit(fit, groups, allow_new=allow_new, outcomes=outcomes)
    else:
        rows = newdata.read(fit, data, groups, allow_new=allow_new, outcomes=outcomes, trials=trials, strict=new_levels is None)
    notes = named(fit, rows, new_levels, data)
    found = answer(Predictor(fit, rows, kind, seed=seed, max_draws=max_draws), probabilities, draws=draws)
    if notes and isinstance(found, pd.DataFrame):
        found.attrs["notes"] = notes
    for note in notes if new_levels is None else ():
        if "Did you mean" in note:  # a new group was asked for, but perhaps not this one
            warnings.warn(note, UserWarning, outside())
    return found


def named(fit: Fit, rows: Rows, new_levels: str | None, data: Any) -> tuple[str, ...]:
    """A sentence a factor that has levels which the fit has not seen; DataError with them where ``new_levels`` is error."""
    unseen = newlevels.table(fit, rows, rows.modes)
    if new_levels == "error":
        newlevels.refuse(unseen, rows, os.fspath(data) if isinstance(data, str | os.PathLike) else "new data")
    return tuple(newlevels.sentences(unseen, rows))


def answer(predictor: Predictor, probabilities: Sequence[float], *, draws: bool) -> pd.DataFrame | np.ndarray:
    """The table of a prediction, or all its draws (S, N), (S, N, C)."""
    check_probabilities(probabilities)
    if draws:
        whole = np.empty((predictor.draws, len(predictor.rows), *predictor.shape))
        for at, values in predictor.blocks():
            whole[:, at] = values
        return whole
    statistics = np.empty((2 + len(probabilities), len(predictor.rows), *predictor.shape))
    for at, values in predictor.blocks():
        statistics[:, at] = summarise(values, probabilities, outcomes=predictor.kind == "outcome")
    return _table(predictor, statistics, probabilities)


def _table(predictor: Predictor, statistics: np.ndarray, probabilities: Sequence[float]) -> pd.DataFrame:
    import pandas as pd

    index = predictor.rows.index
    index = index if isinstance(index, pd.Index) else pd.Index(index, name="row")
    columns = dict(zip(statistic_names(probabilities), statistics.reshape(len(statistics), -1), strict=True))
    if not predictor.shape:
        return pd.DataFrame(columns, index=index)
    labels = list(predictor.categories)
    return pd.DataFrame({"category": labels * len(index), **columns}, index=index.repeat(len(labels)))


def summarise(values: np.ndarray, probabilities: Sequence[float], *, outcomes: bool = False) -> np.ndarray:
    """Mean, sd (denominator S − 1) and quantiles over the first axis: (S, …) → (2 + k, …); mean and sd are nan where the draws settle none
    (``tails.no_mean``)."""
    with np.errstate(invalid="ignore", over="ignore"):  # an expected count may be infinite
        spread_ = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1:])
        moments = np.where(tails.no_mean(values, outcomes=outcomes), np.nan, np.stack([values.mean(axis=0), spread_]))
        return np.concatenate([moments, np.quantile(values, list(probabilities), axis=0)])


def statistic_names(probabilities: Sequence[float]) -> list[str]:
    """``mean``, ``sd``, ``q2.5``, ``q50``, …"""
    return ["mean", "sd", *(f"q{100 * p:.10g}" for p in probabilities)]


def check_probabilities(probabilities: Sequence[float]) -> None:
    """SpecError unless all lie between 0 and 1."""
    wrong = [p for p in probabilities if not 0.0 <= p <= 1.0]
    if wrong:
        raise SpecError(
            f"a probability lies between 0 and 1; {wrong[0]!r} does not. An interval of 90 % is (0.05, 0.95).", where="quantiles"
        )


def check_kind(kind: str) -> None:
    """SpecError, with the nearest match, unless it is one of ``KINDS``."""
    if kind not in KINDS:
        raise SpecError(f"'{kind}' is no kind of prediction.{nearest(str(kind), KINDS)} The kinds are {', '.join(KINDS)}.", where="kind")


def words_of(groups: Groups | None, words: Mapping[str, Any]) -> Groups:
    """``groups``, which may also be given as ``for`` (a word of Python's own, so it comes by ``**{"for": …}``) or ``for_``."""
    for name in words:
        if name not in ("for", "for_"):
            raise TypeError(f"predict() has no argument '{name}'")
    given = [value for value in (groups, *words.values()) if value is not None]
    if len(given) > 1:
        raise SpecError("groups, for and for_ are the same thing; give one of them.", where="for")
    return given[0] if given else "known"


@dataclass(frozen=True)
class _Hyper:
    """What an outcome needs beside η: the family's own parameters by name, (S, 1) each, and cutpoints (S, C − 1)."""

    own: dict[str, np.ndarray]
    cutpoints: np.ndarray | None


class Predictor:
    """Predictions of ``rows`` in blocks: ``blocks()`` gives positions (n,) and values (S, n), of ordinal expected outcomes (S, n, C).

    seed : of new levels and new outcomes; the fit's own where None. max_draws : at most so many draws, evenly spaced.
    stream : which random numbers new outcomes are made of.
    """

    def __init__(
        self,
        fit: Fit,
        rows: Rows,
        kind: str = "expected",
        *,
        seed: int | None = None,
        max_draws: int | None = None,
        stream: int = _OUTCOMES,
    ) -> None:
        check_kind(kind)
        arrays, model = fit.arrays, fit.outline
        total = arrays.beta.shape[0] * arrays.beta.shape[1]
        if max_draws is not None and max_draws < 1:
            raise SpecError(f"{max_draws} draws are none; at least 1 is needed.", where="max_draws")
        self.pick = None if max_draws is None or max_draws >= total else spread(total, max_draws)
        self.draws = total if self.pick is None else len(self.pick)
        self.rows, self.kind = rows, kind
        self.family, self.link = model.family, family.link_of(model.family, model.link)
        self.categories = tuple(model.categories or ())
        self.shape: tuple[int, ...] = (len(self.categories),) if self.categories and kind == "expected" else ()
        self._seed, self._stream = _seed(fit, seed), stream
        self._beta = np.ascontiguousarray(flat(arrays.beta, self.pick).T)  # (p, S)
        self._arrays, self._total = arrays, total  # u is not touched unless levels of the fit are asked for
        self._covariances = [flat(variances.covariances(arrays, model, f), self.pick) for f in model.factors]  # (S, groups, q, q)
        self._df = [None if (df := variances.degrees_of_freedom(arrays, model, f)) is None else flat(df) for f in model.factors]
        self._rho = [None if (rho := variances.degree(arrays, model, f)) is None else flat(rho, self.pick) for f in model.factors]
        self._structures, self._levels = [f.structure for f in model.factors], [f.levels for f in model.factors]
        self._roots: dict[tuple[int, int], np.ndarray] = {}
        self._autoregressions: dict[int, np.ndarray] = {}
        self._between_levels: dict[int, tuple[np.ndarray, np.ndarray | None]] = {}
        self._effects: dict[tuple[int, int], np.ndarray] = {}
        self._hyper = self._hyper_of(fit)

    def _hyper_of(self, fit: Fit) -> _Hyper:
        def one(name: str) -> np.ndarray:
            return flat(variances.hyper(fit.arrays, fit.outline, name), self.pick)[:, None]

        cut = [flat(variances.hyper(fit.arrays, fit.outline, name), self.pick) for name in names.cutpoint_names(fit.outline)]
        own = {name: one(name) for name in families.of(fit.outline).priors(fit.outline)}
        return _Hyper(own, np.stack(cut, axis=1) if cut else None)

    # ------------------------------------------------------------------------------------------------------- blocks

    def blocks(self, order: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of rows, in order or in the ``order`` given (positions, which need not be all)."""
        order = np.arange(len(self.rows)) if order is None else order
        size = max(1, BLOCK // (self.draws * max(1, len(self.categories))))
        for start in range(0, len(order), size):
            at = order[start : start + size]
            yield at, self.values(at, start)

    def values(self, at: np.ndarray, stream: int = 0) -> np.ndarray:
        """The prediction of the rows ``at``, (S, n) or (S, n, C). ``stream`` numbers the random numbers of new outcomes."""
        eta = self.rows.X[at] @ self._beta  # (n, S): a row's draws lie together
        eta += self.rows.offset[at, None]
        variance: np.ndarray | None = None
        heavy: list[tuple[np.ndarray, np.ndarray]] = []  # (n, S) and (S,): z'Σz and df of Student-t effects
        for f, factor in enumerate(self.rows.factors):
            if factor.Z is None:
                continue
            if factor.codes is not None:
                self._add_effects(eta, f, factor, at)
            elif self.kind != "linear":
                part = self._variance(f, factor.Z[at], None if factor.group is None else factor.group[at])
                if self._df[f] is not None:
                    heavy.append((part, self._df[f] if self.pick is None else self._df[f][self.pick]))
                else:
                    variance = part if variance is None else np.add(variance, part, out=variance)
        if self.kind == "linear":
            return eta.T
        if self.kind == "expected":
            spread_ = None if variance is None else variance.T
            tails = [(part.T, df) for part, df in heavy]
            return population.expected(self.family, eta.T, spread_, link=self.link, cutpoints=self._hyper.cutpoints, heavy=tails)
        if variance is not None or heavy:
            rng = self._generator(_ROW_EFFECTS, stream)
            if variance is not None:
                eta += np.sqrt(variance) * rng.standard_normal(eta.shape)
            for part, df in heavy:
                eta += np.sqrt(part) * rng.standard_t(df, eta.shape)
        return self._outcomes(eta, at, stream)

    def _outcomes(self, eta: np.ndarray, at: np.ndarray, stream: int) -> np.ndarray:
        h, se, trials, precision = self._hyper, self.rows.known_se, self.rows.trials, self.rows.precision
        own = dict(h.own)
        if precision is not None:
            own["sigma"] = own["sigma"] / np.sqrt(precision[at])
        if se is not None:
            own["sigma"] = se[at]
        return family.simulate(
            self._generator(self._stream, stream),
            self.family,
            eta.T,
            link=self.link,
            trials=None if trials is None else trials[at],
            cutpoints=h.cutpoints,
            **own,
        )

    # ------------------------------------------------------------------------------------------------------- effects

    def _add_effects(self, eta: np.ndarray, f: int, factor: FactorRows, at: np.ndarray) -> None:
        """Row by row: a row's draws lie together, and so do a level's, so nothing is gathered."""
        assert factor.codes is not None and factor.Z is not None
        for row, code, z in zip(eta, factor.codes[at].tolist(), factor.Z[at], strict=True):
            for value, effect in zip(z.tolist(), self.effects(f, code), strict=True):
                if value == 1.0:
                    row += effect
                elif value != 0.0:
                    row += value * effect

    def effects(self, f: int, code: int) -> np.ndarray:
        """The effects (q, S) of a level of factor f: one of the fit's, or for −1 − k the k-th new one."""
        if (f, code) not in self._effects:
            q = self._covariances[f].shape[2]
            if (len(self._effects) + 1) * q * self.draws > _CACHE:
                self._effects.clear()
            if code < 0:
                self._effects[f, code] = self._new_effects(f, -1 - code)
            else:
                start = self._arrays.u_offsets[f] + code * q
                u = self._arrays.u[:, :, start : start + q].reshape(self._total, q)
                self._effects[f, code] = np.ascontiguousarray((u if self.pick is None else u[self.pick]).T)
        return self._effects[f, code]

    def _new_effects(self, f: int, k: int) -> np.ndarray:
        """The effects (q, S) of the k-th new level of factor f, drawn from N(0, Σ), or t_df(0, Σ), of each draw."""
        factor = self.rows.factors[f]
        if self._structures[f] is not None:
            return self._between(f, k)
        group = 0 if factor.new_groups is None else int(factor.new_groups[k])
        rng = self._labelled(factor.name, factor.new[k])
        z = rng.standard_normal((self._covariances[f].shape[2], self._total))
        if self._df[f] is not None:
            z /= np.sqrt(rng.standard_gamma(0.5 * self._df[f]) / (0.5 * self._df[f]))
        if (f, group) not in self._roots:
            self._roots[f, group] = cholesky(self._covariances[f][:, group])
        return np.einsum("sab,bs->as", self._roots[f, group], z if self.pick is None else z[:, self.pick])

    def _along(self, f: int) -> np.ndarray:
        """The effects (n, q, S) of all new positions of an autoregression, given those of the fit and each draw's rho."""
        factor, q = self.rows.factors[f], self._covariances[f].shape[2]
        if f not in self._autoregressions:
            structure, start = self._structures[f], self._arrays.u_offsets[f]
            u = self._arrays.u[:, :, start : start + structure.positions.size * q].reshape(self._total, -1, q)
            u = u if self.pick is None else u[self.pick]
            z = np.stack([self._labelled(factor.name, label).standard_normal((q, self._total)) for label in factor.new])
            z = np.einsum("sab,nbs->nas", cholesky(self._covariances[f][:, 0]), z if self.pick is None else z[:, :, self.pick])
            self._autoregressions[f] = kriging.along(structure, factor.new, np.moveaxis(u, 0, 2), self._rho[f], z)
        return self._autoregressions[f]

    def _between(self, f: int, k: int) -> np.ndarray:
        """The effects (q, S) of the k-th new position of a walk or curve, or mixture of groups, given those of the fit; all are drawn
        together."""
        factor, q = self.rows.factors[f], self._covariances[f].shape[2]
        if self._rho[f] is not None:
            return self._along(f)[k]
        if f not in self._between_levels:
            self._between_levels[f] = kriging.weights(self._structures[f], factor.new, self._levels[f])
        M, root = self._between_levels[f]
        start, J = self._arrays.u_offsets[f], M.shape[1]
        u = self._arrays.u[:, :, start : start + J * q].reshape(self._total, J, q)
        there = np.flatnonzero(M[k])
        u = (u if self.pick is None else u[self.pick])[:, there]
        given = np.einsum("j,sjq->qs", M[k, there], u)
        if root is None:
            return given
        noise = np.stack([self._labelled(factor.name, label).standard_normal((q, self._total)) for label in factor.new])
        if (f, 0) not in self._roots:
            self._roots[f, 0] = cholesky(self._covariances[f][:, 0])
        noise = np.einsum("n,nbs->bs", root[k], noise if self.pick is None else noise[:, :, self.pick])
        return given + np.einsum("sab,bs->as", self._roots[f, 0], noise)

    def _variance(self, f: int, Z: np.ndarray, group: np.ndarray | None) -> np.ndarray:
        """z'Σz, (n, S)."""
        sigma, q = self._covariances[f], Z.shape[1]
        pairs = [(a, b) for a in range(q) for b in range(a + 1)]
        products = np.stack([Z[:, a] * Z[:, b] * (1.0 if a == b else 2.0) for a, b in pairs], axis=1)
        if group is None:
            variance = products @ np.stack([sigma[:, 0, a, b] for a, b in pairs])
        else:
            variance = np.empty((len(Z), len(sigma)))
            for g in range(sigma.shape[1]):
                variance[group == g] = products[group == g] @ np.stack([sigma[:, g, a, b] for a, b in pairs])
        return np.maximum(variance, 0.0, out=variance)  # rounding, where correlations are ±1

    # ------------------------------------------------------------------------------------------------ random numbers

    def _generator(self, purpose: int, stream: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self._seed, purpose, stream]))

    def _labelled(self, factor: str, label: str) -> np.random.Generator:
        digest = hashlib.sha256(f"{factor}\0{label}".encode()).digest()
        words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
        return np.random.default_rng(np.random.SeedSequence([self._seed, *words]))


def _seed(fit: Fit, seed: int | None) -> int:
    found = fit.spec.sampling.seed if seed is None else seed
    if found is None:
        return 0
    if not isinstance(found, int | np.integer) or isinstance(found, bool) or found < 0:
        raise SpecError(f"a seed is a whole number from 0 on, not {found!r}.", where="seed")
    return int(found)


def cholesky(sigma: np.ndarray) -> np.ndarray:
    """Lower L with LL' = Σ for each of (S, q, q); a column is zero where the pivot is (an sd of 0, a correlation of ±1)."""
    L = np.zeros_like(sigma)
    for b in range(sigma.shape[1]):
        pivot = sigma[:, b, b] - np.einsum("sk,sk->s", L[:, b, :b], L[:, b, :b])
        root = np.sqrt(np.where(pivot > 1e-14 * sigma[:, b, b], pivot, 0.0))
        safe = np.where(root > 0.0, root, 1.0)
        L[:, b, b] = root
        for a in range(b + 1, sigma.shape[1]):
            rest = sigma[:, a, b] - np.einsum("sk,sk->s", L[:, a, :b], L[:, b, :b])
            L[:, a, b] = np.where(root > 0.0, rest / safe, 0.0)
    return L
