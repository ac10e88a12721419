"""The experiment's config: its keys, ranges and defaults, validated before anything runs, all faults at once.

Nothing here imports numpy or torch: the workflow is parsed for every command, dry runs included.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, Field

from score_extrapolation.faults import InputFault
from score_extrapolation.plugins import Section, method_constant, method_options

from ..names import EVERYTHING, Part
from .checks import find_contradictions
from .messages import dotted, validate
from .methods import (
    AUTO,
    candidate_label,
    candidates_of,
    extrapolator_label,
    is_unsupervised,
    needs_of_selection,
    options_of,
    own_options,
)
from .sections import (
    Checkpoints,
    Embeddings,
    Evaluation,
    Export,
    Neighbors,
    Resources,
    Retraining,
    Samples,
    ScoreTraining,
    Selection,
    Slurm,
    Subset,
    TrainingFree,
)
from .shorthands import fill_in_methods, fill_in_recipes, told_of_training
from .values import unique

# What stepping scores up reads beside them (extrapolators/_step_up.py), and what trainings must have noted for it.
STEP_UP_NEEDS = ("dynamics", "nested/dynamics", "nested/scores")
STEP_UP_RECORD = "probability"
# What of its recipe a training on embeddings reads; the rest is about images.
READ_UNSUPERVISED = {"paradigm", "epochs", "batch_size", "optimizer"}

STAGES = (
    "samples",
    "subset",
    "training",
    "scores",
    "embeddings",
    "training_free",
    "predictions",
    "neighbors",
    "extrapolation",
    "selection",
    "export",
    "retraining",
    "evaluation",
    "report",
)


class Config(Section):
    """One experiment."""

    experiment: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        description="name of its folder in results; letters, digits, _ . -; no _ . - first",
    )
    results: str = Field(min_length=1, description="folder for everything that is written")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(unique)] = Field(
        description="each repeats subsets, trainings and random draws"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(description="where networks run; auto: on a GPU if there is one")
    shards: int = Field(ge=1, description="parts that samples are split into, each a job of its own")
    samples: Samples
    subset: Subset
    training: ScoreTraining
    checkpoints: Checkpoints
    scores: list[dict] = Field(min_length=1, description="files in scores/; higher = more important = kept")
    embeddings: Embeddings
    training_free: TrainingFree
    neighbors: Neighbors
    extrapolation: list[dict] = Field(min_length=1, description="files in extrapolators/; one result for each k")
    selection: Selection
    export: Export
    retraining: Retraining
    evaluation: Evaluation
    resources: dict[Literal["default", *STAGES], Resources] = Field(  # type: ignore[valid-type]  # not spelt out
        description="what the jobs of each stage ask for"
    )
    slurm: Slurm

    def asked_by(self, stage: str) -> Resources:
        """Return what the jobs of a stage ask for, the default's where the stage sets nothing."""
        own = self.resources[stage].model_dump(exclude_none=True) if stage in self.resources else {}
        return self.resources["default"].model_copy(update=own)

    def path(self, name: str) -> str:
        """Return where a file of this experiment lies."""
        return f"{self.results}/{self.experiment}/{name}"

    def parts(self) -> list[Part]:
        """Return all subsets: of each fraction, by each sampler."""
        return _parts(self.subset.fractions, self.subset.samplers)

    def pruned_parts(self) -> list[Part]:
        """Return the subsets by whose scores is pruned."""
        chosen = self.selection
        return _parts(chosen.fractions or self.subset.fractions, chosen.samplers or self.subset.samplers)

    def score(self, name: str) -> dict:
        """Return a score's name and options."""
        return next(score for score in self.scores if score["name"] == name)

    def training_free_method(self, name: str) -> dict:
        """Return name and options of a training-free score; of one that the config does not list, the defaults."""
        listed = (method for method in self.training_free.methods if method["name"] == name)
        return next(listed, {"name": name, **method_options("training_free", name)().model_dump()})

    def export_format(self, name: str) -> dict:
        """Return name and options of a format of kept lists; of one that the config does not list, the defaults."""
        listed = (entry for entry in self.export.formats if entry["name"] == name)
        return next(listed, {"name": name, **method_options("exports", name)().model_dump()})

    def selection_method(self, name: str) -> dict:
        """Return name and own options of a selection method; of one that the config does not list, the defaults."""
        listed = (own_options("selection", method) for method in self.selection.methods if method["name"] == name)
        return {"name": name, **next(listed, method_options("selection", name)().model_dump())}

    def scores_pruned_by(self, method: str) -> list[str]:
        """Return the names of the scores that a selection method, one of the config's, prunes by."""
        return self._of_selection(method, "scores") or self.selection.scores or [score["name"] for score in self.scores]

    def extrapolators_pruned_by(self, method: str) -> list[str]:
        """Return the labels of the extrapolators whose estimates a selection method, one of the config's, prunes by."""
        return self._of_selection(method, "extrapolators") or self.selection.extrapolators

    def prunes_by_full_data_scores(self, method: str) -> bool:
        """Say whether a selection method, one of the config's, prunes by the full data's scores too.

        Not one that is chosen by trials: there is no subset to try methods in.
        """
        wanted = self.evaluation.full_data_scores and self._of_selection(method, "full_data_scores")
        return wanted and method != self.tried()

    def _of_selection(self, method: str, key: str):
        return next(entry[key] for entry in self.selection.methods if entry["name"] == method)

    def pruning_extrapolators(self) -> list[str]:
        """Return the labels of all extrapolators that are pruned by: the selection's, then those of its methods."""
        own = [label for method in self.selection.methods for label in method["extrapolators"] or ()]
        return list(dict.fromkeys([*self.selection.extrapolators, *own]))

    def tried(self) -> str | None:
        """Return the name of the selection method that is chosen by trials, or None."""
        return next((method["name"] for method in self.selection.methods if candidates_of(method)), None)

    def candidates(self, method: str) -> dict[str, dict]:
        """Return name and options of each method that is tried for one that is chosen by trials; none for others.

        By their labels in paths, such as chance-floor_0.7, in the order of the config.
        """
        return {candidate_label(entry): entry for entry in candidates_of(self.selection_method(method))}

    def doubt(self, method: str) -> str | None:
        """Return the other score that a selection method reads beside the one that is pruned by, or None."""
        option = method_constant("selection", method, "DOUBT_OPTION")
        return self.selection_method(method)[option] if option else None

    def reads_labels(self) -> bool:
        """Say whether a selection may read labels: there are some, and no training for scores does without."""
        return self.samples.labelled and not self.unsupervised()

    def selection_needs(self, method: str, part: Part) -> tuple[str, ...]:
        """Return the names of the tables that a selection method reads beside scores of a training on a part."""
        outside = part != EVERYTHING or self.samples.pool is not None
        if method_constant("selection", method, "NEEDS_OPTIONAL") and not (outside and self.reads_labels()):
            return ()
        return needs_of_selection(self.selection_method(method))

    def recipes(self) -> dict[str, dict]:
        """Return the recipe of each training that a score is computed from, by its name in paths."""
        named = {score["training"] for score in self.scores}
        return {
            name: training.model_dump(
                exclude={"variants"}, include=READ_UNSUPERVISED if is_unsupervised(training) else None
            )
            for name, training in self.training.by_name().items()
            if name in named
        }

    def unsupervised(self) -> list[str]:
        """Return the names of the trainings that find classes in embeddings, of those that a score is computed from."""
        return [name for name in self.recipes() if is_unsupervised(self.training.by_name()[name])]

    def spaces(self, recipe: str) -> list[str]:
        """Return the frozen networks whose embeddings a training finds classes in; none of one that sees images."""
        return list(self.recipes()[recipe]["paradigm"]["spaces"]) if recipe in self.unsupervised() else []

    def labels_found_by(self, score: str | None) -> str:
        """Return the training whose labels are trained on where they are found: of a score its own, if that finds any.

        Of what reads no scores, the first that does.
        """
        own = next((one["training"] for one in self.scores if one["name"] == score), None)
        return own if own in self.unsupervised() else self.unsupervised()[0]

    def records(self, recipe: str) -> list[str]:
        """Return what a training notes of its samples: all that the scores computed from it read."""
        scores = [score["name"] for score in self.scores if score["training"] == recipe]
        stepped_up = {STEP_UP_RECORD} if any(entry["step_up"] for entry in self.extrapolation) else set()
        return sorted({method_constant("scores", score, "RECORD") for score in scores} | stepped_up)

    def extrapolators(self) -> dict[str, dict]:
        """Return name and options of each extrapolator by its label in paths, such as knn-20."""
        return {extrapolator_label(entry): entry for entry in self.extrapolation}

    def extrapolated(self) -> list[str]:
        """Return the labels of all extrapolated scores: of each extrapolator, and of `auto` if asked for."""
        return [*self.extrapolators(), *([AUTO] if AUTO in self.pruning_extrapolators() else [])]

    def needs(self, extrapolator: str) -> tuple[str, ...]:
        """Return the names of the tables that an extrapolator, given by its label, reads beside the subset's scores."""
        entry = self.extrapolators()[extrapolator]
        stepped_up = STEP_UP_NEEDS if entry["step_up"] else ()
        needed = options_of("extrapolators", entry).needs()
        return tuple(dict.fromkeys([*needed, *stepped_up]))

    def split(self, extrapolator: str) -> str | None:
        """Return how an extrapolator, given by its label, is split into shards: ``samples``, ``layers`` or None."""
        if self.shards == 1:
            return None
        return method_constant("extrapolators", self.extrapolators()[extrapolator]["name"], "SHARDS")

    def largest_k(self, scope: str, part: Part) -> int:
        """Return how many neighbours to search for: once, at the maximum of the methods that read this scope."""
        ks = [method["k"] for method in self._selecting_in(part) if f"neighbors/{scope}" in needs_of_selection(method)]
        if part == EVERYTHING and self.samples.pool is None:
            return max([self.evaluation.neighborhoods or 0, *ks])
        names = {f"neighbors/{scope}"}
        if part.within:
            # Within a subset, those who learn a step there; all, where estimates have them extrapolate there too.
            names = {f"nested/neighbors/{scope}"} | (names if "nested" in self.evaluation.estimates else set())
        ks += [entry["k"] for label, entry in self.extrapolators().items() if names & set(self.needs(label))]
        return max(ks, default=0)

    def _selecting_in(self, part: Part) -> list[dict]:
        """Return the selection methods that keep samples of a part: within a subset those that are tried there."""
        listed = self.selection.methods
        tried = [candidate for method in listed for candidate in candidates_of(method)]
        return tried if part.within else [*tried, *(method for method in listed if not candidates_of(method))]


