from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from routerkit import errors
from routerkit.router import Router
from tests.cli import call

if TYPE_CHECKING:
    from pathlib import Path

pa = pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
pq = pytest.importorskip("pyarrow.parquet")

WORDS = ["sum", "atom", "loop", "hello", "rain"]


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerkit.bulk.run.WINDOW_ROWS", 4)


def routed(source: Path, target: Path | str, model: Path, *more: object) -> Any:
    return call("batch", "--input-file", source, "--output-file", target, "--model", model, *more)


def test_parquet_in_parquet_out_keeps_types_and_order(tiny_router_folder: Path, tmp_path: Path) -> None:
    rows = [
        {"id": n, "query": None if n == 9 else WORDS[n % 5], "day": date(2026, 1, 1 + n), "route": "A"}
        for n in range(21)
    ]
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.Table.from_pylist(rows), source, row_group_size=8)
    found = routed(source, target, tiny_router_folder)
    assert found.status == 1
    assert f"{source}, line 10: a query must be a string, got NoneType" in found.stderr
    table = pq.read_table(target).to_pylist()
    router = Router.from_pretrained(tiny_router_folder)
    assert [(row["id"], row["day"], row["input_route"]) for row in table] == [
        (row["id"], row["day"], "A") for row in rows if row["id"] != 9
    ]
    for row in table:
        alone = router.route_query(row["query"])
        assert (row["category"], row["route"], row["reason"]) == (alone.category, alone.route, alone.reason)
        assert row["probabilities"] == pytest.approx(alone.probabilities, abs=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.parquet",
        "out.parquet",
        "out.parquet.errors.jsonl",
    ]


def test_the_first_rows_of_a_jsonl_file_settle_the_types(tiny_router_folder: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    lines = ['{"query": "sum", "n": 1, "note": null}'] * 4
    lines += ['{"query": "sum", "n": "two"}', '{"query": "loop", "note": "x"}', '{"query": "sum", "more": 1}']
    source.write_text("\n".join(lines), encoding="utf-8")
    found = routed(source, target, tiny_router_folder)
    assert "line 5: does not fit the types of the first rows" in found.stderr
    assert "line 7: has the fields ['more']" in found.stderr
    table = pq.read_table(target).to_pylist()
    assert [(row["n"], row["note"]) for row in table] == [(1, None)] * 4 + [(None, "x")]


def test_a_parquet_file_is_gone_on_with_in_the_middle_of_a_row_group(
    tiny_router_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.parquet", tmp_path / "out.jsonl"
    rows = [{"id": n, "query": WORDS[n % 5]} for n in range(21)]
    pq.write_table(pa.Table.from_pylist(rows), source, row_group_size=7)
    routed(source, target, tiny_router_folder)
    expected = target.read_bytes()
    route_batch = Router.route_batch
    for windows in range(6):
        calls = iter([False] * windows)

        def interrupted(self: Router, queries: list[str], calls: Any = calls) -> Any:
            if next(calls, True):
                raise KeyboardInterrupt
            return route_batch(self, queries)

        with monkeypatch.context() as patched:
            patched.setattr(Router, "route_batch", interrupted)
            assert routed(source, target, tiny_router_folder).status == 130
        assert routed(source, target, tiny_router_folder, "--resume").status == 0
        assert target.read_bytes() == expected


def test_another_parquet_file_is_not_gone_on_with(tiny_router_folder: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.parquet", tmp_path / "out.jsonl"
    pq.write_table(pa.table({"query": WORDS}), source)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("routerkit.bulk.journal.Journal.finish", lambda self: None)
        routed(source, target, tiny_router_folder)
    pq.write_table(pa.table({"query": [*WORDS, "sum"]}), source)
    found = routed(source, target, tiny_router_folder, "--resume")
    assert "in.parquet: is not the file of the interrupted run" in found.error


@pytest.mark.parametrize("content", [b"", b"PAR1 no table PAR1", b'{"query": "sum"}\n'])
def test_what_is_no_parquet_file_is_named(tiny_router_folder: Path, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "in.parquet"
    source.write_bytes(content)
    assert "in.parquet: is not a Parquet file" in routed(source, "-", tiny_router_folder).error


def test_a_missing_parquet_file_and_a_missing_column_are_named(tiny_router_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.parquet"
    assert "in.parquet: cannot be read (No such file or directory)" in routed(source, "-", tiny_router_folder).error
    pq.write_table(pa.table({"text": ["sum"]}), source)
    assert "in.parquet: has no column 'query', found ['text']" in routed(source, "-", tiny_router_folder).error


@pytest.mark.parametrize(("option", "told"), [("input", "cannot be read from a pipe"), ("output", "be written to a")])
def test_parquet_and_pipes_do_not_go_together(tiny_router_folder: Path, option: str, told: str) -> None:
    found = call(
        "batch", "--input-file", "-", f"--{option}-format", "parquet", "--model", tiny_router_folder, stdin=b"{}\n"
    )
    assert told in found.error


def test_without_pyarrow_its_extra_is_named(
    tiny_router_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    found = routed(tmp_path / "in.parquet", "-", tiny_router_folder)
    assert (
        'this needs pyarrow, which is not installed; install it with: pip install "routerkit[parquet]"' in found.error
    )
