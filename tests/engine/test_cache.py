"""The latent and text cache: what a shard holds, and that no interruption spoils it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLLTXVideo
from safetensors.torch import load_file

from generation.training import cache, train_vae
from generation.training.cache import CacheBuilder, Encoder, TextStates, read_shard
from generation.training.config import RunConfig, RunError
from generation.training.corpus.build import main as corpus
from generation.training.corpus.rendered import scene_of
from tests.engine.corpus_files import HEIGHT, WIDTH, pan, write

RUN = """
[run]
work = "{work}"
device = "cpu"
threads = 1
bf16 = false

[vae.model]
latent_channels = 16
block_out_channels = [16, 16, 32]
decoder_block_out_channels = [16, 32]
layers_per_block = [1, 1, 1]
decoder_layers_per_block = [1, 1, 1]
patch_size = 4

[corpus]
licences = ["CC0-1.0", "LicenseRef-*"]

[cache]
tokens = 48
keep_pixels = true
long_share = 0.4
"""
GROUP = """
[[cache.groups]]
name = "{name}"
frames = {frames}
height = {height}
width = {width}
fps = 12.0
wordings = {wordings}
mirror = true
per_shard = {per_shard}
shards = {shards}
after = 0.0
{more}
"""


def group(name: str, frames: int, width: int, height: int, more: str = "", **changes: int) -> str:
    values = {"wordings": 2, "per_shard": 6, "shards": 2, **changes}
    return GROUP.format(name=name, frames=frames, width=width, height=height, more=more, **values)


GROUPS = group("frames", 1, 64, 32) + group("tall", 1, 32, 64) + group("short", 17, 64, 32)


def run_in(work: Path, groups: str = GROUPS) -> RunConfig:
    """A run in a folder, with an untrained autoencoder of the shipped geometry."""
    from generation.training.config import read_run

    work.mkdir(exist_ok=True)
    path = work / "run.toml"
    path.write_text(RUN.format(work=work) + groups)
    run = read_run(path)
    if not (work / "vae").exists():
        torch.manual_seed(0)
        train_vae.build_vae(run["vae"]["model"]).save_pretrained(work / "vae")
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunConfig:
    run = run_in(tmp_path_factory.mktemp("cache") / "work")
    for name in ("frames", "tall", "short"):
        CacheBuilder(run).grow(name)
    return run


def shard_of(run: RunConfig, name: str, number: int = 0) -> dict:
    return read_shard(run.work / "cache" / name / f"{number:05}.latents.safetensors")


@pytest.mark.parametrize(
    ("name", "shape"), [("frames", (6, 16, 1, 2, 4)), ("tall", (6, 16, 1, 4, 2))]
)
def test_single_frames_of_any_size_have_latents_cover_and_words(run, name, shape):
    shard = shard_of(run, name)
    assert shard["latents"].shape == shard["mirrored"].shape == shape
    assert shard["latents"].dtype == torch.float16
    assert shard["cover"].shape == (shape[0], *shape[2:])
    assert shard["cover"].min() >= 0 and 0.05 < shard["cover"].max() <= 1
    assert shard["states"].shape == (6, 2, 48, 384)
    assert not {"frames_latents", "tail_latents", "states2", "then"} & set(shard)


def test_clips_have_pictures_and_a_tail_encoded_on_their_own(run):
    shard = shard_of(run, "short")
    assert shard["latents"].shape == (6, 16, 5, 2, 4)
    assert shard["frames_latents"].shape == shard["mirrored_frames_latents"].shape
    assert shard["frames_latents"].shape == (6, 16, 5, 2, 4)
    assert shard["tail_latents"].shape == shard["mirrored_tail_latents"].shape == (6, 16, 3, 2, 4)
    assert shard["cover"].shape == shard["mirrored_cover"].shape == (6, 5, 2, 4)


def test_every_latent_is_what_the_autoencoder_makes_of_those_frames(run):
    shard = shard_of(run, "short")
    pixels = np.load(run.work / "cache" / "short" / "00000.pixels.npy")
    x = torch.from_numpy(pixels[2:3]).float() / 127.5 - 1
    vae = AutoencoderKLLTXVideo.from_pretrained(run.work / "vae").eval()
    encode = Encoder(vae, bf16=False).clip
    with torch.no_grad():
        wanted = {
            "latents": encode(x),
            "mirrored": encode(x.flip(-1)),
            "tail_latents": encode(x[:, :, -9:]),
            "mirrored_tail_latents": encode(x.flip(-1)[:, :, -9:]),
        }
        pictures = [encode(x[:, :, k : k + 1]) for k in (0, 4, 8, 12, 16)]
        flipped = [encode(x.flip(-1)[:, :, k : k + 1]) for k in (0, 4, 8, 12, 16)]
    wanted["frames_latents"] = torch.cat(pictures, 2)
    wanted["mirrored_frames_latents"] = torch.cat(flipped, 2)
    for name, latents in wanted.items():
        assert torch.allclose(shard[name][2:3].float(), latents.float(), atol=5e-3), name


def test_mirrored_cover_is_the_cover_mirrored(run):
    shard = shard_of(run, "short")
    assert torch.equal(shard["mirrored_cover"], shard["cover"].flip(-1))


def test_cover_lies_where_the_actors_are(run):
    """The pixels that actors change stand out from the same scene's mean colour."""
    from generation.training import world

    scene, rng = scene_of("frames/0")
    start = rng.uniform(0.0, cache.SCENE_SECONDS - 1 / 12)
    exact = world.cover(scene, frames=1, height=32, width=64, fps=12.0, start=start)
    cells = exact.view(1, 2, 16, 4, 16).mean((2, 4))
    assert torch.allclose(shard_of(run, "frames")["cover"][0].float(), cells, atol=0.06)


