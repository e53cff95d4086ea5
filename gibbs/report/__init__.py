"""``gibbs report RUN``, ``fit.report(path)``: everything about one fit in one HTML file that needs no network.

``contents`` gathers sections of plain parts, ``letters`` sets the equations, ``pictures`` draws, and the template ``page.html.jinja`` puts
them on the page. Titles, labels and formulas may come from strangers: jinja2 escapes every one of them, and nothing is marked as safe.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gibbs.errors import OutputError
from gibbs.printable import printable

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit

NAME = "report.html"
"""What ``gibbs report`` calls the file in the run folder."""


def write(fit: Fit, path: str | Path, *, force: bool = False) -> Path:
    """Write the report of ``fit`` to ``path``, whole or not at all, and give its absolute path.

    Raises OutputError where there is a file already (unless ``force``), where it cannot be written, and where jinja2 is not installed.
    What needs the rows of the data is left out where these cannot be had, and the report says so.
    """
    from gibbs.files import whole

    target = whole.check_file(path, force=force)
    words = text(fit, target.parent)
    return whole.write_file(path, lambda file: file.write_text(words, encoding="utf-8"), force=force)


def text(fit: Fit, folder: Path | None = None) -> str:
    """The report as HTML. folder : where it will be, for the path of the data in the spec that it shows."""
    try:
        import jinja2
    except ImportError as error:
        raise OutputError('reports are made with jinja2, which is not installed: pip install "gibbs-engine[report]".') from error
    from gibbs.report import contents

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gibbs.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_fit_for_a_page,
    )
    return environment.get_template("page.html.jinja").render(page=contents.gather(fit, folder))


def _fit_for_a_page(value: object) -> object:
    """What the template puts in: text without letters that turn it round; what is markup already stays markup."""
    if not isinstance(value, str):
        return value
    text = printable(value, lines=True)
    return value if text == value else type(value)(text)
