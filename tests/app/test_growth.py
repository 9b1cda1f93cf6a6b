"""A concept's learning curve, escalation and nearest concepts, as data and as drawn."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from app import data
from app.charts.learning import learning_curve
from app.data import growth as stored
from app.viewmodels import growth as view
from db import insert, transaction
from db.rows import GraduationStepRow
from engine.figures.palette import LIGHT
from engine.stats.power_law import asymptote, expected_f1
from tests.app.test_learning_curves import measured
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import JUDGE, RUN, START

HOSTILE = "<img src=x onerror=alert(1)>"


def write_directions(study: Path, directions: dict[str, list[float]]) -> tuple[data.Lens, ...]:
    """Store a lens file for one lens of each concept; returns these lenses."""
    from safetensors.numpy import save_file

    lenses = {lens.concept: lens for lens in data.load_lenses(study, RUN) if lens.concept in directions}
    for concept, lens in lenses.items():
        folder = study / "lenses" / RUN / f"layer{'+'.join(map(str, lens.layers))}"
        folder.mkdir(parents=True, exist_ok=True)
        weights = {"linear.weight": np.array([directions[concept]], dtype=np.float32), "linear.bias": np.zeros(1)}
        save_file(weights, folder / f"{lens.lens_id}.safetensors")
    return tuple(lenses.values())


def test_neighbours_are_ranked_by_the_cosine_of_directions_whatever_their_length(study: Path) -> None:
    names = [profile.concept for profile in data.load_profiles(study, RUN)][:4]
    rng = np.random.default_rng(3)
    vectors = {name: rng.normal(size=5) * scale for name, scale in zip(names, (1, 100, 0.01, 7), strict=True)}
    lenses = write_directions(study, {name: vector.tolist() for name, vector in vectors.items()})
    found = stored.load_neighbours(study, RUN, names[0], lenses, n=2)

    def cosine(name: str) -> float:
        a, b = vectors[names[0]], vectors[name]
        return float(a @ b / np.sqrt(a @ a * (b @ b)))

    expected = sorted(names[1:], key=cosine, reverse=True)[:2]
    assert found.n_compared == 3
    assert [one.concept for one in found.nearest] == expected
    assert [one.cosine for one in found.nearest] == pytest.approx([cosine(name) for name in expected], abs=1e-5)


def test_what_has_no_direction_is_told_and_damaged_files_are_passed_over(study: Path) -> None:
    names = [profile.concept for profile in data.load_profiles(study, RUN)][:2]
    assert stored.load_neighbours(study, RUN, names[0], data.load_lenses(study, RUN), n=2).reason is not None
    lenses = write_directions(study, {key: [1.0, 2.0] for key in names})
    path = next(study.glob(f"lenses/{RUN}/layer*/{lenses[1].lens_id}.safetensors"))
    path.write_bytes(b"no lens")
    alone = stored.nearest(lenses[0].concept, stored._read(study, RUN, lenses), n=2)
    assert (alone.nearest, alone.reason) == ((), "no other concept has such a lens")


def test_the_curve_expects_what_the_power_law_does(study: Path) -> None:
    concept = data.load_profiles(study, RUN)[0].concept
    with transaction(study) as cursor:
        insert(cursor, [measured(concept)])
    curve = data.load_counts(study, RUN, JUDGE, form_rule="loop")[0].curve
    assert curve is not None
    shown = view.growth(curve)
    assert shown is not None
    assert [(one.n_pairs, one.f1) for one in shown.expected] == [(n, expected_f1(curve, n)) for n in (20, 40)]
    assert shown.end == asymptote(curve)
    measured_trace, line, rings = learning_curve(shown, colours=LIGHT).data
    assert (tuple(measured_trace.x), tuple(rings.x)) == (curve.n_train, (20, 40))
    assert shown.law is not None
    assert tuple(line.y) == pytest.approx([shown.law.f1(n) for n in line.x])


def test_the_screen_tells_steps_in_order_escaped_and_links_neighbours(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [profile.concept for profile in data.load_profiles(study, RUN)][:2]
    empty = html_of(open_screen(study, monkeypatch, "concept", concept=names[0]))
    assert "lensgap curve" in empty
    assert "lensgap escalate" in empty
    kept = [
        GraduationStepRow(RUN, "rule", names[0], i, 10 * (i + 1), None, 0.9, 0.95, *decided, START + timedelta(hours=i))
        for i, decided in enumerate([(None, "more", "it missed by 0.1"), (0.9, "graduated", HOSTILE)])
    ]
    with transaction(study) as cursor:
        insert(cursor, kept)
        insert(cursor, [measured(names[0])])
    write_directions(study, {key: [1.0, 2.0] for key in names})
    shown = html_of(open_screen(study, monkeypatch, "concept", concept=names[0]))
    assert shown.index("it missed by 0.1") < shown.index("Graduated")
    assert HOSTILE not in shown
    assert "Twice the pairs (40) would give F1" in shown
