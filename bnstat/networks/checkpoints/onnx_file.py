"""The initializers of an ONNX file."""
