"""MusicVAE: its density, its schedules, and what its decoder and conductor are told."""

import itertools
import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Normal

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.capabilities import HasTeacherForcing
from aectl.models.nets.music import DRUM_TOKENS, DrumsAsBits, MusicDecoder
from aectl.models.probability.divergences import kl
from aectl.models.probability.likelihoods import Bernoulli, Categorical
from aectl.models.variational.importance import log_weights
from aectl.models.variational.music_vae import MusicVAE
from tests.support.exports import assert_exported_for_any_batch

STEPS = 4


def music_vae(vocabularies: tuple[int, ...] = (3,), segments: int = 1, **keys: float) -> MusicVAE:
    torch.manual_seed(0)
    shape = (1, STEPS, sum(vocabularies))
    sizes = {"hidden": 5, "layers": 1, "decoder_hidden": 5, "decoder_layers": 2}
    conductor = {"segments": segments, "conductor_hidden": 6, "conductor_layers": 2, "drums_as_bits": False}
    chosen = {"beta": 1.0, "beta_rate": 0.0, "free_bits": 0.0, "scheduled_sampling": 0.0} | keys
    return MusicVAE(shape, shape, 2, **chosen, **sizes, **conductor, likelihood=Categorical([*vocabularies]))


def one_hot(tokens: Tensor, vocabularies: tuple[int, ...]) -> Tensor:
    """Tokens (B, T, tracks) as the model sees them, (B, 1, T, V)."""
    columns = [F.one_hot(tokens[..., track], size) for track, size in enumerate(vocabularies)]
    return torch.cat(columns, -1).float()[:, None]


def windows(n: int, vocabularies: tuple[int, ...] = (3,)) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    tracks = [torch.randint(size, (n, STEPS), generator=rng) for size in vocabularies]
    return one_hot(torch.stack(tracks, -1), vocabularies)


def gradient(model: MusicVAE, row: int, columns: slice) -> Tensor:
    """How the logits of a step depend on each token that the decoder is told, (T, V)."""
    x = windows(1, tuple(model.likelihood.vocabularies)).requires_grad_()
    logits = model.decoder(torch.ones(1, 2), x)[0, 0, row, columns]
    return torch.autograd.grad(logits.square().sum(), x)[0][0, 0].abs()


@pytest.mark.parametrize(("vocabularies", "segments"), [((3,), 1), ((3,), 2), ((2, 2), 1), ((2, 2), 4)])
def test_probabilities_of_all_windows_given_a_latent_add_up_to_one(
    vocabularies: tuple[int, ...], segments: int
) -> None:
    model = music_vae(vocabularies, segments).eval()
    tokens = itertools.product(*(range(size) for size in vocabularies * STEPS))
    x = one_hot(torch.tensor(list(tokens)).unflatten(1, (STEPS, len(vocabularies))), vocabularies)
    nll = model.likelihood.nll(model.decode_for(torch.randn(1, 2).expand(len(x), -1), Example(x, x)), x)
    assert len(x) in (81, 256)
    assert (-nll).exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("vocabularies", "segments"), [((3,), 1), ((3, 4), 2)])
def test_nll_is_that_of_the_conditionals_one_step_at_a_time(vocabularies: tuple[int, ...], segments: int) -> None:
    model = music_vae(vocabularies, segments).eval()
    x, z = windows(6, vocabularies), torch.randn(6, 2)
    log_p = torch.zeros(6)
    for t in range(STEPS):
        prefix = x.clone()
        prefix[:, :, t:] = 0  # what is not yet written
        step = model.decoder(z, prefix)[:, 0, t].split([*vocabularies], -1)
        true = x[:, 0, t].split([*vocabularies], -1)
        for logits, token in zip(step, true, strict=True):
            log_p += (logits.log_softmax(-1) * token).sum(-1)
    torch.testing.assert_close(model.likelihood.nll(model.decode_for(z, Example(x, x)), x), -log_p)


@pytest.mark.parametrize("segments", [1, 2])
def test_told_all_tokens_or_its_own_the_decoder_writes_the_same_in_blocks_and_step_by_step(segments: int) -> None:
    model, z, x = music_vae(segments=segments), torch.randn(6, 2), windows(6)
    everything = torch.ones(STEPS, dtype=torch.bool)
    likeliest = partial(model.draw, temperature=0.0)
    torch.testing.assert_close(model.decoder.partly_told(z, x, everything, likeliest), model.decoder(z, x))
    own = model.decoder.improvise(z, likeliest)
    freely = model.decoder.partly_told(z, x, ~everything, likeliest)
    assert torch.equal(model.draw(freely, 0.0), own)
    torch.testing.assert_close(freely, model.decoder(z, own))
    assert torch.equal(model.decode_mean(z), own)


