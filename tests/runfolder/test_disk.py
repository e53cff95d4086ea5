"""A disk that is full, before a run and at its end: no draws are lost, nothing half-written stays, and the process does not crash."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gibbs import pipeline
from gibbs.errors import OutputError
from gibbs.files import places
from gibbs.model import spec as specs
from gibbs.posterior.fit import Fit, load
from gibbs.resuming import checkpoint
from gibbs.runfolder import runfolder
from gibbs.sampling import keeper
from tests.commands.runs import write as run_of
from tests.posterior.fabricated import fit

ROOT = Path(__file__).resolve().parents[2]
ENDS = """
import os, sys
from pathlib import Path
from gibbs.runfolder import runfolder
from tests.posterior.fabricated import fit

made = fit()
made.summary(), made.ranef(summary=True), made.convergence
"""


def ended(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own, to its very end: HDF5 cleans up when a process exits."""
    call = [sys.executable, "-c", ENDS + program, *map(str, arguments)]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


EACH_WRITE = """
import errno, io, json
from gibbs.runfolder import runfolder

class Disk:
    left = 0

class Full(io.FileIO):
    def write(self, data):
        if Disk.left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        Disk.left -= 1
        return super().write(data)

class Sink(runfolder._Sink):
    def __init__(self, path, *asked):
        super().__init__(path, *asked)
        self._file.close()
        self._file = Full(path, "w+")

runfolder._Sink = Sink
said = []
for k in range(10_000):
    Disk.left = k
    try:
        made.save(Path(sys.argv[1]) / str(k))
        break
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
print(json.dumps([k, sorted(set(w.split(str(Path(sys.argv[1])))[0] + w.split(":")[-1] for w in said))]))
"""


@pytest.mark.slow
def test_full_at_any_write_of_the_draws(tmp_path: Path) -> None:
    done = ended(EACH_WRITE, tmp_path)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    writes, said = json.loads(done.stdout.splitlines()[-1])
    assert writes > 20 and len(said) == 1
    assert said[0].startswith("OutputError: output: ") and "No space left on device" in said[0]
    assert [p.name for p in tmp_path.iterdir()] == [str(writes)]
    np.testing.assert_array_equal(load(tmp_path / str(writes)).arrays.u, fit().arrays.u)


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of processes")
def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    program = (
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n    made.save(Path(sys.argv[1]) / 'one')\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = ended(program, tmp_path)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    assert "OutputError" in done.stdout and "File too large" in done.stdout and list(tmp_path.iterdir()) == []


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path):
    """A disk of 256 kB, where the system lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("disks cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=False)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    (small_disk / "theirs").write_bytes(bytes(200_000))
    program = "try:\n    made.save(Path(sys.argv[1]) / 'one')\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
    done = ended(program, small_disk)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    assert "OutputError" in done.stdout and "No space left on device" in done.stdout
    assert [p.name for p in small_disk.iterdir()] == ["theirs"]


# -------------------------------------------------------------------------------------------------------- before the run


@pytest.fixture(name="prepared")
def _prepared(tmp_path: Path) -> pipeline.Prepared:
    run_of(tmp_path)
    return pipeline.prepare(specs.load(tmp_path / "one.yaml"))


def test_the_size_that_is_expected_is_about_that_of_the_folder(tmp_path: Path, prepared: pipeline.Prepared) -> None:
    size = sum(p.stat().st_size for p in (tmp_path / "one").iterdir())
    assert 0.8 * size < prepared.check().disk() < 1.6 * size
    many = specs.build(json.loads(json.dumps({"formula": "y ~ x + (1 + x | g)", "sampling": {"chains": 4, "draws": 250_000}})))
    check = pipeline.Prepared(many, prepared.table, prepared.design, prepared.seen, prepared.plan).check()
    numbers = 4 * 250_000 * (prepared.plan.details["coefficients"] + prepared.plan.hyper + prepared.plan.effects + 1)
    assert check.disk() == pytest.approx(8 * numbers, rel=0.02)


def test_a_disk_without_room_is_found_before_the_run(tmp_path: Path, prepared: pipeline.Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    with pipeline.reserved(tmp_path / "two") as place:
        pipeline.check_room(place, prepared)
        needed = prepared.check().disk()
        monkeypatch.setattr(pipeline.shutil, "disk_usage", lambda path: _Usage(needed - 1))
        with pytest.raises(
            OutputError, match=r"will need about [\d.]+ kB, and the disk has [\d.]+ kB free.*--out DIR.*fewer draws"
        ) as caught:
            pipeline.check_room(place, prepared)
        assert caught.value.exit_code == 2
        monkeypatch.setattr(pipeline.shutil, "disk_usage", lambda path: _Usage(needed + 1))
        pipeline.check_room(place, prepared)
        monkeypatch.setattr(pipeline, "_largest_file", lambda: 10_000)
        with pytest.raises(OutputError, match="no file may be larger than 10 kB here"):
            pipeline.check_room(place, prepared)
    assert not (tmp_path / "two").exists()


def test_the_checkpoint_needs_room_too(tmp_path: Path, prepared: pipeline.Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes only when the run is written: for a while there are both."""
    monkeypatch.setattr(keeper, "FIRST", 1000)
    with pipeline.reserved(tmp_path / "two") as place:
        check = prepared.check()
        monkeypatch.setattr(pipeline.shutil, "disk_usage", lambda path: _Usage(check.disk() + check.bytes_kept - 1))
        with pytest.raises(OutputError, match=r"will need about [\d.]+ kB and its checkpoint as much as [\d.]+ kB, and the disk has"):
            pipeline.check_room(place, prepared)
        checkpoint.folder_of(place.target).mkdir()
        (checkpoint.folder_of(place.target) / "draws-1").write_bytes(bytes(1))  # that much is there already
        pipeline.check_room(place, prepared)


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


