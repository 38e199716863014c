from __future__ import annotations

import pytest

from spikedistill.core.schedule import Pieces, Schedule, at


def test_linear_between_begin_and_until_and_flat_outside():
    weight = Schedule(start=1.0, end=3.0, begin=0.25, until=0.75)
    assert [weight(p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)] == [1.0, 1.0, 2.0, 3.0, 3.0]


def test_cosine_starts_and_ends_flat():
    weight = Schedule(start=2.0, end=0.0, shape="cosine")
    assert weight(0.5) == pytest.approx(1.0)
    assert weight(0.01) == pytest.approx(2.0, abs=1e-3)
    assert weight(1.0) == pytest.approx(0.0)


def test_a_plain_number_is_a_weight_that_never_changes():
    assert at(2.5, 0.7) == 2.5
    assert at(Schedule(0.0, 1.0), 0.7) == 0.7


@pytest.mark.parametrize(("begin", "until"), [(0.5, 0.5), (-0.1, 1.0), (0.0, 1.1)])
def test_shares_outside_the_phase_are_refused(begin, until):
    with pytest.raises(ValueError, match=f"begin={begin}, until={until}"):
        Schedule(0.0, 1.0, begin=begin, until=until)


def test_pieces_follow_one_another_and_the_last_value_stays_between_them():
    up, down = Schedule(0.0, 4.0, begin=0.1, until=0.3), Schedule(8.0, 6.0, begin=0.5, until=0.75)
    weight = Pieces((up, down))
    shares = (0.0, 0.1, 0.2, 0.3, 0.49, 0.5, 0.625, 0.75, 1.0)
    expected = [0.0, 0.0, 2.0, 4.0, 4.0, 8.0, 7.0, 6.0, 6.0]
    assert [weight(share) for share in shares] == pytest.approx(expected)
    assert at(weight, 0.625) == pytest.approx(7.0)


def test_one_piece_is_a_schedule():
    ramp = Schedule(1.0, 3.0, begin=0.25, until=0.75, shape="cosine")
    assert all(Pieces((ramp,))(i / 20) == ramp(i / 20) for i in range(21))


def test_pieces_may_touch_and_must_not_overlap():
    one, other = Schedule(0.0, 1.0, until=0.5), Schedule(1.0, 0.0, begin=0.5)
    assert Pieces((one, other))(0.5) == 1.0
    for wrong in ((other, one), (one, Schedule(1.0, 0.0, begin=0.4))):
        with pytest.raises(ValueError, match=r"one runs until .* while the next begins at"):
            Pieces(wrong)
    with pytest.raises(ValueError, match="needs at least one"):
        Pieces(())
