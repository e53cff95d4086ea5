"""The model in equations, level by level, as they are written on paper.

A Design says which columns vary over which factor; this module writes it back as the regressions a person would put on
the board: the rows' equation first, then one equation for every coefficient that varies over a level, with the
predictors that are constant in a level's rows in that level's equation, and cross-level interactions in their slope's.

Letters, as in the course deck: α the intercept and β the slopes of level 1; δ and γ in the equation of α; λ and θ in the
equation of a slope; ε, ν and η the error terms of rows, intercepts and slopes. Each letter's name in the tables of
results is listed below the equations, so that no coefficient has to be guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from gibbs import wrap
from gibbs.model import families, laws
from gibbs.model.nesting import parents
from gibbs.model.records import Design, Factor, Term

INTERCEPT = "Intercept"
_INDICES = "jklmnopqrstu"
_INTERCEPTS = "αδμτ"  # the intercept at level 1, at level 2 where level 3 moves it, and so on
_SLOPES = "βλφχ"
_INTERCEPT_ERRORS = "νκωζξ"
_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def components(name: str) -> tuple[str, ...]:
    """The factors of a product: ``"x:poly(z, 2)1"`` → ``("x", "poly(z, 2)1")``; colons inside brackets do not split."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(name):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == ":" and depth == 0:
            parts.append(name[start:i])
            start = i + 1
    return (*parts, name[start:])


def constant_within(column: np.ndarray, factor: Factor) -> bool:
    """Whether ``column`` (N,) has one value in every level of ``factor`` (up to rounding)."""
    first = np.empty(len(factor.levels))
    first[factor.codes] = column
    return bool(np.allclose(column, first[factor.codes], rtol=1e-9, atol=1e-12 * (np.abs(column).max(initial=0.0) + 1e-300)))


def nested(fine: Factor, coarse: Factor) -> bool:
    """Whether every level of ``fine`` lies in one level of ``coarse``, and ``coarse`` is not the same partition renamed."""
    return len(fine.levels) > len(coarse.levels) and parents(fine.codes, coarse.codes, len(fine.levels)) is not None


@dataclass(frozen=True)
class Equation:
    """One line of the model: ``left`` = the sum of ``terms``, followed by ``law`` (the error's distribution, or empty)."""

    left: str
    terms: tuple[str, ...]
    law: str = ""

    def wrapped(self, width: int) -> list[str]:
        """The equation in lines of at most ``width`` characters, broken before a plus sign."""
        head = f"{self.left} = "
        lines, line = [], head + (self.terms[0] if self.terms else "0")
        for term in self.terms[1:]:
            if len(line) + 3 + len(term) > width:
                lines.append(line)
                line = " " * (len(head) - 2) + "+ " + term
            else:
                line += " + " + term
        if self.law:
            if len(line) + 1 + 3 + len(self.law) > width:
                lines.append(line + ",")
                line = " " * len(head) + self.law
            else:
                line += ",   " + self.law
        return [*lines, line]


@dataclass(frozen=True)
class Level:
    """The equations of one level, and the laws of its error terms. ``factor`` is empty for the rows."""

    number: int
    factor: str
    size: int
    equations: tuple[Equation, ...]
    laws: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """``"Level 2 (province, 60)"``; the rows have their number only."""
        return f"Level {self.number} ({self.factor}, {self.size:,})" if self.factor else f"Level {self.number} (rows, {self.size:,})"


