"""Random names, numbers, formulas, priors, derived columns and hypotheses; ``odd`` in [0, 1] is how hostile they are."""

from __future__ import annotations

from random import Random

SANE_NAMES = ("x", "z", "w", "b", "o", "n", "c", "g", "h", "k", "year")
HOSTILE_NAMES = (
    "", " ", "x y", "x" * 300, "x" * 5000, "é", "日本", "a\tb", "a\nb", "\x1b[31mred", "\ud800", "__import__('os')", "os.system", "`", "``",
    "`x`", "a`b", "TRUE", "NA", "Intercept", "(Intercept)", "sigma", "b_x", "sd_g__Intercept", ".", "..", "-", "x:z", "x__y", "lp__", "1",
    "1.5", "_x", "I(x)", "poly(x, 2)", "\u202egnp", "\0", "=1+1", "@SUM(A1)", "../../x", "/etc/passwd", "~", "~root", "{}", "{0.__class__}",
    "%s%n", "${HOME}", "\\x00", "'", '"', "a,b", "a;b", "a|b", "/" * 300, "x.__class__", "Ǆ", "ﬁ", "\u200b", "\U0001f600",
    "no", "null", "row",
)  # fmt: skip
SANE_NUMBERS = ("0", "1", "2", "3", "4", "10", "0.5", "-1", "2.5", "1e-3", "1e3", "20", "100")
HOSTILE_NUMBERS = (
    "1e400", "-1e400", "1e308", "5e-324", "nan", "inf", ".nan", ".inf", "-.inf", "9" * 390, "9" * 5000, "0x10", "1_000", "1e", "--1", "+-1",
    "１２", "٣", "1,5", "1e-400", "-0", "00", "1L", "1i", "NaN", "1e+", "true", "null", "~", "", "1e155", "1e-155", "-1e308", "0.1.2",
    "9223372036854775808", "-9223372036854775809", "18446744073709551616", "²", "½", "Ⅷ", "1e3.5", "1 000",
)  # fmt: skip
FAMILIES = ("gaussian", "student", "probit", "logit", "binomial", "poisson", "negative_binomial", "ordinal", "beta_binomial")
FUNCTIONS = ("log", "log2", "exp", "sqrt", "abs", "scale", "center", "I", "sin", "log1p", "expm1", "as.numeric")
_ALPHABET = "abxyzgh019.+-*/^:~|()[]{}<>=,;'\"`_ \t\n\\#&%$@!?é日\x00\x1b\ud800\u202e\ufeff"


def pick(r: Random, sane: tuple[str, ...], hostile: tuple[str, ...], odd: float) -> str:
    return r.choice(hostile) if r.random() < 0.3 * odd else r.choice(sane)


def name(r: Random, odd: float, sane: tuple[str, ...] = SANE_NAMES) -> str:
    return pick(r, sane, HOSTILE_NAMES, odd)


def number(r: Random, odd: float) -> str:
    return pick(r, SANE_NUMBERS, HOSTILE_NUMBERS, odd)


def mutated(r: Random, text: str, odd: float) -> str:
    """``text`` with a few characters put in, taken out, doubled or moved; most often unchanged where ``odd`` is small."""
    while r.random() < 0.5 * odd:
        at = r.randrange(len(text) + 1)
        to = min(len(text), at + r.choice((1, 1, 1, 2, 5, 20)))
        match r.randrange(6):
            case 0 | 1:
                text = text[:at] + r.choice(_ALPHABET) + text[at:]
            case 2:
                text = text[:at] + text[to:]
            case 3:
                text = text[:to] + text[at:to] * r.choice((1, 1, 2, 30)) + text[to:]
            case 4:
                text = text[:at] + text[at:to][::-1] + text[to:]
            case 5:
                text = text[:at] + r.choice((*HOSTILE_NAMES, *HOSTILE_NUMBERS)) + text[at:]
    return text[:60_000]


# ------------------------------------------------------------------------------------------------------------ formulas


