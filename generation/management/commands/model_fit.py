"""`./sora manage model_fit DIR`: what a model folder needs, and whether a device has it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from generation.engine.capabilities import UnsupportedSpec, read_capabilities
from generation.engine.fit import GB, check_fit, demand, device_memory, read_components
from generation.engine.options import InvalidOptions, read_options
from generation.engine.protocol import EngineError, ModelTooLarge

MODES = (
    ("as it is", {}),
    ("fp8", {"fp8": True}),
    ("offload model", {"offload": "model"}),
    ("fp8 + offload model", {"fp8": True, "offload": "model"}),
    ("offload group", {"offload": "group"}),
)


class Command(BaseCommand):
    help = "Print the memory a model folder needs, by part and by engine option."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument(
            "--device-memory-gb", type=float, metavar="N", help="default: this one's"
        )
        parser.add_argument("--size", metavar="WxH", help="default: the model's")
        parser.add_argument("--seconds", type=float, help="default: the model's")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, folder: Path, **given: Any) -> None:
        try:
            table = self.measure(folder, **given)
        except (EngineError, InvalidOptions, UnsupportedSpec) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(table) if given["json"] else in_words(table))

    def measure(
        self,
        folder: Path,
        *,
        device_memory_gb: float | None,
        size: str | None,
        seconds: float | None,
        **_: Any,
    ) -> dict[str, Any]:
        able = read_capabilities(folder)
        width, height = able.drawn_size(*(_size(size) if size else able.default_size))
        frames = round((seconds or able.default_seconds) * able.fps)
        device = settings.SORA_DEVICE if device_memory_gb is None else "cuda"
        available = device_memory_gb * GB if device_memory_gb else device_memory(device)
        bytes_per_parameter = 4 if device == "cpu" else 2
        components = read_components(folder)
        needs = {
            name: demand(
                folder,
                read_options(json.dumps({**mode, "vae_tiling": device != "cpu"})),
                width=width,
                height=height,
                frames=frames,
                bytes_per_parameter=bytes_per_parameter,
                guided=able.guidance > 1,
                components=components,
            )
            for name, mode in MODES
        }
        table: dict[str, Any] = {
            "title": able.title,
            "drawn": f"{width}x{height}, {frames} frames",
            "components": [
                {
                    "name": part.name,
                    "million_parameters": round(part.parameters / 1e6, 1),
                    "stored_gb": {k: round(v / GB, 3) for k, v in part.stored.items()},
                    "loaded_gb": round(part.bytes_at(bytes_per_parameter) / GB, 3),
                }
                for part in components
            ],
            "modes": {
                name: {
                    "weights_gb": round(need.weights / GB, 2),
                    "work_gb": round(need.work / GB, 2),
                    "total_gb": round(need.total / GB, 2),
                    "fits": need.total <= available,
                }
                for name, need in needs.items()
            },
            "available_gb": round(available / GB, 1),
            "advice": "It fits as it is.",
        }
        try:
            check_fit(
                folder,
                able,
                read_options(settings.SORA_ENGINE_OPTIONS),
                available=available,
                device=device,
                bytes_per_parameter=bytes_per_parameter,
                size=(width, height),
                seconds=frames / able.fps,
            )
        except ModelTooLarge as error:
            table["advice"] = str(error)
        return table


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.split("x"))
    except ValueError as error:
        raise CommandError(f"--size {text} is not WIDTHxHEIGHT, for example 768x512.") from error
    return width, height


def in_words(table: dict[str, Any]) -> str:
    lines = [f"{table['title']}, {table['drawn']}; {table['available_gb']} GB there", ""]
    lines.append(f"{'part':<16}{'million':>10}{'loaded GB':>11}  stored GB")
    for part in table["components"]:
        stored = ", ".join(f"{kind} {size:g}" for kind, size in part["stored_gb"].items())
        lines.append(
            f"{part['name']:<16}{part['million_parameters']:>10.1f}{part['loaded_gb']:>11.2f}  {stored}"
        )
    lines += ["", f"{'option':<22}{'weights':>9}{'work':>8}{'total GB':>10}"]
    for name, mode in table["modes"].items():
        verdict = "fits" if mode["fits"] else "too large"
        lines.append(
            f"{name:<22}{mode['weights_gb']:>9.2f}{mode['work_gb']:>8.2f}{mode['total_gb']:>10.2f}  "
            f"{verdict}"
        )
    return "\n".join([*lines, "", table["advice"]])
