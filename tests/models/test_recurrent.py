"""Recurrent nets and the sequence-to-sequence autoencoder: what is read and written in which order, and who is told."""

import copy

import pytest
import torch
from torch import Tensor, nn

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.deterministic.seq2seq_ae import Seq2SeqAE
from aectl.models.nets.mlp import MLP
from aectl.models.nets.recurrent import Cell, Recurrent, StepDecoder, StepEncoder, from_steps, to_steps
from aectl.models.probability.likelihoods import Bernoulli
from tests.support.exports import assert_exported_for_any_batch

SHAPE = (2, 5, 4)
SIZE = 8
CELLS: dict[Cell, type[nn.RNNCellBase]] = {"gru": nn.GRUCell, "lstm": nn.LSTMCell}


def recurrent(cell: Cell = "lstm", layers: int = 1, bidirectional: bool = True, reverse: bool = False) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(cell, 6, layers, bidirectional, reverse)


def seq2seq(teacher_forcing: float, reverse: bool = False) -> Seq2SeqAE:
    return Seq2SeqAE(SHAPE, SHAPE, 3, teacher_forcing, recurrent(reverse=reverse), Bernoulli())


def example() -> Example:
    x = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(1))
    return Example(x, x)


def run_cell(kind: Cell, layers: nn.RNNBase, steps: Tensor, suffix: str) -> Tensor:
    """The last h of the first layer of torch's, by its cell of a single step."""
    cell = CELLS[kind](layers.input_size, layers.hidden_size)
    cell.load_state_dict({name: getattr(layers, f"{name}_l0{suffix}") for name in cell.state_dict()})
    state = None
    for step in steps.unbind(1):
        state = cell(step, state)
    return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_encoder_reads_the_rows_of_all_channels_and_gives_its_last_state(cell: Cell, bidirectional: bool) -> None:
    encoder, x = recurrent(cell, bidirectional=bidirectional).encoder(SHAPE, 3), example().input
    assert isinstance(encoder, StepEncoder)
    rows = torch.stack([torch.cat([x[:, 0, t], x[:, 1, t]], dim=1) for t in range(5)], dim=1)
    last = [run_cell(cell, encoder.cells, rows, "")]
    last += [run_cell(cell, encoder.cells, rows.flip(1), "_reverse")] if bidirectional else []
    torch.testing.assert_close(encoder(x), encoder.last(torch.cat(last, dim=1)))


def test_rows_become_the_image_that_they_are_from() -> None:
    x = example().input
    assert torch.equal(from_steps(to_steps(x), SHAPE), x)


@pytest.mark.parametrize("shape", [(7, 3), (1, 7, 3), (3, 9, 9)], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_images_and_sequences_have_a_code_and_come_back_in_their_shape(cell: Cell, shape: tuple[int, ...]) -> None:
    net = recurrent(cell, layers=2, reverse=True)
    assert net.latent_shape(shape, 3) == (3,)
    z = net.encoder(shape, 3, params=2)(torch.rand(4, *shape))
    assert z.shape == (4, 6)
    assert net.decoder(3, shape, shape)(z[:, :3]).shape == (4, *shape)


def test_vectors_have_no_steps() -> None:
    with pytest.raises(UserError, match=r"net=lstm: takes images .* the data has shape \(8,\); use net=mlp"):
        recurrent().latent_shape((8,), 3)


@pytest.mark.parametrize("cell", CELLS)
def test_decoder_writes_step_by_step_what_it_writes_at_once(cell: Cell) -> None:
    decoder, z = recurrent(cell, layers=2).with_feedback().decoder(3, SHAPE, SHAPE), torch.randn(4, 3)
    assert isinstance(decoder, StepDecoder)
    rows = torch.rand(4, 5, SIZE)
    before = torch.cat([torch.zeros(4, 1, SIZE), rows[:, :-1]], dim=1)
    at_once = decoder.arrange(decoder.write(z, decoder.start(z), before)[0])
    torch.testing.assert_close(decoder.unroll(z, lambda t, _: rows[:, t : t + 1]), at_once)


def test_reversed_decoder_begins_with_the_last_row() -> None:
    z = torch.randn(4, 3)
    forward, backward = (recurrent(reverse=reverse).decoder(3, SHAPE, SHAPE) for reverse in (False, True))
    backward.load_state_dict(forward.state_dict())
    torch.testing.assert_close(backward(z), forward(z).flip(2))


def rows_told(model: Seq2SeqAE, row: int) -> list[int]:
    """The rows of the target that what is written for a row depends on, the code being what it is."""
    given, z = example(), torch.randn(4, 3)
    target = given.target.requires_grad_()
    torch.manual_seed(0)
    p = model.decode_for(z, Example(given.input, target))
    if not p.mean.requires_grad:
        return []
    (gradient,) = torch.autograd.grad(p.mean[:, :, row].sum(), target, allow_unused=True)
    return [] if gradient is None else gradient.abs().sum((0, 1, 3)).nonzero().flatten().tolist()


def test_with_teacher_forcing_a_row_is_told_the_true_rows_before_it_alone() -> None:
    assert rows_told(seq2seq(1.0), 2) == [0, 1]
    assert rows_told(seq2seq(1.0, reverse=True), 2) == [3, 4]
    assert rows_told(seq2seq(1.0), 0) == []


def test_without_teacher_forcing_and_in_validation_no_true_row_is_told() -> None:
    assert rows_told(seq2seq(0.0), 4) == []
    assert rows_told(seq2seq(1.0).eval(), 4) == []


def test_teacher_forcing_is_drawn_for_every_row() -> None:
    model = seq2seq(0.5)
    x, z = example(), torch.randn(4, 3)
    draws = torch.stack([model.decode_for(z, x).mean for _ in range(200)])[:, :, :, 1]  # of the second row
    forced, own = (seq2seq(p).decode_for(z, x).mean[:, :, 1] for p in (1.0, 0.0))
    is_forced = (draws - forced).abs().amax((2, 3)) < 1e-6
    assert torch.equal(is_forced, (draws - own).abs().amax((2, 3)) > 1e-6)
    assert is_forced.float().mean().item() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("teacher_forcing", [0.0, 0.5, 1.0])
def test_validation_scores_the_reconstruction_whatever_the_training(teacher_forcing: float) -> None:
    model, given = seq2seq(teacher_forcing).eval(), example()
    p = model.likelihood(model.reconstruct(given.input).logit())
    torch.testing.assert_close(model.loss(given)["loss"], model.likelihood.nll(p, given.target).mean())
    terms, output = model.loss_and_reconstruction(given)
    assert terms == model.loss(given)
    assert torch.equal(output, model.reconstruct(given.input))


def test_reconstruction_is_told_the_mean_of_the_row_before() -> None:
    model, z = seq2seq(1.0).eval(), torch.randn(4, 3)
    once = model.decode_mean(z)
    again = copy.deepcopy(model).train().decode_for(z, Example(once, once)).mean
    torch.testing.assert_close(again, once)


def test_net_that_is_not_recurrent_is_refused() -> None:
    with pytest.raises(UserError, match=r"model=seq2seq_ae: expected a recurrent net, but net\._target_ is MLP"):
        Seq2SeqAE(SHAPE, SHAPE, 3, 1.0, MLP([4]), Bernoulli())


def test_model_is_exported_for_any_batch() -> None:
    assert_exported_for_any_batch(seq2seq(1.0).eval(), "reconstruct", example().input)