def test_teacher_forcing_is_told_the_true_tokens_and_gives_what_the_nll_scores() -> None:
    model, x = music_vae().eval(), windows(6)
    assert isinstance(model, HasTeacherForcing)
    probabilities = model.teacher_forced(Example(x, x))
    nll = model.likelihood.nll(model.decode_for(model.embed(x), Example(x, x)), x)
    torch.testing.assert_close(-(probabilities * x).sum(-1).log().sum((1, 2)), nll)


def test_a_step_that_is_not_forced_is_told_a_token_drawn_from_the_one_before() -> None:
    model, z, x = music_vae(), torch.randn(1, 2).expand(2000, -1), windows(1).expand(2000, -1, -1, -1)
    forced = torch.ones(STEPS, dtype=torch.bool)
    forced[2] = False
    told: list[Tensor] = []

    def draw(logits: Tensor) -> Tensor:
        told.append(model.draw(logits))
        return told[-1]

    written = model.decoder.partly_told(z, x, forced, draw)
    (drawn,) = told
    expected = model.decoder(z, x)[0, 0, 1].softmax(-1)
    torch.testing.assert_close(drawn.mean((0, 1)), expected, atol=0.05, rtol=0)
    replaced = torch.cat([x[:, :, :1], drawn[:, None], x[:, :, 2:]], 2)
    torch.testing.assert_close(written, model.decoder(z, replaced))


def test_share_of_drawn_tokens_is_the_inverse_sigmoid_of_the_batches() -> None:
    model, k = music_vae(scheduled_sampling=10.0), 10.0
    for batch in (0, 1, round(k * math.log(k)), 40, 2000):
        model.batches.fill_(batch)
        expected = 1 - k / (k + math.exp(min(batch / k, 80)))
        assert model.drawn_share.item() == pytest.approx(expected, abs=1e-6)
    assert music_vae().drawn_share == 0


