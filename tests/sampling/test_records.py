"""What a chain is: State, Tuning and Counts, and nothing else. Scratch may be anything between two chunks."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.model.records import Design
from gibbs.sampling import pack, plan
from gibbs.sampling.chain import Chain
from gibbs.sampling.second_order import SecondOrderChain
from tests.fingerprints import MODELS
from tests.sampling.gr_effects import DF, changed
from tests.sampling.models import fitted_design

WARMUP, SWEEPS = 60, 90
FURTHER: dict[str, tuple] = {
    "ordinal one factor": ("one_factor", "ordinal", "auto"),
    "known standard errors": ("one_factor", "gaussian", "joint"),
    "t effects, student": ("slopes", "student", "joint", "gr"),
    "t effects, probit nested": ("nested", "probit", "augmented", "gr"),
    "t effects, gaussian crossed": ("crossed_slopes", "gaussian", "joint", "gr"),
    "t effects, ordinal": ("one_factor", "ordinal", "auto", "gr"),
}
ALL = MODELS | FURTHER
"""As ``tests.fingerprints.MODELS``: every family and scheme, and more of Student-t effects, whose columns change as they are drawn."""


def design_of(name: str) -> Design:
    """A small simulated model."""
    structure, family, _, *gr = ALL[name]
    design = fitted_design(structure, family, rows=60, levels=5, known_se="standard errors" in name)
    return changed(design, np.random.default_rng(3), (0,), (0,), DF["gamma"]) if gr else design


def chain_of(name: str, seed: int = 7) -> Chain:
    """Its first chain, ready to go."""
    design = design_of(name)
    packed = pack.pack(design, plan.make(design, ALL[name][2]))
    kind = SecondOrderChain if packed.family == pack.SECOND_ORDER else Chain
    return kind(0, np.random.SeedSequence(seed), packed, design, WARMUP)


def go(chain: Chain, to: int, most: int) -> None:
    """On to ``to`` sweeps, at most so many a chunk."""
    while chain.done < to:
        chain.advance(min(most, to - chain.done))


def spoil(chain: Chain, rng: np.random.Generator) -> None:
    """All scratch ← nan, and here and there numbers."""
    for record in (chain.work, chain.trial):
        for array in record:
            array[...] = np.where(rng.random(array.shape) < 0.3, rng.normal(0.0, 1e3, array.shape), np.nan)


def kept(chain: Chain) -> dict[str, np.ndarray]:
    """The draws, and the counts under their names."""
    counts = chain.counts
    return chain.draws() | {name: np.asarray(counts.moves[name]) for name in counts.moves.dtype.names} | counts._asdict()


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Bit for bit."""
    different = [name for name in one if one[name].tobytes() != other[name].tobytes()]
    assert not different, different


@pytest.mark.parametrize("name", ALL)
def test_scratch_may_be_anything_between_two_chunks(name):
    """Chunks of 25 sweeps against chunks of 1, 2, 3 … with garbage in all scratch before each; the counts too are the same."""
    whole, cut = chain_of(name), chain_of(name)
    go(whole, SWEEPS + WARMUP, 25)
    rng, size = np.random.default_rng(1), 0
    while cut.done < SWEEPS + WARMUP:
        spoil(cut, rng)
        size = size % 7 + 1
        cut.advance(min(size, SWEEPS + WARMUP - cut.done))
    assert_same(kept(whole), kept(cut))
