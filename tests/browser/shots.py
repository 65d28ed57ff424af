"""Pictures of pages for people to look at: EFM_SHOTS=DIR keeps every page at two widths, light and dark."""

import os
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page

SIZES = {1440: 900, 390: 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def shoot(page: Page, name: str) -> None:
    """Keep the page as it is now, whole, at every width and in both schemes; without EFM_SHOTS nothing happens."""
    folder = os.environ.get("EFM_SHOTS")
    if not folder:
        return
    before = page.viewport_size
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(400)  # charts follow the width and the scheme a moment later
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="null")
    if before:
        page.set_viewport_size(before)
