from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from audit.errors import ConfigError, ModelError
from audit.models import load
from audit.models.content import content_digest
from audit.models.weights import fit_weights, read_weights

FACTORY = """
import torch
from torch import nn

def build(width=4, fail=False):
    if fail:
        raise ValueError("no such width")
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2))

def number():
    return 7
"""
BLACK = """
import numpy as np

def build(slope=1.0):
    def predict(images):
        p = np.clip(slope * images.mean(axis=(1, 2, 3)), 0, 1)
        return np.stack([1 - p, p], axis=1)
    return predict
"""


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )


@pytest.fixture
def folder(tmp_path: Path, net: nn.Module) -> Path:
    (tmp_path / "nets_of_mine.py").write_text(FACTORY)
    (tmp_path / "black_box_of_mine.py").write_text(BLACK)
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    return tmp_path


def loaded(folder: Path, **more):
    settings = {
        "source": "python",
        "factory": "nets_of_mine:build",
        "name": None,
        "args": {},
        "weights": "w.safetensors",
        "classes": ("a", "b"),
        "size": (8, 8),
        "folder": folder,
    }
    return load(**(settings | more))


def test_a_factory_beside_the_configuration_is_found_and_leaves_no_trace(folder, net):
    before = list(sys.path)
    model = loaded(folder)
    assert before == sys.path
    x = torch.rand(4, 3, 8, 8)
    assert torch.equal(model.module(x), net(x))
    digest = hashlib.sha256((folder / "w.safetensors").read_bytes()).hexdigest()
    assert model.identity == {
        "source": "python",
        "name": "nets_of_mine:build",
        "weights": "w.safetensors",
        "sha256": digest,
        "content": content_digest(net),
        "parameters": 4 * 27 + 4 + 10,
        "architecture": "Sequential",
    }


def test_two_audits_may_each_have_a_module_of_one_name(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "nets_of_mine.py").write_text(FACTORY.replace("width=4", "width=6"))
    assert loaded(folder).module[0].out_channels == 4
    assert loaded(other, weights=None).module[0].out_channels == 6
    assert loaded(folder).module[0].out_channels == 4


def test_a_black_box_is_loaded_by_its_factory(folder):
    model = loaded(
        folder, source="callable", factory="black_box_of_mine:build", args={"slope": 0.5}, weights=None
    )
    answers = model.predict(np.ones((2, 8, 8, 3), np.float32))
    np.testing.assert_allclose(answers, [[0.5, 0.5]] * 2)
    assert model.identity["name"] == "black_box_of_mine:build"