def test_states_are_those_of_the_captions(run):
    shard = shard_of(run, "frames")
    text = TextStates(48)
    pixels = cache.rendered_sample(
        "frames/3", CacheBuilder(run).groups["frames"], (1, 2, 4), 0.4, "cpu"
    )
    states, mask = text(pixels.wordings)
    assert torch.equal(shard["mask"][3], mask)
    stored, made = shard["states"][3].float(), (states * mask[..., None]).float()
    assert stored.shape == made.shape
    assert torch.allclose(stored, made, atol=0.03)


def test_packed_states_are_indexed_like_the_tensor_they_stand_for(run):
    states = shard_of(run, "frames")["states"]
    dense = torch.stack([torch.stack([states[k, w] for w in range(2)]) for k in range(6)])
    assert states.shape == dense.shape
    assert torch.equal(states[:4, 0], dense[:4, 0])
    assert torch.equal(states[3], dense[3])
    assert torch.equal(states[torch.tensor([5, 1]), 1], dense[[5, 1], 1])


def test_only_real_tokens_are_stored(run):
    shard, path = shard_of(run, "frames"), run.work / "cache" / "frames"
    stored = load_file(path / "00000.text.safetensors")["rows"]
    both = int(shard["mask"].sum() + shard["mirrored_mask"].sum())
    assert int(shard["mask"].sum()) <= len(stored) < both < 2 * 6 * 2 * 48


def test_a_clip_with_two_motions_shows_the_change_and_tells_both(tmp_path):
    """In a group whose first scene has an actor that does something else later."""
    name = next(f"g{n}" for n in range(200) if scene_of(f"g{n}/0")[0].then)
    run = run_in(tmp_path / "work", group(name, 17, 64, 32, per_shard=4))
    CacheBuilder(run).grow(name)
    shard = shard_of(run, name)
    assert 0.25 < shard["then"][0] < 17 / 12 - 0.25
    assert shard["mask1"][0].any(-1).all() and shard["mask2"][0].any(-1).all()
    assert not torch.equal(shard["states1"][0], shard["states2"][0])
    others = [k for k in range(4) if not scene_of(f"{name}/{k}")[0].then]
    assert not shard["mask2"][others].any() and shard["then"][others].isinf().all()
    assert torch.equal(shard["states1"][others], shard["states"][others])


