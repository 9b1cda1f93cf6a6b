"""Memory of training a whole pack's lenses from a study: 500, 2,000 and 8,000 concepts whose activations are planted.

    python -m bench train-memory

Each study is trained by a process of its own, as `lensgap train` trains it: pairs, texts and activations are read from the
study, rows and lens files are written to it. What is measured is the process's peak above what it held once it had trained
a small study, so that libraries loaded on first use are not in it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.compare import highest_resident_mib, resident_mib
from db import create_study
from db.opening import open_database
from engine.subject.shards import write_shard

N_CONCEPTS = (500, 2_000, 8_000)
N_WARM_UP = 40
N_SAMPLES, WIDTH, LAYERS = 8, 16, (1,)
FAMILIES = ("ridge",)
RUN = "run"

# A sample is a positive of its own concept and a negative of the next one.
_STATEMENTS = """
insert into packs (pack_hash, name, version, source, senses_mean, n_concepts)
values ('pack', 'planted', '1', 'generated', 'wordnet', $n_concepts);
insert into concepts (
    pack_hash, concept, pack_layer, definition, aliases, parents, n_senses, n_siblings_distinct, n_siblings_study
)
select 'pack', format('concept-{:05d}', i), 0, 'what concept ' || i || ' is', [], [], 1, 1, 1 from range($n_concepts) as r(i);
insert into runs values ('run', 'planted', '2026-01-01', '{}', 'model', 'fingerprint', 'pack', 'standard', 'hash', 0, '{}');
insert into run_concepts
select 'run', concept, row_number() over (order by concept) - 1, 'A', null, 1, 1, 'study' from concepts;
insert into prompts
select format('sample-{:06d}', i), 'run', format('concept-{:05d}', i // $n_samples), 'template ' || i % $n_samples,
    i % $n_samples, 'Write about concept ' || (i // $n_samples), i // 32, i
from range($n_concepts * $n_samples) as r(i);
insert into samples
select sample_id, 'Text ' || seed || ' about concept ' || (seed // $n_samples), 'stop', [7, 11], 9, '2026-01-01' from prompts;
insert into pairs
select 'run', format('concept-{:05d}', (i // $n_samples + arm) % $n_concepts), format('sample-{:06d}', i),
    if(arm = 0, 'positive', 'negative'), if(arm = 0, null, 'sibling'), (i % 1000) / 1000, i % $n_samples + $n_samples * arm
from range($n_concepts * $n_samples) as r(i), range(2) as a(arm);
insert into activations
select format('sample-{:06d}', i), layer, 'output', 'in_context', $shard, i, null
from range($n_concepts * $n_samples) as r(i), unnest($layers) as l(layer);
"""


def plant_study(folder: Path, n_concepts: int) -> None:
    """Make a study whose samples are captured: rows of a concept lie about a point of its own."""
    create_study(folder)
    rng = np.random.default_rng(0)
    n = n_concepts * N_SAMPLES
    points = rng.normal(size=(n_concepts, WIDTH)).repeat(N_SAMPLES, axis=0)
    tensors = {f"{layer}.output": (points + rng.normal(size=(n, WIDTH))).astype(np.float32) for layer in LAYERS}
    names = [f"sample-{i:06d}" for i in range(n)]
    shard = write_shard(folder, "planted", tensors, sample_ids=names)
    values = {"n_concepts": n_concepts, "n_samples": N_SAMPLES, "layers": list(LAYERS), "shard": shard}
    connection = open_database(folder / "study.duckdb")
    for statement in connection.extract_statements(_STATEMENTS):
        connection.execute(statement, {name: values[name] for name in statement.named_parameters})
    connection.execute("checkpoint")
    connection.close()


def train(study: Path) -> int:
    """Train as the command does; returns how many lenses."""
    from engine.config import StudyConfig
    from engine.stages.progress import progress_bars
    from engine.stages.stage import run_stage
    from engine.stages.train import training

    stage = training(study, RUN, StudyConfig(lenses=FAMILIES), layers=LAYERS)
    with progress_bars(quiet=True) as bar:
        return run_stage(study, RUN, stage, bar)


def memory_of_training() -> str:
    """A Markdown table: MiB that training needs above what the process holds, by the number of concepts."""
    peaks = [_peak_of_a_process(n) for n in N_CONCEPTS]
    job = f"{' and '.join(FAMILIES)}, {2 * N_SAMPLES} pairs, d = {WIDTH}"
    return "\n".join(
        [
            f"| MiB, {job} |" + "".join(f" {n:,} concepts |" for n in N_CONCEPTS),
            "|---|" + "--:|" * len(N_CONCEPTS),
            "| lensgap train |" + "".join(f" {grown:.0f} |" for grown, _ in peaks),
            "| its process in all |" + "".join(f" {all_of:.0f} |" for _, all_of in peaks),
        ]
    )


def _peak_of_a_process(n_concepts: int) -> tuple[float, float]:
    """MiB above what the process held after the warm-up, and in all."""
    with tempfile.TemporaryDirectory() as folder:
        for name, n in (("warm-up", N_WARM_UP), ("study", n_concepts)):
            plant_study(Path(folder) / name, n)
        told = subprocess.run(
            [sys.executable, "-m", "bench.train_memory", folder], check=True, capture_output=True, text=True
        )
        grown, all_of = told.stdout.split()[-2:]
        return float(grown), float(all_of)


def main() -> None:
    """Train the warm-up and the study of a folder, and print the peak in MiB."""
    folder = Path(sys.argv[1])
    train(folder / "warm-up")
    before = resident_mib()
    n_lenses = train(folder / "study")
    highest = highest_resident_mib()
    print(n_lenses, highest - before, highest)


if __name__ == "__main__":
    main()
