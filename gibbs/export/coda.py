"""Draws as the text files of CODA, which R's ``coda::read.coda`` reads: CODAindex.txt and one CODAchainN.txt a chain.

The index has a line for every parameter: name, first line, last line. A chain has the parameters one after the other, a line a draw:
iteration, value. Read it with ``mcmc.list(lapply(sprintf("CODAchain%d.txt", 1:4), read.coda, "CODAindex.txt"))``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gibbs.export import tidy
from gibbs.files import whole

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit


def export(fit: Fit, folder: str | Path, wanted: Sequence[str] | None = None, *, force: bool = False) -> Path:
    """Write the files into ``folder``; gives its absolute path. ``wanted``: names or patterns; every parameter where None.

    Values have twelve significant digits; iterations are counted from 1, after warm-up. Raises SpecError for a name that no parameter
    has, OutputError where the folder is not free.
    """
    labels, draws = tidy.selected(fit, wanted)
    chains, kept, _ = draws.shape
    index = "".join(f"{quoted(label)} {i * kept + 1} {(i + 1) * kept}\n" for i, label in enumerate(labels))
    files = {"CODAindex.txt": index}
    files.update({f"CODAchain{c + 1}.txt": _writer(draws[c]) for c in range(chains)})
    return whole.write_folder(folder, files, force=force)


def quoted(name: str) -> str:
    """A name as one word of R's read.table: in quotes where it has anything that ends a word there, with no quote inside.

    read.table cannot hold a double quote within a quoted word, nor a backslash before one: these become ' and /.
    """
    plain = name.replace('"', "'").replace("\\", "/").replace("\n", " ")
    return f'"{plain}"' if any(c.isspace() or c in "'#" for c in plain) else plain


def _writer(draws: np.ndarray):
    """A function that writes one chain (draw, parameter) to a file, a parameter at a time."""

    def write(path: Path) -> None:
        head = [f"{s} " for s in range(1, len(draws) + 1)]
        with path.open("w", encoding="ascii", newline="\n") as file:
            for values in draws.T.tolist():
                file.writelines([f"{start}{value:.12g}\n" for start, value in zip(head, values, strict=True)])

    return write
