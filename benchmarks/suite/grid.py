"""A grid: problems × sizes × engines × seeds, as YAML, and the jobs that it means.

```yaml
problems:                       # or names alone
  - {name: m5, rows: [3000, 30000]}
  - {name: insteval, engines: [gibbs, lme4], limit: 300}
engines: [null, gibbs, jags-additive, lme4]
seeds: [1, 2, 3]                # of the chains: a repeat each; the data are those of data_seed
length: {default: {warmup: 1000, draws: 1000}, gibbs: {warmup: 500, draws: 4000}}
limit: 600                      # processor seconds a row may take
reference: {warmup: 1000, draws: 4000, chains: 2}   # of ours, that every posterior is compared with; draws: 0 for none
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from benchmarks.engines.registry import ENGINES

KEYS = ("title", "problems", "engines", "seeds", "data_seed", "length", "limit", "reference", "ratios")
OF_A_PROBLEM = ("name", "rows", "engines", "seeds", "length", "limit")
LENGTH = {"warmup": 1000, "draws": 1000}
LIMIT = 600.0
REFERENCE = {"warmup": 1000, "draws": 4000, "chains": 2, "limit": 1800.0}


class GridError(Exception):
    """A grid that cannot be run: what was found, and what is allowed."""


@dataclass(frozen=True)
class Job:
    """One row of the results. rows : 0 for data as they are; data_seed : of the table; seed : of the chain."""

    problem: str
    rows: int
    data_seed: int
    engine: str
    seed: int
    warmup: int
    draws: int
    limit: float

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the same job in a file of results."""
        return tuple(str(x) for x in (self.problem, self.rows, self.data_seed, self.engine, self.seed, self.warmup, self.draws))


@dataclass(frozen=True)
class Grid:
    """What a file says. tables : (problem, rows) in order, each with its jobs in the order in which they run."""

    title: str
    tables: tuple[tuple[str, int, tuple[Job, ...]], ...]
    data_seed: int
    reference: Mapping[str, int] = field(default_factory=dict)
    ratios: tuple[Mapping[str, Any], ...] = ()

    @property
    def jobs(self) -> tuple[Job, ...]:
        return tuple(job for _, _, jobs in self.tables for job in jobs)


def load(path: str | Path, only: tuple[str, ...] = ()) -> Grid:
    """The grid of a file. only : problems, engines, or problem/engine, of which alone jobs are kept.

    Raises GridError.
    """
    try:
        said = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise GridError(f"{path}: {' '.join(str(error).split())}") from None
    try:
        return build(said, only)
    except GridError as error:
        raise GridError(f"{path}: {error}") from None


def build(said: Any, only: tuple[str, ...] = ()) -> Grid:
    """The grid that a mapping says."""
    from benchmarks.suite.problems import PROBLEMS

    known(said, KEYS, "the grid")
    problems = [{"name": p} if isinstance(p, str) else p for p in said.get("problems") or []]
    if not problems:
        raise GridError("problems: names no problem. " + allowed(PROBLEMS))
    data_seed, tables = whole(said.get("data_seed", 1), "data_seed"), []
    for problem in problems:
        known(problem, OF_A_PROBLEM, "a problem")
        name = one_of(problem.get("name"), PROBLEMS, "problem")
        sizes = problem.get("rows", PROBLEMS[name].sizes or (0,))
        sizes = [whole(n, f"rows of {name}") for n in (sizes if isinstance(sizes, (list, tuple)) else [sizes])]
        if any(n > 0 for n in sizes) and not PROBLEMS[name].sizes:
            raise GridError(f"problem {name} is data as they are; it takes no rows.")
        for rows in sizes:
            jobs = tuple(job for job in _jobs(said, problem, name, rows, data_seed) if wanted(job, only))
            if jobs:
                tables.append((name, rows, jobs))
    if only and not tables:
        raise GridError(f"--only {' '.join(only)} leaves no job. Problems: {', '.join(PROBLEMS)}; engines: {', '.join(ENGINES)}.")
    known(said.get("reference") or {}, tuple(REFERENCE), "the reference")
    reference = {**REFERENCE, **(said.get("reference") or {})}
    return Grid(said.get("title", ""), tuple(tables), data_seed, reference, tuple(said.get("ratios") or ()))


def _jobs(said: Mapping[str, Any], problem: Mapping[str, Any], name: str, rows: int, data_seed: int) -> Iterator[Job]:
    """Engines in turn within each seed, so that what a busy machine does hits all of them."""
    engines = [one_of("null" if e is None else e, ENGINES, "engine") for e in problem.get("engines", said.get("engines") or [])]
    if not engines:
        raise GridError("engines: names no engine. " + allowed(ENGINES))
    limit = problem.get("limit", said.get("limit", LIMIT))
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
        raise GridError(f"limit: {limit!r} is no number of seconds.")
    lengths = [said.get("length") or {}, problem.get("length") or {}]
    for length in lengths:
        for engine, of in length.items():
            one_of(engine, (*ENGINES, "default"), "engine of length")
            known(of, tuple(LENGTH), f"length of {engine}")
    for seed in problem.get("seeds", said.get("seeds") or [1]):
        for engine in engines:
            length = dict(LENGTH)
            for of in lengths:
                length |= {**of.get("default", {}), **of.get(engine, {})} if "default" in of or engine in of else {}
            sizes = (whole(length["warmup"], "warmup"), whole(length["draws"], "draws"))
            yield Job(name, rows, data_seed, engine, whole(seed, "seeds"), *sizes, float(limit))


def wanted(job: Job, only: tuple[str, ...]) -> bool:
    """Whether one of the words names the job's problem, its engine, or both as problem/engine."""
    return not only or any(word in (job.problem, job.engine, f"{job.problem}/{job.engine}") for word in only)


def known(said: Any, keys: tuple[str, ...], what: str) -> None:
    """GridError where a mapping has a key that nobody reads."""
    if not isinstance(said, Mapping):
        raise GridError(f"{what} is {said!r}; it has to be a mapping of {', '.join(keys)}.")
    for key in said:
        one_of(key, keys, f"key of {what}")


def one_of(found: Any, names: Any, what: str) -> str:
    """``found`` where it is one of the names; else GridError with the nearest."""
    if found in names:
        return str(found)
    near = get_close_matches(str(found), list(names), 1)
    raise GridError(f"unknown {what} {found!r}.{f' Did you mean {near[0]!r}?' if near else ''} {allowed(names)}")


def allowed(names: Any) -> str:
    return f"Allowed: {', '.join(names)}."


def whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise GridError(f"{what}: {value!r} is no whole number from 0 on.")
    return value
