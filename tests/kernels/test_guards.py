"""Guards of the engine room: how many parameters a function takes there, and how long it is."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.table import table

ROOT = Path(__file__).parents[2]
MOST_PARAMETERS, MOST_LINES = 12, 80
FILES = sorted([*(ROOT / "kernels").glob("*.py"), *(ROOT / "gibbs" / "sampling").glob("*.py")])


@table("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_functions_are_short_and_take_few_parameters(path):
    too_much = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            parameters = len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs])
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if parameters > MOST_PARAMETERS or lines > MOST_LINES:
                too_much.append(f"{node.name} (line {node.lineno}): {parameters} parameters, {lines} lines")
    assert not too_much


def test_loops_read_as_the_algorithm():
    """The three sweeps: what runs in a sweep fits on a screen."""
    lengths = {}
    for name in ("sweep.py", "second_order.py", "factorised.py"):
        for node in ast.walk(ast.parse((ROOT / "kernels" / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name in ("run_chunk", "run_second_order", "run_factorised"):
                inside = node.body[1:]  # after the docstring
                lengths[node.name] = inside[-1].end_lineno - inside[0].lineno + 1
    assert len(lengths) == 3 and max(lengths.values()) <= 60
