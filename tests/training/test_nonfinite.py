"""Losses and gradients that are not finite never reach the weights, and are reported."""

import copy
import csv
import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.plugins import MixedPrecision
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.optim import Optimizer

from aectl.data.loader import Batches
from aectl.data.source import Split
from aectl.errors import NonFiniteError
from aectl.example import Example
from aectl.modalities import Images
from aectl.models.ae import AE
from aectl.models.base import Autoencoder
from aectl.tasks.reconstruct import Reconstruct
from aectl.training.epoch_means import EpochMeans
from aectl.training.finite import all_finite, find_culprit, has_nonfinite, suggest_remedy, summarize
from aectl.training.monitor import Monitor
from aectl.training.nonfinite import MOST_IN_A_ROW, NonFiniteGuard, Snapshot
from aectl.training.optimizers import AdamW, RMSprop
from aectl.training.schedules import Constant
from aectl.training.system import System
from aectl.training.trainer import OnNonFinite
from tests.conftest import Aectl, run_folder
from tests.support.short_runs import on_step, press
from tests.support.toy_models import bare_trainer

pytestmark = [
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec"),
]

BATCHES = 6
SMALL = ("net=mlp", "net.hidden=[32]")
Make = Callable[[list[nn.Parameter]], Optimizer]
State = list[Tensor]
NAN, INF = math.nan, math.inf
ADAM: Make = AdamW(0.01, [0.9, 0.999], 0.1, players={}, fused=False)
FUSED: Make = AdamW(0.01, [0.9, 0.999], 0.1, players={}, fused=True)
RMSPROP: Make = RMSprop(0.01, 0.9, players={})


def nan_loss(loss: Tensor, weight: Tensor) -> Tensor:
    return loss * NAN


def infinite_loss(loss: Tensor, weight: Tensor) -> Tensor:
    return loss + INF


def nan_gradient(loss: Tensor, weight: Tensor) -> Tensor:
    """The loss as it was, with 0 / 0 for its gradient."""
    return loss + (weight[0, 0] * 0).sqrt()


def infinite_gradient(loss: Tensor, weight: Tensor) -> Tensor:
    return loss + (weight[0, 0] - weight[0, 0].detach()).abs().sqrt()


def huge_gradient(loss: Tensor, weight: Tensor) -> Tensor:
    """Finite, but Adam's second moment of it would be infinite ever after."""
    return loss + 1e25 * (weight[0, 0] - weight[0, 0].detach())


FAULTS = [nan_loss, infinite_loss, nan_gradient, infinite_gradient, huge_gradient]
Fault = Callable[[Tensor, Tensor], Tensor]


class Solo(Autoencoder):
    """One player, with a fault in some of its turns; turns and validations are counted from 0."""

    def __init__(self, faults: Mapping[int, Fault] | None = None, in_validation: tuple[int, ...] = ()) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Linear(16, 16)
        self.faults, self.in_validation = faults or {}, in_validation
        self.turns = self.validations = 0

    @property
    def latent_size(self) -> int:
        return 16

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        nll = self.score(example.input.flatten(1), player)
        weight = next(iter(self.players[player]))
        if self.training:
            nll = self.faults[self.turns](nll, weight) if self.turns in self.faults else nll
            self.turns += 1
        else:
            nll = nll * (NAN if self.validations in self.in_validation else 1)
            self.validations += 1
        return {"loss": nll, "nll": nll}

    def score(self, x: Tensor, player: str) -> Tensor:
        return (self.net(x) - x).square().mean()

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.net(input.flatten(1)).view_as(input)

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.net(input.flatten(1))


class Duel(Solo):
    """Two players, who take turns: even ones are the autoencoder's, odd ones the critic's."""

    def __init__(self, faults: Mapping[int, Fault] | None = None, in_validation: tuple[int, ...] = ()) -> None:
        super().__init__(faults, in_validation)
        self.critic = nn.Linear(16, 1)

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        return {"autoencoder": list(self.net.parameters()), "critic": list(self.critic.parameters())}

    def score(self, x: Tensor, player: str) -> Tensor:
        return super().score(x, player) + self.critic(self.net(x)).square().mean()