def quoted(r: Random, word: str, odd: float) -> str:
    """A name as a formula has it: in backticks where it needs them, most of the time."""
    plain = word.isidentifier() and word.isascii()
    return word if plain or r.random() < 0.3 * odd else f"`{word}`"


def derived(r: Random, odd: float, names: tuple[str, ...]) -> str:
    """What ``derive`` may hold: arithmetic, and comparisons and words since there are some."""
    if r.random() < 0.3 + 0.7 * odd:
        return mutated(r, arithmetic(r, odd, 0, names), odd)
    one, two = r.choice(names), r.choice(names)
    return r.choice(_DERIVED).format(a=one, b=two)


def arithmetic(r: Random, odd: float, depth: int = 0, names: tuple[str, ...] = SANE_NAMES) -> str:
    if depth > r.choice((1, 1, 2, 2, 40 if odd > 0.9 else 3)):
        return quoted(r, name(r, odd, names), odd) if r.random() < 0.7 else number(r, odd)
    inner = [arithmetic(r, odd, depth + 1, names) for _ in range(2)]
    match r.randrange(9):
        case 0 | 1:
            return quoted(r, name(r, odd, names), odd)
        case 2:
            return number(r, odd)
        case 3 | 4:
            return f"{inner[0]} {r.choice('+-*/^')} {inner[1]}"
        case 5:
            return f"({inner[0]})"
        case 6:
            return f"{r.choice(FUNCTIONS)}({inner[0]})"
        case 7:
            return f"-{inner[0]}"
    return f"({inner[0]} {r.choice('+-*/^')} {inner[1]})"


def term(r: Random, odd: float, depth: int = 0, names: tuple[str, ...] = SANE_NAMES) -> str:
    one = quoted(r, name(r, odd, names), odd)
    if depth > r.choice((1, 2, 2, 30 if odd > 0.9 else 2)):
        return one
    match r.randrange(16):
        case 0:
            return f"I({arithmetic(r, odd, 0, names)})"
        case 1:
            return f"{r.choice(FUNCTIONS)}({arithmetic(r, odd, 1, names)})"
        case 2:
            return f"poly({one}, {number(r, odd)}{r.choice(('', ', raw = TRUE', ', raw = 3'))})"
        case 3:
            return f"bs({one}, df = {number(r, odd)})"
        case 4:
            return f"bs({one}, knots = c({number(r, odd)}, {number(r, odd)}))"
        case 5:
            return f"factor({one})"
        case 6 | 7:
            return f"{term(r, odd, depth + 1, names)}{r.choice((':', '*', ' * ', '/'))}{term(r, odd, depth + 1, names)}"
        case 8:
            return f"({term(r, odd, depth + 1, names)} + {term(r, odd, depth + 1, names)})^{number(r, odd)}"
        case 9:
            quote = r.choice("'\"")
            return f"{r.choice(('relevel', 'C', 'factor', 'ordered'))}({one}, {r.choice(('', 'levels = ', 'Treatment('))}{quote}a{quote})"
        case 10:
            return r.choice(("1", "0", "-1", number(r, odd)))
    return one


def group(r: Random, odd: float, names: tuple[str, ...] = ("g", "h", "k", "c", "year")) -> str:
    one, two = (quoted(r, name(r, odd, names), odd) for _ in range(2))
    further = r.choice(("", "", ', dist = "student"', f", by = {one}", ", cor = FALSE", f", {number(r, odd)}"))
    return r.choice((one, one, one, f"{one}/{two}", f"{one}:{two}", f"gr({one}{further})", f"interaction({one}, {two})", f"{one} + {two}"))


