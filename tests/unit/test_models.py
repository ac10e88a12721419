"""Every network: builds for any image shape, normalises, embeds, and is the same after saving and loading."""

import numpy as np
import pytest
import torch

from score_extrapolation.faults import InputFault
from score_extrapolation.models import build_model, load_model, save_model
from score_extrapolation.plugins import method_names

# What a model cannot do without, and what keeps it small here.
SETTINGS = {
    "timm": {"architecture": "resnet18", "stem": "cifar"},
    "convnet": {"width": 4},
    "perceptron": {"width": 4},
    "resnet9": {"width": 4},
    "wideresnet": {"depth": 10, "width": 1},
}
MODELS = [{"name": name, **SETTINGS.get(name, {})} for name in method_names("models")]
SHAPES = [(8, 8, 1), (32, 32, 3), (5, 12, 3)]

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model["name"])


def build(model, shape=(8, 8, 1), n_classes=5, seed=0):
    torch.manual_seed(seed)
    return build_model(model, shape, n_classes, [0.4] * shape[2], [0.2] * shape[2])


def images(n, shape):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8))


@every_model
@pytest.mark.parametrize("shape", SHAPES)
def test_uint8_images_become_embeddings_and_logits(model, shape):
    net = build(model, shape).eval()
    with torch.no_grad():
        embeddings, logits = net.embed(images(3, shape)), net(images(3, shape))
    assert embeddings.shape == (3, net.width)
    assert logits.shape == (3, 5)
    assert embeddings.dtype == logits.dtype == torch.float32
    torch.testing.assert_close(net.head(embeddings), logits)


@every_model
def test_gradients_reach_every_parameter(model):
    net = build(model).train()
    net(images(4, (8, 8, 1))).square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@every_model
def test_the_embedding_of_an_image_does_not_depend_on_its_batch(model):
    net, batch = build(model).eval(), images(4, (8, 8, 1))
    with torch.no_grad():
        torch.testing.assert_close(net.embed(batch[2:3]), net.embed(batch)[2:3], rtol=1e-4, atol=1e-5)


