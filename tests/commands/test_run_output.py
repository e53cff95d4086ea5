"""The folder that ``gibbs run`` writes: never over anything silently, never half-written, and never outside the current directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gibbs import cli
from gibbs.draws.records import Draws
from tests.command import SPEC, Gibbs, files, stand_in


def test_a_run_is_never_overwritten_silently(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    assert gibbs("run", "model.yaml")[0] == 0
    before = Path("runs/one/manifest.json").read_bytes()
    calls = stand_in(monkeypatch)
    assert gibbs("run", "model.yaml")[0] == 0, "the same run is there: that is said, and nothing else happens"
    assert not calls
    code, _, err = gibbs("run", "model.yaml", "--seed", "77")
    assert code == cli.WRONG
    assert "--force" in err and "runs/one" in err
    assert not calls, "the folder is looked at before anything is drawn"
    assert Path("runs/one/manifest.json").read_bytes() == before
    assert gibbs("run", "model.yaml", "--force")[0] == 0


def test_force_does_not_replace_what_is_no_run(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    Path("thesis").mkdir()
    Path("thesis/chapter1.tex").write_text("years of work", encoding="utf-8")
    code, _, err = gibbs("run", "model.yaml", "--out", "thesis", "--force")
    assert code == cli.WRONG and "thesis" in err and not calls
    assert Path("thesis/chapter1.tex").read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize("place", ["../elsewhere", "/nowhere/elsewhere", "runs/../../elsewhere", "."])
def test_a_spec_cannot_write_outside_the_current_directory(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    calls = stand_in(monkeypatch)
    Path("model.yaml").write_text(SPEC.replace("runs/one", place), encoding="utf-8")
    code, _, err = gibbs("run", "model.yaml")
    assert code == cli.WRONG and not calls
    assert "model.yaml, line 6" in err and "--out" in err


def test_a_person_can(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    stand_in(monkeypatch)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "run"
    assert gibbs("run", "model.yaml", "--out", elsewhere)[0] == 0
    assert (elsewhere / "summary.csv").exists()


def test_folder_that_cannot_be_written_is_found_before_sampling(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    Path("closed").mkdir()
    monkeypatch.setattr(
        os, "access", lambda path, mode: not str(path).endswith("closed")
    )  # the tests may run as root, whom modes do not bind
    code, _, err = gibbs("run", "model.yaml", "--out", "closed/deep/run")
    assert code == cli.WRONG and "closed' cannot be written" in err and not calls


def test_file_in_the_way(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    for out in ("data.csv", "data.csv/run"):
        assert gibbs("run", "model.yaml", "--out", out)[0] == cli.WRONG
    assert not calls


def test_a_second_run_into_one_folder_is_refused_before_it_draws(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    from gibbs import pipeline

    with pipeline.reserved("runs/one"):
        for force in ((), ("--force",)):
            code, out, err = gibbs("run", "model.yaml", *force)
            assert (code, out) == (cli.WRONG, "") and not calls
            assert err.startswith("gibbs: output: runs/one: another run is being written to this folder (process ")
        assert gibbs("run", "model.yaml", "--out", "runs/two")[0] == 0
    assert {p.name for p in Path("runs").iterdir()} == {"two"}
    assert gibbs("run", "model.yaml")[0] == 0


def test_a_folder_that_is_taken_meanwhile_is_left_alone(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    from gibbs.sampling import chains

    drawn = chains.run

    def run(*arguments: Any, **keys: Any) -> Draws:
        Path("runs/one").mkdir()
        Path("runs/one/thesis.tex").write_text("years of work", encoding="utf-8")
        return drawn(*arguments, **keys)

    monkeypatch.setattr("gibbs.sampling.chains.run", run)
    code, out, err = gibbs("run", "model.yaml")
    assert code == cli.NOT_TO_BE_TRUSTED
    assert err.startswith("warning: ") and "runs/one' was taken meanwhile, so the run is in '" in err and "runs/one-2" in err
    assert "runs/one-2: manifest.json" in out
    assert [p.name for p in Path("runs/one").iterdir()] == ["thesis.tex"] and {p.name for p in Path("runs").iterdir()} == {"one", "one-2"}


@pytest.mark.parametrize("rescue", [True, False])
def test_a_disk_that_is_full_at_the_end(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, rescue: bool, tmp_path: Path) -> None:
    from gibbs.files import places
    from gibbs.runfolder import runfolder

    stand_in(monkeypatch)
    real = runfolder.write_netcdf

    def write(path: Path, *groups: Any) -> None:
        if str(tmp_path / "runs") in str(path):
            raise OSError(28, "No space left on device")
        real(path, *groups)

    monkeypatch.setattr(runfolder, "write_netcdf", write)
    Path("temporary").mkdir()
    monkeypatch.setattr(places.tempfile, "tempdir", str(tmp_path / "temporary"))
    code, out, err = gibbs("run", "model.yaml", *(("--rescue", "elsewhere") if rescue else ()))
    assert code == cli.NOT_TO_BE_TRUSTED and "Converged" in out
    written = tmp_path / "elsewhere/one" if rescue else next(Path("temporary").glob("*/one"))
    assert "No space left on device. The run is in '" in err and str(written) in err and f"Written to {tmp_path}" in out
    assert gibbs("summary", written)[0] == 0 and not Path("runs").exists()


def test_a_disk_without_room_is_found_before_sampling(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    from gibbs import pipeline

    calls = stand_in(monkeypatch)
    monkeypatch.setattr(pipeline, "_largest_file", lambda: 1000)
    before = files()
    code, _, err = gibbs("run", "model.yaml")
    assert code == cli.WRONG and not calls and "no file may be larger than 1 kB" in err and files() == before


def test_what_a_run_that_was_killed_left_is_told_of(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    Path("runs/.one.partial-1-0").mkdir(parents=True)
    Path("runs/.one.partial-1-0/posterior.nc").write_bytes(bytes(2_000_000))
    code, _, err = gibbs("run", "model.yaml")
    assert code == 0 and err.startswith("note: ") and ".one.partial-1-0' was left by a process that was killed" in err and "2.0 MB" in err
    assert Path("runs/.one.partial-1-0").exists()


def test_compiled_code_that_is_damaged_is_one_line(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    from gibbs.kernels import compiled

    stand_in(monkeypatch)
    compiled.problems()
    compiled._damaged.update(("cache/a.nbi", "cache/b.nbc"))
    code, _, err = gibbs("run", "model.yaml")
    assert (code, err) == (0, "warning: 2 files of compiled code in cache could not be read, and were compiled again.\n")
