"""audit.yaml: every mistake at once, each with its place and what is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit import config, documents
from audit.errors import ConfigError

GOOD = """\
model:
  source: python
  factory: "m:build"
  classes: [healthy, referable]
images:
  manifest: cases.csv
"""


def written(folder: Path, text: str) -> Path:
    (folder / "cases.csv").write_text("image,label\n")
    path = folder / "audit.yaml"
    path.write_text(text)
    return path


def told(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    assert caught.value.exit_code == 2
    return [str(p).replace(str(path.parent) + "/", "") for p in caught.value.problems]


def test_only_model_and_images_are_needed(tmp_path):
    read = config.read(written(tmp_path, GOOD))
    assert read.explainers == [
        "cam", "grad-cam", "grad-cam++", "fused", "vanilla-gradient", "smoothgrad", "lime"
    ]  # fmt: skip
    assert read.rules == ["core"]
    assert read.model.normalisation == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_every_mistake_is_told_at_once_with_its_place(tmp_path):
    text = GOOD.replace("source: python", "source: pyhton").replace("classes:", "clases:")
    text = (
        text.replace("cases.csv", "casse.csv")
        + "explainers: [lime, grad-cma]\nseed: minus one\nruels: [core]\n"
    )
    problems = told(written(tmp_path, text))
    joined = "\n".join(problems)
    assert "audit.yaml:2:11: 'source' cannot be 'pyhton'\n    did you mean 'python'?" in joined
    assert "audit.yaml:4:3: unknown key 'clases'\n    did you mean 'classes'?" in joined
    assert "audit.yaml:6:13: images.manifest: there is no casse.csv" in joined
    assert "audit.yaml:7:20: explainers: unknown name 'grad-cma'\n    did you mean 'grad-cam'?" in joined
    assert "audit.yaml:8:7: 'seed': input should be a valid integer" in joined
    assert "audit.yaml:9:1: unknown key 'ruels'\n    did you mean 'rules'?" in joined
    assert len(problems) == 6, joined


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("model:\n  source: timm\n  classes: [a, b]\n", "source timm needs the key 'name'"),
        (
            GOOD.replace("source: python", "source: callable").replace(
                "classes", "mean: [0, 0, 0]\n  classes"
            ),
            "source callable does not read mean",
        ),
        (GOOD + "  root: nowhere\n", "audit.yaml:7:9: images.root: there is no nowhere"),
        (GOOD + "  labels: {'0': healhty}\n", "did you mean 'healthy'?"),
        (GOOD + "rules: [cores]\n", "did you mean 'core'?"),
        (GOOD + "  columns: {lesion: {column: m, kinds: {ma: 0}}}\n", "audit.yaml:7:45: 'ma'"),
        (GOOD + "seed: 1\nseed: 2\n", "audit.yaml:8:1: the key 'seed' stands twice"),
        (GOOD + "title: [\n", "not YAML"),
        (GOOD + "title: !!python/object:os.system x\n", "audit.yaml:7:8: a tag"),
        ("- a\n", "audit.yaml:1:1: a configuration is a list of keys"),
        (GOOD.replace("classes: [healthy, referable]", "classes: [a, a]"), "two classes have one name"),
        (GOOD.replace("[healthy", "[healthy, x").replace("manifest:", "manifest: "), ""),
    ],
)
def test_mistakes(tmp_path, change, expected):
    path = written(tmp_path, change)
    if expected:
        assert expected in "\n".join(told(path))
    else:
        config.read(path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("regions: [{name: edge}]\n", "mask"),
        ("regions: [{name: edge, mask: e.png, side: left}]\n", "side"),
        ("regions: [{name: '', mask: e.png}]\n", "name"),
        (
            "cues: [brightnes]\n",
            "audit.yaml:7:8: cues: unknown name 'brightnes'\n    did you mean 'brightness'?",
        ),
        ("budget: 0\n", "audit.yaml:7:9: 'budget'"),
        ("removal: {fills: [ring]}\n", "the first fill must be 'inpaint'"),
        ("removal: {fills: [inpaint, rings]}\n", "did you mean 'ring'?"),
        ("removal: {doses: [1.5]}\n", "audit.yaml:7:19"),
        ("transplant: {donors: 0}\n", "audit.yaml:7:22"),
        ("second_look: {sanity: -1}\n", "audit.yaml:7:23"),
    ],
)
def test_mistakes_in_what_is_asked(tmp_path, change, expected):
    assert expected in "\n".join(told(written(tmp_path, GOOD + change)))


def test_a_saved_place_stands_among_the_regions(tmp_path):
    read = config.read(written(tmp_path, GOOD + "regions: [lesion, {name: edge, mask: e.png}]\nbudget: 90\n"))
    assert read.named_regions == ["lesion"]
    assert read.all_regions == ["lesion", {"name": "edge", "mask": "e.png"}]
    assert read.budget == 90


def test_a_missing_configuration_and_one_that_is_not_text(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        config.read(tmp_path / "no.yaml")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        config.read(tmp_path / "b.yaml")


def test_aliases_that_unfold_without_end_are_refused(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    assert "an anchor" in str(documents.read(path).problems[0])
    assert documents.read(path).values is None


def test_places_are_those_of_keys_and_values(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text("a:\n  - b: 1\n    c: {d: yes, e: 0x10}\n")
    text = documents.read(path)
    assert text.values == {"a": [{"b": 1, "c": {"d": "yes", "e": 16}}]}
    assert text.where(("a", 0, "c", "e")) == f"{path}:3:20"
    assert text.where(("a", 0, "c", "e"), key=True) == f"{path}:3:17"
    assert text.where(("a", 0, "zzz")) == f"{path}:2:5"
