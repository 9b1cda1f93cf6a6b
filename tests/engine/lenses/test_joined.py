"""Lenses on layers joined: no layer's size decides, weights read raw activations, and what lies in one or two layers is found."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.lens_groups import SHARING, WITH_INPUT_NORM, CapturedPairs, join_captured, lens_groups
from engine.lenses.crossval import Rows, out_of_fold
from engine.lenses.interface import Part, Pools, predict_logit
from engine.lenses.joined import fold_scale, joined, layer_scales
from engine.lenses.registry import FAMILIES
from engine.stages.train import choose_families, not_joined_sentence

D, N = 6, 48
JOINABLE = [name for name in FAMILIES if name != "mlp-norm"]


def planted(strengths: tuple[float, ...], *, seed: int = 0, n: int = N) -> Part:
    """Rows whose arm moves the first feature of each layer by so much."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    layers = [rng.standard_normal((n, D)) + np.outer(strength * (2 * y - 1), np.eye(D)[0]) for strength in strengths]
    return Part(np.concatenate(layers, axis=1), y.astype(np.int64), np.arange(n) // 2, 3)


def grown(part: Part, by: float) -> Part:
    """The same rows with a last layer of another size."""
    factor = np.repeat([1.0, by], D)
    return Part(part.X * factor, part.y, part.groups, part.seed, part.pool)


@pytest.mark.parametrize("name", JOINABLE)
def test_the_size_of_a_layer_decides_nothing(name: str) -> None:
    family, part = joined(FAMILIES[name], 2), planted((0.5, 0.3))
    large = grown(part, 64.0)
    [plain], [other] = family.fit_many([part]), family.fit_many([large])
    np.testing.assert_allclose(other.predict_probability(large.X), plain.predict_probability(part.X), rtol=0, atol=2e-3)
    alone = FAMILIES["mlp-study"].fit_many([part, large])
    assert np.abs(alone[0].predict_probability(part.X) - alone[1].predict_probability(large.X)).max() > 0.05


@pytest.mark.parametrize("name", JOINABLE)
def test_the_weights_are_those_of_the_family_on_scaled_layers_read_raw(name: str) -> None:
    part = grown(planted((0.5, 0.3)), 10.0)
    scale = np.repeat([np.sqrt(np.mean(part.X[:, :D] ** 2)), np.sqrt(np.mean(part.X[:, D:] ** 2))], D)
    np.testing.assert_allclose(layer_scales([part], 2), scale)
    within = FAMILIES[name].fit(part.X / scale, part.y, groups=part.groups, seed=part.seed)
    lens = joined(FAMILIES[name], 2).fit(part.X, part.y, groups=part.groups, seed=part.seed)
    np.testing.assert_allclose(
        predict_logit(lens.state(), part.X), predict_logit(within.state(), part.X / scale), rtol=0, atol=1e-6
    )
    assert lens.cost is not None


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if isinstance(family, Pools)])
def test_what_a_tuned_family_was_shown_gives_the_scale_and_not_what_it_fits(name: str) -> None:
    family = joined(FAMILIES[name], 2)
    assert isinstance(family, Pools)
    tuned = family.tune([planted((0.5, 0.3), seed=seed) for seed in range(4)])
    one, other = planted((0.5, 0.3), seed=9), grown(planted((0.5, 0.3), seed=10), 50.0)
    [beside, _], [alone] = tuned.fit_many([one, other]), tuned.fit_many([one])
    np.testing.assert_allclose(beside.state()["linear.weight"], alone.state()["linear.weight"], rtol=1e-9)


def f1(part: Part, layers: slice, n_layers: int) -> float:
    rows = Rows(part.y, part.groups, part.groups % 5, np.arange(len(part.y)), lambda _: part.X[:, layers])
    [found] = out_of_fold(joined(FAMILIES["logistic"], n_layers), [rows], seed=1)
    return float(f1_score(part.y, found.scores.fires))


def test_joined_layers_find_what_one_layer_holds_and_what_two_hold_in_parts() -> None:
    first, second, both = slice(0, D), slice(D, 2 * D), slice(0, 2 * D)
    in_one = planted((2.0, 0.0), n=120)
    assert f1(in_one, second, 1) < 0.7 < 0.9 < f1(in_one, first, 1)
    assert f1(in_one, both, 2) > 0.9
    in_parts = planted((0.9, 0.9), n=120)
    assert f1(in_parts, both, 2) > max(f1(in_parts, first, 1), f1(in_parts, second, 1))


def test_a_layer_of_zeros_is_left_as_it_is_and_layers_must_be_of_one_width() -> None:
    part = planted((1.0,))
    flat = Part(np.concatenate([part.X, np.zeros_like(part.X)], axis=1), part.y, part.groups, 0)
    assert (layer_scales([flat], 2)[D:] == 1.0).all()
    with pytest.raises(ValueError, match="one width"):
        layer_scales([flat], 5)


def test_a_lens_that_normalises_its_input_is_refused() -> None:
    part = planted((0.5, 0.3))
    lens = FAMILIES["mlp-norm"].fit(part.X, part.y, groups=part.groups, seed=0)
    with pytest.raises(ValueError, match="normalises"):
        fold_scale(lens.state(), np.ones(2 * D))
    with pytest.raises(ConfigError, match="mlp-norm cannot read layers joined"):
        choose_families(StudyConfig(lenses=("mlp-norm",), join_layers=True))
    beside = StudyConfig(lenses=("mlp-norm", "ridge"), join_layers=True)
    assert list(choose_families(beside)) == ["mlp-norm", "ridge"]
    assert "mlp-norm reads each layer separately" in (not_joined_sentence(beside) or "")
    assert not_joined_sentence(StudyConfig(lenses=("mlp-norm",))) is None
    with pytest.raises(ConfigError, match="takes refits"):
        choose_families(StudyConfig(lenses=("ridge",), join_layers=True, validation="leave-one-group-out"))


def captured(*layers: int) -> list[CapturedPairs]:
    return [CapturedPairs(c, (layer,), 20, f"{c}{layer}") for layer in layers for c in ("gin", "rum")]


def test_joining_adds_a_lens_a_concept_and_renames_none() -> None:
    families, pairs = {"lda": FAMILIES["lda"]}, captured(1, 4)

    def names(**settings: object) -> dict[tuple[tuple[int, ...], str], str]:
        config = StudyConfig(**settings)  # type: ignore[arg-type]
        groups = lens_groups("run", config, families, pairs, width=8, concepts=None)
        return {(group.layers, concept): name for group in groups for concept, name in group.lens_ids.items()}

    with_norm = {"lda": FAMILIES["lda"], "mlp-norm": FAMILIES["mlp-norm"]}
    both = lens_groups("run", StudyConfig(join_layers=True), with_norm, pairs, width=8, concepts=None)
    assert {group.family for group in both if len(group.layers) > 1} == {"lda"}
    alone, beside = names(), names(join_layers=True)
    assert alone.items() < beside.items()
    assert set(beside) - set(alone) == {((1, 4), "gin"), ((1, 4), "rum")}
    assert len(set(beside.values())) == len(beside)


def test_a_concept_that_lacks_a_layer_is_not_joined() -> None:
    pairs = [one for one in captured(1, 4) if (one.concept, one.layers) != ("rum", (4,))]
    assert [(one.concept, one.layers) for one in join_captured(pairs)] == [("gin", (1, 4))]


def test_families_that_share_something_are_known_without_them() -> None:
    assert {name for name, family in FAMILIES.items() if isinstance(family, Pools)} == SHARING
    assert WITH_INPUT_NORM in FAMILIES
