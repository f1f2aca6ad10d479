"""Write where the running repository is into pyproject.toml, for the registry's page of the pack.

The addresses belong to whoever publishes, so they are taken from the workflow's own environment
instead of standing in the file.
"""

from __future__ import annotations

import os
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
ICON = "web/icon.png"


def with_urls(pyproject: str, *, server: str, repository: str, commit: str) -> str:
    """Add ``[project.urls]`` and the icon to the text of a pyproject.toml that has neither."""
    home = f"{server}/{repository}"
    icon = f"https://raw.githubusercontent.com/{repository}/{commit}/{ICON}"
    urls = (
        "[project.urls]\n"
        f'Repository = "{home}"\nIssues = "{home}/issues"\nDocumentation = "{home}#readme"\n\n'
    )
    before, table, after = pyproject.partition("[tool.comfy]\n")
    if not table or "[project.urls]" in pyproject:
        raise SystemExit("pyproject.toml must have [tool.comfy] and no [project.urls]")
    return f'{before}{urls}{table}Icon = "{icon}"\n{after}'


if __name__ == "__main__":
    PYPROJECT.write_text(
        with_urls(
            PYPROJECT.read_text(encoding="utf-8"),
            server=os.environ["GITHUB_SERVER_URL"],
            repository=os.environ["GITHUB_REPOSITORY"],
            commit=os.environ["GITHUB_SHA"],
        ),
        encoding="utf-8",
    )
