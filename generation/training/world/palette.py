"""The colours of the world: objects, skies, light. sRGB shares from 0 to 1."""

from __future__ import annotations

Rgb = tuple[float, float, float]

COLOURS: dict[str, Rgb] = {
    "red": (0.88, 0.12, 0.14),
    "orange": (0.98, 0.52, 0.08),
    "yellow": (0.99, 0.86, 0.12),
    "green": (0.12, 0.66, 0.24),
    "blue": (0.13, 0.32, 0.90),
    "purple": (0.55, 0.18, 0.76),
    "pink": (0.98, 0.48, 0.72),
    "white": (0.96, 0.96, 0.96),
    "black": (0.09, 0.09, 0.11),
}
TIMES = ("day", "sunset", "night", "dawn")

SKY: dict[str, tuple[Rgb, Rgb]] = {  # zenith, horizon
    "day": ((0.26, 0.57, 0.95), (0.76, 0.90, 0.99)),
    "sunset": ((0.36, 0.18, 0.48), (1.00, 0.58, 0.26)),
    "night": ((0.02, 0.03, 0.12), (0.11, 0.14, 0.34)),
    "dawn": ((0.47, 0.60, 0.88), (1.00, 0.82, 0.78)),
}
MIDDLE_SKY: dict[str, Rgb] = {  # a little above the horizon: what makes a sky glow
    "day": (0.50, 0.75, 0.98),
    "sunset": (0.86, 0.34, 0.42),
    "night": (0.05, 0.07, 0.21),
    "dawn": (0.80, 0.74, 0.90),
}
LIGHT: dict[str, Rgb] = {  # multiplies the colours of the ground
    "day": (1.0, 1.0, 1.0),
    "sunset": (0.84, 0.58, 0.52),
    "night": (0.34, 0.38, 0.54),
    "dawn": (0.88, 0.82, 0.92),
}
OBJECT_LIGHT: dict[str, Rgb] = {
    "day": (1.0, 1.0, 1.0),
    "sunset": (0.97, 0.91, 0.90),
    "night": (0.84, 0.85, 0.92),
    "dawn": (0.98, 0.95, 0.98),
}
SUN: dict[str, Rgb] = {
    "day": (1.0, 0.95, 0.62),
    "sunset": (1.0, 0.80, 0.36),
    "night": (0.95, 0.95, 0.86),
    "dawn": (1.0, 0.96, 0.86),
}
CLOUD: dict[str, Rgb] = {
    "day": (1.0, 1.0, 1.0),
    "sunset": (1.0, 0.72, 0.62),
    "night": (0.30, 0.33, 0.50),
    "dawn": (1.0, 0.93, 0.94),
}
OVERCAST: dict[str, Rgb] = {  # what rain and snow pull the sky towards
    "day": (0.60, 0.66, 0.75),
    "sunset": (0.58, 0.42, 0.48),
    "night": (0.10, 0.11, 0.19),
    "dawn": (0.70, 0.70, 0.78),
}
FOG: dict[str, Rgb] = {
    "day": (0.86, 0.90, 0.94),
    "sunset": (0.90, 0.68, 0.60),
    "night": (0.24, 0.27, 0.38),
    "dawn": (0.92, 0.88, 0.92),
}


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """`share` of `b`, the rest of `a`."""
    return (
        a[0] + (b[0] - a[0]) * share,
        a[1] + (b[1] - a[1]) * share,
        a[2] + (b[2] - a[2]) * share,
    )


def times(a: Rgb, b: Rgb) -> Rgb:
    """Light `b` on a surface of colour `a`."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]
