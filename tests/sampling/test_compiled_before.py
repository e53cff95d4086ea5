"""Whether the sampler was compiled before is told from the files that Numba makes, without importing it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gibbs.kernels import factorised, second_order, sweep
from gibbs.sampling.compiled_before import compiled_before

KERNELS = {
    "joint": sweep.draw_jointly,
    "joint by rows": sweep.draw_jointly,
    "collapsed": sweep.draw_core_and_unit,
    "one-at-a-time": sweep.step_effects,
    "second-order": second_order.run_second_order,
    "second-order by factors": factorised.run_factorised,
}


@pytest.mark.parametrize("scheme", KERNELS)
def test_the_file_is_the_one_that_the_kernel_would_be_read_from(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba says where it keeps the kernel; that place, under another root, is looked at."""
    kernel = KERNELS[scheme]
    place = Path(kernel.stats.cache_path)
    folder = tmp_path / place.parent.name / place.name
    folder.mkdir(parents=True)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not compiled_before(scheme)
    name = kernel._cache._impl.filename_base
    (folder / f"{name}.nbi").touch()
    assert compiled_before(scheme)
    assert [other for other in KERNELS if compiled_before(other)] == [other for other in KERNELS if KERNELS[other] is kernel]


def test_nothing_is_imported_for_it() -> None:
    program = (
        "import sys; from gibbs.sampling.compiled_before import compiled_before; compiled_before('joint'); print('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
