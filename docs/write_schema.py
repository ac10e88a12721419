"""Write config/schema.json, by which editors complete and check configs, from the models and the methods' files.

    python docs/write_schema.py

`make schema` runs it; a test fails where the file is not what it writes.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from pruning_workflow.config import config_schema

FILE = Path(__file__).parents[1] / "config" / "schema.json"


def written() -> str:
    """Return what the file should hold."""
    return json.dumps(config_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
