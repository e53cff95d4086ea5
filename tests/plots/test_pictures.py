"""What all kinds share: every kind of every family is drawn; files; names; and the user's own matplotlib left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from gibbs import plots
from gibbs.errors import OutputError, PlotError
from gibbs.plots import canvas
from tests.plots import fits
from tests.posterior import fabricated
from tests.thin import some


@pytest.mark.parametrize("family", some(fits.FAMILIES, 2))
@pytest.mark.parametrize("kind", plots.KINDS)
def test_every_kind_of_every_family(kind: str, family: str) -> None:
    """Warnings are errors here, so missing letters, empty panels and divisions by zero are too."""
    fit = fits.of_a_table(family) if kind in ("effects", "level2") else fits.fit(family)
    if (kind, family) == ("groups", "ordinal"):
        with pytest.raises(PlotError, match="ordinal"):
            fit.plot(kind)
        return
    made = fit.plot(kind)
    panels = [axis for axis in made.axes if axis.axison]
    assert panels and all(axis.has_data() for axis in panels)
    title = made.get_suptitle().replace("\n", " ").strip()
    assert title.endswith(": y") or kind == "effects"
    assert not any("…" in axis.get_title("left") for axis in panels) and "…" not in title
    fits.drawn(made)


def test_the_accessor_has_every_kind_with_the_options_of_its_drawing() -> None:
    import inspect

    from gibbs.plots.accessor import Plots

    for kind in plots.KINDS:
        method = inspect.signature(getattr(Plots, kind)).parameters
        assert tuple(method)[1:-1] == plots.takes(kind), kind
        assert tuple(method)[-1] == "every"
    assert all(kind in repr(fits.fit().plot) for kind in plots.KINDS)


def test_a_model_without_factors_shows_what_it_has() -> None:
    fit = fabricated.fit(fabricated.design(rows=24), formula="y ~ x")
    assert [axis.get_title("left") for axis in fit.plot.priors().axes] == ["sigma"]
    assert len(fit.plot.coefficients().axes) == 1
    fits.drawn(fit.plot.ppc())
    for kind in ("ranef", "coef", "level2", "groups", "time", "variance"):
        with pytest.raises(PlotError, match="no grouping factor"):
            fit.plot(kind)


# -------------------------------------------------------------------------------------------------------------- names


def test_an_unknown_kind_has_the_nearest_and_the_list() -> None:
    with pytest.raises(PlotError, match=r"no picture 'ranf'\. Did you mean 'ranef'\? The kinds are ranef, coef, level2, effects, groups"):
        fits.fit().plot("ranf")


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("ranef", {"factor": "yera"}, "Did you mean 'year'"),
        ("ranef", {"term": "w"}, "what does is Intercept, x"),
        ("ranef", {"factor": "g", "levels": ["a", "q"]}, "g has no level 'q'"),
        ("ranef", {"factor": "g", "page": 2}, "no page 2; there is one page"),
        ("ranef", {"page": 1}, "g or year"),
        ("ranef", {"sort": "size"}, "effect or level"),
        ("ranef", {"colour": "red"}, "no option colour; it has factor, term"),
        ("coefficients", {"parameters": ["b_q"]}, "no parameter 'b_q'"),
        ("coefficients", {"parameters": "q*"}, "no parameter fits 'q\\*'"),
        ("coefficients", {"parameters": "sigma", "standardised": True}, "sigma is no coefficient"),
        ("priors", {"parameters": "b_x"}, "b_x is none of the parameters"),
        ("groups", {"predictor": "q"}, "'q' is no predictor of a line; there is x, z"),
        ("time", {"factor": "decade"}, "no grouping factor 'decade'"),
        ("trace", {"parameters": ["tau"]}, "no parameter 'tau'"),
    ],
)
def test_names_that_are_none(kind: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(Exception, match=words) as found:
        fits.fit().plot(kind, **options)
    assert found.type.__name__ in ("PlotError", "SpecError")


# -------------------------------------------------------------------------------------------------------------- files


def test_a_file_is_written_whole_and_never_replaced_unasked(tmp_path: Path) -> None:
    fit, target = fits.fit(), tmp_path / "shares.svg"
    fit.plot.variance(path=target)
    first = target.read_text(encoding="utf-8")
    assert first.rstrip().endswith("</svg>") and "share of the variance" in first
    with pytest.raises(OutputError, match="there already"):
        fit.plot.variance(path=target)
    assert target.read_text(encoding="utf-8") == first
    fit.plot.variance(path=target, force=True)
    assert target.read_text(encoding="utf-8") == first  # the same picture is the same file
    assert [p.name for p in tmp_path.iterdir()] == ["shares.svg"]


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG\r\n"), ("pdf", b"%PDF-")])
def test_the_ending_says_what_is_written(tmp_path: Path, ending: str, begins: bytes) -> None:
    fits.fit().plot.variance(path=tmp_path / f"p.{ending}")
    assert (tmp_path / f"p.{ending}").read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("name", "words"),
    [("p.jpg", "ends in '.jpg'; pictures are written as png, pdf, svg"), ("p", "has no ending"), ("no/p.png", "no folder")],
)
def test_files_that_cannot_be(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises((PlotError, OutputError), match=words):
        fits.fit().plot.variance(path=tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, name: str, **options: object) -> None:
        Path(name).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(canvas.Picture, "savefig", full)
    with pytest.raises(OutputError, match="No space left"):
        fits.fit().plot.variance(path=tmp_path / "p.png")
    assert not list(tmp_path.iterdir())


# ----------------------------------------------------------------------------------------------------- surroundings


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PlotError, match=r'pip install "gibbs-engine\[plots\]"'):
        fits.fit().plot.ranef()


def test_the_settings_of_the_user_are_as_before() -> None:
    def settings() -> dict[str, object]:
        return {key: dict.__getitem__(matplotlib.rcParams, key) for key in matplotlib.rcParams}  # reading "backend" would choose one

    before = settings()
    made = fits.fit().plot.variance()
    assert made._repr_png_().startswith(b"\x89PNG")
    assert settings() == before


def test_pyplot_is_never_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from tests.plots import fits; f = fits.fit(); f.plot.variance(path=sys.argv[1]); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "p.png")], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["False"], done.stderr
