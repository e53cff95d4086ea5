"""``gibbs poststratify`` and ``gibbs frame --times``: every flag does what Python does, and leaves nothing behind where it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs import cli
from gibbs.posterior.fit import load
from tests.commands import runs

pytestmark = pytest.mark.filterwarnings("ignore:.* drawn as new:UserWarning")
FRAME = pd.DataFrame(
    {
        "x": np.tile([1.0, 2.0, 3.0], 8),
        "g": np.repeat([0, 1, 2, 99], 6),
        "area": np.repeat(["north", "south", "east", "west"], 6),
        "year": np.tile(np.repeat([2001, 2002], 3), 4),
        "N": np.arange(1.0, 25.0),
    }
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.write(tmp_path_factory.mktemp("runs"), formula="b ~ x + (1 | g)", family="logit")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("frame.csv", index=False)
    Path("tiles.csv").write_text("area,row,column\nnorth,0,0\nsouth,1,0\neast,0,1\nwest,1,1\n", encoding="utf-8")
    return tmp_path


def call(run: Path, *words: object, code: int = 0, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(["poststratify", str(run), "frame.csv", "--weight", "N", *map(str, words)]) == code
    said = capsys.readouterr()
    assert code == 0 or (said.out == "" and said.err.count("gibbs: ") == 1)
    return said.err if code else said.out


def test_differences_and_ranks(run: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = load(run).poststratify("frame.csv", "N", "area")
    for words, table in (
        (("--minus", "north"), expected.differences("north")),
        (("--minus", "(all)"), expected.differences()),
        (("--ranks",), expected.ranks()),
    ):
        call(run, "--by", "area", *words, "--out", "t.csv", "--force", capsys=capsys)
        pd.testing.assert_frame_equal(pd.read_csv("t.csv"), table, check_dtype=False, rtol=1e-6)
    assert "P(first)" in call(run, "--by", "area", "--ranks", capsys=capsys) and "P(>0)" in call(
        run, "--by", "area", "--minus", "east", capsys=capsys
    )


@pytest.mark.parametrize("groups", ["new", "all new", "population", "typical", "g=all new"])
def test_for_whom_and_seed_and_level(run: Path, here: Path, groups: str, capsys: pytest.CaptureFixture[str]) -> None:
    call(run, "--by", "area", "--for", groups, "--seed", 5, "--level", 0.8, "--out", "t.csv", capsys=capsys)
    asked = {"g": "all new"} if "=" in groups else groups
    expected = load(run).poststratify("frame.csv", "N", "area", groups=asked, seed=5, probabilities=(0.1, 0.5, 0.9)).table
    pd.testing.assert_frame_equal(pd.read_csv("t.csv"), expected, check_dtype=False, rtol=1e-6)


def test_pictures(run: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    for k, words in enumerate((["--by", "area"], ["--by", "area", "year"], ["--by", "area", "--tiles", "tiles.csv"])):
        said = call(run, *words, "--plot", f"{k}.png", capsys=capsys)
        assert f"Written to {k}.png" in said and Path(f"{k}.png").read_bytes().startswith(b"\x89PNG") and "north" in said
    assert "Choose another" in call(run, "--by", "area", "--plot", "0.png", code=2, capsys=capsys)
    figure = load(run).poststratify("frame.csv", "N", "area").plot()
    assert figure.axes[0].get_xlabel() == "Pr(b = 1)"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--by", "area", "--minus", "nort"), "Did you mean 'north'?"),
        (("--by", "area", "--minus", "north", "--ranks"), "two tables"),
        (("--ranks",), "between areas"),
        (("--minus", "north"), "between areas"),
        (("--by", "area", "--tiles", "us"), "name its file"),
        (("--by", "area", "--tiles", "us", "--plot", "p.png", "--out", "t.csv"), "no tile for"),
        (("--by", "area", "--tiles", "twice.csv", "--plot", "p.png", "--out", "t.csv"), "'north' and 'south' have the same tile"),
        (("--by", "area", "--plot", "p.gif"), "png"),
        (("--plot", "p.png", "--out", "t.csv"), "name the areas"),
        (("--by", "area", "--for", "known"), "has not seen"),
    ],
)
def test_mistakes_leave_nothing_behind(
    run: Path, here: Path, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    Path("twice.csv").write_text("area,row,column\nnorth,0,0\nsouth,0,0\neast,0,1\nwest,1,1\n", encoding="utf-8")
    before = sorted(here.iterdir())
    assert message in call(run, *words, code=2, capsys=capsys)
    assert sorted(here.iterdir()) == before


def test_a_frame_times_turnout(run: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People × the posterior mean of Pr(b = 1) of their cell; a group that the run has not seen is drawn."""
    command = ["frame", "--start", "frame.csv", "--start-weight", "N", "--cells", "x", "g", "area", "year", "--times", str(run)]
    assert cli.main([*command, "--out", "voters.csv"]) == 0
    assert "24 cells" in capsys.readouterr().out
    keys = ["x", "g", "area", "year"]
    voters = pd.read_csv("voters.csv").sort_values(keys)
    expected = FRAME["N"] * load(run).predict(FRAME, "new group", new_levels="draw")["mean"]
    np.testing.assert_allclose(voters["N"], FRAME.assign(v=expected).sort_values(keys)["v"], rtol=1e-6)
    assert 0 < voters["N"].sum() < FRAME["N"].sum()


def test_times_what_is_no_share(here: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path_factory.mktemp("others")
    ordinal = runs.write(folder, "o", formula="grade ~ x + (1 | g)", family="ordinal")
    below = runs.write(folder, "n", formula="y ~ x + (1 | g)")
    FRAME.assign(x=-FRAME["x"] * 100).to_csv("frame.csv", index=False)
    for run, message in ((ordinal, "ordinal outcome"), (below, "less than nothing in 12 of 12 cells"), (folder / "nowhere", "nowhere")):
        command = ["frame", "--start", "frame.csv", "--start-weight", "N", "--cells", "x", "g", "--times", str(run), "--out", "v.csv"]
        assert cli.main(command) == 2
        assert message in capsys.readouterr().err and not Path("v.csv").exists()
