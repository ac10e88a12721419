"""What jobs ask of the machine or the cluster."""

from pydantic import Field

from score_extrapolation.plugins import Section


class Resources(Section):
    """What the jobs of a stage ask for; where one does not say, it asks for what the default does."""

    threads: int | None = Field(None, ge=1, description="CPU threads")
    mem_mb: int | None = Field(None, ge=1, description="megabytes of host memory")
    runtime: int | None = Field(None, ge=1, description="minutes")
    gpu: int | None = Field(None, ge=0, description="GPUs")
    gpu_shards: int | None = Field(None, ge=0, description="parts of a GPU that jobs share")


class Slurm(Section):
    """Where Slurm runs the jobs; None is the cluster's own default."""

    account: str | None = Field(None, min_length=1)
    partition: str | None = Field(None, min_length=1)
    gpu_partition: str | None = Field(None, min_length=1)

    def partition_of(self, on_gpu: bool) -> str | None:
        """Return the partition of jobs with or without a GPU."""
        return (on_gpu and self.gpu_partition) or self.partition
