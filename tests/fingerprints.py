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
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import binding

from gibbs.model import by_group
from gibbs.model.records import Design, Sampling
from gibbs.sampling import chains, plan
from tests.sampling.cases import by_factors
from tests.sampling.gr_effects import DF, changed
from tests.sampling.models import fitted_design
from tests.sampling.structured_effects import changed as structured

STORED = Path(__file__).with_suffix(".json")
SEEDS = (1, 2)


class Model(NamedTuple):
    """A simulated model of 60 rows and five levels a factor.

    gr : whether the first factor has Student-t effects in two groups of levels.
    order : of the expansion by which second-order decisions read single rows; 0: they pass over all.
    rounds : of moves of the variances by rows; None: as the plan says.
    kinds : of each factor's levels, as ``tests.sampling.structured_effects`` has them; () where all are exchangeable.
    """

    structure: str
    family: str
    scheme: str
    gr: bool = False
    order: int = 0
    kinds: tuple[str, ...] = ()
    rounds: int | None = None

    def design(self, *, known_se: bool = False) -> Design:
        """Its rows, effects and priors."""
        made = fitted_design(self.structure, self.family, rows=60, levels=5, known_se=known_se)
        if self.kinds:
            return structured(made, self.kinds, np.random.default_rng(3))
        return changed(made, np.random.default_rng(3), (0,), (0,), DF["gamma"]) if self.gr else made


MODELS: dict[str, Model] = {
    "gaussian one factor": Model("one_factor", "gaussian", "joint"),
    "gaussian slopes": Model("slopes", "gaussian", "joint"),
    "gaussian two terms": Model("two_terms", "gaussian", "joint"),
    "gaussian nested": Model("nested", "gaussian", "joint"),
    "gaussian crossed joint": Model("crossed", "gaussian", "joint"),
    "gaussian crossed slopes collapsed": Model("crossed_slopes", "gaussian", "collapsed"),
    "gaussian one at a time": Model("crossed_slopes", "gaussian", "one-at-a-time"),
    "student slopes": Model("slopes", "student", "joint"),
    "student one at a time": Model("crossed_slopes", "student", "one-at-a-time"),
    "probit one factor": Model("one_factor", "probit", "augmented"),
    "probit crossed": Model("crossed", "probit", "collapsed"),
    "probit second order": Model("slopes", "probit", "second-order"),
    "logit nested": Model("nested", "logit", "joint"),
    "logit second order by rows": Model("nested_crossed", "logit", "second-order", rounds=1),
    "logit second order": Model("crossed", "logit", "second-order"),
    "binomial slopes": Model("slopes", "binomial", "auto"),
    "poisson nested": Model("nested", "poisson", "auto"),
    "negative binomial": Model("one_factor", "negative_binomial", "auto"),
    "beta binomial nested": Model("nested", "beta_binomial", "auto"),
    "ordinal slopes": Model("slopes", "ordinal", "auto"),
    "t effects by groups, gaussian": Model("slopes", "gaussian", "joint", gr=True),
    "t effects, logit augmented": Model("one_factor", "logit", "augmented", gr=True),
    "t effects by groups, poisson": Model("crossed", "poisson", "auto", gr=True),
    "probit by factors": Model("crossed", "probit", "second-order", order=3),
    "logit slopes by factors": Model("slopes", "logit", "second-order", order=2),
    "poisson by factors": Model("one_factor", "poisson", "second-order", order=3),
    "ar1 slopes, gaussian": Model("slopes", "gaussian", "joint", kinds=("ar1",)),
    "bym2 crossed, poisson": Model("crossed", "poisson", "auto", kinds=("bym2", "")),
    "field of areas, gaussian crossed": Model("crossed", "gaussian", "auto", kinds=("icar*", "")),
    "field of a walk, poisson": Model("one_factor", "poisson", "auto", kinds=("rw2*",)),
    "field of a long autoregression, gaussian": Model("one_factor", "gaussian", "auto", kinds=("ar1*",)),
    "field of areas with a part of their own, poisson": Model("nested", "poisson", "auto", kinds=("bym2*", "")),
    "t effects and leroux, probit augmented": Model("crossed", "probit", "joint", kinds=("t", "leroux")),
}


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
    model = MODELS[name]
    digest = hashlib.sha256()
    seen = by_group.arrange(model.design())
    made = by_factors(seen, model.order) if model.order else plan.make(seen, model.scheme)
    made = made if model.rounds is None else replace(made, rounds=model.rounds)
    for seed in SEEDS:
        draws = chains.run(seen, made, Sampling(chains=2, seed=seed, warmup=60, draws=20, scheme=model.scheme, cores=1))
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
