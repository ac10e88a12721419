"""The selection method that is chosen by trials: its options and faults, what a trial is, the choice, its table."""

import json

import numpy as np
import pytest
import torch
from test_config import assert_says, changed, faults_of
from test_engine import ADAM, MODEL

from pruning_workflow.config import read_config
from pruning_workflow.evaluation.trials import COLUMNS, tabulate_trials
from pruning_workflow.names import Part
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import SAMPLES, SCORES, SUBSET, write_table
from score_extrapolation.models import load_model
from score_extrapolation.plugins import method_options
from score_extrapolation.rng import derive_seed
from score_extrapolation.selection import select
from score_extrapolation.selection.auto import as_rows, choose, mean_accuracies
from score_extrapolation.training import trials
from score_extrapolation.training.checkpoints import CheckpointPlan
from score_extrapolation.training.launch import train_on
from score_extrapolation.training.recipe import Recipe
from score_extrapolation.training.task import TrainingSet
from score_extrapolation.training.trials import Candidate, try_selection
from trainings import task_of

# Options


def auto(*candidates, **options):
    return {"name": "auto", "candidates": list(candidates), **options}


def study(*methods, **changes):
    return read_config(changed(("selection.methods", list(methods)), *changes.items()))


def test_the_candidates_by_default_are_written_out_as_the_file_has_them():
    experiment = study("auto")
    assert list(experiment.candidates("auto")) == ["chance", "chance-floor_0.0", "window-auto", "top", "random"]
    # Where the config does not list the method, they are the file's: what a candidate's file adds must be added there.
    assert experiment.selection_method("auto") == study("top").selection_method("auto")
    assert experiment.selection_method("auto")["repeats"] == 1
    assert (experiment.tried(), study("top").tried()) == ("auto", None)
    assert experiment.candidates("top") == {}


def test_a_candidate_is_named_by_what_is_not_as_by_default():
    candidates = [
        {"name": "chance", "floor": 0.7},
        "window",
        {"name": "window", "start": "auto"},
        {"name": "ccs", "dropped": 0},
        {"name": "class_balanced", "shares": "equal"},
    ]
    found = study(auto(*candidates)).candidates("auto")
    assert list(found) == ["chance-floor_0.7", "window", "window-auto", "ccs-dropped_0.0", "class_balanced-equal"]
    for entry in found.values():
        options = {key: value for key, value in entry.items() if key != "name"}
        assert method_options("selection", entry["name"])(**options).model_dump() == options


@pytest.mark.parametrize(
    "method, sentence",
    [
        (auto("top"), '.candidates = ["top"] leaves no choice; give two methods or more'),
        (auto(), ".candidates = [] leaves no choice; give two methods or more"),
        (auto("top", "random", "top"), ".candidates has top twice; give each once"),
        (auto("chance", {"name": "chance", "floor": 0.3}), ".candidates has chance twice; give each once"),
        (auto("top", "auto"), ".candidates[1] = auto chooses among other methods; name one of those"),
        (auto("rs2", "top"), ".candidates[0] = rs2 keeps no list that a trial could train on; leave it out"),
        (auto("top", "beta"), ".candidates[1] = beta reads a second score, unsure_by: unsure, and trials are made of"),
        (
            auto("top", {"name": "ccs", "dropped_by": "du"}),
            ".candidates[1] = ccs reads a second score, dropped_by: du, and trials are made of one; leave it out",
        ),
        (
            auto("top", {"name": "ccs", "dropped": 0.6}),
            ".candidates[1].dropped = 0.6 is more than selection.rates removes, 0.5; lower it",
        ),
        (auto("top", "tpo"), '.candidates[1] = "tpo" is none of auto, beta, '),
        (auto("top", {"floor": 0.5}), '.candidates[1] = {"floor": 0.5} names no method; give one of '),
        (auto("top", {"name": "chance", "floor": 2}), ".candidates[1].floor = 2 is above 1 (share of the chance"),
        (auto("top", {"name": "chance", "floors": 0}), ".candidates[1].floors is not a known key; did you mean floor?"),
        ({"name": "auto", "candidates": "top"}, '.candidates = "top" is no list; write ["top"]'),
        (auto("top", "random", repeats=0), ".repeats = 0 is below 1 (trainings of each candidate"),
    ],
)
def test_what_cannot_be_tried_is_one_sentence(method, sentence):
    (fault,) = faults_of(changed(("selection.methods", ["top", method])))
    assert fault.startswith(f"config: selection.methods[1]{sentence}"), fault


