"""What screening costs, and whether anything gets through while its services fail.

`prompt_p95_ms`: one decision of the worker about a prompt of 60 words, rules and classifiers together;
`gate_p99_ms`: the web request's share of it. CPU time of one thread. `output_scan_added_seconds`: CPU
time the scan adds to the default clip of the included model, from the first frame to its decision,
with 100,000 listed hashes and, where it is installed, the reader of text. `fault_runs`: whole jobs
run while the text and picture services are down, slow, garbled, flapping or die half-way
(benchmarks/faults.py); `unscanned_delivered`: clips among them that got out without every sampled frame
judged. `obfuscation_worst_loss_points`: the red team's prompts, the share stopped or guarded as
written less the share in the worst of its spellings. `python -m benchmarks.screening --runs 28` is quick.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

import numpy as np

from benchmarks import faults, text_gate, throwaway
from benchmarks.context import context
from benchmarks.footage import natural_frames
from moderation.screening.gate import screen_prompt
from moderation.screening.known_hashes import KnownHashes
from moderation.screening.panel import FrameReview, default_text_classifiers, review_prompt
from moderation.screening.redteam import read_seeds
from moderation.screening.redteam_transforms import OBFUSCATIONS
from moderation.screening.signals import Checks

FAULT_RUNS = 200
PANEL_PROMPTS = 100
LISTED = 100_000
LONG = (1920, 1080, 20)
FPS = 12


def run(*, runs: int = FAULT_RUNS) -> dict[str, Any]:
    """Measure once. `runs` is for quick runs."""
    began = time.perf_counter()
    gate, panel = _prompts()
    losses = _losses()
    reader = _reader()
    added, sampled = _scan(512, 288, 4, reader)
    added_long, _ = _scan(*LONG, reader)
    outcome = _faults(runs)
    return {
        "measures": {
            "prompt_p95_ms": round(statistics.quantiles(panel, n=20)[18], 2),
            "gate_p99_ms": round(statistics.quantiles(gate, n=100)[98], 3),
            "output_scan_added_seconds": round(added, 3),
            "fault_runs": outcome.runs,
            "unscanned_delivered": outcome.unscanned_delivered,
            "obfuscation_worst_loss_points": round(max(losses.values()), 1),
        },
        "context": {
            **context(["numpy", "torch", "pyahocorasick", "rapidocr", "onnxruntime"]),
            "classifiers": [f"{c.name} {c.version}" for c in default_text_classifiers()],
            "text_reader": None if reader is None else f"{reader.name} {reader.version}",
            "frames_sampled": sampled,
            "listed_hashes": LISTED,
            "scan_of_20_s_1080p_seconds": round(added_long, 3),
            "lookup_at_a_million_ms": _lookup(),
            "delivered": outcome.delivered,
            "charged_without_clip": outcome.charged_without_clip,
            "credits_held_after": outcome.held_after,
            "unfinished": outcome.unfinished,
            "faults": outcome.by_mode,
            "fault_run_seconds": {
                mode: round(statistics.median(spent), 2) for mode, spent in outcome.seconds.items()
            },
            "losses": {name: round(value, 1) for name, value in losses.items()},
            "seconds": round(time.perf_counter() - began, 1),
        },
    }


def _prompts() -> tuple[list[float], list[float]]:
    """CPU ms of the gate for every prompt, of the whole panel for some."""
    prompts = text_gate._prompts()
    screen_prompt(prompts[0])
    review_prompt(prompts[0])
    gate = [text_gate._cpu_ms(lambda p=p: screen_prompt(p)) for p in prompts]  # type: ignore[misc]
    panel = [
        text_gate._cpu_ms(lambda p=p: review_prompt(p))  # type: ignore[misc]
        for p in prompts[:PANEL_PROMPTS]
    ]
    return gate, panel


def _losses() -> dict[str, float]:
    """Points of the stopped or guarded share that each spelling loses; negative where it gains."""
    seeds = read_seeds()

    def stopped(texts: list[str]) -> float:
        return 100 * statistics.mean(review_prompt(text).action != "allow" for text in texts)

    plain = stopped([seed.text for seed in seeds])
    return {
        name: plain - stopped([spell(seed.text) for seed in seeds])
        for name, spell in OBFUSCATIONS.items()
    }


def _reader() -> Any:
    from moderation.screening import frame_text

    if not frame_text.is_installed():
        return None
    reader = frame_text.FrameText()
    reader.read([np.zeros((64, 64, 3), np.uint8)])
    return reader


def _scan(width: int, height: int, seconds: int, reader: Any) -> tuple[float, int]:
    """(CPU seconds, frames sampled) of the scan of one clip; drawing it is not counted."""
    from generation.provenance.fingerprint import hash_frames

    listed = np.random.default_rng(3).integers(0, 2**64, (LISTED, 4), np.uint64)
    checks = Checks(
        texts=default_text_classifiers(),
        known_hashes=KnownHashes(row.tobytes() for row in listed),
        hash_frame=lambda frame: hash_frames([frame])[0],
        text_reader=reader,
    )
    review, spent = FrameReview(draws_people=False, checks=checks), 0.0
    for index, frame in enumerate(natural_frames(width, height, seconds * FPS, seed=4)):
        began = time.process_time()
        review.add(index, index / FPS, frame)
        spent += time.process_time() - began
    began = time.process_time()
    verdict = review.verdict()
    spent += time.process_time() - began
    if verdict.action != "allow":
        raise SystemExit(f"The clip was not allowed: {verdict.reasons}")
    return spent, int(verdict.details["frames_sampled"])


def _lookup() -> float:
    """Median CPU ms of one look-up among a million hashes."""
    words = np.random.default_rng(5).integers(0, 2**64, (1_000_000, 4), np.uint64)
    from moderation.screening.hash_index import HashIndex

    index = HashIndex(words)
    queries = [row.tobytes() for row in words[::20_000]]
    return round(
        statistics.median(text_gate._cpu_ms(lambda q=q: index.search(q)) for q in queries), 3
    )  # type: ignore[misc]


def _faults(runs: int) -> faults.Outcome:
    with throwaway.database() as folder:
        from django.conf import settings
        from django.utils import timezone

        from accounts import services as accounts
        from accounts.models import User
        from generation.provenance.development_ca import ensure_development_ca

        ensure_development_ca(settings.SORA_DEVELOPMENT_CA_DIR, settings.SITE_NAME)
        settings.BILLING_PROVIDER = "off"  # the ledger counts all the same; no plan runs dry
        person = User.objects.create_user("faults@example.com", date_joined=timezone.now())
        workspace = accounts.create_workspace(person, "Faults")
        double = faults.Double()
        try:
            with faults.set_up(folder, double):
                return faults.run_many(workspace, person, double, runs=runs)
        finally:
            double.down()


if __name__ == "__main__":
    arguments = [word for word in sys.argv[1:] if word != "--json"]
    if arguments and (arguments[0] != "--runs" or len(arguments) != 2):
        sys.exit("usage: python -m benchmarks.screening [--json] [--runs N]")
    print(json.dumps(run(**({"runs": int(arguments[1])} if arguments else {})), indent=2))
