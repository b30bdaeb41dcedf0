"""Steps of each player, schedules, clipping and validation, on toy models whose every step is known."""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from aectl.data.augmentation import Negate
from aectl.data.loader import Batches
from aectl.data.source import Split
from aectl.example import Example
from aectl.modalities import Images
from aectl.models.base import Autoencoder
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Gaussian
from aectl.models.vae import VAE
from aectl.tasks.base import Task
from aectl.tasks.denoise import Denoise, DenoiseSaltPepper
from aectl.tasks.reconstruct import Reconstruct
from aectl.training.system import System
from tests.support.toy_models import bare_trainer

pytestmark = [
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec"),
]

SHAPE = (1, 4, 4)
BATCHES, BATCH_SIZE = 3, 4


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


class Solo(Autoencoder):
    """One player; remembers what it was given and its weights at every turn in training."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(16, 16)
        self.turns: list[tuple[str, dict[str, Tensor]]] = []
        self.seen: list[Example] = []
        self.batches: list[int] = []
        self.epochs: list[int] = []

    @property
    def latent_size(self) -> int:
        return 16

    def start_training(self, batches: int) -> None:
        self.batches.append(batches)

    def start_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        if self.training:
            self.turns.append((player, weights(self)))
            self.seen.append(example)
        return {"loss": self.score(example.input.flatten(1))}

    def score(self, x: Tensor) -> Tensor:
        return 100 * self.net(x).square().mean()

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.net(input.flatten(1)).view_as(input)

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return input.flatten(1)


class Duel(Solo):
    """Two players, either of whose losses depends on the weights of both."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = nn.Linear(16, 1)

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        return {"autoencoder": list(self.net.parameters()), "critic": list(self.critic.parameters())}

    def score(self, x: Tensor) -> Tensor:
        return super().score(x) + 100 * self.critic(self.net(x)).square().mean()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def sgd(lr: float) -> Callable[[list[nn.Parameter]], Optimizer]:
    return lambda parameters: SGD(parameters, lr)


def constant(progress: float) -> float:
    return 1.0