UNSUPERVISED = [
    ("training.paradigm", "unsupervised"),
    ("extrapolation", ["knn"]),
    ("selection.extrapolators", ["knn-20"]),
]


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ([("evaluation.estimates", [])], "tries methods on nested estimates; add nested to evaluation.estimates"),
        (
            [("samples.pool", {"dataset": "digits"}), ("evaluation.full_data_scores", False)],
            "tries methods on own images, and what is pruned is of samples.pool; name one method for it",
        ),
        (
            [("retraining.paradigm", "adversarial")],
            "judges by plain accuracy, and retraining.paradigm is adversarial; name one method",
        ),
        (UNSUPERVISED, "reads labels, and the scores come of an unsupervised training; take another of"),
        (
            [*UNSUPERVISED, ("retraining.labels", "found")],
            "reads labels, and the scores come of an unsupervised training; take another of",
        ),
    ],
)
def test_where_nothing_can_be_tried_is_one_sentence(changes, sentence):
    method = auto("top", {"name": "window", "start": "auto"})
    (fault,) = faults_of(changed(("selection.methods", ["top", method]), *changes))
    assert fault.startswith(f"config: selection.methods[1] = auto {sentence}"), fault


def test_it_is_not_told_of_a_fault_elsewhere():
    (fault,) = faults_of(changed(("selection.methods", ["auto"]), ("evaluation.estimates", ["unsure"])))
    assert_says(fault, 'evaluation.estimates[0] = "unsure" is none of cross_validation or nested (...)')


def test_what_candidates_read_is_read_within_the_subset_too():
    d2, window = {"name": "d2", "k": 7}, {"name": "window", "start": "auto"}
    experiment = study(auto(d2, window), {"name": "d2", "k": 3})
    assert experiment.selection_needs("auto", Part("20")) == ("neighbors/all", "embeddings", "subset", "samples")
    assert [experiment.largest_k("all", part) for part in (Part("20"), Part("10", "20"))] == [7, 7]
    without = study("top", d2)
    assert [without.largest_k("all", part) for part in (Part("20"), Part("10", "20"))] == [7, 0]


def test_the_library_has_no_trainings_to_choose_by():
    with pytest.raises(InputFault, match="auto needs trainings, which are not made here"):
        select(np.arange(10.0), 0.5, "auto")


# A trial

N, EPOCHS = 60, 2
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, N)
IMAGES = (RNG.integers(0, 120, (N, 6, 6, 1)) + 60 * LABELS[:, None, None, None]).astype(np.uint8)
SUBSET_IDS = np.sort(RNG.permutation(N)[:24])
SUBSET_SCORES = RNG.random(24, np.float32)
UNSEEN = np.setdiff1d(np.arange(N), SUBSET_IDS)
RECIPE = Recipe(model=MODEL, epochs=EPOCHS, batch_size=8, optimizer=ADAM).model_dump()


@pytest.fixture
def folder(tmp_path):
    """The files that a trial reads: images of three classes, a subset of 24 and its scores."""
    np.save(tmp_path / "train.npy", IMAGES)
    summary = {"classes": ["a", "b", "c"], "mean": [0.5], "std": [0.25]}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    named = {"sample_id": np.arange(N), "label": LABELS, "source": [f"#{i}" for i in range(N)]}
    write_table(tmp_path / "train.parquet", SAMPLES, {}, **named)
    write_table(tmp_path / "subset.parquet", SUBSET, {}, sample_id=SUBSET_IDS, label=LABELS[SUBSET_IDS])
    write_table(tmp_path / "scores.parquet", SCORES, {}, sample_id=SUBSET_IDS, score=SUBSET_SCORES)
    return tmp_path


