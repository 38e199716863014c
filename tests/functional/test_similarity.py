from __future__ import annotations

import torch

from spikedistill.functional.similarity import batch_similarity, layer_attention, unit


def test_similarity_is_the_inner_product_of_flat_samples():
    features = torch.tensor([[[1.0, 2.0], [3.0, -1.0]]])
    assert batch_similarity(features).tolist() == [[[5.0, 1.0], [1.0, 10.0]]]


def test_similarity_does_not_depend_on_the_memory_format():
    maps = torch.randn(2, 5, 3, 4, 4, dtype=torch.float64)
    last = maps.movedim(2, -1).contiguous().movedim(-1, 2)
    expected = torch.einsum("tachw,tbchw->tab", maps, maps)
    torch.testing.assert_close(batch_similarity(maps), expected)
    torch.testing.assert_close(batch_similarity(last), expected)


def test_the_gradient_of_the_similarity_is_that_of_the_plain_product():
    features = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(batch_similarity, features)


def test_half_precision_spikes_are_counted_exactly():
    spikes = torch.ones(1, 2, 1001, dtype=torch.bfloat16)  # bfloat16 cannot hold 1001
    assert batch_similarity(spikes)[0, 0, 1].item() == 1001.0


def test_unit_rows_have_norm_one_and_zero_stays_zero():
    rows = unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    torch.testing.assert_close(rows, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


def test_attention_is_a_softmax_over_the_guide_layers():
    queries = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    keys = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(1, 1, 2, 2)
    expected = torch.tensor([1.0, 0.0]).softmax(0)
    torch.testing.assert_close(layer_attention(queries, keys)[0, 0, 0], expected)


def test_attention_over_the_pairs_that_are_kept_is_the_softmax_of_their_scores():
    queries, keys = torch.randn(2, 3, 2, 4).double(), torch.randn(1, 3, 3, 4).double()
    keys.requires_grad_()
    kept = torch.tensor([[True, False, True], [False, False, True]])
    found = layer_attention(queries, keys, kept)
    pair = torch.stack([(queries[:, :, 0] * keys[:, :, j]).sum(-1) for j in (0, 2)], -1)
    torch.testing.assert_close(found[:, :, 0, [0, 2]], pair.softmax(-1))
    assert found[:, :, 0, 1].eq(0).all() and found[:, :, 1].eq(torch.tensor([0.0, 0, 1])).all()
    (found * torch.rand_like(found)).sum().backward()
    assert keys.grad[:, :, 1].eq(0).all() and keys.grad[:, :, 0].ne(0).all()
