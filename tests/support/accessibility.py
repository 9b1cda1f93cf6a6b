"""What axe finds wrong with a page for those who see little or nothing, or use no mouse."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ("serious", "critical")
# What Streamlit shows while a script runs is faint, and not ours.
ALL_BUT_STREAMLITS = {"exclude": [["[data-testid=stStatusWidget]"], ["[data-testid=stHeader]"]]}


# All that two themes can differ in.
OF_COLOUR = ("color-contrast", "link-in-text-block")


def grave_faults(page: Page, *, rules: tuple[str, ...] = ()) -> list[str]:
    """Serious and critical findings, of these rules or all: the rule, where, and how the element stands in the source."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found: list[dict[str, Any]] = Axe().run(page, context=ALL_BUT_STREAMLITS, options=options).response["violations"]
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))} {node['html'][:200]}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]
