"""Cost as work grows: generation and capture of 1, 4 and 16 times as many samples with the bundled model."""

from functools import partial

from bench.compare import Comparison, compare
from bench.generating import prompts, write
from engine.subject.capture import capture
from engine.subject.layers import choose_layers
from engine.subject.load import load_subject

N_FIRST, BATCH = 16, 16


def growth_with_samples() -> Comparison:
    """The last column but one is a straight line in the number of samples, the last one is flat."""
    subject = load_subject("bundled", device="cpu")
    layers = choose_layers(subject, None)

    def work(n: int) -> None:
        # As the stages do it: what is captured is written away, batch by batch.
        asked = prompts(n)
        for start in range(0, n, BATCH):
            capture(subject, write(subject, asked[start : start + BATCH], size=BATCH), layers=layers)

    return compare(
        f"generation and capture in batches of {BATCH}, bundled model",
        {f"{times * N_FIRST} samples": partial(work, times * N_FIRST) for times in (1, 4, 16)},
        agreement="ours alone",
        n_repeats=2,
        with_memory=True,
    )
