"""Where a run stands between two chunks: all that it takes to go on to the same draws; and as arrays with names, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gibbs.sampling.chain import Kept
from gibbs.sampling.snapshot import Snapshot

FORMAT = 8
"""Version of what is kept of a run that can be gone on with: another one whenever a chain's arrays have other names or another meaning."""


@dataclass(frozen=True)
class Standing:
    """One entry a chain. ``course``: where the driver was (``gibbs.sampling.driver``), in whole numbers; ``elapsed``: seconds so far."""

    chains: tuple[Snapshot, ...]
    kept: tuple[list[Kept], ...]  # draws; of a checkpoint those since the one before, unless ``anew``
    course: Mapping[str, Any] = field(default_factory=dict)
    elapsed: float = 0.0
    anew: bool = True

    def done(self) -> list[int]:
        """Sweeps of each chain, warm-up included."""
        return [int(parts["done"]) for parts in self.chains]

    def block(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """(what is said of it, arrays) of the end of a run, for a file; ``gibbs.resuming.ended`` reads it."""
        about = {"gibbs_ended": FORMAT, "chains": len(self.chains), "course": dict(self.course), "elapsed": self.elapsed}
        return about, of_snapshots(self.chains) | of_draws(self.kept)

    def warmup(self) -> int:
        """Sweeps of warm-up."""
        return int(self.chains[0]["warmup"])


def of_snapshots(chains: Iterable[Snapshot]) -> dict[str, np.ndarray]:
    """``state/0/…``, ``state/1/…``."""
    return {f"state/{k}/{name}": part for k, parts in enumerate(chains) for name, part in parts.items()}


def to_snapshots(arrays: Mapping[str, np.ndarray], chains: int) -> tuple[Snapshot, ...]:
    """The inverse."""
    return tuple(_below(arrays, f"state/{k}/") for k in range(chains))


def of_draws(chains: Iterable[list[Kept]], names: Iterable[str] = Kept.NAMES) -> dict[str, np.ndarray]:
    """``draws/0/beta`` …, of chains that have some."""
    names = tuple(names)
    return {
        f"draws/{k}/{name}": np.concatenate([getattr(chunk, name) for chunk in chunks])
        for k, chunks in enumerate(chains)
        if chunks
        for name in names
    }


def to_draws(arrays: Mapping[str, np.ndarray], chain: int) -> Kept | None:
    """The inverse, for one chain; None where it has none. KeyError: not all of them are there."""
    found = _below(arrays, f"draws/{chain}/")
    return Kept(*(found[name] for name in Kept.NAMES)) if found else None


def slim(chunks: list[Kept], kept: int) -> Kept:
    """All draws of one chain, of the effects only those after the first ``kept``: the others are in the arrays of all chains."""
    small = {name: np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in Kept.NAMES if name != "u"}
    return Kept(**small, u=np.concatenate([chunk.u for chunk in chunks])[kept:].copy() if small["lp"].size > kept else chunks[0].u[:0])


def joined(slimmed: Kept, u: np.ndarray) -> Kept:
    """``slimmed`` with the effects ``u`` (draw, effect) that it has left out. ValueError: they are not as many."""
    whole = np.concatenate([u, slimmed.u]) if slimmed.u.size else u
    if len(whole) != slimmed.lp.size:
        raise ValueError(f"{len(whole)} draws of the effects, and {slimmed.lp.size} of the coefficients")
    return replace(slimmed, u=whole)


def _below(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
