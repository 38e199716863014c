from __future__ import annotations

import pytest
import torch

from spikedistill.methods._skipping import PairSkipping


def test_the_running_mean_starts_even_and_moves_by_a_hundredth():
    pairs = PairSkipping(1, 2, below=0.4, after=0.5)
    attention = torch.tensor([[[[0.2, 0.8]], [[0.4, 0.6]]]])  # T = 1, B = 2: mean 0.3 and 0.7
    pairs.watch(attention, None)
    torch.testing.assert_close(pairs.usual, torch.tensor([[0.498, 0.502]]))
    pairs.watch(attention, None)
    torch.testing.assert_close(pairs.usual, torch.tensor([[0.49602, 0.50398]]))


def test_pairs_under_the_threshold_are_left_out_after_the_warm_up_and_stay_out():
    pairs = PairSkipping(2, 2, below=0.4, after=0.5)
    pairs.usual.copy_(torch.tensor([[0.39, 0.61], [0.41, 0.59]]))
    assert pairs.kept(0.49) is None
    kept = pairs.kept(0.5)
    assert kept.tolist() == [[False, True], [True, True]]
    pairs.watch(torch.tensor([[[[0.9, 0.1], [0.2, 0.8]]]]), kept)
    torch.testing.assert_close(pairs.usual, torch.tensor([[0.39, 0.6049], [0.4079, 0.5921]]))
    for _ in range(10):  # the second layer's first pair falls under the threshold later
        pairs.watch(torch.tensor([[[[0.0, 1.0], [0.2, 0.8]]]]), pairs.kept(0.6))
    assert pairs.kept(0.6).tolist() == [[False, True], [False, True]]
    assert pairs.usual[0, 0].item() == pytest.approx(0.39)


def test_every_learner_layer_keeps_a_pair_whatever_attention_does():
    pairs = PairSkipping(1, 3, below=0.33, after=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        kept = pairs.kept(1.0)
        assert kept.any()
        scores = 2 * torch.rand(1, 4, 1, 3, generator=generator) - 1
        pairs.watch(scores.masked_fill(~kept, -torch.inf).softmax(-1), kept)
    assert kept.sum() < 3


@pytest.mark.parametrize(
    ("guides", "below", "after", "facts"),
    [
        (3, 0.34, 0.2, ("skip_below=0.34", "3 guide layers", "between 0.063 and 0.333")),
        (3, 0.06, 0.2, ("skip_below=0.06", "above 0.063")),
        (3, -0.1, 0.2, ("skip_below=-0.1",)),
        (1, 0.5, 0.2, ("1 guide layer", "leave skip_below out")),
        (3, 0.2, 1.0, ("skip_after=1.0", "below 1")),
        (3, 0.2, -0.1, ("skip_after=-0.1",)),
        (3, float("nan"), 0.2, ("skip_below=nan",)),
    ],
)
def test_thresholds_that_leave_out_all_or_nothing_are_refused(guides, below, after, facts):
    with pytest.raises(ValueError) as raised:
        PairSkipping(2, guides, below, after)
    assert all(fact in str(raised.value) for fact in facts), raised.value
