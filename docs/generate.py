"""`make docs`: writes the pages that are generated from the code; a test compares them.

A page is one function without arguments that returns Markdown; its room is the package whose
models or tree it describes.
"""

from collections.abc import Callable
from pathlib import Path

from contract.settings_page import settings_page

PAGES: dict[str, Callable[[], str]] = {
    "reference/settings.md": settings_page,
}
"""Path below docs/ → what writes it."""


def main() -> None:
    """Write every page."""
    folder = Path(__file__).parent
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
