"""What a chain is between two chunks, as named arrays and a few numbers: State, Tuning and Counts, and nothing else.

``take`` copies them, ``put`` gives them to another Chain of the same model, in this process or another, which goes on to the same draws
bit for bit. Scratch is not among them, nor what can be had again from them (``Chain.derive``).

    rng.…       the bit generator
    state.…     ``kernels.layout.State``
    tuning.…    what warm-up has learnt, ``Chain.learnt`` and ``Chain.SETTLED``
    counts.…    ``kernels.layout.Counts``
    history.…   draws of warm-up since it learnt last
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gibbs.sampling.chain import Chain

Snapshot = dict[str, np.ndarray]


def take(chain: Chain) -> Snapshot:
    """A copy; the chain must not be in the middle of a chunk."""
    from gibbs.sampling.chain import Kept

    parts = {name: np.array(array) for name, array in _live(chain).items()}
    parts |= {f"tuning.{name}": np.array(getattr(chain, name)) for name in chain.SETTLED}
    parts["done"] = np.array(chain.done)
    parts["seconds"] = np.array(chain.seconds)
    bits = chain.rng.bit_generator.state
    parts["rng.state"] = np.array(bits["state"]["state"], dtype=np.uint64)
    parts["rng.half"] = np.array([bits["has_uint32"], bits["uinteger"]], dtype=np.uint64)
    history = chain.history or [chain.new_kept(0, True)]
    for name in Kept.NAMES:
        parts[f"history.{name}"] = np.concatenate([getattr(chunk, name) for chunk in history])
    return parts


def put(chain: Chain, parts: Snapshot) -> None:
    """``chain``, fresh, of the same model and the same warm-up, ← the snapshot. ValueError: it is one of another model."""
    from gibbs.sampling.chain import Kept

    live = _live(chain)
    wanted = {*live, *(f"tuning.{name}" for name in chain.SETTLED), *(f"history.{name}" for name in Kept.NAMES)}
    if missing := sorted(wanted - set(parts)):
        raise ValueError(f"no '{missing[0]}'")
    for name, array in live.items():
        if parts[name].shape != array.shape or parts[name].dtype != array.dtype:
            raise ValueError(f"'{name}' is {parts[name].dtype} {parts[name].shape}, not {array.dtype} {array.shape}")
        array[...] = parts[name]
    for name in chain.SETTLED:
        setattr(chain, name, parts[f"tuning.{name}"].item())
    chain.done = int(parts["done"])
    chain.seconds = parts["seconds"].tolist()
    bits: Any = chain.rng.bit_generator.state
    bits["state"]["state"] = parts["rng.state"].copy()
    bits["has_uint32"], bits["uinteger"] = (int(x) for x in parts["rng.half"])
    chain.rng.bit_generator.state = bits
    history = Kept(*(parts[f"history.{name}"].copy() for name in Kept.NAMES))
    chain.history = [history] if history.lp.size else []
    chain.restored()


def _live(chain: Chain) -> dict[str, np.ndarray]:
    """The chain's own arrays."""
    live = {f"state.{name}": array for name, array in chain.state._asdict().items()}
    live |= {f"tuning.{name}": array for name, array in chain.learnt().items()}
    live |= {f"counts.{name}": chain.counts.moves[name] for name in chain.counts.moves.dtype.names}
    return live | {"counts.tried": chain.counts.tried, "counts.accepted": chain.counts.accepted}
