"""Nets: shapes for images of any size, translation, and the lesson's architectures."""

import math

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import nn
from torch.optim import Optimizer, RMSprop

from aectl.config import CONFIGS, to_plain
from aectl.models.adversarial.aae import AAE
from aectl.models.ae import AE
from aectl.models.nets.base import Net
from aectl.models.nets.conv import Conv, PadTo
from aectl.models.nets.lesson import LessonConv
from aectl.models.nets.mlp import MLP
from aectl.models.nets.recurrent import Recurrent
from aectl.models.probability.likelihoods import Bernoulli
from aectl.runs.run import Run, instantiate_node, num_parameters
from aectl.training.preflight import build_optimizers
from aectl.training.torch_internals import UncapturedAdamW
from aectl.types import Shape
from tests.support.toy_models import completed

SIZES = [(8, 8), (28, 28), (7, 9), (33, 20), (5, 5)]
NETS: dict[str, Net] = {
    "mlp": MLP(hidden=[12]),
    "vector": Conv(channels=[4, 6], hidden=10, latent="vector"),
    "grid": Conv(channels=[4, 6], hidden=10, latent="grid"),
    "lesson": LessonConv(channels=[4, 6]),
    "lstm": Recurrent("lstm", 12, layers=2, bidirectional=True, reverse=True),
}


def halves(net: Net, input_shape: Shape, shape: Shape, features: int = 3) -> tuple[nn.Module, nn.Module]:
    return net.encoder(input_shape, features), net.decoder(features, input_shape, shape)


def fits(output: torch.Tensor, shape: Shape, net: Net, scale: int = 1) -> bool:
    """Whether a decoder's output has the shape of the image, plus at most the encoder's padding."""
    spare = [length - side for length, side in zip(output.shape[1:], shape, strict=True)]
    most = scale * (net.stride - 1) if isinstance(net, Conv) else 0
    return spare[0] == 0 and all(0 <= more <= most for more in spare)


def lesson(experiment: str) -> Run:
    """The run of one of the lesson's experiments, without reading its data."""
    return preset(f"lesson/{experiment}")


def preset(experiment: str) -> Run:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", [f"experiment={experiment}"])
    return Run(CONFIGS, completed(cfg), CONFIGS)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", SIZES, ids=str)
def test_decoder_output_has_the_shape_of_the_encoder_input(net: str, channels: int, side: tuple[int, int]) -> None:
    shape = (channels, *side)
    encoder, decoder = halves(NETS[net], shape, shape)
    z = encoder(torch.rand(2, *shape))
    assert z.shape == (2, *NETS[net].latent_shape(shape, 3))
    assert fits(decoder(z), shape, NETS[net])


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("side", [(8, 8), (7, 9), (5, 5)], ids=str)
def test_decoder_enlarges_to_a_target_larger_than_the_input(net: str, scale: int, side: tuple[int, int]) -> None:
    input_shape, shape = (3, *side), (3, scale * side[0], scale * side[1])
    encoder, decoder = halves(NETS[net], input_shape, shape)
    assert fits(decoder(encoder(torch.rand(2, *input_shape))), shape, NETS[net], scale)


def test_latent_is_a_vector_or_a_grid() -> None:
    assert NETS["mlp"].latent_shape((1, 33, 20), 3) == (3,)
    assert NETS["vector"].latent_shape((1, 33, 20), 3) == (3,)
    assert NETS["grid"].latent_shape((1, 33, 20), 3) == (3, 9, 5)