def test_training_draws_that_share_and_validation_none(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, shares = music_vae(scheduled_sampling=10.0), windows(3), []

    def partly_told(self: MusicDecoder, z: Tensor, x: Tensor, forced: Tensor, draw: object) -> Tensor:
        shares.append(1 - forced.float().mean().item())
        return self(z, x)

    monkeypatch.setattr(MusicDecoder, "partly_told", partly_told)
    for _ in range(3000):
        model.batches.fill_(22)
        model.loss(Example(x, x))
    assert model.batches == 23
    assert sum(shares) / 3000 == pytest.approx(model.drawn_share.item(), abs=0.02)
    model.eval().loss(Example(x, x))
    assert len(shares) == 3000
    assert model.batches == 23


def test_weight_of_the_kl_rises_with_the_batches_in_training_alone() -> None:
    model, x = music_vae(beta=0.5, beta_rate=0.9), windows(4)
    for batch in (1, 2, 3):
        terms = model.loss(Example(x, x))
        weight = 0.5 * (1 - 0.9**batch)
        assert terms["loss"].item() == pytest.approx((terms["nll"] + weight * terms["kl"]).item(), rel=1e-5)
    terms = model.eval().loss(Example(x, x))
    assert terms["loss"].item() == pytest.approx((terms["nll"] + 0.5 * terms["kl"]).item(), rel=1e-5)


def test_weight_of_the_kl_is_small_in_the_early_batches() -> None:
    model, x = music_vae(beta=0.5, beta_rate=0.9, early_beta=0.2, early_share=0.4), windows(4)
    model.start_training(5)
    for weight in (0.2, 0.2, 0.5 * (1 - 0.9), 0.5 * (1 - 0.9**2)):
        terms = model.loss(Example(x, x))
        assert terms["loss"].item() == pytest.approx((terms["nll"] + weight * terms["kl"]).item(), rel=1e-5)


@pytest.mark.parametrize("bits", [0.0, 0.05, 1000.0])
def test_free_bits_are_of_the_whole_kl_of_each_window(bits: float) -> None:
    model, x = music_vae(beta=0.5, free_bits=bits).eval(), windows(20)
    terms, q = model.loss(Example(x, x)), model.encode(x)
    total = kl(q, Normal(torch.zeros(20, 2), torch.ones(20, 2)))
    charged = (total - bits * math.log(2)).clamp_min(0).mean()
    torch.testing.assert_close(terms["loss"], terms["nll"] + 0.5 * charged)
    torch.testing.assert_close(terms["kl"], total.mean())


def test_a_segment_is_told_the_earlier_ones_by_the_token_before_it_alone() -> None:
    model = music_vae(segments=2)
    assert gradient(model, 2, slice(None)).sum(1).nonzero().flatten().tolist() == [1]
    assert gradient(model, 3, slice(None)).sum(1).nonzero().flatten().tolist() == [1, 2]
    assert gradient(music_vae(), 3, slice(None)).sum(1).nonzero().flatten().tolist() == [0, 1, 2]


def test_every_segment_starts_from_its_own_state_of_the_conductor_and_is_told_it_at_every_step() -> None:
    model, z = music_vae(segments=2), torch.randn(1, 2)
    plan = model.decoder.plan(z)
    assert plan.shape == (1, 2, 6)
    assert not torch.allclose(plan[:, 0], plan[:, 1])
    plan = plan.detach().requires_grad_()
    model.decoder.plan.forward = lambda _: plan  # type: ignore[method-assign]
    for row in range(STEPS):
        (told,) = torch.autograd.grad(model.decoder(z, windows(1))[0, 0, row].square().sum(), plan)
        assert told[0].abs().sum(1).gt(0).tolist() == [row < 2, row >= 2]
    core = model.decoder.cores[0]
    states = core.start(plan[:, 0])  # (c and h, layers, B, hidden)
    assert states.abs().amax(-1).gt(0).all()
    assert states.abs().max() < 1
    other = plan[:, 0] + 1
    before = windows(1)[0]
    assert not torch.allclose(core.write(other, states, before)[0], core.write(plan[:, 0], states, before)[0])


def test_with_a_conductor_every_track_has_a_decoder_that_is_told_its_own_tokens() -> None:
    model = music_vae((3, 4), segments=2)
    assert len(model.decoder.cores) == 2
    told = gradient(model, 1, slice(3))
    assert told[0, :3].sum() > 0
    assert told[0, 3:].sum() == 0
    shared = music_vae((3, 4))
    assert len(shared.decoder.cores) == 1
    assert gradient(shared, 1, slice(3))[0].gt(0).all()


def test_temperature_flattens_what_tokens_are_drawn_from_and_0_takes_the_likeliest() -> None:
    model, logits = music_vae((3, 2)), torch.tensor([[0.0, 1.0, 2.0, 3.0, 0.0]])
    for temperature in (0.5, 1.0, 2.0):
        drawn = model.draw(logits.expand(4000, -1)[:, None], temperature).mean((0, 1))
        expected = torch.cat([track.softmax(-1) for track in (logits[0] / temperature).split([3, 2])])
        torch.testing.assert_close(drawn, expected, atol=0.04, rtol=0)
    assert model.draw(logits, 0.0).tolist() == [[0, 0, 1, 1, 0]]
    samples = model.eval().sample(5, temperature=0.0)
    assert samples.shape == (5, 1, STEPS, 5)
    assert set(samples.unique().tolist()) == {0, 1}
    assert samples.sum(-1).eq(2).all()


def test_drums_are_read_as_the_nine_that_are_struck_and_none() -> None:
    encoder = DrumsAsBits([3, DRUM_TOKENS])
    bits = encoder(one_hot(torch.tensor([[[2, 0], [1, 0b100000101]]]), (3, DRUM_TOKENS)))
    assert bits.shape[-1] == encoder.size == 13
    assert bits[0, 0].tolist() == [[0, 0, 1, *[0] * 9, 1], [0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0]]


def test_importance_weights_are_of_the_window_and_not_of_what_is_written_freely() -> None:
    model, x = music_vae().eval(), windows(4)
    example = Example(x, x)
    q = model.encode(x)
    z = q.sample(torch.Size([3]))
    log_p, _ = log_weights(model, example, q, z)
    for k in range(3):
        torch.testing.assert_close(-log_p[k], model.likelihood.nll(model.decode_for(z[k], example), x))


def test_cells_remember_at_first() -> None:
    model = music_vae(segments=2)
    cells = [model.encoder.cells, model.decoder.plan.cells, model.decoder.cores[0].cells]
    for lstm in cells:
        biases = [bias.chunk(4) for name, bias in lstm.named_parameters() if name.startswith("bias_ih")]
        assert all(forget.mean() > 0.5 for _, forget, _, _ in biases)
        assert all(abs(other.mean()) < 0.5 for i, _, g, o in biases for other in (i, g, o))


def test_other_data_than_tokens_and_other_segments_than_divide_them_are_refused() -> None:
    sizes = (2, 1.0, 0.0, 0.0, 0.0, 5, 1, 5, 1)
    with pytest.raises(UserError, match=r"model=music_vae: takes tokens, but likelihood._target_ is Bernoulli"):
        MusicVAE((1, 4, 4), (1, 4, 4), *sizes, 1, 5, 1, False, Bernoulli())
    with pytest.raises(UserError, match=r"model\.segments=3: does not divide the 4 steps of a window"):
        music_vae(segments=3)


def test_model_is_exported_for_any_batch() -> None:
    assert_exported_for_any_batch(music_vae(segments=2).eval(), "reconstruct", windows(4))
