"""Write docs/rules from the table of rules: a page a rule and the list of all.

Usage: python scripts/rule_pages.py [DIR]. Pages of rules that are gone are removed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from analyzer.checks.pages import index, page
from analyzer.checks.table import RULES

FOLDER = Path(__file__).parents[1] / "docs" / "rules"
BY_HAND = frozenset({"differences.md"})


def pages() -> dict[str, str]:
    """Every file of docs/rules, by its name."""
    return {"README.md": index(RULES), **{f"{rule.name}.md": page(rule) for rule in RULES}}


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in folder.glob("*.md"):
        if path.name not in wanted and path.name not in BY_HAND:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{len(wanted) - 1} rules")
    return 0


if __name__ == "__main__":
    sys.exit(main())
