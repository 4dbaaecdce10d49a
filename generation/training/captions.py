"""Say in words what a `Scene` shows: the caption grammar, and the vocabulary the model knows.

Captions vary in word order, synonyms, length and in what they leave out, so that the model learns
to fill in what a prompt does not say. The first word of each list is the plainest one.
"""

from __future__ import annotations

import random
from dataclasses import replace

from generation.training.world import Scene

OBJECTS: dict[str, list[str]] = {
    "ball": ["ball", "sphere", "round ball", "orb"],
    "balloon": ["balloon", "party balloon", "helium balloon"],
    "cube": ["cube", "box", "block"],
    "star": ["star", "five-pointed star", "star shape"],
    "heart": ["heart", "love heart", "heart shape"],
    "ring": ["ring", "donut", "hoop", "torus"],
    "pyramid": ["pyramid", "stone pyramid"],
    "kite": ["kite", "diamond kite", "paper kite"],
    "bird": ["bird", "little bird", "songbird"],
    "boat": ["boat", "sailboat", "sailing boat", "ship"],
    "car": ["car", "automobile", "small car", "vehicle"],
    "rocket": ["rocket", "rocket ship", "spaceship", "spacecraft"],
}
COLOURS: dict[str, list[str]] = {
    "red": ["red", "bright red", "crimson", "scarlet"],
    "orange": ["orange", "bright orange", "tangerine"],
    "yellow": ["yellow", "bright yellow", "golden"],
    "green": ["green", "emerald green", "emerald"],
    "blue": ["blue", "deep blue", "royal blue"],
    "purple": ["purple", "violet"],
    "pink": ["pink", "rose pink", "hot pink"],
    "white": ["white", "snow white", "pure white"],
    "black": ["black", "jet black", "dark black"],
}
SIZES: dict[str, list[str]] = {
    "small": ["small", "little", "tiny"],
    "large": ["large", "big", "huge"],
}
PLACES: dict[str, list[str]] = {
    "ocean": [
        "over the ocean",
        "over the sea",
        "above the ocean waves",
        "by the sea",
        "above the water",
    ],
    "hills": [
        "over grassy hills",
        "over green hills",
        "in a meadow with rolling hills",
        "above a green field",
    ],
    "desert": ["in the desert", "over desert dunes", "above the sand dunes", "in a sandy desert"],
    "snowfield": [
        "over a snowy field",
        "in a snowy landscape",
        "in a winter landscape",
        "above the snow",
    ],
    "city": [
        "over the city",
        "over a city skyline",
        "in front of city buildings",
        "above a town",
        "downtown",
    ],
    "forest": ["in the forest", "above the forest", "in front of pine trees", "in the woods"],
    "mountains": ["in the mountains", "over the mountains", "in front of snow-capped mountains"],
}
TIMES: dict[str, list[str]] = {
    "day": [
        "during the day",
        "in daylight",
        "on a bright day",
        "on a sunny day",
        "in the afternoon",
    ],
    "sunset": [
        "at sunset",
        "at dusk",
        "in the evening",
        "while the sun goes down",
        "at golden hour",
    ],
    "night": ["at night", "under the stars", "in the moonlight", "after dark", "at midnight"],
}
WEATHERS: dict[str, list[str]] = {
    "clear": ["under a clear sky", "with a clear sky"],
    "clouds": ["with clouds in the sky", "under a cloudy sky", "as clouds drift by"],
    "rain": ["in the rain", "while rain is falling", "on a rainy day"],
    "snow": ["while snow is falling", "in the falling snow", "with snowflakes in the air"],
}
MOTIONS: dict[str, list[str]] = {
    "rises": ["rises", "floats up", "goes up", "rises slowly", "ascends", "flies up"],
    "falls": ["falls", "drops down", "sinks down", "falls slowly", "descends"],
    "moves left": ["moves left", "moves to the left", "glides left", "drifts to the left"],
    "moves right": ["moves right", "moves to the right", "glides right", "drifts to the right"],
    "bounces": ["bounces", "bounces up and down", "jumps up and down", "hops"],
    "floats": ["floats", "hovers", "floats in the air", "stays still", "hangs in the air"],
    "spins": ["spins", "rotates", "turns around", "spins slowly"],
    "grows": ["grows", "grows bigger", "gets larger", "comes closer"],
    "shrinks": ["shrinks", "gets smaller", "becomes smaller", "moves away"],
}
OWN_VERBS: dict[tuple[str, str], list[str]] = {
    ("boat", "moves left"): ["sails left", "sails to the left"],
    ("boat", "moves right"): ["sails right", "sails to the right"],
    ("boat", "floats"): ["floats on the water", "rocks on the waves", "sails"],
    ("car", "moves left"): ["drives left", "drives to the left"],
    ("car", "moves right"): ["drives right", "drives to the right", "drives"],
    ("bird", "moves left"): ["flies left", "flies to the left"],
    ("bird", "moves right"): ["flies right", "flies to the right", "flies"],
    ("rocket", "rises"): ["launches", "takes off", "flies up", "lifts off"],
    ("rocket", "falls"): ["lands", "comes down"],
    ("kite", "floats"): ["flies in the wind", "flies"],
}
_GERUND = {
    "rises": "rising",
    "floats": "floating",
    "goes": "going",
    "ascends": "ascending",
    "flies": "flying",
    "falls": "falling",
    "drops": "dropping",
    "sinks": "sinking",
    "descends": "descending",
    "moves": "moving",
    "glides": "gliding",
    "drifts": "drifting",
    "bounces": "bouncing",
    "jumps": "jumping",
    "hops": "hopping",
    "hovers": "hovering",
    "stays": "staying",
    "hangs": "hanging",
    "spins": "spinning",
    "rotates": "rotating",
    "turns": "turning",
    "grows": "growing",
    "gets": "getting",
    "comes": "coming",
    "shrinks": "shrinking",
    "becomes": "becoming",
    "sails": "sailing",
    "rocks": "rocking",
    "drives": "driving",
    "launches": "launching",
    "takes": "taking",
    "lifts": "lifting",
    "lands": "landing",
}


