"""Fitted lenses against independent oracles: sklearn, plain torch modules, and themselves fitted alone."""

import numpy as np
import pytest
import torch
from scipy.special import logit as log_odds
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from engine.errors import LensPackError
from engine.lenses.files import load_lens, save_lens
from engine.lenses.interface import Part, predict_logit
from engine.lenses.logistic import Logistic
from engine.lenses.mlp import MlpStudy
from engine.lenses.registry import FAMILIES


def planted(n: int, d: int, strength: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    direction = rng.normal(size=d)
    X = rng.normal(size=(n, d)) + strength * np.outer(y, direction / np.linalg.norm(direction))
    return (X * rng.uniform(0.1, 5.0, size=d) + rng.normal(size=d) * 10).astype(np.float32), y


def sequential(d: int) -> torch.nn.Sequential:
    layers = [torch.nn.Linear(d, 128), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(128, 64)]
    return torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(64, 1)).eval()


@pytest.mark.parametrize("d", [3, 12, 60, 400])
def test_linear_lens_equals_sklearn_on_standardised_features(d):
    X, y = planted(50, d, 3.0)
    y[:7] = 0
    Z = StandardScaler().fit_transform(X.astype(np.float64))
    C = 1.0 / float(np.mean(np.sum(Z**2, axis=1)))
    oracle = make_pipeline(
        StandardScaler(), LogisticRegression(C=C, class_weight="balanced", tol=1e-10, max_iter=10_000)
    ).fit(X.astype(np.float64), y)
    lens = Logistic(strengths=(1.0,)).fit(X, y, groups=np.arange(50), seed=0)
    np.testing.assert_allclose(lens.predict_probability(X), oracle.predict_proba(X.astype(np.float64))[:, 1], atol=1e-5)


def test_linear_lens_chooses_strength_by_held_out_loss():
    rng = np.random.default_rng(0)
    noise, y = rng.normal(size=(60, 200)), np.arange(60) % 2
    weak, strong = (
        Logistic(strengths=strengths).fit(noise, y, groups=np.arange(60), seed=0)
        for strengths in ((0.001,), (0.001, 100.0))
    )
    assert np.allclose(weak.state()["linear.weight"], strong.state()["linear.weight"])


@pytest.mark.parametrize("standardise", [False, True])
def test_three_layer_file_gives_equal_logits_in_an_independent_module(tmp_path, standardise):
    X, y = planted(30, 20, 3.0)
    lens = MlpStudy(standardise=standardise).fit(X, y, groups=np.arange(30), seed=1)
    save_lens(lens.state(), tmp_path / "layer0" / "Gin.pt")
    module = sequential(20)
    module.load_state_dict(
        {
            name.removeprefix("net."): value
            for name, value in torch.load(tmp_path / "layer0" / "Gin.pt", weights_only=True).items()
        }
    )
    with torch.no_grad():
        logits = module(torch.from_numpy(X))[:, 0].numpy()
    np.testing.assert_allclose(logits, predict_logit(lens.state(), X), atol=2e-4)
    np.testing.assert_allclose(log_odds(lens.predict_probability(X)), logits, atol=2e-4)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_loaded_lens_predicts_as_the_saved_one(tmp_path, name, suffix):
    X, y = planted(20, 30, 3.0)
    lens = FAMILIES[name].fit(X, y, groups=np.arange(20), seed=0)
    save_lens(lens.state(), tmp_path / f"Gin{suffix}")
    loaded = load_lens(tmp_path / f"Gin{suffix}")
    np.testing.assert_allclose(loaded.predict_probability(X), lens.predict_probability(X), atol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == [f"Gin{suffix}"]


def test_a_file_of_other_tensors_is_refused_by_name_of_its_keys(tmp_path):
    torch.save({"weird": torch.zeros(1)}, tmp_path / "x.pt")
    with pytest.raises(LensPackError, match="weird"):
        load_lens(tmp_path / "x.pt")


def test_the_recipe_is_the_study_loop_when_dropout_is_off():
    """A plain torch loop from the same first weights, without the stack, ends at the same weights."""
    X, y = planted(24, 16, 2.0)
    X = X / 10
    start = MlpStudy(dropout=0.0, n_epochs=0).fit(X, y, groups=np.arange(24), seed=3).state()
    module = sequential(16)
    module.load_state_dict({k.removeprefix("net."): torch.tensor(v, dtype=torch.float32) for k, v in start.items()})
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
    for _ in range(50):
        optimiser.zero_grad()
        logits = module(torch.from_numpy(X))[:, 0]
        torch.nn.BCEWithLogitsLoss()(logits, torch.tensor(y, dtype=torch.float32)).backward()
        optimiser.step()
    lens = MlpStudy(dropout=0.0).fit(X, y, groups=np.arange(24), seed=3)
    with torch.no_grad():
        oracle = module(torch.from_numpy(X))[:, 0].numpy()
    np.testing.assert_allclose(predict_logit(lens.state(), X), oracle, atol=1e-3)


def test_a_stack_of_parts_of_unequal_size_gives_what_single_fits_give():
    X, y = planted(40, 16, 2.0)
    sizes = (40, 25, 12)
    parts = [Part(X[:n], y[:n], np.arange(n), seed) for seed, n in enumerate(sizes)]
    for stacked, part in zip(MlpStudy().fit_many(parts), parts, strict=True):
        alone = MlpStudy().fit(part.X, part.y, groups=part.groups, seed=part.seed)
        np.testing.assert_allclose(stacked.predict_probability(X), alone.predict_probability(X), atol=1e-3)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_equal_seeds_give_identical_weights_and_leave_global_randomness_alone(name):
    X, y = planted(20, 16, 2.0)
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second, other = (FAMILIES[name].fit(X, y, groups=np.arange(20), seed=s).state() for s in (1, 1, 2))
    assert (torch.get_rng_state() == before[0]).all()
    assert (np.random.get_state()[1] == before[1]).all()
    assert all((first[key] == second[key]).all() for key in first)
    assert "linear.weight" in first or any((first[key] != other[key]).any() for key in first)


@pytest.mark.parametrize("family", [Logistic(), MlpStudy(standardise=True)], ids=["logistic", "mlp"])
def test_constant_features_leave_the_lens_finite(family):
    X, y = planted(20, 8, 4.0)
    X[:, 3] = 1234.5
    lens = family.fit(X, y, groups=np.arange(20), seed=0)
    assert np.isfinite(lens.predict_probability(X)).all()
    assert np.isfinite(Logistic().fit(np.ones((20, 8)), y, groups=np.arange(20), seed=0).predict_probability(X)).all()
