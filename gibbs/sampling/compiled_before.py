"""Whether the sampler was compiled before, seen from its files alone: nothing is imported, for ``gibbs check`` is to answer at once."""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

LAST = {
    "second-order": "second_order.run_second_order",
    "second-order by rows": "second_order.run_second_order",
    "second-order by factors": "factorised.run_factorised",
    "collapsed": "sweep.draw_core_and_unit",
    "collapsed by rows": "sweep.draw_core_and_unit",
    "one-at-a-time": "sweep.step_effects",
}
"""Module and name of a kernel that is compiled late, by what is compiled (``Plan.compiled``)."""
OTHER = "sweep.draw_jointly"


def compiled_before(scheme: str) -> bool:
    """Whether what ``scheme`` compiles late is in the cache, in the folder that ``gibbs.kernels`` and Numba give it (``cache_folder``)."""
    found = find_spec("gibbs.kernels")
    if found is None or found.origin is None:
        return False
    sources = Path(found.origin).resolve().parent
    digest = hashlib.sha256()
    for path in sorted(sources.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    try:
        base = os.environ.get("NUMBA_CACHE_DIR") or str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gibbs-engine")
    except RuntimeError:  # no home folder
        return False
    own = f"{sources.name}_{hashlib.sha1(str(sources).encode(), usedforsecurity=False).hexdigest()}"
    folder = Path(base) / f"kernels-{digest.hexdigest()[:16]}" / own
    return next(folder.glob(f"{LAST.get(scheme, OTHER)}-*.nbi"), None) is not None
