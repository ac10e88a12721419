"""Attacks and what is trained and measured by them: closed forms of linear models, losses by hand, AutoAttack."""

import json
import logging

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, log_softmax, softmax

from score_extrapolation.io.tables import SUBSET, write_table
from score_extrapolation.models import build_model, save_model
from score_extrapolation.paradigms import adversarial, make_objective
from score_extrapolation.robustness import evaluate, spread_over_classes
from score_extrapolation.robustness.autoattack import resisting_autoattack, standard_attacks
from score_extrapolation.robustness.pgd import attack_labels, perturb, random_start
from score_extrapolation.training.recipe import Recipe
from score_extrapolation.training.runs import train_here
from trainings import task_of

SHAPE, N_CLASSES = (6, 6, 1), 5
NORMS = ["linf", "l2"]


class Linear(nn.Module):
    """Logits that are linear in pixels far from 0 and 255, in the shape of a Classifier."""

    def __init__(self, n_classes=N_CLASSES, seed=0):
        super().__init__()
        self.head = nn.Linear(36, n_classes)
        with torch.no_grad():
            self.head.weight.copy_(torch.randn((n_classes, 36), generator=torch.Generator().manual_seed(seed)) / 500)

    def forward(self, images):
        return self.head(images.float().flatten(1))


def middling(n, seed=1):
    """Images whose ball of 8 levels touches neither 0 nor 255."""
    return torch.randint(60, 196, (n, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


# Projected gradient ascent


@pytest.mark.parametrize("begins_at_random", [False, True])
def test_of_two_classes_of_a_linear_model_the_worst_change_is_known(begins_at_random):
    network, images = Linear(2), middling(6)
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    against = (network.head.weight[1 - labels] - network.head.weight[labels]).detach().reshape(-1, *SHAPE)
    length = against.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
    for norm, worst in (("linf", against.sign()), ("l2", against / length)):
        start = random_start(images, norm, 8.0, torch.Generator().manual_seed(2)) if begins_at_random else None
        found = attack_labels(network, images, labels, norm, 8.0, 60, start)
        torch.testing.assert_close(found, images + 8.0 * worst, rtol=0, atol=1e-3)


@pytest.mark.parametrize("norm", NORMS)
def test_more_steps_raise_the_loss(norm):
    network, images, labels = small_network(), middling(20), torch.arange(20) % N_CLASSES
    start = random_start(images, norm, 30.0, torch.Generator().manual_seed(2))
    losses = []
    for steps in (0, 1, 3, 20):
        changed = attack_labels(network, images, labels, norm, 30.0, steps, start)
        losses.append(cross_entropy(network(changed), labels).item())
    assert losses == sorted(losses)
    assert losses[-1] > losses[0] + 1e-3


def test_an_attack_leaves_no_gradient_in_the_network():
    network, images = small_network(), middling(3)
    attack_labels(network, images, torch.zeros(3, dtype=torch.int64), "linf", 8.0, 2, None)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_gradient_too_small_to_square_still_says_where_to_go():
    images, direction = middling(2), torch.randn((2, *SHAPE), generator=torch.Generator().manual_seed(0))
    found = perturb(lambda changed: (changed * direction * 1e-30).sum(), images, "l2", 8.0, 8.0, 1)
    expected = images + 8.0 * direction / direction.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("norm", NORMS)
def test_starts_fill_the_ball(norm):
    images = torch.full((4000, 2, 2, 1), 128, dtype=torch.uint8)
    offset = (random_start(images, norm, 10.0, torch.Generator().manual_seed(0)) - 128).flatten(1)
    values = offset if norm == "linf" else offset.norm(dim=1)
    assert abs(offset.mean().item()) < 0.2
    # Uniform in -10..10, or lengths in 0..10: both of standard deviation width / sqrt(12).
    assert values.std().item() == pytest.approx((20 if norm == "linf" else 10) / 12**0.5, rel=0.03)


# Losses


def small_network(seed=0, width=4):
    torch.manual_seed(seed)
    return build_model({"name": "convnet", "width": width}, SHAPE, N_CLASSES, [0.5], [0.25]).eval()


def objective_of(network, smoothing=0.0, precision="float32", **options):
    chosen = adversarial.Options(**options)
    recipe = Recipe(
        model={"name": "convnet"},
        paradigm={"name": "adversarial", **chosen.model_dump()},
        epochs=1,
        batch_size=8,
        optimizer={"name": "adam", "learning_rate": 0.01},
        label_smoothing=smoothing,
        precision=precision,
    )
    return make_objective(recipe.paradigm, recipe, network)


def forward_of(network):
    return lambda images, alone=False: network(images)


@pytest.mark.parametrize("loss", ["trades", "pgd"])
def test_the_losses_by_hand(loss, monkeypatch):
    """With a change that is known, the loss is the papers' formula."""
    monkeypatch.setattr(adversarial, "perturb", lambda rise, images, *settings: images.float() + 3)
    images, labels = middling(8), torch.arange(8) % N_CLASSES
    network = small_network().train()
    value, logits, n_right = objective_of(network, smoothing=0.1, loss=loss, beta=2.5).loss(
        forward_of(network), images, labels
    )
    again = small_network().train()
    if loss == "pgd":
        expected_logits = again.eval()(images)
        attacked = again.train()(images.float() + 3)
        expected = cross_entropy(attacked, labels, reduction="sum", label_smoothing=0.1)
    else:
        expected_logits, attacked = again(images), again(images.float() + 3)
        p, q = softmax(expected_logits, 1), softmax(attacked, 1)
        expected = cross_entropy(expected_logits, labels, reduction="sum", label_smoothing=0.1)
        expected = expected + 2.5 * (p * (p.log() - q.log())).sum()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(logits, expected_logits.detach())
    assert n_right == (expected_logits.argmax(1) == labels).sum()
    value.backward()
    expected.backward()
    for parameter, other in zip(network.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad)


@pytest.mark.parametrize("loss", ["trades", "pgd"])
@pytest.mark.parametrize("norm", NORMS)
def test_what_is_trained_on_is_what_the_attack_climbs_to(loss, norm, monkeypatch):
    seen = {}

    def spied(rise, images, *settings):
        network_mode = network.training
        statistics = {name: value.clone() for name, value in network.named_buffers()}
        changed = perturb(rise, images, *settings)
        seen.update(mode=network_mode, changed=changed, settings=settings, rise=(rise(settings[-1]), rise(changed)))
        assert all(torch.equal(value, statistics[name]) for name, value in network.named_buffers())
        return changed

    monkeypatch.setattr(adversarial, "perturb", spied)
    network, images, labels = small_network().train(), middling(8), torch.arange(8) % N_CLASSES
    objective = objective_of(network, loss=loss, norm=norm, epsilon=30.0, step=7.5, steps=6)
    objective.loss(forward_of(network), images, labels)
    assert seen["mode"] is False
    assert network.training
    assert seen["settings"][:4] == (norm, 30.0, 7.5, 6)
    before, after = seen["rise"]
    assert after > before > 0
    assert objective.attack_s > 0
    assert float(objective.report().split()[2]) >= 0
    assert objective.attack_s == 0


def test_under_autocast_the_change_is_float32(monkeypatch):
    network, images, labels = small_network().train(), middling(8), torch.arange(8) % N_CLASSES
    changed = []
    monkeypatch.setattr(adversarial, "perturb", lambda *given: changed.append(perturb(*given)) or changed[0])

    def forward(images, alone=False):
        with torch.autocast("cpu", torch.bfloat16):
            return network(images)

    loss, logits, _ = objective_of(network, precision="bfloat16").loss(forward, images, labels)
    assert changed[0].dtype == logits.dtype == loss.dtype == torch.float32
    moved = (changed[0] - images).abs()
    assert moved.max() <= 8
    assert (moved > 2).float().mean() > 0.5


# Whole trainings


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Noise with a stripe that tells the class, which an attack of 20 levels cannot hide."""
    folder, rng = tmp_path_factory.mktemp("robust"), np.random.default_rng(0)
    (folder / "summary.json").write_text(json.dumps({"classes": list("abcd"), "mean": [0.5], "std": [0.25]}))
    for name, n in (("train", 160), ("validation", 80)):
        labels = np.arange(n) % 4
        images = rng.integers(90, 140, (n, *SHAPE))
        images[np.arange(n), labels] += 60
        images[:, 0, 0] += labels[:, None] * 8  # and a pixel that it can
        np.save(folder / f"{name}.npy", images.astype(np.uint8))
        write_table(folder / f"{name}.parquet", SUBSET, {}, sample_id=np.arange(n), label=labels)
    return folder


def retrain(store, folder, paradigm, **changes):
    recipe = {
        "model": {"name": "convnet", "width": 4},
        "paradigm": paradigm,
        "epochs": 4,
        "batch_size": 16,
        "optimizer": {"name": "adam", "learning_rate": 0.02},
    }
    task = task_of(
        images_path=store / "train.npy",
        summary_path=store / "summary.json",
        samples_path=store / "train.parquet",
        recipe=recipe | changes,
        seed=0,
        device="cpu",
        model_path=folder / "model.safetensors",
        checkpoint_path=folder / "checkpoint",
        validation_images_path=store / "validation.npy",
        validation_samples_path=store / "validation.parquet",
    )
    return train_here(task)


ADVERSARIAL = {"name": "adversarial", "epsilon": 20.0, "step": 5.0, "steps": 4}


def test_the_result_is_the_network_of_the_epoch_that_resists_best(store, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "score_extrapolation")
    from score_extrapolation.training.best import BestEpoch

    accuracies, states = iter([0.5, 0.7, 0.7, 0.6]), []

    def accuracy(best, network):
        states.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(accuracies)

    monkeypatch.setattr(BestEpoch, "_accuracy", accuracy)
    metrics = retrain(store, tmp_path, ADVERSARIAL | {"best_of": 40}, average_decay=0.5)
    assert metrics["best_epoch"] == 2
    from score_extrapolation.models import load_model

    kept = load_model(tmp_path / "model.safetensors").state_dict()
    assert all(torch.equal(kept[name], value) for name, value in states[1].items())
    assert not all(torch.equal(kept[name], value) for name, value in states[2].items())
    assert "epoch 2 is chosen: 0.7000 of the held-out images resist" in caplog.text
    assert caplog.text.count("attacks took") == 4


def test_without_best_of_the_result_is_the_last_epoch(store, tmp_path, caplog):
    caplog.set_level(logging.INFO, "score_extrapolation")
    assert "best_epoch" not in retrain(store, tmp_path, ADVERSARIAL)
    assert "resist" not in caplog.text


@pytest.mark.slow
def test_adversarial_training_resists_what_ordinary_training_does_not(store, tmp_path):
    shares = {}
    for name, paradigm in (("supervised", {"name": "supervised"}), ("adversarial", ADVERSARIAL)):
        retrain(store, tmp_path, paradigm, epochs=12)
        shares[name] = measured(store, tmp_path / "model.safetensors", ["pgd"], epsilon=20.0)["robust_pgd_accuracy"]
    assert shares["adversarial"] > shares["supervised"] + 0.1


# What is measured


def measured(store, model_path, attacks, **settings):
    given = {"norm": "linf", "epsilon": 20.0, "n_images": 60} | settings
    return evaluate.measure_robustness(
        model_path, store / "validation.npy", store / "validation.parquet", attacks, **given
    )


@pytest.mark.slow
@pytest.mark.parametrize("norm, epsilon", [("linf", 12.0), ("l2", 60.0)])
def test_an_image_is_robust_only_if_it_resists_all_attacks(store, tmp_path, norm, epsilon):
    retrain(store, tmp_path, {"name": "supervised"}, epochs=3)
    settings = {"norm": norm, "epsilon": epsilon, "n_images": 20}
    found = measured(store, tmp_path / "model.safetensors", ["pgd", "autoattack"], **settings)
    assert found["robust_images"] == 20
    assert found["autoattack"] == ["apgd-ce", "apgd-t", "fab-t", "square"]
    clean, pgd, auto = (found[f"robust_{name}accuracy"] for name in ("clean_", "pgd_", "autoattack_"))
    assert 1 >= clean >= pgd >= auto >= 0
    assert pgd > 0
    alone = measured(store, tmp_path / "model.safetensors", ["autoattack"], **settings)
    assert "robust_pgd_accuracy" not in alone
    # By itself AutoAttack finds what PGD does, but for one image.
    assert auto <= alone["robust_autoattack_accuracy"] <= pgd + 1 / 20


def test_without_a_change_worth_the_name_robust_is_clean(store, tmp_path):
    retrain(store, tmp_path, {"name": "supervised"})
    found = measured(store, tmp_path / "model.safetensors", ["pgd"], epsilon=1e-3)
    assert found["robust_pgd_accuracy"] == found["robust_clean_accuracy"] > 0.5


@pytest.mark.parametrize("norm", ["linf", pytest.param("l2", marks=pytest.mark.slow)])
@pytest.mark.parametrize("n_classes", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_autoattack_breaks_of_a_linear_model_exactly_what_can_be_broken(norm, n_classes):
    network, images = Linear(n_classes).requires_grad_(False), middling(20)
    logits = network(images)
    labels = logits.argmax(1)
    weights = network.head.weight
    apart = (weights[labels][:, None] - weights[None]).norm(p=1 if norm == "linf" else 2, dim=2)
    margins = (logits.gather(1, labels[:, None]) - logits) / apart  # levels to the border with each other class
    nearest = margins.nan_to_num(torch.inf).scatter(1, labels[:, None], torch.inf).amin(1)
    epsilon = nearest.median().item()
    found = resisting_autoattack(network, images, labels, norm, epsilon, seed=3)
    clear = (nearest / epsilon - 1).abs() > 0.02
    np.testing.assert_array_equal(found[clear.numpy()], (nearest > epsilon)[clear].numpy())
    assert 0.3 < found.mean() < 0.7


def test_the_ratio_of_logits_needs_four_classes():
    assert standard_attacks(10) == standard_attacks(4) == ["apgd-ce", "apgd-t", "fab-t", "square"]
    assert standard_attacks(3) == standard_attacks(2) == ["apgd-ce", "fab-t", "square"]


def test_masked_gradients_are_told(store, tmp_path, monkeypatch, caplog):
    """A network that is wrong on the way and right at the rim, where its gradient leads."""
    images = torch.from_numpy(np.load(store / "validation.npy"))

    class Masked(Linear):
        def forward(self, changed):
            distance = (changed.float() - images[: len(changed)]).abs().flatten(1).mean(1) / 20
            is_rim = (distance > 0.99) | (distance == 0)
            logit = torch.where(is_rim, 1.0, -1.0) - 1e-3 * distance
            return torch.stack([logit, torch.zeros_like(logit)], 1)

    flat = torch.zeros(len(images), dtype=torch.int64)
    starts = random_start(images, "linf", 20.0, torch.Generator().manual_seed(0))
    monkeypatch.setattr(evaluate, "FEWER_STEPS", 1)
    resists = evaluate._resisting_pgd(Masked(), images, flat, "linf", 20.0, 40, starts)
    assert not resists.any()
    assert "100.0 % of the images resist 40 steps of PGD, but not 1: gradients are masked" in caplog.text


def test_images_stand_for_all_classes_in_proportion():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(3), [60, 30, 10]))
    rows = spread_over_classes(labels, 20)
    assert np.bincount(labels[rows]).tolist() == [12, 6, 2]
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, spread_over_classes(labels, 20))
    np.testing.assert_array_equal(spread_over_classes(labels, 1000), np.arange(100))


def test_the_image_the_model_file_and_nothing_else_decide(store, tmp_path):
    network = small_network()
    save_model(tmp_path / "model.safetensors", network)
    first, again = (measured(store, tmp_path / "model.safetensors", ["pgd"], pgd_steps=4, seed=s) for s in (0, 0))
    assert first == again
    assert set(first) == {
        "norm",
        "epsilon",
        "pgd_steps",
        "robust_images",
        "robust_clean_accuracy",
        "robust_pgd_accuracy",
    }


def test_log_softmax_of_the_divergence_is_never_negative():
    clean, attacked = torch.randn((2, 50, 7), generator=torch.Generator().manual_seed(0))
    by_hand = (softmax(clean, 1) * (log_softmax(clean, 1) - log_softmax(attacked, 1))).sum()
    torch.testing.assert_close(adversarial._divergence(clean, attacked), by_hand)
    assert adversarial._divergence(clean, clean).abs() < 1e-5
