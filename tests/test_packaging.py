"""The wheel holds all that the product reads at run time, and nothing of the checkout is needed beside it."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READ_AT_RUN_TIME = ("*.py", "*.sql", "*.toml", "*.json", "*.safetensors", "*.md", "*.txt", "*.css", "*.j2", "*.js")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout, so that building leaves nothing behind."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in ("app", "db", "engine"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "-w",
        str(built),
    ]
    # Where setuptools is installed, as it is in most environments, nothing need be fetched.
    here = [] if not _has_setuptools() else ["--no-build-isolation"]
    subprocess.run([*pip, *here, str(source)], check=True, timeout=300)
    return next(built.glob("lensgap-*.whl"))


def _has_setuptools() -> bool:
    """Whether the setuptools that is here satisfies the build's requirement (80 or later)."""
    found = subprocess.run(
        [sys.executable, "-c", "import setuptools; print(setuptools.__version__)"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.returncode == 0 and int(found.stdout.split(".")[0]) >= 80


def test_the_wheel_holds_every_file_that_is_read_at_run_time(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        str(file.relative_to(ROOT))
        for folder in ("app", "db", "engine")
        for pattern in READ_AT_RUN_TIME
        for file in (ROOT / folder).rglob(pattern)
        if "__pycache__" not in file.parts
    }
    assert {"app/main.py", "app/.streamlit/config.toml", "db/migrations/001_study.sql"} <= expected
    assert expected - names == set()


def test_the_wheel_holds_no_tests_and_the_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/"))]
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_an_unpacked_wheel_reads_its_own_pack_schema_and_templates(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = """
import engine, db, sys
from db import create_study, query
from engine.packs.folder import load_pack
from engine.prompts.templates import load_templates
from engine.subject.load import fingerprint
from pathlib import Path
assert Path(engine.__file__).is_relative_to(Path.cwd()), engine.__file__
create_study(Path("study"))
print(len(load_pack("starter").concepts), len(load_templates("standard").templates), fingerprint("bundled"))
query("samples.page")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= 150


def test_every_dependency_is_pinned_without_a_platform() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all("==" in pin and "+" not in pin and " " not in pin for pin in pins)
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {requirement.split(">")[0].split("=")[0].split("[")[0] for requirement in wanted}
    assert names <= {pin.split("==")[0] for pin in pins}
