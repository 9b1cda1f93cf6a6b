"""A judge's votes on one sample: like topics together, what they mean in the pack's words, and what all of it cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.data.samples import JudgmentVote, Pair, TopicVote
from engine.words import count, dollars, integer, number

_ATTEMPT: Final = 1000


@dataclass(frozen=True, slots=True)
class TopicLine:
    """A topic that `n` votes named, or why they named none; `match` says in words how it relates to the prompt's concept."""

    topic: str | None
    n: int
    kind: str | None
    match: str
    similarity: float | None
    reason: str | None


def topic_lines(votes: Sequence[TopicVote], *, asked: str, names: Mapping[str, str]) -> tuple[TopicLine, ...]:
    """Topics in the order of their first vote, those that are the same in one line; `asked` is the prompt's concept."""
    found: dict[tuple[str | None, str | None], list[TopicVote]] = {}
    for vote in votes:
        found.setdefault((vote.topic, vote.unscored_reason), []).append(vote)
    return tuple(_line(same[0], len(same), asked, names) for same in found.values())


def _line(vote: TopicVote, n: int, asked: str, names: Mapping[str, str]) -> TopicLine:
    words = match_words(vote, asked=names.get(asked, asked), names=names)
    return TopicLine(vote.topic, n, vote.topic_match, words, vote.similarity, vote.unscored_reason)


def match_words(vote: TopicVote, *, asked: str, names: Mapping[str, str]) -> str:
    """How a topic relates to the concept that was asked for; empty where nobody compared them."""
    if vote.topic_match is None:
        return ""
    named = names.get(vote.topic_concept or "", vote.topic_concept)
    if vote.topic_match == "other":
        return f"the concept {named}, neither {asked} nor near it" if named else "no concept of the pack"
    if named is None and vote.topic_match in ("sibling", "ancestor"):
        return f"one of several {'siblings' if vote.topic_match == 'sibling' else 'ancestors'} of {asked}"
    return {
        "exact": f"{asked} itself",
        "alias": f"another name of {asked}",
        "sibling": f"{named}, a sibling of {asked}",
        "ancestor": f"{named}, which {asked} belongs to",
    }[vote.topic_match]


def spread_words(pair: Pair) -> str:
    """Of how many votes a rating is the mean, and how far they lie apart; empty for one plain vote."""
    detail = pair.detail
    is_distribution = any(vote.probabilities for vote in pair.judgments)
    if detail.n_votes < 2 and not is_distribution:
        return ""
    of = f"mean of {count(detail.n_votes, 'vote')}" if detail.n_votes > 1 else "mean of the distribution"
    unscored = f", {integer(detail.n_unscored)} unscored" if detail.n_unscored else ""
    return f"{of}{unscored}, spread {number(detail.judge_spread)}"


def cut_words(pair: Pair) -> str:
    """What the judge was not shown of the text; empty where it saw all."""
    n_cut = max((vote.n_chars_cut for vote in _all(pair)), default=0)
    n_all = len(pair.detail.output)
    return f"the first {integer(n_all - n_cut)} of {integer(n_all)} characters" if n_cut else ""


def cost_words(pair: Pair) -> str:
    """What the votes on this sample and pair have cost; empty where they cost nothing."""
    votes = _all(pair)
    known = sum(vote.cost_usd for vote in votes if vote.cost_usd is not None)
    n_unknown = sum(vote.cost_usd is None for vote in votes)
    if not known and not n_unknown:
        return ""
    unknown = f"{count(n_unknown, 'vote')} at an unknown price" if n_unknown else ""
    paid = f"{dollars(known)} for {count(len(votes) - n_unknown, 'vote')}" if known else ""
    return " and ".join(part for part in (paid, unknown) if part)


def _all(pair: Pair) -> list[TopicVote | JudgmentVote]:
    return [*pair.topics, *pair.judgments]


def raw_replies(pair: Pair) -> tuple[tuple[str, str], ...]:
    """What the judge replied word for word, each with what was asked."""
    return (*_raw("Topic", pair.topics), *_raw("Relevance", pair.judgments))


def _raw(asked: str, votes: Iterable[TopicVote | JudgmentVote]) -> list[tuple[str, str]]:
    said = [vote for vote in votes if vote.raw_reply]
    return [(f"{asked}, {_vote_words(vote.vote)}" if len(said) > 1 else asked, vote.raw_reply) for vote in said]


def _vote_words(number: int) -> str:
    """A vote's place from 1 on; what was asked again has the number attempt * 1000 + vote."""
    attempt, vote = divmod(number, _ATTEMPT)
    return f"vote {vote + 1}, asked again" if attempt else f"vote {vote + 1}"
