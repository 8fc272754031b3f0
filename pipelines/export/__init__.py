"""Convert a network to ONNX, LiteRT or SavedModel, run the file and compare it with Keras.

Not here: opening an exported file, which is in `pipelines.models`.
"""
