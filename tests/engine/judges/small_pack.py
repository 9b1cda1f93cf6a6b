"""A pack of drinks and tools, small enough to be known by heart."""

from engine.packs.pack import Concept, Pack, Sense


def concept(term: str, *parents: str, layer: int = 1, **others: object) -> Concept:
    """A concept with a definition; further fields by name."""
    values: dict[str, object] = {
        "definition": f"what people know as {term}",
        "aliases": (),
        "senses": (),
        "n_senses": 1,
    }
    return Concept(term, layer, parents, **(values | others))  # type: ignore[arg-type]


def pack_of(*concepts: Concept) -> Pack:
    """A pack of these concepts."""
    return Pack("small", "1", "here", "made up", concepts)


PACK = pack_of(
    concept("drink", layer=0, aliases=("beverage",)),
    concept("tool", layer=0),
    concept("gin", "drink", definition="clear spirit flavoured with juniper", aliases=("geneva",)),
    concept("vodka", "drink", definition="clear spirit from grain", aliases=("wodka", "voddy")),
    concept("wodka", "drink"),
    concept("nameless", "drink", definition=""),
    concept("hammer", "tool", senses=(Sense("1.n", "a piano's part", ("striker", "geneva")),)),
    concept("bow and arrow", "tool"),
    concept("knife", "tool", aliases=("shaft",)),
    concept("fire_axe", "tool", aliases=("shaft",)),
    concept("MedicalClinic", label="medical clinic", layer=0),
    concept("C", layer=0),
    concept("C++", layer=0),
    concept("café", layer=0),
    concept("arm", layer=0),
    concept("arms", layer=0),
    concept("scissors", "tool"),
    concept("bank (river)", layer=0, label="bank (river)", origin="bank"),
    concept("bank (money)", layer=0, label="bank (money)", origin="bank"),
    concept("claw hammer", "hammer", layer=2),
    concept("***", layer=0),
    concept("!!!", layer=0),
)
