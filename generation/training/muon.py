"""Muon: momentum whose matrices are orthogonalised, for the hidden weights; AdamW for the rest.

After K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). On the
autoencoder of this package it needed about a third of AdamW's steps for the same loss, which is
worth its extra matrix products wherever a step is dear.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

A, B, C = 3.4445, -4.7750, 2.0315  # the quintic of the article


def orthogonalise(matrix: Tensor, iterations: int = 4) -> Tensor:
    """Nearest semi-orthogonal matrices of [..., m, n], by a quintic Newton-Schulz iteration.

    Every step multiplies from the left with a polynomial P of the small side's Gram matrix G. For
    wide matrices only G (to P G P) and the product of the Ps are carried, so that the long side is
    touched twice and not twice a step.
    """
    x = matrix / (matrix.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    gram = x @ x.mT
    if x.shape[-1] < 2 * x.shape[-2]:
        for step in range(iterations):
            gram = x @ x.mT if step else gram
            x = A * x + (B * gram + C * (gram @ gram)) @ x
        return x.mT if tall else x
    total: Tensor | None = None
    for step in range(iterations):
        p = B * gram + C * (gram @ gram)
        p.diagonal(dim1=-2, dim2=-1).add_(A)
        total = p if total is None else p @ total
        if step + 1 < iterations:
            gram = p @ gram @ p
    assert total is not None
    x = total @ x
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
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["average"] = torch.zeros_like(p)

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
                    average = self.state[p]["average"]
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
        self.hidden: dict[str, Tensor] = {}
        self.rest: dict[str, Tensor] = {}
        for name, p in model.named_parameters():
            if p.requires_grad:
                inner = p.ndim >= 2 and not any(part in name for part in outer)
                (self.hidden if inner else self.rest)[name] = p
        self.muon = Muon(self.hidden.values(), muon_rate, decay=decay)
        self.adam = torch.optim.AdamW(
            self.rest.values(), adam_rate, (0.9, 0.99), weight_decay=decay, foreach=True
        )
        for p in self.rest.values():  # so that there is always something to save and load
            self.adam.state[p] = {
                "step": torch.zeros(()),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
            }
        self.full = [muon_rate, adam_rate]

    def rate(self, factor: float) -> None:
        for optimiser, full in zip((self.muon, self.adam), self.full, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = full * factor

    def step(self) -> None:
        """Move the weights and forget the gradients."""
        for optimiser in (self.muon, self.adam):
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def moments(self) -> dict[str, Tensor]:
        """The tensors that a checkpoint keeps, by name."""
        out = {f"muon/{n}": self.muon.state[p]["average"] for n, p in self.hidden.items()}
        for name, p in self.rest.items():
            for key in ("exp_avg", "exp_avg_sq"):
                out[f"adam/{key}/{name}"] = self.adam.state[p][key]
        return out

    def set_steps(self, steps: int) -> None:
        """How many steps were made, for Adam's correction of its first moments."""
        for p in self.rest.values():
            self.adam.state[p]["step"].fill_(steps)