_TERMS = (
    "{n}", "{n}", "{m}", "{c}", "{n} * {m}", "{n}:{c}", "{c}/{n}", "I({n}^2)", "log(abs({n}) + 1)", "scale({n})", "poly({n}, 2)",
    "bs({n}, df = 4)", "factor({c})", "relevel({c}, 'zzz')", "({n} + {m} + {c})^2", "exp({n} / 100)", "offset({n} / 10)", "as.numeric({n})",
)  # fmt: skip
_DERIVED = (
    "{a} + {b}", "({a} - 3) / 10", "floor({a} / 2)", "{a} * {b}", "{a} > 1", "{a} == 2", "c == 'low'", "log(abs({a}) + 1)", "{a}^2",
    "ifelse({a} > 1, 1, 0)", "cut({a}, 3)", "({a} > 1) & ({b} < 2)", "exp(-abs({a}))", "{a} != {b}", "1", "-{a}",
)  # fmt: skip
_NUMBERS = ("x", "z", "w", "e", "year")
_CATEGORIES = ("c", "g", "yes")


def sound(r: Random, family: str) -> str:
    """A formula that a careful person could have written."""

    def one(template: str) -> str:
        n, m = r.sample(_NUMBERS, 2)
        c = r.choice(_CATEGORIES)
        base = {"c": "top", "g": "g1", "yes": "yes"}[c]
        return template.format(n=n, m=m, c=c).replace("zzz", base)

    terms = [one(r.choice(_TERMS)) for _ in range(r.choice((0, 1, 1, 2, 3)))]
    groups = ("g", "k", "year", "g/h", "h", "g:k", 'gr(k, dist = "student")', "gr(k, by = yes)")
    columns = ("1", "1", "1", "1 + {n}", "1 + {n} + {m}", "0 + {n}", "{c}", "{n}")
    terms += [f"({one(r.choice(columns))} {r.choice(('|', '|', '||'))} {r.choice(groups)})" for _ in range(r.choice((0, 1, 1, 2)))]
    return f"{outcome(r, 0.0, family)} ~ {' + '.join(terms) or '1'}"


def outcome(r: Random, odd: float, family: str) -> str:
    if r.random() < 0.3 * odd:
        return r.choice((arithmetic(r, odd), term(r, odd), group(r, odd), "cbind(s, f)", "y | se(z)", "factor(c)", "", "y | weights(n)"))
    by_family = {
        "gaussian": ("y", "y", "log(abs(y))", "y | se(e)", 'y | weights(n, type = "frequency")', "x"),
        "student": ("y", "sqrt(abs(y))"),
        "probit": ("b", "b", "yes", "factor(yes)"),
        "logit": ("b", "yes"),
        "binomial": ("cbind(s, f)", "s | trials(t)", "p | weights(t)", "s | trials(9)", "b"),
        "poisson": ("n",),
        "negative_binomial": ("n",),
        "ordinal": ("o", "o", "factor(c)", "c"),
        "beta_binomial": ("cbind(s, f)", "s | trials(t)", "s | trials(9)", "s | trials(t)"),
    }
    return r.choice(by_family[family] if family in FAMILIES else ("y",))  # families are misspelt, too


def formula(r: Random, odd: float, family: str = "gaussian", names: tuple[str, ...] = SANE_NAMES, left: str | None = None) -> str:
    """A formula on the columns of ``tables.base``."""
    if names is SANE_NAMES and left is None and r.random() < 0.8 - 0.6 * odd:
        return mutated(r, sound(r, family), odd)
    left = outcome(r, odd, family) if left is None else left
    fixed = [term(r, odd, 0, names) for _ in range(r.choice((0, 1, 1, 2, 3, 40 if odd > 0.95 else 2)))]
    random = []
    for _ in range(r.choice((0, 1, 1, 1, 2, 3))):
        columns = r.choice(("1", "1", f"1 + {term(r, odd, 1, names)}", term(r, odd, 1, names), f"0 + {term(r, odd, 1, names)}", "0"))
        groups = group(r, odd) if names is SANE_NAMES else group(r, odd, names)
        random.append(f"({columns} {r.choice(('|', '|', '|', '||'))} {groups})")
    offsets = [f"offset({arithmetic(r, odd, 1, names)})"] if r.random() < 0.1 else []
    right = f" {r.choice(('+', '+', '+', '-')) if odd > 0.5 else '+'} ".join([*fixed, *random, *offsets]) or "1"
    return mutated(r, f"{left} ~ {right}", odd)


# -------------------------------------------------------------------------------------------- priors, hypotheses


