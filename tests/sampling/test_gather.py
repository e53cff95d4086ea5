"""What chains have kept, gathered: chunk after chunk, cut to the shortest chain, and let go."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from gibbs.sampling import gather
from gibbs.sampling.chain import Kept


def test_chunks_become_arrays_of_all_chains_and_are_let_go() -> None:
    rng = np.random.default_rng(1)
    widths = {"beta": (2,), "L": (4,), "scale": (2,), "own": (0,), "lp": (), "u": (7,)}
    chains = [
        SimpleNamespace(kept=[Kept(*(rng.normal(size=(size, *widths[name])) for name in Kept.NAMES)) for size in chunks])
        for chunks in ([1, 4, 100, 7], [50, 60], [200])
    ]
    wanted = {name: np.stack([np.concatenate([getattr(o, name) for o in chain.kept])[:110] for chain in chains]) for name in Kept.NAMES}
    found = gather._stack(chains, 110)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)
    assert not any(chain.kept for chain in chains)
