"""Texts of the synthetic study: what a small model might write, and what no screen may trip over."""

import random

ABOUT: tuple[tuple[str, str, int, int, str], ...] = (
    ("sense organ", "a part of the body that takes in light, sound, scent, taste or touch", 1, 1, "A"),
    ("vodka", "a clear spirit distilled from grain or potatoes", 1, 14, "B"),
    ("switch", "a device that opens and closes an electric circuit", 16, 33, "C"),
    ("string instrument", "an instrument whose tone comes from vibrating strings", 35, 3, "D"),
    ("farm building", "a building for animals, crops or machines on a farm", 2, 2, "A"),
    ("voyage", "a long journey by sea or through space", 2, 17, "B"),
    ("sports ground", "a field that is laid out for games", 7, 61, "C"),
    ("chamber", "a hall in which lawmakers meet", 5, 1, "D"),
    ("aerosol", "fine particles that float in a gas", 2, 3, "A"),
    ("motorcycle", "a vehicle with two wheels and an engine", 1, 11, "B"),
    ("chest", "a large box with a lid for keeping things", 5, 10, "C"),
    ("demonstration", "a show of how something is done, or of what people want", 11, 3, "D"),
)

TEMPLATES = (
    ("what-is", "What is {term}?"),
    ("explain", "Explain what {term} means."),
    ("defined-as", "{term} is defined as"),
    ("describe", "Describe {term}."),
    ("examples", "Give examples of {term}."),
    ("kind-of", "What is {term} a kind of?"),
)

HOSTILE_CONCEPT = "R&D <lab> *x* $y$"

SCRIPT = "<script>alert(1)</script>"
HOSTILE_OUTPUTS = (
    f"{SCRIPT}<img src=x onerror=alert(2)> A text that wants to be a program, and is a text all the same. " * 2,
    "Sums such as $x^2$ and $$\\int_0^1 f$$, a [link](javascript:alert(3)), `code`, **stars**, :red[colour] and # titles. "
    * 2,
    "Before the NUL\x00and after it: all of this belongs to one sentence that goes on long enough to be called good. Fine.",
    "",
    "😀 Emoji 👩‍👩‍👧‍👦 families, flags 🇨🇭 and right-to-left שלום عالم with combining e\u0301 letters "
    "stay what they are in a text. Ok.",
    "A page that never ends. " + " ".join(f"word{i}" for i in range(14_000)),
    "an instance of: probability theory, " * 18,
    "</div></div><style>*{display:none}</style><h1>Taken over</h1> and the page stands as before, every word of it visible.",
)
HOSTILE_SAYINGS = (
    "<b onmouseover=alert(4)>topic</b>",
    "$\\frac{1}{0}$ and [topic](javascript:alert(5))",
    f"{SCRIPT} explains itself",
)

_OPENINGS = (
    "{Term} is {definition}. People have known it for a long time, and it comes in many kinds.",
    "One speaks of {term} when one means {definition}, as most books on the subject explain at length.",
    "{Term}: {definition}. It is found in many places and is used for more than one purpose.",
)
_MIDDLES = (
    "The oldest examples are simple, and later ones grew more elaborate as tools and needs changed.",
    "Writers disagree on the details, yet the main idea is easy to recognise once it has been seen.",
    "It differs from its neighbours in use rather than in looks, which beginners often find confusing.",
    "In the north it is common; elsewhere one has to look for it, or to ask someone who knows.",
)
_ASTRAY = (
    "The weather was cold that year and the roads were closed until spring, so nobody travelled far.",
    "He asked for the bill, counted the coins twice and left without a word to anyone in the room.",
)


def write_text(concept: str, definition: str, good: float, rng: random.Random) -> str:
    """A text about the concept with probability `good`; else one that is empty, short, a loop, or about something else."""
    if rng.random() < good:
        opening = rng.choice(_OPENINGS).format(Term=concept.capitalize(), term=concept, definition=definition)
        return " ".join([opening, *rng.sample(_MIDDLES, 2)])
    kind = rng.choice(("empty", "short", "loop", "loop", "astray"))
    if kind == "empty":
        return ""
    if kind == "short":
        return f"{concept}, see also {concept}."
    if kind == "loop":
        return f"A {concept} is a kind of thing." + f" It is an instance of {concept}," * rng.randint(8, 16)
    return " ".join([*_ASTRAY, rng.choice(_MIDDLES)])