def test_the_same_shard_is_made_twice_alike(run, tmp_path):
    again = run_in(tmp_path / "work", GROUPS)
    CacheBuilder(again).grow("frames")
    one, two = shard_of(run, "frames"), shard_of(again, "frames")
    assert torch.equal(one["latents"], two["latents"])
    assert torch.equal(one["states"][:], two["states"][:])


def test_growing_goes_on_until_all_shards_are_there(tmp_path):
    run = run_in(tmp_path / "work", group("frames", 1, 64, 32, per_shard=2, shards=2))
    folder = run.work / "cache" / "frames"
    builder = CacheBuilder(run)
    for there in (1, 2, 2):
        builder.grow("frames")
        assert len(list(folder.glob("*.latents.safetensors"))) == there
    assert not torch.equal(
        shard_of(run, "frames", 0)["latents"], shard_of(run, "frames", 1)["latents"]
    )


def test_pixels_can_be_drawn_before_there_is_an_autoencoder(tmp_path):
    run = run_in(tmp_path / "work", group("frames", 1, 64, 32, per_shard=2, shards=2))
    (run.work / "vae" / "config.json").rename(run.work / "config.json")
    cache.main([str(run.work / "run.toml"), "pixels"])
    folder = run.work / "cache" / "frames"
    assert len(list(folder.glob("*.pixels.npy"))) == 2
    with pytest.raises(RunError, match="Train it first"):
        CacheBuilder(run).grow("frames")
    (run.work / "config.json").rename(run.work / "vae" / "config.json")
    drawn = (folder / "00000.pixels.npy").stat().st_mtime_ns
    cache.main([str(run.work / "run.toml")])
    assert (folder / "00000.pixels.npy").stat().st_mtime_ns == drawn
    assert len(list(folder.glob("*.latents.safetensors"))) == 2


@pytest.mark.parametrize("moment", ["text.safetensors", "pixels.npy", "latents.safetensors"])
def test_a_run_killed_while_writing_leaves_only_part_files_and_goes_on(tmp_path, moment):
    run = run_in(tmp_path / "work", group("frames", 1, 64, 32, per_shard=2, shards=1))
    folder = run.work / "cache" / "frames"
    code = (
        "import os, signal, sys; from generation.training import cache\n"
        "replace = os.replace\n"
        f"def kill(a, b): os.kill(os.getpid(), signal.SIGKILL) if str(b).endswith('{moment}') "
        "else replace(a, b)\n"
        "os.replace = kill; cache.main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, str(run.work / "run.toml")]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not list(folder.glob(f"*.{moment}"))
    (part,) = folder.glob("*.part")
    os.utime(part, (0, 0))  # long ago

    CacheBuilder(run).grow("frames")

    names = {p.name for p in folder.iterdir()}
    whole = {f"00000.{kind}" for kind in ("text.safetensors", "pixels.npy", "latents.safetensors")}
    assert names == {*whole, "made_with.json"}
    assert shard_of(run, "frames")["latents"].isfinite().all()


def test_a_torn_shard_is_named(tmp_path, run):
    source = run.work / "cache" / "frames"
    for name in ("00000.text.safetensors", "00000.latents.safetensors"):
        (tmp_path / name).write_bytes((source / name).read_bytes()[:-100])
    with pytest.raises(RunError, match=r"00000\.latents.*training\.cache"):
        read_shard(tmp_path / "00000.latents.safetensors")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tokens = 48", "tokens = 40", "tokens = 48"),
        ("width = 64", "width = 80", "width = 64"),
        ("frames = 1\n", "frames = 5\n", "frames = 1"),
    ],
)
def test_shards_of_different_settings_do_not_mix(tmp_path, old, new, said):
    run = run_in(tmp_path / "work", group("frames", 1, 64, 32, per_shard=2))
    CacheBuilder(run).grow("frames")
    path = run.work / "run.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RunError, match=said):
        cache.main([str(path)])


