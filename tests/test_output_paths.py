"""Where a run may be written: what a spec says stays inside the current directory, however the path is spelt."""

from __future__ import annotations

from pathlib import Path

import pytest

from gibbs import cli, pipeline
from gibbs.errors import OutputError, SpecError
from gibbs.model import spec as specs
from gibbs.runfolder import runfolder


@pytest.fixture(name="here")
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a home folder and a folder of somebody else beside it, and links that lead in and out."""
    here = tmp_path / "work"
    for folder in ("home", "elsewhere", "work/inside"):
        (tmp_path / folder).mkdir(parents=True)
    (here / "out").symlink_to(tmp_path / "elsewhere")
    (here / "in").symlink_to(here / "inside")
    (here / "circle").symlink_to(here / "circle")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(here)
    return here


def place(output: str) -> Path:
    """The folder that a run of this spec is written to, as the writer itself makes it of what the pipeline gives."""
    spec = specs.build("y ~ x", output=output)
    return runfolder.check_target(pipeline.output_folder(spec))


LEAVES = [
    "~", "~/run", "~/../elsewhere/run", "~root/run", "~nobody_of_that_name/run", "/elsewhere/run", "..", "../elsewhere/run",
    "inside/../../elsewhere/run", "out/run", "out", "in/../../elsewhere/run", "circle/run", "$HOME/run", "${HOME}/run", "runs/$USER",
    "%USERPROFILE%/run", "C:/run", "C:run", "c:\\run", "\\\\server\\share\\run", "//server/share/run", "..\\elsewhere\\run", "runs\\one",
    ".", "./", "inside/..", "runs/a\0b", "runs/a\nb", "runs/\x1b[31m",
]  # fmt: skip


@pytest.mark.parametrize("output", LEAVES)
def test_a_spec_cannot_lead_out_of_the_directory(here: Path, output: str) -> None:
    with pytest.raises((SpecError, OutputError)) as caught:
        place(output)
    assert caught.value.exit_code == 2 and str(caught.value).isprintable()
    assert not list((here.parent / "home").iterdir()) and not list((here.parent / "elsewhere").iterdir())


@pytest.mark.parametrize(
    ("output", "inside"),
    [
        ("runs/one", "runs/one"), ("./runs/one", "runs/one"), ("runs/../one", "one"), ("in/one", "inside/one"), ("a~/b", "a~/b"),
        ("./~/one", "~/one"), ("inside/~/one", "inside/~/one"), ("cost $5", "cost $5"), ("50%", "50%"), ("...", "..."),
        ("Ñandú/1", "Ñandú/1"),
    ],
)  # fmt: skip
def test_what_lies_inside_is_written_where_it_says(here: Path, output: str, inside: str) -> None:
    assert place(output) == here / inside


def test_the_home_folder_is_a_place_as_any_other(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started at home, ~/runs is inside the current directory; a folder that is called ~ is not the home folder."""
    monkeypatch.chdir(here.parent / "home")
    assert place("~/runs/one") == here.parent / "home" / "runs" / "one"
    assert place("./~") == here.parent / "home" / "~"


@pytest.mark.parametrize("name", ["...yaml", "..yaml", "~.yaml", "model.v2.yaml", ". .yaml"])
def test_the_name_of_a_spec_is_no_way_out(here: Path, name: str) -> None:
    Path(name).write_text("formula: y ~ x\n", encoding="utf-8")
    assert place_of(name).parent == here / "runs"


def place_of(name: str) -> Path:
    return runfolder.check_target(pipeline.output_folder(specs.load(name)))


def test_data_of_a_folder_called_tilde(here: Path) -> None:
    """The data file is named relative to the folder of the resolved spec; ./~ is not ~."""
    (here / "~").mkdir()
    made = specs.build({"formula": "y ~ x", "data": "./~/d.csv"}, path=here / "model.yaml")
    assert specs.data_path(made) == here / "~" / "d.csv"
    again = specs.build(specs.yaml_lines.parse(specs.to_yaml(made, folder=here), "")[0], path=here / "spec.yaml")
    assert specs.data_path(again) == here / "~" / "d.csv"
    home = specs.build({"formula": "y ~ x", "data": "~/d.csv"}, path=here / "model.yaml")
    assert specs.data_path(home) == here.parent / "home" / "d.csv"
    assert specs.data_path(specs.build({"formula": "y ~ x", "data": "~nobody_of_that_name/d.csv"})) == Path("~nobody_of_that_name/d.csv")


def test_check_judges_the_place_as_run_does(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "d.csv").write_text("y,x\n" + "\n".join(f"{k % 7},{k % 3}" for k in range(20)), encoding="utf-8")
    for output, code in (("~/run", 2), ("../elsewhere/run", 2), ("runs/one", 0)):
        (here / "s.yaml").write_text(f"data: d.csv\nformula: y ~ x\noutput: {output}\n", encoding="utf-8")
        assert cli.main(["check", "s.yaml"]) == code
        err = capsys.readouterr().err
        assert code == 0 or ("s.yaml, line 3: output" in err and "is not a folder inside the current directory" in err)
    assert not (here / "runs").exists()
