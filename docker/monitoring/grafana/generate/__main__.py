"""Makes docker/monitoring/grafana/dashboards from the definitions beside this file.

    python3 docker/monitoring/grafana/generate           writes the files
    python3 docker/monitoring/grafana/generate --check   only tells whether they are what would be written
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import infrastructure
import overview
import services
import topics

FOLDER = Path(__file__).resolve().parent.parent / "dashboards"


def documents() -> dict[Path, str]:
    boards = [overview.dashboard(), *services.dashboards(), *topics.dashboards(), infrastructure.dashboard()]
    return {
        FOLDER / board.folder / f"{board.uid}.json": json.dumps(board.json(), indent=2, ensure_ascii=False) + "\n"
        for board in boards
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 when a file would change")
    arguments = parser.parse_args()
    wanted = documents()
    superfluous = sorted(set(FOLDER.rglob("*.json")) - set(wanted))
    changed = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in [*changed, *superfluous]:
        print(path.relative_to(FOLDER), "is out of date" if path in wanted else "has no definition")
    if arguments.check:
        return 1 if changed or superfluous else 0
    for path in superfluous:
        path.unlink()
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
