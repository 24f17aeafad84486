"""SQL stays SQL: the named statements of queries.sql."""

from pathlib import Path

_MARK = "-- name: "


def named(path: Path) -> dict[str, str]:
    """Read statements, each below a line `-- name: …`."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(_MARK):
            lines = found[line.removeprefix(_MARK).strip()] = []
        else:
            lines.append(line)
    return {name: "\n".join(text).strip() for name, text in found.items()}


SQL = named(Path(__file__).with_name("queries.sql"))