def _pick(words: list[str], rng: random.Random) -> str:
    """The plainest word half of the time."""
    return words[0] if rng.random() < 0.5 else rng.choice(words)


def caption(scene: Scene, rng: random.Random) -> str:
    """One of many ways to describe `scene`; may leave some of it out."""

    def maybe(keep: float, text: str) -> str:
        return text if rng.random() < keep else ""

    noun = _pick(OBJECTS[scene.object], rng)
    size = maybe(0.4, _pick(SIZES[scene.size], rng))
    colour = maybe(0.95, _pick(COLOURS[scene.colour], rng))
    thing = " ".join(w for w in (size, colour, noun) if w)
    verbs = MOTIONS[scene.motion]
    if own := OWN_VERBS.get((scene.object, scene.motion)):
        verbs = own if rng.random() < 0.6 else verbs
    verb = maybe(0.85, _pick(verbs, rng))
    first, _, rest = verb.partition(" ")
    doing = f"{_GERUND[first]} {rest}".strip() if verb else ""
    place = maybe(0.95, _pick(PLACES[scene.place], rng))
    when = maybe(0.95, _pick(TIMES[scene.time], rng))
    sky = maybe(0.15 if scene.weather == "clear" else 0.92, _pick(WEATHERS[scene.weather], rng))
    article = "an" if thing[0] in "aeiou" else "a"
    form = rng.random()
    if form < 0.52:  # a red balloon rises over the ocean at sunset
        parts = [article, thing, verb, place, when, sky]
        text = " ".join(p for p in parts if p)
    elif form < 0.68:  # at sunset, a red balloon rises over the ocean
        lead = when or place
        tail = [article, thing, verb, place if lead == when else "", sky]
        text = (f"{lead}, " if lead else "") + " ".join(p for p in tail if p)
    elif form < 0.80:  # a video of a red balloon rising over the ocean, at sunset
        lead = rng.choice(
            ["a video of", "a clip of", "an animation of", "a picture of", "there is"]
        )
        text = " ".join(p for p in (lead, article, thing, doing, place) if p)
        text += "".join(f", {p}" for p in (when, sky) if p)
    elif form < 0.92:  # over the ocean at sunset there is a red balloon rising
        where = " ".join(p for p in (place, when, sky) if p)
        text = " ".join(p for p in (where, article, thing, doing) if p)
    else:  # red balloon, ocean, sunset
        text = ", ".join(p for p in (thing, doing, place, when, sky) if p)
    return text[0].upper() + text[1:] + "." if rng.random() < 0.3 else text


def mirrored(text: str) -> str:
    """The caption of the left-right mirrored clip."""
    return (
        text.replace("left", "\0")
        .replace("right", "left")
        .replace("\0", "right")
        .replace("bleft", "bright")
    )


def plain(scene: Scene) -> str:
    """The shortest full caption: first words only. Used by tests and the evaluation."""
    article = "an" if scene.colour[0] in "aeiou" else "a"
    verb = OWN_VERBS.get((scene.object, scene.motion), MOTIONS[scene.motion])[0]
    words = [
        article,
        scene.colour,
        OBJECTS[scene.object][0],
        verb,
        PLACES[scene.place][0],
        TIMES[scene.time][0],
    ]
    if scene.weather != "clear":
        words.append(WEATHERS[scene.weather][0])
    return " ".join(words)


def mirrored_scene(scene: Scene) -> Scene:
    """The attributes of the mirrored clip (the layout is mirrored by flipping pixels)."""
    return replace(scene, motion=mirrored(scene.motion))


def vocabulary() -> dict[str, dict[str, list[str]]]:
    """What the model knows, canonical name to words: the content of vocabulary.json."""

    def bare(phrases: list[str]) -> list[str]:
        leading = (
            "over ",
            "above ",
            "in front of ",
            "in ",
            "by ",
            "at ",
            "on ",
            "under ",
            "with ",
            "while ",
            "during ",
            "after ",
            "as ",
            "a ",
            "the ",
        )
        words = []
        for phrase in phrases:
            shorter = phrase
            while cut := next((p for p in leading if shorter.startswith(p)), None):
                shorter = shorter[len(cut) :]
            words.append(shorter)
        return list(dict.fromkeys(words))

    def motion(name: str) -> list[str]:
        verbs = MOTIONS[name] + [v for (_, m), own in OWN_VERBS.items() if m == name for v in own]
        forms = []
        for verb in dict.fromkeys(verbs):
            first, _, rest = verb.partition(" ")
            forms += [verb, f"{_GERUND[first]} {rest}".strip()]
        return forms

    return {
        "objects": OBJECTS,
        "colours": COLOURS,
        "sizes": SIZES,
        "places": {k: bare(v) for k, v in PLACES.items()},
        "times": {k: bare(v) for k, v in TIMES.items()},
        "weathers": {k: bare(v) for k, v in WEATHERS.items()},
        "motions": {k: motion(k) for k in MOTIONS},
    }
