from __future__ import annotations

import pytest

from routerkit.report.svg import Axis, box, picture, text


@pytest.mark.parametrize(
    ("axis", "about", "expected"),
    [
        (Axis(0, 1, 0, 100), 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (Axis(0.7, 1, 0, 100), 3, [0.7, 0.8, 0.9, 1]),
        (Axis(0, 0.013, 0, 100), 3, [0, 0.005, 0.01]),
    ],
)
def test_ticks_are_round_numbers_within_the_axis(axis: Axis, about: int, expected: list[float]) -> None:
    assert axis.ticks(about) == expected


def test_an_axis_may_point_upwards_and_keeps_values_inside() -> None:
    axis = Axis(0, 2, 100, 0)
    assert [axis.at(value) for value in (0, 1, 2, 3, -1)] == [100, 50, 0, 0, 100]


def test_a_box_may_grow_to_any_side() -> None:
    assert 'x="10.0" y="5.0" width="4.0" height="15.0"' in box((10, 20), (4, -15), "good")


def test_what_is_written_is_escaped() -> None:
    drawn = picture("p", "a < b", '"c"', (1, 1), [text((0, 0), "<script>", "tick")])
    assert "<script>" not in drawn
    assert '<title id="p-title">a &lt; b</title><desc id="p-about">&quot;c&quot;</desc>' in drawn
