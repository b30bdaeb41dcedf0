"""The vector-quantized autoencoder."""

from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.quantized.rvq import RVQ
from aectl.types import Fraction, NonNegativeFloat, PositiveInt, Shape


class VQVAE(RVQ):
    r"""Replaces each vector $z_e(x)$ of the encoder by the nearest code $e$ of a learned codebook.

    .. math:: \mathcal{L}(x) = -\log p(x | z_q(x)) + \beta \, \| z_e(x) - \mathrm{sg}[e] \|_2^2,
        \quad z_q(x) = e_k, \quad k = \arg\min_j \| z_e(x) - e_j \|_2

    The gradient of the decoder passes straight through to the encoder. The codes follow the encoder by moving averages,
    which replace the second term of the paper's loss; dead ones start anew from outputs of the encoder.

    References:
        | Neural Discrete Representation Learning (van den Oord, Vinyals & Kavukcuoglu, 2017), section 3 and
          appendix A.1
        | https://arxiv.org/abs/1711.00937

    Logs `loss` and `nll`, in nats per example, `commitment`, the squared distance of $z_e$ from its code summed over
    the latent, and for every epoch `perplexity` and `used`, see `Quantized`.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`; `latent_dim` is the length of a code.
        num_codes: the codes of the codebook.
        commitment: $\beta$, the weight of the commitment.
        decay: of the moving averages, $\gamma$.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        num_codes: PositiveInt,
        commitment: NonNegativeFloat,
        decay: Fraction,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, num_codes, 1, commitment, decay, net, likelihood)
