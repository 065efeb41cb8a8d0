"""Writing and reading the ONNX graphs of a router, without torch. Needs the `onnx` package."""
