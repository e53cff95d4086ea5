"""The report: read back with html.parser, its numbers are those of the tables, and nothing in it reaches out or runs."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gibbs import cli, report
from gibbs.errors import OutputError
from gibbs.posterior.fit import Fit, load
from gibbs.report import pictures
from tests.commands import runs
from tests.posterior import built, fabricated

SECTIONS = ["model", "data", "groups", "priors", "results", "shares", "pictures", "convergence", "reproduce"]
_VOID = {"meta", "img", "br", "link", "input", "hr"}


class Read(HTMLParser):
    """Sections by id, tables by section, images, every tag with its attributes; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.section = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.words: dict[str, str] = {}
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = found["id"] or ""
        tables = self.tables.setdefault(self.section, [])
        if tag == "table":
            tables.append([])
        elif tag == "tr":
            tables[-1].append([])
        elif tag in ("td", "th"):
            tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[self.section][-1][-1][-1] += data
        self.words[self.section] = self.words.get(self.section, "") + data

    def rows(self, section: str) -> dict[str, list[str]]:
        """label → cells, over all tables of a section."""
        return {row[0]: row[1:] for table in self.tables[section] for row in table}

    def images(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pictures have tests of their own: here only which are asked for."""
    asked: list[str] = []

    def draw(fit: Fit, kind: str, **options: object) -> tuple[str, str]:
        asked.append(kind)
        return "data:image/png;base64,AAAA", ""

    monkeypatch.setattr("gibbs.report.pictures.draw", draw)
    return asked


def test_the_numbers_are_those_of_the_tables(no_pictures: list[str]) -> None:
    fit = built.fit("y ~ x + b + (1 + x | g) + (1 | year)")
    page = Read(report.text(fit))
    assert [a["id"] for tag, a in page.tags if tag == "section"] == SECTIONS
    assert no_pictures == ["coefficients", "ranef", "time", "priors", "ppc", "trace"]
    summary = fit.summary()
    results = page.rows("results")
    of = {
        "Intercept": "b_Intercept",
        "x": "b_x",
        "b": "b_b",
        "sd(x)": "sd_g__x",
        "cor(Intercept,x)": "cor_g__Intercept__x",
        "sigma": "sigma",
    }
    for label, name in of.items():
        columns = ("mean", "sd", "q2.5", "q97.5")
        for shown, exact in zip(results[label], summary.loc[name, list(columns)], strict=False):
            digits = len(shown.partition(".")[2])
            assert abs(float(shown) - exact) <= 0.5000001 * 10.0**-digits, (label, shown, exact)
    diagnosed = page.rows("convergence")
    for name, row in summary.iterrows():
        rhat, bulk, tail, mcse, sd = (float(cell) for cell in diagnosed[name])
        assert (rhat, bulk, tail) == (round(row["rhat"], 3), round(row["ess_bulk"]), round(row["ess_tail"])), name
        assert (mcse, sd) == pytest.approx((row["mcse_mean"], row["sd"]), rel=6e-3), name
    assert len([name for name in diagnosed if name.startswith("r_")]) == 5 * 2 + 3
    u = fit.arrays.u[:, :, 0]
    assert float(diagnosed["r_g[g1,Intercept]"][4]) == pytest.approx(u.std(ddof=1), rel=6e-3)
    assert fit.convergence.sentence in page.words["convergence"] and fit.convergence.sentence in page.words[""]
    shares = fit.variance_shares()
    assert [float(cell) for cell in page.rows("shares")["g"]] == pytest.approx(list(shares.loc["g"]), abs=6e-4)
    assert page.rows("groups")["year"][1:] == ["3", *(str(round(f)) for f in sizes(fit))]
    assert fit.fingerprint in page.words["reproduce"] and "seed: 2012" in page.words["reproduce"]
    assert 'gibbs.fit("spec.yaml", table)' in page.words["reproduce"] and "gibbs run" not in page.words["reproduce"]


def sizes(fit: Fit) -> list[float]:
    counts = fit.data.groupby("year").size()
    return [counts.min(), counts.median(), counts.max()]


def test_the_model_and_what_was_dropped_and_the_priors(no_pictures: list[str]) -> None:
    frame = built.table()
    frame.loc[[3, 4, 5], "x"] = np.nan
    frame.loc[5, "y"] = np.nan
    page = Read(report.text(built.fit("y ~ x + (1 + x | g)", frame, priors={"sd[g]": "half_normal(0, 1.5)", "b[x]": "normal(0, 2)"})))
    assert "60 rows read, 57 used, 3 dropped" in page.words["data"]
    assert page.rows("data") == {"column": ["rows"], "y": ["1"], "x": ["3"]}
    priors = page.rows("priors")
    assert priors["b[x]"][0] == "normal, mean 0, sd 2" and priors["b[x]"][1].startswith("spec")
    assert priors["sd[g,x]"][0] == "half-normal, scale 1.5" and priors["sigma"][1] == "default"
    assert "Level 2 (g, 5)" in page.words["model"] and re.search(r"δ\s+b_Intercept\n", page.words["model"])
    assert page.words["model"].count("αj = δ + νj") == 1 and ("sub", {}) in page.tags


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("y ~ x", "gaussian"),
        ("y | se(se) ~ x + (1 | g)", "gaussian"),
        ("y ~ x + (1 | g)", "student"),
        ("b ~ x + (1 | g)", "probit"),
        ("b ~ x + (1 | g)", "logit"),
        ("s | trials(n) ~ x + (1 | g)", "binomial"),
        ("count ~ x + offset(log(n)) + (1 | g)", "poisson"),
        ('count | weights(n, type = "frequency") ~ x + (1 | g)', "negative_binomial"),
        ("grade ~ x + (1 | g)", "ordinal"),
    ],
)
def test_every_family(no_pictures: list[str], formula: str, family: str) -> None:
    fit = built.fit(formula, family=family)
    page = Read(report.text(fit))
    assert all(page.words[section].strip() for section in SECTIONS)
    assert "Not to be had" not in page.words["shares"] and "Parts of this section" not in page.words["data"]
    assert set(fit.summary().index) <= set(page.rows("convergence"))


EVIL = "<script>alert('1')</script>"


def test_what_strangers_write_is_text(tmp_path: Path, no_pictures: list[str]) -> None:
    frame = built.table()
    frame["g"] = frame["g"].replace("g1", EVIL)
    words = report.text(built.fit("y ~ x + (1 | g)", frame, title=f'{EVIL}"&amp;{{{{ 7 * 7 }}}}'))
    page = Read(words)
    assert "script" not in {tag for tag, _ in page.tags} and "<script" not in words
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert f"r_g[{EVIL},Intercept]" in page.rows("convergence")
    assert next(data for tag, data in [("title", re.search(r"<title>(.*?)</title>", words))]).group(1).count("&lt;script&gt;") == 1  # type: ignore[union-attr]
    assert f'{EVIL}"&amp;{{{{ 7 * 7 }}}}' in page.words[""]


def test_one_file_that_reaches_for_nothing(tmp_path: Path) -> None:
    """With its pictures: all of it is in the file."""
    out = built.fit("y ~ x + (1 | g)").report(tmp_path / "new" / "r.html")
    words = out.read_text(encoding="utf-8")
    page = Read(words)
    assert not re.search(r"https?://|@import|url\(", words)
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "base"} == set()
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action"):
            if name in attributes:
                assert re.match(r"data:image/png;base64,iVBOR|#", attributes[name] or ""), (tag, name)
    assert len(page.images()) == 5 and all(image["alt"] for image in page.images())
    assert [p.name for p in out.parent.iterdir()] == ["r.html"]


def test_never_over_a_file(tmp_path: Path, no_pictures: list[str]) -> None:
    fit = fabricated.fit()
    (tmp_path / "r.html").write_text("mine")
    with pytest.raises(OutputError, match="--force"):
        fit.report(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == "mine"
    fit.report(tmp_path / "r.html", force=True)
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_from_the_command_line(tmp_path: Path, no_pictures: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run = runs.write(tmp_path, "one")
    assert cli.main(["report", str(run)]) == 0
    assert capsys.readouterr().out == f"Written to {run / 'report.html'}\n"
    page = Read((run / "report.html").read_text(encoding="utf-8"))
    assert page.rows("reproduce")["seed"] == ["1"] and page.rows("reproduce")["gibbs"] and "file: ../data.csv" in page.words["reproduce"]
    assert "gibbs run spec.yaml" in page.words["reproduce"]
    assert cli.main(["report", str(run)]) == 2 and "--force" in capsys.readouterr().err
    assert cli.main(["report", str(run), "--force"]) == 0
    assert cli.main(["report", str(tmp_path / "none")]) == 2 and "no such folder" in capsys.readouterr().err
    load(run).save(run, force=True)
    assert not (run / "report.html").exists()  # it told of the run before


def test_without_the_data_it_says_so(tmp_path: Path, no_pictures: list[str]) -> None:
    run = runs.write(tmp_path, "one")
    (tmp_path / "data.csv").unlink()
    fit = load(run)
    page = Read(report.text(fit))
    assert "ppc" not in no_pictures and "trace" in no_pictures
    for section in ("model", "data", "priors", "pictures"):
        assert "data.csv" in page.words[section], section
    assert page.rows("priors")["sigma"] and set(fit.summary().index) <= set(page.rows("convergence"))


def test_draws_that_cannot_be_trusted_are_said_to_be_so(no_pictures: list[str]) -> None:
    fit = fabricated.fit(made=replace(fabricated.draws(fabricated.slopes(), phi=0.97), stopped="interrupted"))
    page = Read(report.text(fit))
    assert "Not converged" in page.words[""] and "interrupted" in page.words[""]
    assert ("p", {"class": "bad"}) in page.tags and ("p", {"class": "good"}) not in page.tags


def test_many_effects_are_listed_worst_first(no_pictures: list[str]) -> None:
    levels = tuple(f"l{k:04d}" for k in range(400))
    model = fabricated.design(fabricated.factor("g", levels, np.ones((800, 1)), fabricated.term("Intercept")), rows=800)
    made = fabricated.draws(model, kept=60)
    slow = fabricated.autoregressive((4, 60), 0.98, seed=4)
    made.u[:, :, 123] = slow
    page = Read(report.text(fabricated.fit(model, made, "y ~ x + (1 | g)")))
    listed = [name for name in page.rows("convergence") if name.startswith("r_")]
    assert len(listed) == 300 and "r_g[l0123,Intercept]" in listed
    assert "300 of 400 random effects" in page.words["convergence"]


def test_the_chains_shown_are_those_of_what_is_known_least_well() -> None:
    fit = built.fit("y ~ x + (1 + x | g)")
    fit.arrays.u[:, :, 3] = fabricated.autoregressive((4, 100), 0.97, seed=4)
    fit.arrays.beta[:, :, 1] = 2.0  # never moved: nothing to see
    chosen = pictures.worst(fit)
    assert chosen[0] == "r_g[g2,x]" and len(chosen) == pictures.WORST and "b_x" not in chosen


def test_without_what_it_needs_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = Read(report.text(fabricated.fit()))
    assert page.words["pictures"].count("gibbs-engine[plots]") >= 4 and not page.images()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(OutputError, match=r"gibbs-engine\[report\]"):
        fabricated.fit().report(tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_r2_and_the_sentence_of_a_linear_probability_model(no_pictures: list[str]) -> None:
    fit = built.fit("bin ~ x + (1 | g)")
    page = Read(report.text(fit))
    assert page.rows("shares")["conditional"][0] == f"{fit.r2().loc['conditional', 'mean']:.3f}"
    assert "a linear probability model" in page.words["results"] and "Pr(bin = 1)" in page.words["results"]
    for other in (built.fit("y ~ x + (1 | g)"), built.fit("bin ~ x + (1 | g)", family="logit")):
        assert "linear probability" not in Read(report.text(other)).words["results"]
    assert Read(report.text(built.fit("y ~ x"))).rows("shares")["conditional"]
