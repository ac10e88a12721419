"""Compare the files of the samples with their checksums."""

import sys
from pathlib import Path

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.datasets.store.checksums import verify_store
    from score_extrapolation.faults import InputFault

    folder = Path(snakemake.input[0]).parent
    found = verify_store(folder, snakemake.threads)
    if found:
        remedy = f"remove {folder} to have it made again from the data, and check the disk"
        raise InputFault("\n".join(f"samples: {sentence}; {remedy}" for sentence in found))
    print(f"Verified: {folder} is as it was written", file=sys.stderr)
