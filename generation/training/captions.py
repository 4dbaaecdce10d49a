"""Say in words what a `Scene` shows: the caption grammar, and the vocabulary the model knows.

Captions vary in word order, synonyms, length and in what they leave out, so that the model learns
to fill in what a prompt does not say. The first phrase of each list is the plainest one.
`UNSEEN` are words kept out of every caption, to measure how far the text encoder carries.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from generation.training.world import MONOCHROME, THEN_AT, Actor, Scene
from generation.training.world.objects import KINDS
from generation.training.world.scene import SHELTERED

Length = Literal["short", "long", "any"]
Phrases = dict[str, list[str]]

OBJECTS: Phrases = {
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
    "fish": ["fish", "little fish", "goldfish"],
    "butterfly": ["butterfly", "little butterfly"],
    "flower": ["flower", "daisy", "blooming flower"],
    "tree": ["tree", "leafy tree", "round tree"],
    "umbrella": ["umbrella", "open umbrella", "rain umbrella"],
    "airplane": ["airplane", "plane", "aircraft"],
    "helicopter": ["helicopter", "little helicopter"],
    "train": ["train", "steam train", "steam engine"],
    "house": ["house", "little house", "small home"],
    "lantern": ["lantern", "paper lantern", "glowing lantern"],
    "leaf": ["leaf", "tree leaf", "single leaf"],
    "moon": ["moon", "crescent moon", "crescent"],
    "mushroom": ["mushroom", "spotted mushroom"],
    "cat": ["cat", "kitten", "kitty"],
    "dog": ["dog", "puppy", "little dog"],
    "turtle": ["turtle", "little turtle"],
    "hot air balloon": ["hot air balloon", "striped hot air balloon", "balloon with a basket"],
    "crown": ["crown", "royal crown", "king's crown"],
    "guitar": ["guitar", "acoustic guitar"],
    "cup": ["cup", "coffee cup", "cup of coffee", "teacup"],
    "bicycle": ["bicycle", "bike"],
}
COLOURS: Phrases = {
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
SIZES: Phrases = {
    "small": ["small", "little", "tiny"],
    "large": ["large", "big", "huge"],
}
PLACES: Phrases = {
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
        "in a meadow with green hills",
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
    "beach": ["at the beach", "over a sandy beach", "above a tropical beach", "by the palm trees"],
    "underwater": [
        "underwater",
        "under the sea",
        "at the bottom of the sea",
        "deep under water",
        "in an aquarium",
    ],
    "room": ["in a room", "in a living room", "inside a house", "inside a cosy room"],
    "space": ["in space", "in outer space", "among the stars and planets", "far out in space"],
}
ON_THE_GROUND: Phrases = {  # further phrases for what stands there
    "ocean": ["on the ocean", "on the sea", "on the water"],
    "hills": ["on a grassy hill", "on a green meadow", "on the grass"],
    "desert": ["on the sand of the desert", "in the desert"],
    "snowfield": ["on a snowy field", "in the snow"],
    "city": ["in the city", "on a city street", "on the street"],
    "forest": ["on a forest clearing", "in the forest"],
    "mountains": ["on a mountain meadow", "in the mountains"],
    "beach": ["on the beach", "on a sandy beach"],
    "underwater": ["on the bottom of the sea", "underwater"],
    "room": ["on the floor of a room", "on a rug in a room"],
}
TIMES: Phrases = {
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
    "dawn": ["at dawn", "at sunrise", "early in the morning", "as the sun comes up"],
}
WEATHERS: Phrases = {
    "clear": ["under a clear sky", "with a clear sky"],
    "clouds": ["with clouds in the sky", "under a cloudy sky", "as clouds drift by"],
    "rain": ["in the rain", "while rain is falling", "on a rainy day"],
    "snow": ["while snow is falling", "in the falling snow", "with snowflakes in the air"],
    "fog": ["in the fog", "in thick fog", "on a foggy day", "wrapped in fog"],
}
MOTIONS: Phrases = {
    "rises": ["rises", "floats up", "goes up", "rises slowly", "ascends", "flies up"],
    "falls": ["falls", "drops down", "sinks down", "falls slowly", "descends"],
    "moves left": ["moves left", "moves to the left", "glides left", "glides to the left"],
    "moves right": ["moves right", "moves to the right", "glides right", "glides to the right"],
    "bounces": ["bounces", "bounces up and down", "bounces again and again"],
    "floats": ["floats", "hovers", "floats in the air", "hangs in the air"],
    "spins": ["spins", "rotates", "turns around", "spins slowly"],
    "grows": ["grows", "grows bigger", "gets larger", "comes closer"],
    "shrinks": ["shrinks", "gets smaller", "becomes smaller", "moves away"],
    "orbits": ["orbits", "moves in a circle", "flies in circles", "goes round and round"],
    "drifts": ["drifts", "drifts along", "drifts away slowly", "wanders off"],
    "swings": ["swings", "swings back and forth", "swings from side to side"],
    "zigzags": ["zigzags", "moves in a zigzag", "goes up and down in a zigzag"],
    "rolls left": ["rolls left", "rolls to the left"],
    "rolls right": ["rolls right", "rolls to the right"],
    "jumps": ["jumps", "jumps up and down", "hops"],
    "stands": ["stands still", "stays still", "rests", "waits", "stands"],
}
OWN_VERBS: dict[tuple[str, str], list[str]] = {
    ("boat", "moves left"): ["sails left", "sails to the left"],
    ("boat", "moves right"): ["sails right", "sails to the right"],
    ("boat", "floats"): ["floats on the water", "rocks on the waves", "sails"],
    ("car", "moves left"): ["drives left", "drives to the left"],
    ("car", "moves right"): ["drives right", "drives to the right", "drives"],
    ("car", "stands"): ["is parked", "stands still"],
    ("bird", "moves left"): ["flies left", "flies to the left"],
    ("bird", "moves right"): ["flies right", "flies to the right", "flies"],
    ("rocket", "rises"): ["launches", "takes off", "flies up", "lifts off"],
    ("rocket", "falls"): ["lands", "comes down"],
    ("kite", "floats"): ["flies in the wind", "flies"],
    ("fish", "moves left"): ["swims left", "swims to the left"],
    ("fish", "moves right"): ["swims right", "swims to the right", "swims"],
    ("fish", "orbits"): ["swims in circles", "swims round and round"],
    ("butterfly", "moves left"): ["flutters left", "flies to the left"],
    ("butterfly", "moves right"): ["flutters right", "flies to the right"],
    ("butterfly", "floats"): ["flutters", "flutters in the air"],
    ("airplane", "moves left"): ["flies left", "flies to the left"],
    ("airplane", "moves right"): ["flies right", "flies to the right", "flies"],
    ("airplane", "rises"): ["takes off", "flies up"],
    ("airplane", "falls"): ["lands", "comes down"],
    ("helicopter", "moves left"): ["flies left", "flies to the left"],
    ("helicopter", "moves right"): ["flies right", "flies to the right"],
    ("helicopter", "floats"): ["hovers", "hovers in the air"],
    ("helicopter", "rises"): ["takes off", "flies up"],
    ("helicopter", "falls"): ["lands", "comes down"],
    ("train", "moves left"): ["travels left", "rides to the left"],
    ("train", "moves right"): ["travels right", "rides to the right"],
    ("bicycle", "moves left"): ["rides left", "rides to the left"],
    ("bicycle", "moves right"): ["rides right", "rides to the right"],
    ("cat", "moves left"): ["walks left", "walks to the left"],
    ("cat", "moves right"): ["walks right", "walks to the right", "walks"],
    ("cat", "stands"): ["sits", "sits still"],
    ("dog", "moves left"): ["runs left", "runs to the left"],
    ("dog", "moves right"): ["runs right", "runs to the right", "runs"],
    ("turtle", "moves left"): ["crawls left", "crawls to the left"],
    ("turtle", "moves right"): ["crawls right", "crawls to the right", "crawls"],
    ("leaf", "falls"): ["falls", "flutters down", "falls to the ground"],
    ("lantern", "rises"): ["rises", "floats up into the sky"],
    ("tree", "stands"): ["stands", "stands in the wind"],
    ("flower", "stands"): ["stands", "blooms"],
    ("house", "stands"): ["stands", "stands there"],
    ("mushroom", "stands"): ["stands", "stands there"],
}
CAMERAS: Phrases = {
    "static": ["static camera", "the camera is still", "fixed camera"],
    "pan left": ["the camera pans left", "the camera pans to the left", "panning left"],
    "pan right": ["the camera pans right", "the camera pans to the right", "panning right"],
    "tilt up": ["the camera tilts up", "the camera tilts upwards", "tilting up"],
    "tilt down": ["the camera tilts down", "the camera tilts downwards", "tilting down"],
    "zoom in": ["the camera zooms in", "a slow zoom in", "zooming in"],
    "zoom out": ["the camera zooms out", "a slow zoom out", "zooming out"],
    "orbit": ["the camera orbits around", "an orbiting camera", "the camera circles around it"],
}
STYLES: Phrases = {
    "plain": ["in flat colours", "as a simple cartoon"],
    "film noir": ["in film noir style", "as a black and white film noir", "film noir"],
    "watercolour": ["as a watercolour painting", "painted in watercolour", "watercolour style"],
    "paper cut-out": ["in paper cut-out style", "made of cut paper", "as a paper collage"],
    "pixel": ["as pixel art", "in pixel art style", "like a retro video game"],
    "archival": ["as archival footage", "like an old sepia film", "as an old silent movie"],
}
RELATIONS: Phrases = {
    "left of": ["to the left of", "on the left of", "left of"],
    "right of": ["to the right of", "on the right of", "right of"],
    "behind": ["behind", "in the back of"],
    "above": ["above", "over", "on top of"],
    "following": ["follows", "chases", "goes after"],
}
# Clauses of the second sentence of long captions.
_LIGHTS: Phrases = {
    "day": ["the light is bright", "it is bright daylight", "the sun is shining"],
    "sunset": ["the light is warm and golden", "it is sunset", "the evening sky glows"],
    "night": ["it is dark", "it is night", "the light is dim and blue"],
    "dawn": ["the morning light is soft", "it is dawn", "the day is breaking softly"],
}
_SKIES: Phrases = {
    "clear": ["the sky is clear"],
    "clouds": ["clouds drift by", "the sky is cloudy"],
    "rain": ["rain is falling", "it is raining"],
    "snow": ["snow is falling", "it is snowing"],
    "fog": ["there is thick fog", "it is foggy"],
}
_LOOKS: Phrases = {
    "plain": ["everything is drawn in flat colours"],
    "film noir": ["it looks like a black and white film noir", "the style is film noir"],
    "watercolour": ["it looks like a watercolour painting", "the style is watercolour"],
    "paper cut-out": ["everything is made of cut paper", "the style is paper cut-out"],
    "pixel": ["it looks like pixel art", "the style is pixel art"],
    "archival": ["it looks like archival footage", "it looks like an old sepia film"],
}

# Words that no caption uses: attribute and canonical name of each. For the evaluation alone.
UNSEEN: dict[str, dict[str, list[str]]] = {
    "object": {
        "ball": ["globe"],
        "cube": ["crate"],
        "boat": ["yacht", "vessel"],
        "car": ["sedan", "taxi"],
        "bird": ["sparrow", "pigeon"],
        "rocket": ["shuttle"],
        "fish": ["trout"],
        "butterfly": ["moth"],
        "flower": ["tulip", "blossom"],
        "tree": ["oak"],
        "umbrella": ["parasol"],
        "airplane": ["airliner"],
        "helicopter": ["chopper"],
        "train": ["locomotive"],
        "house": ["cottage", "cabin"],
        "mushroom": ["toadstool"],
        "cat": ["feline"],
        "dog": ["hound", "terrier"],
        "turtle": ["tortoise"],
        "crown": ["tiara"],
        "guitar": ["ukulele"],
        "cup": ["mug"],
    },
    "colour": {
        "red": ["ruby", "cherry"],
        "orange": ["amber"],
        "yellow": ["lemon"],
        "green": ["jade", "lime"],
        "blue": ["navy", "cobalt", "sapphire"],
        "purple": ["lavender", "plum"],
        "pink": ["magenta"],
        "white": ["ivory"],
        "black": ["ebony"],
    },
    "place": {
        "hills": ["prairie", "pasture"],
        "desert": ["sahara"],
        "snowfield": ["tundra", "arctic"],
        "city": ["metropolis"],
        "forest": ["woodland", "jungle"],
        "mountains": ["alps", "peaks"],
        "beach": ["seashore", "coast"],
        "underwater": ["seabed"],
        "room": ["bedroom", "indoors"],
        "space": ["galaxy", "cosmos"],
    },
    "time_of_day": {
        "day": ["noon", "midday"],
        "sunset": ["sundown"],
        "night": ["nighttime"],
        "dawn": ["daybreak"],
    },
    "weather": {
        "clouds": ["overcast"],
        "rain": ["drizzle", "downpour"],
        "snow": ["blizzard"],
        "fog": ["mist", "haze"],
    },
    "motion": {
        "rises": ["climbs", "soars"],
        "falls": ["plummets", "tumbles"],
        "spins": ["twirls", "whirls"],
        "grows": ["expands", "swells"],
        "shrinks": ["dwindles"],
        "swings": ["sways"],
        "jumps": ["leaps"],
    },
    "style": {
        "film noir": ["monochrome"],
        "watercolour": ["aquarelle"],
        "paper cut-out": ["papercraft"],
        "pixel": ["pixelated"],
        "archival": ["vintage"],
    },
}

_GERUND = {
    "sits": "sitting",
    "runs": "running",
    "spins": "spinning",
    "swims": "swimming",
    "gets": "getting",
    "drops": "dropping",
    "hops": "hopping",
    "zigzags": "zigzagging",
}


def gerund(verb: str) -> str:
    """ "rises slowly" -> "rising slowly"."""
    first, _, rest = verb.partition(" ")
    if first == "is":
        return rest
    if first in _GERUND:
        word = _GERUND[first]
    elif first in ("goes", "launches", "flies"):
        word = {"goes": "going", "launches": "launching", "flies": "flying"}[first]
    else:
        stem = first[:-1]  # without the s of the third person
        word = (stem[:-1] if stem.endswith("e") else stem) + "ing"
    return f"{word} {rest}".strip()


def _pick(words: list[str], rng: random.Random) -> str:
    """The plainest phrase half of the time."""
    return words[0] if rng.random() < 0.5 else rng.choice(words)


def _article(thing: str) -> str:
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def _join(*parts: str) -> str:
    return " ".join(p for p in parts if p)


def _verbs(actor_object: str, motion: str) -> tuple[list[str], list[str]]:
    """(verbs of this object alone, verbs of anything)."""
    return OWN_VERBS.get((actor_object, motion), []), MOTIONS[motion]


def _verb(scene: Scene, motion: str, rng: random.Random) -> str:
    own, common = _verbs(scene.object, motion)
    return _pick(own if own and rng.random() < 0.6 else common, rng)


def _where(scene: Scene, rng: random.Random) -> str:
    phrases = PLACES[scene.place]
    grounded = KINDS[scene.object].grounded and scene.place in ON_THE_GROUND
    if grounded and rng.random() < 0.6:
        phrases = ON_THE_GROUND[scene.place]
    return _pick(phrases, rng)


def _side(motion: str) -> str:
    return motion.rpartition(" ")[2]


# ---- captions -----------------------------------------------------------------------------------


def caption(scene: Scene, rng: random.Random, *, length: Length = "any") -> str:
    """One of many ways to describe `scene`; may leave some of it out.

    "short": one sentence or a list of words; "long": two sentences; "any": a mix of both.
    """
    if length not in ("short", "long", "any"):
        raise ValueError(f'length is "short", "long" or "any", not {length!r}')
    long = length == "long" or (length == "any" and rng.random() < 0.28)
    return _long(scene, rng) if long else _short(scene, rng)


def _thing(scene: Scene, actor: Actor, rng: random.Random) -> str:
    """ "large red balloon": with or without size and colour."""
    alone = len(scene.actors) == 1
    seen = 0.5 if scene.style in MONOCHROME else 0.95
    size = _pick(SIZES[actor.size], rng) if alone and rng.random() < 0.4 else ""
    colour = _pick(COLOURS[actor.colour], rng) if rng.random() < seen else ""
    noun = _pick(OBJECTS[actor.object], rng)
    if size and noun.split()[0] in ("little", "small"):
        size = ""
    return _join(size, colour, noun)


def _subject(
    scene: Scene, rng: random.Random, verb: str, doing: Callable[[str], str]
) -> tuple[str, str]:
    """(who, what they do), the verb put through `doing`."""
    things = [_thing(scene, actor, rng) for actor in scene.actors]
    others = " and ".join(_article(thing) for thing in things[1:])
    if not others:
        return things[0], doing(verb) if verb else ""
    if scene.relation == "following":
        chase = _pick(RELATIONS["following"], rng)
        return things[0], f"{doing(chase)} {others} to the {_side(scene.motion)}"
    relation = _pick(RELATIONS[scene.relation], rng)
    return things[0], _join(doing(verb) if verb else "", relation, others)


def _extras(scene: Scene, rng: random.Random) -> tuple[str, str]:
    """(camera, style), mostly said where they are not the usual ones."""
    camera = scene.camera != "static"
    styled = scene.style != "plain"
    return (
        _pick(CAMERAS[scene.camera], rng) if rng.random() < (0.88 if camera else 0.04) else "",
        _pick(STYLES[scene.style], rng) if rng.random() < (0.92 if styled else 0.03) else "",
    )


def _sky(scene: Scene, rng: random.Random, phrases: Phrases) -> str:
    if scene.place in SHELTERED:
        return ""
    keep = 0.15 if scene.weather == "clear" else 0.92
    return _pick(phrases[scene.weather], rng) if rng.random() < keep else ""


def _short(scene: Scene, rng: random.Random) -> str:
    said = rng.random() < 0.85 or bool(scene.then)
    verb = _verb(scene, scene.motion, rng) if said else ""
    second = _verb(scene, scene.then, rng) if scene.then else ""
    place = _where(scene, rng) if rng.random() < 0.95 else ""
    # space is always dark: the time goes without saying
    when = _pick(TIMES[scene.time], rng) if rng.random() < 0.95 and scene.place != "space" else ""
    sky = _sky(scene, rng, WEATHERS)
    camera, style = _extras(scene, rng)
    form = rng.random()
    if form < 0.52:  # a red balloon rises over the ocean at sunset
        who, does = _subject(scene, rng, verb, str)
        does = f"{does} and then {second}" if second else does
        text = _join(_article(who), does, place, when, sky)
    elif form < 0.68:  # at sunset, a red balloon rises over the ocean
        lead = when or place
        who, does = _subject(scene, rng, verb, str)
        does = f"{does} and then {second}" if second else does
        text = _join(f"{lead}," if lead else "", _article(who), does)
        text = _join(text, place if lead == when else "", sky)
    elif form < 0.80:  # a video of a red balloon rising over the ocean, at sunset
        who, does = _subject(scene, rng, verb, gerund)
        does = f"{does} and then {gerund(second)}" if second else does
        lead = rng.choice(
            ["a video of", "a clip of", "an animation of", "a picture of", "there is"]
        )
        text = _join(lead, _article(who), does, place)
        text += "".join(f", {p}" for p in (when, sky) if p)
    elif form < 0.92:  # over the ocean at sunset there is a red balloon rising
        who, does = _subject(scene, rng, verb, gerund)
        does = f"{does} and then {gerund(second)}" if second else does
        text = _join(place, when, sky, _article(who), does)
    else:  # red balloon, rising, over the ocean, at sunset
        who, does = _subject(scene, rng, verb, gerund)
        does = f"{does}, then {gerund(second)}" if second else does
        text = ", ".join(p for p in (who, does, place, when, sky) if p)
    text += "".join(f", {p}" for p in (style, camera) if p)
    return text[0].upper() + text[1:] + "." if rng.random() < 0.3 else text


def _long(scene: Scene, rng: random.Random) -> str:
    verb = _verb(scene, scene.motion, rng)
    who, does = _subject(scene, rng, verb, str)
    if scene.then:
        does = f"{does}, and then it {_verb(scene, scene.then, rng)}"
    place = _where(scene, rng)
    dark = scene.place == "space"
    early = not dark and rng.random() < 0.5  # the time of day in the first sentence
    when = _pick(TIMES[scene.time], rng) if early else ""
    first = _join(_article(who), does, place, when)
    if when and rng.random() < 0.4:
        first = f"{when}, " + _join(_article(who), does, place)
    camera, _ = _extras(scene, rng)
    if camera and not camera.startswith(("the", "a")):
        camera = CAMERAS[scene.camera][1 if scene.camera == "static" else 0]
    if camera.startswith(("a ", "an ")):
        camera = f"there is {camera}"
    look = ""
    if rng.random() < (0.92 if scene.style != "plain" else 0.05):
        look = _pick(_LOOKS[scene.style], rng)
    light = "" if early or dark else _pick(_LIGHTS[scene.time], rng)
    clauses = [c for c in (light, _sky(scene, rng, _SKIES), camera, look) if c]
    if not clauses:
        clauses = [CAMERAS["static"][1]] if scene.camera == "static" else [CAMERAS[scene.camera][0]]
    second = clauses[0] if len(clauses) == 1 else f"{', '.join(clauses[:-1])} and {clauses[-1]}"
    return f"{first[0].upper()}{first[1:]}. {second[0].upper()}{second[1:]}."


def plain(scene: Scene) -> str:
    """The shortest full caption: first phrases only. Used by tests and the evaluation."""
    things = [_article(f"{a.colour} {OBJECTS[a.object][0]}") for a in scene.actors]
    own, common = _verbs(scene.object, scene.motion)
    verb = (own or common)[0]
    if scene.relation == "following":
        verb = (
            f"{RELATIONS['following'][0]} {' and '.join(things[1:])} to the {_side(scene.motion)}"
        )
    elif scene.relation:
        verb = _join(verb, RELATIONS[scene.relation][0], " and ".join(things[1:]))
    if scene.then:
        own, common = _verbs(scene.object, scene.then)
        verb += f" and then {(own or common)[0]}"
    grounded = KINDS[scene.object].grounded and scene.place in ON_THE_GROUND
    place = ON_THE_GROUND[scene.place][0] if grounded else PLACES[scene.place][0]
    text = _join(
        things[0],
        verb,
        place,
        TIMES[scene.time][0] if scene.place != "space" else "",
        WEATHERS[scene.weather][0] if scene.weather != "clear" else "",
    )
    if scene.style != "plain":
        text += f", {STYLES[scene.style][0]}"
    if scene.camera != "static":
        text += f", {CAMERAS[scene.camera][0]}"
    return text


def spans(scene: Scene, rng: random.Random) -> list[tuple[float, str]]:
    """Storyboard captions: (start second, text), one for each part of the clip."""
    if not scene.then:
        return [(0.0, caption(scene, rng))]
    first = replace(scene, then="")
    later = replace(first, actors=(replace(scene.actors[0], motion=scene.then), *scene.actors[1:]))
    return [(0.0, caption(first, rng)), (THEN_AT, caption(later, rng))]


# ---- the mirrored clip --------------------------------------------------------------------------

_SWAPPED = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}


def mirrored(text: str) -> str:
    """The caption of the left-right mirrored clip."""
    return re.sub(r"\b(left|right)\b", lambda m: _SWAPPED[m.group()], text, flags=re.IGNORECASE)


def mirrored_scene(scene: Scene) -> Scene:
    """The attributes of the mirrored clip (the layout is mirrored by flipping pixels)."""
    return replace(
        scene,
        actors=tuple(replace(a, motion=mirrored(a.motion)) for a in scene.actors),
        relation=mirrored(scene.relation),
        camera=mirrored(scene.camera),
        then=mirrored(scene.then),
    )


# ---- the vocabulary -----------------------------------------------------------------------------


def unseen_synonyms() -> dict[str, tuple[str, str]]:
    """Word -> (attribute, canonical name): words that are in no caption."""
    return {
        word: (attribute, name)
        for attribute, names in UNSEEN.items()
        for name, words in names.items()
        for word in words
    }


_LEADING = (
    "over ", "above ", "in front of ", "inside ", "in ", "by ", "at ", "on ", "under ", "with ",
    "while ", "during ", "after ", "as ", "a ", "an ", "the ", "among ", "like ", "wrapped in ",
)  # fmt: skip


def _bare(phrases: list[str]) -> list[str]:
    """Without prepositions and articles, each once."""
    words = []
    for phrase in phrases:
        shorter = phrase
        while cut := next((p for p in _LEADING if shorter.startswith(p)), None):
            shorter = shorter[len(cut) :]
        words.append(shorter)
    return list(dict.fromkeys(words))


def vocabulary() -> dict[str, dict[str, list[str]]]:
    """What the model knows, canonical name to words: the content of vocabulary.json."""

    def motion(name: str) -> list[str]:
        verbs = MOTIONS[name] + [v for (_, m), own in OWN_VERBS.items() if m == name for v in own]
        return [form for verb in dict.fromkeys(verbs) for form in (verb, gerund(verb))]

    return {
        "objects": OBJECTS,
        "colours": COLOURS,
        "sizes": SIZES,
        "places": {k: _bare(v + ON_THE_GROUND.get(k, [])) for k, v in PLACES.items()},
        "times": {k: _bare(v + _LIGHTS[k]) for k, v in TIMES.items()},
        "weathers": {k: _bare(v + _SKIES[k]) for k, v in WEATHERS.items()},
        "motions": {k: motion(k) for k in MOTIONS},
        "cameras": {k: _bare(v) for k, v in CAMERAS.items()},
        "styles": {k: _bare(v + _LOOKS[k]) for k, v in STYLES.items()},
        "relations": {
            k: v + (["following"] if k == "following" else []) for k, v in RELATIONS.items()
        },
    }