def test_dense_decoder_mirrors_the_encoder() -> None:
    layers = [
        [(layer.in_features, layer.out_features) for layer in half if isinstance(layer, nn.Linear)]
        for half in halves(MLP(hidden=[20, 10]), (1, 8, 8), (1, 8, 8))
    ]
    assert layers == [[(64, 20), (20, 10), (10, 3)], [(3, 10), (10, 20), (20, 64)]]


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("made_for", [(28, 28), (33, 20)], ids=str)
def test_grid_net_takes_images_of_other_sizes(scale: int, made_for: tuple[int, int]) -> None:
    shape = (1, scale * made_for[0], scale * made_for[1])
    encoder, decoder = halves(NETS["grid"], (1, *made_for), shape)
    for height, width in [(8, 8), (40, 16), (4, 64)]:
        z = encoder(torch.rand(2, 1, height, width))
        assert z.shape == (2, 3, height // 4, width // 4)
        assert decoder(z).shape == (2, 1, scale * height, scale * width)


def test_grid_net_is_translation_equivariant() -> None:
    encoder, decoder = halves(NETS["grid"], (1, 8, 8), (1, 8, 8))
    x = torch.rand(1, 1, 64, 64)
    moved = decoder(encoder(x.roll((8, 4), dims=(2, 3))))
    inside = slice(24, 40)
    torch.testing.assert_close(
        moved[..., inside, inside], decoder(encoder(x)).roll((8, 4), dims=(2, 3))[..., inside, inside]
    )


@pytest.mark.parametrize("multiple", [2, 4, 8])
@pytest.mark.parametrize("side", SIZES, ids=str)
def test_padding_adds_less_than_a_cell_and_cropping_undoes_it(multiple: int, side: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *side)
    padded = PadTo(multiple)(x)
    assert [length % multiple for length in padded.shape[2:]] == [0, 0]
    assert all(0 <= after - before < multiple for before, after in zip(side, padded.shape[2:], strict=True))
    torch.testing.assert_close(padded[..., : side[0], : side[1]], x)


def test_padding_repeats_the_right_and_bottom_edge() -> None:
    x = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]])
    expected = [[1, 2, 3, 3], [4, 5, 6, 6], [7, 8, 9, 9], [7, 8, 9, 9]]
    assert PadTo(2)(x)[0, 0].tolist() == expected


def test_lesson_s_adversarial_autoencoder_has_its_layers_and_rates() -> None:
    run = lesson("aae")
    model = run.build()
    assert isinstance(model, AAE)
    parts = {"encoder": model.encoder, "decoder": model.decoder, "discriminator": model.discriminator}
    counts = {name: sum(weight.numel() for weight in part.parameters()) for name, part in parts.items()}
    assert counts == {"encoder": 2_937_150, "decoder": 2_937_784, "discriminator": 827_501}
    assert run.cfg.trainer.max_epochs == 30
    made = build_optimizers(to_plain(run.cfg.optimizer), model)
    rates = {player: made[player](weights).param_groups[0]["lr"] for player, weights in model.players.items()}
    assert rates == {"autoencoder": 1e-4, "discriminator": 5e-5, "encoder": 5e-5}


@pytest.mark.parametrize("net", NETS)
def test_decoder_output_is_unbounded(net: str) -> None:
    torch.manual_seed(0)
    decoder = NETS[net].decoder(3, (1, 8, 8), (1, 8, 8))
    for weight in decoder.requires_grad_(False).parameters():
        weight.mul_(10)
    output = decoder(1e4 * torch.randn(50, *NETS[net].latent_shape((1, 8, 8), 3)))
    assert output.min() < -1
    assert output.max() > 1


@pytest.mark.parametrize(
    ("experiment", "parameters", "epochs", "optimizer"),
    [
        ("conv_ae", 4_385, 30, UncapturedAdamW),
        ("denoise", 4_385, 100, UncapturedAdamW),
        ("super_res", 3_801, 30, UncapturedAdamW),
        ("vae", 807_700, 30, RMSprop),
    ],
)
def test_lesson_experiment_has_the_lesson_s_hyperparameters(
    experiment: str, parameters: int, epochs: int, optimizer: type[Optimizer]
) -> None:
    run = lesson(experiment)
    assert num_parameters(run.build()) == parameters
    assert run.cfg.trainer.max_epochs == epochs
    assert run.cfg.data.batch_size == 256
    assert run.cfg.dataset.name == "MNIST"
    made = instantiate_node(run.cfg.optimizer)(list(run.build().parameters()))
    assert type(made) is optimizer
    assert [group["lr"] for group in made.param_groups] == [1e-3]
    assert [group["weight_decay"] for group in made.param_groups] == [0]
    assert {instantiate_node(run.cfg.schedule)(t) for t in (0.0, 0.01, 0.5, 1.0)} == {1.0}


@pytest.mark.parametrize(("experiment", "input_side"), [("conv_ae", 28), ("denoise", 28), ("super_res", 14)])
def test_lesson_latent_is_8x4x4(experiment: str, input_side: int) -> None:
    model = lesson(experiment).build()
    assert isinstance(model, AE)
    assert model.input_shape == (1, input_side, input_side)
    assert model.latent_shape == (8, 4, 4)
    assert model.encoder(torch.rand(2, *model.input_shape)).shape == (2, 8, 4, 4)
    assert model.reconstruct(torch.rand(2, *model.input_shape)).shape == (2, 1, 28, 28)


