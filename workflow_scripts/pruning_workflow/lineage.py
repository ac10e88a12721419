"""What each job read, wrote and cost, noted where it ran, and sums over all jobs that led to a result.

`job.job` writes a record beside its results, ``lineage/<path>.json``, an output of each rule as its results are.
Nobody else says which job needs which: a sum goes from a file to the job that wrote it, and on to the files that this
job read.

- A job that several results share counts in full for each of them, and once within a sum.
- A job that is run again, as by ``--forceall``, replaces its record: a sum has what the last run cost. A table has
  what the records said when it was made: where the job's results are the same bytes as before, nothing makes the table
  again.
- A training, or a frozen network's embedding, that was killed and goes on where it stood has the seconds of what it
  did before as well. What was lost between the last saved state and the kill is in no sum, nor are failed attempts.

Work is a cost that a small run shares with a large one, whose seconds are not mostly imports. Its unit is one full
training: that without pruning, for the epochs of the retraining's recipe. Work is the images that are trained on,
each as often as it is in a batch, and a third of those that are only predicted or embedded, divided by the images
that the full training is given. Images are all that is counted. An image counts the same in every network, also where
that of the scores, or a frozen one for embeddings, is larger or smaller than the one that is retrained, and the same
whether it is attacked or not. To select, to search neighbours and to extrapolate sees no image: that is told in
seconds alone. So are the predictions that measure a retrained network, or choose its best epoch; those that judge a
trial count, since a method is chosen by them.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from score_extrapolation.faults import InputFault

from .names import NOTHING, Part
from .record import FOLDER, Record


class Lineage:
    """The records of an experiment.

    Parameters
    ----------
    records : iterable of Record
    folder : path
        Of its results.
    """

    def __init__(self, records: Iterable[Record], folder=""):
        self.folder = folder
        self.writer = {path: record for record in records for path in record.writes}

    @classmethod
    def of(cls, folder) -> "Lineage":
        """Return that of an experiment's folder of results.

        A record may go while others are read: Snakemake removes that of a job which it is about to run again.
        """
        records = []
        for path in sorted(Path(folder, FOLDER).rglob("*.json")):
            with suppress(FileNotFoundError):
                records.append(Record.from_json(json.loads(path.read_text(encoding="utf-8"))))
        return cls(records, folder)

    def leading_to(self, path: str) -> list[Record]:
        """Return every job that a file took, each once, those that others read before these.

        Parameters
        ----------
        path : str
            Below the experiment's folder.

        Raises
        ------
        InputFault
            The record of a job is missing.
        """
        found: list[Record] = []
        seen = set()

        def go(path: str) -> None:
            record = self.writer.get(path)
            if record is None:
                file = os.path.join(self.folder, path)
                raise InputFault(
                    f"{FOLDER}: no record says how {file} was made, so that its cost is not known; make it again: "
                    f"snakemake --forcerun {file}"
                )
            if id(record) not in seen:
                seen.add(id(record))
                for read in record.reads:
                    go(read)
                found.append(record)

        go(path)
        return found


def stage_of(record: Record, part: Part | None) -> str:
    """Return the stage that a job's cost belongs to, for an arm that prunes by scores of a part.

    Parameters
    ----------
    record : Record
        Of a job that led to what the arm keeps.
    part : Part or None

    Returns
    -------
    str
        Its own stage, or ``nested`` where it is of a smaller part, within that one.
    """
    own = part_of(record)
    if own is None or part is None or own == NOTHING or own.trained == part.trained:
        return record.stage
    return "nested"


def part_of(record: Record) -> Part | None:
    """Return the part of the data that a job is of; None where it is of all samples, or of no one part."""
    name = record.wildcards.get("part") or record.wildcards.get("fraction")
    return Part.parse(name) if name else None
