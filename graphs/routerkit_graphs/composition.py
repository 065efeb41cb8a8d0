"""The router and the routing graph as parts of other people's graphs and agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig  # noqa: TC002 - LangChain evaluates the annotations with it
from langchain_core.tools import BaseTool, StructuredTool

from routerkit.errors import InputError
from routerkit.messages import RouterInput, query_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.runnables import Runnable

    from routerkit.policy import ThresholdPolicy
    from routerkit.router import Router

_DESCRIPTION = "Ask the specialist who knows most about the question. Ask one complete question at a time."

_Found = tuple[str, dict[str, Any]]


def route_edge(router: Router, *, policy: ThresholdPolicy | None = None) -> Callable[[RouterInput], str]:
    """A conditional edge for a graph of one's own: it names the category that the last human message goes to.

    ```python
    builder.add_conditional_edges(START, route_edge(router), {"math": "my_math_node", ...})
    ```

    Args:
        router: the router to ask.
        policy: in place of the router's own.

    Returns:
        A function of the graph's state, which needs `messages`; it raises `InputError` if there is nothing to route.
    """

    def route(state: RouterInput) -> str:
        return router.route_query(query_of(state), policy=policy).route

    return route


def as_tool(graph: Runnable[Any, Any], *, name: str = "ask_specialist", description: str = _DESCRIPTION) -> BaseTool:
    """A routing graph as a tool for an agent: a question goes in, the answer comes out, the decision is the artifact.

    Args:
        graph: what `build_graph` returned.
        name: what the agent calls it.
        description: tells the agent when to use it.
    """

    def ask(question: str, config: RunnableConfig) -> _Found:
        return _found(graph.invoke(_asked(question), config))

    async def aask(question: str, config: RunnableConfig) -> _Found:
        return _found(await graph.ainvoke(_asked(question), config))

    return StructuredTool.from_function(
        ask, aask, name=name, description=description, response_format="content_and_artifact"
    )


def _asked(question: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(question)]}


def _found(state: dict[str, Any]) -> _Found:
    """All answers that follow the question: several, if several specialists answered."""
    if "__interrupt__" in state:
        raise InputError(
            "the graph waits for a person, and outside of an agent nobody can answer a tool; invoke the graph itself"
        )
    messages = state["messages"]
    # Graphs of several agents write their answers as human messages, with the agent's name.
    said = [index for index, message in enumerate(messages) if isinstance(message, HumanMessage) and not message.name]
    answers = [message for message in messages[said[-1] + 1 :] if message.type in {"ai", "human"} and message.text]
    several = answers if "routes" in state["decision"] else answers[-1:]
    return "\n\n".join(message.text for message in several), state["decision"]
