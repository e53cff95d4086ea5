"""Compiled code never outlives the sources it was compiled from."""

from __future__ import annotations

from pathlib import Path

from numba import config

from gibbs import kernels
from gibbs.kernels import hyper, sweep

SOURCES = Path(kernels.__file__).resolve().parent


def test_any_change_of_any_kernel_is_another_folder(tmp_path):
    for path in SOURCES.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    same = kernels.cache_folder(tmp_path, "base")
    assert same == kernels.cache_folder(SOURCES, "base")
    (tmp_path / "hyper.py").write_text((tmp_path / "hyper.py").read_text() + "\n")
    assert kernels.cache_folder(tmp_path, "base") != same


def test_the_kernels_keep_their_code_there_and_others_do_not():
    folder = kernels.cache_folder(SOURCES, config.CACHE_DIR)
    for function in (sweep.run_chunk, hyper.draw_hyper):
        assert str(folder) in function.stats.cache_path
    assert folder.name not in str(config.CACHE_DIR)
