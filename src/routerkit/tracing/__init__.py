"""Every decision in the traces of LangSmith, of LangChain callbacks and of OpenTelemetry."""
