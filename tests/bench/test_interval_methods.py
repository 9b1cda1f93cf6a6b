"""The simulation of intervals: its truths are right, its shown intervals hold them about as often as they say, seeds repeat."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from bench.interval_methods import TABLES, Table, lines, measure
from bench.intervals import PAGE


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.place)
def test_shown_intervals_of_large_studies_hold_the_truth_about_as_often_as_they_say(table: Table) -> None:
    shown = {name: way for name, way in table.ways.items() if "shown" in name}
    for world in table.worlds:
        some = Table(table.place, table.of, (world,), shown, table.sizes)
        for held in measure(some, world, max(table.sizes), n_studies=120, seed=1).values():
            # Of 120 studies .88 lies more than three standard errors from .95.
            assert 0.88 <= held.coverage <= 1
            assert held.width > 0


def test_the_f1_of_a_world_is_that_of_very_many_of_its_samples() -> None:
    (table,) = (table for table in TABLES if table.place == "lens-f1")
    for world in table.worlds:
        truth, fires, _ = world.draw(np.random.default_rng(3), 20_000)
        assert f1_score(truth, fires) == pytest.approx(world.truth[""], abs=0.005)


def test_one_seed_gives_one_table_and_the_page_has_a_place_for_each() -> None:
    small = Table("concept", "ratings", TABLES[0].worlds[:1], TABLES[0].ways, (10,))
    first, second, other = ("\n".join(lines(small, n_studies=8, seed=seed)) for seed in (0, 0, 1))
    assert first == second != other
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"<!-- {table.place} -->" in text and f"<!-- end of {table.place} -->" in text for table in TABLES)
