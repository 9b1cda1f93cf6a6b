"""Decide which samples serve which concept, before a token is generated.

A sample is (prompt concept, template, draw): a natural key, so a text about gin that is a positive for gin and a
negative for vodka is asked for once. A concept's negatives use the same templates as its positives, one for one, so that
the template says nothing about the arm. A negative is never about an ancestor, a descendant or another name of the concept.
"""

import gc
import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from engine.config import StudyConfig
from engine.errors import PackError
from engine.packs.pack import Pack
from engine.prompts.related import Relations
from engine.prompts.templates import TemplateSet

NegativeKind = Literal["sibling", "unrelated", "opposite"]


@dataclass(frozen=True, slots=True)
class PlannedSample:
    """One text to ask for; `sample_id` is the hash of run, prompt concept, template and draw."""

    sample_id: str
    prompt_concept: str
    template: str
    draw: int
    prompt: str
    seed: int


@dataclass(frozen=True, slots=True)
class PlannedPair:
    """A sample in the service of a concept; `u` is its permanent audit number in [0, 1)."""

    concept: str
    sample: PlannedSample
    arm: Literal["positive", "negative"]
    negative_kind: NegativeKind | None
    u: float


class Planner:
    """Plans the pairs of a run; the same run id, pack, templates and settings give the same plan."""

    def __init__(self, pack: Pack, templates: TemplateSet, config: StudyConfig, *, run_id: str) -> None:
        self.pack, self.templates, self.config, self.run_id = pack, templates, config, run_id
        self._relations = Relations(pack)
        self._samples: dict[tuple[str, str, int], PlannedSample] = {}
        self._prompts: dict[tuple[str, str], str] = {}

    def plan(self, concepts: Sequence[str]) -> tuple[PlannedPair, ...]:
        """Pairs of all the concepts, concept by concept, positives first."""
        with _collector_paused():
            return tuple(pair for concept in concepts for pair in self._plan_concept(concept, concepts))

    def _plan_concept(self, concept: str, selected: Sequence[str]) -> Iterator[PlannedPair]:
        names = self._template_order(concept)
        for i in range(self.config.n_positive):
            template, draw = names[i % len(names)], i // len(names)
            yield self._pair(concept, self._sample(concept, template, draw), None)
        n_uses: Counter[str] = Counter()
        for i, (kind, other) in enumerate(self._negatives(concept, selected)):
            template, draw = names[i % len(names)], i // len(names)
            if not self.pack.by_term[other].definition:
                template, draw = self._undefined_template(other, n_uses)
            yield self._pair(concept, self._sample(other, template, draw), kind)

    def _template_order(self, concept: str) -> list[str]:
        """The templates in an order of the concept's own; without a definition, those that need none."""
        has_definition = bool(self.pack.by_term[concept].definition)
        names = [n for n, text in self.templates.templates.items() if has_definition or "{definition" not in text]
        if not names:
            raise PackError(
                f'"{concept}" has no definition, and every template of the set "{self.templates.name}" asks for one.',
                hint="Choose another template set, or leave the concept out.",
            )
        random.Random(_number(f"{self.config.seed}|templates|{concept}")).shuffle(names)
        return names

    def _undefined_template(self, concept: str, n_uses: Counter[str]) -> tuple[str, int]:
        """Template and draw for the next text about a concept without definition, by how often it has been used."""
        names, i = self._template_order(concept), n_uses[concept]
        n_uses[concept] += 1
        return names[i % len(names)], i // len(names)

    def _negatives(self, concept: str, selected: Sequence[str]) -> Iterator[tuple[NegativeKind, str]]:
        """Siblings and unrelated concepts in turn, each list shuffled and gone through before it repeats."""
        rng = random.Random(_number(f"{self.config.seed}|negatives|{concept}"))
        banned = self._relations.related(concept)
        siblings = [term for term in self.pack.siblings(concept) if term not in banned]
        unrelated = self._unrelated(concept, banned | set(siblings), selected, rng)
        rng.shuffle(siblings)
        n, n_siblings = self.config.n_negative, 0
        for i in range(n):
            take_sibling = round((i + 1) * self.config.sibling_share) > n_siblings
            if siblings and (take_sibling or not unrelated):
                yield "sibling", siblings[n_siblings % len(siblings)]
                n_siblings += 1
            elif unrelated:
                yield "unrelated", unrelated[(i - n_siblings) % len(unrelated)]

    def _unrelated(self, concept: str, banned: set[str], selected: Sequence[str], rng: random.Random) -> list[str]:
        """Concepts of the run first, since their texts exist already; the rest of the pack when they are too few."""
        # Never more than it takes, so that the cost of a plan grows with the plan and not with the pack's square.
        drawn = rng.sample(selected, min(len(selected), self.config.n_negative + len(banned)))
        pool = [term for term in drawn if term not in banned][: self.config.n_negative]
        if len(pool) < min(self.config.n_negative, 8):
            layer = self.pack.by_term[concept].pack_layer
            others = [
                other.term
                for other in self.pack.concepts
                if other.pack_layer == layer and other.term not in banned and other.term not in pool
            ]
            rng.shuffle(others)
            pool += others[: self.config.n_negative]
        return pool

    def _sample(self, concept: str, template: str, draw: int) -> PlannedSample:
        key = (concept, template, draw)
        if key not in self._samples:
            text = f"{self.run_id}|{concept}|{template}|{draw}"
            self._samples[key] = PlannedSample(
                sample_id=hashlib.blake2b(text.encode(), digest_size=8).hexdigest(),
                prompt_concept=concept,
                template=template,
                draw=draw,
                prompt=self._prompt(concept, template),
                seed=_number(f"{self.config.seed}|sample|{concept}|{template}|{draw}"),
            )
        return self._samples[key]

    def _prompt(self, concept: str, template: str) -> str:
        if (concept, template) not in self._prompts:
            entry = self.pack.by_term[concept]
            text = self.templates.templates[template].format(term=entry.name, definition=entry.definition)
            self._prompts[concept, template] = text
        return self._prompts[concept, template]

    def _pair(self, concept: str, sample: PlannedSample, kind: NegativeKind | None) -> PlannedPair:
        u = (_number(f"{self.config.seed}|audit|{concept}|{sample.sample_id}") >> 10) / 2**53
        return PlannedPair(concept, sample, "negative" if kind else "positive", kind, u)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """A plan is millions of objects without circles; looking for some among them takes as long as planning."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _number(key: str) -> int:
    """A 63-bit number that depends on nothing but the key."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") >> 1