def test_lesson_convolutions_have_the_lesson_s_channels() -> None:
    model = lesson("conv_ae").build()
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.in_channels for layer in layers] == [1, 16, 8, 8, 8, 8, 16]
    assert [layer.out_channels for layer in layers] == [16, 8, 8, 8, 8, 16, 1]
    assert [layer.padding for layer in layers] == [(1, 1)] * 5 + [(0, 0), (1, 1)]


def test_lesson_vae_nll_is_the_squared_error_and_a_constant() -> None:
    model = lesson("vae").build()
    assert isinstance(model, AE)
    x = torch.rand(3, 1, 28, 28)
    p = model.decode(torch.randn(3, 2))
    squared_error = (x - p.mean).square().sum((1, 2, 3))
    nll = model.likelihood.nll(p, x) - model.likelihood.nll_floor(model.shape)
    torch.testing.assert_close(nll, squared_error, rtol=1e-4, atol=1e-3)
    assert math.prod(model.latent_shape) == 2


def test_lesson_tasks_have_the_lesson_s_parameters() -> None:
    denoise, super_res = lesson("denoise").task, lesson("super_res").task
    assert (denoise.mean, denoise.sigma, denoise.clip) == (0.5, 0.3, True)
    assert (super_res.scale, super_res.kernel) == (2, "bilinear")


@pytest.mark.parametrize(
    ("experiment", "parameters", "epochs", "latent"),
    [
        # 784 x 32 + 32 and 32 x 784 + 784
        ("simple", 50_992, 50, (32,)),
        ("sparse", 50_992, 100, (32,)),
        # 784 x 128 + 128, 128 x 64 + 64, 64 x 32 + 32, and 32 x 64 + 64, 64 x 128 + 128, 128 x 784 + 784
        ("deep", 222_384, 100, (32,)),
        # 3 x 3 kernels, 9 x in x out + out: 1-16, 16-8, 8-8, and 8-8, 8-8, 8-16, 16-1
        ("conv", 4_385, 50, (8, 4, 4)),
        # 1-32, 32-32, and 32-32, 32-32, 32-1
        ("denoise", 28_353, 100, (32, 7, 7)),
        # an LSTM of 28 to 128, 4 x 128 x (28 + 128 + 2), 128 x 32 + 32, and the start of the decoder, 32 x 256 + 256,
        # its LSTM of 32 to 128, 4 x 128 x (32 + 128 + 2), 128 x 28 + 28
        ("seq2seq", 180_028, 50, (32,)),
        # 784 x 256 + 256, 256 x 4 + 4, and 2 x 256 + 256, 256 x 784 + 784
        ("vae", 404_244, 50, (2,)),
    ],
)
def test_preset_of_the_keras_blog_has_its_layers(experiment: str, parameters: int, epochs: int, latent: Shape) -> None:
    run = preset(f"keras/{experiment}")
    model = run.build()
    assert isinstance(model, AE)
    assert num_parameters(model) == parameters
    assert model.latent_shape == latent
    assert run.cfg.trainer.max_epochs == epochs
    assert type(model.likelihood) is Bernoulli
    assert run.cfg.dataset.name == "MNIST"
    assert model.reconstruct(torch.rand(2, 1, 28, 28)).shape == (2, 1, 28, 28)


def test_noise_of_the_keras_blog_is_normal_around_the_pixels_and_clipped() -> None:
    task = preset("keras/denoise").task
    assert (task.mean, task.sigma, task.clip) == (0.0, 0.5, True)


def test_mirrored_decoder_has_the_encoder_s_convolutions_in_reverse_and_enlarges() -> None:
    net = LessonConv([6, 4], mirrored=True)
    layers = [layer for layer in net.decoder(3, (1, 8, 8), (2, 16, 16)) if isinstance(layer, nn.Conv2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in layers] == [(3, 3), (3, 4), (4, 6), (6, 2 * 4)]
    encoder, decoder = halves(net, (1, 8, 8), (2, 16, 16))
    assert decoder(encoder(torch.rand(5, 1, 8, 8))).shape == (5, 2, 16, 16)
