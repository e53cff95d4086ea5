"""Names that no file can have, and files that never end: refused in words, wherever a name is typed, and nothing hangs."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from gibbs import paths, pipeline
from gibbs.calibration import folder as calibrations
from gibbs.errors import DataError, GibbsError, OutputError, SpecError
from gibbs.files import tablefile, textfile, whole
from gibbs.model import data, spec
from gibbs.model.sources import place
from gibbs.plots import canvas
from gibbs.printable import printable
from gibbs.resuming import listing
from gibbs.runfolder import runfolder

CSV = "y,x\n1,2\n2,1\n3,5\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("loop.csv").symlink_to("pool.csv")
    Path("pool.csv").symlink_to("loop.csv")
    return tmp_path


NO_NAMES = {
    "a\0b.csv": "NUL",
    "x" * 300 + ".csv": "too long: 304 characters.",
    "x" * 5000 + ".csv": "too long: 5,004 characters.",
    "loop.csv": "lead in a circle",
    "loop.csv/x.csv": "lead in a circle",
    "\ud800.csv": "cannot store|half of a character",
    "~nobody-of-this-name/x.csv": "nobody's home",
}


def doors(name: str) -> dict[str, Callable[[], object]]:
    """Wherever a name is typed."""
    return {
        "spec": lambda: spec.load(name),
        "data": lambda: data.read(spec.build({"formula": "y ~ x", "data": {"file": name}})),
        "output": lambda: pipeline.check_free(pipeline.output_folder(spec.build({"formula": "y ~ x"}), name)),
        "the spec's output": lambda: pipeline.output_folder(spec.build({"formula": "y ~ x", "output": name})),
        "run": lambda: runfolder.load(name),
        "calibration": lambda: calibrations.check_target(name),
        "picture": lambda: canvas.check_path(name.replace(".csv", ".png") if not name.startswith("loop.csv") else name + "/a.png"),
        "table": lambda: tablefile.check_free(name),
        "text": lambda: textfile.check_free(name),
        "export": lambda: whole.check_file(name),
        "exported folder": lambda: whole.write_folder(name, {}),
        "list of runs": lambda: listing.runs(name),
    }


@pytest.mark.parametrize("name", NO_NAMES, ids=lambda name: ascii(name)[:24])
def test_a_name_that_no_file_can_have_is_refused_wherever_it_is_typed(name: str) -> None:
    for door, enter in doors(name).items():
        with pytest.raises(GibbsError, match=NO_NAMES[name]) as caught:
            enter()
        said = str(caught.value)
        assert len(said) < 400 and printable(said) == said, door
    assert sorted(p.name for p in Path().iterdir()) == ["loop.csv", "pool.csv"]


@pytest.fixture
def hers() -> Iterator[Path]:
    """A folder of somebody else, which may be neither read nor entered; the system's own temporary folder is everybody's."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        folder = Path(name, "hers")
        folder.mkdir()
        (folder / "d.csv").write_text(CSV)
        doors_seen = [_ended(enter) for enter in doors(str(Path(name, "nothing", "d.csv"))).values()]  # modules are imported late
        assert doors_seen
        folder.chmod(0o000)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o700)


def _ended(enter: Callable[[], object]) -> str:
    try:
        enter()
    except GibbsError as error:
        return str(error)
    return ""


def test_a_folder_of_somebody_else_is_said_to_be_one(hers: Path) -> None:
    for door, enter in doors(str(hers / "d.csv")).items():
        assert "ermission denied" in _ended(enter), door
    assert "no file has such a name" in _ended(doors(str(hers / "*.csv"))["data"])
    assert "holds no Parquet or CSV file" in _ended(doors(str(hers))["data"])
    assert "holds no Parquet or CSV file" in _ended(doors(str(hers.parent))["data"])  # walks past it
    assert "the folder cannot be read (Permission denied)" in _ended(doors(str(hers))["list of runs"])
    assert listing.runs(hers.parent) == []


def test_a_home_that_is_somebodys_and_a_name_that_is_free_are_no_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.getcwd())
    for name in ("~/x.csv", "free.csv", "no/such/folder.csv", ".", "é日本.csv"):
        assert paths.fault(name) == ""


def test_a_folder_of_very_many_files_is_not_walked_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_MOST_NAMES", 3)
    Path("many").mkdir()
    for k in range(5):
        Path("many", f"{k}.csv").write_text(CSV)
    assert "more than 3 files and folders: give the one that holds the data" in _ended(doors("many")["data"])


@pytest.mark.parametrize("name", ["pipe.csv", "pipe.parquet", "/dev/null", "/dev/zero", "socket.csv"])
def test_pipes_devices_and_sockets_are_no_data_and_no_spec(name: str) -> None:
    if name.startswith("pipe"):
        os.mkfifo(name)
    if name.startswith("socket"):
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(name)
    word = {"p": "a pipe", "/": "a device", "s": "a socket"}[name[0]]
    with pytest.raises(DataError, match=f"this is {word}, not a file"):
        data.read(spec.build({"formula": "y ~ x", "data": {"file": name}}))
    with pytest.raises(SpecError, match=f"this is {word}, not a file"):
        spec.load(name)


def test_a_run_is_not_drawn_where_its_folder_could_not_be_made() -> None:
    with pytest.raises(OutputError, match="too long"):
        runfolder.check_target("runs/" + "r" * 256)


def test_a_name_of_as_many_letters_as_the_system_takes_is_written() -> None:
    name = "t" * 251
    assert textfile.write_text(f"{name}.txt", "x").exists()
    assert tablefile.write(pd.DataFrame({"a": [1]}), f"{name}.csv").exists()
    assert whole.write_file(f"{name}.out", lambda file: file.write_text("x")).exists()
    assert whole.write_folder(name, {"a": "x"}).is_dir()
    assert not [p for p in Path().iterdir() if p.name.startswith(".")]
