"""What a chain is between two chunks, as named arrays and a few numbers: State, Tuning and Counts, and nothing else.

``take`` copies them, ``put`` gives them to another Chain of the same model, in this process or another, which goes on to the same draws
bit for bit. Scratch is not among them, nor what can be had again from them (``Chain.derive``).

    rng.…       the bit generator
    state.…     ``kernels.layout.State``, but for ``Chain.redrawn``
    tuning.…    what warm-up has learnt, ``Chain.learnt`` and ``Chain.SETTLED``; how long it is, and where it learns
    counts.…    ``kernels.layout.Counts``
    history.…   draws of warm-up since it learnt last
    warm.…      all of them, in a run to precision that may make warm-up longer
    stream.…    what was added up of the effects that are not stored, ``Stream.parts``

The draws that are kept are not part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gibbs.sampling.chain import Chain

Snapshot = dict[str, np.ndarray]
NUMBERS = ("done", "warmup", "boundaries", "keep_every", "rejected")
"""Whole numbers of a chain beside its records."""


def take(chain: Chain) -> Snapshot:
    """A copy; the chain must not be in the middle of a chunk."""
    from gibbs.sampling.chain import Kept

    parts = {name: np.array(array) for name, array in _live(chain).items()}
    parts |= {f"tuning.{name}": np.array(getattr(chain, name)) for name in chain.SETTLED}
    parts |= {name: np.array(getattr(chain, name), dtype=np.int64) for name in NUMBERS}
    parts["seconds"], parts["mark"] = np.array(chain.seconds), chain.mark.copy()
    bits = chain.rng.bit_generator.state
    parts["rng.state"] = np.array(bits["state"]["state"], dtype=np.uint64)
    parts["rng.half"] = np.array([bits["has_uint32"], bits["uinteger"]], dtype=np.uint64)
    none = [chain.new_kept(0, True)]
    for what, chunks in (("history", chain.history or none), *([] if chain.warm is None else [("warm", chain.warm or none)])):
        for name in Kept.NAMES:
            parts[f"{what}.{name}"] = np.concatenate([getattr(chunk, name) for chunk in chunks])
    if chain.stream is not None:
        parts |= {f"stream.{name}": part for name, part in chain.stream.parts().items()}
    return parts


def put(chain: Chain, parts: Snapshot, *, derive: bool = True) -> None:
    """``chain``, of the same model and the same warm-up, ← the snapshot. ValueError: it is one of another model.

    The chain is fresh; or, without ``derive``, one that makes no sweep itself, and needs nothing that can be had again.
    """
    from gibbs.sampling.chain import Kept

    live = _live(chain)
    wanted = {*live, *NUMBERS, "seconds", "mark", "rng.state", "rng.half"}
    wanted |= {f"tuning.{name}" for name in chain.SETTLED} | {f"history.{name}" for name in Kept.NAMES}
    wanted |= set() if chain.stream is None else {f"stream.{name}" for name in chain.stream.parts()}
    if missing := sorted(wanted - set(parts)):
        raise ValueError(f"no '{missing[0]}'")
    for name, array in live.items():
        if parts[name].shape != array.shape or parts[name].dtype != array.dtype:
            raise ValueError(f"'{name}' is {parts[name].dtype} {parts[name].shape}, not {array.dtype} {array.shape}")
        array[...] = parts[name]
    for name in chain.SETTLED:
        setattr(chain, name, parts[f"tuning.{name}"].item())
    for name in NUMBERS:
        value = parts[name].tolist()
        setattr(chain, name, tuple(value) if isinstance(value, list) else value)
    chain.seconds, chain.mark = parts["seconds"].tolist(), parts["mark"].copy()
    bits: Any = chain.rng.bit_generator.state
    bits["state"]["state"] = parts["rng.state"].copy()
    bits["has_uint32"], bits["uinteger"] = (int(x) for x in parts["rng.half"])
    chain.rng.bit_generator.state = bits
    history = Kept(*(parts[f"history.{name}"].copy() for name in Kept.NAMES))
    chain.history = [history] if history.lp.size else []
    chain.warm = [Kept(*(parts[f"warm.{name}"].copy() for name in Kept.NAMES))] if "warm.lp" in parts else None
    if chain.stream is not None:
        chain.stream.put({name.removeprefix("stream."): part for name, part in parts.items() if name.startswith("stream.")})
    if derive:
        chain.restored()


def _live(chain: Chain) -> dict[str, np.ndarray]:
    """The chain's own arrays."""
    live = {f"state.{name}": array for name, array in chain.state._asdict().items() if name not in chain.redrawn}
    live |= {f"tuning.{name}": array for name, array in chain.learnt().items()}
    live |= {f"counts.{name}": chain.counts.moves[name] for name in chain.counts.moves.dtype.names}
    return live | {"counts.tried": chain.counts.tried, "counts.accepted": chain.counts.accepted}