def trial_in(folder, method="top", amount=None, budget="epochs", repeats=1, seed=4, scored=True):
    return try_selection(
        Candidate(
            {"name": method, **method_options("selection", method)().model_dump()},
            amount or {"rate": 0.5},
            folder / "subset.parquet",
            folder / "scores.parquet" if scored else None,
        ),
        TrainingSet(folder / "train.npy", folder / "summary.json", folder / "train.parquet"),
        RECIPE,
        budget,
        repeats,
        seed,
        "cpu",
        CheckpointPlan(folder / "checkpoint"),
    )


@pytest.mark.parametrize("method", ["top", "chance", "random"])
@pytest.mark.parametrize("budget", ["epochs", "steps"])
def test_a_trial_selects_trains_and_asks_all_images_outside_the_subset(folder, method, budget):
    trial = trial_in(folder, method, budget=budget, repeats=2, scored=method != "random")
    accuracies = []
    for repeat in (0, 1):
        own = derive_seed(4, f"trials/{repeat}")
        ids = SUBSET_IDS[select(SUBSET_SCORES, 0.5, method, LABELS[SUBSET_IDS], seed=own)]
        write_table(folder / "kept.parquet", SUBSET, {}, sample_id=ids, label=LABELS[ids])
        task = task_of(
            images_path=folder / "train.npy",
            summary_path=folder / "summary.json",
            samples_path=folder / "kept.parquet",
            recipe=RECIPE,
            seed=own,
            model_path=folder / "model.safetensors",
            checkpoint_path=folder / "by hand",
            # 3 batches of 24 samples in each of 2 epochs
            n_steps=None if budget == "epochs" else 6,
        )
        train_on(task)
        with torch.no_grad():
            logits = load_model(folder / "model.safetensors").eval()(torch.from_numpy(IMAGES[UNSEEN]))
        accuracies.append((logits.argmax(1).numpy() == LABELS[UNSEEN]).mean())
    assert trial["accuracies"] == pytest.approx(accuracies)
    # 12 samples are 2 batches: of 6 steps 3 epochs.
    seen = 2 * 12 * (EPOCHS if budget == "epochs" else 3)
    assert {key: value for key, value in trial.items() if key != "accuracies"} == {
        "rate": 0.5,
        "n_kept": 12,
        "n_tested": N - 24,
        "images_seen": seen,
        "images_predicted": 2 * (N - 24),
        "seconds_before": 0,
    }
    assert not list((folder / "checkpoint").glob("*"))


def test_of_a_number_to_keep_a_trial_keeps_the_same_share(folder):
    trial = trial_in(folder, amount={"n_kept": 15})
    assert (trial["rate"], trial["n_kept"], trial["images_seen"]) == (0.75, 6, 6 * EPOCHS)
    with pytest.raises(InputFault, match="60 samples to keep are not 1 to 59 of 60"):
        trial_in(folder, amount={"n_kept": 60})


def test_too_few_to_train_on_are_refused_before_a_training(folder):
    with pytest.raises(InputFault, match=r"top: a trial at a rate of 0\.96 keeps 1 of the 24 samples of the subset"):
        trial_in(folder, amount={"rate": 0.96})


def test_all_candidates_have_the_same_seeds_and_each_repeat_another(folder, monkeypatch):
    seeds = {"top": [], "random": []}
    monkeypatch.setattr(trials, "load_model", lambda path: None)
    monkeypatch.setattr(trials, "measure_accuracy", lambda *given, rows: 0.5)
    for method, own in seeds.items():

        def train_on(task, n_processes, own=own):
            own.append(task.seed)
            return {"images_seen": 10 * len(own), "seconds_before": 1.5}

        monkeypatch.setattr(trials, "train_on", train_on)
        trial = trial_in(folder, method, repeats=3)
        assert (trial["images_seen"], trial["seconds_before"]) == (60, 4.5)
    assert seeds["top"] == seeds["random"] == [derive_seed(4, f"trials/{repeat}") for repeat in range(3)]
    assert len(set(seeds["top"])) == 3


# The choice


