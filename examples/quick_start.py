"""The cells of quick_start.ipynb as a script: python quick_start.py, in this folder. Pictures become files."""

# Written by `make notebooks`. Editors that know cells can run them one by one.

# %% [markdown]
# # Quick start
#
# A router decides which model answers a query. This notebook routes a few queries, looks at what the router believes, and
# lets a graph answer them. Everything runs offline: the router and five miniature models ship with the package.

# %% [markdown]
# ## Only the decision
#
# A decision names the most probable category, how sure the router is, the node to run (`route`), and the reason.

# %%
from routerkit import Router

router = Router.from_pretrained("starter")
decision = router.route_query("What is 2+2?")
print(decision.to_json(digits=3))

# %% [markdown]
# The confidence is calibrated, and the whole probability vector is there to look at. What the router is not sure of stays
# with the general model; so does what resembles nothing it was trained on, whatever the probabilities say.

# %%
import plots  # beside this notebook

queries = [
    "Integrate x times e^x",
    "TypeError: unhashable type: 'list', how do I fix it?",
    "Why do onions make me cry?",
    "How do I get red wine out of a wool carpet?",
    "Plot the temperature of my coffee over time",
    "Turn up the volume and play the next song",
]
decisions = router.route_batch(queries)
plots.probabilities(queries, decisions, router)

# %% [markdown]
# What is sure enough is your choice. The shipped threshold keeps the share of queries that reach a wrong specialist small;
# a lower one sends more queries to specialists.

# %%
bolder = router.policy.model_copy(update={"confidence_threshold": 0.4})
for policy in (router.policy, bolder):
    routes = [decision.route for decision in router.route_batch(queries, policy=policy)]
    print(f"{policy.confidence_threshold:.2f}", *routes)

# %% [markdown]
# ## Route and answer
#
# `build_graph()` puts the router in front of one specialist per category. Without arguments these are the miniatures:
# models of about a million parameters, which answer what they were taught and nothing else.

# %%
from routerkit import build_graph

graph = build_graph()
for query in ("What is 2+2?", "Which gas do plants take in?", "What does print(3 * 4) output?"):
    result = graph.invoke({"messages": query})
    print(f"{result['route']:<8} {result['messages'][-1].text}")

# %% [markdown]
# The tokens of whichever specialist answers can be streamed:

# %%
for token, metadata in graph.stream({"messages": "What is the opposite of hot?"}, stream_mode="messages"):
    if token.text:
        print(token.text, end="|")

# %% [markdown]
# ## Your own chat models
#
# Any LangChain chat model can take a seat; `"*"` fills every category that is not named. Two stand-ins:

# %%
from langchain_core.language_models import FakeListChatModel

coder = FakeListChatModel(responses=["def add(a, b):\n    return a + b"])
everybody_else = FakeListChatModel(responses=["Let me think about that."])

graph = build_graph(specialists={"code": coder, "*": everybody_else})
result = graph.invoke({"messages": "Write a Python function that adds two numbers"})
print("route:", result["route"])
print(result["messages"][-1].text)

# %% [markdown]
# Next: [train a router on your own categories](train_your_own.ipynb), [use one inside a larger agent](compose.ipynb),
# [learn from its mistakes](observe_and_learn.ipynb). What happens to a query, step by step:
# [how a query flows](../docs/how-a-query-flows.md).
