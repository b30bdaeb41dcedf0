"""The sequence-to-sequence autoencoder."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.base import at_least_float32
from aectl.models.nets.base import Net
from aectl.models.nets.recurrent import Recurrent, StepDecoder, from_steps, to_steps
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import PositiveInt, Probability, Shape


class Seq2SeqAE(AE):
    r"""Reads an image row by row into one code, and writes it row by row, each row told the one before it.

    .. math:: \mathcal{L}(x) = -\sum_t \log p(x_t | z, y_{t-1}), \quad z = f(x_1, \dots, x_T)

    In training, $y_t$ is the row $x_t$ of the target (teacher forcing) or else the mean $\hat{x}_t$ of what has been
    written, chosen at random for every row; in validation, as in `reconstruct`, always the latter.

    References:
        | Sequence to Sequence Learning with Neural Networks (Sutskever, Vinyals & Le, 2014), section 2
        | https://arxiv.org/abs/1409.3215
        | Unsupervised Learning of Video Representations using LSTMs (Srivastava, Mansimov & Salakhutdinov, 2015),
          section 2, the autoencoder with the conditioned decoder
        | https://arxiv.org/abs/1502.04681
        | Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks (Bengio et al., 2015), section 2.4,
          with a constant probability
        | https://arxiv.org/abs/1506.03099

    Logs `loss` and `nll`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, likelihood: as for `AE`.
        teacher_forcing: the probability that a row is told the true row before it, in training.
        net: a recurrent one.

    Raises:
        UserError: the net is not recurrent.
    """

    decoder: StepDecoder

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        teacher_forcing: Probability,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        if not isinstance(net, Recurrent):
            raise UserError(
                f"model=seq2seq_ae: expected a recurrent net, but net._target_ is {type(net).__name__}; "
                "use net=lstm or net=gru"
            )
        super().__init__(shape, input_shape, latent_dim, net.with_feedback(), likelihood)
        self.teacher_forcing = teacher_forcing

    def decode(self, z: Tensor, c: Tensor | None = None, sides: Shape | None = None) -> Distribution:
        """p(x|z), each row told the mean of the one before it."""
        return self.likelihood(at_least_float32(self.decoder.unroll(z, lambda _, step: self.mean_of(step))))

    def decode_for(self, z: Tensor, example: Example) -> Distribution:
        if not self.training or not self.teacher_forcing:
            return self.decode(z, example.cond)
        true = self.decoder.order(to_steps(example.target)).to(z.dtype)
        if self.teacher_forcing == 1:
            before = torch.cat([torch.zeros_like(true[:, :1]), true[:, :-1]], dim=1)
            h = self.decoder.arrange(self.decoder.write(z, self.decoder.start(z), before)[0])
        else:
            forced = torch.rand(*true.shape[:2], 1, device=z.device) < self.teacher_forcing
            rows = [slice(t, t + 1) for t in range(true.shape[1])]
            h = self.decoder.unroll(
                z, lambda t, step: torch.where(forced[:, rows[t]], true[:, rows[t]], self.mean_of(step))
            )
        return self.likelihood(at_least_float32(h))

    def mean_of(self, step: Tensor) -> Tensor:
        """The mean of a row, (B, 1, step_size), from what the decoder has written for it."""
        channels, _, width = self.decoder.shape
        return to_steps(self.likelihood(from_steps(step, (channels, 1, width))).mean).to(step.dtype)
