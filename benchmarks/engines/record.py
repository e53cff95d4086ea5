"""What an engine is to the suite: a record, and the files that a job begins and ends with. Imports nothing that is slow or large.

A job is a folder. The suite writes ``job.json``; the engine, in a process of its own, writes

``draws.npy``      (chain, draw, parameter) or (draw, parameter), float64, in the order of ``names.json``
``names.json``     the parameters, under this package's names
``estimates.json`` in place of these two, of an engine that gives points: {parameter: estimate}
``found.json``     {"setup": s, "compile": s, "warmup": s, "sampling": s, "note": "", "priors": ""}: processor seconds by stage, the remark
                   that the row shall have, and how its priors differ from the problem's ("" where they do not)
``refused.txt``    in place of all of them: why the engine does not take this problem

Seconds are processor seconds of the process and its children. Every engine has one core and one thread, so on an idle machine they are the
seconds that pass; on a busy one they are what would have passed, as nearly as can be had.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FAMILIES = frozenset({"gaussian", "probit", "logit", "binomial", "poisson", "negative_binomial", "ordinal", "student"})
OWN, PEERS, R = "own", "peers", "R"
"""Where an engine runs: this Python, the Python of the peers' own environment, or R."""
POSTERIOR, POINT, NULL = "posterior", "point", "null"
"""What it gives: draws of the posterior; a point estimate, which is no posterior and is timed only; numbers that mean nothing."""


@dataclass(frozen=True, eq=False)
class Engine:
    """One way to fit a problem.

    name : in grids and results. label : in tables and pictures. module : of ``benchmarks.engines``, with ``run(job, problem) -> Found``; of
    an engine in R the script of ``engines/r``. packages : what has to be installed, the first gives the version. settings : what its runs
    say beside lengths and seed. families : those it takes. correlated : whether it has correlations of intercepts and slopes.
    structured : whether it has effects whose levels know their neighbours, as the adaptor is given them.
    kept : what it compiles is kept for the next fit, whatever the model, so that it is compiled before anything is timed.
    factors : the most grouping factors. cores : processors it is given. priors : how its priors differ, for every problem; an engine may
    say more of one problem in ``found.json``.
    """

    name: str
    label: str
    where: str
    gives: str
    module: str
    packages: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    families: frozenset[str] = FAMILIES
    correlated: bool = True
    structured: bool = False
    factors: int = 1_000
    cores: int = 1
    priors: str = ""
    kept: bool = False

    def refuses(self, facts: Mapping[str, Any]) -> str:
        """Why it does not take a problem, or "". facts : ``facts`` of ``problem.json``."""
        if facts["family"] not in self.families:
            return f"no {facts['family']} outcomes with this link"
        if facts["structured"] and not self.structured:
            return "no effects whose levels know their neighbours"
        if facts["slopes"] and not self.correlated:
            return "no correlated slopes"
        if facts["factors"] > self.factors:
            return f"more than {self.factors} grouping factor{'s' if self.factors > 1 else ''}"
        return ""


@dataclass
class Found:
    """What an adaptor in Python gives back: names and draws, or estimates; seconds; remarks."""

    names: list[str] = field(default_factory=list)
    draws: Any = None
    estimates: dict[str, float] = field(default_factory=dict)
    setup: float = 0.0
    compile: float = 0.0
    warmup: float = 0.0
    sampling: float = 0.0
    note: str = ""
    priors: str = ""
    more: dict[str, Any] = field(default_factory=dict)


class Clock:
    """Processor seconds of this process and the children it has waited for, by stage."""

    def __init__(self) -> None:
        self.at = _used()

    def lap(self) -> float:
        """Seconds since the last lap."""
        before, self.at = self.at, _used()
        return self.at - before


def _used() -> float:
    used = os.times()
    return time.process_time() + used.children_user + used.children_system


class Refused(Exception):
    """The engine does not take this problem; the text says why."""
