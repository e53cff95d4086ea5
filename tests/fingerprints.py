"""Fingerprints of draws: which models a change made draw something else.

    python -m tests.fingerprints            # compare with tests/fingerprints.json; exit 1 where a model differs
    python -m tests.fingerprints --store    # write it anew, in a commit that says why
    python -m tests.fingerprints --since REV  # the commits since REV that changed the stored fingerprints, and of which models

Each is the SHA-256 of all that two chains keep (coefficients, hyper-parameters, effects, log-likelihood; 60 sweeps of warm-up, 20 draws)
for a small simulated model and two seeds. Bits hold for one kind of processor and one release of Numba and numpy (stored beside them):
elsewhere the comparison says nothing, and ``tests/test_fingerprints.py`` skips.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
from llvmlite import binding

from tests.sampling.gr_effects import DF, changed
from tests.sampling.models import fitted_design, run

STORED = Path(__file__).with_suffix(".json")
SEEDS = (1, 2)
MODELS: dict[str, tuple] = {
    "gaussian one factor": ("one_factor", "gaussian", "joint"),
    "gaussian slopes": ("slopes", "gaussian", "joint"),
    "gaussian two terms": ("two_terms", "gaussian", "joint"),
    "gaussian nested": ("nested", "gaussian", "joint"),
    "gaussian crossed joint": ("crossed", "gaussian", "joint"),
    "gaussian crossed slopes collapsed": ("crossed_slopes", "gaussian", "collapsed"),
    "gaussian one at a time": ("crossed_slopes", "gaussian", "one-at-a-time"),
    "student slopes": ("slopes", "student", "joint"),
    "student one at a time": ("crossed_slopes", "student", "one-at-a-time"),
    "probit one factor": ("one_factor", "probit", "augmented"),
    "probit crossed": ("crossed", "probit", "collapsed"),
    "probit second order": ("slopes", "probit", "second-order"),
    "logit nested": ("nested", "logit", "joint"),
    "logit second order": ("crossed", "logit", "second-order"),
    "binomial slopes": ("slopes", "binomial", "auto"),
    "poisson nested": ("nested", "poisson", "auto"),
    "negative binomial": ("one_factor", "negative_binomial", "auto"),
    "beta binomial nested": ("nested", "beta_binomial", "auto"),
    "ordinal slopes": ("slopes", "ordinal", "auto"),
    "t effects by groups, gaussian": ("slopes", "gaussian", "joint", "gr"),
    "t effects, logit augmented": ("one_factor", "logit", "augmented", "gr"),
    "t effects by groups, poisson": ("crossed", "poisson", "auto", "gr"),
}
"""name: structure, family, scheme, whether the first factor has Student-t effects in two groups of levels."""


def machine() -> dict[str, str]:
    """What bits depend on beside the code: the processor, its vector instructions, and the compiler."""
    vector = sorted(k for k, on in binding.get_host_cpu_features().items() if on and k.startswith(("avx", "fma", "sve", "neon")))
    return {
        "processor": platform.machine(),
        "instructions": hashlib.sha256(" ".join([binding.get_host_cpu_name(), *vector]).encode()).hexdigest()[:16],
        "numba": numba.__version__,
        "numpy": np.__version__,
    }


def fingerprint(name: str) -> str:
    """16 hexadecimal digits of the draws of a model of ``MODELS``."""
    structure, family, scheme, *gr = MODELS[name]
    design = fitted_design(structure, family, rows=60, levels=5)
    if gr:
        design = changed(design, np.random.default_rng(3), (0,), (0,), DF["gamma"])
    digest = hashlib.sha256()
    for seed in SEEDS:
        draws = run(design, scheme, seed=seed, warmup=60, draws=20, how=2, cores=1)
        for part in (draws.beta, draws.hyper, draws.u, draws.lp):
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]


def stored() -> dict:
    """What ``--store`` wrote last: {"machine": …, "models": {name: fingerprint}}."""
    return json.loads(STORED.read_text(encoding="utf-8"))


def _since(revision: str) -> None:
    """Print every commit that changed the stored fingerprints, oldest first, and the models that it changed."""
    place = STORED.relative_to(Path.cwd()).as_posix() if STORED.is_relative_to(Path.cwd()) else STORED.as_posix()
    git = lambda *words: subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout  # noqa: E731
    for line in reversed(git("log", "--format=%h %s", f"{revision}..HEAD", "--", place).splitlines()):
        commit = line.split()[0]
        before, after = (json.loads(git("show", f"{c}:{place}") or '{"models": {}}')["models"] for c in (f"{commit}~1", commit))
        names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        print(f"{line}\n    {', '.join(names) or 'no model'}")


def main(argv: list[str] | None = None) -> int:
    """The command; 1 where a model draws something else than stored."""
    parser = argparse.ArgumentParser(prog="python -m tests.fingerprints", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--store", action="store_true", help="write the fingerprints of this checkout")
    parser.add_argument("--since", metavar="REV", help="which commits since REV changed which models")
    options = parser.parse_args(argv)
    if options.since:
        _since(options.since)
        return 0
    found = {name: fingerprint(name) for name in MODELS}
    if options.store:
        STORED.write_text(json.dumps({"machine": machine(), "models": found}, indent=1) + "\n", encoding="utf-8")
        return 0
    if stored()["machine"] != machine():
        print("stored on another kind of processor, or with another numba: nothing to compare")
        return 0
    different = [name for name in MODELS if found[name] != stored()["models"].get(name)]
    print("\n".join(f"differs: {name}" for name in different) or f"{len(found)} models draw what they drew")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
