"""Words near to ones the model knows: `python -m generation.training.neighbours` writes neighbours.json.

The site maps a word the model has never seen to a known word of nearly the same meaning before it
draws, and says so. It has no text encoder, so the mapping is made here once: every whole English word
of MiniLM's own vocabulary is compared with every wording of ours, both as sentence embeddings.
Only close ones are kept: a wrong mapping is worse than an honest "not understood".
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from generation.engine.text_encoder import load_minilm
from generation.training.captions import vocabulary
from generation.understanding import stems

FILE = Path(__file__).parent / "neighbours.json"
NEAR = {"objects": 0.70, "colours": 0.78, "places": 0.70, "times": 0.70, "weathers": 0.78}  # cosine
# Near to the text encoder and yet another thing: found by reading the list.
REFUSED = (
    "aeronautical aeronautics aerospace airline airlines animal aquatic arid automotive "
    "aviation beak biker biking blackness blocked blocking bloom boating boxed brighter "
    "brightly cardiac cleared clears color colored colors colour coloured cubic cycling "
    "cyclist daily darkened darkening darker darkest darkness days depths dive diving dogg "
    "fender fished fisheries fisherman fishery fishing flight flights floors floral flowering "
    "flown ford forested forestry forrest freighter glow glowed guitarist guitarists "
    "heartbeat household housing hydro instrument king landscapes lunar monarch mountainous "
    "nasa overnight palms pet petals pets pilot pilots planet planetary plant rained rains "
    "residential road rotor sail sailed scuba seafood shipment shipping snowfall spaces "
    "spherical starred stellar submerged tank tea terri timber turf urban watered watering "
    "wave wet wood wooded"
)
BATCH = 256


@torch.no_grad()
def embed(texts: list[str]) -> Tensor:
    """Unit vectors [texts, 384]: mean over tokens, as the sentence model was trained."""
    model, tokenizer = load_minilm()
    rows = []
    for at in range(0, len(texts), BATCH):
        tokens = tokenizer(texts[at : at + BATCH], padding=True, return_tensors="pt")
        states = model(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None].float()
        rows.append(F.normalize((states * mask).sum(1) / mask.sum(1), dim=1))
    return torch.cat(rows)


def candidates(known: set[str]) -> list[str]:
    """English words of three letters or more that the tokenizer knows whole and that are no form of a
    word in a caption."""
    _, tokenizer = load_minilm()
    words = (w for w in tokenizer.get_vocab() if w.isascii() and w.isalpha() and len(w) > 2)
    return sorted(w for w in words if known.isdisjoint(stems(w)))


def neighbours() -> dict[str, str]:
    """Word -> the plainest wording of what it is nearest to, where that is near enough."""
    tables = vocabulary()
    wordings = [
        (phrase, attribute, name)
        for attribute in NEAR
        for name, phrases in tables[attribute].items()
        for phrase in (name, *phrases)
    ]
    known = {w for table in tables.values() for p in table.values() for t in p for w in t.split()}
    words = candidates(known)
    likeness = embed(words) @ embed([w[0] for w in wordings]).T
    best, which = likeness.max(1)
    found, refused = {}, set(REFUSED.split())
    for word, value, index in zip(words, best.tolist(), which.tolist(), strict=True):
        _, attribute, name = wordings[index]
        if value >= NEAR[attribute] and word not in refused:
            found[word] = tables[attribute][name][0]
    return found


def main() -> None:
    torch.set_num_threads(1)
    found = neighbours()
    FILE.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(found)} neighbours in {FILE.name}")


if __name__ == "__main__":
    main()
