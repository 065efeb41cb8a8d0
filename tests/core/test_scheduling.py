from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routerkit.scheduling import TOKEN_BUDGET, equal_length_batches


@given(lengths=st.lists(st.integers(0, 40), max_size=80), budget=st.integers(1, 100))
def test_every_query_runs_once_with_its_equals_and_within_the_budget(lengths: list[int], budget: int) -> None:
    token_ids = [[0] * length for length in lengths]
    batches = list(equal_length_batches(token_ids, budget))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        assert batch
        assert len({lengths[position] for position in batch}) == 1
        assert len(batch) == 1 or len(batch) * lengths[batch[0]] <= budget


@given(lengths=st.lists(st.integers(1, 40), max_size=80), budget=st.integers(1, 100))
def test_no_two_batches_of_one_length_could_have_been_one(lengths: list[int], budget: int) -> None:
    batches = list(equal_length_batches([[0] * length for length in lengths], budget))
    for length in set(lengths):
        count, size = lengths.count(length), max(1, budget // length)
        assert sum(lengths[batch[0]] == length for batch in batches) == -(-count // size)


def test_nothing_gives_no_batches() -> None:
    assert list(equal_length_batches([])) == []


def test_a_query_longer_than_the_budget_runs_alone() -> None:
    long = [0] * (TOKEN_BUDGET + 1)
    assert list(equal_length_batches([long, [0], long])) == [[1], [0], [2]]


def test_queries_keep_their_order_within_a_batch() -> None:
    assert list(equal_length_batches([[1, 1], [1], [2, 2], [3, 3]], 4)) == [[1], [0, 2], [3]]
