"""Whether a run folder holds what a spec would write again: the same resolved spec, the same data, the same version of this package."""

from __future__ import annotations

import json
from pathlib import Path

from gibbs.errors import GibbsError
from gibbs.model.records import Spec
from gibbs.runfolder import runfolder


def holds(folder: Path, spec: Spec) -> bool:
    """Whether ``folder`` is the run of ``spec``, whole and not stopped short: drawing it again would give the same draws.

    The data are read for it, because they may have changed. What cannot be read is another run.
    """
    from gibbs.model import data, formula
    from gibbs.model import spec as specs
    from gibbs.version import __version__

    if not runfolder.is_run(folder):
        return False
    try:
        written = (folder / "spec.yaml").read_text(encoding="utf-8")
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if _words(written) != _words(specs.to_yaml(spec, folder=folder)):
            return False
        if manifest["versions"]["gibbs"] != __version__ or manifest["stopped"] or not (folder / "summary.csv").is_file():
            return False
        table = data.read(spec, None, formula.variables(spec.parsed))
        return manifest["data"]["fingerprint"] == table.fingerprint
    except (OSError, ValueError, KeyError, TypeError, GibbsError):
        return False


def _words(text: str) -> list[str]:
    """A spec without comments, the folder it is written to, and how many threads draw it: they change no draw."""
    return [line for line in text.splitlines() if not line.startswith(("#", "output:")) and not line.strip().startswith("cores:")]