def test_latents_of_another_autoencoder_are_not_added_to(tmp_path):
    run = run_in(tmp_path / "work", group("frames", 1, 64, 32, per_shard=2))
    CacheBuilder(run).grow("frames")
    torch.manual_seed(1)
    train_vae.build_vae(run["vae"]["model"]).save_pretrained(run.work / "vae")
    with pytest.raises(RunError, match="another autoencoder"):
        CacheBuilder(run).grow("frames")


def test_a_better_decoder_leaves_the_cache_valid(tmp_path):
    run = run_in(tmp_path / "work", group("frames", 1, 64, 32, per_shard=2))
    CacheBuilder(run).grow("frames")
    vae = AutoencoderKLLTXVideo.from_pretrained(run.work / "vae")
    torch.nn.init.zeros_(vae.decoder.conv_out.conv.weight)
    vae.save_pretrained(run.work / "vae")
    CacheBuilder(run).grow("frames")
    assert len(list((run.work / "cache" / "frames").glob("*.latents.safetensors"))) == 2


def test_a_cache_of_an_earlier_version_is_refused(tmp_path):
    run = run_in(tmp_path / "work", group("frames", 1, 64, 32, per_shard=2))
    folder = run.work / "cache" / "frames"
    folder.mkdir(parents=True)
    (folder / "00000.latents.safetensors").write_bytes(b"old")
    with pytest.raises(RunError, match="earlier version"):
        CacheBuilder(run).grow("frames")


@pytest.mark.parametrize(("frames", "width"), [(16, 64), (17, 60)])
def test_a_size_that_does_not_fit_the_autoencoder_is_refused(tmp_path, frames, width):
    run = run_in(tmp_path / "work", group("odd", frames, width, 32))
    with pytest.raises(RunError, match=r"cache group odd.*multiples of 16"):
        CacheBuilder(run).grow("odd")


def test_an_unknown_group_is_named(run):
    with pytest.raises(RunError, match="no cache group huge: there are frames"):
        cache.main([str(run.work / "run.toml"), "huge"])


# Real clips


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> Path:
    """A corpus of three wide clips, a tall one, one too short and one of the renderer."""
    root = tmp_path_factory.mktemp("footage")
    fields = {"source": "public", "licence": "CC0-1.0", "origin": "x", "shows_people": False}
    lines = []
    for number in range(3):
        write(root / f"{number}.mp4", pan(number, 60))
        lines.append({"id": f"wide{number}", "path": f"{number}.mp4", "short": "shapes move left"})
    write(root / "tall.mp4", [f[:, :96] for f in pan(4, 60)])
    lines.append({"id": "tall", "path": "tall.mp4", "short": "shapes", "long": "many shapes move"})
    write(root / "brief.mp4", pan(5, 30))
    lines.append({"id": "brief", "path": "brief.mp4", "short": "shapes move"})
    (root / "source.jsonl").write_text("\n".join(json.dumps({**fields, **x}) for x in lines))
    run = run_in(root / "work")
    out = str(run.work / "corpus")
    corpus(["build", str(root / "source.jsonl"), "--out", out, "--run", str(run.work / "run.toml")])
    return root


REAL = 'manifest = "corpus/manifest.jsonl"'
REAL_GROUPS = group("wide", 17, 64, 32, REAL, per_shard=2) + group("tall", 17, 32, 64, REAL)


def test_real_clips_go_to_the_group_of_their_shape(footage):
    run = run_in(footage / "work", REAL_GROUPS)
    cache.main([str(run.work / "run.toml")])
    assert [len(shard_of(run, "wide", k)["latents"]) for k in (0, 1)] == [2, 1]
    tall = shard_of(run, "tall")
    assert tall["latents"].shape == (1, 16, 5, 4, 2)
    assert not tall["cover"].any() and not tall["mask2"].any()
    assert tall["frames_latents"].shape == (1, 16, 5, 4, 2)


