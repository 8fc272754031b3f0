"""An HTTP server on Ray Serve: a photograph in, its label map out; it follows a registry alias.

Not here: MLflow's own scoring server, which runs `pipelines/registry/pyfunc.py`.
"""