@dataclass(frozen=True)
class Model:
    """The model written out. ``symbols`` maps each letter to the parameter's name in the tables of results."""

    levels: tuple[Level, ...]
    symbols: tuple[tuple[str, str], ...]

    def lines(self, width: int = 100) -> list[str]:
        """The equations in plain text, no line longer than ``width``; then which name each letter has in the tables."""
        indent = min(max(len(level.heading) for level in self.levels) + 3, 34)
        indent = indent if 2 * indent < width else 2  # on a narrow page headings have lines of their own
        out: list[str] = []
        for level in self.levels:
            body = [line for equation in level.equations for line in equation.wrapped(width - indent)]
            for law in level.laws:
                body += wrap.lines(law, width - indent, "", "  ")
            heading = level.heading
            if len(heading) > indent - 1:
                out += wrap.lines(heading, width)
                heading = ""
            out += [(heading if i == 0 else "").ljust(indent) + line for i, line in enumerate(body)]
        out.append("")
        out += _legend(self.symbols, width)
        return [line.rstrip() for line in out]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _legend(symbols: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Letters and names in columns, read across."""
    cells = [f"{symbol}: {name}" for symbol, name in symbols]
    head = "in the tables   "
    room = width - len(head)
    if max((len(cell) for cell in cells), default=0) > room:
        return [head.rstrip(), *(line for cell in cells for line in wrap.lines(cell, width, "  ", "    "))]
    wide = min(max(len(cell) for cell in cells) + 3, room)
    across = max(room // wide, 1)
    rows = ["".join(cell.ljust(wide) for cell in cells[i : i + across]) for i in range(0, len(cells), across)]
    return [(head if i == 0 else " " * len(head)) + row for i, row in enumerate(rows)]


def write(design: Design) -> Model:
    """The equations of ``design``, finest level first. Every coefficient and every varying column appears exactly once."""
    return _Writer(design).model()


@dataclass
class _Effect:
    """One column of one factor: u_{k,j,a}. ``carrier`` is the finer effect in whose equation it stands (None: level 1)."""

    factor: int
    column: str
    error: str
    carrier: _Effect | None = None
    carried: list[_Effect] = field(default_factory=list)
    predictors: list[str] = field(default_factory=list)  # rendered terms, "γ·illiteracy_j"
    name: str = ""  # the letter of the coefficient that this level explains; empty: the error stands for itself
    letter: str = ""  # its name, should it need one though it is on no trunk
    constant: str = ""


class _Writer:
    """Builds the Model. The order of work: levels, effects and who carries whom, constants, predictors, equations."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.factors = design.factors
        count = range(len(self.factors))
        self.inside = {(f, g) for f in count for g in count if f != g and nested(self.factors[f], self.factors[g])}
        self.depth = [2 + self._finer_chain(f) for f in count]
        order = sorted(count, key=lambda f: (self.depth[f], f))
        self.index = {f: _INDICES[i] if i < len(_INDICES) else f"j{i + 1}" for i, f in enumerate(order)}
        self.order = order
        self.symbols: list[tuple[str, str]] = []
        self.effects = self._effects()
        self.column_of = dict(zip(design.coefficients, design.X.T, strict=True))

    def _finer_chain(self, coarse: int) -> int:
        """How many factors, one inside the other, lie between the rows and ``coarse``."""
        below = [f for f, g in self.inside if g == coarse]
        return 0 if not below else 1 + max(self._finer_chain(f) for f in below)

    def _effects(self) -> dict[str, list[_Effect]]:
        """Varying column → its effects, finest factor first, each told which finer effect carries it."""
        slopes = sum(column != INTERCEPT for factor in self.factors for column in factor.columns)
        effects: dict[str, list[_Effect]] = {}
        intercepts = numbered = 0
        for f in self.order:
            for column in self.factors[f].columns:
                if column == INTERCEPT:
                    error = _INTERCEPT_ERRORS[intercepts] if intercepts < len(_INTERCEPT_ERRORS) else _numbered("ν", intercepts + 1, 99)
                    intercepts += 1
                else:
                    numbered += 1
                    error = _numbered("η", numbered, slopes)
                effect = _Effect(f, column, error)
                for finer in effects.get(column, []):
                    if (finer.factor, f) in self.inside:
                        effect.carrier = finer  # the last one found is the coarsest: the order goes from fine to coarse
                if effect.carrier is not None:
                    effect.carrier.carried.append(effect)
                effects.setdefault(column, []).append(effect)
        return effects

    def _trunk(self, column: str) -> list[_Effect]:
        """The effects that everything about ``column`` passes through, finest first; empty where factors are crossed."""
        roots = [e for e in self.effects.get(column, []) if e.carrier is None]
        trunk: list[_Effect] = []
        while len(roots) == 1:
            trunk.append(roots[0])
            roots = roots[0].carried
        return trunk

    # ------------------------------------------------------------------------------------------------ where a coefficient stands

    def _home(self, coefficient: str) -> _Effect | None:
        """The effect whose equation ``coefficient`` belongs to as a predictor: the coarsest level it is constant in."""
        values = self.column_of[coefficient]
        candidates = [e for e in self.effects.get(INTERCEPT, []) if coefficient not in self.effects and self._explains(values, e.factor)]
        if candidates:
            return max(candidates, key=lambda e: self.depth[e.factor])
        parts = components(coefficient)
        for column, effects in self.effects.items():
            rest = _without(parts, components(column))
            if column == INTERCEPT or not rest:
                continue
            for effect in reversed(effects):
                if self._ratio_constant(values, ":".join(rest), effect):
                    return effect
        return None

    def _explains(self, values: np.ndarray, f: int) -> bool:
        """Whether a column can stand at factor f: constant there, and the factor is not one level a row (unless sds are known)."""
        one_row_each = len(self.factors[f].levels) == len(values)
        return (self.design.known_se is not None or not one_row_each) and constant_within(values, self.factors[f])

    def _ratio_constant(self, product: np.ndarray, rest: str, effect: _Effect) -> bool:
        """Whether product / slope column, the group's share of an interaction, is constant in the effect's levels."""
        if rest in self.column_of:
            return self._explains(self.column_of[rest], effect.factor)
        factor = self.factors[effect.factor]
        slope = factor.Z[:, factor.columns.index(effect.column)]
        seen = slope != 0
        used = np.unique(factor.codes[seen], return_inverse=True)
        if not seen.any() or len(used[0]) == seen.sum():
            return False
        part = Factor(factor.name, tuple(str(c) for c in used[0]), used[1].astype(np.int32), factor.Z[seen], factor.columns, ())
        return constant_within(product[seen] / slope[seen], part)

    # ------------------------------------------------------------------------------------------------ the text

    def _subscript(self, part: str) -> str:
        """``x_i``, or ``z_j[i]`` where z is constant in the levels of the one coarsest factor that it describes."""
        values = self.column_of.get(part)
        if values is None or np.ptp(values) == 0:
            return f"{part}_i"
        at = [f for f in self.order if len(self.factors[f].levels) < len(values) and constant_within(values, self.factors[f])]
        return f"{part}_{self.index[at[-1]]}[i]" if at else f"{part}_i"

    def _row_product(self, name: str) -> str:
        return "·".join(self._subscript(part) for part in components(name))

    def _name(self, symbol: str, parameter: str) -> str:
        self.symbols.append((symbol, parameter))
        return symbol

    def model(self) -> Model:
        """The levels and the letters: constants first, then the predictors of each level, then the equations."""
        coefficients = self.design.coefficients
        intercept = None if self.design.intercept is None else coefficients[self.design.intercept]
        homes = {c: self._home(c) for c in coefficients if c != intercept}
        slopes = [c for c, home in homes.items() if home is None]
        slopes += [c for c in self.effects if c not in (INTERCEPT, *slopes)]
        columns = ([INTERCEPT] if intercept is not None or INTERCEPT in self.effects else []) + slopes
        fixed = {c: self._constant(c, intercept, slopes) for c in columns}
        self._predictors(homes)
        rows = self._rows([term for c in columns for term in self._row_terms(c, fixed[c])])
        rest = tuple(self._level(f) for f in self.order)
        return Model((rows, *rest), tuple(self.symbols) + self._family_symbols())

    def _constant(self, column: str, intercept: str | None, slopes: list[str]) -> str:
        """Name the coefficient of ``column`` through its levels; the letter that stays in the rows' equation, or empty."""
        trunk = self._trunk(column)
        letters = _INTERCEPTS if column == INTERCEPT else _SLOPES
        mark = "" if column == INTERCEPT else _numbered("", slopes.index(column) + 1, len(slopes))
        for effect in self.effects.get(column, []):
            effect.letter = _letter(letters, len(trunk) + 1) + mark
            effect.name = effect.letter if effect.carried else effect.error
        for depth, effect in enumerate(trunk):
            effect.name = _letter(letters, depth) + mark
        parameter = intercept if column == INTERCEPT else column if column in self.column_of else None
        symbol = "" if parameter is None else self._name(_letter(letters, len(trunk)) + mark, f"b_{parameter}")
        if not trunk:
            return symbol
        trunk[-1].constant = symbol
        return ""

    def _row_terms(self, column: str, fixed: str) -> Iterable[str]:
        """What multiplies ``column`` in the rows' equation: its fixed coefficient, and the effects no finer level carries."""
        product = "" if column == INTERCEPT else "·" + self._row_product(column)
        if fixed:
            yield fixed + product
        for effect in self.effects.get(column, []):
            if effect.carrier is None:
                yield f"{effect.name}_{self.index[effect.factor]}[i]{product}"

    def _predictors(self, homes: dict[str, _Effect | None]) -> None:
        """Give each group-level coefficient its letter (γ for intercepts, θ for slopes) in its effect's equation."""
        placed = [(c, home) for c, home in homes.items() if home is not None]
        for letter, of_intercepts in (("γ", True), ("θ", False)):
            group = [(c, home) for c, home in placed if (home.column == INTERCEPT) is of_intercepts]
            for m, (coefficient, home) in enumerate(group, start=1):
                parts = components(coefficient)
                rest = parts if of_intercepts else _without(parts, components(home.column))
                symbol = self._name(_numbered(letter, m, len(group)), f"b_{coefficient}")
                home.predictors.append(f"{symbol}·" + "·".join(f"{part}_{self.index[home.factor]}" for part in rest))
                if home.name == home.error:  # it has something to say now: it needs a letter of its own
                    home.name = home.letter

    def _level(self, f: int) -> Level:
        """The equations of factor f's coefficients and the laws of its errors."""
        factor, j = self.factors[f], self.index[f]
        equations, mine = [], [e for effects in self.effects.values() for e in effects if e.factor == f]
        for effect in sorted(mine, key=lambda e: factor.columns.index(e.column)):
            above = [f"{e.name}_{self.index[e.factor]}[{j}]" for e in effect.carried]
            constant = [effect.constant] if effect.constant else []
            if effect.name != effect.error:
                equations.append(Equation(f"{effect.name}_{j}", (*constant, *effect.predictors, *above, f"{effect.error}_{j}")))
        return Level(self.depth[f], factor.name, len(factor.levels), tuple(equations), tuple(self._laws(f)))

    def _laws(self, f: int) -> Iterable[str]:
        """One law a term, and a group of levels: independent columns each their own, correlated columns together.

        The columns of a law with a parameter of its own stand together even where they are uncorrelated: they share it.
        """
        factor, j = self.factors[f], self.index[f]
        error = {e.column: e.error for effects in self.effects.values() for e in effects if e.factor == f}
        own = laws.of(factor).parameter
        alike = [g for g in self.factors if laws.of(g).parameter == own]
        if own and (len(alike) > 1 or (own == "df" and self.design.nu_prior is not None)):
            own = f"{own}_{j}"
        for group in factor.groups or ("",):
            terms = [term for term in factor.terms if term.group == group]
            where = f"  where {factor.by}_{j} = {group.removeprefix(factor.by)}" if group else ""
            for block in [terms] if own else [[term] for term in terms]:
                yield self._law(f, error, block, own, f"[{group}]" if group else "") + where
        if own:
            self._name(own, f"{laws.of(factor).parameter}_{factor.name}")

    def _law(self, f: int, error: dict[str, str], block: list[Term], own: str, at: str) -> str:
        """The law, with its ``own`` parameter, of the columns of ``block`` together; ``at``, ``[zA]``, marks what is of some levels."""
        factor, j = self.factors[f], self.index[f]
        of = f":{block[0].group}" if at else ""
        columns = [column for term in block for column in term.columns]
        letters = [error[column] for column in columns]
        scales = [self._name(f"σ_{error[column]}{at}", f"sd_{factor.name}__{column}{of}") for column in columns]
        K = f"K({own})" if own else "K"
        if factor.structure is not None and len(letters) == 1:
            return f"({letters[0]}_1 … {letters[0]}_J) ~ N(0, {scales[0]}² {K}):  K of {factor.structure.words}"
        if len(letters) == 1:
            return f"{letters[0]}_{j} ~ {laws.of(factor).equation(scales[0], own)}"
        several = sum(len(t.columns) > 1 for g in self.factors for t in g.terms if t.group in ("", *g.groups[:1]))
        mark = at if several <= 1 else f"_{j}{at}"
        pairs = [pair for term in block for pair in combinations(term.columns, 2)]
        if len(pairs) > 3:
            self._name(f"ρ{mark}", f"cor_{factor.name}__…{of}__…{of}")
        for a, b in pairs if len(pairs) <= 3 else ():
            symbol = f"ρ{mark}" if len(pairs) == 1 else f"ρ{mark}({error[a]}, {error[b]})"
            self._name(symbol, f"cor_{factor.name}__{a}{of}__{b}{of}")
        correlation = {0: "uncorrelated", 1: f"correlation ρ{mark}"}.get(len(pairs), f"{len(pairs)} correlations ρ{mark}")
        law = laws.of(factor).equations(f"Σ{mark}", own)
        if factor.structure is not None:
            law = f"N(0, {K} ⊗ Σ{mark}), K of {factor.structure.words}:  sds"
        return f"({', '.join(f'{letter}_{j}' for letter in letters)}) ~ {law} {', '.join(scales)}, {correlation}"

    def _rows(self, terms: list[str]) -> Level:
        """The equation of the rows: the outcome, or its link or latent value, on the left, and the law of the error."""
        if np.any(self.design.offset != 0):
            terms = [*terms, "offset_i"]
        family = families.of(self.design)
        row = family.equation(self.design, family)
        equation = Equation(row.left, (*terms, *([row.error] if row.error else [])), row.law)
        return Level(1, "", self.design.rows_used, (equation,), row.below)

    def _family_symbols(self) -> tuple[tuple[str, str], ...]:
        of = families.of(self.design).symbols
        return of(self.design) if of is not None else ()


def _letter(letters: str, depth: int) -> str:
    return letters[depth] if depth < len(letters) else _numbered(letters[-1], depth, depth)


def _numbered(letter: str, number: int, of: int) -> str:
    """``β`` where there is one, ``β₂`` where there are several."""
    return letter if of == 1 else letter + str(number).translate(_DIGITS)


def _without(parts: tuple[str, ...], taken: tuple[str, ...]) -> tuple[str, ...]:
    """``parts`` less ``taken``, in order; empty where ``taken`` is not all there or nothing is left."""
    rest = list(parts)
    for part in taken:
        if part not in rest:
            return ()
        rest.remove(part)
    return tuple(rest)