@every_model
def test_initialisation_follows_the_seed(model):
    first, again, other = (build(model, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@every_model
def test_a_saved_network_is_the_same_when_loaded(model, tmp_path):
    net = build(model)
    net.train()(images(4, (8, 8, 1)))  # BatchNorm statistics of its own
    save_model(tmp_path / "a.safetensors", net)
    save_model(tmp_path / "b.safetensors", net)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    loaded = load_model(tmp_path / "a.safetensors")
    assert not any(module.training for module in loaded.modules())
    assert loaded.description == net.description | {"image_shape": [8, 8, 1]}
    with torch.no_grad():
        torch.testing.assert_close(loaded(images(4, (8, 8, 1))), net.eval()(images(4, (8, 8, 1))), rtol=0, atol=0)
    save_model(tmp_path / "c.safetensors", loaded)
    assert (tmp_path / "c.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()


def test_pixels_are_scaled_to_0_1_and_standardised_per_channel():
    mean, std = [0.49, 0.48, 0.44], [0.247, 0.243, 0.261]
    net = build_model({"name": "convnet", "width": 1}, (4, 5, 3), 2, mean, std)
    seen = {}
    net.trunk = torch.nn.Sequential(torch.nn.Identity())
    net.trunk.register_forward_hook(lambda module, inputs, output: seen.update(inputs=inputs[0]))
    pixels = images(6, (4, 5, 3))
    net.embed(pixels)
    expected = (pixels.numpy() / 255 - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(seen["inputs"].numpy(), expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_the_width_option_widens_the_embedding():
    assert [build({"name": "resnet9", "width": width}).width for width in (2, 8)] == [8, 32]
    assert [build({"name": "convnet", "width": width}).width for width in (2, 8)] == [8, 32]
    assert [build({"name": "perceptron", "width": width}).width for width in (2, 8)] == [2, 8]


@pytest.mark.parametrize("depth", [1, 3])
def test_a_perceptron_is_its_hidden_layers_one_after_the_other(depth):
    net = build({"name": "perceptron", "width": 6, "depth": depth}, (3, 4, 2))
    net.train()(images(5, (3, 4, 2)))  # statistics of its own
    weights = [module.weight for module in net.trunk if isinstance(module, torch.nn.Linear)]
    norms = [module for module in net.trunk if isinstance(module, torch.nn.BatchNorm2d)]
    assert [tuple(weight.shape) for weight in weights] == [(6, 24), *[(6, 6)] * (depth - 1)]
    pixels = images(4, (3, 4, 2))
    hidden = ((pixels.double() / 255 - 0.4) / 0.2).permute(0, 3, 1, 2).reshape(4, 24)
    for weight, norm in zip(weights, norms, strict=True):
        sums = hidden @ weight.double().T
        hidden = ((sums - norm.running_mean) / (norm.running_var + norm.eps).sqrt()).clamp(min=0)
    torch.testing.assert_close(net.eval().embed(pixels).double(), hidden, rtol=1e-4, atol=1e-5)


def test_an_unknown_model_is_refused():
    with pytest.raises(InputFault, match="'resnet18' is none of the models; there are: convnet, perceptron, "):
        build({"name": "resnet18"})


def timm_trunk(stem):
    net = build({"name": "timm", "architecture": "resnet18", "stem": stem}, (32, 32, 3))
    sizes = []
    net.trunk.layer1.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[2]))
    net.eval()(images(1, (32, 32, 3)))
    return net.trunk, sizes[0]


@pytest.mark.parametrize(
    "stem, kernel, stride, pools, size",
    [("default", 7, 2, True, 8), ("no_max_pool", 7, 2, False, 16), ("cifar", 3, 1, False, 32)],
)
def test_the_stem_is_as_asked_for(stem, kernel, stride, pools, size):
    trunk, first_size = timm_trunk(stem)
    assert trunk.conv1.kernel_size == (kernel, kernel)
    assert trunk.conv1.stride == (stride, stride)
    assert isinstance(trunk.maxpool, torch.nn.MaxPool2d) == pools
    assert first_size == size


def test_the_width_is_that_of_what_the_network_puts_out():
    # Its num_features is 576; a layer after the pooling widens that to 1,024.
    net = build({"name": "timm", "architecture": "mobilenetv3_small_100"}, (32, 32, 3)).eval()
    assert net.width == 1024
    assert net(images(2, (32, 32, 3))).shape == (2, 5)


def test_a_network_is_built_in_train_mode():
    assert all(module.training for module in build({"name": "timm", "architecture": "resnet18"}).modules())


def test_an_unknown_architecture_is_refused():
    with pytest.raises(InputFault, match=r"timm has no 'resnet19'; .* such as resnet1"):
        build({"name": "timm", "architecture": "resnet19"})


@pytest.mark.parametrize("architecture", ["mobilenetv3_small_100", "resnet26d"])
def test_a_stem_that_the_network_lacks_is_refused(architecture):
    with pytest.raises(InputFault, match=rf"model.stem: 'cifar' is for ResNets .* '{architecture}' is not; leave"):
        build({"name": "timm", "architecture": architecture, "stem": "cifar"}, (32, 32, 3))


def test_images_that_the_network_cannot_take_are_refused():
    with pytest.raises(InputFault, match=r"'densenet121' cannot take images of 8 x 8 .* set samples.image_size"):
        build({"name": "timm", "architecture": "densenet121"})


@pytest.mark.parametrize("depth, width, n_parameters", [(28, 10, 36_479_194), (16, 4, 2_748_890)])
def test_a_wide_residual_network_has_the_weights_of_the_paper_s(depth, width, n_parameters):
    net = build({"name": "wideresnet", "depth": depth, "width": width}, (32, 32, 3), n_classes=10)
    assert sum(parameter.numel() for parameter in net.parameters()) == n_parameters
    assert net.width == 64 * width


def test_its_activation_is_smooth_unless_relu_is_asked_for():
    smooth, sharp = (
        build({"name": "wideresnet", "depth": 10, "width": 1, **own}) for own in ({}, {"activation": "relu"})
    )
    kinds = [{type(module) for module in net.modules()} for net in (smooth, sharp)]
    assert (torch.nn.SiLU in kinds[0], torch.nn.ReLU in kinds[0]) == (True, False)
    assert (torch.nn.SiLU in kinds[1], torch.nn.ReLU in kinds[1]) == (False, True)


def test_a_depth_that_makes_no_whole_blocks_is_refused():
    with pytest.raises(ValueError, match="has a depth of 30, not 4 more than a multiple of 6; write 28 or 34"):
        build({"name": "wideresnet", "depth": 30})
