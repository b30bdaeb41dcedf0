"""Colorization: give a gray picture its colours."""

from torch import Tensor

from aectl.errors import UserError
from aectl.image_math import luminance, with_luminance
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline
from aectl.tasks.baselines.colouring import ConstantChroma, Gray, NearestChroma
from aectl.tasks.baselines.learned import LinearMap
from aectl.types import Shape


class Colorize(Task):
    r"""Give a gray picture its colours; the input is the luminance of the target.

    .. math:: y = 0.299 R + 0.587 G + 0.114 B, \quad \hat{x} = y + c (f(y) - y(f(y)))

    The output keeps the luminance of the input, which is known; c is 1, or less where a channel would leave [0, 1].

    References:
        | Colorful Image Colorization (Zhang, Isola & Efros, 2016)
        | https://arxiv.org/abs/1603.08511

    Raises:
        UserError: the data are not colour images.
    """

    label = "colorize"

    def input_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or shape[0] != 3:
            raise UserError(
                f"task=colorize: takes colour images (3, H, W), but the data has shape {tuple(shape)}; "
                "use dataset=photos, or a folder of colour pictures"
            )
        return 1, *shape[1:]

    def degrade(self, x: Tensor) -> Tensor:
        return luminance(x)

    def untouched(self, input: Tensor) -> Tensor:
        return input.expand(-1, 3, -1, -1)

    def keep_known(self, output: Tensor, input: Tensor) -> Tensor:
        return with_luminance(output, input)

    def baselines(self, shape: Shape, latent_size: int) -> list[Baseline]:
        return [Gray(), ConstantChroma(), NearestChroma(), LinearMap()]
