"""What a process would compute with: versions, the state of this package's own code, and the kind of processor.

Draws are the same, bit for bit, where all of it is the same.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path


def here() -> dict[str, str]:
    """Of this process: gibbs, python, numpy, numba, code, processor."""
    import numba
    import numpy

    from gibbs.version import __version__

    return {
        "gibbs": __version__,
        "python": ".".join(map(str, sys.version_info[:2])),
        "numpy": numpy.__version__,
        "numba": numba.__version__,
        "code": code(),
        "processor": processor(),
    }


def processor() -> str:
    """What bits depend on beside the code: the kind of processor, as the compiler sees it."""
    from llvmlite import binding

    return f"{platform.machine()} {binding.get_host_cpu_name()}"


def code() -> str:
    """A fingerprint of the modules of this package, kernels among them: two checkouts of one version may differ."""
    from gibbs import kernels

    digest = hashlib.sha256()
    for folder in (Path(__file__).parents[1], Path(kernels.__file__ or "").parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
