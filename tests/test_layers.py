"""The plan of the house, read from the imports of every module: which room stands on which, and that no import goes in a circle.

Imports inside functions count, and so do those for type checkers: a circle of types is a circle of ideas.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

import pytest

from tests.test_packaging import MODULES, aliases, imports, package_of

FACADE, FACADES = "gibbs.posterior.fit", {"gibbs.posterior.fit", "gibbs.posterior.of_rows"}
"""``Fit`` has a method for every wing, and every wing takes a Fit; it is a class in two files."""
FRONT = {"calibration", "commands", "reference", "report", "resuming"}
"""The folders that people meet, with the modules of the package itself that are no tools; all other rooms are below, and know nothing of
them."""
TOOLS = {"columns", "cores", "early", "errors", "mapped", "memory", "numerals", "paths", "printable", "signals", "version", "wrap"}
STANDS_ON = {
    "kernels": set(),
    "model": TOOLS,
    "draws": {*TOOLS, "model"},
    "files": {*TOOLS, "model"},
    "tasks": {*TOOLS, "kernels"},
    "sampling": {*TOOLS, "model", "draws", "kernels", "tasks"},
    "posterior": {*TOOLS, "model", "draws"},
    "summaries": {*TOOLS, "model", "draws", "files", "posterior"},
    "predictions": {*TOOLS, "model", "draws", "files", "posterior", "plots"},
    "criticism": {*TOOLS, "model", "draws", "files", "posterior"},
    "plots": {*TOOLS, "model", "draws", "files", "posterior", "predictions"},
    "export": {*TOOLS, "model", "draws", "files", "posterior"},
    "survey": {*TOOLS, "model", "draws", "sampling", "tasks"},
    "runfolder": {*TOOLS, "model", "draws", "files"},
}
"""The rooms that the modules of each room may import from, besides their own."""
NOT_IN_KERNELS = {"pandas", "formulaic", "pydantic", "yaml"}


def room(module: str) -> str:
    """``gibbs.model.data`` → ``model``; "" of the package itself, which holds names alone."""
    return module.split(".")[1] if "." in module else ""


@functools.cache
def graph() -> dict[str, set[str]]:
    """Every module → the modules it imports; a module that is imported from its package is that module, and not the package."""
    known = {name for name, _ in MODULES}
    found: dict[str, set[str]] = {}
    for module, file in MODULES:
        package = package_of(module, file)
        names = {alias for name, alias in aliases(file, package)} & known
        whole = {name for name, alias in aliases(file, package) if alias not in known} & known
        found[module] = (names | whole) - {module}
    return found


def circles(of: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """The sets of modules that import one another: strongly connected components of more than one (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []

    def walk(module: str) -> Iterator[set[str]]:
        index[module] = low[module] = len(index)
        path.append(module)
        for other in sorted(of[module]):
            if other not in index:
                yield from walk(other)
            if other in path:
                low[module] = min(low[module], low[other])
        if low[module] == index[module]:
            component = set(path[path.index(module) :])
            del path[path.index(module) :]
            if len(component) > 1:
                yield component

    for module in sorted(of):
        if module not in index:
            yield from walk(module)


def test_circles_are_found() -> None:
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": set()})) == []
    found = list(circles({"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}))
    assert sorted(map(sorted, found)) == [["a", "b", "c"], ["d", "e"]]


def test_imports_that_are_counted() -> None:
    """In a function, for type checkers, and of a module through its package."""
    assert "gibbs.sampling.chains" in graph()["gibbs.pipeline"] and "gibbs.preview" in graph()["gibbs.pipeline"]
    assert "gibbs.draws.names" in graph()["gibbs.sampling.pack"] and FACADE in graph()["gibbs.plots"]


def test_no_import_goes_in_a_circle_but_through_the_facade() -> None:
    rest = {module: others - FACADES for module, others in graph().items() if module not in FACADES}
    assert list(circles(rest)) == []
    assert all(FACADES & component for component in circles(graph()))


def test_nothing_imports_the_package_itself() -> None:
    """It names what people use, for them; a version has a module of its own."""
    assert [module for module, others in graph().items() if "gibbs" in others] == []


def test_every_room_stands_on_those_below_it() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, others in graph().items()
        if module not in FACADES and room(module) in STANDS_ON
        for other in others
        if other not in FACADES and room(other) not in {room(module), *STANDS_ON[room(module)]}
    ]
    assert not wrong
    folders = {room(module) for module, file in MODULES if file.name == "__init__.py"} - {""}
    assert folders == {*FRONT, *STANDS_ON}, "a new room needs its place"


def test_the_facade_knows_no_sampler_and_no_front_but_the_report_priors_expectations_and_what_goes_on() -> None:
    assert {room(other) for facade in FACADES for other in graph()[facade]} <= {*STANDS_ON, *TOOLS, "report", "calibration", "resuming"} - {
        "sampling",
        "kernels",
    }


def test_tools_stand_on_tools() -> None:
    assert not [(m, o) for m, others in graph().items() if room(m) in TOOLS for o in others if room(o) not in TOOLS]


def test_nothing_imports_the_command_line() -> None:
    """But its other name, and what tells of commands."""
    about = {"gibbs.commands.completion", "gibbs.commands.help", "gibbs.reference.commands", "gibbs.reference.outputs"}
    assert {module for module, others in graph().items() if "gibbs.cli" in others} == {"gibbs.__main__", *about}


@pytest.mark.parametrize("inside", [True, False], ids=["kernels", "the rest"])
def test_kernels_stand_alone_and_have_one_name(inside: bool) -> None:
    for module, file in MODULES:
        roots = {name.split(".")[0] for name in imports(file, package_of(module, file))}
        if inside == (room(module) == "kernels"):
            assert not roots & (NOT_IN_KERNELS if inside else {"kernels"}), module
