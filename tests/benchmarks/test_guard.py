"""The guard of speed that CI runs: ``pytest -m guard``. Ratios between engines that run in turn, so a slow machine is no alarm."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import main


@pytest.mark.guard
def test_no_ratio_is_below_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["guard"])
    assert code == 0, capsys.readouterr().out
