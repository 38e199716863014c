"""What a run says about its origin."""

import torch
from torch import nn

from spikedistill.training.manifest import manifest, state_hash


def test_the_hash_names_values_not_memory():
    one = nn.Linear(2, 2)
    two = nn.Linear(2, 2)
    two.load_state_dict(one.state_dict())
    assert state_hash(one) == state_hash(two)
    with torch.no_grad():
        two.weight[0, 0] += 1e-6
    assert state_hash(one) != state_hash(two)


def test_the_manifest_holds_what_a_number_depends_on():
    row = manifest(7, {"a.bin": "md5:1"}, "abc", ("note",))
    assert (row["seed"], row["data"], row["teacher"]) == (7, {"a.bin": "md5:1"}, "abc")
    assert row["versions"]["torch"] == torch.__version__
    assert row["notes"] == ["note"]
