"""The masked autoencoder: what it hides, what it is scored on, and what it rebuilds."""

import pytest
import torch
from torch import Tensor, nn

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.restoring.mae import MAE
from aectl.types import Shape
from tests.support.exports import assert_exported_for_any_batch
from tests.support.toy_models import identity


def mae(shape: Shape = (1, 8, 8), scale: int = 1, patch: int | None = 2, hidden: float = 0.75) -> MAE:
    torch.manual_seed(0)
    target = (shape[0], *(scale * side for side in shape[1:]))
    return MAE(target, shape, patch, hidden, 16, 2, 8, 1, 4, identity()).eval()


@pytest.mark.parametrize("scale", [1, 2])
def test_the_loss_is_that_of_the_hidden_part_scaled_to_the_whole(scale: int) -> None:
    model = mae(scale=scale)
    x = torch.rand(3, 1, 8, 8)
    example = Example(x, torch.rand(3, *model.shape))
    torch.manual_seed(1)
    loss = model.loss(example)["loss"]
    torch.manual_seed(1)
    visible = torch.rand(3, 16).argsort(1)[:, : model.visible]
    hidden = model.hidden_part(visible)
    assert hidden.mean() == 0.75
    p = model.likelihood(model.predict(x, visible))
    expected = -(p.log_prob(example.target) * hidden).sum((1, 2, 3)).mean() / 0.75
    torch.testing.assert_close(loss, expected)


def test_hidden_patches_do_not_reach_the_prediction() -> None:
    model, x = mae(), torch.rand(1, 1, 8, 8, requires_grad=True)
    visible = torch.tensor([[0, 5, 10, 15]])
    (gradient,) = torch.autograd.grad(model.predict(x, visible).square().sum(), x)
    seen = 1 - model.hidden_part(visible)
    assert (gradient * (1 - seen)).abs().max() == 0
    assert (gradient * seen).abs().sum() > 0


def test_no_patch_of_a_reconstruction_depends_on_itself() -> None:
    model, x = mae(), torch.rand(1, 1, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.reconstruct(x)[0, 0, 2:4, 4:6].sum(), x)
    assert gradient[0, 0, 2:4, 4:6].abs().max() == 0
    assert (gradient != 0).float().mean() == pytest.approx(12 / 16, abs=0.01)  # three of the four groups


@pytest.mark.parametrize("size", [(5, 9), (8, 8), (30, 28)])
def test_images_whose_sides_the_patch_does_not_divide_come_out_whole(size: tuple[int, int]) -> None:
    model = mae((3, *size), scale=2, patch=None)
    assert model.reconstruct(torch.rand(2, 3, *size)).shape == (2, 3, 2 * size[0], 2 * size[1])


def test_an_embedding_is_the_mean_over_patches_of_the_encoder() -> None:
    model, x = mae(), torch.rand(2, 1, 8, 8)
    outputs: list[Tensor] = []
    model.encoder.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    torch.testing.assert_close(model.embed(x), outputs[0].mean(1) if outputs else torch.zeros(0))


@pytest.mark.parametrize(("patch", "hidden"), [(8, 0.75), (4, 0.05), (4, 0.95)])
def test_too_few_patches_are_refused(patch: int, hidden: float) -> None:
    with pytest.raises(UserError, match=rf"model.hidden={hidden}: leaves \d+ of \d patches? ?visible"):
        mae(patch=patch, hidden=hidden)


def test_it_learns_to_fill_in_what_it_does_not_see() -> None:
    model = mae().train()
    stripes = torch.arange(8).div(2, rounding_mode="floor").remainder(2).float().expand(1, 8, 8)
    x = torch.stack([stripes, stripes.mT] * 8)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        model.loss(Example(x, x))["loss"].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert (model.eval().reconstruct(x) - x).abs().mean() < 0.15


def test_model_is_exported_for_any_batch() -> None:
    assert_exported_for_any_batch(mae(), "reconstruct", torch.rand(4, 1, 8, 8))
