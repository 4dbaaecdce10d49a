"""Begin the autoencoder at the best linear code instead of at random.

Principal components of blocks of 16x16 pixels and 4 frames already reach what a small convolutional
autoencoder reaches after hours on a processor (docs/experiments.md), and AutoencoderKLLTXVideo can
compute them exactly: its convolutions at their middle tap, its residual blocks at zero, its shuffles
as they are. The one obstacle is the normalisation before each last convolution, which takes the
amplitude away. A few channels that the last residual block sets to a large constant keep its divisor
constant, and what is small against that constant passes SiLU nearly as a straight line.

Training then only has to add what a linear code can't do: edges across blocks, motion, sharpness.
Shapes: a patch is what the encoder's first step makes of 4x4 pixels, a block 2x2x2 of what is below it.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLLTXVideo
from torch import Tensor, nn

CONSTANT = 1e5  # of the channels that hold the norm; signals are about 10
HELD = 16  # channels given to that constant
UNIT = 2.0  # pixels' units in one unit of the latents, large against the noise of the posterior
RIDGE = 1e-6  # of the mean square, when a last convolution is fitted


@torch.no_grad()
def start_linear(vae: AutoencoderKLLTXVideo, clips: Tensor, weight: Tensor | None = None) -> None:
    """Set all weights of a fresh autoencoder of two halvings by the clips [n, 3, frames, h, w].

    weight: [n, frames, h, w], how much a pixel counts (actors more). Raises ValueError for an
    autoencoder of another build.
    """
    encoder, decoder = vae.encoder, vae.decoder
    if len(encoder.down_blocks) != 2 or len(decoder.up_blocks) != 2:
        raise ValueError("A linear start is for autoencoders with two halvings of space and time.")
    patch = decoder.conv_out.conv.out_channels
    if decoder.conv_out.conv.in_channels < patch + HELD:
        raise ValueError(
            f"A linear start needs {patch + HELD} channels before the decoder's last convolution: "
            f"make the first of decoder_block_out_channels {2 * (patch + HELD)}."
        )
    for module in vae.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    patches = _patched(clips, vae.config.patch_size)
    targets, code, mean = _components(patches, weight, vae)
    _set_encoder(vae, clips, targets)
    _set_decoder(vae, code, mean, patches, targets)


def _components(
    patches: Tensor, weight: Tensor | None, vae: AutoencoderKLLTXVideo
) -> tuple[Tensor, Tensor, Tensor]:
    """Latents the encoder should say [n, c, t, rows, columns], the basis [size, c], the mean [size]."""
    size = vae.config.patch_size
    total, mean, second = 0.0, torch.zeros(()), torch.zeros(())
    for k in range(len(patches)):  # one clip at a time: a block has thousands of numbers
        rows = _rows(_unshuffled(_unshuffled(patches[k : k + 1])))
        share = torch.ones(len(rows), 1)
        if weight is not None:
            counts = _patched(weight[k : k + 1, None], size)
            share = _rows(_unshuffled(_unshuffled(counts))).mean(1, keepdim=True)
        total += float(share.sum())
        mean = mean + (share * rows).sum(0).double()
        second = second + ((share * rows).T @ rows).double()
    mean = mean / total
    covariance = second / total - torch.outer(mean, mean)
    code = torch.linalg.eigh(covariance.float())[1].flip(1)[:, : vae.config.latent_channels]
    mean = mean.float()
    latents = [
        (_unshuffled(_unshuffled(clip[None])).movedim(1, -1) - mean) @ code / UNIT
        for clip in patches
    ]
    return torch.cat(latents).movedim(-1, 1), code, mean


def _set_encoder(vae: AutoencoderKLLTXVideo, clips: Tensor, targets: Tensor) -> None:
    encoder = vae.encoder
    patches = _patched(clips, vae.config.patch_size)
    _middle(encoder.conv_in, _principal(patches, encoder.conv_in.conv.out_channels), causal=True)
    hidden = encoder.conv_in(patches)
    for number, block in enumerate(encoder.down_blocks):
        down = block.downsamplers[0]
        free = down.conv.conv.out_channels
        if number + 1 == len(encoder.down_blocks):
            free -= HELD // 8  # their eight places each get the constant
        _middle(down.conv, _principal(hidden, free), causal=True)
        hidden = block(hidden)
    last = encoder.mid_block.resnets[-1]
    last.conv2.conv.bias[-HELD:] = CONSTANT
    hidden = encoder.mid_block(hidden)
    _fit_last(encoder, hidden, targets, causal=True)


def _set_decoder(
    vae: AutoencoderKLLTXVideo, code: Tensor, mean: Tensor, patches: Tensor, targets: Tensor
) -> None:
    decoder = vae.decoder
    channels = code.shape[1]
    _middle(decoder.conv_in, torch.eye(channels), causal=False)
    # What a block of two levels is to its eight parts, in components of the parts.
    first, second = (block.upsamplers[0] for block in decoder.up_blocks)
    width = first.conv.conv.out_channels // 8
    parts = _principal(_unshuffled(patches), width)  # [components, part]
    size = parts.shape[1]
    whole = (code * UNIT).view(size, 8, channels)
    into = torch.einsum("kp,psc->ksc", parts, whole).reshape(-1, channels)
    _grow(first, into, torch.einsum("kp,ps->ks", parts, mean.view(size, 8)).reshape(-1))
    _grow(second, parts.T.reshape(size, -1), None)
    last = decoder.up_blocks[-1].resnets[-1]
    last.conv2.conv.bias[-HELD:] = CONSTANT
    hidden = decoder.mid_block(decoder.conv_in(targets))
    for block in decoder.up_blocks:
        hidden = block(hidden)
    _fit_last(decoder, hidden, patches, causal=False)


def _grow(upsampler: nn.Module, matrix: Tensor, bias: Tensor | None) -> None:
    """Let an upsampler say `matrix` @ its first channels: [8 x outputs, inputs]. Its residual, which
    copies channel 8 (o mod in/8) + s to place s of output o, is taken off."""
    conv = upsampler.conv.conv
    out, inputs = conv.weight.shape[:2]
    weight = torch.zeros(out, inputs)
    weight[: matrix.shape[0], : matrix.shape[1]] = matrix
    for row in range(out):
        weight[row, (row // 8) % (inputs // 8) * 8 + row % 8] -= 1
    _middle(upsampler.conv, weight, causal=upsampler.conv.is_causal)
    if bias is not None:
        conv.bias[: len(bias)] = bias


def _fit_last(part: nn.Module, hidden: Tensor, wanted: Tensor, *, causal: bool) -> None:
    """The last convolution by least squares on what reaches it, so that `wanted` comes out."""
    seen = part.conv_act(part.norm_out(hidden.movedim(1, -1)).movedim(-1, 1))
    x, y = _rows(seen[:, :-HELD]).double(), _rows(wanted).double()  # bfloat16 can't hold more
    at, to = x.mean(0), y.mean(0)
    x, y = x - at, y - to
    gram = x.T @ x
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    solved = torch.linalg.solve(gram, x.T @ y).T
    _middle(part.conv_out, solved.float(), causal=causal)
    part.conv_out.conv.bias[: len(to)] = (to - solved @ at).float()


def _principal(hidden: Tensor, count: int) -> Tensor:
    """Directions [count, channels] of the greatest second moment among channels."""
    rows = _rows(hidden)
    count = min(count, rows.shape[1])
    return torch.linalg.eigh(rows.T @ rows / len(rows))[1].flip(1)[:, :count].T


def _middle(layer: nn.Module, matrix: Tensor, *, causal: bool) -> None:
    """A convolution that is this matrix at its own place: the last frame tap of a causal one."""
    conv = layer.conv
    time = conv.kernel_size[0] - 1 if causal else conv.kernel_size[0] // 2
    rows, columns = matrix.shape
    conv.weight[:rows, :columns, time, 1, 1] = matrix.to(conv.weight)


def _patched(video: Tensor, size: int) -> Tensor:
    """[n, c, t, h, w] to [n, c x size x size, t, h/size, w/size], in the encoder's order."""
    n, c, t, h, w = video.shape
    cut = video.reshape(n, c, t, 1, h // size, size, w // size, size)
    return cut.permute(0, 1, 3, 7, 5, 2, 4, 6).flatten(1, 4)


def _unshuffled(hidden: Tensor) -> Tensor:
    """[n, c, t, h, w] to [n, 8 c, ...], as a downsampler does: the first frame stands for its pair."""
    padded = torch.cat([hidden[:, :, :1], hidden], 2)
    n, c, t, h, w = padded.shape
    cut = padded.reshape(n, c, t // 2, 2, h // 2, 2, w // 2, 2)
    return cut.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4)


def _rows(hidden: Tensor) -> Tensor:
    """[n, c, t, h, w] to [n t h w, c]."""
    return hidden.movedim(1, -1).flatten(0, 3)
