"""A transformer over a sequence of tokens. Knows only torch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Cache = list[Tensor]
"""The keys and values of the positions so far, (2, B, heads, S, features / heads), one tensor a block."""


class Transformer(nn.Module):
    r"""Blocks of attention and dense layers, normalized first: each position sees all, or those before it and itself.

    .. math:: h \leftarrow h + \mathrm{attention}(\mathrm{norm}(h)), \quad
        h \leftarrow h + \mathrm{mlp}(\mathrm{norm}(h))

    References:
        | Attention Is All You Need (Vaswani et al., 2017), https://arxiv.org/abs/1706.03762
        | Language Models are Unsupervised Multitask Learners (Radford et al., 2019), section 2.3, for the order of the
          layers, https://openai.com/research/better-language-models

    Arguments:
        features: the width.
        layers: the number of blocks.
        heads: of the attention; they divide the width.
        dropout: the share of values that training leaves out.
        causal: whether a position sees only those before it and itself.
    """

    def __init__(self, features: int, layers: int, heads: int, dropout: float = 0.0, causal: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(features, heads, dropout, causal) for _ in range(layers))
        self.norm = nn.LayerNorm(features)

    def forward(self, h: Tensor, cache: Cache | None = None) -> Tensor:
        """(B, S, features) to the same; with a cache, which grows, the positions that follow those in it."""
        for index, block in enumerate(self.blocks):
            h = block(h, index, cache)
        return self.norm(h)


class Block(nn.Module):
    """Self-attention, then a dense layer four times as wide; both are added to their input."""

    def __init__(self, features: int, heads: int, dropout: float, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.norms = nn.ModuleList([nn.LayerNorm(features), nn.LayerNorm(features)])
        self.qkv, self.out = nn.Linear(features, 3 * features), nn.Linear(features, features)
        self.mlp = nn.Sequential(nn.Linear(features, 4 * features), nn.GELU(), nn.Linear(4 * features, features))
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, index: int = 0, cache: Cache | None = None) -> Tensor:
        h = h + self.dropout(self.attend(self.norms[0](h), index, cache))
        return h + self.dropout(self.mlp(self.norms[1](h)))

    def attend(self, h: Tensor, index: int, cache: Cache | None) -> Tensor:
        q, *kv = self.qkv(h).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, heads, S, F / heads) each
        past = torch.stack(kv)
        if cache is not None:
            past = torch.cat([*cache[index : index + 1], past], 3)
            cache[index : index + 1] = [past]
        mixed = F.scaled_dot_product_attention(q, past[0], past[1], is_causal=self.causal and cache is None)
        return self.out(mixed.transpose(1, 2).flatten(2))
