"""The paper: the same context through WeasyPrint, which may open the report's own pictures and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import weasyprint
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from audit.report import html
from audit.report.context import Context


class Assets(URLFetcher):  # type: ignore[misc]
    """Hands out pictures in memory; any other address ends the rendering."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        super().__init__(allowed_protocols=("asset", "data"), allow_redirects=False)
        self.pictures = pictures

    def fetch(self, url: str, headers: Any = None) -> Any:
        """The picture that ``asset:KEY`` names, or what a ``data:`` address holds.

        Raises:
            FatalURLFetchingError: any other address.
        """
        if url.startswith("asset:") and url[6:] in self.pictures:
            return URLFetcherResponse(url, self.pictures[url[6:]], {"Content-Type": "image/jpeg"})
        if url.startswith("data:"):
            return super().fetch(url, headers)
        raise FatalURLFetchingError(f"a report opens no address: {url}")


def document(context: Context) -> bytes:
    """The report as PDF (A4). The same context gives the same bytes."""
    fetcher = Assets({p.key: p.jpeg for p in context.pictures})
    page = weasyprint.HTML(string=html.page(context, "paper"), url_fetcher=fetcher, media_type="print")
    content: bytes = page.write_pdf(pdf_tags=True, presentational_hints=False)
    return content