def test_the_highest_mean_is_chosen_and_of_equal_ones_the_first():
    rows = [("top", 0, 0.5), ("random", 0, 0.75), ("chance", 0, 0.75)]
    assert choose(rows) == "random"
    assert choose([rows[2], *rows]) == "chance"
    # One lucky training is not the best mean.
    rows = [("top", 0, 0.25), ("random", 0, 0.5), ("top", 1, 1.0), ("random", 1, 0.875)]
    assert mean_accuracies(rows) == {"top": 0.625, "random": 0.6875}
    assert choose(rows) == "random"
    assert choose([("top", 0, 0.8), ("top", 1, 0.9), ("random", 0, 0.9), ("random", 1, 0.8)]) == "top"
    assert choose([("top", 0, 0.0)]) == "top"


def trial_of(candidate, *accuracies, rate=0.5):
    return {
        "candidate": candidate,
        "method": {"name": candidate},
        "rate": rate,
        "n_kept": 12,
        "n_tested": 36,
        "images_seen": 24,
        "accuracies": list(accuracies),
    }


def test_rows_are_all_trainings_in_the_order_of_the_candidates():
    assert as_rows([trial_of("top", 0.5, 0.6), trial_of("random", 0.7)]) == [
        ("top", 0, 0.5),
        ("top", 1, 0.6),
        ("random", 0, 0.7),
    ]


# The table


@pytest.fixture
def write(tmp_path):
    def write(name, value):
        (tmp_path / name).write_text(json.dumps(value))
        return tmp_path / name

    return write


def choice(write, trials, tested, own=None, rate=0.5, seed=0):
    """Return a row of what was tried: `tested` has the accuracies in hindsight, `own` that of the chosen list."""
    named = {"score": "du", "extrapolator": "knn-5", "fraction": "20", "sampler": "random", "seed": seed, "rate": rate}
    return {
        **named,
        "trials": [write(f"{seed}-{trial['candidate']}.json", trial) for trial in trials],
        "retrained": {name: write(f"{seed}-{name}-test.json", {"test_accuracy": a}) for name, a in tested.items()},
        "metrics": write(f"{seed}-own.json", {"test_accuracy": own}) if tested else None,
    }


def test_trials_are_tabulated_with_the_choice_and_what_it_cost_in_hindsight(write):
    tried = [trial_of("top", 0.5, 0.75), trial_of("chance-floor_0.7", 0.75, 0.75), trial_of("random", 0.25, 0.5)]
    table = tabulate_trials(
        [
            choice(write, tried, {"top": 0.9, "random": 0.95}, own=0.875),
            choice(write, tried[:1] + tried[2:], {"random": 0.5}, own=0.75, seed=1),
            choice(write, [trial_of(name, 0.5, rate=0.76666) for name in ("top", "random")], {}, rate=None, seed=2),
        ]
    )
    assert list(table) == COLUMNS
    assert table["seed"].tolist() == [0, 0, 0, 1, 1, 2, 2]
    first = table[table["seed"] == 0].set_index("candidate")
    assert first["accuracy"].tolist() == [0.625, 0.75, 0.375]
    assert first["accuracy_sd"].tolist() == pytest.approx([0.25 / 2**0.5, 0, 0.25 / 2**0.5])
    assert first["chosen"].tolist() == [False, True, False]
    assert first["test_accuracy"].fillna(-1).tolist() == [0.9, -1, 0.95]
    assert first["regret"].fillna(-1).tolist() == pytest.approx([-1, 0.075, -1])
    assert (first["repeats"] == 2).all() and (first["n_kept"] == 12).all() and (first["n_tested"] == 36).all()
    # The chosen one is not among those that are known in hindsight, and is better than they are.
    second = table[table["seed"] == 1].set_index("candidate")
    assert second["chosen"].tolist() == [True, False]
    assert second.loc["top", "regret"] == -0.25
    # A number to keep is a rate; of one repeat there is no deviation, and of no retraining no regret.
    third = table[table["seed"] == 2]
    assert third["rate"].tolist() == [0.7667, 0.7667]
    assert third["chosen"].tolist() == [True, False]
    assert third[["accuracy_sd", "test_accuracy", "regret"]].isna().all(axis=None)
