"""Install what the registries have of the peers, each where it cannot hurt: R's from the system's packages, Python's into an environment
of their own. What cannot be had is reported as missing, and its rows say so; nothing of it is needed for this package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable

from benchmarks.engines.record import PEERS, R
from benchmarks.engines.registry import ENGINES, NO_ADAPTOR
from benchmarks.suite import machine

PYTHON_PACKAGES = ("pymc", "nutpie", "numpyro", "bambi", "statsmodels", "mixedlm", "glmm", "matplotlib<3.11")
"""The last because bambi's pictures, imported with it, break with later ones."""
SYSTEM_PACKAGES = (
    "jags", "r-base-core", "r-cran-jsonlite", "r-cran-rjags", "r-cran-coda", "r-cran-lme4", "r-cran-glmmtmb", "r-cran-ordinal",
    "r-cran-rstanarm", "r-cran-rstan", "r-cran-brms",
)  # fmt: skip


def install(say: Callable[[str], object], *, dry: bool = False) -> int:
    """Install, then say which engines there are. Exit code 0 whatever is missing."""
    if not dry:
        _system(say)
        _python(say)
    return report(say)


def _system(say: Callable[[str], object]) -> None:
    """Debian's packages one by one, so that one that is not there does not keep the others away."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        say("R's engines: not installed here (that takes apt-get and root): " + " ".join(SYSTEM_PACKAGES))
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], env=environment, capture_output=True)
    for name in SYSTEM_PACKAGES:
        done = subprocess.run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", name], env=environment, capture_output=True, text=True
        )
        say(f"  {name}: {'installed' if done.returncode == 0 else 'not to be had'}")


def _python(say: Callable[[str], object]) -> None:
    """Packages of the Python index into the peers' environment."""
    folder = machine.peers_folder()
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    program = str(folder / "bin" / "python")
    if subprocess.run([program, "-m", "pip", "install", "-q", "--no-input", *PYTHON_PACKAGES], capture_output=True).returncode == 0:
        say(f"  {', '.join(PYTHON_PACKAGES)}: installed")
        return
    for name in PYTHON_PACKAGES:
        done = subprocess.run([program, "-m", "pip", "install", "-q", "--no-input", name], capture_output=True)
        say(f"  {name}: {'installed' if done.returncode == 0 else 'not to be had'}")


def report(say: Callable[[str], object]) -> int:
    """Every engine with its versions, or what it lacks."""
    places = {R: "R", PEERS: "peers' Python"}
    for engine in ENGINES.values():
        words, absent = machine.versions(engine, sys.executable)
        say(f"  {engine.name:<22}{places.get(engine.where, 'this Python'):<16}{words or f'missing: {absent}'}")
    for name, reason in NO_ADAPTOR.items():
        say(f"  {name:<22}{'':<16}missing: {reason}")
    return 0
