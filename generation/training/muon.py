"""Muon: momentum whose matrices are orthogonalised, for the hidden weights; AdamW for the rest.

After K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). On the
autoencoder of this package it needed about a third of AdamW's steps for the same loss, which is
worth its extra matrix products wherever a step is dear.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonalise(matrix: Tensor, iterations: int = 4) -> Tensor:
    """Nearest semi-orthogonal matrices of [..., m, n], by a quintic Newton-Schulz iteration."""
    x = matrix / (matrix.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    for _ in range(iterations):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * (gram @ gram)) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """For matrices and convolution kernels (flattened to [out, in x kernel]).

    A kernel with 256 outputs or more feeds a 2x2x2 pixel shuffle here: its eight groups of outputs
    are orthogonalised one by one, which is cheaper and respects what they are.
    """

    def __init__(
        self, parameters: Iterable[Tensor], rate: float, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": rate, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    by_shape.setdefault(p.shape, []).append(p)
            for shape, weights in by_shape.items():
                moves = []
                for p in weights:
                    average = self.state[p].setdefault("average", torch.zeros_like(p))
                    average.lerp_(p.grad, 1 - group["momentum"])
                    moves.append(p.grad.lerp(average, group["momentum"]).reshape(shape[0], -1))
                stack = torch.stack(moves)
                shuffled = len(shape) == 5 and shape[0] >= 256 and shape[0] % 8 == 0
                if shuffled:
                    stack = stack.view(len(weights), shape[0] // 8, 8, -1).transpose(1, 2)
                scale = max(1.0, stack.shape[-2] / stack.shape[-1]) ** 0.5
                stack = orthogonalise(stack)
                if shuffled:
                    stack = stack.transpose(1, 2)
                for p, move in zip(weights, stack.reshape(len(weights), *shape), strict=True):
                    p.mul_(1 - group["lr"] * group["decay"]).sub_(move, alpha=group["lr"] * scale)


class MuonWithAdam:
    """Both optimisers as one; `rate(factor)` scales their learning rates together."""

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        muon_rate: float,
        adam_rate: float,
        decay: float = 0.0,
        outer: tuple[str, ...],
    ) -> None:
        """`outer`: parts of the names of first and last layers, which AdamW trains."""
        hidden, rest = [], []
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            inner = p.ndim >= 2 and not any(part in name for part in outer)
            (hidden if inner else rest).append(p)
        self.optimisers = [
            Muon(hidden, muon_rate, decay=decay),
            torch.optim.AdamW(rest, adam_rate, (0.9, 0.99), weight_decay=decay),
        ]
        self.full = [muon_rate, adam_rate]

    def rate(self, factor: float) -> None:
        for optimiser, full in zip(self.optimisers, self.full, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = full * factor

    def step(self) -> None:
        """Move the weights and forget the gradients."""
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
