"""The page whose speed is measured is made, with its pictures inside and beside it."""

from __future__ import annotations

from benchmarks import report_page


def test_the_page_that_is_measured_holds_its_cases(tmp_path):
    within = report_page.write(tmp_path, 3, beside=False).read_text()
    assert "Synthetic." in within
    assert not (tmp_path / "cases").exists()
    apart = report_page.write(tmp_path, 3, beside=True).read_text()
    assert len(apart) < len(within)
    assert [p.name for p in (tmp_path / "cases").iterdir()] == ["0000.js"]
