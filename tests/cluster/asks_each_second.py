"""Snakemake, but for how often it asks Slurm: each second.

The plugin for Slurm waits ten seconds longer each time that no job has ended, three minutes at most, and has no setting
for that. Nothing else changes, and the jobs run Snakemake itself.
"""

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def sleep(self):
    await asyncio.sleep(1)


RemoteExecutor.sleep = sleep

if __name__ == "__main__":
    main()
