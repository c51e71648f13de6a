"""A limit that is moved after the protocol was written shows."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from audit import resources
from audit.cli import main
from audit.errors import ConfigError
from audit.judge import protocol

NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def rules(tmp_path):
    shutil.copytree(resources.folder("rules") / "core", tmp_path / "rules")
    return tmp_path / "rules"


def test_it_holds_the_digest_of_every_file(rules, tmp_path):
    made = protocol.lock(["rules"], tmp_path / "p.yaml", folder=tmp_path, now=NOW)
    files = sorted(rules.glob("*.yaml"))
    assert [r.sha256 for r in made.rules] == [hashlib.sha256(f.read_bytes()).hexdigest() for f in files]
    lines = sorted(f"{r.sha256}  {r.id}\n" for r in made.rules)
    assert made.digest == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert protocol.read(tmp_path / "p.yaml") == made
    assert protocol.held(tmp_path / "p.yaml", files) == made


@pytest.mark.parametrize("how", ["a limit moved", "a rule added", "a rule taken away", "a blank added"])
def test_any_change_of_the_rules_is_told(how, rules, tmp_path):
    protocol.lock(["rules"], tmp_path / "p.yaml", folder=tmp_path, now=NOW)
    file = rules / "reliance-artefacts.yaml"
    if how == "a limit moved":
        file.write_text(file.read_text().replace("value: 0.3", "value: 0.29"))
    elif how == "a blank added":
        file.write_text(file.read_text() + "\n")
    elif how == "a rule added":
        (rules / "zz.yaml").write_text(file.read_text().replace("id: reliance-artefacts", "id: zz"))
    else:
        file.unlink()
    with pytest.raises(ConfigError, match=r"reliance-artefacts|zz\.yaml"):
        protocol.held(tmp_path / "p.yaml", sorted(rules.glob("*.yaml")))


def test_a_protocol_is_not_written_over_nor_changed_by_hand(rules, tmp_path):
    place = tmp_path / "p.yaml"
    made = protocol.lock(["rules"], place, folder=tmp_path, now=NOW)
    with pytest.raises(ConfigError, match="there is a file already"):
        protocol.lock(["rules"], place, folder=tmp_path, now=NOW)
    place.write_text(place.read_text().replace(made.rules[0].sha256, "ab" * 32))
    with pytest.raises(ConfigError, match=r"p.yaml:\d+:\d+: the digest is not that of the rules"):
        protocol.read(place)
    place.write_text("protocol: 2\nrulez: []\n")
    with pytest.raises(ConfigError, match=r"p.yaml:2:1: unknown key 'rulez'"):
        protocol.read(place)


def test_the_command_writes_one_and_refuses_wrong_rules(rules, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["rules", "lock", "rules"])
    assert left.value.code == 0
    assert protocol.read(tmp_path / "protocol.yaml").digest in capsys.readouterr().out
    (rules / "text.yaml").write_text("id: text\n")
    with pytest.raises(SystemExit) as left:
        main(["rules", "lock", "rules", "-o", "other.yaml"])
    assert left.value.code == 2
    assert not (tmp_path / "other.yaml").exists()


def test_frameworks_are_no_set_of_rules(tmp_path):
    with pytest.raises(ConfigError, match="no rules are called 'frameworks'"):
        protocol.lock(["frameworks"], tmp_path / "p.yaml", folder=tmp_path, now=NOW)
