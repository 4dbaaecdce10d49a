"""Turn an autoencoder's latent channels so that a diffusion model learns what the eye sees first.

An autoencoder may spread a picture over its channels as it likes: on ours, 12 of 48 directions in
latent space hold 99 % of the picture's energy, but after the usual scaling of each channel to unit
variance all 48 weigh the same, in the loss and in the noise. Here the channels are turned to the
directions of greatest picture energy, and each is scaled to a power of that energy, so that coarse
and large things stand out of the noise first. The turn is folded into the encoder's last and the
decoder's first convolution: the autoencoder computes the same function as before.

With G the mean Gram matrix of the decoder (how strongly a change of two channels moves the same
pixels) and C the covariance of the latents, the directions are the eigenvectors of G^½ C G^½: a
Karhunen-Loève basis under the metric of pixels. docs/experiments.md has what it gave.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLLTXVideo
from torch import Tensor

POWER = 0.4  # of a direction's energy that becomes its deviation; 0.5 is pixels, 0 is whitening
LARGE = 0.25  # share of the directions whose mean square deviation becomes 1
STEP = 0.5  # standard deviations of a probe of the decoder


@torch.no_grad()
def turn(vae: AutoencoderKLLTXVideo, latents: Tensor, *, probes: int = 6) -> Tensor:
    """Turn the latent basis of `vae` in place and set its latents_mean and latents_std.

    latents: raw means of the encoder [n, channels, t, h, w]. Returns the share of the picture's
    energy in each new channel, largest first. The decoder must be linear in its input up to its
    first convolution, as AutoencoderKLLTXVideo without timestep conditioning is.
    """
    channels = latents.shape[1]
    mean = latents.double().mean((0, 2, 3, 4))
    std = latents.double().std((0, 2, 3, 4)).clamp(min=1e-6)
    covariance = torch.cov(
        ((latents.double() - _wide(mean)) / _wide(std)).transpose(0, 1).reshape(channels, -1)
    )
    root = _root(_gram(vae, latents[:probes], std))
    energy, directions = torch.linalg.eigh(root @ covariance @ root)
    energy, directions = energy.flip(0).clamp(min=1e-9), directions.flip(1)
    turned = directions.T @ root @ torch.diag(1 / std)  # raw latents to new ones
    _fold(vae, turned)

    deviation = energy**POWER
    large = max(1, round(LARGE * channels))
    deviation /= deviation[:large].square().mean().sqrt()
    vae.latents_mean.copy_(turned @ mean)
    vae.latents_std.copy_(energy.sqrt() / deviation)
    return (energy / energy.sum()).float()


def _gram(vae: AutoencoderKLLTXVideo, latents: Tensor, std: Tensor) -> Tensor:
    """[c, c]: how the pixels' answers to a push of each channel coincide, per pushed cell."""
    base = vae.decode(latents).sample.float()
    answers = []
    for channel in range(latents.shape[1]):
        pushed = latents.clone()
        # Cells far enough apart that their answers hardly meet.
        pushed[:, channel, latents.shape[2] // 2, 1::3, 1::3] += STEP * float(std[channel])
        answers.append(((vae.decode(pushed).sample.float() - base) / STEP).flatten())
    stack = torch.stack(answers).double()
    cells = latents[:, 0, 0, 1::3, 1::3].numel()
    return stack @ stack.T / cells


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a Gram matrix, kept invertible."""
    values, vectors = torch.linalg.eigh(matrix)
    least = 1e-6 * float(values.max())
    return vectors @ torch.diag(values.clamp(min=least).sqrt()) @ vectors.T


def _fold(vae: AutoencoderKLLTXVideo, turned: Tensor) -> None:
    """Let the encoder put out, and the decoder take in, `turned` @ latents."""
    out, into = vae.encoder.conv_out.conv, vae.decoder.conv_in.conv
    channels = len(turned)
    means = out.weight[:channels].double()  # the last row of the convolution is the variance
    out.weight[:channels] = torch.einsum("ij,jcthw->icthw", turned, means).to(out.weight)
    out.bias[:channels] = (turned @ out.bias[:channels].double()).to(out.bias)
    back = torch.linalg.inv(turned)
    kernel = into.weight.double()
    into.weight.copy_(torch.einsum("ojthw,ji->oithw", kernel, back).to(into.weight))


def _wide(values: Tensor) -> Tensor:
    return values.view(1, -1, 1, 1, 1)
