"""The tables of a dataset, and what each of their columns says; the queries are `db/sql/datasets.sql`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns in order; rows are read run by run, `by_judge` beside each judge, `in_parts` of its texts."""

    name: str
    about: str
    columns: Mapping[str, str]
    by_judge: bool = False
    in_parts: bool = False


RUN = "the run, see `runs`"
SAMPLE = "the text, see `samples`"
JUDGE = "the judge, see `judges`"
CONCEPT = "the concept, see `concepts`"
LAYERS = "layers of the model that the lens reads, joined by +"
LENS = {
    "family": "kind of classifier",
    "layers": LAYERS,
    "phase": "activations of the prompt or of the output",
    "mode": "output captured after its prompt (in_context) or alone (output_only)",
    "pool": "mean over tokens, or the last token",
}
VOTE = {
    "raw_reply": "what the judge wrote, whole",
    "n_input_tokens": "tokens that were read",
    "n_output_tokens": "tokens that were written",
    "n_chars_cut": "characters of the text that the judge was not shown",
    "cost_usd": "US dollars; null where nobody told a price",
    "judged_at": "time, UTC",
}

TABLES = (
    Table(
        "samples",
        "Texts that the model wrote, with prompt, sampling and form. Null in imported runs: what the import does not know.",
        {
            "sample_id": "key of the text",
            "run_id": RUN,
            "model": "the model that wrote it; of a folder, the last part of its path",
            "prompt_concept": "the concept that the prompt asks about; null where unknown",
            "template": "name of the prompt's template",
            "prompt": "the prompt; null where unknown",
            "text": "the output, as the model wrote it",
            "finish_reason": "stop: the model ended it; length: it was cut",
            "n_prompt_tokens": "tokens of the prompt",
            "n_output_tokens": "tokens of the output",
            "seed": "of this text",
            "temperature": "of sampling",
            "top_p": "of sampling",
            "max_new_tokens": "longest output that was allowed",
            "generated_at": "time, UTC",
            "n_chars": "characters, stripped",
            "n_words": "words",
            "tail_loop_share": "share of the text that is a loop at its end",
            "repeated_4gram_share": "share of groups of four words that come again",
            "distinct_2": "distinct share of pairs of words; null below two words",
            "zlib_ratio": "compressed length by length; null for an empty text",
            "first30_count": "how often the first 30 characters occur",
            "form_study": "empty, short, repetitive or good, by the study's rule",
            "form_loop": "the same, by the rule that looks for loops",
        },
        in_parts=True,
    ),
    Table(
        "pairs",
        "Which text serves which concept in which arm; a text may serve several.",
        {
            "run_id": RUN,
            "concept": CONCEPT,
            "quadrant": "A few senses and few siblings, B few and many, C many and many, D many and few; null between",
            "sample_id": SAMPLE,
            "arm": "positive or negative",
            "negative_kind": "sibling, unrelated or opposite; null for positives and where unknown",
            "position": "place in the run",
        },
    ),
    Table(
        "judgments",
        "Every vote of every judge on how relevant a text is to a concept.",
        {
            "run_id": RUN,
            "judge_id": JUDGE,
            "concept": CONCEPT,
            "sample_id": SAMPLE,
            "vote": "number of the vote",
            "rating": "1 to 5; null where the vote has no score",
            "explanation": "what the judge gave as its reason",
            "unscored_reason": "why there is no rating",
            **{f"p_{rating}": f"probability of rating {rating}, where the judge knows it" for rating in range(1, 6)},
            "expected_rating": "mean of these probabilities",
            **VOTE,
        },
    ),
    Table(
        "topics",
        "Every vote of every judge on what a text is about, told from the text alone.",
        {
            "run_id": RUN,
            "judge_id": JUDGE,
            "sample_id": SAMPLE,
            "vote": "number of the vote",
            "topic": "what the judge named; null where the vote has no score",
            "topic_concept": "the pack's concept that the topic names, if one",
            "topic_match": "how that concept stands to the prompt's: exact, alias, sibling, ancestor, other",
            "similarity": "of topic and concept, where it was measured",
            "unscored_reason": "why there is no topic",
            **VOTE,
        },
    ),
    Table(
        "verdicts",
        "The rating in force of each pair: a person's override, else an audit rating, else the judge's mean. One row a judge.",
        {
            "run_id": RUN,
            "judge_id": f"{JUDGE}; null in a run that nobody judged",
            "concept": CONCEPT,
            "sample_id": SAMPLE,
            "arm": "positive or negative",
            "judge_rating": "mean of the judge's votes",
            "judge_spread": "standard deviation of the votes; null for a single one",
            "n_votes": "votes with a rating",
            "n_unscored": "votes without one",
            "override_rating": "a person's replacement of the judge's rating",
            "audit_rating": "a person's blind rating of a drawn pair",
            "inclusion_probability": "with which the pair was drawn for the audit",
            "verdict": "the rating in force; null where nobody rated the pair",
            "verdict_source": "override, audit or judge",
        },
        by_judge=True,
    ),
    Table(
        "ratings",
        "All that people ever said of pairs, undone ratings and the undos too; nothing is ever deleted.",
        {
            "run_id": RUN,
            "order_number": "place in the study's history",
            "rating_id": "key of the row",
            "concept": CONCEPT,
            "sample_id": SAMPLE,
            "reviewer": "who said it",
            "source": "override or audit",
            "rating": "1 to 5; null in an undo",
            "undoes": "the row that an undo takes back",
            "is_undone": "whether a later undo took it back, for good",
            "is_in_force": "whether it is the latest word on its pair",
            "inclusion_probability": "with which an audited pair was drawn",
            "blind": "whether the reviewer saw no judge's rating",
            "reason": "what the reviewer wrote beside it",
            "rated_at": "time, UTC",
        },
    ),
    Table(
        "lenses",
        "Classifiers on the model's activations, measured on held-out samples, with baselines.",
        {
            "run_id": RUN,
            "lens_id": "key of the lens",
            "concept": CONCEPT,
            **LENS,
            "n_positive": "positives that it was measured on",
            "n_negative": "negatives",
            "n_excluded": "pairs without an activation",
            "n_groups": "groups that are held out together",
            "threshold": "probability at which the stored lens fires",
            "f1": "out of fold; null with a reason where unknown",
            "f1_low": "lower end of its 95 % interval",
            "f1_high": "upper end",
            "precision": "out of fold",
            "recall": "out of fold",
            "auc": "area under the ROC curve",
            "average_precision": "area under precision over recall",
            "always_positive_f1": "F1 of always saying yes",
            "shuffled_f1": "F1 with shuffled labels",
            "text_only_f1": "F1 of the words alone",
            "length_only_f1": "F1 of the text's length alone",
            "reason": "why there is no F1",
            "trained_at": "time, UTC",
        },
    ),
    Table(
        "lens_scores",
        "What each lens said of each sample while that was held out.",
        {
            "run_id": RUN,
            "lens_id": "the lens, see `lenses`",
            "concept": CONCEPT,
            **LENS,
            "sample_id": SAMPLE,
            "repeat": "round of cross-validation",
            "fold": "fold that held the sample out",
            "probability": "that the sample is a positive, by the lens",
            "fires": "whether that reaches the threshold, which other folds chose",
        },
    ),
    Table(
        "concepts",
        "The concepts of each run, as its pack has them.",
        {
            "run_id": RUN,
            "concept": "the concept",
            "position": "place in the run",
            "quadrant": "A, B, C, D, or null",
            "quadrant_reason": "why it has none",
            "n_senses": "senses by the pack's count",
            "n_siblings": "siblings; null where unknown",
            "sibling_count": "how siblings are counted: study or distinct",
            "pack_layer": "depth in the pack's hierarchy",
            "definition": "the pack's definition",
            "origin": "the concept that this one is a sense of, where the pack splits senses",
        },
    ),
    Table(
        "judges",
        "Who judged each run.",
        {
            "run_id": RUN,
            "judge_id": "key of the judge",
            "backend": "how it was asked",
            "model": "its model; of a folder, the last part of its path",
            "rubric": "name of what it was told",
            "rubric_hash": "hash of that",
            "is_baseline": "whether it is a stand-in that is no language model",
            "created_at": "time, UTC",
        },
    ),
    Table(
        "reported",
        "What others reported of the lenses of imported runs. None of it was measured here.",
        {"run_id": RUN, "concept": CONCEPT, "name": "as their column was called", "value": "as they reported it"},
    ),
    Table(
        "runs",
        "The runs with all their settings.",
        {
            "run_id": "key of the run",
            "name": "its name",
            "created_at": "time, UTC",
            "model": "the subject model; of a folder, the last part of its path",
            "model_fingerprint": "hash of its weights",
            "pack": "name of the concept pack",
            "pack_version": "its version",
            "pack_hash": "hash of its content",
            "senses_mean": "what the pack's count of senses counts",
            "template_set": "name of the prompt templates",
            "template_hash": "hash of their content",
            "seed": "of everything random",
            "imported": "artifacts or samples, where the texts are not of our own generation",
            "settings": "all settings, as JSON",
            "versions": "of the software, as JSON",
        },
    ),
)
