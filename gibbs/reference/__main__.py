"""``python -m gibbs.reference``: write the pages that are made, and the schema for editors, into ``specs``; ``--check`` compares alone."""

from __future__ import annotations

import json
import sys

from gibbs.model.first_spec import SCHEMA_NAME
from gibbs.model.schema import schema
from gibbs.reference import folder, made


def main(words: list[str]) -> int:
    """1 where ``--check`` finds a page that is not what the registries say."""
    pages = folder()
    wanted = {pages / f"{topic}.md": text for topic, text in made().items()}
    wanted[pages.parent / SCHEMA_NAME] = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in words:
        print("\n".join(f"stale: {path.name}" for path in stale) or "all pages are what the registries say")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    print(f"{len(stale)} of {len(wanted)} pages written anew in {pages}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
