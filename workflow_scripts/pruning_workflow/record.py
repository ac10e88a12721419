"""What a job notes of itself: what it read, wrote and cost. Each job writes it; `lineage` adds up.

Every script imports this module, so a change of it runs everything again. For that reason the sums are in `lineage`.
"""

from dataclasses import asdict, dataclass

from score_extrapolation.passes import PASSES_OF_A_STEP

FOLDER = "lineage"  # of an experiment's records, below its own


@dataclass(frozen=True)
class Record:
    """A job that was run.

    Attributes
    ----------
    rule, stage : str
    wildcards : dict of str to str
    reads, writes : tuple of str
        Files of the experiment, below its folder.
    sources : tuple of str
        Files of the user's that it read, as the config names them, wherever they lie.
    threads : int
    seconds : float
        By the clock, from the start of its process; of what went on where it stood, the earlier ones too (`lineage`).
    memory_mb : float
        The most that its processes had in memory together, looked at each second.
    images_trained : float or None
        Images that a network was trained on, each as often as it was in a batch; None: images do not tell its cost.
    images_predicted : float
        Images that a network only predicted or embedded.
    """

    rule: str
    stage: str
    wildcards: dict[str, str]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    sources: tuple[str, ...]
    threads: int
    seconds: float
    memory_mb: float
    images_trained: float | None = 0
    images_predicted: float = 0

    @property
    def images(self) -> float:
        """As images trained on; NaN where images do not tell its cost."""
        trained = float("nan") if self.images_trained is None else self.images_trained
        return trained + self.images_predicted / PASSES_OF_A_STEP

    def to_json(self) -> dict:
        """Return it as JSON takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, noted: dict) -> "Record":
        """Return the record that `to_json` wrote."""
        return cls(**noted | {key: tuple(noted[key]) for key in ("reads", "writes", "sources")})
