"""What training gives of a clip is what LTXConditionPipeline gives when it draws."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXConditionPipeline
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from PIL import Image

from generation.engine.text_encoder import load_minilm
from generation.training import conditions
from generation.training.cache import normalise
from generation.training.conditions import Given, Piece, Ratios, give, moments, span_bias, tokens
from generation.training.train_dit import build_dit, cover_weight
from generation.training.train_vae import build_vae

RATIOS, FPS = Ratios(4, 16), 12.0
WIDTH, HEIGHT, FRAMES = 64, 32, 25
T = (FRAMES - 1) // 4 + 1
CELLS = 2 * 4
MODEL = {
    "latent_channels": 8,
    "block_out_channels": [8, 8, 16],
    "decoder_block_out_channels": [8, 16],
    "layers_per_block": [1, 1, 1],
    "decoder_layers_per_block": [1, 1, 1],
    "patch_size": 4,
}


@pytest.fixture(scope="module")
def pipe() -> LTXConditionPipeline:
    torch.manual_seed(0)
    vae = build_vae(MODEL)
    with torch.no_grad():
        vae.encoder.conv_out.conv.bias[-1] = -40.0  # the pipeline samples: make that exact
    encoder, tokenizer = load_minilm()
    return LTXConditionPipeline(
        FlowMatchEulerDiscreteScheduler(),
        vae.eval(),
        encoder,
        tokenizer,
        build_dit({"heads": 1, "layers": 1}, 8, 384).eval(),
    )


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)


@torch.no_grad()
def encoded(pipe: LTXConditionPipeline, frames: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    return normalise(pipe.vae, pipe.vae.encode(x).latent_dist.mode())


def fed(pipe: LTXConditionPipeline, given: list[LTXVideoCondition], noise_scale: float = 0.0):
    """What the transformer gets at every step of a call with these conditions."""
    calls: list[dict[str, Any]] = []
    hook = pipe.transformer.register_forward_pre_hook(
        lambda module, args, kwargs: calls.append(dict(kwargs)),
        with_kwargs=True,
    )
    try:
        pipe(
            conditions=given or None,
            prompt="a red ball",
            width=WIDTH,
            height=HEIGHT,
            num_frames=FRAMES,
            frame_rate=FPS,
            num_inference_steps=2,
            timesteps=[1000.0, 600.0],
            guidance_scale=1.0,
            image_cond_noise_scale=noise_scale,
            generator=torch.Generator().manual_seed(3),
            output_type="latent",
            max_sequence_length=16,
        )
    finally:
        hook.remove()
    return calls


def video(frames: np.ndarray) -> list[Image.Image]:
    return [Image.fromarray(f) for f in frames]


def as_trained(pipe, clip, mode: str) -> tuple[list[LTXVideoCondition], Given]:
    """The same thing given to the pipeline as pictures, and to training as latents."""
    whole = encoded(pipe, clip)
    strength = torch.zeros(1, T)
    if mode == "none":
        return [], Given(whole, strength)
    if mode == "first":
        strength[:, 0] = 1
        return [LTXVideoCondition(image=Image.fromarray(clip[0]), frame_index=0)], Given(
            whole, strength
        )
    if mode == "prefix":
        strength[:, :3] = 1
        return [LTXVideoCondition(video=video(clip[:9]), frame_index=0)], Given(whole, strength)
    if mode == "soft":
        strength[:, :3] = 0.7
        return [LTXVideoCondition(video=video(clip[:9]), frame_index=0, strength=0.7)], Given(
            whole, strength
        )
    if mode == "keyframes":
        pieces = [Piece(encoded(pipe, clip[k : k + 1]), torch.tensor([k])) for k in (8, FRAMES - 1)]
        return [
            LTXVideoCondition(image=Image.fromarray(clip[k]), frame_index=k)
            for k in (8, FRAMES - 1)
        ], Given(whole, strength, pieces)
    tail = encoded(pipe, clip[-13:])
    begins = T - tail.shape[2]
    piece = Piece(tail[:, :, :2], torch.tensor([begins * 4]))
    strength[:, begins + 2 :] = 1
    here = torch.cat([whole[:, :, : begins + 2], tail[:, :, 2:]], 2)
    given = [LTXVideoCondition(video=video(clip[-13:]), frame_index=FRAMES - 13)]
    if mode == "both":
        strength[:, :2] = 1
        given.insert(0, LTXVideoCondition(video=video(clip[:5]), frame_index=0))
    return given, Given(here, strength, [piece])


@pytest.mark.parametrize("mode", ["none", "first", "prefix", "soft", "keyframes", "tail", "both"])
def test_training_feeds_the_transformer_what_the_pipeline_feeds_it(pipe, clip, mode):
    pictures, given = as_trained(pipe, clip, mode)
    first = fed(pipe, pictures)[0]
    shape = (T, HEIGHT // 16, WIDTH // 16)
    extra = first["hidden_states"].shape[1] - T * CELLS
    free = pipe._unpack_latents(first["hidden_states"][:, extra:], *shape, 1, 1)
    held = given.strength.view(1, 1, T, 1, 1)
    noise = torch.where(held == 0, free, (free - held * given.clip) / (1 - held + 1e-9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conditions, "HARD_NOISE", 0.0)
        seen = tokens(given, torch.ones(1), noise, RATIOS, FPS)

    assert seen.extra == extra == CELLS * {"keyframes": 2, "tail": 2, "both": 2}.get(mode, 0)
    assert torch.equal(first["video_coords"], seen.coords)
    assert torch.allclose(
        first["timestep"].expand_as(seen.drawn), (seen.levels * 1000).expand_as(seen.drawn)
    )
    assert torch.allclose(first["hidden_states"], seen.hidden, atol=1e-4)
    assert first["encoder_attention_mask"].shape[1] == 16


def test_soft_conditions_are_noise_and_picture_at_their_strength(pipe, clip):
    pictures, given = as_trained(pipe, clip, "soft")
    start = fed(pipe, pictures)[0]["hidden_states"][:, : 3 * CELLS]
    noise = (start - 0.7 * conditions.pack(given.clip)[:, : 3 * CELLS]) / 0.3

    assert abs(noise.std().item() - 1) < 0.15
    assert abs(noise.mean().item()) < 0.15


def test_given_tokens_get_the_pipelines_own_noise(pipe, clip):
    pictures, given = as_trained(pipe, clip, "both")
    calls = fed(pipe, pictures, noise_scale=0.15)
    for call, t in zip(calls, (1.0, 0.6), strict=True):
        seen = tokens(given, torch.tensor([t]), torch.zeros_like(given.clip), RATIOS, FPS)
        hard = seen.levels[0] == 0
        clean = torch.cat([conditions.pack(p.latents) for p in given.pieces], 1)
        clean = torch.cat([clean, conditions.pack(given.clip)], 1)
        theirs = (call["hidden_states"] - clean)[0, hard].std().item()
        ours = (seen.hidden - clean)[0, hard].std().item()

        assert abs(theirs - 0.15 * t**2) < 0.02
        assert abs(ours - 0.15 * t**2) < 0.02


def test_the_pipeline_moves_exactly_the_tokens_that_are_learned(pipe, clip):
    for mode in ("first", "soft", "both"):
        pictures, given = as_trained(pipe, clip, mode)
        with torch.no_grad():
            pipe.transformer.proj_out.bias.fill_(1.0)
        before, after = (c["hidden_states"] for c in fed(pipe, pictures))
        with torch.no_grad():
            pipe.transformer.proj_out.bias.zero_()
        moved = (before != after).any(-1)

        seen = tokens(given, torch.ones(1), torch.randn_like(given.clip), RATIOS, FPS)

        assert torch.equal(moved, seen.drawn.bool())


def test_every_mode_leaves_something_to_draw_and_gives_what_it_says():
    rng = random.Random(0)
    clip, pictures, tail = (torch.randn(3, 8, n, 2, 4) for n in (7, 7, 4))
    for mode in conditions.MODES * 10:
        given = give(mode, clip, pictures, tail, 4, rng)
        free = given.strength.shape[1] - given.strength.sum(1)

        assert (free >= 1).all(), mode
        assert given.nothing == (mode == "none")
        assert len(given.pieces) == {"keyframes": len(given.pieces), "tail": 1, "both": 1}.get(
            mode, 0
        )
        if mode == "first":
            assert given.strength[:, 0].eq(1).all() and given.strength.sum() == 3
        if mode in ("tail", "both"):
            assert given.strength[:, -2:].eq(1).all()
            assert torch.equal(given.clip[:, :, -2:], tail[:, :, 2:])
            assert torch.equal(given.pieces[0].latents, tail[:, :, :2])
            assert given.pieces[0].at.tolist() == [12, 12, 12]
        if mode == "keyframes":
            for piece in given.pieces:
                for row, at in enumerate(piece.at.tolist()):
                    assert torch.equal(piece.latents[row, :, 0], pictures[row, :, at // 4])


def test_a_mode_that_a_clip_is_too_short_for_is_not_possible():
    assert conditions.possible("none", 1, False, 0)
    for mode in conditions.MODES[1:]:
        assert not conditions.possible(mode, 1, False, 0)
    assert not conditions.possible("both", 4, True, 3)
    assert conditions.possible("tail", 4, True, 3)


def test_each_latent_frame_reads_the_caption_of_its_own_span():
    masks = [torch.tensor([[True, True, False]]), torch.tensor([[True, False, False]])]
    starts = torch.tensor([[0.0, 1.0]])

    bias = span_bias(masks, starts, T, CELLS, extra=CELLS, ratio=4, fps=FPS)

    reads = bias[0] == 0
    assert bias.shape == (1, CELLS + T * CELLS, 6)
    assert reads[:CELLS].tolist() == [[True, True, False, False, False, False]] * CELLS
    for step, moment in enumerate(moments(T, 4, FPS).tolist()):
        row = reads[CELLS + step * CELLS].tolist()
        second = moment >= 1.0
        assert row == ([False] * 3 + [True, False, False] if second else [True, True] + [False] * 4)


def test_cells_that_actors_cover_count_more_and_the_mean_is_one():
    cover = torch.zeros(2, 1, 4, 4)
    cover[:, :, 1, 1] = 1.0

    weight = cover_weight(cover, 3.0)

    assert isinstance(weight, torch.Tensor)
    assert abs(weight.mean().item() - 1) < 1e-6
    assert torch.allclose(weight[:, :, 1, 1] / weight[:, :, 0, 0], torch.tensor(4.0))
    assert cover_weight(None, 3.0) == 1.0 and cover_weight(cover, 0.0) == 1.0