def batches() -> Batches:
    """Two whole batches and a short one."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (BATCHES * BATCH_SIZE - 1, *SHAPE), dtype=torch.uint8, generator=generator)
    x[0, 0, 0, :2] = torch.tensor([0, 255])
    return Batches(Split(x, torch.arange(len(x))), BATCH_SIZE, shuffle=False)


def system(
    model: Autoencoder,
    task: Task | None = None,
    lr: float = 1e-4,
    schedule: Callable[[float], float] = constant,
    clip: float | None = None,
    seed: int = 0,
    accumulate: int = 1,
) -> System:
    optimizers = dict.fromkeys(model.players, sgd(lr))
    return System(model, task or Reconstruct(), Images(SHAPE), optimizers, schedule, clip, seed, accumulate=accumulate)


def fit(wrapped: System, epochs: int = 1) -> None:
    bare_trainer(epochs).fit(wrapped, batches(), batches())


def validate(wrapped: System) -> float:
    return bare_trainer().validate(wrapped, batches(), verbose=False)[0]["val/loss"]


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}


def distance(before: dict[str, Tensor], after: dict[str, Tensor], player: str) -> float:
    steps = [(after[name] - before[name]).flatten() for name in before if name.startswith(player)]
    return torch.cat(steps).norm().item()


def test_each_player_changes_its_own_weights_only() -> None:
    model = Duel()
    fit(system(model), epochs=2)
    assert [player for player, _ in model.turns] == ["autoencoder", "critic"] * BATCHES * 2
    mover = {"autoencoder": {"net"}, "critic": {"critic"}}
    for (player, before), (_, after) in pairwise(model.turns):
        assert moved(before, after) == mover[player]
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("kind", [Solo, Duel])
def test_each_step_follows_the_gradient_of_its_player(kind: type[Solo]) -> None:
    model, replay = kind(), kind()
    fit(system(model, lr=1e-3), epochs=2)
    for example, (player, before), (_, after) in zip(model.seen, model.turns, model.turns[1:], strict=False):
        replay.load_state_dict(before)
        replay.zero_grad()
        replay.loss(example, player)["loss"].backward()
        for name in moved(before, after):
            part = getattr(replay, name)
            step = after[f"{name}.weight"] - before[f"{name}.weight"]
            torch.testing.assert_close(step, -1e-3 * part.weight.grad, atol=1e-6, rtol=1e-3)


def test_single_player_steps_once_a_batch() -> None:
    model = Solo()
    fit(system(model), epochs=2)
    assert len(model.turns) == 2 * BATCHES
    assert all(moved(before, after) == {"net"} for (_, before), (_, after) in pairwise(model.turns))


@pytest.mark.parametrize(("kind", "players"), [(Solo, 1), (Duel, 2)])
def test_schedule_steps_once_a_batch_for_each_player(kind: type[Solo], players: int) -> None:
    asked: list[float] = []

    def schedule(progress: float) -> float:
        asked.append(round(progress * 2 * BATCHES, 6))
        return 1.0

    fit(system(kind(), schedule=schedule), epochs=2)
    assert Counter(asked) == dict.fromkeys(range(2 * BATCHES + 1), players)


@pytest.mark.parametrize("kind", [Solo, Duel])
def test_schedule_scales_the_learning_rate(kind: type[Solo]) -> None:
    model = kind()
    fit(system(model, schedule=lambda progress: float(progress < 0.5)))
    steps = [*(before for player, before in model.turns if player == "autoencoder"), weights(model)]
    assert ["net" in moved(before, after) for before, after in pairwise(steps)] == [True, True, False]


@pytest.mark.parametrize("clip", [0.5, 1e-3])
@pytest.mark.parametrize("kind", [Solo, Duel])
def test_clipping_limits_the_gradient_norm_of_each_player(kind: type[Solo], clip: float) -> None:
    model = kind()
    fit(system(model, lr=0.1, clip=clip))
    for (player, before), (_, after) in pairwise(model.turns):
        part = "net" if player == "autoencoder" else "critic"
        assert distance(before, after, part) == pytest.approx(0.1 * clip, rel=1e-2)


@pytest.mark.parametrize("fused", [True, False])
def test_clipping_goes_with_bfloat16_and_a_fused_optimizer(fused: bool) -> None:
    model = Solo()
    wrapped = system(model, clip=0.5)
    wrapped.make_optimizers = {"autoencoder": lambda parameters: SGD(parameters, lr=0.1, fused=fused)}
    bare_trainer(precision="bf16-mixed").fit(wrapped, batches(), batches())
    for (_, before), (_, after) in pairwise(model.turns):
        assert distance(before, after, "net") == pytest.approx(0.1 * 0.5, rel=1e-2)


@pytest.mark.parametrize("kind", [Solo, Duel])
def test_small_gradient_is_not_clipped(kind: type[Solo]) -> None:
    ends = []
    for clip in (None, 1e6):
        torch.manual_seed(0)
        model = kind()
        fit(system(model, clip=clip))
        ends.append(model.turns[-1][1])
    assert not moved(*ends)


def test_validation_loss_does_not_depend_on_the_random_state() -> None:
    model = VAE(SHAPE, SHAPE, 2, 1.0, 0, MLP(hidden=[8]), Gaussian(scale=0.1, learn_scale=True))
    task = Denoise(sigma=0.3, mean=0.0, clip=True)
    losses = []
    for state in (1, 2):
        torch.manual_seed(state)
        losses.append(validate(system(model, task)))
    assert losses[0] == losses[1]
    assert validate(system(model, task, seed=100)) != losses[0]


def test_validation_does_not_change_the_random_state() -> None:
    wrapped = system(Solo(), Denoise(sigma=0.3, mean=0.0, clip=True))
    before = torch.get_rng_state()
    validate(wrapped)
    assert torch.equal(torch.get_rng_state(), before)


def test_validation_loss_is_the_mean_over_examples_not_over_batches() -> None:
    model = Solo()
    x = batches().split.x.flatten(1) / 255
    assert validate(system(model)) == pytest.approx(model.score(x).item(), rel=1e-5)


def test_uint8_images_become_floats_in_the_unit_range() -> None:
    model, split = Solo(), batches().split
    fit(system(model))
    seen = torch.cat([example.target for example in model.seen])
    assert seen.dtype == torch.float32
    assert (seen.min(), seen.max()) == (0, 1)
    torch.testing.assert_close(seen, split.x / 255)
    assert torch.equal(torch.cat([example.cond for example in model.seen]), split.y)


def test_model_is_told_the_epoch_before_it_starts() -> None:
    model = Solo()
    fit(system(model), epochs=3)
    assert model.epochs == [0, 1, 2]


@pytest.mark.parametrize("kind", [Solo, Duel])
@pytest.mark.parametrize(("accumulate", "max_steps", "told"), [(1, -1, 9), (2, -1, 9), (2, 4, 8)])
def test_model_is_told_the_batches_of_the_training(
    kind: type[Solo], accumulate: int, max_steps: int, told: int
) -> None:
    model = kind()
    max_steps *= len(model.players) if max_steps > 0 else 1
    wrapped = system(model, accumulate=accumulate)
    flags = {} if len(model.players) > 1 else {"accumulate_grad_batches": accumulate}
    bare_trainer(3, max_steps=max_steps, **flags).fit(wrapped, batches(), batches())
    assert model.batches == [told]


def test_training_images_are_augmented_before_the_task_and_validation_images_never() -> None:
    seen: list[tuple[bool, Example]] = []

    class Watched(Solo):
        def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
            seen.append((self.training, example))
            return super().loss(example, player)

    wrapped = system(Watched(), task=Denoise(0.1, 0.0, clip=False))
    wrapped.augment = Negate(0.999999)
    fit(wrapped)
    original = next(iter(batches()))["x"] / 255
    trained = next(example for training, example in seen if training)
    validated = next(example for training, example in seen if not training)
    torch.testing.assert_close(trained.target, 1 - original)
    assert 0.05 < float((trained.input - trained.target).std()) < 0.15
    torch.testing.assert_close(validated.target, original)


def test_the_loss_is_of_what_the_task_counts_in_training_and_in_validation() -> None:
    seen: list[Example] = []

    class Watched(Solo):
        def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
            seen.append(example)
            return super().loss(example, player)

    fit(system(Watched(), task=DenoiseSaltPepper(0.5)))
    assert len(seen) >= 2 * BATCHES
    for example in seen:
        assert torch.equal(example.weight > 0, (example.input == 0) | (example.input == 1))


class Counting(Solo):
    """Counts the examples of an epoch in a buffer."""

    term_units = MappingProxyType({"examples": "examples"})

    def __init__(self) -> None:
        super().__init__()
        self.count: Tensor
        self.register_buffer("count", torch.zeros(()))

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        self.count += len(example.target)
        return super().loss(example, player)

    def epoch_terms(self) -> dict[str, Tensor]:
        counted, self.count = self.count, torch.zeros(())
        return {"examples": counted}


def test_what_a_model_gathers_over_an_epoch_is_logged_for_training_and_validation_apart() -> None:
    trainer = bare_trainer(2)
    trainer.fit(system(Counting()), batches(), batches())
    n = BATCHES * BATCH_SIZE - 1
    assert {name: float(trainer.callback_metrics[f"{name}/examples"]) for name in ("train", "val")} == {
        "train": n,
        "val": n,
    }
