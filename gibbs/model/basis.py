"""The centred basis of a part of a formula: R = X A, whose columns are products of centred parts, and θ = A⁻¹β.

Every column is a product of parts (:mod:`gibbs.model.parts`). A part is centred by taking from it its mean, and of a polynomial what the
lower powers of its atom that the model has explain; multiplied out, every piece must be a column of the model. Where one is not, the part
steps down: lower powers and mean, the mean alone, lower powers alone, nothing — R's logic of dummy coding. So x:z stands for
(x − x̄)(z − z̄) where x and z are in the model, and for x(z − z̄) where z is not. What is left of a column is the same wherever 0 is,
which is what makes a prior on θ know no origin. With a constant in the span, every column of R is moved to mean 0 besides, and the
coefficient of the constant is the value of the linear predictor with every column at its mean.

Categories that are coded by all their levels (``0 + f``; ``f:x`` without ``x``) are first closed: X = Xt M with the contrasts and the term
without the category in Xt, M of 0 and ±1, so that ``0 + f`` has the basis of ``1 + f``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gibbs import mapped
from gibbs.model import averages
from gibbs.model.fixed import Columns, Variable
from gibbs.model.parts import Part, of_columns

NOTHING = 1.5e-14
"""What is left of a part at or below this share of the part itself is rounding."""
THIN = 1e-10
"""What is left of a column at this share of the column itself has six of its sixteen digits."""

Pieces = list[tuple[float, Part | None]]  # a part once centred: numbers times parts, None for 1
Numbers = Callable[[Part], np.ndarray]


@dataclass(frozen=True)
class Basis:
    """R (N, p) and how coefficients go from one to the other.

    back : β = back θ. there : θ = there β. cut : where the constant stands for cutpoints (an ordinal model), c = c' − cut·θ for each; zero
    elsewhere. means : R = X − means, but for the columns ``turned``, whose values are ``values`` (N, k). constant : the column of R that
    is 1, or None. spans : whether 1 is in the span. left : whether anything is left of each column. products, terms : of each column of R,
    its parts, and the block that it belongs to. depends : sentences on columns whose model itself depends on an origin. thin : on columns
    that have few digits left, as they are written.
    """

    means: np.ndarray
    turned: tuple[int, ...]
    values: np.ndarray = field(repr=False)
    back: np.ndarray = field(repr=False)
    there: np.ndarray = field(repr=False)
    cut: np.ndarray = field(repr=False)
    constant: int | None
    spans: bool
    left: np.ndarray
    products: tuple[tuple[Part, ...], ...] = field(repr=False)
    blocks: tuple[tuple[object, ...], ...] = field(repr=False)
    depends: tuple[str, ...] = ()
    thin: tuple[str, ...] = ()

    def rows(self, X: np.ndarray, at: slice | np.ndarray = slice(None)) -> np.ndarray:
        """R of the rows ``at`` of X (N, p), a new array in C order."""
        some, values = X[at], self.values[at]
        out = mapped.like(some, some.shape)
        for k in mapped.blocks(len(some)):
            np.subtract(some[k], self.means, out=out[k])
            if self.turned:
                out[k][:, self.turned] = values[k]
        return out

    def column(self, X: np.ndarray, j: int) -> np.ndarray:
        """Column j of R, (N,)."""
        return self.values[:, self.turned.index(j)] if j in self.turned else X[:, j] - self.means[j]

    def some(self, keep: np.ndarray) -> Basis:
        """This basis for the rows ``keep`` alone, repeats allowed."""
        return replace(self, values=mapped.taken(self.values, keep))


@dataclass(frozen=True)
class Turned:
    """R as far as blocks of its rows go: what :mod:`gibbs.model.collinear` reads, without a copy of N rows."""

    X: np.ndarray
    basis: Basis

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, at: slice) -> np.ndarray:
        return self.basis.rows(self.X, at)

    def mean(self, axis: int = 0) -> np.ndarray:
        """Means of the columns."""
        step = 65_536
        return sum(self[k : k + step].sum(axis=0) for k in range(0, len(self), step)) / max(len(self), 1)


class Values:
    """The values of parts over the rows, and what is left of them."""

    def __init__(self, learnt: Mapping[str, tuple[Variable, np.ndarray]], numbers: Numbers, weight: np.ndarray | None, rows: int) -> None:
        self.learnt, self.numbers, self.rows = learnt, numbers, rows
        self.weight = averages.once(rows, weight)
        self._kept: dict[object, object] = {}

    def of(self, part: Part) -> np.ndarray:
        """(N,)"""
        if part.nodes:
            if part.key not in self._kept:
                self._kept[part.key] = self.numbers(part)
            return self._kept[part.key]
        values = self.learnt[part.variable][1]
        return (values == part.level).astype(float) if part.level >= 0 else values[:, part.which]

    def mean(self, column: np.ndarray) -> float:
        """Over the rows as often as each counts."""
        largest = averages.largest(column) or 1.0  # sums of enormous numbers would overflow
        centre = float(column[0])
        away = averages.total(self.rows, lambda at: self.weight[at] * (column[at] / largest - centre / largest))
        return centre + away / float(self.weight.sum()) * largest

    def explained(self, part: Part, lower: Sequence[Part], about_mean: bool) -> np.ndarray:
        """Coefficients of ``part`` on ``lower``, by least squares on centred and scaled columns."""
        key = ("explained", part.key, tuple(p.key for p in lower), about_mean)
        if key not in self._kept:
            columns = [self.of(p) for p in (part, *lower)]
            columns = [c - self.mean(c) if about_mean else c for c in columns]
            sizes = [averages.largest(c) or 1.0 for c in columns]
            system = np.zeros((0, len(columns)))
            for at in mapped.blocks(self.rows):  # of many rows the triangle of those before stands for them
                root = np.sqrt(self.weight[at])
                block = np.stack([root * (c[at] / s) for c, s in zip(columns, sizes, strict=True)], axis=1)
                system = block if self.rows <= mapped.ROWS else np.linalg.qr(np.vstack((system, block)), mode="r")
            answer = np.linalg.lstsq(system[:, 1:], system[:, 0], rcond=NOTHING)[0]
            self._kept[key] = answer * sizes[0] / np.array(sizes[1:])
        return self._kept[key]

    def centred(self, part: Part, lower: tuple[Part, ...], constant: bool) -> tuple[Pieces, Callable[[], np.ndarray]]:
        """A part less what ``lower`` explain, and its mean: as pieces, and the (N,) values."""
        pieces: Pieces = [(1.0, part)]
        if lower:
            found = self.explained(part, lower, constant)
            pieces += [(-float(b), p) for b, p in zip(found, lower, strict=True)]
        if constant:
            pieces.append((-sum(b * self.mean(self.of(p)) for b, p in pieces), None))
        if not lower and not constant:
            return pieces, lambda: self.of(part)

        def values() -> np.ndarray:
            key = ("centred", part.key, tuple(p.key for p in lower), constant)
            if part.level < 0 and key in self._kept:
                return self._kept[key]
            out, size = np.zeros(self.rows), 0.0
            for b, p in pieces:  # each about its own mean first, so that digits stay
                if p is not None:
                    column = self.of(p)
                    size = max(size, abs(b) * float(np.abs(column).max()))
                    out += b * (column - self.mean(column) if constant else column)
            if float(np.abs(out).max()) <= NOTHING * size:
                out = np.zeros(self.rows)
            if part.level < 0:
                self._kept[key] = out
            return out

        return pieces, values


class _Builder:
    """Xt column by column."""

    def __init__(self, columns: Columns, values: Values, *, cutpoints: bool, close: bool) -> None:
        self.values, self.cutpoints = values, cutpoints
        written = of_columns(columns)
        self.full = _all_levels(columns)
        self.products: list[tuple[Part, ...]] = []
        for product, full in zip(written, self.full, strict=True):
            self.products.append(tuple(p for p in product if not (close and p.level == 0 and p.variable in full)))
        self.close = close and any(self.full)
        self.written = written
        self.places: dict[frozenset[str], int] = {}
        for j, product in enumerate(self.products):
            self.places.setdefault(frozenset(p.key for p in product), j)
        self.spans = cutpoints or frozenset() in self.places
        self.variants: dict[tuple[str, ...], list[Part]] = {}
        for part in {p.key: p for product in self.products for p in product}.values():
            if part.polynomial:
                self.variants.setdefault(part.atoms, []).append(part)
        self.order = {p.key: k for group in self.variants.values() for k, p in enumerate(group)}
        self._choice: dict[object, tuple[tuple[tuple[Part, ...], bool], ...]] = {}

    # ---- closing

    def closing(self, terms: Sequence[int]) -> np.ndarray:
        """M (p, p) with X = Xt M; ``terms``: of every column, the number of its term."""
        p = len(self.products)
        M = np.eye(p)
        if not self.close:
            return M
        at = {(t, tuple(q.key for q in product)): j for j, (t, product) in enumerate(zip(terms, self.written, strict=True))}
        for j, (product, full) in enumerate(zip(self.written, self.full, strict=True)):
            choices = []
            for part in product:
                if part.level == 0 and part.variable in full:
                    levels = len(self.values.learnt[part.variable][0].suffixes)
                    choices.append([(1.0 if k == 0 else -1.0, replace(part, key=f"{part.variable}={k}", level=k)) for k in range(levels)])
                else:
                    choices.append([(1.0, part)])
            for combination in itertools.product(*choices):
                place = at[(terms[j], tuple(q.key for _, q in combination))]
                M[place, j] = np.prod([sign for sign, _ in combination])
        return M

    # ---- what a part may lose

    def lower(self, part: Part) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        """The polynomials of the same atoms of lower degree, and those of the same degree that are named before."""
        if not part.polynomial:
            return (), ()
        groups = [group for atoms, group in self.variants.items() if set(atoms) <= set(part.atoms)]
        lower = tuple(p for group in groups for p in group if p.degree < part.degree)
        same = [p for p in self.variants[part.atoms] if p.degree == part.degree and self.order[p.key] < self.order[part.key]]
        return lower, tuple(same)

    def options(self, part: Part) -> list[tuple[tuple[Part, ...], bool]]:
        """What a part may lose, most first."""
        lower, same = self.lower(part)
        return [(some, constant) for constant in (True, False) for some in dict.fromkeys([lower + same, lower, ()])]

    def choose(self, product: tuple[Part, ...]) -> tuple[tuple[tuple[Part, ...], bool], ...]:
        """What each part of a column loses: as much as leaves every piece a column."""
        signature = tuple((p.variable, p.level >= 0) if not p.polynomial else p.key for p in product)
        if signature not in self._choice:
            if len(product) > 6:
                candidates = _stepwise(self, product)
            else:
                candidates = iter(sorted(itertools.product(*(range(len(self.options(p))) for p in product)), key=sum))
            for candidate in candidates:
                chosen = tuple(self.options(p)[k] for p, k in zip(product, candidate, strict=True))
                if self.fits(product, chosen):
                    break
            self._choice[signature] = chosen
        return self._choice[signature]

    def fits(self, product: tuple[Part, ...], chosen: Sequence[tuple[tuple[Part, ...], bool]]) -> bool:
        sets = [[p, *lower, *([None] if constant else [])] for p, (lower, constant) in zip(product, chosen, strict=True)]
        degree = sum(p.degree for p in product)
        for combination in itertools.product(*sets):
            parts = [q for q in combination if q is not None]
            exact = sum(q.degree for q in parts) == degree  # else the column itself might stand for the piece
            if self.piece(1.0, parts, 2 if exact else 0) is None:
                return False
        return True

    def piece(self, times: float, parts: list[Part], depth: int = 0) -> list[tuple[float, int]] | None:
        """A product of parts as columns of Xt (−1: the constant of an ordinal model), or None where it is none."""
        merged = _merged(parts)
        if merged is None:
            return None
        key = frozenset(merged)
        if key in self.places:
            return [(times, self.places[key])]
        if not key and self.cutpoints:
            return [(times, -1)]
        if depth < 2:  # scale(x) where the column has x
            for k, part in enumerate(parts):
                if part.polynomial and part.degree == 1 and len(part.atoms) == 1:
                    for other in self.variants.get(part.atoms, ()):
                        if other.degree == 1 and other.key != part.key:
                            found = self._through(times, parts, k, other, depth)
                            if found is not None:
                                return found
        return self._base_level(times, parts, depth)

    def _base_level(self, times: float, parts: list[Part], depth: int) -> list[tuple[float, int]] | None:
        """A product with the indicator of a base level, which is 1 less those of the other levels, as columns of Xt, or None."""
        for k, part in enumerate(parts):
            if part.level != 0:
                continue
            rest, levels = parts[:k] + parts[k + 1 :], len(self.values.learnt[part.variable][0].suffixes)
            others = [replace(part, key=f"{part.variable}={level}", level=level) for level in range(1, levels)]
            found = [self.piece(times, rest, depth), *(self.piece(-times, [*rest, other], depth) for other in others)]
            if all(pieces is not None for pieces in found):
                return [piece for pieces in found if pieces is not None for piece in pieces]
        return None

    def _through(self, times: float, parts: list[Part], k: int, other: Part, depth: int) -> list[tuple[float, int]] | None:
        slope = float(self.values.explained(parts[k], (other,), True)[0])
        one, of = self.values.of(parts[k]), self.values.of(other)
        shift = self.values.mean(one) - slope * self.values.mean(of)
        rest = parts[:k] + parts[k + 1 :]
        found = self.piece(times * slope, [*rest, other], depth + 1)
        if found is None or abs(shift) <= NOTHING * float(np.abs(one).max()):
            return found
        without = self.piece(times * shift, rest, depth + 1)
        return None if without is None else found + without


def _merged(parts: list[Part]) -> list[str] | None:
    """The keys of a product; None where a variable stands twice (a category times itself)."""
    keys = [p.key for p in parts]
    return keys if len(set(keys)) == len(keys) else None


def _stepwise(builder: _Builder, product: tuple[Part, ...]):
    """For products of many parts: all but some parts give up all that they can lose."""
    last = [len(builder.options(p)) - 1 for p in product]
    for kept in range(len(product), -1, -1):
        for some in itertools.combinations(range(len(product)), kept):
            yield tuple(0 if k in some else last[k] for k in range(len(product)))


def _all_levels(columns: Columns) -> list[frozenset[str]]:
    """For every column the categories of its term that are coded by all levels."""
    found: list[frozenset[str]] = [frozenset()] if columns.has_intercept else []
    for number in range(len(columns.terms)):
        full = frozenset(n for n, everything in zip(columns.terms[number], columns.all_levels[number], strict=True) if everything)
        found += [full] * _count(columns, number)
    return found


def _count(columns: Columns, number: int) -> int:
    count = 1
    for name, everything in zip(columns.terms[number], columns.all_levels[number], strict=True):
        variable = columns.variables[name]
        count *= len(variable.suffixes) - (1 if variable.is_category and not everything else 0)
    return count


def _terms(columns: Columns) -> list[int]:
    """The number of the term of every column; −1 of the intercept."""
    found = [-1] if columns.has_intercept else []
    for number in range(len(columns.terms)):
        found += [number] * _count(columns, number)
    return found


def build(
    columns: Columns, X: np.ndarray, values: Values, *, cutpoints: bool = False, over: str = "", beside: Collection[str] = ()
) -> Basis:
    """The basis of the columns of one part of a formula. ``cutpoints``: of an ordinal model, whose cutpoints are the constant.

    over : the factor over which the columns vary. Categories coded by all levels then stay so, for the covariance is between the levels,
    and a line without an intercept, (0 + x | g), is what was asked for. beside : the columns of its other terms.
    """
    close = not over
    p = X.shape[1]
    make = _Builder(columns, values, cutpoints=cutpoints, close=close)
    terms = _terms(columns)
    E, cut = np.eye(p), np.zeros(p)
    means, left = np.zeros(p), np.ones(p, dtype=bool)
    turned: list[int] = []
    kept: list[np.ndarray] = []
    depends: dict[str, list[str]] = {}
    thin: list[str] = []
    constant = make.places.get(frozenset())
    for j, product in enumerate(make.products):
        first = make.places[frozenset(q.key for q in product)]
        if first != j:  # a column again: nothing is left of it
            E[first, j] -= 1.0
            left[j] = False
            turned.append(j)
            kept.append(np.zeros(len(X)))
            continue
        if j == constant:
            if make.written[j]:  # of 0 + f
                turned.append(j)
                kept.append(np.ones(len(X)))
            continue
        _note(make, columns.names[j], product, depends, beside if over else None)
        chosen = make.choose(product)
        plain = len(product) == 1 and not chosen[0][0] and make.products[j] == make.written[j]
        column = X[:, j] if plain else _turned(make, j, product, chosen, E, cut)
        mean = values.mean(column) if make.spans else 0.0
        if make.spans:
            if constant is None:
                cut[j] -= mean
            else:
                E[constant, j] -= mean
        largest = averages.largest(column)
        spread = averages.spread(column, mean, values.weight)
        left[j] = spread > NOTHING * largest
        if not plain and left[j] and spread < THIN * averages.largest(X[:, j]):
            thin.append(_thin_sentence(columns.names[j], product, float(spread / averages.largest(X[:, j]))))
        if plain:
            means[j] = mean
        else:
            turned.append(j)
            kept.append(_less(column, mean, X) if left[j] else np.zeros(len(X)))
    M = make.closing(terms)
    back = E if not make.close else np.linalg.solve(M, E)
    there = _inverse(E, make)
    return Basis(
        means=means,
        turned=tuple(turned),
        values=mapped.beside(X, [column[:, None] for column in kept]),
        back=back,
        there=there @ M if make.close else there,
        cut=cut,
        constant=constant,
        spans=make.spans,
        left=left,
        products=tuple(make.products),
        blocks=tuple(_block(t, product) for t, product in zip(terms, make.products, strict=True)),
        depends=tuple(_sentence(name, missing, over) for name, missing in depends.items()),
        thin=tuple(thin),
    )


def _less(column: np.ndarray, mean: float, X: np.ndarray) -> np.ndarray:
    """The column less its mean; in a file where X lies in one."""
    return np.subtract(column, mean, out=mapped.like(X, len(column)))


def _turned(
    make: _Builder,
    j: int,
    product: tuple[Part, ...],
    chosen: Sequence[tuple[tuple[Part, ...], bool]],
    E: np.ndarray,
    cut: np.ndarray,
) -> np.ndarray:
    """Column j as the product of its centred parts, (N,); the pieces go to column j of ``E``."""
    centred = [make.values.centred(part, *choice) for part, choice in zip(product, chosen, strict=True)]
    E[j, j] = 0.0
    for combination in itertools.product(*(pieces for pieces, _ in centred)):
        times = float(np.prod([b for b, _ in combination]))
        for weight, place in make.piece(times, [q for _, q in combination if q is not None]) or ():
            if place < 0:
                cut[j] += weight
            else:
                E[place, j] += weight
    with np.errstate(over="ignore", invalid="ignore"):
        column = centred[0][1]().copy() if len(centred) else np.ones(make.values.rows)
        for _, values in centred[1:]:
            column *= values()
    return column


def _block(term: int, product: tuple[Part, ...]) -> tuple[object, ...]:
    """What the columns of one block share: term, variables, and the degree of each polynomial."""
    return (term, *((p.variable, p.degree, p.key if p.nodes else "") if p.polynomial else (p.variable, 0, "") for p in product))


def _inverse(E: np.ndarray, make: _Builder) -> np.ndarray:
    """E⁻¹, by substitution: sorted by degree E is unit upper triangular."""
    if np.array_equal(E, np.eye(len(E))):  # nothing to centre; importing scipy.linalg takes longer than all of design
        return E.copy()
    from scipy.linalg import solve_triangular

    rank = [(sum(p.degree for p in q), sum(make.order.get(p.key, 0) for p in q), j) for j, q in enumerate(make.products)]
    order = sorted(range(len(rank)), key=rank.__getitem__)
    sorted_ = E[np.ix_(order, order)]
    if np.any(np.tril(sorted_, -1)):
        return np.linalg.inv(E)
    out = np.empty_like(E)
    out[np.ix_(order, order)] = solve_triangular(sorted_, np.eye(len(E)), unit_diagonal=False)
    return out


# ------------------------------------------------------------------------------------------------------- where the model knows an origin


def _note(
    make: _Builder, name: str, product: tuple[Part, ...], depends: dict[str, list[str]], beside: Collection[str] | None = None
) -> None:
    """Adds to ``depends`` the atoms whose origin the model depends on through this column.

    beside : of a column that varies over a factor, the columns of the factor's other terms; None of a fixed one.
    """
    for k, part in enumerate(product):
        if not (part.polynomial and part.origin) or (len(product) == 1 and part.degree == 1 and make.spans):
            continue
        rest = list(product[:k] + product[k + 1 :])
        if len(part.atoms) > 1:
            continue
        lacking = []
        for degree in range(part.degree):
            if degree == 0:
                there = make.piece(1.0, rest) is not None
                word = ":".join(p.key if p.level < 0 else p.variable for p in rest) or "1"
            else:
                there = any(make.piece(1.0, [*rest, q]) is not None for q in make.variants[part.atoms] if q.degree == degree)
                word = ":".join(p.key if p.level < 0 else p.variable for p in [*rest, _power(part, degree)])
            if not there and (word != "1" or not make.spans) and (beside is None or word not in ("1", *beside)):
                lacking.append(word)
        if lacking:
            depends.setdefault(part.atoms[0], []).append(f"{name}|{lacking[0]}")


def _power(part: Part, degree: int) -> Part:
    atom = part.atoms[0]
    return Part(atom if degree == 1 else f"I({atom}^{degree})", "", part.atoms)


def _sentence(atom: str, found: list[str], over: str = "") -> str:
    pairs = [tuple(one.split("|", 1)) for one in found]
    shown = "; ".join(f"'{name}' without {_without(lacking)}" for name, lacking in pairs[:3]) + (" …" if len(pairs) > 3 else "")
    if over:
        return (
            f"of the effects that vary by {over}, {shown}: the model itself, and not only a prior, depends on where '{atom}' is 0. "
            f"Where that zero means nothing, add what is missing to ( … | {over})."
        )
    return (
        f"{shown}: the model itself, and not only a prior, depends on where '{atom}' is 0. "
        "Where that zero means nothing, add what is missing."
    )


def _without(word: str) -> str:
    return "an intercept" if word == "1" else f"'{word}'"


def _thin_sentence(name: str, product: tuple[Part, ...], share: float) -> str:
    atoms = sorted({atom for part in product if part.polynomial for atom in part.atoms})
    digits = max(int(np.log10(max(share / np.finfo(float).eps, 1.0))), 1)
    alone = len(product) == 1 and len(atoms) == 1
    return (
        f"'{name}' keeps {digits} of its sixteen digits beside the columns of lower degree, for {' and '.join(atoms)} "
        f"{'is' if len(atoms) == 1 else 'are'} very far from 0; predictions are no more exact than that. Subtract a constant first, such "
        f"as the mean{f', or write poly({atoms[0]}, {product[0].degree})' if alone else ''}."
    )
