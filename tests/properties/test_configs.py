"""Any config that is valid plans a study without a fault, and any other gets sentences, whatever it holds."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.workflow.conftest import copy_checkout

from pruning_workflow.config import STAGES, read_config
from pruning_workflow.names import LABEL_PATTERN
from score_extrapolation.faults import InputFault
from score_extrapolation.plugins import method_constant, method_names

CHECKOUT = Path(__file__).parents[2]
DEFAULT = yaml.safe_load((CHECKOUT / "config.yaml").read_text())


def some(values, least=1, most=None):
    return st.lists(st.sampled_from(values), min_size=least, max_size=most, unique=True)


FRACTIONS = st.integers(1, 999).map(lambda thousandths: thousandths / 1000)
EXTRAPOLATORS = st.one_of(
    st.fixed_dictionaries(
        {"name": st.just("knn"), "k": some([1, 5, 20, 100])},
        optional={"weighting": st.sampled_from(["distance", "uniform"]), "same_label": st.booleans()},
    ),
    st.fixed_dictionaries({"name": st.just("gnn")}, optional={"k": some([5, 10]), "labels": st.booleans()}),
    st.fixed_dictionaries(
        {"name": st.just("held_out")},
        optional={"k": st.integers(1, 99), "labels": st.booleans()},
    ),
).flatmap(lambda entry: st.booleans().map(lambda step_up: {**entry, "step_up": True} if step_up else entry))


@st.composite
def experiments(draw):
    """Draw a valid config: what is trained on, scored, extrapolated, pruned and compared, in any combination.

    Of what multiplies the jobs there are few at once: a third of a kind tells nothing that two do not.
    """
    config = copy.deepcopy(DEFAULT)
    config["seeds"], config["shards"] = draw(some(range(5), most=2)), draw(st.integers(1, 3))
    config["samples"] |= {"test": draw(st.sampled_from([None, 0.25])), "validation": draw(st.sampled_from([None, 0.1]))}
    config["subset"] = {
        "fractions": draw(st.lists(FRACTIONS, min_size=1, max_size=2, unique=True)),
        "nested": draw(FRACTIONS),
        "samplers": draw(some(method_names("subset"), most=2)),
    }
    config["training"]["variants"] = draw(
        st.sampled_from([{}, {"sgd": {"optimizer": {"name": "sgd", "learning_rate": 0.1}}}])
    )
    trainings = st.sampled_from(["base", *config["training"]["variants"]])
    names = draw(some(method_names("scores"), most=3))
    config["scores"] = [{"name": name, "training": draw(trainings)} for name in names]
    # What differs in its options alone has another label; twice the same is a fault, which is not meant here.
    entries = draw(
        st.lists(EXTRAPOLATORS, min_size=1, max_size=3, unique_by=lambda entry: json.dumps({**entry, "k": 0}))
    )
    config["extrapolation"] = entries
    config["training_free"] = {
        "methods": draw(some(method_names("training_free"), least=0)),
        "spaces": draw(some(["pretrained", "subset"])),
    }
    config["selection"] |= {"extrapolators": ["auto"], "methods": draw(some(method_names("selection"), most=4))}
    rates = config["selection"]["rates"] = draw(st.lists(FRACTIONS, min_size=1, max_size=2, unique=True))
    dropped = st.sampled_from([0.0, min(rates) / 2, min(rates)])  # no more than is pruned
    ccs = {"name": "ccs", "dropped": draw(dropped), "dropped_by": draw(st.sampled_from([None, *names]))}
    chosen = {
        "ccs": ccs,
        "beta": {"name": "beta", "unsure_by": draw(st.sampled_from(names))},
        "window": {"name": "window", "start": draw(st.just("auto") | dropped)},
        "d2": {"name": "d2", "k": draw(st.integers(1, 30))},
        "auto": draw(st.sampled_from(["auto", {"name": "auto", "candidates": ["d2", "random"], "repeats": 2}])),
    }
    config["selection"]["methods"] = [chosen.get(name, name) for name in config["selection"]["methods"]]
    config["retraining"]["budgets"] = draw(some(["epochs", "steps"]))
    has_pool = draw(st.booleans())
    config["evaluation"] = {
        "full_data_scores": draw(st.booleans()),
        "estimates": ["nested"],
        "coverage": draw(some(["pretrained", "subset"], least=0)),
        "neighborhoods": draw(st.sampled_from([None, 20])),
    }
    if has_pool:
        config["samples"]["pool"] = {"dataset": "digits"}
        config["subset"]["fractions"] = draw(st.sampled_from([[1.0], [1.0, 0.3], [0.2]]))
        methods = [method for method in config["selection"]["methods"] if name_of(method) not in ("rs2", "auto")]
        config["selection"]["methods"] = methods or ["top"]
        config["retraining"] |= draw(st.sampled_from([{}, {"budgets": ["epochs"], "pool_share": 0.7}]))
        config["evaluation"]["full_data_scores"] = False
    if not has_pool and draw(st.booleans()):
        make_unsupervised(config, draw)
        entries = config["extrapolation"]
    try:
        labels = list(read_config(config).extrapolators())
    except InputFault as fault:
        assert "twice" in str(fault)  # the defaults written out are another's options
        config["extrapolation"] = entries[:1]
        labels = list(read_config(config).extrapolators())
    if draw(st.booleans()):
        config["selection"]["extrapolators"] = draw(some(labels))
        needed = ["nested"] if "auto" in map(name_of, config["selection"]["methods"]) else []
        estimates = draw(some(["cross_validation", "nested"], least=0))
        config["evaluation"]["estimates"] = list(dict.fromkeys([*estimates, *needed]))
    config["selection"]["methods"] = [
        with_its_own(method, draw, names, labels) for method in config["selection"]["methods"]
    ]
    return config


def name_of(method):
    return method if isinstance(method, str) else method["name"]


def with_its_own(method, draw, scores, labels):
    """Have a selection method that reads scores prune by some of its own, or not."""
    if not method_constant("selection", name_of(method), "SCORED") or not draw(st.booleans()):
        return method
    entry = {"name": method} if isinstance(method, str) else method
    own = st.fixed_dictionaries({}, optional={"scores": some(scores), "extrapolators": some(labels)})
    return {**entry, **draw(own)}


def make_unsupervised(config, draw):
    """Have the base training find labels, and nothing read those that are given."""
    config["embeddings"] |= {"others": {"clip": {"image_size": 32}}}
    config["training"]["paradigm"] = {"name": "unsupervised", "spaces": draw(some(["pretrained", "clip"]))}
    config["scores"] = [score | {"training": "base"} for score in config["scores"][:1]] + config["scores"][1:]
    entries = [entry for entry in config["extrapolation"] if entry["name"] != "held_out"] or [{"name": "knn", "k": [7]}]
    without = {"knn": {"same_label": False}, "gnn": {"labels": False}}
    config["extrapolation"] = [entry | without[entry["name"]] for entry in entries][:1]
    config["subset"]["samplers"] = [s for s in config["subset"]["samplers"] if s != "stratified"] or ["random"]
    methods = [
        method
        for method in config["selection"]["methods"]
        if name_of(method) not in ("class_balanced", "auto") and method != {"name": "window", "start": "auto"}
    ]
    config["selection"]["methods"] = methods or ["top"]
    config["retraining"]["labels"] = draw(st.sampled_from(["given", "found"]))
    config["evaluation"]["classes"] = draw(some([2, 30], least=0))


@given(experiments())
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_a_valid_config_written_out_is_the_same_experiment(config):
    experiment = read_config(config)
    assert read_config(json.loads(experiment.model_dump_json())) == experiment
    labels = list(experiment.extrapolators())
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch(LABEL_PATTERN, label) for label in experiment.extrapolated())


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy_checkout(tmp_path_factory.mktemp("configs") / "checkout")


@pytest.mark.slow
@given(config=experiments())
@settings(max_examples=8, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_valid_config_plans_a_whole_study(config, checkout):
    (checkout.folder / "small.yaml").write_text(yaml.safe_dump(config))
    planned = checkout.planned("report")
    n_extrapolators, n_scores = len(read_config(config).extrapolators()), len(config["scores"])
    assert planned["write_report"] == planned["prepare_samples"] == 1
    methods = list(map(name_of, config["selection"]["methods"]))
    kept_by_scores = [name for name in methods if method_constant("selection", name, "SCORED")]
    free = config["training_free"]["methods"]
    assert ("select_by_score" in planned) == bool(kept_by_scores or (free and config["samples"]["test"]))
    if config["samples"]["test"] and not free:
        assert planned.get("select_by_score", 0) == n_lists_by_scores(config)
    assert ("try_selection" in planned) == ("try_without_score" in planned) == ("auto" in methods)
    assert ("tabulate_trials" in planned) == ("auto" in methods)
    n_budgets, n_seeds = len(config["retraining"]["budgets"]), len(config["seeds"])
    retrained_without_score = n_seeds * len(config["selection"]["rates"]) * n_budgets * ("rs2" in methods)
    assert planned.get("retrain_model", 0) >= retrained_without_score * bool(config["samples"]["test"])
    unsupervised = config["training"].get("paradigm", "supervised") != "supervised"
    assert ("train_unsupervised" in planned) == ("describe_labels" in planned) == unsupervised
    assert ("try_classes" in planned) == bool(config["evaluation"].get("classes"))
    assert ("measure_coverage" in planned) == ("table_13" in planned) == bool(config["evaluation"]["coverage"])
    if config["evaluation"]["full_data_scores"]:
        subset = config["subset"]
        runs = n_extrapolators * n_scores * len(subset["fractions"]) * len(subset["samplers"]) * n_seeds
        assert planned.get("extrapolate_scores", 0) + planned.get("gather_scores", 0) >= runs
        assert ("gather_scores" in planned) == (config["shards"] > 1)


def n_lists_by_scores(config) -> int:
    """Return how many lists are kept by scores, counted one by one."""
    chosen, subset, n = config["selection"], config["subset"], 0
    for method in chosen["methods"]:
        entry = {"name": method} if isinstance(method, str) else method
        if method_constant("selection", entry["name"], "SCORED"):
            for _ in entry.get("scores", config["scores"]):
                for _ in entry.get("extrapolators", chosen["extrapolators"]):
                    n += len(subset["fractions"]) * len(subset["samplers"])
                n += config["evaluation"]["full_data_scores"]
    return n * len(config["seeds"]) * len(chosen["rates"])


# ---- Anything at all ---------------------------------------------------------------------------------------------

GARBAGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["auto", "top", "du"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("name"), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(value, above=()):
    """Yield the location of every value of a config, and of keys that it might have."""
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*above, key)
        yield from places(below, (*above, key))
    if isinstance(value, dict):
        yield (*above, "name")


@given(st.lists(st.tuples(st.sampled_from(list(places(DEFAULT))), GARBAGE), min_size=1, max_size=3))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_config_holds_its_faults_are_sentences(changes):
    config = copy.deepcopy(DEFAULT)
    for location, garbage in changes:
        section = config
        try:
            for key in location[:-1]:
                section = section[key]
            section[location[-1]] = garbage
        except (KeyError, IndexError, TypeError):
            pass  # what another change has put there has no such place
    try:
        experiment = read_config(config)
    except InputFault as fault:
        for line in str(fault).split("\n"):
            assert re.match(r"config: \S", line), line
            assert not re.search(r"Traceback|pydantic|Input should|Value error", line), line
    else:
        # Valid after all, by chance: everything that the rules ask of it is there.
        assert {stage for stage in STAGES if stage in experiment.resources} <= set(STAGES)
        assert all(experiment.needs(label) for label in experiment.extrapolators())
        assert experiment.recipes() and all(experiment.records(recipe) is not None for recipe in experiment.recipes())
