"""A study of a million pairs, made by SQL in seconds; big enough that a careless statement or lock shows."""

from pathlib import Path

from db import create_study
from db.opening import open_database

RUN = "run"
JUDGE = "judge"
N_CONCEPTS = 5_000
N_SAMPLES = 500_000
PAIRS_PER_CONCEPT = 200

# Two pairs a sample: it is a positive of its own concept and a negative of the next one. Numbers are spread by a
# multiplicative hash, so that ratings and `u` follow no order of the keys.
_STATEMENTS = """
insert into packs (pack_hash, name, version, source, senses_mean, n_concepts)
values ('pack', 'big', '1', 'generated', 'wordnet', $n_concepts);
insert into concepts (
    pack_hash, concept, pack_layer, definition, aliases, parents, n_senses, n_siblings_distinct, n_siblings_study
)
select 'pack', format('concept-{:05d}', i), 0, 'what concept ' || i || ' is', [], [], i % 7, i % 13, i % 13
from range($n_concepts) as r(i);
insert into runs values
('run', 'big', '2026-01-01', '{}', 'model', 'fingerprint', 'pack', 'standard', 'hash', 0, '{}');
insert into run_concepts
select 'run', concept, row_number() over (order by concept) - 1, ['A', 'B', 'C', 'D'][1 + n_senses % 4], null,
    n_senses, n_siblings_study, 'study'
from concepts;
insert into prompts
select format('sample-{:06d}', i), 'run', format('concept-{:05d}', i // 100), 'define', i % 100,
    'Write about concept ' || (i // 100), i // 32, i
from range($n_samples) as r(i);
insert into samples
select format('sample-{:06d}', i), 'Concept ' || (i // 100) || repeat(' is something that people know', 6), 'stop',
    [i % 1000, 7, 11], 9, '2026-01-01'
from range($n_samples) as r(i);
insert into forms
select format('sample-{:06d}', i), 190, 33, 0, 0, 0.9, 0.5, 1, ['good', 'short', 'repetitive'][1 + i % 3], 'good'
from range($n_samples) as r(i);
insert into pairs
select 'run', format('concept-{:05d}', (i // 100 + arm) % $n_concepts), format('sample-{:06d}', i),
    if(arm = 0, 'positive', 'negative'), if(arm = 0, null, 'sibling'),
    ((i * 2 + arm) * 2654435761 % 4294967296) / 4294967296, i % 100 + 100 * arm
from range($n_samples) as r(i), range(2) as a(arm);
insert into judges values ('judge', 'offline', 'tfidf', 'standard', 'hash', '{}', true, '2026-01-01');
insert into judgments (
    judge_id, concept, sample_id, vote, rating, explanation, unscored_reason, raw_reply, n_input_tokens, n_output_tokens,
    cost_usd, judged_at, n_cache_read_tokens, n_cache_write_tokens, n_chars_cut
)
select 'judge', concept, sample_id, 0, if(u < 0.01, null, 1 + floor(u * 1000)::integer % 5),
    'because', if(u < 0.01, 'no number in the reply', null), 'reply', 100, 5, 0, '2026-01-01', 0, 0, 0
from pairs;
"""


def build_big_study(folder: Path) -> None:
    """Make the study: 5,000 concepts of 100 positives and 100 negatives, each judged once."""
    create_study(folder)
    connection = open_database(folder / "study.duckdb")
    numbers = {"n_concepts": N_CONCEPTS, "n_samples": N_SAMPLES}
    for statement in connection.extract_statements(_STATEMENTS):
        known = {name: numbers[name] for name in statement.named_parameters}
        connection.execute(statement, known)
    connection.execute("checkpoint")
    connection.close()
