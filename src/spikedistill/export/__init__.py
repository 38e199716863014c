"""From a trained network to one that only answers: folded, smaller, stopped early, as ONNX."""
