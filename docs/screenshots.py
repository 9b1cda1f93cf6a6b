"""Photograph every screen of a study in both themes and two widths: `python -m docs.screenshots STUDY [FOLDER]`.

Run from the root of the repository; `make screenshots` does. Images are named screen-theme-width.png.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from tests.support.dashboard import open_browser, serve, settle

SCREENS = {"overview": "", "samples": "samples", "concept": "concept", "corrections": "corrections"}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = ((1440, 900), (1100, 720))


def photograph(study: Path, folder: Path) -> list[Path]:
    """Serve the study and write the images; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    log = Path(tempfile.mkdtemp()) / "dashboard.log"
    with serve(study, log=log) as address, open_browser() as browser:
        return [
            file
            for theme in THEMES
            for width, height in SIZES
            for file in _all_screens(browser, address, folder, theme=theme, width=width, height=height)
        ]


def _all_screens(
    browser: Browser, address: str, folder: Path, *, theme: Literal["light", "dark"], width: int, height: int
) -> list[Path]:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    page = context.new_page()
    files = []
    for name, path in SCREENS.items():
        page.goto(f"{address}/{path}")
        settle(page)
        # Charts fade in after the script has ended.
        page.wait_for_timeout(800)
        files.append(folder / f"{name}-{theme}-{width}.png")
        page.screenshot(path=files[-1])
    context.close()
    return files


def main() -> None:
    """Read the arguments and photograph."""
    parser = argparse.ArgumentParser(description="Photograph every screen of a study.")
    parser.add_argument("study", type=Path, help="folder of the study")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/images"), help="where images go")
    arguments = parser.parse_args()
    for file in photograph(arguments.study.resolve(), arguments.folder):
        print(file)


if __name__ == "__main__":
    main()