def test_real_pixels_are_those_of_the_file(footage):
    run = run_in(footage / "work", REAL_GROUPS)
    CacheBuilder(run).make("wide", 0)
    pixels = np.load(run.work / "cache" / "wide" / "00000.pixels.npy")[0]
    wide = pan(0, 60)[0][(HEIGHT - WIDTH // 2) // 2 :][: WIDTH // 2]
    small = wide.reshape(32, 4, 64, 4, 3).mean((1, 3))
    near = [
        np.abs(pixels[:, 0].transpose(1, 2, 0) - np.roll(small, -k, 1))[:, :48] for k in range(16)
    ]
    assert min(d.mean() for d in near) < 12


def test_mirrored_captions_of_real_clips_swap_sides(footage):
    run = run_in(footage / "work", REAL_GROUPS)
    CacheBuilder(run).make("wide", 0)
    shard = shard_of(run, "wide")
    other, mask = TextStates(48)(["shapes move right"])
    assert torch.allclose(
        shard["mirrored_states"][0, 0].float(), (other * mask[..., None])[0].float(), atol=0.03
    )


def test_a_clip_that_has_gone_is_left_out_and_said(footage, tmp_path, capsys):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(footage, copy)
    run = run_in(copy / "work", REAL_GROUPS)
    shutil.rmtree(run.work / "cache", ignore_errors=True)
    text = (copy / "work" / "run.toml").read_text().replace(str(footage), str(copy))
    (copy / "work" / "run.toml").write_text(text)
    (copy / "0.mp4").unlink()
    CacheBuilder(run).make("wide", 0)
    assert len(shard_of(run, "wide")["latents"]) == 1
    assert "1 clips left out: missing file" in capsys.readouterr().out
    (copy / "1.mp4").write_bytes(b"")
    shutil.rmtree(run.work / "cache")
    with pytest.raises(RunError, match="no clip of shard 0 can be read"):
        CacheBuilder(run).make("wide", 0)


def test_a_manifest_without_a_clip_long_enough_is_named(footage):
    run = run_in(footage / "work", group("long", 97, 64, 32, REAL))
    with pytest.raises(RunError, match=r"cache group long: no clip of .*manifest\.jsonl is 8\.1 s"):
        CacheBuilder(run).grow("long")


def test_rendered_items_of_a_manifest_are_cached_like_real_ones(tmp_path):
    run = run_in(tmp_path / "work", group("world", 17, 64, 32, REAL, per_shard=4))
    run_path = str(run.work / "run.toml")
    corpus(["build", "world:4", "--out", str(run.work / "corpus"), "--run", run_path])
    CacheBuilder(run).grow("world")
    shard = shard_of(run, "world")
    assert 1 <= len(shard["latents"]) <= 4
    assert shard["cover"].max() > 0.05


def test_a_seed_draws_the_same_scene_everywhere():
    assert scene_of("world/3")[0] == scene_of("world/3")[0] != scene_of("world/4")[0]
    assert isinstance(scene_of("world/3")[1], random.Random)


def test_a_run_may_keep_to_some_objects():
    few = {"ball", "boat"}
    seen = {a.object for k in range(60) for a in scene_of(f"frames/{k}", few)[0].actors}
    assert seen == few
    assert scene_of("frames/1", few)[0] == scene_of("frames/1", few)[0]


def test_the_shards_of_such_a_run_show_nothing_else(run, tmp_path):
    run = run_in(tmp_path / "work", group("frames", 1, 64, 32, per_shard=6))
    run.tables["cache"]["objects"] = ["balloon"]
    CacheBuilder(run).make("frames", 0, pixels_only=True)
    stored = read_shard(run.work / "cache" / "frames" / "00000.text.safetensors")
    shown = scene_of("frames/3", ["balloon"])[0]
    assert shown.object == "balloon"
    pixels = cache.rendered_sample(
        "frames/3", CacheBuilder(run).groups["frames"], (1, 4, 2), 0.4, "cpu", ["balloon"]
    )
    assert torch.equal(stored["mask"][3], TextStates(48)(pixels.wordings)[1])


def test_an_object_nobody_draws_is_named(run):
    run.tables["cache"]["objects"] = ["ball", "dragon"]
    with pytest.raises(RunError, match=r"objects has 'dragon', which is not drawn; what is: ball"):
        CacheBuilder(run)
    del run.tables["cache"]["objects"]
