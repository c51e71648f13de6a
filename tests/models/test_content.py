"""The digest of a network is that of its numbers, not of its file."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from audit.models.content import content_digest
from audit.models.torch_module import TorchClassifier
from audit.models.weights import fit_weights, read_weights


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2)).to(dtype)


def test_it_is_what_its_definition_says():
    module = network()
    digest = hashlib.sha256()
    for name in sorted(module.state_dict()):
        array = module.state_dict()[name].numpy()
        digest.update(
            json.dumps([name, str(array.dtype), list(array.shape)], separators=(",", ":")).encode() + b"\n"
        )
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    assert content_digest(module) == digest.hexdigest()


def test_one_network_in_two_formats_has_one_digest_and_two_files(tmp_path):
    module = network()
    torch.save(module.state_dict(), tmp_path / "a.pt")
    save_file(module.state_dict(), tmp_path / "a.safetensors")
    found = set()
    for name in ("a.pt", "a.safetensors"):
        other = network()
        nn.init.zeros_(other[0].weight)
        fit_weights(other, read_weights(tmp_path / name), where=name)
        found.add(content_digest(other))
    assert found == {content_digest(module)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_one_number_changed_changes_it(dtype):
    one, two = network(dtype), network(dtype)
    assert content_digest(one) == content_digest(two)
    with torch.no_grad():
        two[3].bias[0] += 1
    assert content_digest(one) != content_digest(two)


def test_the_type_counts_and_the_layout_in_memory_does_not():
    one, two = network(), network()
    two[0].weight.data = two[0].weight.data.to(memory_format=torch.channels_last)
    assert content_digest(one) == content_digest(two)
    assert content_digest(network(torch.float64)) != content_digest(one)


def test_state_that_is_no_tensor_has_no_digest():
    class Odd(nn.Linear):
        def get_extra_state(self):
            return {"anything": 1}

        def set_extra_state(self, state):
            pass

    assert content_digest(Odd(2, 2)) is None


def test_a_classifier_tells_it():
    module = network()
    told = TorchClassifier(module, classes=("a", "b")).identity["content"]
    assert told == content_digest(module)
