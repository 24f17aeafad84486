"""The example library's site file, and what its processes are told."""

from pathlib import Path

import config

EXAMPLE = Path(config.__file__).parent / "sites" / "zhijiang" / "site.yaml"
ENVIRONMENT = "environment.json"
"""In the data folder of an example library: the ports and names its processes were given."""
DEMO = Path(".run/demo")
"""Where `./run` keeps its files when nothing else is said."""
