"""The prompt gate against the obvious alternative, a regular expression of all its terms.

500 prompts of about 60 words, a tenth of them disguised. `gate_p99_ms` and `gate_median_ms`: one
whole verdict (folding, disguises, lists, minors, language). `search_speedup`: time of one compiled
alternation of the same terms over the plainly normalised prompt, divided by the time of the automaton
over the same text; both find word-bounded terms only. `panel_median_ms`: gate and text classifiers
together. CPU time of one thread, rounds interleaved.
"""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.context import context, main
from moderation.screening.gate import matcher, screen_prompt
from moderation.screening.normalise import fold, words_of
from moderation.screening.panel import default_text_classifiers, review_prompt

PROMPTS, WORDS, PANEL_PROMPTS = 500, 60, 60

_WORDS = (
    "a the red blue golden boat balloon lighthouse river street market dancer robot violin cat fox "
    "drifts rises spins waits runs over under behind through at sunset dawn night in rain snow slow "
    "motion camera pans left wide shot soft light and while then of with old tiny glass paper city"
)


def run() -> dict[str, Any]:
    prompts = _prompts()
    lists = matcher()
    terms = sorted(
        {t for b in lists.blocklists for e in b.entries for t in e}, key=len, reverse=True
    )
    spelled = [re.escape(t.removesuffix("*")) + (r"\w*" if t.endswith("*") else "") for t in terms]
    alternation = re.compile(r"(?<=\s)(?:" + "|".join(spelled) + r")(?=\s)")
    plain = [words_of(fold(prompt)) for prompt in prompts]
    screen_prompt(prompts[0])

    gate_ms: list[float] = []
    automaton_ms: list[float] = []
    regex_ms: list[float] = []
    for prompt, text in zip(prompts, plain, strict=True):
        gate_ms.append(_cpu_ms(lambda p=prompt: screen_prompt(p)))  # type: ignore[misc]
        automaton_ms.append(_cpu_ms(lambda t=text: lists.search(t)))  # type: ignore[misc]
        regex_ms.append(_cpu_ms(lambda t=text: alternation.findall(t)))  # type: ignore[misc]

    review_prompt(prompts[0])
    panel_ms = [_cpu_ms(lambda p=p: review_prompt(p)) for p in prompts[:PANEL_PROMPTS]]  # type: ignore[misc]
    measures = {
        "gate_p99_ms": round(statistics.quantiles(gate_ms, n=100)[98], 3),
        "gate_median_ms": round(statistics.median(gate_ms), 3),
        "search_speedup": round(statistics.median(regex_ms) / statistics.median(automaton_ms), 1),
        "panel_median_ms": round(statistics.median(panel_ms), 2),
    }
    sizes = {
        "prompts": PROMPTS,
        "words": WORDS,
        "terms": len(terms),
        "classifiers": [f"{c.name} {c.version}" for c in default_text_classifiers()],
    }
    return {"measures": measures, "context": context(["pyahocorasick", "numpy", "torch"]) | sizes}


def _prompts() -> list[str]:
    rng = random.Random(3)
    words = _WORDS.split()
    prompts = []
    for number in range(PROMPTS):
        chosen = rng.choices(words, k=WORDS)
        if number % 10 == 0:  # look-alikes, leet and dots force the slow path
            chosen[5] = "lіghthоuse"
            chosen[20] = "b4ll00n"
            chosen[40] = "r.o.b.o.t"
        prompts.append(" ".join(chosen))
    return prompts


def _cpu_ms(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return 1000 * (time.thread_time() - started)


if __name__ == "__main__":
    main(run)