# ------------------------------------------------------------------------------------------------------------- a rescue


@pytest.fixture(name="full")
def _full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on whose disk no draws can be written; others can."""
    real = runfolder.write_netcdf

    def write(path: Path, *groups: object) -> None:
        if str(path).startswith(str(tmp_path / "full")):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, *groups)

    monkeypatch.setattr(runfolder, "write_netcdf", write)
    monkeypatch.setattr(places.tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "full"


def saved(full: Path, made: Fit, **keys: object) -> pipeline.Saved:
    with pipeline.reserved(full / "one") as place:
        return pipeline.save(made, place, **keys)


@pytest.mark.parametrize("rescue", [None, "rescue"])
def test_draws_that_cannot_be_written_go_to_a_second_place(tmp_path: Path, full: Path, rescue: str | None) -> None:
    made = fit()
    found = saved(full, made, rescue=None if rescue is None else tmp_path / rescue)
    assert (
        found.tables and found.folder.parent.parent == tmp_path / "temporary" if rescue is None else found.folder == tmp_path / "rescue/one"
    )
    (said,) = found.problems
    assert str(full / "one") in said and "No space left on device" in said and str(found.folder) in said
    np.testing.assert_array_equal(load(found.folder).arrays.u, made.arrays.u)
    assert (found.folder / "summary.csv").exists() and not full.exists()


def test_a_rescue_that_fails_too(tmp_path: Path, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = saved(full, fit(), rescue=full / "deeper")
    assert found.folder.parent.parent == tmp_path / "temporary"
    monkeypatch.setattr(places.tempfile, "mkdtemp", lambda prefix: str(_made(full / f"{prefix}1")))
    with pytest.raises(OutputError, match=r"Nor anywhere else.*The draws are lost") as caught:
        saved(full, fit(), rescue=full / "deeper")
    assert caught.value.exit_code == 1 and not full.exists()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def test_from_python_the_draws_are_still_there(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gibbs

    monkeypatch.setattr(places.tempfile, "mkdtemp", lambda prefix: str(full / "temporary"))
    frame = {"y": [0.1 * (7 * i % 23) for i in range(24)], "g": list("abcdef") * 4}
    with pytest.warns(UserWarning, match=r"Nor anywhere else.*fit\.save\(folder\)"):
        made = gibbs.fit("y ~ 1 + (1 | g)", frame, chains=2, warmup=50, draws=50, seed=1, cores=1, progress=False, output=full / "one")
    assert made.arrays.beta.shape == (2, 50, 1) and not full.exists()


def test_a_run_without_its_tables_is_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fit()
    with monkeypatch.context() as patched:
        patched.setattr(runfolder, "_tables", lambda fit: (_ for _ in ()).throw(KeyboardInterrupt()))
        found = saved(tmp_path, made)
    assert not found.tables and "gibbs summary" in found.problems[0]
    assert {p.name for p in found.folder.iterdir()} == {"spec.yaml", "manifest.json", "posterior.nc"}
    again = load(found.folder)
    assert repr(again) == repr(made) and again.summary().equals(made.summary())