def _parts(fractions: list[float], samplers: list[str]) -> list[Part]:
    return [Part.subset(fraction, sampler) for fraction in fractions for sampler in samplers]


def read_config(raw: dict, origin: Callable[[tuple], str] = lambda location: "config") -> Config:
    """Validate a merged config.

    Parameters
    ----------
    raw : dict
        As loaded from YAML.
    origin : callable
        location -> the file (or option) that set the value there; it begins each sentence.

    Returns
    -------
    Config
        With every default filled in, those of the methods' own options too.

    Raises
    ------
    InputFault
        One sentence a line for every fault: where, what was found, what is allowed.
    """
    faults: list[tuple[tuple, str]] = []
    complete = fill_in_methods(fill_in_recipes(raw), faults)
    config = validate(Config, complete, (), faults)
    faults += find_contradictions(_sound_sections(config, complete, faults))
    faulty = {location for location, _ in faults}
    faults = [(location, text) for location, text in faults if not told_of_training(location, raw, faulty)]
    if faults:
        raise InputFault("\n".join(dict.fromkeys(f"{origin(at)}: {dotted(at)} {text}" for at, text in faults)))
    return config


def _sound_sections(config: Config | None, complete: dict, faults: list) -> SimpleNamespace:
    """Return the validated values of the keys that have no fault; None of the others."""
    if config is not None and not faults:
        return SimpleNamespace(**dict(config))
    faulty = {location[0] for location, _ in faults}
    fields: dict[str, Any] = {
        key: (field.annotation, field) for key, field in Config.model_fields.items() if key not in faulty
    }
    sound = pydantic.create_model("Sound", __base__=Section, **fields)
    values = sound.model_validate({key: complete[key] for key in fields})
    return SimpleNamespace(**dict.fromkeys(Config.model_fields) | dict(values))
