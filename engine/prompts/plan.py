"""Decide which samples serve which concept, before a token is generated.

A sample is (prompt concept, template, draw): a natural key, so a text about gin that is a positive for gin and a
negative for vodka is asked for once. A concept's negatives use the same templates as its positives, one for one, so that
the template says nothing about the arm. A negative is never about an ancestor, a descendant or another name of the concept.
A prompt is asked again (as the next draw) only when no other is left: texts of one prompt are less than texts of two.
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
from engine.errors import ConfigError
from engine.packs.pack import Pack
from engine.prompts.negatives import Cycle, NegativeKind, kinds_in_turn
from engine.prompts.related import Relations
from engine.prompts.templates import TemplateSet


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
        self._unsuited = {
            name: {concept.term for concept in pack.concepts if not templates.suits(name, concept)}
            for name in templates.templates
        }

    def plan(self, concepts: Sequence[str]) -> tuple[PlannedPair, ...]:
        """Pairs of all the concepts, concept by concept, positives first."""
        with collector_paused():
            return tuple(pair for concept in concepts for pair in self._plan_concept(concept, concepts))

    def _plan_concept(self, concept: str, selected: Sequence[str]) -> Iterator[PlannedPair]:
        names = self._template_order(concept)
        for i in range(self.config.n_positive):
            template, draw = names[i % len(names)], i // len(names)
            yield self._pair(concept, self._sample(concept, template, draw), None)
        used: Counter[tuple[str, str]] = Counter()
        for kind, other, template in self._negatives(concept, names, selected):
            yield self._pair(concept, self._sample(other, template, used[other, template]), kind)
            used[other, template] += 1

    def _template_order(self, concept: str) -> list[str]:
        """The templates that suit the concept and give different prompts, shuffled."""
        entry = self.pack.by_term[concept]
        names = [name for name in self.templates.templates if self.templates.suits(name, entry)]
        if not names:
            raise ConfigError(
                f'"{concept}" has no definition, and every template of the set "{self.templates.name}" names one.',
                hint="Choose another template set, or give the concept a definition.",
            )
        random.Random(_number(f"{self.config.seed}|templates|{concept}")).shuffle(names)
        return list({self.templates.fill(name, entry): name for name in reversed(names)}.values())[::-1]

    def _negatives(
        self, concept: str, templates: Sequence[str], selected: Sequence[str]
    ) -> Iterator[tuple[NegativeKind, str, str]]:
        """Kind, concept and template of each negative; kinds in turn, each list shuffled and gone through before it repeats."""
        cycles = self._candidates(concept, templates, selected)
        opposite, sibling = self.config.opposite_share, self.config.sibling_share
        shares: dict[NegativeKind, float] = {
            "sibling": sibling,
            "unrelated": max(0.0, 1 - sibling - opposite),
            "opposite": opposite,
        }
        met: dict[str, set[str]] = {template: set() for template in templates}
        for i, kind in enumerate(kinds_in_turn(self.config.n_negative, shares, set(cycles))):
            template = templates[i % len(templates)]
            other = cycles[kind].take(met[template])
            met[template].add(other)
            yield kind, other, template

    def _candidates(self, concept: str, templates: Sequence[str], selected: Sequence[str]) -> dict[NegativeKind, Cycle]:
        """The concepts of each kind that has any; none is of two kinds, and each suits all the templates."""
        rng = random.Random(_number(f"{self.config.seed}|negatives|{concept}"))
        entry, banned = self.pack.by_term[concept], self._relations.related(concept)
        banned = banned.union(*(self._unsuited[name] for name in templates))
        opposites = [term for term in entry.opposites if term in self.pack.by_term and term not in banned]
        known = banned | (set(opposites) if self.config.opposite_share else set())
        siblings = [term for term in self.pack.siblings(concept) if term not in known]
        unrelated = self._unrelated(concept, known | set(siblings) | set(opposites), selected, rng)
        rng.shuffle(siblings)
        found: dict[NegativeKind, list[str]] = {"sibling": siblings, "unrelated": unrelated}
        if self.config.opposite_share:
            found["opposite"] = opposites
        return {kind: Cycle(terms) for kind, terms in found.items() if terms}

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
                prompt=self.templates.fill(template, self.pack.by_term[concept]),
                seed=_number(f"{self.config.seed}|sample|{concept}|{template}|{draw}"),
            )
        return self._samples[key]

    def _pair(self, concept: str, sample: PlannedSample, kind: NegativeKind | None) -> PlannedPair:
        u = (_number(f"{self.config.seed}|audit|{concept}|{sample.sample_id}") >> 10) / 2**53
        return PlannedPair(concept, sample, "negative" if kind else "positive", kind, u)


@contextmanager
def collector_paused() -> Iterator[None]:
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
