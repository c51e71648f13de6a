"""The two committed checkpoints, whose truth is measured in their README, get the verdicts that they deserve."""

from __future__ import annotations

from pathlib import Path

import pytest

import audit
from audit import config

RETINA = Path(__file__).parents[2] / "examples" / "retina"


@pytest.mark.parametrize(("name", "verdict"), [("honest", "clear"), ("hans", "confirmed")])
def test_the_embedded_example(tmp_path, monkeypatch, name, verdict):
    """`make demo` runs this with every explainer and the reports; here the evidence that decides is enough."""
    monkeypatch.setattr("audit.stages.reporting.render", lambda run, **_: (run.path, run.path))
    settings = config.read(RETINA / f"{name}.yaml").model_copy(
        update={"explainers": ["cam", "vanilla-gradient"]}
    )
    run = audit.run(settings, folder=RETINA, out=tmp_path / "run")
    found = run.findings()
    assert found["verdict"] == verdict
    of_text = {v["verdict"] for v in found["verdicts"] if v["artefact"] == "text"}
    assert of_text == {verdict}
    first = found["verdicts"][0]
    assert (first["artefact"], first["cls"]) == ("text", "referable") or verdict == "clear"
    assert {g["outcome"] for g in found["gates"]} == {"clear"}
