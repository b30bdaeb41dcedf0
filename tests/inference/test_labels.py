"""Labels that are passed to a run are checked against its model, and reach every call of it."""

from typing import Any

import numpy as np
import pytest
import torch

from aectl.errors import UserError
from aectl.inference.labels import class_numbers
from aectl.inference.latents import encode_split
from aectl.inference.trained_run import TrainedRun
from aectl.models.nets.mlp import MLP
from aectl.models.variational.cvae import CVAE
from tests.support.toy_models import identity, linear_vae, opened

SHAPE = (1, 8, 8)


def conditional() -> TrainedRun:
    torch.manual_seed(0)
    return opened(CVAE(SHAPE, SHAPE, 3, 1.0, 0, 10, MLP([]), identity()).eval())


@pytest.mark.parametrize("labels", [3, [3, 3], np.array([3, 3]), torch.tensor([3, 3]), torch.tensor(3)])
def test_labels_may_be_one_class_or_one_for_each_in_any_form(labels: Any) -> None:
    cond = conditional().as_cond(labels, 2)
    assert cond is not None
    assert cond.dtype == torch.int64
    assert cond.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "label: model=CVAE is conditional; give the class of the examples, 0 to 9"),
        (10, "label=10: not a class of this run; expected 0 to 9"),
        ([0, -1], "label=-1: not a class of this run; expected 0 to 9"),
        ([1, 2, 3], r"label: shape \(3,\) for 2 examples; expected \(2,\) or a single class"),
        ([0.5, 1.0], "label: values of type float64; expected whole numbers, 0 to 9"),
        (["3", "4"], "label: values of type <U1; expected whole numbers, 0 to 9"),
    ],
)
def test_labels_that_do_not_fit_a_conditional_model_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        conditional().encode(torch.zeros(2, *SHAPE), labels)


def test_a_model_that_is_not_conditional_refuses_labels() -> None:
    run = opened(linear_vae(SHAPE, 3, identity()))
    assert run.as_cond(None, 2) is None
    with pytest.raises(UserError, match="label: model=VAE is not conditional; leave the label out"):
        run.sample(2, labels=1)


def test_each_label_changes_what_its_example_becomes_and_no_other() -> None:
    run = conditional()
    x, z = torch.rand(2, *SHAPE), torch.randn(2, 3)
    calls = [lambda y: run.encode(x, y), lambda y: run.reconstruct(x, y), lambda y: run.decode(z, y)]
    for call in (*calls, lambda y: run.sample(2, labels=y)):
        first, other = call([3, 4]), call([3, 5])
        assert torch.equal(first[0], other[0])
        assert not torch.equal(first[1], other[1])
    first, other = (np.asarray(run.predict(x[0], labels=label)) for label in (3, 4))
    assert not np.array_equal(first, other)


def test_a_split_is_encoded_with_its_own_labels() -> None:
    run = conditional()
    found = encode_split(run, "test", 20)
    assert found.y is not None
    images = run.run.data.split("test").x[:20]
    torch.testing.assert_close(found.codes, run.encode(images, found.y))
    assert not torch.allclose(found.codes, run.encode(images, 0))


def test_many_codes_are_decoded_with_their_own_labels() -> None:
    run = conditional()
    codes, labels = torch.randn(300, 3), torch.arange(300) % 10
    assert torch.equal(run.decode(codes, labels)[290:], run.decode(codes[290:], labels[290:]))


def test_classes_by_name_become_numbers() -> None:
    assert class_numbers(["b", "a", "b"], ["a", "b"], "latents=z.csv") == [1, 0, 1]
    with pytest.raises(UserError, match=r"latents=z\.csv: its label c is not a class of this run; expected a, b"):
        class_numbers(["b", "c"], ["a", "b"], "latents=z.csv")
