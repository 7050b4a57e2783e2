"""Networks of ONNX, run with ONNX Runtime. onnx and onnxruntime are imported here, and for weights."""
