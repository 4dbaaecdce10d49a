"""Train on some of the tokens of a clip: most of a picture is sky, and sky is learned soon.

Positions travel with tokens (rotary embeddings of `coords`), so a transformer can be shown any subset
of them. Keeping the cells that actors cover and a random part of the rest makes a step about half as
dear while the loss still sees every actor whole. The last steps of a run should see all tokens, as
drawing does. Random token dropping for diffusion transformers: Zheng et al. 2023, "Fast Training of
Diffusion Models with Masked Transformers"; here without their decoder, and not blindly.
"""

from __future__ import annotations

import torch
from torch import Tensor

from generation.training.conditions import Tokens

PREFERRED = 0.05  # of a cell covered by actors, from which on it is kept
FORGOTTEN = (
    0.1  # share of such cells that are treated like any other, so that no pattern tells them
)


def choose_tokens(covered: Tensor, keep: float) -> Tensor:
    """Indices [B, K] of the tokens to keep, in order; K = keep * S.

    covered: [B, S] share of each token's cell that actors cover. Actors' cells come first, then
    random ones; where actors fill more than K cells, random ones of theirs.
    """
    count = max(1, round(keep * covered.shape[1]))
    chance = torch.rand(covered.shape, device=covered.device)
    liked = (covered > PREFERRED) & (torch.rand_like(chance) > FORGOTTEN)
    return (chance + liked).topk(count, dim=1).indices.sort(dim=1).values


def take(seen: Tokens, text_mask: Tensor, index: Tensor) -> tuple[Tokens, Tensor]:
    """Only these tokens, and the text mask that goes with them (3-D ones have a row per token)."""
    deep = index[..., None]
    channels = seen.hidden.shape[2]
    if text_mask.dim() == 3:
        text_mask = text_mask.gather(1, deep.expand(-1, -1, text_mask.shape[2]))
    return (
        seen._replace(
            hidden=seen.hidden.gather(1, deep.expand(-1, -1, channels)),
            levels=seen.levels if seen.levels.shape[1] == 1 else seen.levels.gather(1, index),
            coords=seen.coords.gather(2, index[:, None].expand(-1, 3, -1)),
            velocity=seen.velocity.gather(1, deep.expand(-1, -1, channels)),
            drawn=seen.drawn.gather(1, index),
            extra=0,  # they may lie anywhere among the kept ones; `drawn` is 0 for them
        ),
        text_mask,
    )
