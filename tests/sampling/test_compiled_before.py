"""Whether the sampler was compiled before is told from the files that Numba makes, without importing it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gibbs.sampling.chain import Chain
from gibbs.sampling.compiled_before import compiled_before
from gibbs.sampling.second_order import SecondOrderChain

LOOPS = [("joint", Chain), ("collapsed", Chain), ("one-at-a-time", Chain), ("second-order", SecondOrderChain)]


@pytest.mark.parametrize(("scheme", "kind"), LOOPS, ids=[scheme for scheme, _ in LOOPS])
def test_the_file_is_the_one_that_the_kernel_would_be_read_from(
    scheme: str, kind: type[Chain], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numba says where it keeps the loop; that place, under another root, is looked at."""
    place = Path(kind.LOOP.stats.cache_path)
    folder = tmp_path / place.parent.name / place.name
    folder.mkdir(parents=True)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not compiled_before(scheme)
    cached = kind.LOOP._cache
    name = cached._impl.filename_base
    (folder / f"{name}.nbi").touch()
    assert compiled_before(scheme)
    assert not compiled_before("second-order" if kind is Chain else "joint")


def test_nothing_is_imported_for_it() -> None:
    program = (
        "import sys; from gibbs.sampling.compiled_before import compiled_before; compiled_before('joint'); print('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
