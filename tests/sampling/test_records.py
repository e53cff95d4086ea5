"""What a chain is: State, Tuning and Counts, and nothing else. Scratch may be anything between two chunks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gibbs.kernels import layout as kl
from gibbs.model import by_group
from gibbs.model.records import Design
from gibbs.sampling import pack, plan, snapshot, standing
from gibbs.sampling.chain import Chain
from gibbs.sampling.chains import kind_of
from tests.fingerprints import MODELS, Model
from tests.sampling.cases import by_factors

ROOT = Path(__file__).parents[2]
WARMUP, SWEEPS = 60, 90
FURTHER: dict[str, Model] = {
    "ordinal one factor": Model("one_factor", "ordinal", "auto"),
    "known standard errors": Model("one_factor", "gaussian", "joint"),
    "t effects, student": Model("slopes", "student", "joint", gr=True),
    "t effects, probit nested": Model("nested", "probit", "augmented", gr=True),
    "t effects, gaussian crossed": Model("crossed_slopes", "gaussian", "joint", gr=True),
    "t effects, ordinal": Model("one_factor", "ordinal", "auto", gr=True),
    "poisson slopes by factors": Model("slopes", "poisson", "second-order", order=2),
    "ar1 nested, logit augmented": Model("nested", "logit", "joint", kinds=("ar1", "")),
    "field of areas, poisson": Model("one_factor", "poisson", "auto", kinds=("icar*",)),
    "field nested, logit augmented": Model("nested", "logit", "augmented", kinds=("icar*", "")),
    "two fields, gaussian": Model("crossed", "gaussian", "auto", kinds=("rw2*", "icar*")),
    "leroux one at a time": Model("crossed", "gaussian", "one-at-a-time", kinds=("leroux", "")),
}
ALL = MODELS | FURTHER
"""As ``tests.fingerprints.MODELS``: every family and scheme, and more of laws whose columns change as they are drawn."""


def design_of(name: str) -> Design:
    """A small simulated model."""
    return ALL[name].design(known_se="standard errors" in name)


def chain_of(name: str, seed: int = 7) -> Chain:
    """Its first chain, ready to go."""
    design = by_group.arrange(design_of(name))
    model = ALL[name]
    packed = pack.pack(design, by_factors(design, model.order) if model.order else plan.make(design, model.scheme))
    return kind_of(packed)(0, np.random.SeedSequence(seed), packed, design, WARMUP)


def go(chain: Chain, to: int, most: int) -> None:
    """On to ``to`` sweeps, at most so many a chunk."""
    while chain.done < to:
        chain.advance(min(most, to - chain.done))


def spoil(chain: Chain, rng: np.random.Generator) -> None:
    """All scratch ← nan, and here and there numbers; then all that is made of State and Tuning, which is made anew."""
    scratch = [*chain.work, *chain.trial]
    if chain.packed.student.size:
        scratch += [chain.rows.Z[:, f.z0 : f.z0 + f.width] for f in chain.packed.layout.factor[chain.packed.student]]
    if chain.packed.neighbours.chosen.size:
        scratch += [chain.layout.basis, chain.between.neighbours.root]
    of, names = chain.packed.family, ("node", "h", "m", "core", "cross_value")
    if not chain.packed.own_laws.size:  # what never changes is not made anew
        names = {kl.GAUSSIAN: (), kl.PROBIT: ("h", "m")}.get(of, names if of == pack.SECOND_ORDER else names[:-1])
    scratch += [getattr(chain.gram, name) for name in names]
    for array in scratch:
        if array.dtype == np.int64:
            array[...] = rng.integers(-(2**40), 2**40, array.shape)
            continue
        array[...] = np.where(rng.random(array.shape) < 0.3, rng.normal(0.0, 1e3, array.shape), np.nan)
    chain.derive()


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


STOPS = (11, WARMUP, WARMUP + 37)
"""Sweeps after which a chain is handed over: in warm-up, at its end, later."""


def go_on(folder: Path) -> None:
    """In another process: every chain of ``folder`` to its end, from where it was."""
    for place in sorted(folder.glob("*.before.npz")):
        name = place.name.removesuffix(".before.npz")
        with np.load(place, allow_pickle=False) as file:
            parts = dict(file)
        chain = chain_of(name.partition(".")[2], seed=8)  # its own draws would be others
        snapshot.put(chain, parts)
        go(chain, WARMUP + SWEEPS, 13)
        np.savez(folder / f"{name}.after.npz", **kept(chain))


def test_a_chain_goes_on_in_another_process(tmp_path):
    """State, Tuning and Counts in a file are all that it takes; every model at one of the stops in turn."""
    wanted = {}
    for k, name in enumerate(ALL):
        chain, stop = chain_of(name), STOPS[k % len(STOPS)]
        go(chain, stop, 10)
        before = len(chain.kept)
        np.savez(tmp_path / f"{stop}.{name}.before.npz", **snapshot.take(chain))
        go(chain, WARMUP + SWEEPS, 10)
        chain.kept = chain.kept[before:]
        wanted[f"{stop}.{name}"] = kept(chain)
    program = "import sys, pathlib; from tests.sampling.test_records import go_on; go_on(pathlib.Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for name, one in wanted.items():
        with np.load(tmp_path / f"{name}.after.npz", allow_pickle=False) as other:
            assert_same(one, dict(other))


def test_a_snapshot_of_another_model_is_refused():
    parts = snapshot.take(chain_of("gaussian slopes"))
    with pytest.raises(ValueError, match="not float64"):
        snapshot.put(chain_of("gaussian nested"), parts)
    with pytest.raises(ValueError, match=r"no 'state\.eta'"):
        snapshot.put(chain_of("poisson nested"), parts)


def test_other_arrays_are_another_format():
    """What a run is gone on with by another version: where the names here change, so does ``standing.FORMAT``, and old runs are refused."""
    names = {
        "gaussian slopes": {
            "fit",
            "root",
            "widening",
            "plain_fit",
            "plain_root",
            "reference",
            "width",
            "own_step",
            "own_fit",
        },
        "poisson nested": {
            "fit",
            "root",
            "widening",
            "steps",
            "psi_root",
            "information",
            "slope",
            "omega",
            "linear",
            "centre",
            "first",
            "sums",
        },
        "field of areas, poisson": {"pieces"},
        "probit by factors": {"fit", "root", "widening", "steps", "centre", "drawn", "spread"},
    }
    names["field of areas, poisson"] |= names["poisson nested"]
    for name, wanted in names.items():
        learnt = {key for key in chain_of(name).learnt() if not key.startswith("which.")}
        assert learnt == wanted | names["gaussian slopes"]
    assert standing.FORMAT == 8
