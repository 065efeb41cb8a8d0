"""The picture of a window beside its reference: everything of it can be read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from routerkit.drift.alarm import check
from routerkit.drift.picture import draw
from routerkit.drift.sample import Sample

WIDTH, HEIGHT = 900, 370


def sample(categories: int, *, n: int = 200, outside: int = 8, confidence: float = 0.9) -> Sample:
    counts = {f"customer support <desk> {number:02}": n // categories for number in range(categories)}
    counts["customer support <desk> 00"] += n - sum(counts.values())
    return Sample(counts, np.full(n, confidence), outside)


def elements(picture: str, name: str) -> list[ET.Element]:
    return ET.fromstring(picture).findall(f".//{{*}}{name}")


@pytest.mark.parametrize("categories", [1, 2, 5, 9, 10, 60])
def test_every_bar_and_every_text_lies_within_the_picture(categories: int) -> None:
    before, after = sample(categories), sample(categories, outside=40, confidence=0.3)
    picture = draw(before, after, check(before, after))
    for box in elements(picture, "rect")[1:]:
        left, top, wide, tall = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        assert 0 <= left <= left + wide <= WIDTH
        assert 0 <= top <= top + tall <= HEIGHT
    for text in elements(picture, "text"):
        # About 0.6 of its size is the width of a letter.
        length = 0.6 * float(text.attrib["font-size"]) * len(text.text or "")
        start = float(text.attrib["x"]) - {"start": 0, "middle": length / 2, "end": length}[text.attrib["text-anchor"]]
        assert -5 <= start <= start + length <= WIDTH + 5, text.text
        assert 0 < float(text.attrib["y"]) <= HEIGHT


def test_of_many_categories_those_that_changed_are_shown_and_the_others_as_one() -> None:
    before, after = sample(20), sample(20)
    after.counts["customer support <desk> 07"] += 30
    picture = draw(before, after, check(before, after))
    labels = [text.text or "" for text in elements(picture, "text")]
    assert any(label.endswith("> 07") for label in labels)
    assert "12 others" in labels
    shares = [re.search(r"window: ([\d.]+)%", title.text or "") for title in elements(picture, "title")]
    mix = [float(found[1]) for found in shares if found][:9]
    assert sum(mix) == pytest.approx(100 * sum(after.counts.values()) / after.n, abs=0.5)


def test_what_alarms_is_said_in_words_and_not_by_colour_alone() -> None:
    before, after = sample(4), sample(4, outside=60)
    told = [text.text for text in elements(draw(before, after, check(before, after)), "text")]
    assert "Drift: the queries have changed" in told
    assert "Out of domain: alarm" in told
    assert "Confidence" in told
    assert "30.0%" in told
