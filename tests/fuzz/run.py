"""Examples by seed and number, and the report on many of them."""

from __future__ import annotations

import collections
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.fuzz.judge import SECONDS, Verdict, fresh_folder, judge
from tests.fuzz.kinds import KINDS, SAMPLING


@dataclass(frozen=True)
class Ended:
    """One example and how it ended."""

    seed: int
    number: int
    kind: str
    verdict: Verdict
    seconds: float

    @property
    def again(self) -> str:
        """The command that repeats it."""
        return f"python -m tests.fuzz --seed {self.seed} --only {self.number}"


def one(seed: int, number: int, *, kind: str | None = None, seconds: float = SECONDS) -> Ended:
    """Example ``number`` of ``seed``; ``kind`` where it is not to be chosen by the numbers."""
    r = Random(f"{seed}/{number}")
    drawn = r.choices(list(KINDS), [share for _, share in KINDS.values()])[0]
    kind, odd = kind or drawn, r.choice((0.0, 0.2, 0.5, 0.8, 1.0))
    began = time.perf_counter()
    with fresh_folder() as folder:
        place = Path(folder).resolve()
        verdict = judge(KINDS[kind][0](r, odd, place), place, seconds * (6 if kind in SAMPLING else 1))
    return Ended(seed, number, kind, verdict, time.perf_counter() - began)


def many(seed: int, numbers: range, *, kind: str | None = None, seconds: float = SECONDS) -> Iterator[Ended]:
    for number in numbers:
        yield one(seed, number, kind=kind, seconds=seconds)


def table(ended: list[Ended]) -> str:
    """How many of each kind gave a result, were refused, or went wrong."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for example in ended:
        counts[example.kind]["wrong" if example.verdict.wrong else example.verdict.kind] += 1
        counts["all"]["wrong" if example.verdict.wrong else example.verdict.kind] += 1
    lines = [f"{'kind':<12}{'result':>8}{'refused':>9}{'wrong':>7}"]
    lines += [f"{kind:<12}{counts[kind]['result']:>8,}{counts[kind]['refused']:>9,}{counts[kind]['wrong']:>7,}" for kind in (*KINDS, "all")]
    slowest = sorted(ended, key=lambda e: -e.seconds)[:3]
    lines += ["slowest: " + "; ".join(f"{e.seconds:.1f} s ({e.kind}, {e.number})" for e in slowest)]
    return "\n".join(lines)
