"""The kinds of examples: each takes random numbers and a level of oddness, and gives what is to be run in a folder of its own."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pandas as pd

import gibbs
from gibbs import pipeline
from gibbs.errors import SamplingError
from gibbs.model import spec as spec_module
from gibbs.posterior.fit import Fit
from tests.fuzz import specs, tables, whole, words
from tests.fuzz.judge import command

Example = Callable[[], str]


def formula(r: Random, odd: float, folder: Path) -> Example:
    """A formula on a sound table."""
    family = r.choice(words.FAMILIES)
    text = words.formula(r, odd, family)
    return lambda: str(gibbs.check(text, tables.base(), family=family))


def prior(r: Random, odd: float, folder: Path) -> Example:
    """Priors of a sound model."""
    family = r.choice(words.FAMILIES)
    stated = words.priors(r, odd) | words.priors(r, odd)
    text = f"{words.outcome(r, 0.0, family)} ~ x * g + (1 + z | g) + (1 | h)"
    return lambda: str(gibbs.check(text, tables.base(), family=family, priors=stated))


def derive(r: Random, odd: float, folder: Path) -> Example:
    """Derived columns, made from each other too."""
    names = (*words.SANE_NAMES, "y", "d0", "d1") if r.random() < odd else ("x", "z", "y", "n", "year", "w")
    made = {words.name(r, odd, ("d0", "d1", "d2", "d3")): words.derived(r, odd, names) for _ in range(r.choice((1, 2, 4)))}
    text = f"y ~ {' + '.join(words.quoted(r, n, 0.0) for n in made)}"
    if r.random() < 0.02 * odd:
        made |= {f"e{i}": f"e{i - 1} + 1" if i else "x" for i in range(3_000)}
        text = "y ~ e2999"
    return lambda: str(gibbs.check(text, tables.base(), derive=made))


def frame(r: Random, odd: float, folder: Path) -> Example:
    """A DataFrame of odd columns."""
    family = r.choice(words.FAMILIES)
    text = words.formula(r, 0.2 * odd, family)
    table = tables.frame(r, odd)
    missing = r.choice(("drop", "drop", "error", "predict"))
    return lambda: str(gibbs.check(text, table, family=family, missing=missing))


def file(r: Random, odd: float, folder: Path) -> Example:
    """A data file of any kind, damaged or odd."""
    family = r.choice(words.FAMILIES)
    text = words.formula(r, 0.2 * odd, family)
    path = tables.file(r, odd, folder)
    return lambda: str(gibbs.check(text, path, family=family))


def spec(r: Random, odd: float, folder: Path) -> Example:
    """A spec file through ``gibbs check``."""
    name = tables.file(r, 0.5 * odd, folder).name if r.random() < 0.3 else _sound(folder)
    text = specs.text(r, odd, name)
    (folder / "m.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    return lambda: command(["check", "m.yaml"])


def keywords(r: Random, odd: float, folder: Path) -> Example:
    """The keys of a spec as a dict and as arguments of Python."""
    keys = specs.tree(r, odd, "")
    keys.pop("data", None)
    keys.pop("output", None)
    if r.random() < 0.5:
        return lambda: str(gibbs.check(keys, tables.base()))
    keys = {key: value for key, value in keys.items() if key.isidentifier()}
    model = keys.pop("formula", None)
    return lambda: str(gibbs.check(model, tables.base(), **keys))


def hypothesis(r: Random, odd: float, folder: Path) -> Example:
    """Statements about parameters."""
    fit = _fit(r.randrange(len(_MODELS)))
    names = [*fit.summary().index]
    names += ["r_g[g1,Intercept]", "b_x", "x", words.name(r, odd)] if r.random() < odd else []
    texts = [words.hypothesis(r, odd, names) for _ in range(r.choice((1, 1, 2)))]
    level = r.choice((0.95, 0.5))
    return lambda: str(fit.hypothesis(texts, level=level))


def newdata(r: Random, odd: float, folder: Path) -> Example:
    """Predictions for, and averages over, odd frames and files."""
    fit = _fit(r.randrange(len(_MODELS)))
    groups = r.choice(("known", "new", "all new", "population", "typical", "all new", "population"))
    if r.random() < 0.3 * odd:
        groups = r.choice(({"g": "new"}, words.name(r, odd), {words.name(r, odd): "known"}))
    table = tables.frame(r, odd) if r.random() < 0.6 else tables.file(r, odd, folder)
    if r.random() < 0.4:
        weight, by = words.name(r, odd, ("t", "n", "e")), [words.name(r, odd, ("g", "c"))]
        return lambda: str(fit.poststratify(table, weight, by, groups=groups))
    kind, allow = r.choice(("expected", "linear", "outcome")), r.random() < 0.5
    quantiles = r.choice(((0.025, 0.5, 0.975), (0.1,), (), (0.0, 2.0), (float("nan"),))[: 5 if odd > 0.5 else 2])
    return lambda: str(fit.predict(table, groups=groups, kind=kind, allow_new=allow, probabilities=quantiles))


def outputs(r: Random, odd: float, folder: Path) -> Example:
    """Tables, pictures, exports and run folders of a fit whose columns and levels have odd names."""
    table, names = tables.base(), {}
    for plain in ("x", "g", "y", "c"):
        names[plain] = plain if r.random() > 0.5 * odd else r.choice(_LABELS)
    if len(set(names.values())) < 4 or "`" in "".join(names.values()):
        names = {plain: plain for plain in names}
    for column in ("g", "c"):
        labels = list(dict.fromkeys(r.choice(_LABELS) if r.random() < odd else str(v) for v in range(40)))
        table[column] = pd.Series(
            [labels[i % max(2, min(len(labels), 5))] if len(labels) > 1 else f"v{i % 3}" for i in range(40)], dtype=object
        )
    table = table.rename(columns=names)
    y, x, g, c = (f"`{names[plain]}`" for plain in ("y", "x", "g", "c"))
    text = f"{y} ~ {x} + {c} + (1 + {x} | {g})"
    title = r.choice(_LABELS) if r.random() < odd else "Title"

    def fit() -> Fit:
        from tests.posterior import built

        return built.fit(text, table, kept=25, title=title)

    kind, what = r.choice(
        [("plot", k) for k in ("ranef", "groups", "coefficients", "priors", "trace", "ppc", "time", "variance")]
        + [("table", s) for s in ("brms", "lme4", "display")] * 3
        + [("export", t) for t in ("csv", "parquet", "coda", "jags", "stan")] * 3
        + [("save", ""), ("save", ""), ("report", ""), ("show", ""), ("show", "")]
    )
    form = r.choice(("terminal", "csv", "markdown", "latex"))
    ending = r.choice(("png", "svg", "pdf"))

    def go() -> str:
        made = fit()
        match kind:
            case "plot":
                made.plot(what, path=f"a.{ending}")
                return ""
            case "table":
                return made.table(style=what, format=form)
            case "export":
                made.export(what, "a.csv" if what == "csv" else "a.parquet" if what == "parquet" else "folder")
                return ""
            case "report":
                made.report("a.html")
                return ""
            case "save":
                made.save("out")
                again = gibbs.load("out", data=table)
                return repr(again) + str(again.ranef(summary=True)) + str(again.predict(table))
        return repr(made) + made._repr_html_()

    return go


def commands(r: Random, odd: float, folder: Path) -> Example:
    """Command lines on a run that is whole or damaged."""
    _with_run(r, 0.15 * odd, folder)
    argv = _arguments(r, odd, [name for name in _FLAGS if name not in _DRAWING])
    return lambda: command(argv)


def drawing(r: Random, odd: float, folder: Path) -> Example:
    """Command lines that sample or draw pictures."""
    _with_run(r, 0.0, folder)
    argv = _arguments(r, odd, list(_DRAWING))

    def go() -> str:
        with _small_runs():
            return command(argv)

    return go


def sampled(r: Random, odd: float, folder: Path) -> Example:
    """A tiny fit, of so many draws or to a precision: drawn, summarised, written, read back."""
    family = r.choice(words.FAMILIES)
    text = words.formula(r, 0.1 * odd, family)
    table = tables.frame(r, 0.3 * odd)
    stated = words.priors(r, 0.1 * odd) if r.random() < 0.3 else {}
    seed = r.randrange(99)
    length = {"draws": 20} if r.random() < 0.5 else {"until": {"ess": 5, "rhat": 3.0}}

    def go() -> str:
        with _small_runs():
            try:
                fit = gibbs.fit(text, table, family=family, priors=stated, chains=2, warmup=50, seed=seed, progress=False, **length)
            except SamplingError as error:
                return str(error)
            said = repr(fit) + str(fit.summary())
            fit.save("out")
            return said + repr(gibbs.load("out"))

    return go


def whole_fit(r: Random, odd: float, folder: Path) -> Example:
    """A tiny fit of laws, weights and holes, with answers that must agree: read back, and with other effects stored."""
    return whole.of(r, odd, folder, _small_runs)


KINDS: dict[str, tuple[Callable[[Random, float, Path], Example], float]] = {
    "formula": (formula, 20),
    "prior": (prior, 12),
    "derive": (derive, 8),
    "frame": (frame, 12),
    "file": (file, 14),
    "spec": (spec, 16),
    "keywords": (keywords, 6),
    "hypothesis": (hypothesis, 8),
    "newdata": (newdata, 8),
    "commands": (commands, 5),
    "outputs": (outputs, 3),
    "drawing": (drawing, 1),
    "sampled": (sampled, 1),
    "whole": (whole_fit, 1),
}
"""Each kind with its share."""
SAMPLING = ("drawing", "sampled", "whole", "outputs")
"""Kinds that need compiled kernels, or seconds."""
_DRAWING = ("run", "sbc", "plot", "report")


# ------------------------------------------------------------------------------------------------------ surroundings

_LABELS = (
    "$", "$x_{", "$\\frac{", "x^2", "a_b", "a%b", "a&b", "#1", "\\input{x}", "~", "<script>alert(1)</script>", "a<b>c", "&amp;",
    "{{7*7}}", "{% raw %}", "a|b", "*bold*", "_it_", "`code`", "[x](y)", "=1+1", "+1", "-1", "@SUM(A1)", "a,b", "a;b", 'say "hi"', "it's",
    "a\nb", "a\tb", "é", "日本", "\U0001f600", "\u202egnp", "\x1b[31mred", "\x00", "x" * 300, "x" * 5000, " ", "", "1", "1.0", "01", "NA",
    "None", "nan", "TRUE", "Intercept", "chain", "draw", "lp", "sigma", "b_x", "n_g", "ymis", "obs_id", "g", "x", "a:b", "a__b", "a/b",
    "../x", "a.b", "for", "int", "data", "model", "T(", "\u200b", "-", ".", "[", "]", "a]b[",
)  # fmt: skip
_MODELS = (
    ("y ~ x * c + (1 + x | g)", "gaussian"),
    ("b ~ poly(x, 2) + z + (1 | g) + (1 | h)", "logit"),
    ("s | trials(t) ~ z + factor(year) + (1 | c/k)", "binomial"),
    ("n ~ x + offset(log(t)) + (1 | g:c)", "poisson"),
    ("o ~ scale(x) + (1 | gr(g, by = yes))", "ordinal"),
)


@functools.cache
def _fit(number: int) -> Fit:
    """A fit with draws that were made up."""
    from tests.posterior import built

    text, family = _MODELS[number]
    table = tables.base()
    if "by = yes" in text:  # one value in each level
        table["yes"] = table["g"].map({"g0": "no", "g1": "no", "g2": "yes", "g3": "yes", "g4": "yes"})
    return built.fit(text, table, family, kept=25)


@functools.cache
def _run_folder() -> Path:
    """A run folder, written once a process."""
    folder = Path(tempfile.mkdtemp(prefix="gibbs-fuzz-run-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    from tests.posterior.fabricated import draws

    _sound(folder)
    prepared = pipeline.prepare(spec_module.build("y ~ x + (1 + x | g)", path=folder / "m.yaml", overrides={"data": "data.csv", "seed": 1}))
    made = draws(prepared.design, 2, 40)
    return Fit(prepared.spec, prepared.design, made, plan=prepared.plan, table=prepared.table).save(folder / "run")


def warm() -> None:
    """Everything that samples or draws has been compiled, imported and cached: an example's time is its own."""
    for family in words.FAMILIES:
        with _small_runs(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fits of 20 draws have not converged
            for of in ("g", 'gr(g, dist = "student")'):  # the law of effects has code of its own
                text = f"{words.outcome(Random(1), 0.0, family)} ~ x + (1 + z | {of})"
                fit = gibbs.fit(text, tables.base(), family=family, seed=1, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        fit.report(Path(folder) / "report.html")


def _sound(folder: Path) -> str:
    tables.base().to_csv(folder / "data.csv", index=False)
    return "data.csv"


def _with_run(r: Random, damaged: float, folder: Path) -> None:
    """A spec, its data and a run in ``folder``."""
    _sound(folder)
    (folder / "m.yaml").write_text("data: data.csv\nformula: y ~ x + (1 + x | g)\nsampling: {chains: 2, warmup: 50, draws: 20, seed: 1}\n")
    shutil.copytree(_run_folder(), folder / "run")
    if r.random() < damaged:
        _damage(r, folder / "run")


def _damage(r: Random, folder: Path) -> None:
    """One file of a run changed, emptied or gone."""
    one = r.choice(sorted(folder.iterdir()))
    match r.randrange(4):
        case 0:
            one.unlink()
        case 1:
            one.write_bytes(b"")
        case 2 if one.suffix in (".json", ".yaml", ".csv"):
            one.write_text(words.mutated(r, one.read_text(encoding="utf-8"), 1.0), encoding="utf-8", errors="replace")
        case _:
            one.write_bytes(tables.damaged(r, one.read_bytes()))


@contextmanager
def _small_runs() -> Iterator[None]:
    """Sampling asked for with a million draws takes twenty, and to a precision at most sixty."""
    from gibbs.calibration import sbc
    from gibbs.sampling import chains, precompile

    real, calibrate, begin = chains.run, sbc.calibrate, precompile.begin

    def run(design, plan, sampling, **keys):
        until = sampling.until and replace(sampling.until, max_draws=min(sampling.until.max_draws, 60))
        small = replace(sampling, chains=min(sampling.chains, 3), warmup=50, draws=min(sampling.draws, 20), until=until)
        return real(design, plan, small, **keys)

    chains.run, precompile.begin = run, lambda *a, **k: None
    sbc.calibrate = lambda prepared, **keys: calibrate(prepared, **{**keys, "replicates": min(keys.get("replicates") or 2, 2)})
    try:
        yield
    finally:
        chains.run, sbc.calibrate, precompile.begin = real, calibrate, begin


_FLAGS: dict[str, tuple[str, ...]] = {
    "run": ("--out", "--seed", "--chains", "--warmup", "--draws", "--cores", "--scheme", "--force", "--quiet"),
    "check": ("--seed", "--chains", "--warmup", "--draws", "--cores", "--scheme"),
    "sbc": ("--replicates", "--out", "--rows", "--seed", "--chains", "--draws", "--scheme", "--force", "--quiet"),
    "summary": (
        "--style",
        "--format",
        "--level",
        "--exp",
        "--interval",
        "--parameters",
        "--below",
        "--digits",
        "--caption",
        "--out",
        "--force",
    ),
    "plot": (
        "--out",
        "--force",
        "--factor",
        "--term",
        "--predictor",
        "--by",
        "--level",
        "--levels",
        "--title",
        "--width",
        "--height",
        "--page",
        "--sort",
        "--parameters",
        "--intercept",
        "--exp",
    ),
    "effects": ("--by", "--at", "--others", "--for", "--grid", "--picture", "--level", "--draws", "--seed", "--csv", "--force"),
    "contrasts": ("--by", "--against", "--exp", "--at", "--others", "--for", "--level", "--draws", "--seed", "--csv", "--force"),
    "coef": ("--random", "--level", "--csv", "--force"),
    "se": ("--csv", "--force"),
    "prior": ("--data-sets", "--seed", "--picture", "--csv", "--force"),
    "init": ("--outcome", "--out", "--force"),
    "completion": (),
    "predict": ("--for", "--kind", "--level", "--out", "--force", "--seed"),
    "poststratify": ("--weight", "--by", "--for", "--level", "--out", "--force", "--seed"),
    "compare": ("--criterion", "--group", "--draws", "--csv", "--force"),
    "hypothesis": ("--level", "--csv", "--force"),
    "shares": (),
    "ranks": ("--term", "--best", "--level", "--pairs", "--csv"),
    "sensitivity": ("--group", "--csv", "--picture", "--force"),
    "report": ("--out", "--force"),
    "export": ("--to", "--out", "--parameters", "--force"),
    "schema": (),
    "version": (),
}
_POSITIONAL = {
    "run": ["m.yaml"],
    "check": ["m.yaml"],
    "sbc": ["m.yaml"],
    "plot": ["run", "ranef"],
    "effects": ["run", "x"],
    "contrasts": ["run", "x"],
    "init": ["data.csv"],
    "prior": ["m.yaml"],
    "completion": ["words", "plot", ""],
    "predict": ["run", "data.csv"],
    "poststratify": ["run", "data.csv", "--weight", "t"],
    "hypothesis": ["run", "b_x > 0"],
    "ranks": ["run", "g"],
    "export": ["run", "--to", "csv", "--out", "draws.csv"],
    "schema": [],
    "version": [],
}
_SWITCHES = ("--force", "--quiet", "--intercept", "--pairs", "--exp", "--random")
_VALUES = (
    "1", "2", "20", "50", "0.9", "g", "x", "Intercept", "b_x", "sd_*", "csv", "latex", "markdown", "lme4", "display", "hdi", "joint", "new",
    "known",
    "population", "typical", "outcome", "linear", "out.csv", "out.png", "out.svg", "out.parquet", "jags", "stan", "coda", "folder", "g=new",
    "x=1,2",
)  # fmt: skip


def _arguments(r: Random, odd: float, names: list[str]) -> list[str]:
    name = r.choice(names)
    argv = [name, *_POSITIONAL.get(name, ["run"])]
    for _ in range(r.choice((0, 1, 1, 2, 3))):
        if not _FLAGS[name]:
            break
        flag = r.choice(_FLAGS[name])
        hostile = tuple(v for v in (*words.HOSTILE_NAMES, *words.HOSTILE_NUMBERS) if not _leads_out(v))
        argv += [flag] if flag in _SWITCHES else [flag, words.pick(r, _VALUES, hostile, odd)]
    if r.random() < 0.1 * odd:
        argv[r.randrange(len(argv))] = r.choice(
            (*words.HOSTILE_NAMES[:8], "run", "m.yaml", "data.csv", "--help", "--version", "nope", "--", "-x")
        )
    return argv


def _leads_out(word: str) -> bool:
    """Whether a person who typed it as an output would write outside the folder, which a person may."""
    return ".." in word or word.startswith(("/", "~"))
