"""The cells of compose.ipynb as a script: python compose.py, in this folder. Pictures become files."""

# Written by `make notebooks`. Editors that know cells can run them one by one.

# %% [markdown]
# # Use a router inside a larger agent
#
# The routing graph is a LangGraph graph and the router a LangChain Runnable, so both fit wherever those fit: as a node, as
# a tool, as a chat model, as middleware. Scripted models stand in for large ones here; the router is the real one.

# %%
from langchain_core.language_models import FakeListChatModel

from routerkit import build_graph


def speaker(name: str) -> FakeListChatModel:
    return FakeListChatModel(responses=[f"{name} speaking."])


specialists = {"math": speaker("Mathematics"), "code": speaker("Code"), "*": speaker("Everybody else")}
routing = build_graph(specialists=specialists)

# %% [markdown]
# ## A node of your graph
#
# A parent that declares `route` and `decision` keeps them; one that does not, has the messages only.

# %%
from langgraph.graph import END, START, MessagesState, StateGraph


class State(MessagesState):
    route: str
    decision: dict


def sign(state: State) -> dict:
    return {"messages": [("ai", f"(answered by {state['route']}, {state['decision']['reason']})")]}


builder = StateGraph(State)
builder.add_node("answer", routing)
builder.add_node("sign", sign)
builder.add_edge(START, "answer")
builder.add_edge("answer", "sign")
app = builder.compile()

for message in app.invoke({"messages": "Integrate x times e^x"})["messages"]:
    print(f"{message.type:>5}: {message.text}")

# %% [markdown]
# The tokens of the specialist come through the parent with `subgraphs=True`:

# %%
events = app.stream({"messages": "Fix this TypeError in my Python loop"}, stream_mode="messages", subgraphs=True)
words = [(metadata["langgraph_node"], token.text) for _, (token, metadata) in events]
print(sorted({node for node, _ in words}), "".join(text for node, text in words if node == "code"))

# %% [markdown]
# ## Your own edges
#
# The router alone is a node as well. It writes `route` and `decision`, and what to do about them is yours: here doubt asks
# back instead of going to a general model.

# %%
from routerkit import Router, RouterRunnable

router = Router.from_pretrained("starter")


def next_node(state: State) -> str:
    if state["decision"]["reason"] != "confident":
        return "ask back"
    return state["route"] if state["route"] in {"math", "code"} else "anything else"


builder = StateGraph(State)
builder.add_node("router", RouterRunnable(router))
builder.add_node("ask back", lambda state: {"messages": [("ai", "Can you say a little more?")]})
for name in ("math", "code", "anything else"):
    builder.add_node(name, lambda state, name=name: {"messages": [("ai", f"{name}: on it.")]})
    builder.add_edge(name, END)
builder.add_edge(START, "router")
builder.add_conditional_edges("router", next_node, ["math", "code", "anything else", "ask back"])
mine = builder.compile()

for query in ("What is the derivative of sin x?", "My Python import fails", "it does not work"):
    print(f"{query:<34} {mine.invoke({'messages': query})['messages'][-1].text}")

# %% [markdown]
# ## A tool of an agent
#
# An agent that reasons by itself can hand single questions to the specialists. The agent's model is scripted: it calls the
# tool once and then repeats what it heard.

# %%
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolCall
from langchain_core.tools import tool


@tool
def ask_a_specialist(question: str) -> str:
    """Ask whichever specialist knows best."""
    result = routing.invoke({"messages": question})
    return f"{result['route']}: {result['messages'][-1].text}"


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools, **kwargs):
        return self


call = ToolCall(name="ask_a_specialist", args={"question": "What is 17 percent of 340?"}, id="1")
script = iter([AIMessage("", tool_calls=[call]), AIMessage("The specialist has it.")])
agent = create_agent(Scripted(messages=script), [ask_a_specialist])
for message in agent.invoke({"messages": [("user", "Ask somebody what 17 percent of 340 is")]})["messages"]:
    print(f"{message.type:>5}: {message.text or 'calls ' + message.tool_calls[0]['name']}")

# %% [markdown]
# ## A chat model, and a middleware
#
# Where only a chat model fits, `RouterChatModel` is one: each call goes to the model that the router names.

# %%
from routerkit import RouterChatModel

model = RouterChatModel(models=specialists, router=router)
for query in ("Integrate x times e^x", "Write a haiku about rain"):
    answer = model.invoke(query)
    print(f"{answer.response_metadata['routerkit']['route']:<8} {answer.text}")

# %% [markdown]
# `RoutingMiddleware` does the same for the model of an agent, tools included:

# %%
from routerkit import RoutingMiddleware

agent = create_agent(speaker("Nobody"), middleware=[RoutingMiddleware(specialists, router=router)])
state = agent.invoke({"messages": [("user", "Integrate x times e^x")]})
print(state["route"], "->", state["messages"][-1].text)
