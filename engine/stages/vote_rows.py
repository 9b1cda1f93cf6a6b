"""An answer of a judge as the study keeps it: a row of topics or of judgments."""

from typing import Any

from db.rows import JudgmentRow, TopicRow
from engine.judges.judge import Answer, Rating, Topic, Unscored
from engine.judges.vocabulary import Vocabulary
from engine.stages.progress import now


def to_row(judge: str, answer: Answer, prompt_concept: str, vocabulary: Vocabulary) -> TopicRow | JudgmentRow:
    """The row of an answer; a topic is matched with the concept that the prompt named."""
    concept = answer.question.concept
    if concept is None:
        return TopicRow(**_shared(judge, answer), **_topic(answer, prompt_concept, vocabulary))
    return JudgmentRow(**_shared(judge, answer), concept=concept, **_rating(answer))


def unscored_reason(answer: Answer) -> str | None:
    """Why an answer is no score."""
    return answer.said.reason if isinstance(answer.said, Unscored) else None


def _shared(judge: str, answer: Answer) -> dict[str, Any]:
    """What both kinds of rows hold."""
    usage = answer.usage
    return {
        "judge_id": judge,
        "sample_id": answer.question.sample_id,
        "vote": answer.question.vote,
        "unscored_reason": unscored_reason(answer),
        "raw_reply": answer.raw_reply,
        "n_input_tokens": usage.n_input_tokens,
        "n_output_tokens": usage.n_output_tokens,
        "cost_usd": usage.cost_usd,
        "judged_at": now(),
        "n_cache_read_tokens": usage.n_cache_read_tokens,
        "n_cache_write_tokens": usage.n_cache_write_tokens,
        "n_chars_cut": answer.n_chars_cut,
    }


def _topic(answer: Answer, prompt_concept: str, vocabulary: Vocabulary) -> dict[str, Any]:
    topic = answer.said if isinstance(answer.said, Topic) else None
    # What an imported negative was asked to be about is unknown.
    match = vocabulary.match(topic.topic, concept=prompt_concept) if topic and prompt_concept else None
    return {
        "topic": topic.topic if topic else None,
        "similarity": topic.similarity if topic else None,
        "topic_concept": match.topic_concept if match else None,
        "topic_match": match.match if match else None,
    }


def _rating(answer: Answer) -> dict[str, Any]:
    rating = answer.said if isinstance(answer.said, Rating) else None
    return {
        "rating": rating.rating if rating else None,
        "explanation": rating.explanation if rating else None,
        "probabilities": rating.probabilities if rating else None,
        "expected_rating": rating.expected if rating else None,
    }
