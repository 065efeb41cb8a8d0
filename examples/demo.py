"""Route a dozen queries and answer them, offline: `make demo`.

The router is the starter; the five specialists are miniatures, about a million parameters each, that show the wiring.
"""

import time

from routerkit import build_graph

QUERIES = [
    "What is 2+2?",
    "Solve x + 7 = 12.",
    "What is half of 18?",
    "Which gas do plants take in?",
    "What is the boiling point of water?",
    "What does print(3 * 4) output?",
    "What does this print?\nx = 5\nprint(x + 2)",
    "What would you use to cut paper?",
    "Where would you find a pillow?",
    "What is the capital of France?",
    "Hello!",
    "What is the opposite of hot?",
]


def main() -> None:
    """Print one line a query: category, confidence, the node that answered and why, and the answer."""
    started = time.perf_counter()
    graph = build_graph()
    reasons = set()
    for query in QUERIES:
        result = graph.invoke({"messages": query})
        decision = result["decision"]
        reasons.add(decision["reason"])
        print(f"\n{query}")
        print(
            f"  {decision['category']} {decision['confidence']:.2f} -> {result['route']} ({decision['reason']})"
            f"\n  {result['messages'][-1].text}"
        )
    seconds = time.perf_counter() - started
    print(f"\n{len(QUERIES)} queries routed and answered in {seconds:.1f} s; reasons: {', '.join(sorted(reasons))}")


if __name__ == "__main__":
    main()
