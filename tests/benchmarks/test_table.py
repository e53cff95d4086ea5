"""The table and the picture: medians with ranges, what ran out of time, what is missing, what has another posterior."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.suite import guard, picture, results
from benchmarks.suite.grid import GridError
from benchmarks.suite.table import brief, grown, lines, ratio, short, spread, table

ROOT = Path(__file__).parents[2]


def row(engine: str, seed: int = 1, **more: Any) -> dict[str, str]:
    """A row that was measured, changed as asked."""
    filled = dict.fromkeys(results.COLUMNS, "") | {
        "problem": "m5", "rows": "3000", "data_seed": "1", "engine": engine, "seed": str(seed), "warmup": "500", "draws": "1000",
        "date": "2026-11-28 12:00", "status": results.OK, "gives": "posterior", "setup_s": "1", "compile_s": "2", "warmup_s": "3",
        "sampling_s": "4", "wall_s": "11", "cpu_s": "10", "peak_mb": "100", "kept": "1000", "parameters": "8", "bulk_least": "500",
        "bulk_least_of": "sd_g__x", "bulk_median": "900", "tail_least": "600", "tail_least_of": "b_x", "tail_median": "800",
        "rhat_worst": "1.001", "ess_per_s": "125", "s_to_400": "9.2", "agreement": "agrees", "differs_most": "b_x, mean", "z": "1.5",
        "means": json.dumps({"b_x": 1.0}), "sds": json.dumps({"b_x": 0.1}), "used_rows": "2990", "levels": "60", "load": "3",
        "versions": f"{engine} 1.0", "machine": "a machine", "configuration": "{}",
    }  # fmt: skip
    return filled | {key: str(value) for key, value in more.items()}


NOT = {"gives": "posterior", "bulk_least": "", "tail_least": "", "ess_per_s": "", "s_to_400": "", "kept": "", "agreement": ""}
POINT = {"bulk_least": "", "ess_per_s": "", "s_to_400": ""}
ROWS = [
    row("gibbs", 1, ess_per_s=1000, s_to_400=1.0),
    row("gibbs", 2, ess_per_s=3000, s_to_400=0.5),
    row("gibbs", 3, ess_per_s=2000, s_to_400=0.7),
    row("jags", ess_per_s=10, agreement="DIFFERS", differs_most="b_x, mean", z=9.1),
    row("numpyro", status=results.LIMIT, note="ended after 300 s", wall_s=320, **NOT),
    row("brms", status=results.MISSING, note="brms not installed", **NOT),
    row("lme4", gives="point", agreement="point estimate", differs_most="b_x, 0.02 posterior sds", priors="none", **POINT),
    row("rstanarm", agreement="other priors", differs_most="sd_g__x, 95 %", z=4.2, priors="decov"),
]


def test_the_table_says_what_each_engine_did() -> None:
    text = table(ROWS)
    parts = [line.split("|") for line in text.splitlines() if line.count("|") > 5]
    cells = {one[1].strip(): [cell.strip() for cell in one[2:-1]] for one in parts}
    assert "### M.5: 2,990 rows, 60 levels" in text
    assert cells["gibbs"][:3] == ["2,000 (1,000–3,000)", "", "0.7 (0.5–1)"]
    assert cells["gibbs"][4] == "500 of 1,000 (`sd_g__x`)"
    assert cells["JAGS as people write it"][1] == "200"
    assert cells["JAGS as people write it"][-1] == "**DIFFERS**: b_x, mean by 9.1 errors"
    assert cells["NumPyro"][2] == "> 300 s" and cells["NumPyro"][-1] == "time limit: ended after 300 s"
    assert cells["brms + rstan"][-1] == "missing: brms not installed"
    assert cells["lme4 (point estimate)"][2] == "fit 5" and cells["lme4 (point estimate)"][0] == ""
    assert cells["rstanarm"][-1] == "other priors: sd_g__x, 95 % by 4.2 errors"
    assert "Missing: brms + rstan (brms not installed); MCMCglmm (" in text
    assert "Priors as stated, but for: lme4 (point estimate): none; rstanarm: decov." in text


def test_engines_that_were_missing_and_came_are_shown_as_they_came() -> None:
    found = lines([row("brms", status=results.MISSING, note="brms not installed", **NOT), row("brms", ess_per_s=5)])
    assert len(found) == 1 and [run["status"] for run in found[0].runs] == [results.OK]


def test_no_rows_is_no_table() -> None:
    assert table([]) == "No rows."


def test_figures_are_short() -> None:
    assert (short(12345.6), short(0.012345), short(float("nan"))) == ("12,346", "0.0123", "–")
    assert spread([1.0]) == "1" and spread([]) == "" and spread([1.0, 1.0001]) == "1"
    assert ratio(10.0, 0.0) == "" and ratio(1234.0, 1.0) == "1,200"


def test_the_picture_marks_what_is_no_time_to_400(tmp_path: Path) -> None:
    of = {line.engine: picture.seconds(line) for line in lines(ROWS)}
    assert of["gibbs"] == (0.7, "o") and of["jags"] == (9.2, picture.WRONG_MARK)
    assert of["numpyro"] == (320.0, picture.LIMIT_MARK) and of["lme4"] == (5.0, picture.POINT_MARK)
    assert picture.draw([*ROWS, row("gibbs", rows=30000, used_rows=30000)], tmp_path / "a" / "p.png").stat().st_size > 10_000
    with pytest.raises(results.ResultsError, match="no row with a time"):
        picture.draw([row("null", gives="null")], tmp_path / "none.png")


def test_a_ratio_is_compared_with_its_limit() -> None:
    found = lines(ROWS)
    said = {"problem": "m5", "rows": 3000, "engine": "gibbs", "over": "jags"}
    assert guard.compare({**said, "at_least": 150}, found)[1]
    words, ok = guard.compare({**said, "at_least": 250}, found)
    assert not ok and words == "m5, 3000 rows: gibbs is 200 of jags; at least 250"
    with pytest.raises(GridError, match="the grid does not run both"):
        guard.compare({**said, "over": None, "at_least": 1}, found)
    with pytest.raises(GridError, match="Did you mean 'at_least'"):
        guard.compare({**said, "atleast": 1}, found)


def test_the_brief_table_has_a_column_for_every_engine_and_problems_of_several_sizes_alone() -> None:
    more = [
        row("gibbs", rows=30000, s_to_400=2.0),
        row("jags", rows=30000, s_to_400=800),
        row("gibbs", problem="m1"),
        row("null", gives="null"),
    ]
    found = grown([*ROWS, *more])
    assert {one["problem"] for one in found} == {"m5"}
    head, _, small, large, _, where = brief(found).splitlines()
    assert [cell.strip() for cell in head.split("|")[1:-1]] == [
        "model", "rows", "gibbs", "JAGS as people write it", "rstanarm", "lme4 (point estimate)",
    ]  # fmt: skip
    assert [cell.strip() for cell in small.split("|")[1:-1]] == ["M.5", "3,000", "0.7", "9.2 (another posterior)", "9.2", "5"]
    assert [cell.strip() for cell in large.split("|")[1:-1]] == ["M.5", "30,000", "2", "800", "", ""]
    assert where == "2026-11-28, a machine; 3 processes wanted a processor meanwhile."


def test_the_front_page_and_the_page_of_the_suite_are_what_the_results_say() -> None:
    rows = results.read(sorted((ROOT / "benchmarks" / "results").glob("*.csv")))
    for page, mark, text in (("README.md", "speed", brief(grown(rows))), ("benchmarks/README.md", "results", table(rows))):
        said = (ROOT / page).read_text(encoding="utf-8").partition(f"<!-- {mark} -->")[2].partition(f"<!-- end of {mark} -->")[0]
        assert said.strip() == text.strip(), f"python -m benchmarks page benchmarks/results/*.csv writes {page}"
