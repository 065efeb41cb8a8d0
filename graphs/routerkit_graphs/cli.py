"""`routerkit ask` and `routerkit graph`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from langchain_core.messages import AIMessage

from routerkit.cli.output import note
from routerkit.decision import rounded
from routerkit.errors import InputError
from routerkit_graphs.builder import build_graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph.graph.state import CompiledStateGraph

_DIGITS = 4

_config = click.option("--config", help="A YAML file, or the name of a shipped one such as offline.")


@click.command()
@click.argument("query")
@_config
@click.option("--json", "as_json", is_flag=True, help="Print decision and answer as one line of JSON.")
def ask(query: str, config: str | None, as_json: bool) -> None:
    """Route QUERY, and print the answer while it is written; with -, standard input is the query."""
    if query == "-":
        query = _read_stdin()
    graph = build_graph(config)
    (_answer_as_json if as_json else _stream_answer)(graph, query)


@click.command()
@_config
def graph(config: str | None) -> None:
    """Print the routing graph as Mermaid text."""
    click.echo(build_graph(config).get_graph().draw_mermaid())


def _answer_as_json(graph: CompiledStateGraph[Any, Any, Any, Any], query: str) -> None:
    state = graph.invoke({"messages": [("user", query)]})
    answer = state["messages"][-1]
    result = {**rounded(state["decision"], _DIGITS), "answer": answer.text}
    click.echo(json.dumps({**result, "model": answer.response_metadata.get("model_name")}, ensure_ascii=False))


def _stream_answer(graph: CompiledStateGraph[Any, Any, Any, Any], query: str) -> None:
    shown = ""
    events = graph.stream({"messages": [("user", query)]}, stream_mode=["messages", "updates"])
    for mode, event in events:
        if mode == "messages" and isinstance(event, tuple) and isinstance(event[0], AIMessage):
            shown += event[0].text
            click.echo(event[0].text, nl=False)
        elif mode == "updates" and isinstance(event, dict):
            for update in event.values():
                if update and "decision" in update:
                    # What a failed specialist had begun to say stays on the screen, on a line of its own.
                    _end_line(shown)
                    shown = ""
                    note(_header(update["decision"]))
    _end_line(shown)


def _end_line(shown: str) -> None:
    if shown and not shown.endswith("\n"):
        click.echo()


def _header(decision: Mapping[str, Any]) -> str:
    text = f"{decision['category']} {decision['confidence']:.2f} -> {decision['route']} ({decision['reason']})"
    if "error" in decision:
        text += f": {decision['error']['type']}: {decision['error']['message']}"
    return text


def _read_stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("standard input is not UTF-8 text; a query must be text") from error
