"""`make docs`: writes the pages that are generated from the code; a test compares them.

A page is one function without arguments that returns Markdown; its room is the package whose
models or tree it describes.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from contract import error_pages
from contract.errors import BY_CODE
from contract.settings_page import settings_page

PAGES: dict[str, Callable[[], str]] = {
    "reference/settings.md": settings_page,
    "errors/README.md": error_pages.index,
    **{f"errors/{code}.md": partial(error_pages.page, leaf) for code, leaf in BY_CODE.items()},
}
"""Path below docs/ → what writes it."""


def main() -> None:
    """Write every page."""
    folder = Path(__file__).parent
    for name, page in PAGES.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
