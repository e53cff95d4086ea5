"""Files of results: rows that are on the disk at once, read back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.suite import results

ROW = dict(zip(results.KEY, ("m5", "3000", "1", "gibbs", "1", "500", "1000"), strict=True))


def test_rows_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.csv"
    results.append(path, {**ROW, "status": results.OK, "means": '{"b_x, y": 1.5}', "note": 'a "word", and\nanother'})
    results.append(path, {**ROW, "engine": "jags", "status": results.MISSING})
    first, second = results.read([path])
    assert (first["means"], first["note"]) == ('{"b_x, y": 1.5}', 'a "word", and\nanother')
    assert second["engine"] == "jags" and second["ess_per_s"] == ""


def test_what_was_missing_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert results.done(path) == set()
    for engine, status in (("gibbs", results.OK), ("brms", results.MISSING), ("jags", results.FAILED), ("numpyro", results.LIMIT)):
        results.append(path, {**ROW, "engine": engine, "status": status})
    assert {key[3] for key in results.done(path)} == {"gibbs", "jags", "numpyro"}


def test_an_unfinished_line_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    results.append(path, {**ROW, "status": results.OK})
    whole = path.read_bytes()
    path.write_bytes(whole + b"m5,3000,1,ja")
    results.mend(path)
    assert path.read_bytes() == whole
    results.mend(path)
    assert path.read_bytes() == whole


def test_another_table_is_no_file_of_results(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(results.ResultsError, match=r"x\.csv is no file of results"):
        results.read([tmp_path / "x.csv"])
    with pytest.raises(results.ResultsError, match=r"y\.csv: No such file"):
        results.read([tmp_path / "y.csv"])
