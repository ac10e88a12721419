"""What the rules of the plan ask of the experiment and the machine."""

import sys
from pathlib import Path

from ..config import STAGES, Config
from ..record import FOLDER
from ..snakemake_internals import cores, runs_here
from ..start import input_paths


def planned_paths(config: Config) -> list[str]:
    """Return the files of the data set; of an experiment that cannot be run in small say so, and end."""
    if config.samples.pool is not None:
        print(
            "samples.pool: an experiment with a pool cannot be planned; set it to null to plan the rest",
            file=sys.stderr,
        )
        sys.exit(1)
    return input_paths(config)


def cores_of_plan(workflow, config: Config) -> int:
    """Return the cores that the experiment would have here; where jobs are submitted, those of the largest job."""
    return cores(workflow) if runs_here(workflow) else max(config.asked_by(stage).threads or 1 for stage in STAGES)


def count_done(config: Config) -> int:
    """Return how many jobs have run: as they become more, less is left."""
    records = Path(config.path(FOLDER))
    return sum(path.relative_to(records).parts[0] != "plan" for path in records.rglob("*.json"))
