"""Training on some of the tokens: which are kept, and that what is kept stays what it was."""

from __future__ import annotations

from random import Random

import torch

from generation.training.conditions import Ratios, give, tokens
from generation.training.thinning import choose_tokens, take
from generation.training.train_dit import Batch, Flow, build_dit

RATIOS = Ratios(4, 16)
FPS = 12.0


def a_batch(*, frames: int = 4) -> Batch:
    torch.manual_seed(3)
    latents = torch.randn(2, 8, frames, 3, 5)
    cover = torch.zeros(2, frames, 3, 5)
    cover[:, :, 1, 2] = 0.9
    text, mask = torch.randn(2, 8, 16), torch.ones(2, 8, dtype=torch.bool)
    return Batch(latents, text, mask, cover=cover)


def test_cells_that_actors_cover_are_nearly_always_kept() -> None:
    torch.manual_seed(0)
    covered = torch.zeros(200, 60)
    covered[:, 17] = 0.5
    index = choose_tokens(covered, 0.5)
    assert index.shape == (200, 30)
    assert (index == 17).any(1).float().mean() > 0.9


def test_every_other_cell_is_kept_about_as_often_as_the_share_says() -> None:
    torch.manual_seed(0)
    index = choose_tokens(torch.zeros(2000, 20), 0.5)
    times = torch.bincount(index.flatten(), minlength=20) / 2000
    assert times.min() > 0.45 and times.max() < 0.55


def test_no_cell_is_kept_twice_and_their_order_stays() -> None:
    index = choose_tokens(torch.rand(8, 40), 0.3)
    assert (index.diff(dim=1) > 0).all()


def test_kept_tokens_carry_their_own_position_level_text_and_target() -> None:
    batch = a_batch()
    given = give("first", batch.latents, None, None, 4, Random(0))
    seen = tokens(given, torch.tensor([0.4, 0.8]), torch.randn_like(batch.latents), RATIOS, FPS)
    index = choose_tokens(batch.cover.flatten(1), 0.4)
    bias = torch.randn(2, seen.hidden.shape[1], 8)
    thin, thin_bias = take(seen, bias, index)
    for row in range(2):
        picked = index[row]
        assert torch.equal(thin.hidden[row], seen.hidden[row, picked])
        assert torch.equal(thin.coords[row], seen.coords[row][:, picked])
        assert torch.equal(thin.levels[row], seen.levels[row, picked])
        assert torch.equal(thin.velocity[row], seen.velocity[row, picked])
        assert torch.equal(thin_bias[row], bias[row, picked])


def test_keeping_all_tokens_gives_the_loss_of_the_whole_clip() -> None:
    batch = a_batch()
    dit = build_dit({"heads": 1, "layers": 1}, 8, 16)
    torch.nn.init.normal_(dit.proj_out.weight, std=0.1)
    given = give("none", batch.latents, None, None, 4, Random(0))
    t, noise = torch.tensor([0.3, 0.7]), torch.randn_like(batch.latents)
    whole = Flow(RATIOS, FPS, 3.0).loss(dit, batch, given, t, noise)
    thin = Flow(RATIOS, FPS, 3.0, keep=0.9999).loss(dit, batch, given, t, noise)
    assert torch.allclose(whole, thin, atol=1e-5)


def test_given_pictures_may_be_shown_and_are_never_learned() -> None:
    batch = a_batch()
    pictures = torch.randn_like(batch.latents)
    given = give("keyframes", batch.latents, pictures, None, 4, Random(1))
    assert given.pieces
    dit = build_dit({"heads": 1, "layers": 1}, 8, 16)
    t, noise = torch.tensor([0.3, 0.7]), torch.randn_like(batch.latents)
    whole = Flow(RATIOS, FPS, 0.0).loss(dit, batch, given, t, noise)
    thin = Flow(RATIOS, FPS, 0.0, keep=0.9999).loss(dit, batch, given, t, noise)
    # An untrained output layer says 0, so both are the mean square of the clip's own targets.
    assert torch.allclose(whole, thin, atol=1e-5)