KINDS = (
    "normal", "student_t", "cauchy", "flat", "half_t", "half_normal", "half_cauchy", "exponential", "uniform", "inverse_gamma", "fixed",
    "gamma", "lognormal", "lkj", "inverse_wishart", "huang_wand",
)  # fmt: skip


def prior(r: Random, odd: float) -> str:
    """A prior, whatever it is on."""
    if r.random() < 0.1:
        return number(r, odd)
    arguments = [number(r, odd) for _ in range(r.choice((0, 1, 2, 2, 3, 3, 4)))]
    if r.random() < 0.15:
        arguments = ["3", f"[[{number(r, odd)}, 0], [0, {number(r, odd)}]]"]
    if r.random() < 0.15 and arguments:
        arguments[-1] = f"{r.choice(('sd', 'scale', 'df', 'mean', 'rate', 'eta', 'S', 'oops'))} = {arguments[-1]}"
    return mutated(r, f"{pick(r, KINDS, ('dnorm', 'eval', 'wishart', '', 'NORMAL'), odd)}({', '.join(arguments)})", odd)


def prior_key(r: Random, odd: float) -> str:
    kind = pick(
        r, ("b", "b", "intercept", "sd", "sd", "cor", "cov", "df", "sigma", "nu", "shape", "phi", "cutpoints"), ("", "B", "b_", "R"), odd
    )
    inside = r.choice(("", "", f"[{name(r, odd)}]", f"[{name(r, odd)}]", "[Intercept]", f"[{name(r, odd)}, {name(r, odd)}]"))
    return mutated(r, kind + inside, odd * 0.5)


def priors(r: Random, odd: float) -> dict[str, str]:
    """Priors that fit their keys where ``odd`` is small."""
    fitting = {
        "b": ("normal(0, 1)", "student_t(3, 0, 2)", "cauchy(0, 1)", "flat"),
        "sd": (
            "half_t(3, 0, 2)",
            "half_normal(0, 1)",
            "exponential(1)",
            "uniform(0, 5)",
            "inverse_gamma(1, 1)",
            "0.5",
            "gamma(2, 1)",
            "lognormal(0, 1)",
        ),
        "sigma": ("half_cauchy(0, 1)", "fixed(1)", "half_t(3, 0, 2)"),
        "intercept": ("normal(0, 5)",),
        "cor": ("lkj(2)",),
        "b[x]": ("normal(0, 1)", "student_t(df = 3, scale = 2)"),
        "sd[g]": ("half_t(3, 0, 2)", "0.5"),
        "sd[g,z]": ("half_normal(1)",),
        "cov[g]": ("inverse_wishart(3, [[1, 0], [0, 1]])", "huang_wand(2, [1, 1])"),
        "cor[g]": ("lkj(0.5)",),
    }
    found = {}
    for _ in range(r.choice((0, 1, 1, 2, 4))):
        if r.random() < 0.9 - 0.6 * odd:
            key = r.choice(list(fitting))
            found[key] = r.choice(fitting[key])
        else:
            found[prior_key(r, odd)] = prior(r, odd)
    return found


def hypothesis(r: Random, odd: float, names: list[str]) -> str:
    """A statement about parameters called ``names``."""

    def side(depth: int) -> str:
        if depth > r.choice((0, 1, 2, 60 if odd > 0.9 else 2)):
            return r.choice(names) if r.random() < 0.8 else number(r, odd)
        one, two = side(depth + 1), side(depth + 1)
        return r.choice(
            (
                one,
                f"{one} {r.choice('+-*/^')} {two}",
                f"({one})",
                f"-{one}",
                f"{r.choice(('exp', 'log', 'sqrt', 'abs', 'inv_logit', 'Phi'))}({one})",
            )
        )

    parts = [f"{side(0)} {r.choice(('<', '>', '<=', '>=', '=', '<'))} {side(0)}" for _ in range(r.choice((1, 1, 1, 2, 3)))]
    text = f" {r.choice('&|')} ".join(parts) if r.random() < 0.8 else side(0)
    return mutated(r, text, odd)
