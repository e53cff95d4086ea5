"""The day of a data scientist, in a notebook that a real kernel executes: every answer shows itself as a page or a picture, none as a
memory address, and the notebook becomes HTML."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

CELLS = (
    "import numpy as np\nimport pandas as pd\nimport gibbs",
    """rng = np.random.default_rng(5)
school = rng.integers(0, 12, 400)
x = rng.normal(size=400)
pupils = pd.DataFrame({"school": [f"school {j}" for j in school], "x": x, "sex": rng.choice(["boy", "girl"], 400)})
pupils["y"] = 1 + 0.5 * x + rng.normal(size=12)[school] + rng.normal(size=400)""",
    'gibbs.check("y ~ x + sex + (1 + x | school)", pupils)',
    'fit = gibbs.fit("y ~ x + sex + (1 + x | school)", pupils, seed=1, chains=2, warmup=300, draws=400)\nfit',
    "fit.summary()",
    'fit.effects("x", by="sex")',
    'fit.contrasts("sex")',
    'null = gibbs.fit("y ~ x + sex + (1 | school)", pupils, seed=1, chains=2, warmup=300, draws=400)\nfit.compare(null)',
    "fit.table()",
    "fit.plot.groups()",
    'fit.plot.effects("x", by="sex")',
    "import matplotlib.pyplot as plt\n"
    "figure, axes = plt.subplots(1, 2, figsize=(9, 4))\n"
    'fit.plot.coefficients(ax=axes[0], title="mine")\n'
    "fit.plot.variance(ax=axes[1])\n"
    "figure",
    "fit.draws",
    'assert abs(fit.fixef()["x"] - fit.draws.posterior["b_x"].mean().item()) < 1e-9',
)
PAGES, PICTURES = (2, 3, 4, 5, 6, 7, 8, 12), (9, 10, 11)
"""Cells that show a page of HTML, and those that show a picture."""


@pytest.mark.filterwarnings("ignore")  # of jupyter's own packages; what gibbs warns of is in the notebook
def test_the_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient, nbconvert = (pytest.importorskip(name) for name in ("nbformat", "nbclient", "nbconvert"))
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class OfThisPython(AsyncKernelManager):
        """A kernel of the Python that runs the tests, whatever kernels are installed for the user."""

        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python")

    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    nbclient.NotebookClient(
        notebook, timeout=1800, kernel_manager_class=OfThisPython, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()

    def shown(cell: int, kind: str) -> list[str]:
        return [output["data"][kind] for output in notebook.cells[cell].outputs if kind in output.get("data", {})]

    for cell in PAGES:
        pages = shown(cell, "text/html")
        assert pages and "<" in pages[-1] and " object at 0x" not in pages[-1], CELLS[cell]
    for cell in PICTURES:
        pictures = [base64.b64decode(picture) for picture in shown(cell, "image/png")]
        assert pictures and len(pictures[-1]) > 5_000 and pictures[-1].startswith(b"\x89PNG"), CELLS[cell]
    told = "".join(output.get("text", "") for cell in notebook.cells for output in cell.outputs if output.output_type == "stream")
    assert "Traceback" not in told and "Glyph" not in told
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    assert "province" not in page and "school" in page and "data:image/png" in page