def test_a_black_box_needs_no_torch(folder):
    """The agnostic path works where torch cannot be imported at all."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import pathlib, numpy as np, audit.explain, audit.explain.lime\n"
        "from audit.models import load\n"
        f"m = load(source='callable', factory='black_box_of_mine:build', classes=['a', 'b'], size=(8, 8), "
        f"folder=pathlib.Path({str(folder)!r}))\n"
        "print(m.predict(np.zeros((1, 8, 8, 3), np.float32)).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[1.0, 0.0]]"


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"source": "pytho"}, ConfigError, "did you mean 'python'"),
        ({"output": "softmx"}, ConfigError, "did you mean 'softmax'"),
        ({"factory": None}, ConfigError, "no factory"),
        ({"factory": "build"}, ConfigError, "names no function"),
        ({"factory": "nets_of_mine:bild"}, ConfigError, "bild"),
        ({"factory": "no_such_module_here:build"}, ConfigError, "cannot import"),
        ({"factory": "nets_of_mine:number"}, ModelError, "returned int, not an nn.Module"),
        ({"args": {"fail": True}}, ModelError, "ValueError: no such width"),
        ({"args": {"wdth": 3}}, ModelError, "TypeError.*wdth"),
        ({"source": "callable", "factory": "nets_of_mine:number"}, ModelError, "cannot be called"),
        ({"source": "torchvision"}, ConfigError, "needs the network's name"),
        ({"source": "torchvision", "name": "resnet19"}, ConfigError, "did you mean 'resnet1"),
        ({"source": "torchvision", "name": "resnet18", "weights": None}, ConfigError, "has no weights"),
        (
            {"source": "torchvision", "name": "resnet18", "args": {"weights": "DEFAULT"}},
            ConfigError,
            "downloaded",
        ),
        ({"source": "timm", "name": "resnet18", "args": {"pretrained": True}}, ConfigError, "downloaded"),
        ({"source": "timm", "name": "resnet181"}, ConfigError, "did you mean"),
        ({"weights": "v.safetensors"}, ModelError, "no such weights file"),
    ],
)
def test_what_is_wrong_is_said_once_and_plainly(folder, more, error, message):
    with pytest.raises(error, match=message):
        loaded(folder, **more)


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_a_network_of_the_zoo_takes_its_checkpoint(tmp_path, source):
    name = "mobilenet_v3_small" if source == "torchvision" else "test_resnet"
    if source == "torchvision":
        from torchvision.models import get_model

        net = get_model(name, num_classes=3)
    else:
        import timm

        net = timm.create_model(name, num_classes=3)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    model = load(source=source, name=name, weights="w.pt", classes="abc", size=(32, 32), folder=tmp_path)
    assert torch.equal(
        model.module.state_dict()[next(iter(net.state_dict()))], next(iter(net.state_dict().values()))
    )
    assert model.predict(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 3)
    assert name == model.identity["name"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": s},
        lambda s: {f"module.{k}": v for k, v in s.items()},
        lambda s: {"state_dict": {f"model.{k}": v for k, v in s.items()}},
        lambda s: {f"_orig_mod.module.{k}": v for k, v in s.items()},
    ],
)
def test_a_state_dict_is_found_in_its_usual_wrappings(tmp_path, net, wrap):
    torch.save(wrap(net.state_dict()), tmp_path / "w.pt")
    other = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    fit_weights(other, read_weights(tmp_path / "w.pt"), where="w.pt")
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))


def test_all_that_does_not_fit_is_told_at_once(net):
    given = {f"extra.{i}": torch.zeros(1) for i in range(7)} | dict(net.state_dict())
    given["4.weight"], given["0.weight"] = torch.zeros(9, 4), torch.full((4, 3, 3, 3), float("nan"))
    del given["4.bias"]
    with pytest.raises(ModelError) as told:
        fit_weights(net, given, where="w.pt")
    text = str(told.value)
    assert len(told.value.problems) == 4
    assert "1 weights that the network needs are not in the file: 4.bias" in text
    assert "7 weights in the file have no place in the network: extra.0, extra.1" in text
    assert "and 2 more" in text
    assert "4.weight is (9, 4), the network has (2, 4)" in text
    assert "NaN or infinity: 0.weight" in text


def test_a_batch_norm_without_its_counter_still_fits():
    """Old checkpoints lack num_batches_tracked, which no answer depends on."""
    net = nn.BatchNorm2d(2)
    state = {k: v for k, v in net.state_dict().items() if k != "num_batches_tracked"}
    fit_weights(net, state, where="w.pt")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
@pytest.mark.parametrize(("damage", "message"), [("empty", "is empty"), ("cut", "read"), ("garbage", "read")])
def test_a_damaged_file_is_an_error_of_its_own(tmp_path, net, name, damage, message):
    path = tmp_path / name
    save_file(net.state_dict(), path) if name == "w.safetensors" else torch.save(net.state_dict(), path)
    whole = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "cut": whole[: len(whole) // 2], "garbage": b"no weights at all" * 40}[damage]
    )
    with pytest.raises(ModelError, match=message):
        read_weights(path)


def test_a_file_that_holds_something_else_says_what(tmp_path):
    torch.save([1, 2], tmp_path / "w.pt")
    with pytest.raises(ModelError, match="holds list"):
        read_weights(tmp_path / "w.pt")


def test_a_file_that_needs_pickle_is_read_on_trust_alone(tmp_path, net):
    """A pickled network can run any code when it is read; only ``--trust`` opens it."""
    torch.save(net, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="needs pickle") as told:
        read_weights(tmp_path / "w.pt")
    assert "--trust" in str(told.value)
    weights = read_weights(tmp_path / "w.pt", trust=True)
    assert all(torch.equal(weights[k], v) for k, v in net.state_dict().items())
