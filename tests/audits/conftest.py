"""Whole audits are many here: the paper, which takes longer than all the rest, is set by the tests that read it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_paper(monkeypatch):
    """The page is rendered and the PDF is not, but in subprocesses and in fixtures of a wider scope."""
    monkeypatch.setattr("audit.report.pdf.document", lambda *_, **__: b"%PDF-none")
