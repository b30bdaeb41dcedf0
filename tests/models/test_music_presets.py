"""The sizes of `experiment=music_vae/...`, built without memory."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import open_dict

from aectl.config import CONFIGS
from aectl.runs.run import num_parameters

VOCABULARIES = {"melody": [90], "drums": [512], "trio": [90, 90, 512]}
COUNTED = {
    "chorales": (1_816_282, None),
    "folk_16bar": (3_066_586, None),
    "mel_2bar_small": (4_429_914, 4_423_770),
    "mel_2bar_big": (134_612_058, 134_571_098),
    "drums_2bar_small": (4_642_816, 4_636_672),
    "mel_16bar": (176_106_586, 176_061_530),
    "trio_16bar": (231_036_596, 230_975_156),
}
"""The parameters here, and those of the published model: a cell of torch has a second bias, .03 to .2 % of them."""


@pytest.mark.parametrize("name", COUNTED)
def test_preset_has_the_parameters_of_the_published_model_but_for_second_biases(name: str) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", [f"experiment=music_vae/{name}", "++dataset.root=midi"])
    vocabularies = VOCABULARIES[cfg.dataset.get("kind", "melody")]
    with open_dict(cfg):
        cfg.likelihood.vocabularies = vocabularies
        cfg.model.shape = cfg.model.input_shape = [1, 16 * cfg.dataset.bars, sum(vocabularies)]
    with torch.device("meta"):
        model = instantiate(cfg.model, _convert_="all")
    counted, published = COUNTED[name]
    assert num_parameters(model) == counted
    assert published is None or counted == pytest.approx(published, rel=0.002)
    assert ("transpose" in cfg.get("augment", {})) == bool(published)
    assert cfg.schedule._target_.endswith("DecayToFloor" if published else "Cosine")
