"""What a run tells while it works."""

from __future__ import annotations

import io

from audit.progress import Lines, Silent


def test_a_log_gets_plain_lines_with_cases_explainer_and_time_left():
    stream = io.StringIO()
    with Lines(stream, every=0) as lines:
        lines.stage("asking the model", 4)
        lines.step(2, "lime")
    first, second = stream.getvalue().splitlines()
    assert first == "asking the model: 4 cases"
    assert second.startswith("asking the model: 2 of 4 cases, lime, about ")
    assert "\x1b" not in stream.getvalue()


def test_a_log_is_not_flooded():
    stream = io.StringIO()
    lines = Lines(stream, every=3600)
    lines.stage("asking the model", 1000)
    for done in range(1000):
        lines.step(done, "lime")
    assert len(stream.getvalue().splitlines()) == 1


def test_quiet_says_nothing(capsys):
    with Silent() as quiet:
        quiet.stage("asking the model", 3)
        quiet.step(1, "lime")
    assert capsys.readouterr() == ("", "")
