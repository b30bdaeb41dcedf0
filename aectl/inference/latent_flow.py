"""A normalizing flow fitted to latents: a Gaussian with their covariance, bent by invertible functions."""

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor

from aectl.inference.kernel_density import root_covariance
from aectl.models.probability.flows import spline_flow

TRANSFORMS = 3
HIDDEN = [64, 64]
STEPS = 600
BATCH = 256
RATE = 5e-3
EVERY = 25
"""Steps from one look at the held-out latents to the next."""
PATIENCE = 4
"""Looks without an improvement after which the fit ends."""
HELD_OUT = 0.1
"""Of the latents, which choose the step whose weights are kept."""


class LatentFlow(NamedTuple):
    r"""The density of $z = m + R f^{-1}(u)$, $u \sim \mathcal{N}(0, I)$.

    .. math:: \log p(z) = \log \mathcal{N}(f(w); 0, I) + \log \left| \det \frac{\partial f}{\partial w} \right|
        - \log |\det R|, \quad w = R^{-1} (z - m)

    Arguments:
        flow: of zuko, f; None where the latents do not vary.
        mean: of the latents, m, (D,).
        root: R with their covariance $R R^T$, (D, rank).
    """

    flow: Any
    mean: Tensor
    root: Tensor

    def whiten(self, z: Tensor) -> Tensor:
        """Latents (N, D) to w, (N, rank)."""
        return (z - self.mean) @ torch.linalg.pinv(self.root).T

    def log_prob(self, z: Tensor) -> Tensor:
        """log p of latents (N, D) in the directions in which they vary, (N,) nats."""
        return self.flow().log_prob(self.whiten(z)) - 0.5 * torch.linalg.slogdet(self.root.T @ self.root)[1]

    def sample(self, n: int, temperature: float = 1.0) -> Tensor:
        """New latents (n, D); `temperature` multiplies the standard deviation of the Gaussian that is bent."""
        if self.flow is None:
            return self.mean.expand(n, -1)
        u = temperature * torch.randn(n, self.root.shape[1])
        return self.mean + self.flow().transform.inv(u) @ self.root.T


def fit_flow(codes: Tensor, steps: int = STEPS) -> LatentFlow:
    """The flow under which latents (N, D) are the most likely, stopped where held-out ones are.

    References:
        | Density Estimation Using Real NVP (Dinh, Sohl-Dickstein & Bengio, 2017), section 3, with splines
        | https://arxiv.org/abs/1605.08803

    Arguments:
        codes: the latents.
        steps: of the training, at most.

    Raises:
        UserError: the package zuko is not installed.
    """
    with torch.inference_mode(False), torch.enable_grad():
        codes = codes.clone()
        found = LatentFlow(None, codes.mean(0), root_covariance(codes))
        rank = found.root.shape[1]
        if not rank:
            return found
        flow = spline_flow(rank, 0, TRANSFORMS, HIDDEN, "sampler=flow")
        train(flow, found.whiten(codes)[torch.randperm(len(codes))], steps)
        return found._replace(flow=flow.requires_grad_(False))


def train(flow: Any, white: Tensor, steps: int) -> None:
    """Trains a flow on white latents (N, D) in random order, and keeps the weights that are best for held-out ones."""
    n = round(HELD_OUT * len(white))
    held_out, kept = (white[:n], white[n:]) if n else (white, white)
    optimizer = torch.optim.Adam(flow.parameters(), RATE)
    best, chosen, since = float("inf"), copy.deepcopy(flow.state_dict()), 0
    for step in range(steps):
        if step % EVERY == 0:
            with torch.no_grad():
                nll = -float(flow().log_prob(held_out).mean())
            if nll < best:
                best, chosen, since = nll, copy.deepcopy(flow.state_dict()), 0
            elif (since := since + 1) == PATIENCE:
                break
        loss = -flow().log_prob(kept[torch.randint(len(kept), (BATCH,))]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    flow.load_state_dict(chosen)