class Watch(Callback):
    """Keeps weights, moments and steps at the end of every batch; first in the list, as they began."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.rates: list[float] = []
        self.validated: list[State] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.states.append(state(trainer, pl_module))

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *of_batch: Any) -> None:
        self.states.append(state(trainer, pl_module))
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.validated.append(state(trainer, pl_module))


def state(trainer: Trainer, pl_module: LightningModule) -> State:
    moments = [value for o in trainer.optimizers for each in o.state.values() for value in each.values()]
    return [tensor.detach().clone() for tensor in (*pl_module.parameters(), *moments)]


def equal(a: State, b: State) -> bool:
    """The same bits, -0 and NaN included."""
    return len(a) == len(b) and all(
        torch.equal(x.view(torch.int32), y.view(torch.int32)) for x, y in zip(a, b, strict=True)
    )


def batches(x: Tensor | None = None) -> Batches:
    images = torch.rand(4 * BATCHES, 1, 4, 4, generator=torch.Generator().manual_seed(0)) if x is None else x
    return Batches(Split(images), 4, shuffle=False)


def fit(
    model: Autoencoder,
    folder: Path,
    policy: OnNonFinite = "skip",
    make: Make = ADAM,
    on_device: bool = False,
    epochs: int = 1,
    train: Batches | None = None,
    clip: float | None = None,
    **flags: Any,
) -> Watch:
    watch = Watch()
    trainer = bare_trainer(
        epochs,
        num_sanity_val_steps=0,
        callbacks=[NonFiniteGuard(policy, folder, Monitor(), on_device or None), watch],
        **flags,
    )
    system = System(
        model, Reconstruct(), Images((1, 1, 1)), dict.fromkeys(model.players, make), Constant(), clip, seed=0
    )
    try:
        trainer.fit(system, train or batches(), batches())
    except NonFiniteError:
        watch.states.append(state(trainer, system))
        raise
    return watch


WAYS = [(ADAM, False), (FUSED, False), (FUSED, True), (RMSPROP, False)]
WAYS_IDS = ["adam", "fused", "fused, told on the device", "rmsprop"]


@pytest.mark.parametrize(("make", "on_device"), WAYS, ids=WAYS_IDS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("clip", [None, 1.0])
def test_nonfinite_step_changes_no_bit_of_weights_or_optimizer_and_the_next_step_is_taken(
    fault: Fault, make: Make, on_device: bool, clip: float | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states = fit(Solo({3: fault}), tmp_path, make=make, on_device=on_device, clip=clip).states
    kept = [equal(before, after) for before, after in pairwise(states)]
    assert kept == [step == 3 for step in range(BATCHES)]
    assert all(value.isfinite().all() for value in states[-1])
    said = capsys.readouterr().err
    assert "at epoch 1, step 4 of 6, player autoencoder: skipped" in said
    assert "1 of 6 steps were skipped" in said


@pytest.mark.parametrize(("make", "on_device"), WAYS, ids=WAYS_IDS)
@pytest.mark.parametrize(("turn", "player"), [(4, "autoencoder"), (5, "critic")])
def test_nonfinite_step_of_one_player_does_not_skip_the_other(
    turn: int, player: str, make: Make, on_device: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states = fit(Duel({turn: nan_loss}), tmp_path, make=make, on_device=on_device).states
    before, after = states[2], states[3]
    moved = ["critic" if i > 1 else "autoencoder" for i in range(4) if not torch.equal(before[i], after[i])]
    assert set(moved) == {"autoencoder", "critic"} - {player}
    assert all(value.isfinite().all() for value in states[-1])
    assert f"nll=nan at epoch 1, step 3 of 6, player {player}: skipped" in capsys.readouterr().err


@pytest.mark.parametrize(("make", "on_device"), WAYS, ids=WAYS_IDS)
@pytest.mark.parametrize("kind", [Solo, Duel])
def test_guard_changes_and_reports_nothing_if_all_is_finite(
    kind: type[Solo], make: Make, on_device: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Blind(NonFiniteGuard):
        def on_before_optimizer_step(self, *args: Any) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        guarded = fit(kind(), tmp_path, make=make, on_device=on_device, epochs=2).states
        patch.setitem(globals(), "NonFiniteGuard", Blind)
        free = fit(kind(), tmp_path, make=make, epochs=2).states
    assert all(equal(a, b) for a, b in zip(guarded, free, strict=True))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("make", "on_device"), WAYS, ids=WAYS_IDS)
@pytest.mark.parametrize("kind", [Solo, Duel])
def test_stop_saves_the_weights_from_before_the_step(
    kind: type[Solo], make: Make, on_device: bool, tmp_path: Path
) -> None:
    undisturbed = fit(kind(), tmp_path, make=make, on_device=on_device).states
    with pytest.raises(NonFiniteError) as caught:
        fit(kind({3 * len(kind().players): nan_loss}), tmp_path, "stop", make, on_device)
    checkpoint = torch.load(tmp_path / "stopped.ckpt", weights_only=True)
    left = [value for name, value in checkpoint["state_dict"].items()]
    assert equal(left, undisturbed[3][: len(left)])
    words = "nll=nan at epoch 1, step 4 of 6, player autoencoder; expected finite numbers. The weights from before it"
    assert f"trainer.on_nonfinite=stop: {words} are in {tmp_path / 'stopped.ckpt'}; try" in str(caught.value)
    assert caught.value.status == 1


@pytest.mark.parametrize(("make", "on_device"), WAYS, ids=WAYS_IDS)
@pytest.mark.parametrize("kind", [Solo, Duel])
def test_rollback_restores_the_best_validation_and_halves_the_rate(
    kind: type[Solo], make: Make, on_device: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    players = len(kind().players)
    turn = (BATCHES + 2) * players  # in the third batch of the second epoch, the autoencoder's
    watch = fit(kind({turn: nan_loss}), tmp_path, "rollback", make, on_device, epochs=3)
    good, bad_batch = watch.validated[0], BATCHES + 2
    noticed = bad_batch + (on_device and players == 1)  # of two players the second one looks in the same batch
    size = sum(1 for _ in Solo().parameters())
    assert equal(watch.states[noticed + 1][:size], good[:size])
    assert not equal(watch.states[noticed + 2][:size], good[:size])
    assert watch.rates[noticed - 1] == 0.01
    assert watch.rates[noticed + 1] == 0.005
    assert all(value.isfinite().all() for value in watch.states[-1])
    assert capsys.readouterr().err.count("restored the weights of the best validation") == 1


def test_rollback_without_validation_restores_the_first_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = fit(Solo({2: nan_loss}), tmp_path, "rollback")
    size = sum(1 for _ in Solo().parameters())
    assert equal(watch.states[3][:size], watch.states[0][:size])
    assert capsys.readouterr().err.count("restored the weights that training started from") == 1


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("policy", ["skip", "rollback"])
def test_training_stops_if_skipping_or_rolling_back_does_not_help(
    policy: OnNonFinite, on_device: bool, tmp_path: Path
) -> None:
    before = [p.detach().clone() for p in Solo().parameters()]
    model = Solo(dict.fromkeys(range(1000), nan_loss))
    with pytest.raises(NonFiniteError, match=f"on_nonfinite={policy}: .* for the {MOST_IN_A_ROW + 1}th time in a row"):
        fit(model, tmp_path, policy, FUSED, on_device, epochs=20)
    assert equal([p.detach() for p in model.parameters()], before)


def test_occasional_nonfinite_steps_do_not_stop_a_run_that_skips_them(tmp_path: Path) -> None:
    model = Solo(dict.fromkeys(range(0, 60, 2), nan_loss))
    states = fit(model, tmp_path, "skip", epochs=10).states
    assert len(states) == 10 * BATCHES + 1
    kept = [equal(before, after) for before, after in pairwise(states[1:])]
    assert kept == [bool(step % 2) for step in range(59)]


def test_infinite_pixel_is_reported_as_a_fault_of_the_data(tmp_path: Path) -> None:
    x = batches().split.x.clone()
    x[9, 0, 1, 2] = INF
    model = Solo()
    with pytest.raises(NonFiniteError, match=r"the input, the target at .*step 3 of 6.*look for NaN and infinity in"):
        fit(model, tmp_path, "stop", train=batches(x))
    assert all(p.isfinite().all() for p in model.parameters())


def test_far_too_high_rate_is_caught_before_any_weight_is_nan(tmp_path: Path) -> None:
    model = Solo()
    with pytest.raises(NonFiniteError, match=r"try optimizer\.lr=0\.001, trainer\.gradient_clip_val=1"):
        fit(model, tmp_path, "stop", AdamW(1e25, [0.9, 0.999], 0.0, players={}, fused=False))
    assert all(p.isfinite().all() for p in model.parameters())


def test_accumulated_gradients_are_dropped_together(tmp_path: Path) -> None:
    states = fit(Solo({2: nan_loss}), tmp_path, accumulate_grad_batches=2).states
    kept = [equal(before, after) for before, after in pairwise(states)]
    assert kept == [True, False, True, True, True, False]


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning")  # of the steps that it drops
def test_overflow_in_half_precision_is_left_to_the_gradient_scaler(tmp_path: Path) -> None:
    def half() -> MixedPrecision:
        return MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=2.0**126))  # type: ignore[attr-defined]

    states = fit(Solo(), tmp_path, "stop", plugins=[half()], epochs=20).states
    assert equal(states[0][:2], states[1][:2])  # the first steps overflow and are dropped by the scaler
    assert not equal(states[0][:2], states[-1][:2])
    with pytest.raises(NonFiniteError, match="nll=nan at epoch 1, step 4"):
        fit(Solo({3: nan_loss}), tmp_path, "stop", plugins=[half()])


class TestOverview:
    """What is found in one step, of numbers whose faults are known."""

    X = torch.zeros(2, 3)
    TERMS = {"loss": torch.tensor(1.0), "nll": torch.tensor(1.0), "kl": torch.tensor(0.0)}  # noqa: RUF012

    @pytest.mark.parametrize("value", [NAN, INF, -INF])
    def test_first_cause_is_named(self, value: float) -> None:
        wrong, fine = torch.tensor(value), torch.ones(3)
        gradients = [torch.ones(2, 2), torch.tensor([1.0, value])]
        terms = {**self.TERMS, "loss": wrong, "kl": wrong}
        blamed = partial(find_culprit, terms=list(terms), parameters=["a", "b"])
        assert blamed(summarize(wrong, fine, terms, gradients).tolist()) == ["the input"]
        assert blamed(summarize(fine, fine, terms, gradients).tolist()) == [f"kl={value}"]
        norm = abs(value)
        assert blamed(summarize(fine, fine, self.TERMS, gradients).tolist()) == [
            f"the gradient of b (its norm is {norm})"
        ]
        only_loss = {**self.TERMS, "loss": wrong}
        assert blamed(summarize(fine, fine, only_loss, gradients).tolist()) == [f"loss={value}"]

    @pytest.mark.parametrize("value", [NAN, INF, -INF])
    def test_single_nonfinite_number_is_found(self, value: float) -> None:
        gradient = torch.randn(1000, generator=torch.Generator().manual_seed(0))
        assert all_finite(self.TERMS, [gradient])
        for index in range(1000):
            wrong = gradient.clone()
            wrong[index] = value
            assert not all_finite(self.TERMS, [wrong])
            assert has_nonfinite(summarize(self.X, self.X, self.TERMS, [wrong])) == 1

    def test_infinities_of_opposite_sign_do_not_cancel(self) -> None:
        assert not all_finite(self.TERMS, [torch.tensor([INF, -INF])])

    def test_large_gradients_are_fine_if_their_squares_are_finite(self) -> None:
        assert all_finite(self.TERMS, [torch.full((10,), 1e15)])
        assert not all_finite(self.TERMS, [torch.full((10,), 1e25)])
        assert has_nonfinite(summarize(self.X, self.X, self.TERMS, [torch.full((10,), 1e15)])) == 0
        assert has_nonfinite(summarize(self.X, self.X, self.TERMS, [torch.full((10,), 1e25)])) == 1

    def test_nonfinite_data_alone_does_not_skip_a_step(self) -> None:
        assert has_nonfinite(summarize(torch.tensor(INF), self.X, self.TERMS, [torch.ones(2)])) == 0


def test_remedies_leave_out_what_is_set_already() -> None:
    assert suggest_remedy(["nll=nan"], 1e-3, None, "bf16-mixed") == (
        "try optimizer.lr=0.0001, trainer.gradient_clip_val=1, trainer.precision=32-true; "
        "trainer.detect_anomaly=true names the operation"
    )
    assert suggest_remedy(["nll=nan"], 50.0, 0.5, "32-true").startswith("try optimizer.lr=0.001; ")


def test_training_means_leave_out_nonfinite_steps_and_validation_means_do_not() -> None:
    for only_finite, expected in ((True, 5.0), (False, NAN)):
        means = EpochMeans(only_finite)
        for value, n in ((4.0, 2), (NAN, 7), (6.0, 2)):
            means.update({"loss": torch.tensor(value)}, n)
        assert means.compute()["loss"] == pytest.approx(expected, nan_ok=True)
    means = EpochMeans(only_finite=True)
    means.update({"loss": torch.tensor(INF)}, 1)
    assert math.isnan(means.compute()["loss"])


class TestTrain:
    """`aectl train`."""

    @staticmethod
    def broken(patch: pytest.MonkeyPatch, steps: set[int], validations: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        """Makes the nll of these steps, and of these batches of validation, NaN."""
        count = {True: 0, False: 0}
        scored = AE._terms

        def faulty(self: AE, example: Example, q: Distribution) -> tuple[dict[str, Tensor], Distribution]:
            now, count[self.training] = count[self.training], count[self.training] + 1
            wrong = now in (steps if self.training else validations)
            terms, p = scored(self, example, q)
            return {name: term * (NAN if wrong else 1) for name, term in terms.items()}, p

        patch.setattr(AE, "_terms", faulty)

    ONE_VALIDATION = "trainer.limit_val_batches=1"

    def test_stop_prints_one_line_exits_with_1_and_keeps_the_checkpoints(
        self, aectl: Aectl, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.broken(monkeypatch, steps={50})
        result = aectl("train", *SMALL, "trainer.max_epochs=3")
        run = run_folder(result)
        assert result.status == 1
        assert "Traceback" not in result.err
        (line,) = [line for line in result.err.splitlines() if "on_nonfinite" in line]
        assert line.startswith("aectl train: trainer.on_nonfinite=stop: nll=nan, kl=nan at epoch 2, step 10 of 41, ")
        assert f"{run}/checkpoints/stopped.ckpt; try optimizer.lr=0.0004, trainer.gradient_clip_val=1" in line
        summary = json.loads((run / "summary.json").read_text())
        assert summary["status"] == "failed"
        assert summary["error"] in line
        assert summary["error"] in (run / "train.log").read_text()
        kept = {path.name: torch.load(path, weights_only=True) for path in (run / "checkpoints").iterdir()}
        assert {name: each["global_step"] for name, each in kept.items()} == {
            "best.ckpt": 41,
            "last.ckpt": 41,
            "stopped.ckpt": 50,
        }
        assert all(value.isfinite().all() for each in kept.values() for value in each["state_dict"].values())
        assert aectl("encode", str(run / "checkpoints" / "stopped.ckpt"), "output=codes.csv").status == 0

    def test_far_too_high_rate_is_reported_with_a_lower_one(self, aectl: Aectl) -> None:
        result = aectl("train", *SMALL, "optimizer.lr=1e18", "trainer.max_epochs=1")
        assert result.status == 1
        assert "step 2 of 41, player autoencoder" in result.err
        assert "try optimizer.lr=0.001, trainer.gradient_clip_val=1" in result.err

    def test_skip_counts_the_skipped_steps(self, aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken(monkeypatch, steps={5, 50, 51})
        result = aectl("train", *SMALL, "trainer.max_epochs=2", "trainer.on_nonfinite=skip")
        run = run_folder(result)
        assert result.status == 0
        assert result.err.count("skipped, as later steps like it will be") == 1
        assert "3 of 82 steps were skipped" in result.err
        assert "3 of 82 steps were skipped" in (run / "train.log").read_text()
        with (run / "metrics.csv").open(newline="") as file:
            assert all(math.isfinite(float(value)) for row in csv.DictReader(file) for value in row.values())

    def test_resumed_run_counts_the_steps_skipped_before(self, aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken(monkeypatch, steps={5, 50})
        with monkeypatch.context() as patch:
            on_step(patch, 20, press())
            run = run_folder(aectl("train", *SMALL, "trainer.max_epochs=2", "trainer.on_nonfinite=skip"))
        assert "2 of 82 steps were skipped" in aectl("train", f"resume={run}").err

    def test_resumed_run_rolls_back_to_its_best_validation(self, aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken(monkeypatch, steps={60})
        with monkeypatch.context() as patch:
            on_step(patch, 50, press())
            run = run_folder(aectl("train", *SMALL, "trainer.max_epochs=2", "trainer.on_nonfinite=rollback"))
        best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        returns: list[dict[str, Tensor]] = []
        restore = Snapshot.restore

        def watched(snapshot: Snapshot, trainer: Trainer) -> None:
            restore(snapshot, trainer)
            returns.append(copy.deepcopy(trainer.lightning_module.state_dict()))

        monkeypatch.setattr(Snapshot, "restore", watched)
        assert aectl("train", f"resume={run}").status == 0
        (weights,) = returns
        assert all(torch.equal(weights[name], value) for name, value in best.items())

    def test_sweep_continues_after_a_job_that_was_stopped(self, aectl: Aectl) -> None:
        result = aectl("train", "-m", "optimizer.lr=1e18,1e-3", *SMALL, "trainer.max_epochs=1")
        assert result.status == 1
        assert "job 0 failed: trainer.on_nonfinite=stop" in result.err
        assert len(list(Path("outputs").rglob("best.ckpt"))) == 1

    def test_nonfinite_validation_is_never_the_best(self, aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken(monkeypatch, steps=set(), validations={0, 2})
        result = aectl("train", *SMALL, "trainer.max_epochs=3", self.ONE_VALIDATION)
        run = run_folder(result)
        assert result.status == 0
        assert torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] == 1
        assert math.isfinite(json.loads((run / "summary.json").read_text())["best"])
        assert result.err.count("val/nll=nan, val/kl=nan in the validation of epoch 1: best.ckpt is never chosen") == 1

    def test_run_without_a_finite_validation_has_failed(self, aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken(monkeypatch, steps=set(), validations={0, 1})
        result = aectl("train", *SMALL, "trainer.max_epochs=2", self.ONE_VALIDATION)
        run = run_folder(result)
        assert result.status == 1
        assert "val/loss: was NaN or infinite in every validation, so there is no best.ckpt" in result.err
        assert not (run / "checkpoints" / "best.ckpt").exists()
        assert (run / "checkpoints" / "last.ckpt").is_file()
        assert json.loads((run / "summary.json").read_text())["status"] == "failed"

    def test_unknown_policy_is_refused(self, aectl: Aectl) -> None:
        result = aectl("train", *SMALL, "trainer.on_nonfinite=ignore")
        assert result.status == 2
        assert "trainer.on_nonfinite=ignore: expected 'stop', 'skip' or 'rollback'" in result.err
