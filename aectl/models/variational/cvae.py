"""The conditional variational autoencoder."""

from torch import Tensor
from torch.distributions import Distribution

from aectl.models.nets.base import Net
from aectl.models.nets.labelled import Labelled
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class CVAE(VAE):
    r"""A VAE whose encoder and decoder are told the class $c$, so that samples can be drawn of any class.

    .. math:: \mathcal{L}(x, c) = \mathbb{E}_{q(z|x, c)} [-\log p(x|z, c)] + \beta \, D_{KL}(q(z|x, c) \| p(z))

    The latent need not say what the class already says, and keeps what the classes have in common, such as style. The
    prior is the same for all classes.

    References:
        | Learning Structured Output Representation using Deep Conditional Generative Models (Sohn, Lee & Yan, 2015),
          with the class as the condition and a prior without it
        | https://papers.nips.cc/paper/5775
        | Semi-Supervised Learning with Deep Generative Models (Kingma et al., 2014), its bound of log p(x, y)
          without the constant log p(y)
        | https://arxiv.org/abs/1406.5298
        | Conditional Variational Autoencoders (Dykeman, 2016), which has the label one-hot in encoder and decoder
        | https://ijdykeman.github.io/ml/2016/12/21/cvae.html

    Logs `loss`, `nll` and `kl`, in nats per example.

    Arguments:
        shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood: as for `VAE`.
        num_classes: the number of classes; `Example.cond` is the class of each example, (B,) int64.

    Raises:
        UserError: an example without its class.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        num_classes: PositiveInt,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        labelled = Labelled(net, num_classes)
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, labelled, likelihood)
        self.num_classes, self.labelled = num_classes, labelled

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        return super().encode(self.labelled.label_input(x, c), c)

    def decode(self, z: Tensor, c: Tensor | None = None, sides: Shape | None = None) -> Distribution:
        return super().decode(self.labelled.label_latent(z, c), c, sides)
